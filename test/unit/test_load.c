#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/conf/load.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

static char dir[] = "/tmp/evinet-load.XXXXXX";

static void
write_bytes(const char *name, const char *text, size_t len)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct error err;

	if (fd_replace_file(path, 0644, text, len, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	free(path);
}

static void
file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void
folder(const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		printf("Bail out! mkdir %s\n", path);
		exit(1);
	}
	free(path);
}

static struct config *
load(const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct config *c = config_load(path);

	free(path);
	return c;
}

/* The problems, one a line, without the folder. */
static char *
problems_of(const struct config *c)
{
	struct problems copy = c->problems;
	struct text t = { 0 }, out = { 0 };
	char *p, *next;

	problems_sort(&copy);
	for (size_t i = 0; i < copy.n; i++) {
		problem_format(&copy.items[i], &t);
		text_puts(&t, "\n");
	}
	text_puts(&t, "");
	text_puts(&out, "");
	for (p = t.s; (next = strstr(p, dir)); p = next + strlen(dir) + 1)
		text_add(&out, p, (size_t)(next - p));
	text_puts(&out, p);
	text_clear(&t);
	return out.s;
}

/* Names of the services that may run, in their order. */
static char *
runnable(const struct config *c)
{
	struct text t = { 0 };

	text_puts(&t, "");
	for (size_t i = 0; i < c->nservices; i++)
		if (!c->services[i].refused)
			text_printf(&t, "%s%s", t.len ? " " : "", c->services[i].name);
	return t.s;
}

