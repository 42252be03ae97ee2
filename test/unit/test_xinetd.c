#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf/schema.h"
#include "core/foreign/foreign.h"
#include "core/foreign/xinetd.h"
#include "test/unit/tap.h"

static char dir[] = "/tmp/test_xinetd.XXXXXX";
static struct foreign f;

/* --- a folder with files, and what they become --- */

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text, size_t len)
{
	FILE *file = fopen(path_of(name), "we");

	if (!file || fwrite(text, 1, len, file) != len || fclose(file) != 0) {
		printf("Bail out! cannot write %s\n", path_of(name));
		exit(1);
	}
}

static void
put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void
read_bytes(const char *text, size_t len)
{
	put("x", text, len);
	foreign_clear(&f);
	xinetd_read(path_of("x"), &f);
}

static void
read_text(const char *text)
{
	read_bytes(text, strlen(text));
}

static const struct foreign_service *
service(const char *name)
{
	for (size_t i = 0; i < f.nservices; i++)
		if (strcmp(f.services[i].name, name) == 0)
			return &f.services[i];
	return NULL;
}

static bool
runs(const char *name)
{
	const struct foreign_service *s = service(name);

	return s && !s->refused;
}

static bool
is_refused(const char *name)
{
	const struct foreign_service *s = service(name);

	return s && s->refused;
}

/* The row "key" or "section.key". */
static const struct foreign_row *
find_row(const char *name, const char *key)
{
	const struct foreign_service *s = service(name);
	char full[64];

	for (size_t i = 0; s && i < s->nrows; i++) {
		const struct foreign_row *r = &s->rows[i];

		snprintf(full, sizeof(full), "%s%s%s", r->section ? r->section : "", r->section ? "." : "",
			 r->key);
		if (strcmp(full, key) == 0)
			return r;
	}
	return NULL;
}

/* Its values with blanks between, NULL if there is none. */
static const char *
row(const char *name, const char *key)
{
	const struct foreign_row *r = find_row(name, key);
	static struct text t;

	text_clear(&t);
	for (size_t i = 0; r && i < r->values.n; i++)
		text_printf(&t, "%s%s", i ? " " : "", r->values.items[i]);
	return r ? t.s ? t.s : "" : NULL;
}

static size_t
count(enum foreign_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < f.nremarks; i++)
		n += f.remarks[i].kind == kind;
	return n;
}

/* A remark of a kind with a part of its text, on a line; line 0 stands for any. */
static bool
remarked(enum foreign_kind kind, int line, const char *part)
{
	for (size_t i = 0; i < f.nremarks; i++)
		if (f.remarks[i].kind == kind && (!line || f.remarks[i].line == line) &&
		    (strstr(f.remarks[i].text, part) ||
		     (f.remarks[i].key && strcmp(f.remarks[i].key, part) == 0)))
			return true;
	return false;
}

static void
show(void)
{
	for (size_t i = 0; i < f.nremarks; i++)
		printf("#   %d %d %s %s: %s\n", f.remarks[i].kind, f.remarks[i].line,
		       f.remarks[i].service ? f.remarks[i].service : "-",
		       f.remarks[i].key ? f.remarks[i].key : "-", f.remarks[i].text);
}

/* --- a service of which only some attributes matter --- */

static bool
mentions(const char *attrs, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = attrs; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (strncmp(s, name, len) == 0 && (s[len] == ' ' || s[len] == '\t'))
			return true;
	}
	return false;
}

/* Reads `service s` with these attributes and the usual ones, those left out that are in there. The
 * first line of the attributes is line 3. */
static void
read_service(const char *before, const char *attrs)
{
	static const char *const usual[][2] = { { "type", "UNLISTED" },   { "socket_type", "stream" },
						{ "protocol", "tcp" },    { "port", "4000" },
						{ "wait", "no" },         { "user", "nobody" },
						{ "server", "/bin/true" } };
	struct text t = { 0 };

	text_printf(&t, "%sservice s\n{\n%s\n", before, attrs);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!mentions(attrs, usual[i][0]))
			text_printf(&t, "\t%s = %s\n", usual[i][0], usual[i][1]);
	text_puts(&t, "}\n");
	read_text(t.s);
	text_clear(&t);
}

static const char *
flat(const char *attrs)
{
	static char text[160];

	snprintf(text, sizeof(text), "%s", attrs);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ';';
	return text;
}

/* Whether evinetd takes each row. Some forms of log targets are known to the log only. */
static bool
fits(const char *name)
{
	const struct foreign_service *s = service(name);

	for (size_t i = 0; s && i < s->nrows; i++) {
		const struct foreign_row *r = &s->rows[i];
		const struct option *o = option_find(service_rows, r->section, r->key);
		struct service_conf conf = { 0 };
		struct error err = { 0 };
		size_t bad;

		if (r->section && strcmp(r->section, "log") == 0)
			continue;
		if (!o || option_set(o, &conf, r->values.items, r->values.n, false, &bad, &err) < 0) {
			printf("#   %s: %s\n", r->key, err.text);
			return false;
		}
		option_clear(o, &conf);
	}
	return s != NULL;
}

struct becomes {
	const char *attrs, *key, *values; /* NULL: no such row */
};

static void
all_become(const struct becomes *b)
{
	char what[256];

	for (; b->attrs; b++) {
		read_service("", b->attrs);
		snprintf(what, sizeof(what), "%s: %s = %s", flat(b->attrs), b->key,
			 b->values ? b->values : "(none)");
		if (!is(row("s", b->key), b->values, what))
			show();
		if (!ok(runs("s") && fits("s"), "%s: it runs", flat(b->attrs)))
			show();
	}
}

struct says {
	const char *attrs, *part;
};

/* Whether it is told of one of the lines of the attributes. */
static bool
says(const struct says *r, enum foreign_kind kind)
{
	int line = 3;

	for (const char *s = r->attrs; s; s = strchr(s + 1, '\n'))
		if (remarked(kind, line++, r->part))
			return true;
	return false;
}

static void
all_are_refused(const struct says *r)
{
	for (; r->attrs; r++) {
		read_service("", r->attrs);
		if (!ok(is_refused("s") && says(r, FOREIGN_ERROR), "%s: refused, \"%s\"", flat(r->attrs),
			r->part))
			show();
	}
}

static void
all_are_warned_of(const struct says *r)
{
	for (; r->attrs; r++) {
		read_service("", r->attrs);
		if (!ok(runs("s") && count(FOREIGN_ERROR) == 0 && says(r, FOREIGN_WARNING),
			"%s: runs, with a warning: \"%s\"", flat(r->attrs), r->part))
			show();
	}
}

static void
all_are_fine(const char *const *attrs)
{
	for (; *attrs; attrs++) {
		read_service("", *attrs);
		if (!ok(runs("s") && !count(FOREIGN_ERROR) && !count(FOREIGN_WARNING), "%s: nothing to say",
			flat(*attrs)))
			show();
	}
}

/* --- the grammar --- */

#define BODY "socket_type = stream\nprotocol = tcp\nwait = no\nuser = nobody\nserver = /bin/true\n"
#define ENTRY(name, port) "service " name "\n{\n" BODY "type = UNLISTED\nport = " port "\n}\n"

static void
lines(void)
{
	read_text("# a comment\n\n  \t \n\tservice s \t\n  {\t\n" BODY
		  "\ttype\t=\tUNLISTED \t\nport = 1 \n  # no = yes\n }  ");
	ok(runs("s") && f.nservices == 1,
	   "blanks, tabs and comments may be anywhere, and the last newline may be missing");
	is(row("s", "listen"), "tcp:*:1", "blanks around a value do not count");
	is_int(find_row("s", "listen")->line, 12, "a row has its line");
	is(find_row("s", "listen")->file, path_of("x"), "a row has its file");
	is_int(service("s")->line, 4, "a service has its line");
	ok(count(FOREIGN_WARNING) + count(FOREIGN_ERROR) == 0, "there is nothing to say about that");

	read_text(
		"SERVICE s\n{\nSocket_Type = STREAM\nPROTOCOL = TCP\nWait = No\nUser = nobody\nSERVER = /bin/true\n"
		"Type = unlisted\nPort = 1\nFlags = ipv4\nInstances = Unlimited\n}\n");
	ok(runs("s"), "keywords, names and words may be of either case");
	is(row("s", "listen"), "tcp4:*:1", "so may flags");

	read_text("service s\n{\n" BODY "type =UNLISTED\nport =  1\n}\n");
	ok(runs("s") && !count(FOREIGN_WARNING), "no blank is needed behind the operator");
	read_text("service s\n{\n" BODY "type=UNLISTED\nport = 1\n}\n" ENTRY("t", "2"));
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 8, "blank in front"), "one is needed in front of it");
	ok(runs("t"), "the next entry is read");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 9, "ATTRIBUTE = VALUES"),
	   "a line in an entry needs an operator");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport = 1\nno_access + = 1.2.3.4\n}\n");
	ok(is_refused("s"), "+ and = are one word");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport = 1\nno_access ! 1.2.3.4\n}\n");
	ok(is_refused("s"), "another operator is none");
}

