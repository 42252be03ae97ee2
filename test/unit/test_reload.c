#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf/load.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

/* What a reload compares, and what services keep of a configuration. */

static char dir[] = "/tmp/evinet-reload.XXXXXX";

static struct config *
load(const char *text)
{
	char *path = xasprintf("%s/main.conf", dir);
	struct config *c;
	struct error err;

	if (fd_replace_file(path, 0644, text, strlen(text), &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	c = config_load(path);
	unlink(path);
	free(path);
	return c;
}

/* Whether the first services of two files say the same, asked both ways. */
static bool
same(const char *a, const char *b)
{
	struct config *ca = load(a), *cb = load(b);
	bool r = service_conf_equal(&ca->services[0], &cb->services[0]);

	if (r != service_conf_equal(&cb->services[0], &ca->services[0])) {
		printf("Bail out! it depends on which comes first\n");
		exit(1);
	}
	config_unref(ca);
	config_unref(cb);
	return r;
}

#define SERVICE(words) "service \"a\" { listen = \"tcp:localhost:0\" exec = \"/bin/cat\" " words " }\n"

static void
the_same(void)
{
	ok(same(SERVICE(""), SERVICE("")), "the same words mean the same");
	ok(same(SERVICE(""), "# a remark\n\nservice \"a\" {\n\texec = { \"/bin/cat\" }\n"
			     "\tlisten = { 'tcp:localhost:0' } }\n"),
	   "on other lines, in another order and form, too");
	ok(same(SERVICE("timeout = 60s"), SERVICE("timeout = \"1m\"")), "and in another unit");
	ok(same("defaults { nice = 5 }\n" SERVICE(""), SERVICE("") "defaults { nice = 5 }\n"),
	   "wherever the defaults stand");
	ok(same(SERVICE(""), SERVICE("") "service \"b\" { }\n"), "whatever the others say");
}

static void
not_the_same(void)
{
	ok(!same(SERVICE(""), SERVICE("instances = 3")), "a key more is a change");
	ok(!same(SERVICE("allow = {}"), SERVICE("")), "an empty list is not the same as none");
	ok(!same(SERVICE("env = { \"A=1\", \"B=2\" }"), SERVICE("env = { \"B=2\", \"A=1\" }")),
	   "neither is another order of a list");
	ok(!same("defaults { nice = 5 }\n" SERVICE(""), SERVICE("")), "what is inherited counts");
	ok(!same(SERVICE("rlimit { core = 1 }"), SERVICE("rlimit { core = 2 }")), "so do keys in blocks");
	ok(!same(SERVICE("listener { host = \"a\" }"), SERVICE("")), "and listeners");
	ok(!same(SERVICE("listener { host = \"a\" }"), SERVICE("listener { host = \"b\" }")),
	   "and what they say");
	ok(!same(SERVICE("listener { host = \"a\" family = \"inet\" }"),
		 SERVICE("listener { host = \"a\" }")),
	   "with all of it");
	ok(!same("defaults { per_source = 5 }\n" SERVICE(""), SERVICE("per_source = 5")),
	   "what a service says itself can mean more than what it inherits");
}

/* Another value than the default, whatever the row is. */
static bool
set_differently(const struct option *o, struct service_conf *s)
{
	static const char *const values[] = { "5",     "true",  "false",       "3/1m",   "/tmp", "A=1",
					      "start", "tcp:1", "null",        "syslog", "word", "127.0.0.2",
					      "pid",   "host",  "08:00-09:00", "10m",    "0.5" };
	struct service_conf defaults;
	bool differs = false;
	size_t bad;

	service_conf_init(&defaults);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]) && !differs; i++) {
		char *value = (char *)(uintptr_t)values[i];

		differs =
			option_set(o, s, &value, 1, false, &bad, NULL) == 0 && !option_equal(o, s, &defaults);
	}
	for (int i = 0; !differs && o->type == OPT_ENUM && o->words[i]; i++) {
		char *value = (char *)(uintptr_t)o->words[i];

		differs =
			option_set(o, s, &value, 1, false, &bad, NULL) == 0 && !option_equal(o, s, &defaults);
	}
	service_conf_clear(&defaults);
	return differs;
}

static void
every_row(void)
{
	struct service_conf defaults;

	service_conf_init(&defaults);
	defaults.name = xstrdup("a");
	for (const struct option *o = service_rows; o->name; o++) {
		struct service_conf s, *copy;
		bool differs;

		service_conf_init(&s);
		s.name = xstrdup("a");
		differs = set_differently(o, &s);
		copy = service_conf_dup(&s);
		ok(differs && !service_conf_equal(&s, &defaults) && service_conf_equal(&s, copy),
		   "%s%s%s is compared, and kept in a copy", o->section ? o->section : "",
		   o->section ? "." : "", o->name);
		service_conf_clear(copy);
		free(copy);
		service_conf_clear(&s);
	}
	service_conf_clear(&defaults);
}

static void
copies(void)
{
	struct config *c =
		load("defaults { nice = 5 }\n\n" SERVICE("listener { host = \"a\" }\ninstances = 3"));
	struct service_conf *copy = service_conf_dup(&c->services[0]);
	char *path = xasprintf("%s/main.conf", dir);

	ok(service_conf_equal(copy, &c->services[0]), "a copy says the same");
	config_unref(c);
	is(copy->name, "a", "when the configuration is gone, it has its name");
	is(copy->listeners[0].host, "a", "its listeners");
	is_int(copy->listeners[0].origin.line, 3, "and where they stand");
	is(service_conf_origin(copy, NULL, "instances").file, path, "it knows which file a key was in");
	is_int(service_conf_origin(copy, NULL, "instances").line, 4, "and on which line");
	is_int(service_conf_origin(copy, NULL, "nice").line, 1, "also of what it inherits");
	ok(service_conf_says(copy, NULL, "instances") && !service_conf_says(copy, NULL, "nice"),
	   "and what it says itself");
	is_int((long long)copy->files.n, 1, "each file's name is kept once");
	service_conf_clear(copy);
	free(copy);
	free(path);
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	the_same();
	not_the_same();
	every_row();
	copies();
	ok(rmdir(dir) == 0, "nothing is left behind");
	return tap_done();
}