static const struct service_conf *
service(const struct config *c, const char *name)
{
	static struct service_conf none;

	for (size_t i = 0; i < c->nservices; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return &none;
}

/* An entry of a list, or a word that nothing expects. */
static const char *
item(const struct list_value *l, size_t i)
{
	return i < l->list.n ? l->list.items[i] : "(no such entry)";
}

static bool
mentions(const struct config *c, const char *text)
{
	char *s = problems_of(c);
	bool found = strstr(s, text) != NULL;

	if (!found)
		printf("# problems: %s\n", s);
	free(s);
	return found;
}

/* Loads `text` as main.conf and compares what is wrong and what may run. */
static void
gives(const char *text, const char *problems, const char *services, const char *what)
{
	struct config *c;
	char *s;

	file("main.conf", text);
	c = load("main.conf");
	s = problems_of(c);
	is(s, problems, what);
	free(s);
	s = runnable(c);
	is(s, services, "  and these may run");
	free(s);
	config_unref(c);
}

static void
whole_files(void)
{
	static const char nul[] = "service \"a\" { instances = 1 }\n\0\nservice \"b\" { instances = 2 }\n";
	struct config *c;
	const struct service_conf *s;

	gives("", "", "", "an empty file is one without services");
	gives("service \"a\" { listen = \"tcp:1\" exec = \"/bin/a\" }", "", "a",
	      "a file needs no line end at its end");
	gives("service \"a\" {\r\n\tlisten = { \"tcp:1\",\r\n \"tcp:2\" }\r\n\tinstances = 5\r\n\tinstances = 6\r\n}\r\n",
	      "main.conf:5: service \"a\": instances: stands here a second time\n", "",
	      "CR LF ends a line and is no part of a value");
	write_bytes("main.conf", nul, sizeof(nul) - 1);
	c = load("main.conf");
	ok(mentions(c, "main.conf:2: a NUL byte"), "a NUL byte is a problem with a line");
	config_unref(c);

	file("main.conf", "service 'a' {\n"
			  "  listen = { 'tcp:localhost:80', \"unix:/run/a\" }\n"
			  "  exec = { /bin/sh, \"-c\", 'echo \"$X\"' }\n"
			  "  retry_interval = 500ms  rlimit { files = 64 core = \"0:unlimited\" }\n"
			  "  mode = 0660 wait = yes nice = -5 rate = 50/1s log { level = debug }\n"
			  "  listener { host = localhost service = 80 family = inet6 }\n"
			  "}\n");
	c = load("main.conf");
	s = service(c, "a");
	is_int((long long)c->problems.n, 0, "values may be words or texts, in single or double quotes");
	is(item(&s->listen, 1), "unix:/run/a", "a list");
	is(item(&s->exec, 2), "echo \"$X\"", "an argument with quotes inside");
	ok(s->retry_interval == 500 && s->mode == 0660 && s->wait && s->nice == -5 && s->rate.count == 50,
	   "a duration, an octal number, a truth, a negative number, a rate");
	ok(s->limits[4].soft == 64 && s->limits[1].hard == UINT64_MAX && s->log.level == 3, "blocks");
	ok(s->nlisteners == 1 && s->listeners[0].family == 2 && strcmp(s->listeners[0].service, "80") == 0,
	   "a listener");
	is_int(service_conf_origin(s, NULL, "nice").line, 5, "each value knows its line");
	is_int(service_conf_origin(s, "rlimit", "core").line, 4, "in a block too");
	is_int(service_conf_origin(s, NULL, "deny").line, 1,
	       "a value that was not given has the service's line");
	config_unref(c);

	gives("service \"a\" {\n listener { host = x service = 1 }\n listener { addrs = { \"tcp:127.0.0.1:0\" } }\n"
	      " listener { host = y }\n}\n",
	      "", "a", "listeners need not have the same keys");
	c = load("main.conf");
	s = service(c, "a");
	ok(s->nlisteners == 3 && s->listeners[2].host && strcmp(s->listeners[2].host, "y") == 0 &&
		   s->listeners[2].origin.line == 4 && s->listeners[1].addrs.list.n == 1,
	   "each has its own and its line");
	config_unref(c);

	c = load("nothing-here.conf");
	ok(c->unreadable && mentions(c, "nothing-here.conf: No such file or directory"),
	   "a missing file is a problem");
	config_unref(c);
	folder("folder");
	c = load("folder");
	ok(c->unreadable && mentions(c, "folder: Is a directory"), "so is a folder");
	config_unref(c);
	config_unref(NULL);
	ok(true, "no configuration can be given back");
}

static void
true_lines(void)
{
	static const char *const fronts[] = {
		"# one line\n",
		"// one line\n",
		"/* one line */\n",
		"/* three\n * lines\n */\n",
		"\n\n\n",
		"/* a */ /* b\n*/ # c\n",
		"# with \" and ' and { and /*\n",
		"#\n",
		"//\n",
		"/**/\n",
		"# CR LF\r\n",
		"service \"x\" { # tail\n instances = 1 // tail\n /* c\n c */ per_source = 2 }\n",
		"service \"y\" { exec = { \"a # b\", # c\n \"two\nlines\", /* d */ 'it\\'s' } }\n",
		"service \"z\" { shell = \"one \\\n two\" }\n",
	};
	struct text t = { 0 };

	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		struct text all = { 0 }, expected = { 0 };
		struct config *c;
		char *s, *services;
		int line = 1;

		for (const char *p = fronts[i]; *p; p++)
			line += *p == '\n';
		text_printf(&all,
			    "%sservice \"a\" {\n\t# c\n\tinstances = 5 /* x */\n\tper_source = many\n}\n",
			    fronts[i]);
		file("main.conf", all.s);
		c = load("main.conf");
		s = problems_of(c);
		text_printf(
			&expected,
			"main.conf:%d: service \"a\": per_source: \"many\": expected a whole number from 0 to 1000000\n",
			line + 3);
		text_printf(&t, "the line is true behind ");
		text_quote(&t, fronts[i], strlen(fronts[i]));
		is(s, expected.s, t.s);
		services = runnable(c);
		ok(!strstr(services, "a"), "  and the service is refused");
		free(services);
		free(s);
		config_unref(c);
		text_clear(&all);
		text_clear(&expected);
		text_clear(&t);
	}
	gives("service \"a\" {\n deny = {\n \"10.0.0.1\",\n # c\n \"\"\n }\n}\n",
	      "main.conf:5: service \"a\": deny: expected a name, not an empty text\n", "",
	      "a wrong entry of a list is told with its own line");
	gives("service \"a\" {\n env = { \"A=1\" }\n env += { \"oops\" }\n}\n",
	      "main.conf:3: service \"a\": env: expected NAME=VALUE, not \"oops\"\n", "", "also behind +=");
	gives("service \"a\" {\n env = { \"A=1\" }\n env += { \"oops\" }\n env += { \"B=2\" }\n}\n",
	      "main.conf:3: service \"a\": env: expected NAME=VALUE, not \"oops\"\n", "",
	      "also with more of it behind");
	gives("service \"a\" {\n rlimit {\n files = 5\n core = lots\n }\n}\n",
	      "main.conf:4: service \"a\": rlimit.core: \"lots\": expected a limit such as 64, 64M, unlimited, or SOFT:HARD\n",
	      "", "a key in a block is told with the block's name");
	gives("service \"a\" {\n listener {\n family = inet5\n }\n}\n",
	      "main.conf:3: service \"a\": listener.family: \"inet5\": expected one of: unspec, inet, inet6\n",
	      "", "so is one in a listener");
}