static void
line_ends(void)
{
	read_text("service s\r\n{\r\nsocket_type = stream\r\nprotocol = tcp\r\nwait = no\r\nuser = nobody\r\n"
		  "server = /bin/true\r\ntype = UNLISTED\r\nport = 1\r\n}\r\n");
	ok(runs("s"), "lines may end as on Windows");
	is(row("s", "exec"), "/bin/true", "the carriage return is no part of a value");
	is_int((long long)count(FOREIGN_WARNING), 1, "that is told once");
	ok(remarked(FOREIGN_WARNING, 1, "carriage return"), "on the first such line");

	read_text("\xef\xbb\xbf" ENTRY("s", "1"));
	ok(runs("s") && remarked(FOREIGN_WARNING, 1, "byte order mark"), "a byte order mark is left out");
	read_bytes("service s\n{\n" BODY
		   "type = UNLISTED\nport = 1\nonly_from = 10.0.0.1\0 10.0.0.2\n}\n" ENTRY("t", "2"),
		   strlen("service s\n{\n" BODY
			  "type = UNLISTED\nport = 1\nonly_from = 10.0.0.1* 10.0.0.2\n}\n" ENTRY("t", "2")));
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 10, "control character"),
	   "a zero byte in a line refuses the entry");
	ok(runs("t"), "the entries behind it are read");
	read_text("# \xc3\xa9 \xe9\n" ENTRY("s", "1"));
	ok(runs("s") && !count(FOREIGN_WARNING), "other bytes may be anything");
	read_text("");
	ok(!f.unreadable && f.nservices == 0 && f.nremarks == 0, "an empty file is no mistake");
}

static void
comments(void)
{
	static const struct says warned[] = {
		{ "instances = 1 # one", "comment" },
		{ "bind = 127.0.0.1 # lo only", "comment" },
		{ "per_source = 10 #ten", "comment" },
		{ "rlimit_cpu = 20 # max cpu seconds", "comment" },
		{ "only_from = 10.0.0.1 # the office", "comment" },
		{ "flags = IPv4 # no IPv6", "comment" },
		{ "server_args = -l # log", "passed to the program" },
		{ NULL, NULL },
	};
	static const struct becomes values[] = {
		{ "instances = 1 # one", "instances", "1" },
		{ "bind = 127.0.0.1 # lo", "listen", "tcp4:127.0.0.1:4000" },
		{ "cps = 10 5 # slow", "rate", "10/1s" },
		{ "only_from = 10.0.0.1 # 10.0.0.2", "allow", "10.0.0.1" },
		{ "only_from = # 10.0.0.2", "allow", "" },
		{ "server_args = -l # log", "exec", "/bin/true -l # log" },
		{ "server_args = a#b", "exec", "/bin/true a#b" },
		{ NULL, NULL, NULL },
	};

	all_are_warned_of(warned);
	all_become(values);
	read_service("", "disable = yes # off for now");
	ok(f.nservices == 0 && remarked(FOREIGN_WARNING, 3, "comment"),
	   "a comment behind disable = yes leaves it off");
	read_text("service s { # mine\n" BODY "type = UNLISTED\nport = 1\n} # end\n");
	ok(runs("s"), "comments may stand behind braces");
	is_int((long long)count(FOREIGN_WARNING), 3, "and are told, as is the brace in the first line");
	read_text("service s # mine\n{ # begins\n" BODY "type = UNLISTED\nport = 1\n}\n");
	ok(runs("s") && count(FOREIGN_WARNING) == 2, "and behind the name");
}

static void
braces(void)
{
	read_text("service s {\n" BODY "type = UNLISTED\nport = 1\n}\n");
	ok(runs("s") && remarked(FOREIGN_WARNING, 1, "line of its own"),
	   "service s { is read, with a warning");
	read_text("defaults {\nonly_from = 10.0.0.1\n}\n" ENTRY("s", "1"));
	ok(runs("s") && remarked(FOREIGN_WARNING, 1, "line of its own"), "so is defaults {");
	is(row("s", "allow"), "10.0.0.1", "and counts");
	read_text("defaults{\nonly_from = 10.0.0.1\n}\n\f\nservice s{\n" BODY
		  "type = UNLISTED\nport = 1\n}\n\f\n");
	ok(!is_refused("s") && !count(FOREIGN_ERROR),
	   "the brace may be a part of the word, and pages may end");
	is(row("s", "allow"), "10.0.0.1", "such defaults count as well");

	read_text("service s\n" BODY "type = UNLISTED\nport = 1\n}\n" ENTRY("t", "2"));
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 2, "expected {"), "a missing { refuses the entry");
	ok(runs("t"), "and only that");
	read_text(ENTRY("t", "2") "service s\n{\n" BODY "type = UNLISTED\nport = 1\n");
	ok(runs("t") && is_refused("s") && remarked(FOREIGN_ERROR, 11, "no }"),
	   "a missing } at the end refuses the entry");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport = 1\n" ENTRY("t", "2") ENTRY("u", "3"));
	ok(is_refused("s") && is_refused("t"),
	   "a missing } refuses the entry and the one that begins inside of it");
	ok(remarked(FOREIGN_ERROR, 10, "expected }") && remarked(FOREIGN_ERROR, 10, "begins within"),
	   "both are told");
	ok(runs("u"), "the next one runs");
	read_text("service s\n{\n" BODY "defaults\n{\nonly_from = 10.0.0.1\n}\n" ENTRY("u", "3"));
	ok(is_refused("s") && is_refused("u"), "defaults in such a place refuse everybody");
	read_text("service s\n{ disable = no\n" BODY "type = UNLISTED\nport = 1\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 2, "{ alone"), "{ stands alone");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport = 1\n};\n" ENTRY("t", "2"));
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 10, "} alone") && runs("t"), "} stands alone");
	read_text("service\n{\n" BODY "type = UNLISTED\nport = 1\n}\n");
	ok(f.nservices == 1 && f.services[0].refused && remarked(FOREIGN_ERROR, 1, "name of a service"),
	   "a service needs a name");
	read_text("service a b\n{\n" BODY "type = UNLISTED\nport = 1\n}\n");
	ok(is_refused("a") && remarked(FOREIGN_ERROR, 1, "nothing more"), "and only one");
	read_text("service s");
	ok(is_refused("s"), "an entry without a body is refused");
	read_text("service s\n{\n" BODY "type = UNLISTED\nport = 1\nservice = x\n}\n");
	ok(runs("s") && remarked(FOREIGN_WARNING, 10, "no attribute"),
	   "service = x is an attribute, though none that is known");
}

static void
stray_text(void)
{
	read_text("socket_type = stream\nwait = no\n" ENTRY("s", "1"));
	ok(runs("s") && count(FOREIGN_ERROR) == 1 && remarked(FOREIGN_ERROR, 1, "expected service"),
	   "lines outside of entries are told once, and what follows is read");
	read_text("#defaults\n{\ninstances = 5\n}\n" ENTRY("s", "1"));
	ok(runs("s") && remarked(FOREIGN_ERROR, 2, "expected service"), "a block without a head is left out");
	is(row("s", "instances"), NULL, "with all that is in it");
	read_text(ENTRY("s", "1") "}\n" ENTRY("t", "2"));
	ok(runs("s") && runs("t") && remarked(FOREIGN_ERROR, 11, "expected service"), "a } too many is told");
	read_text("ssh stream tcp nowait root /usr/sbin/sshd sshd -i\n");
	ok(f.nservices == 0 && count(FOREIGN_ERROR) == 1, "a line of inetd.conf is no entry");
}

static void
repetitions(void)
{
	static const struct says warned[] = {
		{ "port = 1\nport = 2", "the first one counts" },
		{ "instances = 1\ninstances = 2", "the first one counts" },
		{ "bind = 127.0.0.1\ninterface = 127.0.0.2", "the first one counts" },
		{ "flags = IPv4\nflags = IPv6", "the first one counts" },
		{ "type = UNLISTED\ntype = RPC", "the first one counts" },
		{ "server_args = a\nserver_args = b", "the first one counts" },
		{ NULL, NULL },
	};
	static const struct becomes values[] = {
		{ "port = 1\nport = 2", "listen", "tcp:*:1" },
		{ "flags = IPv4\nflags = IPv6", "listen", "tcp4:*:4000" },
		{ "server_args = a\nserver_args = b", "exec", "/bin/true a" },
		{ "only_from = 10.0.0.1\nonly_from = 10.0.0.2", "allow", "10.0.0.2" },
		{ "only_from = 10.0.0.1\nonly_from += 10.0.0.2", "allow", "10.0.0.1 10.0.0.2" },
		{ "only_from = 10.0.0.1 10.0.0.2\nonly_from -= 10.0.0.1", "allow", "10.0.0.2" },
		{ "only_from = 10.0.0.1\nonly_from -= 10.0.0.1", "allow", "" },
		{ "only_from = 10.0.0.1 10.0.0.1", "allow", "10.0.0.1" },
		{ "only_from += 10.0.0.1", "allow", "10.0.0.1" },
		{ "no_access = 10.0.0.1\nno_access += 10.0.0.2", "deny", "10.0.0.1 10.0.0.2" },
		{ "env = A=1\nenv += B=2", "env", "A=1 B=2" },
		{ "env = A=1\nenv = B=2", "env", "B=2" },
		{ "passenv = A B\npassenv -= A", "pass_env", "B" },
		{ "log_on_success = PID\nlog_on_success += HOST\nlog_on_success -= PID", "log.success",
		  "host" },
		{ NULL, NULL, NULL },
	};

	all_are_warned_of(warned);
	all_become(values);
	read_service("", "type = UNLISTED\ntype = INTERNAL\nserver = /x");
	ok(runs("s") && !strcmp(row("s", "exec"), "/x"), "of two types the first counts as well");
}

/* --- includes --- */