static void
unknown_keys(void)
{
	gives("service \"a\" {\n instance = 5\n}\nservice \"b\" { instances = 1 }\n",
	      "main.conf:2: service \"a\": instance: unknown key; did you mean instances?\n", "b",
	      "an unknown key refuses its service and suggests the nearest");
	gives("service \"a\" {\n zebra = 5\n}\n", "main.conf:2: service \"a\": zebra: unknown key\n", "",
	      "or suggests none");
	gives("service \"a\" { rlimit { fils = 5 } }\n",
	      "main.conf:1: service \"a\": rlimit.fils: unknown key; did you mean files?\n", "",
	      "in a block the block's");
	gives("service \"a\" { rlimits { files = 5 } }\n",
	      "main.conf:1: service \"a\": rlimits: unknown key; did you mean rlimit?\n", "",
	      "an unknown block is told");
	gives("service \"a\" { listener { hots = x } }\n",
	      "main.conf:1: service \"a\": listener.hots: unknown key; did you mean host?\n", "",
	      "in a listener the listener's");
	gives("servce \"a\" { instances = 1 }\nservice \"b\" { }\n",
	      "main.conf:1: servce: unknown; did you mean service?\n", "b", "an unknown word at the top");
	gives("log { colour = red }\nservice \"b\" { }\n", "main.conf:1: log.colour: unknown key\n", "b",
	      "an unknown key of the log");
	gives("service \"a\" { a|b = 1 }\n", "main.conf:1: expected the name of a key, or }\n", "",
	      "a key with a bar in it");
	gives("service \"a\" { include(\"x\") }\n",
	      "main.conf:1: service \"a\": include: has no place here\n", "", "a call inside of a service");
	gives("service \"a\" { rlimit { files { x = 1 } } }\n",
	      "main.conf:1: service \"a\": rlimit.files: has no place here\n", "",
	      "a block in a block in a block");
	gives("service { instances = 1 }\n", "main.conf:1: service: expected a name: service \"NAME\" {\n",
	      "", "a service without a name");
	gives("service \"a:b\" { }\nservice \"\" { }\nservice \"a b\" { }\n",
	      "main.conf:1: service \"a:b\": a name has 1 to 64 printable characters without blanks and : \" \\ =\n"
	      "main.conf:2: service \"\": a name has 1 to 64 printable characters without blanks and : \" \\ =\n"
	      "main.conf:3: service \"a b\": a name has 1 to 64 printable characters without blanks and : \" \\ =\n",
	      "", "a name that would be hard to find in a log");
}

static void
duplicates(void)
{
	gives("service \"a\" {\n instances = 1\n instances = 2\n}\nservice \"b\" { }\n",
	      "main.conf:3: service \"a\": instances: stands here a second time\n", "b",
	      "a key that stands twice");
	gives("service \"a\" {\n env += { \"A=1\" }\n env = { \"B=1\" }\n}\n",
	      "main.conf:3: service \"a\": env: stands here a second time\n", "", "= behind +=");
	gives("service \"a\" {\n env = { \"A=1\" }\n env += { \"B=1\" }\n env += { \"C=1\" }\n}\n", "", "a",
	      "+= behind = is fine");
	gives("service \"a\" {\n rlimit { files = 5 }\n rlimit { core = 5 }\n}\n",
	      "main.conf:3: service \"a\": rlimit: stands here a second time\n", "",
	      "a block that stands twice");
	gives("service \"a\" {\n log { level = debug\n level = info }\n}\n",
	      "main.conf:3: service \"a\": log.level: stands here a second time\n", "",
	      "a key that stands twice in a block");
	gives("service \"a\" {\n rlimit = 5\n rlimit { core = 5 }\n}\n",
	      "main.conf:3: service \"a\": rlimit: stands here a second time\n", "",
	      "a name used for a key and for a block");
	gives("service \"a\" { }\nservice \"b\" { }\nservice \"a\" { instances = 1 }\n",
	      "main.conf:3: service \"a\": is already defined at main.conf:1\n", "a b",
	      "a service that stands twice");
	gives("log { level = info\n level = debug }\nservice \"a\" { }\n",
	      "main.conf:2: log.level: stands here a second time\n", "a",
	      "a key that stands twice in the log's block");
	gives("log { level = info }\nlog { level = debug }\nservice \"a\" { }\n",
	      "main.conf:2: level: is already set at main.conf:1\n", "a",
	      "a key that two blocks of the log set");
	gives("defaults { instances = 1 }\ndefaults { instances = 2 }\nservice \"a\" { }\n",
	      "main.conf:2: instances: is already set at main.conf:1\n"
	      "main.conf:3: service \"a\": is refused, because the defaults it would inherit are not right\n",
	      "", "or two blocks of defaults");
	gives("defaults { env = { \"A=1\" } }\ndefaults { env += { \"B=1\" } }\nservice \"a\" { }\n", "", "a",
	      "unless the second adds to the first");
}

static void
defaults(void)
{
	struct config *c;
	const struct service_conf *s;

	file("main.conf", "service \"a\" { per_source = 3 }\n"
			  "defaults { instances = 7 per_source = 1 env = { \"A=1\" } rlimit { files = 9 } }\n"
			  "service \"b\" { instances = 8 env += { \"B=2\" } rlimit { core = 1 } }\n"
			  "service \"c\" { env = { \"C=3\" } }\n"
			  "service \"d\" { env = { } }\n");
	c = load("main.conf");
	s = service(c, "a");
	is_int((long long)c->problems.n, 0, "defaults may stand behind a service");
	ok(s->instances == 7 && s->per_source == 3, "what a service says wins, the rest is the defaults'");
	is_int(service_conf_origin(s, NULL, "instances").line, 2, "a value from there knows where it stands");
	s = service(c, "b");
	ok(s->instances == 8 && s->per_source == 1, "in front of a service as well");
	ok(s->env.list.n == 2 && strcmp(item(&s->env, 0), "A=1") == 0 && strcmp(item(&s->env, 1), "B=2") == 0,
	   "+= adds to the defaults' list");
	ok(s->limits[4].soft == 9 && s->limits[1].set, "a block adds its keys to the defaults'");
	s = service(c, "c");
	ok(s->env.list.n == 1 && strcmp(item(&s->env, 0), "C=3") == 0, "= replaces the defaults' list");
	s = service(c, "d");
	ok(s->env.set && s->env.list.n == 0, "and {} empties it");
	config_unref(c);

	folder("many");
	file("many/10-a.conf", "service \"a\" { }\ndefaults { instances = 7 }\n");
	file("many/20-b.conf", "defaults { per_source = 2 }\nservice \"b\" { }\n");
	gives("include(\"many/*.conf\")\nservice \"c\" { }\n", "", "a b c",
	      "defaults may stand in several files");
	c = load("main.conf");
	s = service(c, "a");
	ok(s->instances == 7 && s->per_source == 2, "and all of them hold for all services");
	config_unref(c);

	gives("defaults { instances = many }\nservice \"a\" { }\nservice \"b\" { instances = 1 }\n",
	      "main.conf:1: instances: \"many\": expected a whole number from 0 to 1000000\n"
	      "main.conf:2: service \"a\": is refused, because the defaults it would inherit are not right\n"
	      "main.conf:3: service \"b\": is refused, because the defaults it would inherit are not right\n",
	      "", "a wrong value in the defaults refuses the services");
	gives("service \"a\" { }\ndefaults { exec = \"/bin/true\" }\n",
	      "main.conf:1: service \"a\": is refused, because the defaults it would inherit are not right\n"
	      "main.conf:2: exec: is a matter of each service: it has no place in defaults\n",
	      "", "a key that is no default");
	gives("defaults \"x\" { }\n", "main.conf:1: defaults: takes no name\n", "", "defaults with a name");
}