static void
includes(void)
{
	mkdir(path_of("d"), 0755);
	mkdir(path_of("d/sub"), 0755);
	put_text("d/b", ENTRY("b", "2"));
	put_text("d/a", ENTRY("a", "1"));
	put_text("d/C", ENTRY("C", "3"));
	put_text("d/no.conf", ENTRY("no", "4"));
	put_text("d/.hidden", ENTRY("hidden", "4"));
	put_text("d/copy~", ENTRY("copy", "4"));
	put_text("one", ENTRY("one", "1"));
	read_text("includedir d\n");
	ok(f.nservices == 3 && strcmp(f.services[0].name, "C") == 0 && strcmp(f.services[1].name, "a") == 0 &&
		   strcmp(f.services[2].name, "b") == 0,
	   "includedir reads files in the order of their bytes; names with a dot or a ~ at the end are left out");
	ok(remarked(FOREIGN_NOTE, 1, "no.conf is not read"), "a name with a dot is noted");
	ok(remarked(FOREIGN_WARNING, 1, "d/sub is not read"), "a folder in there is told");
	is(f.services[1].file, path_of("d/a"), "a service has the file that it stands in");
	is_int((long long)f.files.n, 4, "all files that were read are known");

	read_text("INCLUDE one\n" ENTRY("s", "1") "include d/a\n");
	ok(runs("one") && runs("s") && runs("a"), "include takes paths as seen from the file that includes");
	put_text("d/up", "include ../one\n");
	read_text("include d/up\n");
	ok(runs("one"), "also from one that is included itself");
	unlink(path_of("d/up"));
	read_text("include missing\nincludedir nowhere\n" ENTRY("s", "1"));
	ok(runs("s") && !f.unreadable, "what is missing ends nothing");
	ok(remarked(FOREIGN_ERROR, 1, "missing: No such file") &&
		   remarked(FOREIGN_WARNING, 2, "nowhere: No such file"),
	   "and is told");
	read_text(ENTRY("s", "1") "include x\n");
	ok(f.nservices == 1 && remarked(FOREIGN_ERROR, 11, "includes itself"),
	   "a file that includes itself is read once");
	put_text("one", "include two\n");
	put_text("two", "include one\n" ENTRY("two", "1"));
	read_text("include one\n");
	ok(runs("two") && remarked(FOREIGN_ERROR, 1, "includes itself"),
	   "so are two that include each other");
	read_text("include d\ninclude /dev/zero\ninclude\ninclude a b\n");
	ok(remarked(FOREIGN_ERROR, 1, "no plain file") && remarked(FOREIGN_ERROR, 2, "no plain file"),
	   "only plain files are included");
	ok(remarked(FOREIGN_ERROR, 3, "one path") && remarked(FOREIGN_ERROR, 4, "one path"),
	   "include takes one path");
	read_text("service s\n{\n" BODY "include one\n}\n");
	ok(is_refused("s"), "there is no include within an entry");

	foreign_clear(&f);
	xinetd_read(path_of("not-there"), &f);
	ok(f.unreadable && count(FOREIGN_ERROR) == 1, "a file that cannot be read is an error of its own");
	xinetd_read(path_of("two"), &f);
	ok(runs("two"), "another one may be read into the same");
	xinetd_read(path_of("two"), &f);
	ok(runs("two-2"), "names stay unique over both");
}

/* --- defaults --- */

static void
defaults_count_everywhere(void)
{
	/* B7 */
	read_text(ENTRY(
		"s",
		"1") "defaults\n{\nonly_from = 10.0.0.1\nno_access = 10.0.0.2\nbanner = /b\ninstances = 7\n}\n");
	is(row("s", "allow"), "10.0.0.1", "B7: defaults behind a service count for it: only_from");
	is(row("s", "deny"), "10.0.0.2", "B7: no_access");
	is(row("s", "banner"), "/b", "B7: banner");
	is(row("s", "instances"), "7", "B7: instances");
	is_int(find_row("s", "allow")->line, 13, "what is inherited has the line of the defaults");

	put_text("more", "defaults\n{\nonly_from = 10.0.0.2\nper_source = 3\ninstances = 9\n}\n");
	read_text("defaults\n{\nonly_from = 10.0.0.1\ninstances = 7\n}\n" ENTRY("s", "1") "include more\n");
	is(row("s", "allow"), "10.0.0.1 10.0.0.2", "defaults of several files are one");
	is(row("s", "per_source"), "3", "each adds what is new");
	is(row("s", "instances"), "7", "of two the first counts");
	ok(remarked(FOREIGN_WARNING, 5, "the first one counts"), "which is told");
	read_text("defaults\n{\nonly_from = 10.0.0.1\n}\ndefaults\n{\nonly_from = 10.0.0.2\n}\n" ENTRY("s",
												       "1"));
	is(row("s", "allow"), "10.0.0.1", "a second defaults entry of the same file lets nobody else in");
	ok(remarked(FOREIGN_ERROR, 5, "second defaults"), "and is told");
	read_text("defaults\n{\nonly_from = 10.0.0.1\nonly_from = 10.0.0.2\n}\n" ENTRY("s", "1"));
	is(row("s", "allow"), "10.0.0.1 10.0.0.2", "in defaults = adds to a list");
	read_text("defaults\n{\nonly_from =\n}\n" ENTRY("s", "1"));
	is(row("s", "allow"), "", "an empty only_from there lets nobody in");
}

static void
services_over_defaults(void)
{
	static const char *const before =
		"defaults\n{\nonly_from = 10.0.0.1\nlog_on_success = PID HOST\ninstances = 5\n"
		"passenv = A\nlog_type = SYSLOG daemon info\n}\n";
	static const struct becomes cases[] = {
		{ "only_from = 10.0.0.2", "allow", "10.0.0.2" },
		{ "only_from += 10.0.0.2", "allow", "10.0.0.1 10.0.0.2" },
		{ "only_from -= 10.0.0.1", "allow", "" },
		{ "only_from =", "allow", "" },
		{ "log_on_success += EXIT", "log.success", "pid host exit" },
		{ "log_on_success -= HOST", "log.success", "pid" },
		{ "log_on_success = DURATION", "log.success", "duration" },
		{ "log_on_success =", "log.success", "" },
		{ "nice = 1", "log.success", "pid host" },
		{ "nice = 1", "log.failure", "" },
		{ "nice = 1", "log.target", "syslog:daemon.info" },
		{ "log_type = FILE /x", "log.target", "file:/x" },
		{ "instances = UNLIMITED", "instances", NULL },
		{ "instances = 8", "instances", "8" },
		{ "passenv += B", "pass_env", "A B" },
		{ "passenv =", "pass_env", "" },
		{ NULL, NULL, NULL },
	};
	char what[200];

	for (const struct becomes *b = cases; b->attrs; b++) {
		read_service(before, b->attrs);
		snprintf(what, sizeof(what), "%s over defaults: %s = %s", b->attrs, b->key,
			 b->values ? b->values : "(none)");
		if (!is(row("s", b->key), b->values, what))
			show();
	}
}

static void
bad_defaults(void)
{
	static const char *const closing[] = { "instances = lots",
					       "per_source = -1",
					       "cps = 10",
					       "cps = ten 1",
					       "max_load = high",
					       "only_from = 10.0.0.1 !",
					       "no_access = 300.1.2.3",
					       "umask = 999",
					       "bind = a b",
					       "bind = 1.2.3",
					       "groups = perhaps",
					       "instances = 1 2",
					       "per_source =",
					       "v6only = perhaps",
					       "no_access = {1,2}",
					       "instances += 5",
					       NULL };
	static const char *const harmless[] = { "log_type = PIPE x",
						"log_type = SYSLOG nothing",
						"log_type = FILE",
						"log_type = FILE /x 10 5",
						"log_on_success = WHO",
						"log_on_failure = RECORD",
						"log_on_success = TRAFFIC",
						"max_load = 0",
						"mdns = no",
						"colour = blue",
						"user = root",
						"env = A=1",
						"rlimit_cpu = 5",
						"disable = yes",
						"flags = IPv4",
						"log_type =",
						"banner = b",
						"deny_time = 5",
						NULL };
	char before[128];

	for (const char *const *attr = closing; *attr; attr++) {
		snprintf(before, sizeof(before), "defaults\n{\n%s\n}\n", *attr);
		read_service(before, "nice = 1");
		if (!ok(is_refused("s") && remarked(FOREIGN_ERROR, 3, ""),
			"B4: defaults with %s refuse who inherits it", *attr))
			show();
	}
	read_service("defaults\n{\ninstances = lots\n}\n", "instances = 5");
	ok(runs("s") && !count(FOREIGN_ERROR), "B4: whoever has a value of its own runs");
	for (const char *const *attr = harmless; *attr; attr++) {
		snprintf(before, sizeof(before), "defaults\n{\n%s\n}\n", *attr);
		read_service(before, "nice = 1");
		if (!ok(runs("s") && !count(FOREIGN_ERROR), "B4: defaults with %s stop nobody", *attr))
			show();
	}
	read_text("defaults\n{\nonly_from 10.0.0.1\n}\n" ENTRY("s", "1") ENTRY("t", "1"));
	ok(is_refused("s") && is_refused("t") && remarked(FOREIGN_ERROR, 3, "defaults: expected"),
	   "defaults that are not understood refuse everybody");
	read_text(ENTRY("s", "1") "defaults\n{\nonly_from = 10.0.0.1\n");
	ok(is_refused("s"), "so do defaults without an end");
	read_service("defaults\n{\nonly_from = 10.0.0.1 # us\ncolour = blue\nlog_typ = x\n}\n", "nice = 1");
	ok(runs("s") && remarked(FOREIGN_WARNING, 3, "comment") &&
		   remarked(FOREIGN_WARNING, 4, "no attribute") &&
		   remarked(FOREIGN_WARNING, 5, "did you mean log_type?"),
	   "what is odd in defaults is told with its line");
	read_service("defaults\n{\nonlyfrom = 10.0.0.1\n}\n", "nice = 1");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 3, "did you mean only_from?"),
	   "defaults whose list of clients has the wrong name open nothing");
	read_service("defaults\n{\ndisabel = yes\n}\n", "nice = 1");
	ok(runs("s") && remarked(FOREIGN_WARNING, 3, "did you mean disable?"),
	   "what would have no effect there anyway stops nobody");
	read_text("default\n{\nonly_from = 10.0.0.1\n}\n" ENTRY("s", "1"));
	ok(!strcmp(row("s", "allow"), "10.0.0.1") && remarked(FOREIGN_WARNING, 1, "taken for defaults"),
	   "\"default\" is taken for defaults, which xinetd overlooks");
	read_text("Defaults:\n{\nonly_from = 10.0.0.1\n}\n" ENTRY("s", "1"));
	is(row("s", "allow"), "10.0.0.1", "so is a colon behind it");
	read_text("{% if strict %}\ndefaults {\nonly_from = 10.0.0.1\n}\n{% endif %}\n" ENTRY("s", "1"));
	is(row("s", "allow"), "10.0.0.1", "text in front of defaults does not take them along");
	read_text("defaults\n{\nlog_on_failure = RECORD\n}\n" ENTRY("s", "1") ENTRY("t", "2")
			  ENTRY("u", "3"));
	is_int((long long)count(FOREIGN_WARNING), 1,
	       "a warning about defaults is told once, however many inherit it");
}