/* Nobody may run a service whose access list got lost on the way. */
static void
nothing_fails_open(void)
{
	static const char *const damaged[] = {
		"defalts { allow = { \"10.0.0.1\" } }\n",
		"defaults { alow = { \"10.0.0.1\" } }\n",
		"defaults { allow = { \"10.0.0.1\" }\n",
		"defaults { allow = { \"10.0.0.1\" \n}\n",
		"defaults {\n allow { \"10.0.0.1\" }\n}\n",
		"defaults {\n allow = \"10.0.0.1\n}\n",
		"defaults \"all\" { allow = { \"10.0.0.1\" } }\n",
		"defaults\n allow = { \"10.0.0.1\" }\n}\n",
		"defaults = {\n allow = { \"10.0.0.1\" }\n}\n",
		"defaults (\n allow = { \"10.0.0.1\" }\n}\n",
		"defaults: {\n allow = { \"10.0.0.1\" }\n}\n",
		"\"defaults\" {\n allow = { \"10.0.0.1\" }\n}\n",
		"{\n allow = { \"10.0.0.1\" }\n}\n",
		"/* defaults { allow = { \"10.0.0.1\" } }\n",
		"allow = { \"10.0.0.1\" }\n",
		"defaults { instances = 1 }\n allow = { \"10.0.0.1\" }\n}\n",
	};
	struct text t = { 0 };
	struct config *c;

	for (size_t i = 0; i < 2 * sizeof(damaged) / sizeof(damaged[0]); i++) {
		const char *d = damaged[i / 2];
		struct text name = { 0 };
		char *s;

		if (i % 2)
			text_printf(&t, "%sservice \"open\" { }\n", d);
		else
			text_printf(&t, "service \"open\" { }\n%s", d);
		file("main.conf", t.s);
		c = load("main.conf");
		s = runnable(c);
		text_quote(&name, t.s, t.len);
		ok(c->problems.errors > 0, "damaged defaults are told: %s", name.s);
		is(s, "", "  and no service runs without them");
		free(s);
		config_unref(c);
		text_clear(&t);
		text_clear(&name);
	}

	file("main.conf",
	     "service \"a\" { allow = { } }\nservice \"b\" { }\nservice \"c\" { allow += { } }\n");
	c = load("main.conf");
	ok(service(c, "a")->allow.set && service(c, "a")->allow.list.n == 0,
	   "allow = {} is a list: of nobody");
	ok(!service(c, "b")->allow.set, "no allow is none");
	config_unref(c);
	file("main.conf", "}\n/*\nservice \"old\" { }\n*/\nservice \"new\" { }\n");
	c = load("main.conf");
	is(service(c, "old")->name, NULL,
	   "a service in a comment never runs, whatever is wrong in front of it");
	config_unref(c);
}

static void
includes(void)
{
	struct config *c;
	char *s;

	folder("conf.d");
	folder("conf.d/sub");
	folder("conf.d/sub.conf");
	file("conf.d/20-b.conf", "service \"b\" { }\n");
	file("conf.d/10-a.conf", "service \"a\" { }\n");
	file("conf.d/Z.conf", "service \"z\" { }\n");
	file("conf.d/100.conf", "service \"hundred\" { }\n");
	file("conf.d/.hidden.conf", "service \"hidden\" { }\n");
	file("conf.d/old.conf~", "service \"old\" { }\n");
	file("conf.d/notes.txt", "this is not read\n");
	gives("include(\"conf.d/[0-9Z]*.conf\")\nservice \"last\" { }\n", "", "a hundred b z last",
	      "a pattern's files are read sorted by bytes, at the place of the include");
	c = load("main.conf");
	is_int((long long)c->files.n, 5, "the files that were read are known");
	config_unref(c);
	gives("include(\"conf.d/*\")\n",
	      "conf.d/notes.txt:1: expected { behind the name\n"
	      "main.conf:1: include: read conf.d/sub: Is a directory\n"
	      "main.conf:1: include: read conf.d/sub.conf: Is a directory\n",
	      "a hundred b z", "names with a dot in front or ending in ~ are passed over");
	gives("include(\"conf.d/.h*\")\n", "", "", "even if the pattern would find them");
	gives("include(\"conf.d/nothing*.conf\")\n", "", "", "a pattern may find nothing");
	gives("include(\"conf.d/nothing.conf\")\nservice \"a\" { }\n",
	      "main.conf:1: include: conf.d/nothing.conf does not exist\n", "a",
	      "a plain name must be there");
	gives("include(\"conf.d/10-a.conf\", \"conf.d/20-b.conf\")\n", "", "a b", "several in one call");

	file("conf.d/sub/x.conf", "include(\"../sub/y.inc\")\n");
	file("conf.d/sub/y.inc", "service \"y\" { }\n");
	gives("include(\"conf.d/sub/x.conf\")\n", "", "y",
	      "names are looked for beside the file that includes");

	file("conf.d/sub/bad.inc", "\n\nservice \"x\" { instances = many }\n");
	gives("include(\"conf.d/sub/bad.inc\")\nservice \"a\" { }\n",
	      "conf.d/sub/bad.inc:3: service \"x\": instances: \"many\": expected a whole number from 0 to 1000000\n",
	      "a", "a problem names the file that it is in");

	folder("cycle");
	file("cycle/a.conf", "include(\"b.conf\")\nservice \"a\" { }\n");
	file("cycle/b.conf", "include(\"a.conf\")\nservice \"b\" { }\n");
	c = load("cycle/a.conf");
	s = problems_of(c);
	is(s, "cycle/b.conf:1: include: cycle/a.conf is included a second time\n",
	   "a cycle is told, and ends");
	free(s);
	s = runnable(c);
	is(s, "b a", "each file is read once");
	free(s);
	config_unref(c);

	file("cycle/c.conf", "include(\"./c.conf\")\nservice \"c\" { }\n");
	c = load("cycle/c.conf");
	s = problems_of(c);
	is(s, "cycle/c.conf:1: include: cycle/./c.conf is included a second time\n",
	   "also if the file is written in another way");
	free(s);
	config_unref(c);

	folder("odd[1]");
	file("odd[1]/main.conf", "include(\"part.conf\")\ninclude(\"p*.conf\")\n");
	file("odd[1]/part.conf", "service \"part\" { }\n");
	c = load("odd[1]/main.conf");
	s = runnable(c);
	is(s, "part", "marks of a pattern in the folder's own name are no pattern");
	free(s);
	config_unref(c);
	file("main.conf", "include(\"\")\n");
	c = load("main.conf");
	ok(mentions(c, "main.conf:1: include: "), "an include of nothing is a problem");
	config_unref(c);
}