static void
on_and_off(void)
{
	static const char *const two = ENTRY("a", "1") ENTRY("b", "2");
	char text[1024];

	read_service("", "disable = yes");
	ok(f.nservices == 0 && remarked(FOREIGN_NOTE, 1, "is off"),
	   "disable = yes leaves a service out, with a note");
	read_service("", "disable = no");
	ok(runs("s"), "disable = no does not");
	read_service("", "disable = YES\nwait = perhaps\nport = x");
	ok(f.nservices == 0 && !count(FOREIGN_ERROR), "nobody looks at the rest of a service that is off");
	read_service("", "disable += yes");
	ok(f.nservices == 0 && remarked(FOREIGN_WARNING, 3, "xinetd overlooks"),
	   "an operator that has no meaning does not switch it on");
	read_service("", "disable = no\ndisable = yes");
	ok(runs("s") && remarked(FOREIGN_WARNING, 4, "the first one counts"), "of two, the first counts");

	snprintf(text, sizeof(text), "defaults\n{\nenabled = a\n}\n%s", two);
	read_text(text);
	ok(runs("a") && !service("b"), "enabled leaves all others out");
	snprintf(text, sizeof(text), "defaults\n{\nenabled =\n}\n%s", two);
	read_text(text);
	ok(f.nservices == 0, "an empty enabled leaves all out");
	snprintf(text, sizeof(text), "defaults\n{\nenabled = A c\nenabled += B\n}\n%s", two);
	read_text(text);
	ok(runs("a") && runs("b") && remarked(FOREIGN_WARNING, 3, "no service \"c\""),
	   "ids may be of either case; one that is "
	   "not there is told");
	snprintf(text, sizeof(text), "%sdefaults\n{\ndisabled = b\n}\n", two);
	read_text(text);
	ok(runs("a") && !service("b"), "disabled leaves a service out");
	snprintf(text, sizeof(text), "%sdefaults\n{\ndisabled = a,b, c\n}\n", two);
	read_text(text);
	ok(!f.nservices && count(FOREIGN_WARNING), "in a list with commas too");
	snprintf(text, sizeof(text), "defaults\n{\nenabled = a b\ndisabled = b\n}\n%s", two);
	read_text(text);
	ok(runs("a") && !service("b"), "disabled wins over enabled");
	snprintf(text, sizeof(text), "defaults\n{\nenabled = a b\nenabled -= b\ndisabled -= a\n}\n%s", two);
	read_text(text);
	ok(f.nservices == 0, "-= never starts a service");
	read_text("defaults\n{\nenabled = x\n}\nservice s\n{\nid = x\n" BODY
		  "type = UNLISTED\nport = 1\n}\n" ENTRY("t", "1"));
	ok(runs("x") && !service("t"), "the lists are of ids");
	read_text("defaults\n{\nenabled = s\n}\nservice s\n{\ndisable = yes\n" BODY "}\n");
	ok(f.nservices == 0, "enabled does not undo disable = yes");
	read_service("", "enabled = s");
	ok(runs("s") && remarked(FOREIGN_WARNING, 3, "defaults only"),
	   "the lists are known in defaults only");
}

/* --- names --- */

static void
names(void)
{
	read_service("", "id = mine");
	ok(runs("mine") && !row("mine", "id"), "a service has its id as a name");
	read_text(ENTRY("s", "1") ENTRY("s", "2") ENTRY("s", "3"));
	ok(runs("s") && runs("s-2") && runs("s-3"), "the second of a name gets a number");
	is(row("s-2", "id"), "s", "and keeps its id for the log");
	read_service("", "id = a:b=c\"d\\e");
	ok(runs("a_b_c_d_e"), "what a name cannot have is replaced");
	is(row("a_b_c_d_e", "id"), "a:b=c\"d\\e", "and kept for the log");
	read_service("", "id = 0123456789012345678901234567890123456789012345678901234567890123456789");
	ok(f.nservices == 1 && strlen(f.services[0].name) == 64, "a name has 64 characters at most");
	read_service("", "id =");
	ok(is_refused("s"), "an empty id is wrong");
	read_service("", "nice = 1");
	ok(remarked(FOREIGN_NOTE, 0, "50 connections a second"),
	   "that there is no limit of 50 a second is noted");
	read_text(ENTRY("s", "1") ENTRY("t", "2"));
	is_int((long long)count(FOREIGN_NOTE), 1, "once");
}

/* --- listening --- */