/* As somebody who may not read the folder; in a process of its own, because root may. */
static void
unreadable_folder(void)
{
	pid_t pid;
	int status;
	char *path = xasprintf("%s/closed", dir);

	folder("closed");
	file("main.conf", "include(\"closed/*.conf\")\n");
	chmod(path, 0);
	chmod(dir, 0755);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct config *c;
		int told;

		if (geteuid() == 0 && (setegid(65534) < 0 || seteuid(65534) < 0))
			_exit(2);
		c = load("main.conf");
		told = c->problems.errors == 1;
		config_unref(c);
		_exit(told ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	   "a folder that may not be read is a problem, not an empty one");
	chmod(path, 0755);
	free(path);
}

static void
variables(void)
{
	struct config *c;
	const struct service_conf *s;

	setenv("EVINET_TEST_VALUE", "replaced", 1);
	file("main.conf",
	     "service \"a\" { exec = { \"${EVINET_TEST_VALUE}\", '${EVINET_TEST_VALUE}', \"a $b \\${EVINET_TEST_VALUE}\" } }\n");
	c = load("main.conf");
	s = service(c, "a");
	is_int((long long)c->problems.n, 0, "a dollar in a text is no problem");
	is(item(&s->exec, 0), "${EVINET_TEST_VALUE}", "a variable is not replaced");
	is(item(&s->exec, 1), "${EVINET_TEST_VALUE}", "in single quotes neither");
	is(item(&s->exec, 2), "a $b ${EVINET_TEST_VALUE}", "nor if it was escaped");
	config_unref(c);
	gives("service \"a\" { exec = ${EVINET_TEST_VALUE} }\n",
	      "main.conf:1: variables are not replaced: put the text in quotes\n", "",
	      "outside of quotes it is a problem");
}

static void
escapes(void)
{
	struct config *c;
	char *left;
	const struct service_conf *s;

	file("main.conf",
	     "service \"a\" { exec = { \"a\\tb\\n\\\\\\\"\\x41\", 'a\\tb\\'c\\\\', \"caf\xc3\xa9 \\xc3\\xa9\" } }\n");
	c = load("main.conf");
	s = service(c, "a");
	is(item(&s->exec, 0), "a\tb\n\\\"A", "escapes in double quotes");
	is(item(&s->exec, 1), "a\\tb'c\\", "single quotes know only \\' and \\\\");
	is(item(&s->exec, 2), "caf\xc3\xa9 \xc3\xa9", "bytes beyond ASCII stay what they are");
	config_unref(c);
	file("main.conf",
	     "service \"a\" { deny = { \"10.0.0.0\\x00/8\" } }\nservice \"b\" { deny = { \"10.0.0.0\\0/8\" } }\n");
	c = load("main.conf");
	left = runnable(c);
	is(left, "", "a text cannot be cut short by an escaped NUL");
	free(left);
	config_unref(c);
}

/* --- dump --- */

static char *
dump(const char *name)
{
	struct config *c = load(name);
	struct text t = { 0 };

	text_puts(&t, "");
	config_dump(c, &t);
	config_unref(c);
	return t.s;
}

static void
fixed_point(const char *text, const char *what)
{
	struct config *c;
	char *first, *second;

	file("main.conf", text);
	first = dump("main.conf");
	file("dump.conf", first);
	c = load("dump.conf");
	second = dump("dump.conf");
	is_int((long long)c->problems.n, 0, "a dump can be read");
	is(second, first, what);
	config_unref(c);
	free(first);
	free(second);
}

/* A service with every key, each with a value that is not its default. */
static void
every_key(struct text *t)
{
	static const char *const texts[][2] = {
		{ "handler", "echo" },
		{ "chroot", "/srv" },
		{ "directory", "/tmp" },
		{ "stderr", "null" },
		{ "env", "A=1" },
		{ "log.target", "syslog" },
		{ "log_events", "start" },
		{ "listen", "tcp:80" },
		{ "redirect", "tcp:localhost:80" },
		{ "redirect_source", "127.0.0.2" },
		{ "max_load", "2.5" },
		{ "ban", "5m" },
		{ "hours", "08:00-17:30" },
		{ "banner", "/b" },
		{ "banner_allow", "/b" },
		{ "banner_deny", "/b" },
		{ "log.success", "pid" },
		{ "log.failure", "host" },
	};
	const char *section = NULL;

	text_puts(t, "service \"all\" {\n");
	for (const struct option *o = service_rows; o->name; o++) {
		char *name = o->section ? xasprintf("%s.%s", o->section, o->name) : xstrdup(o->name);
		const char *value = "word";

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			if (strcmp(texts[i][0], name) == 0)
				value = texts[i][1];
		if (o->type == OPT_BOOL)
			value = o->def && strcmp(o->def, "true") == 0 ? "no" : "yes";
		else if (o->type == OPT_ENUM)
			value = o->words[1];
		else if (o->type == OPT_DURATION)
			value = "7s";
		else if (o->type == OPT_RATE)
			value = "3/1m";
		else if (o->type == OPT_LIMIT)
			value = "5:7";
		else if (o->type != OPT_STRING && o->type != OPT_LIST)
			value = "5";
		if (section && (!o->section || strcmp(section, o->section) != 0))
			text_puts(t, "}\n");
		if (o->section && (!section || strcmp(section, o->section) != 0))
			text_printf(t, "%s {\n", o->section);
		section = o->section;
		text_printf(t, "%s = \"%s\"\n", o->name, value);
		free(name);
	}
	text_puts(t, section ? "}\n}\n" : "}\n");
}

static void
dumps(void)
{
	struct text t = { 0 };
	char *s;

	fixed_point("", "the dump of nothing");
	fixed_point("service \"a\" { }\n", "the dump of a bare service");
	fixed_point(
		"defaults { instances = 3 env = { \"A=1\" } rlimit { files = 5 core = 0 } log { level = debug } allow = { } }\n"
		"log { target = \"file:/var/log/x\" format = json level = error }\n"
		"service \"a\" { env += { \"B=2\" } listen = { \"tcp:80\" } }\n"
		"service \"b\" { listener { host = x } listener { addrs = { \"tcp:127.0.0.1:1\" } flags = { numerichost } } }\n",
		"the dump of defaults, blocks and listeners");
	fixed_point(
		"service \"a\" { exec = { \"/bin/sh\", \"-c\", \"printf '%s\\n' \\\"$1\\\" ${HOME} # // /* \\\\ \\t\\r\\x01\\x7f caf\xc3\xa9\" } }\n",
		"the dump of a text with everything in it");
	gives("service \"good\" { }\nservice \"bad\" { instances = x }\n",
	      "main.conf:2: service \"bad\": instances: \"x\": expected a whole number from 0 to 1000000\n",
	      "good", "a refused service");
	s = dump("main.conf");
	is(s, "service \"good\" {\n}\n", "is not in the dump");
	free(s);

	every_key(&t);
	fixed_point(t.s, "the dump of every key there is");
	s = dump("main.conf");
	for (const struct option *o = service_rows; o->name; o++) {
		char *line = xasprintf("\t%s = ", o->name);

		if (!strstr(s, line))
			ok(false, "%s is in the dump", o->name);
		free(line);
	}
	free(s);
	text_clear(&t);
}

static void
references(void)
{
	struct config *c;

	file("main.conf", "service \"a\" { }\n");
	c = load("main.conf");
	ok(config_ref(c) == c && c->references == 2, "a configuration can be held twice");
	config_unref(c);
	is_int(c->references, 1, "and is given back once for each");
	config_unref(c);
}

static void
remove_folder(void)
{
	char *command = xasprintf("rm -rf '%s'", dir);

	if (system(command) != 0)
		printf("# %s stays\n", dir);
	free(command);
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	whole_files();
	true_lines();
	unknown_keys();
	duplicates();
	defaults();
	nothing_fails_open();
	includes();
	unreadable_folder();
	variables();
	escapes();
	dumps();
	references();
	remove_folder();
	return tap_done();
}