static void
listening(void)
{
	static const struct becomes cases[] = {
		{ "port = 80", "listen", "tcp:*:80" },
		{ "flags = IPv4", "listen", "tcp4:*:4000" },
		{ "flags = IPv6", "listen", "tcp:*:4000" },
		{ "flags = IPv6 IPv4", "listen", "tcp:*:4000" },
		{ "flags = IPv6\nv6only = yes", "listen", "tcp6:*:4000" },
		{ "v6only = yes", "listen", "tcp6:*:4000" },
		{ "flags = IPv4\nv6only = yes", "listen", "tcp4:*:4000" },
		{ "v6only = no", "listen", "tcp:*:4000" },
		{ "socket_type = dgram\nprotocol = udp\nwait = yes", "listen", "udp:*:4000" },
		{ "socket_type = dgram\nprotocol = udp\nwait = yes\nflags = IPv4", "listen", "udp4:*:4000" },
		{ "bind = 127.0.0.1", "listen", "tcp4:127.0.0.1:4000" },
		{ "interface = 127.0.0.1", "listen", "tcp4:127.0.0.1:4000" },
		{ "bind = 0.0.0.0", "listen", "tcp4:0.0.0.0:4000" },
		{ "bind = ::1", "listen", "tcp6:[::1]:4000" },
		{ "bind = ::", "listen", "tcp:*:4000" },
		{ "bind = ::\nv6only = yes", "listen", "tcp6:[::]:4000" },
		{ "bind = fe80::1%lo", "listen", "tcp6:[fe80::1%lo]:4000" },
		{ "bind = localhost", "listen", "tcp:localhost:4000" },
		{ "bind = localhost\nflags = IPv4", "listen", "tcp4:localhost:4000" },
		{ "bind = localhost\nflags = IPv6", "listen", "tcp6:localhost:4000" },
		{ "bind = localhost\nflags = IPv4 IPv6", "listen", "tcp:localhost:4000" },
		{ "port = 0", "listen", "tcp:*:0" },
		{ "port = 65535", "listen", "tcp:*:65535" },
		{ "flags = KEEPALIVE NODELAY", "keepalive", "true" },
		{ "flags = KEEPALIVE NODELAY", "nodelay", "true" },
		{ "flags = REUSE", "nodelay", NULL },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "port = 65536", "0 to 65535" },
		{ "port = http", "0 to 65535" },
		{ "port = -1", "0 to 65535" },
		{ "port =", "one value" },
		{ "port = 1 2", "one value, not 2" },
		{ "bind = a b", "one value, not 2" },
		{ "bind =", "one value" },
		{ "bind = 1.2.3", "no IPv4 address" },
		{ "bind = 1.2.3.400", "no IPv4" },
		{ "bind = ::g", "no IPv6 address" },
		{ "bind = {{ ip }}", "one value" },
		{ "bind = @IP@", "no address" },
		{ "v6only = perhaps", "yes or no" },
		{ "flags = IPv5", "no flag" },
		{ "flags += IPv4", "does not take +=" },
		{ "port += 5", "does not take +=" },
		{ "type = OTHER", "no type" },
		{ NULL, NULL },
	};
	static const struct says warned[] = {
		{ "v6only = no", "no means no" },
		{ "bind = 127.0.0.1\nflags = IPv6", "although flags say IPv6" },
		{ "bind = ::1\nflags = IPv4", "although flags say IPv4" },
		{ "flags = INTERCEPT", "INTERCEPT has no effect" },
		{ "flags = LABELED", "LABELED has no effect" },
		{ "type = SPECIAL UNLISTED", "SPECIAL has no effect" },
		{ "flags =", "no value" },
		{ "mdns = yes", "no effect" },
		{ NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
	all_are_warned_of(warned);
	read_service("defaults\n{\nv6only = yes\n}\n", "nice = 1");
	is(row("s", "listen"), "tcp6:*:4000", "B10: v6only = yes of defaults counts");
	ok(remarked(FOREIGN_WARNING, 3, "yes counts"), "which is told");
	read_service("defaults\n{\nbind = 127.0.0.9\n}\n", "nice = 1");
	is(row("s", "listen"), "tcp4:127.0.0.9:4000", "bind may stand in defaults");
}

static void
ports_of_names(void)
{
	read_text("service echo\n{\n" BODY "}\n");
	is(row("echo", "listen"), "tcp:*:7", "a port is looked up by the name of the service");
	read_text("service echo\n{\nid = other\n" BODY "}\n");
	is(row("other", "listen"), "tcp:*:7", "not by its id");
	read_text("service tftp\n{\nsocket_type = dgram\nwait = yes\nuser = nobody\nserver = /bin/true\n}\n");
	is(row("tftp", "listen"), "udp:*:69", "and by the protocol");
	read_text("service no-such\n{\n" BODY "}\n");
	ok(is_refused("no-such") && remarked(FOREIGN_ERROR, 1, "not in /etc/services"),
	   "an unknown name needs a port");
	read_text("service no-such\n{\n" BODY "port = 99\n}\n");
	ok(runs("no-such") && remarked(FOREIGN_WARNING, 8, "UNLISTED"),
	   "a port of one that is not listed counts, with a warning");
	is(row("no-such", "listen"), "tcp:*:99", "as it is written");
	read_text("service echo\n{\n" BODY "port = 99\n}\n");
	ok(runs("echo") && remarked(FOREIGN_WARNING, 8, "echo/tcp is 7"), "so does one that differs");
	is(row("echo", "listen"), "tcp:*:99", "as it is written");
	read_text("service echo\n{\n" BODY "port = 7\n}\n");
	ok(runs("echo") && !count(FOREIGN_WARNING), "the right one is fine");
	read_text("service echo\n{\n" BODY "type = UNLISTED\n}\n");
	ok(is_refused("echo") && remarked(FOREIGN_ERROR, 8, "needs a port"), "UNLISTED needs a port");
}

static void
sockets(void)
{
	static const struct becomes cases[] = {
		{ "socket_type = stream\nprotocol = tcp", "listen", "tcp:*:4000" },
		{ "protocol = TCP", "listen", "tcp:*:4000" },
		{ "wait = yes", "wait", "true" },
		{ "wait = no", "wait", NULL },
		{ "protocol = udp\nsocket_type = dgram\nwait = yes", "wait", "true" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "socket_type = raw", "cannot be served" },
		{ "socket_type = seqpacket", "cannot be served" },
		{ "socket_type = other", "no type of socket" },
		{ "socket_type =", "one value" },
		{ "protocol = sctp", "neither tcp nor udp" },
		{ "protocol = tcp6", "write protocol = tcp and flags = IPv6" },
		{ "protocol = udp4", "write protocol = udp and flags = IPv4" },
		{ "protocol = udp", "does not go with" },
		{ "socket_type = dgram\nprotocol = tcp", "does not go with" },
		{ "wait = perhaps", "yes or no" },
		{ "wait =", "one value" },
		{ "wait = no\nsocket_type = dgram\nprotocol = udp", "needs wait = yes" },
		{ NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
	read_text(
		"service s\n{\ntype = UNLISTED\nport = 1\nprotocol = udp\nwait = yes\nuser = nobody\nserver = /x\n}\n");
	is(row("s", "listen"), "udp:*:1", "the type of socket follows from the protocol");
	read_text(
		"service s\n{\ntype = UNLISTED\nport = 1\nsocket_type = stream\nwait = no\nuser = nobody\nserver = /x\n}\n");
	ok(runs("s"), "and the other way round");
	read_text("service s\n{\ntype = UNLISTED\nport = 1\nwait = no\nuser = nobody\nserver = /x\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 1, "socket_type or protocol"), "one of them is needed");
	read_text("service s\n{\ntype = UNLISTED\nport = 1\nprotocol = tcp\nuser = nobody\nserver = /x\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 1, "expected wait"), "wait is needed");
}

/* --- programs --- */

static void
programs(void)
{
	static const struct becomes cases[] = {
		{ "server = /usr/sbin/in.ftpd\nserver_args = -l -a", "exec", "/usr/sbin/in.ftpd -l -a" },
		{ "server = /usr/sbin/in.ftpd", "argv0", "in.ftpd" },
		{ "flags = NAMEINARGS\nserver = /usr/sbin/tcpd\nserver_args = /usr/sbin/in.ftpd -l", "exec",
		  "/usr/sbin/tcpd -l" },
		{ "flags = NAMEINARGS\nserver = /usr/sbin/tcpd\nserver_args = /usr/sbin/in.ftpd -l", "argv0",
		  "/usr/sbin/in.ftpd" },
		{ "server_args = a b\nflags = NAMEINARGS", "argv0", "a" },
		{ "server_args = a b\nflags = NAMEINARGS", "exec", "/bin/true b" },
		{ "server = /bin/sh\nserver_args = -c cd${IFS}/;exec${IFS}x", "exec",
		  "/bin/sh -c cd${IFS}/;exec${IFS}x" },
		{ "server_args =", "exec", "/bin/true" },
		{ "nice = 1", "session", "true" },
		{ "nice = 1", "stderr", "socket" },
		{ "nice = 1", "directory", "/" },
		{ "nice = 1", "umask", "022" },
		{ "umask = 002", "umask", "002" },
		{ "umask = 27", "umask", "027" },
		{ "umask = 0", "umask", "000" },
		{ "nice = 1", "groups", "" },
		{ "groups = no", "groups", "" },
		{ "groups = yes", "groups", NULL },
		{ "user = root", "user", "root" },
		{ "group = daemon", "group", "daemon" },
		{ "nice = 1", "group", NULL },
		{ "nice = 1", "pass_env", "*" },
		{ "passenv = PATH TZ", "pass_env", "PATH TZ" },
		{ "passenv =", "pass_env", "" },
		{ "env = A=1 B=2=3 C=", "env", "A=1 B=2=3 C=" },
		{ "nice = 1", "env", NULL },
		{ "nice = -5", "nice", "-5" },
		{ "nice = 40", "nice", "19" },
		{ "nice = -40", "nice", "-20" },
		{ "rlimit_as = 512M", "rlimit.as", "512M:512M" },
		{ "rlimit_as = 64k", "rlimit.as", "64k:64k" },
		{ "rlimit_as = UNLIMITED", "rlimit.as", "unlimited" },
		{ "rlimit_as = 0", "rlimit.as", NULL },
		{ "rlimit_cpu = 20", "rlimit.cpu", "20:20" },
		{ "rlimit_data = 1000", "rlimit.data", "1000:1000" },
		{ "rlimit_rss = 8M", "rlimit.rss", "8M:8M" },
		{ "rlimit_stack = 8M", "rlimit.stack", "8M:8M" },
		{ "rlimit_files = 100", "rlimit.files", "100:100" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "server = in.telnetd", "absolute path" },
		{ "server = ./x", "absolute path" },
		{ "server = /usr/bin/", "of a program" },
		{ "server = /", "of a program" },
		{ "server = /bin/ls -l", "one value, not 2" },
		{ "server =", "one value" },
		{ "user =", "one value" },
		{ "user = root:root", "no user" },
		{ "user = 54321", "a group is needed" },
		{ "user = 54321\ngroups = yes\ngroup = daemon", "no groups" },
		{ "group = a b", "one value" },
		{ "groups = maybe", "yes or no" },
		{ "umask = 8", "octal" },
		{ "umask = 1000", "octal" },
		{ "nice = high", "whole number" },
		{ "rlimit_cpu = 20s", "number or UNLIMITED" },
		{ "rlimit_cpu = 20k", "number or UNLIMITED" },
		{ "rlimit_as = 1G", "K or M" },
		{ "rlimit_as = lots", "K or M" },
		{ "rlimit_as = -1", "K or M" },
		{ "rlimit_as = 1 2", "one value" },
		{ "env = A", "NAME=VALUE" },
		{ "env = =A", "NAME=VALUE" },
		{ "env -= A=1", "does not take -=" },
		{ "flags = NAMEINARGS", "needs server_args" },
		{ "disable = perhaps", "yes or no" },
		{ "disable =", "one value" },
		{ "onlyfrom = 10.0.0.1", "did you mean only_from?" },
		{ "no-access = 10.0.0.1", "did you mean no_access?" },
		{ "access_time = 8:00-9:00", "did you mean access_times?" },
		{ "interfaces = 10.0.0.1", "did you mean interface?" },
		{ "disbale = yes", "did you mean disable?" },
		{ "disabled = yes", "did you mean disable = yes?" },
		{ "enabled = no", "did you mean disable = yes?" },
		{ "enable = no", "did you mean disable?" },
		{ NULL, NULL },
	};
	static const struct says warned[] = {
		{ "env = \"A=1\"", "quotes" },
		{ "server_args = -c \"a b\"", "quotes" },
		{ "nice = 20", "from -20 to 19" },
		{ "rlimit_cpu = 0", "no limit" },
		{ "server_args =", "no value" },
		{ "kafel_rule = /x", "no attribute" },
		{ "log_on_failer = USERID", "did you mean log_on_failure?" },
		{ "enable = yes", "no attribute" },
		{ "passenv = A=1", "name of a variable" },
		{ "passenv = *", "name of a variable" },
		{ "enabled = yes", "defaults only" },
		{ NULL, NULL },
	};
	static const char *const fine[] = { "flags = REUSE",
					    "flags = NORETRY",
					    "flags = NOLIBWRAP",
					    "nice = 19",
					    "nice = +5",
					    "user = 0",
					    "user = 54321\ngroup = daemon",
					    "env =",
					    NULL };

	all_become(cases);
	all_are_refused(refused);
	all_are_warned_of(warned);
	all_are_fine(fine);
	read_service("", "user = 1");
	is(row("s", "user"), "daemon", "B30: a number of a user that has an account is that user");
	read_service("", "user = 54321\ngroup = daemon");
	ok(!strcmp(row("s", "user"), "54321"), "B30: one without an account needs a group");
	is(row("s", "group"), "daemon", "which is taken");
	read_text("service s\n{\ntype = UNLISTED\nport = 1\nprotocol = tcp\nwait = no\nserver = /x\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 1, "expected a user"), "a program needs a user");
	read_text("service s\n{\ntype = UNLISTED\nport = 1\nprotocol = tcp\nwait = no\nuser = nobody\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 1, "expected a server"), "and a server");
	read_text("service s\n{\nwait = no extra\ninstances = x\nflags = MAYBE\n}\n");
	is_int((long long)count(FOREIGN_ERROR), 3, "every mistake of an entry is told");
}

/* --- what xinetd serves itself --- */

#define INTERNAL(name, more) "service " name "\n{\ntype = INTERNAL\nwait = no\n" more "}\n"

static void
internals(void)
{
	static const char *const names_of[] = { "echo", "discard", "chargen", "daytime", "time", NULL };
	char text[256];

	for (const char *const *name = names_of; *name; name++) {
		snprintf(text, sizeof(text), INTERNAL("%s", "id = x\nsocket_type = stream\nuser = root\n"),
			 *name);
		read_text(text);
		is(row("x", "handler"), *name, *name);
		ok(runs("x") && !row("x", "user") && !row("x", "wait") && !count(FOREIGN_WARNING),
		   "as a stream service");
		snprintf(text, sizeof(text), INTERNAL("%s", "id = x\nsocket_type = dgram\n"), *name);
		read_text(text);
		ok(runs("x") && strncmp(row("x", "listen"), "udp:", 4) == 0, "as a datagram service");
	}
	read_text("service echo\n{\ntype = INTERNAL\nsocket_type = dgram\nwait = yes\nuser = root\n}\n");
	ok(runs("echo") && !row("echo", "wait"), "wait = yes means nothing to them");
	read_text("service tcpmux\n{\ntype = INTERNAL\nsocket_type = stream\nwait = no\n}\n");
	is(row("tcpmux", "handler"), "tcpmux", "tcpmux");
	is(row("tcpmux", "listen"), "tcp:*:1", "tcpmux has a port");
	read_text(INTERNAL("servers", "socket_type = stream\nport = 9099\n"));
	ok(is_refused("servers") && remarked(FOREIGN_ERROR, 3, "any more"),
	   "B39: servers is gone, with a reason");
	read_text(INTERNAL("services", "socket_type = stream\nport = 9098\n"));
	ok(is_refused("services") && remarked(FOREIGN_ERROR, 3, "any more"), "B39: services as well");
	read_text(
		"service echo-udp\n{\ntype = INTERNAL UNLISTED\nport = 7\nsocket_type = dgram\nwait = yes\n}\n");
	ok(is_refused("echo-udp") && remarked(FOREIGN_ERROR, 3, "no internal service"),
	   "they go by their names");
	read_text(INTERNAL("echo", "socket_type = stream\nnice = 5\nserver = /x\n"));
	ok(runs("echo") && remarked(FOREIGN_NOTE, 6, "no effect") && remarked(FOREIGN_NOTE, 7, "no effect"),
	   "what only a program has is noted");
	is(row("echo", "nice"), NULL, "and left out");
	read_text(INTERNAL("echo", "socket_type = stream\nflags = NAMEINARGS\n"));
	ok(is_refused("echo"), "NAMEINARGS needs a program");
}

static void
sensors(void)
{
	static const struct becomes cases[] = {
		{ "flags = SENSOR\ndeny_time = 60", "ban", "60m" },
		{ "flags = SENSOR\ndeny_time = FOREVER", "ban", "forever" },
		{ "flags = SENSOR\ndeny_time = -1", "ban", "forever" },
		{ "flags = SENSOR\ndeny_time = never", "ban", "0" },
		{ "flags = SENSOR\ndeny_time = 0", "ban", "0" },
		{ "flags = SENSOR", "ban", "0" },
		{ "flags = SENSOR", "handler", "discard" },
		{ "flags = SENSOR", "exec", NULL },
		{ "flags = SENSOR IPv4", "listen", "tcp4:*:4000" },
		{ "type = UNLISTED INTERNAL\nflags = SENSOR", "handler", "discard" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = { { "deny_time = soon\nflags = SENSOR", "minutes" },
					       { NULL, NULL } };
	static const struct says warned[] = { { "deny_time = 5", "without flags = SENSOR" }, { NULL, NULL } };

	all_become(cases);
	all_are_refused(refused);
	all_are_warned_of(warned);
}

static void
redirects(void)
{
	static const struct becomes cases[] = {
		{ "redirect = 10.0.0.1 80", "redirect", "tcp:10.0.0.1:80" },
		{ "redirect = host.example.org 443", "redirect", "tcp:host.example.org:443" },
		{ "redirect = ::1 80", "redirect", "tcp:[::1]:80" },
		{ "redirect = host http", "redirect", "tcp:host:http" },
		{ "redirect = host 80", "nodelay", "true" },
		{ "redirect = host 80", "exec", NULL },
		{ "redirect = host 80", "user", NULL },
		{ "redirect = host 80\nflags = KEEPALIVE", "keepalive", "true" },
		{ "redirect = host 80\nlog_on_success = TRAFFIC PID", "log.success", "traffic pid" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "redirect = host", "two values, not 1" },
		{ "redirect = host 80 90", "two values, not 3" },
		{ "redirect = host 0", "1 to 65535" },
		{ "redirect = host 70000", "1 to 65535" },
		{ "redirect = host no-such-service", "not in /etc/services" },
		{ "redirect = ::g 80", "no address" },
		{ "redirect = @host@ 80", "no address" },
		{ "redirect = host 80\nwait = yes", "wait = no" },
		{ "redirect = host 80\nserver_args = x\nflags = NAMEINARGS", "NAMEINARGS" },
		{ "redirect = host 80\nsocket_type = dgram\nprotocol = udp", "only stream" },
		{ NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
	read_text("service s\n{\ntype = UNLISTED\nport = 1\nprotocol = tcp\nwait = no\nredirect = h 80\n}\n");
	ok(runs("s") && remarked(FOREIGN_WARNING, 1, "user"), "a redirect needs no user");
}

static void
multiplexed(void)
{
	static const struct becomes cases[] = {
		{ "type = TCPMUX UNLISTED", "tcpmux", "s" },
		{ "type = TCPMUX UNLISTED", "tcpmux_plus", NULL },
		{ "type = TCPMUXPLUS UNLISTED", "tcpmux", "s" },
		{ "type = TCPMUXPLUS UNLISTED", "tcpmux_plus", "true" },
		{ "type = TCPMUX UNLISTED", "listen", NULL },
		{ "type = TCPMUX UNLISTED", "exec", "/bin/true" },
		{ "type = RPC UNLISTED\nrpc_number = 100099\nrpc_version = 1", "rpc_program", "100099" },
		{ "type = RPC\nrpc_version = 2-4", "rpc_program", "s" },
		{ "type = RPC\nrpc_version = 2-4", "rpc_version", "2-4" },
		{ "type = RPC\nrpc_version = 1\nport = 900", "listen", "tcp:*:900" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "type = TCPMUX UNLISTED\nwait = yes", "socket_type = stream" },
		{ "type = TCPMUX UNLISTED\nsocket_type = dgram\nprotocol = udp\nwait = yes",
		  "socket_type = stream" },
		{ "type = RPC", "needs an rpc_version" },
		{ "type = RPC UNLISTED\nrpc_version = 1", "needs an rpc_number" },
		{ "rpc_version = 4-2\ntype = RPC", "range" },
		{ "rpc_version = two\ntype = RPC", "range" },
		{ "rpc_version = 2-\ntype = RPC", "range" },
		{ "rpc_number = x\ntype = RPC UNLISTED\nrpc_version = 1", "a number" },
		{ NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
	read_text("service s\n{\ntype = TCPMUX UNLISTED\nid = x\n" BODY "}\n");
	is(row("x", "tcpmux"), "s", "tcpmux offers a service under its name, not its id; it needs no port");
	read_text("service echo\n{\ntype = TCPMUX\n" BODY "}\n");
	ok(runs("echo") && !row("echo", "tcpmux") && remarked(FOREIGN_WARNING, 3, "UNLISTED"),
	   "a service that is listed is not offered");
	read_text(
		"service rstatd\n{\ntype = RPC\nrpc_version = 2-4\nsocket_type = dgram\nprotocol = udp\nwait = yes\n"
		"user = root\nserver = /x\n}\n");
	is(row("rstatd", "listen"), "udp:*:0", "the port of an RPC service is free");
	read_text(
		"service s\n{\ntype = RPC\nrpc_version = 1\nsocket_type = stream\nwait = no\nuser = root\nserver = /x\n}\n");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 3, "needs a protocol"), "RPC needs a protocol");
}

/* --- admission --- */

static void
addresses(void)
{
	static const struct becomes cases[] = {
		{ "only_from = 10.1.2.3", "allow", "10.1.2.3" },
		{ "only_from = 10.1.2.0", "allow", "10.1.2.0/24" },
		{ "only_from = 10.1.0.0", "allow", "10.1.0.0/16" },
		{ "only_from = 10.0.0.0", "allow", "10.0.0.0/8" },
		{ "only_from = 0.0.0.0", "allow", "0.0.0.0/0" },
		{ "only_from = 10.0.0.5", "allow", "10.0.0.5" },
		{ "only_from = 10.1.2.3/8", "allow", "10.0.0.0/8" },
		{ "only_from = 10.1.2.3/32", "allow", "10.1.2.3" },
		{ "only_from = 10.1.2.0/32", "allow", "10.1.2.0" },
		{ "only_from = 216.201.95.130/25", "allow", "216.201.95.128/25" },
		{ "only_from = 0.0.0.0/0", "allow", "0.0.0.0/0" },
		{ "only_from = 0.0.0.0/0 ::/0", "allow", "0.0.0.0/0 ::/0" },
		{ "only_from = ::/0", "allow", "::/0 0.0.0.0/0" },
		{ "only_from = ::1", "allow", "::1" },
		{ "only_from = ::1/128", "allow", "::1" },
		{ "only_from = 2001:DB8::5/32", "allow", "2001:db8::/32" },
		{ "only_from = ::ffff:10.1.2.3", "allow", "10.1.2.3" },
		{ "only_from = ::ffff:10.1.2.3/104", "allow", "10.0.0.0/8" },
		{ "only_from = ::/8", "allow", "::/8" },
		{ "no_access = ::/8", "deny", "::/8 0.0.0.0/0" },
		{ "no_access = ::/0", "deny", "::/0 0.0.0.0/0" },
		{ "no_access = 2000::/3", "deny", "2000::/3" },
		{ "only_from = 10.1.2.{3,4,5}", "allow", "10.1.2.3 10.1.2.4 10.1.2.5" },
		{ "only_from = 10.1.{2,3}", "allow", "10.1.2.0/24 10.1.3.0/24" },
		{ "only_from = 127.{0,1}", "allow", "127.0.0.0/16 127.1.0.0/16" },
		{ "only_from = 10.1.2.{0}", "allow", "10.1.2.0" },
		{ "only_from = localhost", "allow", "localhost" },
		{ "only_from = Host.Example.ORG", "allow", "host.example.org" },
		{ "only_from = host.example.org.", "allow", "host.example.org" },
		{ "only_from = .example.org", "allow", ".example.org" },
		{ "only_from = .Example.org 10.0.0.1", "allow", ".example.org 10.0.0.1" },
		{ "only_from = my_host", "allow", "my_host" },
		{ "only_from =", "allow", "" },
		{ "nice = 1", "allow", NULL },
		{ "no_access =", "deny", NULL },
		{ "no_access = 192.168.1.3", "deny", "192.168.1.3" },
		{ "no_access = 0.0.0.0", "deny", "0.0.0.0/0" },
		{ "only_from = 10.1.0.0 10.1.0.0/16", "allow", "10.1.0.0/16" },
		{ "only_from = 10.1.2.{3,4}\nonly_from -= 10.1.2.3/32", "allow", "10.1.2.4" },
		{ "only_from = testnet", "allow", "192.0.2.0/24" },
		{ "only_from = ALIAS", "allow", "10.9.0.0/16" },
		{ "only_from = loop", "allow", "127.0.0.0/8" },
		{ "only_from = full", "allow", "192.0.2.7" },
		{ "no_access = loop", "deny", "127.0.0.0/8" },
		{ NULL, NULL, NULL },
	};
	static const char *const bad[] = {
		"127.0.0.",
		"127.0.0",
		"127",
		"10.1.2.3.4",
		"10.1.2.300",
		"10.1.2.-1",
		"010.1.2.3",
		"10/8",
		"10.1/16",
		"10.1.2.3/x",
		"10.1.2.3/-1",
		"10.1.2.3/",
		"10.1.2.3/8/8",
		"10.1.2.3/255.0.0.0",
		"::g",
		":::",
		"::1/129",
		"[::1]",
		"fe80::1%lo",
		"2001:db8",
		"10.1.{2,3",
		"10.1.2,3",
		"10.{1}.2",
		"10.1.{}",
		"10.1.{2,,3}",
		"10.1.{2-3}",
		"{1,2}",
		"10.1.{2,3}x",
		"10.1.2.3.{4}",
		"10.1.{300}",
		"10.{1},{2}",
		"*",
		"*.example.org",
		"192.168.*",
		"!10.0.0.1",
		"ALL",
		"LOCAL",
		"all",
		"unix",
		"ALL.",
		"@netgroup",
		"a,b",
		"host:80",
		"a..b",
		"$(net)",
		"{{",
		"<%=",
		"everyone-net",
		"-",
		".",
		"1.2.3.4,5.6.7.8",
		"10.1.2.3/129",
		NULL,
	};
	static const struct says warned[] = {
		{ "only_from = ::", "no client has" },
		{ "only_from = 10.1.2.3/64", "more bits" },
		{ "no_access = 127.0.0.0\nonly_from = 127.0.0.1", "stays out" },
		{ "only_from = 10.1.2.3\nno_access = 0.0.0.0", "stays out" },
		{ "only_from = 10.0.0.0/8\nonly_from -= 10.1.0.0/16", "not in the list" },
		{ NULL, NULL },
	};
	static const char *const fine[] = { "only_from = 127.0.0.1\nno_access = 10.0.0.0",
					    "only_from = 10.0.0.0\nno_access = 10.1.0.0", NULL };
	char attr[128];

	put_text(
		"networks",
		"# comment\ntestnet 192.0.2.0 # ours\nten 10.9 other alias\nloop\t127.0.0.0\neveryone-net 0.0.0.0\n"
		"odd x\nfull 192.0.2.7\nshort\n");
	xinetd_machine.networks = xstrdup(path_of("networks"));
	all_become(cases);
	for (const char *const *word = bad; *word; word++) {
		for (int deny = 0; deny < 2; deny++) {
			snprintf(attr, sizeof(attr), "%s = 10.9.9.9 %s", deny ? "no_access" : "only_from",
				 *word);
			read_service("", attr);
			if (!ok(is_refused("s") && remarked(FOREIGN_ERROR, 3, *word),
				"B37: %s refuses the service", attr))
				show();
		}
	}
	all_are_warned_of(warned);
	all_are_fine(fine);
	free((char *)xinetd_machine.networks);
	xinetd_machine.networks = "/etc/networks";
}

static void
hours(void)
{
	static const struct becomes cases[] = {
		{ "access_times = 8:00-17:30", "hours", "08:00-17:30" },
		{ "access_times = 2:00-8:59 12:00-23:59", "hours", "02:00-08:59 12:00-23:59" },
		{ "access_times = 2:00-9:00 12:00-24:00", "hours", "02:00-09:00 12:00-24:00" },
		{ "access_times = 00:00-00:01", "hours", "00:00-00:01" },
		{ "access_times = 9:5-9:6", "hours", "09:05-09:06" },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "access_times =", "a value" },
		{ "access_times = 8-17", "times such as" },
		{ "access_times = 8:00", "times such as" },
		{ "access_times = 8:00-", "times such as" },
		{ "access_times = 25:00-26:00", "times such as" },
		{ "access_times = 8:60-9:00", "times such as" },
		{ "access_times = 8:00-24:01", "times such as" },
		{ "access_times = 17:00-8:00", "ends before" },
		{ "access_times = 8:00-8:00", "ends before" },
		{ "access_times = 8:00-9:00x", "times such as" },
		{ "access_times = 8:00 - 9:00", "times such as" },
		{ "access_times += 8:00-9:00", "does not take" },
		{ NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
}

static void
limits(void)
{
	static const struct becomes cases[] = {
		{ "instances = 10", "instances", "10" },
		{ "instances = 10", "when_full", "refuse" },
		{ "instances = UNLIMITED", "instances", NULL },
		{ "instances = UNLIMITED", "when_full", NULL },
		{ "instances = 0", "allow", "" },
		{ "instances = 0\nonly_from = 10.0.0.1", "allow", "" },
		{ "instances = 99999999999", "instances", "1000000" },
		{ "per_source = 10", "per_source", "10" },
		{ "per_source = UNLIMITED", "per_source", NULL },
		{ "per_source = 0", "allow", "" },
		{ "per_source = 11\nwait = yes", "per_source", NULL },
		{ "instances = 1\nwait = yes", "instances", "1" },
		{ "cps = 50 10", "rate", "50/1s" },
		{ "cps = 50 10", "rate_burst", "50" },
		{ "cps = 50 10", "rate_pause", "10s" },
		{ "cps = 0 10", "rate", NULL },
		{ "cps = 0 0", "rate", NULL },
		{ "cps = 100 0", "rate_pause", NULL },
		{ "cps = 5000 1000", "rate_pause", "1000s" },
		{ "cps = 5000 100000", "rate_pause", "86400s" },
		{ "nice = 1", "rate", NULL },
		{ "max_load = 2.5", "max_load", "2.5" },
		{ "max_load = 3", "max_load", "3" },
		{ "max_load = .5", "max_load", "0.5" },
		{ "max_load = 0", "max_load", NULL },
		{ "banner = /etc/b", "banner", "/etc/b" },
		{ "banner_success = /etc/b", "banner_allow", "/etc/b" },
		{ "banner_fail = /etc/b", "banner_deny", "/etc/b" },
		{ "banner_fail = /etc/b\nwait = yes", "banner_deny", NULL },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "instances = lots", "number or UNLIMITED" }, { "instances = -1", "number or UNLIMITED" },
		{ "instances = 1.5", "number or UNLIMITED" },  { "instances =", "one value" },
		{ "instances = 1 2", "one value, not 2" },     { "per_source = x", "number or UNLIMITED" },
		{ "cps = 50", "two values, not 1" },           { "cps = 50 10 5", "two values, not 3" },
		{ "cps = UNLIMITED 10", "seconds" },           { "cps = 50 soon", "seconds" },
		{ "max_load = high", "number above 0" },       { "max_load = -1", "number above 0" },
		{ "max_load = 1e3", "number above 0" },        { "max_load = nan", "number above 0" },
		{ "max_load = 1.2.3", "number above 0" },      { NULL, NULL },
	};
	static const struct says warned[] = {
		{ "instances = 0", "nobody" },       { "per_source = 0", "nobody" },
		{ "max_load = 0", "no limit" },      { "cps = 5 100000", "a day" },
		{ "banner = b", "nothing is sent" }, { NULL, NULL },
	};

	all_become(cases);
	all_are_refused(refused);
	all_are_warned_of(warned);
}

static void
wrappers(void)
{
	static const struct becomes cases[] = {
		{ "nice = 1", "tcp_wrappers", "true" },
		{ "server = /usr/sbin/in.ftpd", "tcp_wrappers", "in.ftpd" },
		{ "libwrap = other", "tcp_wrappers", "other" },
		{ "flags = NOLIBWRAP", "tcp_wrappers", NULL },
		{ "flags = NAMEINARGS\nserver_args = /x/in.ftpd -l", "tcp_wrappers", "in.ftpd" },
		{ "redirect = h 80", "tcp_wrappers", "s" },
		{ "type = RPC\nrpc_version = 1", "tcp_wrappers", NULL },
		{ NULL, NULL, NULL },
	};

	xinetd_machine.hosts_allow = xstrdup(path_of("allow"));
	xinetd_machine.hosts_deny = xstrdup(path_of("deny"));
	read_service("", "libwrap = other");
	ok(runs("s") && !row("s", "tcp_wrappers") && remarked(FOREIGN_NOTE, 3, "nobody asks"),
	   "without hosts.allow and hosts.deny nobody asks them");
	put_text("deny", "# ALL: ALL\n\n  \t\n#");
	read_service("", "nice = 1");
	is(row("s", "tcp_wrappers"), NULL, "files of comments are as good as none");
	put_text("deny", "# comment\nALL: ALL\n");
	all_become(cases);
	read_service("", "wait = yes");
	ok(is_refused("s") && remarked(FOREIGN_ERROR, 1, "NOLIBWRAP"),
	   "a program that accepts its clients and rules do not go together");
	read_service("", "wait = yes\nflags = NOLIBWRAP");
	ok(runs("s"), "unless the service says that they do not matter");
	read_service("", "wait = yes\nsocket_type = dgram\nprotocol = udp");
	ok(runs("s"), "one that takes datagrams runs with rules");
	is(row("s", "tcp_wrappers"), "true", "which are asked about it");
	is(row("s", "wait"), "true", "before it is started");
	unlink(path_of("deny"));
	put_text("allow", "ALL: 127.0.0.1");
	read_service("", "nice = 1");
	is(row("s", "tcp_wrappers"), "true", "a rule in hosts.allow counts as well");
	unlink(path_of("allow"));
	free((char *)xinetd_machine.hosts_allow);
	free((char *)xinetd_machine.hosts_deny);
	xinetd_machine.hosts_allow = "/etc/hosts.allow";
	xinetd_machine.hosts_deny = "/etc/hosts.deny";
}

/* --- the log --- */

static void
logs(void)
{
	static const struct becomes cases[] = {
		{ "log_type = FILE /var/log/x", "log.target", "file:/var/log/x" },
		{ "log_type = FILE /var/log/x", "log.format", "xinetd" },
		{ "log_type = FILE /var/log/x", "log.limit", NULL },
		{ "log_type = file /var/log/x 8388608 15728640", "log.limit", "8388608:15728640" },
		{ "log_type = FILE /x 8M", "log.limit", "8388608:8409088" },
		{ "log_type = FILE /x 1M", "log.limit", "1048576:1059061" },
		{ "log_type = FILE /x 10k", "log.limit", "10240:15360" },
		{ "log_type = FILE /x 8M 10M", "log.limit", "8388608:10485760" },
		{ "log_type = FILE /x 5G", "log.target", NULL },
		{ "log_type = SYSLOG daemon", "log.target", "syslog:daemon.info" },
		{ "log_type = SYSLOG authpriv notice", "log.target", "syslog:authpriv.notice" },
		{ "log_type = syslog LOCAL4 Info", "log.target", "syslog:local4.info" },
		{ "log_type = SYSLOG daemon", "log.format", "xinetd" },
		{ "nice = 1", "log.target", NULL },
		{ "nice = 1", "log.format", NULL },
		{ "nice = 1", "log.success", NULL },
		{ "log_type = FILE /x", "log.success", "" },
		{ "log_type = FILE /x", "log.failure", "" },
		{ "log_on_success = PID HOST USERID EXIT DURATION", "log.success",
		  "pid host userid exit duration" },
		{ "log_on_failure = HOST USERID ATTEMPT", "log.failure", "host userid attempt" },
		{ "log_on_success += USERID", "ident", "log" },
		{ "log_on_failure += USERID", "ident", "log" },
		{ "log_on_failure = HOST", "ident", NULL },
		{ "log_on_failure += USERID\nsocket_type = dgram\nprotocol = udp\nwait = yes", "ident",
		  NULL },
		{ "log_on_success = HOST", "ident", NULL },
		{ "flags = IDONLY\nlog_on_success = USERID", "ident", "require" },
		{ "log_on_failure = HOST RECORD", "log.failure", "host" },
		{ "log_on_success += USERID\nwait = yes", "ident", NULL },
		{ NULL, NULL, NULL },
	};
	static const struct says refused[] = {
		{ "log_type = PIPE x", "FILE or SYSLOG" },
		{ "log_type = FILE", "a path" },
		{ "log_type = FILE /x 10M 5M", "less than the first" },
		{ "log_type = FILE /x many", "two sizes" },
		{ "log_type = FILE /x 5G", "two sizes" },
		{ "log_type = FILE /x 1 2 3", "two sizes" },
		{ "log_type = SYSLOG", "a facility" },
		{ "log_type = SYSLOG nothing", "a facility" },
		{ "log_type = SYSLOG daemon loud", "a facility" },
		{ "log_type = SYSLOG daemon info more", "a facility" },
		{ "log_on_success = WHO", "cannot be logged" },
		{ "log_on_failure = PID", "cannot be logged" },
		{ "log_on_success = TRAFFIC", "redirected" },
		{ "flags = IDONLY\nwait = yes", "IDONLY" },
		{ NULL, NULL },
	};
	static const struct says warned[] = {
		{ "log_type =", "no value" },
		{ "log_type = FILE log", "daemon's own log" },
		{ "log_type = FILE /x 0", "no limit" },
		{ "log_on_failure = RECORD", "RECORD" },
		{ NULL, NULL },
	};

	for (const struct becomes *b = cases; b->attrs; b++) {
		struct becomes one[] = { *b, { NULL, NULL, NULL } };

		if (!strstr(b->attrs, "5G"))
			all_become(one);
	}
	all_are_refused(refused);
	all_are_warned_of(warned);
	read_service("defaults\n{\nlog_on_success = TRAFFIC PID\n}\n", "nice = 1");
	ok(runs("s") && !count(FOREIGN_WARNING), "B40: TRAFFIC in defaults stops nobody");
	is(row("s", "log.success"), "pid", "B40: it is for redirected connections only");
	read_service("defaults\n{\nlog_on_success = TRAFFIC PID\n}\n", "redirect = h 80");
	is(row("s", "log.success"), "traffic pid", "B40: they have it");
}

/* Defects of xinetd that are not told of elsewhere here. */
static void
defects(void)
{
	read_service("", "only_from = 2001:db8::1/128");
	is(row("s", "allow"), "2001:db8::1", "B11: an IPv6 prefix of 128 bits is that address");
	read_service("", "only_from = ::/0");
	is(row("s", "allow"), "::/0 0.0.0.0/0", "B11: ::/0 is everybody");
	read_service("", "only_from = ::");
	ok(remarked(FOREIGN_WARNING, 3, "no client has"), "B11: :: is not, which is told");
	put_text("networks", "loopback 127.0.0.0\n");
	xinetd_machine.networks = xstrdup(path_of("networks"));
	read_service("", "only_from = loopback");
	is(row("s", "allow"), "127.0.0.0/8", "B12: the name of a network is its prefix");
	free((char *)xinetd_machine.networks);
	xinetd_machine.networks = "/etc/networks";
	read_service("", "only_from = 127.0.0.1\nno_access = 127.0.0.0");
	is(row("s", "deny"), "127.0.0.0/8", "B13: no_access wins over a longer only_from");
	ok(remarked(FOREIGN_WARNING, 3, "stays out"), "B13: and that is told");
	read_service("", "server = /usr/sbin/tcpd\nserver_args = in.ftpd -l\nflags = NAMEINARGS");
	is(row("s", "argv0"), "in.ftpd", "B23: NAMEINARGS may stand behind server_args");
	is(row("s", "exec"), "/usr/sbin/tcpd -l", "B23: what is behind argv[0] stays an argument");
	read_service("", "v6only = no");
	is(row("s", "listen"), "tcp:*:4000", "B10: v6only = no means no");
	read_service("", "max_load = 0\naccess_times = 2:00-9:00 12:00-24:00");
	ok(runs("s"), "B39: the examples of the manual and the samples run");
	read_service("", "nice = -5\nuser = nobody");
	is(row("s", "nice"), "-5", "B31: a negative priority is kept, also for users that may not have it");
}

/* Whatever an attribute is given, a service with a wrong number of values does not run. */
static void
wrong_numbers_of_values(void)
{
	static const char *const single[] = { "id",           "socket_type", "protocol",    "wait",
					      "user",         "group",       "groups",      "server",
					      "instances",    "per_source",  "max_load",    "nice",
					      "port",         "rpc_version", "rpc_number",  "bind",
					      "interface",    "banner",      "banner_fail", "banner_success",
					      "libwrap",      "v6only",      "umask",       "rlimit_as",
					      "rlimit_cpu",   "rlimit_data", "rlimit_rss",  "rlimit_files",
					      "rlimit_stack", "deny_time",   NULL };
	char attr[64];

	for (const char *const *name = single; *name; name++) {
		snprintf(attr, sizeof(attr), "%s =", *name);
		read_service("", attr);
		ok(f.nservices == 1 && f.services[0].refused && remarked(FOREIGN_ERROR, 3, *name),
		   "B38: %s without a value", *name);
		snprintf(attr, sizeof(attr), "%s = 1 2", *name);
		read_service("", attr);
		ok(f.nservices == 1 && f.services[0].refused && remarked(FOREIGN_ERROR, 3, *name),
		   "B38: %s with two values", *name);
	}
}

static int
remove_cb(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no folder for the tests\n");
		return 1;
	}
	lines();
	line_ends();
	comments();
	braces();
	stray_text();
	repetitions();
	includes();
	defaults_count_everywhere();
	services_over_defaults();
	bad_defaults();
	on_and_off();
	names();
	listening();
	ports_of_names();
	sockets();
	programs();
	internals();
	sensors();
	redirects();
	multiplexed();
	addresses();
	hours();
	limits();
	wrappers();
	logs();
	wrong_numbers_of_values();
	defects();
	foreign_clear(&f);
	nftw(dir, remove_cb, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
