#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/option.h"
#include "core/conf/schema.h"
#include "test/unit/tap.h"

/* One member for every type and width that a row can have. */
struct everything {
	bool flag;
	int flag_int;
	int number;
	int64_t wide;
	int octal;
	int64_t duration;
	int duration_s;
	int64_t size;
	int size_int;
	struct rate_spec rate;
	struct limit_spec limit;
	int word;
	char *string;
	struct list_value list;
	char *inner;
};

static const char *const words[] = { "all", "first", NULL };

static int
check_no_x(const char *s, struct error *err)
{
	return strchr(s, 'x') ? error_set(err, 0, "\"%s\" has an x", s) : 0;
}

#define AT(m) .offset = offsetof(struct everything, m), .width = sizeof(((struct everything *)0)->m)

static const struct option rows[] = {
	{ .name = "flag", .type = OPT_BOOL, AT(flag), .def = "true" },
	{ .name = "flag_int", .type = OPT_BOOL, AT(flag_int) },
	{ .name = "number", .type = OPT_INT, AT(number), .def = "40", .min = -20, .max = 100 },
	{ .name = "wide", .type = OPT_INT, AT(wide) },
	{ .name = "octal", .type = OPT_OCTAL, AT(octal), .max = 0777 },
	{ .name = "duration", .type = OPT_DURATION, AT(duration), .def = "5s", .min = 100, .max = 86400000 },
	{ .name = "duration_s", .type = OPT_DURATION, AT(duration_s), .max = 32767 },
	{ .name = "size", .type = OPT_SIZE, AT(size) },
	{ .name = "size_int", .type = OPT_SIZE, AT(size_int), .max = 1 << 20 },
	{ .name = "rate", .type = OPT_RATE, AT(rate) },
	{ .name = "limit", .type = OPT_LIMIT, AT(limit) },
	{ .name = "word", .type = OPT_ENUM, AT(word), .def = "all", .words = words },
	{ .name = "string", .type = OPT_STRING, AT(string), .check = check_no_x },
	{ .name = "list", .type = OPT_LIST, AT(list), .check = check_no_x },
	{ .name = "inner", .section = "block", .type = OPT_STRING, AT(inner) },
	{ .name = NULL },
};

static const struct option *
row(const char *name)
{
	const struct option *o = option_find(rows, strcmp(name, "inner") == 0 ? "block" : NULL, name);

	if (!o) {
		printf("Bail out! no row %s\n", name);
		exit(1);
	}
	return o;
}

static int
set(struct everything *e, const char *name, const char *value, struct error *err)
{
	char *values[] = { (char *)(uintptr_t)value };
	size_t bad;

	return option_set(row(name), e, values, 1, false, &bad, err);
}

/* The strings come one behind the other, each with its NUL: "a\0b\0". */
static int
set_all(struct everything *e, const char *name, const char *values, bool append, size_t *bad,
	struct error *err)
{
	struct strlist l = { 0 };
	int r;

	for (; *values; values += strlen(values) + 1)
		strlist_add(&l, values);
	r = option_set(row(name), e, l.items, l.n, append, bad, err);
	strlist_clear(&l);
	return r;
}

static char *
print(const struct everything *e, const char *name)
{
	struct text t = { 0 };

	if (!option_print(row(name), e, &t)) {
		text_clear(&t);
		return NULL;
	}
	return t.s;
}

/* Sets, and compares how it prints. */
static void
prints(struct everything *e, const char *name, const char *value, const char *expected)
{
	char what[128];
	struct error err = { 0 };
	char *got;

	if (set(e, name, value, &err) < 0) {
		ok(false, "%s = %s is accepted: %s", name, value, err.text);
		return;
	}
	got = print(e, name);
	snprintf(what, sizeof(what), "%s = %s prints as %s", name, value, expected);
	is(got, expected, what);
	free(got);
}

static void
refuses(struct everything *e, const char *name, const char *value, const char *expected)
{
	struct error err = { 0 };
	char *before = print(e, name), *after;
	int r = set(e, name, value, &err);

	after = print(e, name);
	ok(r == -1 && strstr(err.text, expected), "%s = %s is refused: %s", name, value,
	   r < 0 ? err.text : "(it is not)");
	ok((!before && !after) || (before && after && strcmp(before, after) == 0), "and the old value stays");
	free(before);
	free(after);
}

static void
every_type(void)
{
	struct everything e = { 0 };

	prints(&e, "flag", "yes", "true");
	ok(e.flag, "a bool member is set");
	prints(&e, "flag", "false", "false");
	prints(&e, "flag_int", "on", "true");
	is_int(e.flag_int, 1, "an int member can be a truth too");
	refuses(&e, "flag", "1", "true or false");

	prints(&e, "number", "-20", "-20");
	prints(&e, "number", "100", "100");
	refuses(&e, "number", "101", "from -20 to 100");
	refuses(&e, "number", "-21", "from -20 to 100");
	refuses(&e, "number", "4294967297", "from -20 to 100");
	prints(&e, "wide", "5000000000", "5000000000");
	is_int(e.wide, 5000000000, "a wide member takes wide numbers");
	refuses(&e, "wide", "-1", "from 0");

	prints(&e, "octal", "644", "0644");
	is_int(e.octal, 0644, "an octal number is one");
	prints(&e, "octal", "0", "0000");
	refuses(&e, "octal", "1777", "octal");
	refuses(&e, "octal", "0o644", "octal");

	prints(&e, "duration", "1500ms", "1500ms");
	prints(&e, "duration", "60s", "1m");
	is_int(e.duration, 60000, "a duration is kept in milliseconds");
	refuses(&e, "duration", "99ms", "expected 100ms to 1d");
	refuses(&e, "duration", "25h", "expected 100ms to 1d");
	refuses(&e, "duration", "soon", "duration");
	prints(&e, "duration_s", "2m", "2m");
	is_int(e.duration_s, 120, "in an int member it is kept in seconds");
	prints(&e, "duration_s", "1ms", "1s");
	refuses(&e, "duration_s", "10h", "expected 0 to 32767s");

	prints(&e, "size", "64K", "64K");
	is_int(e.size, 65536, "a size is kept in bytes");
	prints(&e, "size", "1536", "1536");
	prints(&e, "size_int", "1M", "1M");
	refuses(&e, "size_int", "2M", "expected 0 to 1M");
	refuses(&e, "size", "-1", "size");

	ok(print(&e, "rate") == NULL, "a rate that is not set does not print");
	prints(&e, "rate", "600/m", "\"600/1m\"");
	refuses(&e, "rate", "fast", "rate");

	ok(print(&e, "limit") == NULL, "nor does a limit");
	prints(&e, "limit", "64M", "\"64M\"");
	ok(e.limit.set && e.limit.soft == 64 << 20 && e.limit.hard == 64 << 20, "one number is both limits");
	prints(&e, "limit", "10:20", "\"10:20\"");
	prints(&e, "limit", "unlimited", "\"unlimited\"");
	ok(e.limit.hard == UINT64_MAX, "unlimited is the highest number");
	prints(&e, "limit", "0:unlimited", "\"0:unlimited\"");
	prints(&e, "limit", "0", "\"0\"");
	refuses(&e, "limit", "20:10", "limit");
	refuses(&e, "limit", "unlimited:10", "limit");
	refuses(&e, "limit", ":10", "limit");
	refuses(&e, "limit", "10:", "limit");
	refuses(&e, "limit", "10:20:30", "limit");
	refuses(&e, "limit", "infinity", "limit");
	refuses(&e, "limit", "11111111111111111111111111111111111111111111", "limit");

	prints(&e, "word", "first", "\"first\"");
	is_int(e.word, 1, "a word is kept as its place");
	refuses(&e, "word", "second", "expected one of: all, first");
	refuses(&e, "word", "First", "expected one of: all, first");

	ok(print(&e, "string") == NULL, "a text that is not set does not print");
	prints(&e, "string", "hello", "\"hello\"");
	prints(&e, "string", "a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\"");
	refuses(&e, "string", "", "not an empty text");
	refuses(&e, "string", "xyz", "has an x");
	options_clear(rows, &e);
	ok(e.string == NULL, "clearing frees what a row owns");
}

static void
lists(void)
{
	struct everything e = { 0 };
	struct error err;
	size_t bad = 99;
	char *s;

	ok(print(&e, "list") == NULL, "a list that was not given does not print");
	ok(set_all(&e, "list", "", false, &bad, &err) == 0 && e.list.set, "an empty list is not nothing");
	s = print(&e, "list");
	is(s, "{}", "and prints as {}");
	free(s);
	set_all(&e, "list", "one\0t\nwo\0", false, &bad, &err);
	set_all(&e, "list", "three\0", true, &bad, &err);
	s = print(&e, "list");
	is(s, "{ \"one\", \"t\\nwo\", \"three\" }", "+= adds to what is there");
	free(s);
	ok(set_all(&e, "list", "a\0b\0x\0xx\0", true, &bad, &err) == -1, "one wrong string refuses the list");
	is_int((long long)bad, 2, "and is pointed at");
	is(err.text, "\"x\" has an x", "with the reason");
	is_int((long long)e.list.list.n, 3, "the old list stays");
	set_all(&e, "list", "four\0", false, &bad, &err);
	is_int((long long)e.list.list.n, 1, "= replaces what was there");

	ok(set_all(&e, "number", "1\0", true, &bad, &err) == -1 && strstr(err.text, "+="),
	   "+= is for lists only: %s", err.text);
	ok(set_all(&e, "number", "1\0002\0", false, &bad, &err) == -1 && strstr(err.text, "one value, not 2"),
	   "one value is not two: %s", err.text);
	ok(set_all(&e, "string", "", false, &bad, &err) == -1 && strstr(err.text, "one value, not 0"),
	   "nor none: %s", err.text);
	options_clear(rows, &e);
	ok(!e.list.set && e.list.list.n == 0, "a cleared list is one that was not given");
}

static void
defaults(void)
{
	struct everything e = { 0 };

	options_default(rows, &e);
	ok(e.flag && e.number == 40 && e.duration == 5000 && e.word == 0, "defaults come from the rows");
	ok(e.string == NULL && !e.list.set && !e.limit.set && e.rate.count == 0,
	   "a row without one stays unset");
	options_clear(rows, &e);
}

/* Fills a member with something that is not its default. */
static void
fill(struct everything *e)
{
	static const char *const settings[][2] = {
		{ "flag", "false" },         { "flag_int", "true" },
		{ "number", "7" },           { "wide", "5000000000" },
		{ "octal", "27" },           { "duration", "7h" },
		{ "duration_s", "9s" },      { "size", "3G" },
		{ "size_int", "5K" },        { "rate", "3/2s" },
		{ "limit", "1K:2K" },        { "word", "first" },
		{ "string", "some\tvalue" }, { "inner", "\x01 ${HOME} # // /* { \" ' \\" },
	};
	size_t bad;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		set(e, settings[i][0], settings[i][1], NULL);
	set_all(e, "list", "#\0a b\0{,}\0\\\0caf\xc3\xa9\0", false, &bad, NULL);
}

static void
copies(void)
{
	struct everything a = { 0 }, b = { 0 }, d = { 0 };
	bool equal = true, differ = true, alone;

	options_default(rows, &d);
	fill(&a);
	options_copy(rows, &b, &a);
	for (const struct option *o = rows; o->name; o++) {
		equal &= option_equal(o, &a, &b);
		differ &= !option_equal(o, &a, &d);
	}
	ok(equal, "a copy equals its original in every row");
	ok(differ, "other values differ in every row");
	alone = a.string != b.string && a.list.list.items != b.list.list.items;
	options_clear(rows, &a);
	ok(alone && strcmp(b.string, "some\tvalue") == 0 && b.list.list.n == 5,
	   "a copy outlives its original");
	options_clear(rows, &b);
	options_clear(rows, &d);

	a = (struct everything){ 0 };
	b = (struct everything){ 0 };
	option_set(row("list"), &a, NULL, 0, false, &(size_t){ 0 }, NULL);
	ok(!option_equal(row("list"), &a, &b), "an empty list does not equal one that was not given");
	options_clear(rows, &a);
}

/* Undoes what option_quote does, as libconfuse would. */
static char *
unquote(const char *s)
{
	struct text t = { 0 };
	unsigned c;

	text_add(&t, "", 0);
	for (s++; *s && *s != '"'; s++) {
		if (*s != '\\') {
			text_add(&t, s, 1);
			continue;
		}
		s++;
		if (*s == 'n') {
			text_add(&t, "\n", 1);
		} else if (*s == 'x' && sscanf(s + 1, "%2x", &c) == 1) {
			char byte = (char)c;

			text_add(&t, &byte, 1);
			s += 2;
		} else {
			text_add(&t, s, 1);
		}
	}
	return t.s;
}

static void
round_trips(void)
{
	struct everything a = { 0 }, b = { 0 };

	fill(&a);
	for (const struct option *o = rows; o->name; o++) {
		struct text t = { 0 };
		char *value;
		struct error err = { 0 };
		size_t bad;

		if (o->type == OPT_LIST)
			continue; /* several strings; see the tests of conf/load */
		option_print(o, &a, &t);
		value = t.s[0] == '"' ? unquote(t.s) : xstrdup(t.s);
		ok(option_set(o, &b, &value, 1, false, &bad, &err) == 0 && option_equal(o, &a, &b),
		   "%s reads back what it prints %s", o->name, err.text);
		free(value);
		text_clear(&t);
	}
	options_clear(rows, &a);
	options_clear(rows, &b);
}

static void
names(void)
{
	ok(option_find(rows, NULL, "number") == &rows[2], "a row is found by its name");
	ok(option_find(rows, NULL, "numbers") == NULL, "and no other");
	ok(option_find(rows, "block", "inner") && !option_find(rows, NULL, "inner"),
	   "a row of a block only in its block");
	is(option_nearest(rows, NULL, "nunber"), "number", "the nearest name is suggested");
	is(option_nearest(rows, NULL, "blok"), "block", "a block's too");
	is(option_nearest(rows, "block", "iner"), "inner", "inside of a block the block's own");
	is(option_nearest(rows, NULL, "inner"), NULL, "and no others outside");
	is(option_type_name(row("list")), "list", "types have names for the manual");
}

/* What holds for every row there is. */
static void
the_schema(void)
{
	const struct option *const tables[] = { service_rows, listener_rows, global_rows };
	struct service_conf s;
	struct listener_conf l = { 0 };
	bool documented = true, unique = true, named = true, placed = true, readable = true;

	for (size_t i = 0; i < 3; i++) {
		for (const struct option *o = tables[i]; o->name; o++) {
			if (!o->doc || !*o->doc || o->doc[strlen(o->doc) - 1] != '.') {
				documented = false;
				printf("# %s has no whole sentence\n", o->name);
			}
			for (const struct option *p = o + 1; p->name; p++)
				if (strcmp(o->name, p->name) == 0 && option_find(o, o->section, p->name) == p)
					unique = false;
			named &= option_type_name(o) != NULL;
			placed &= o->width > 0 && (o->type != OPT_ENUM || o->words);
		}
	}
	ok(documented, "every row has a sentence for the manual");
	ok(unique, "no key stands in a table twice");
	ok(named && placed, "every row has a type, a place and its words");
	service_conf_init(&s);
	options_default(listener_rows, &l);
	for (size_t i = 0; i < 2; i++) {
		const void *base = i ? (void *)&l : (void *)&s;

		for (const struct option *o = tables[i]; o->name; o++) {
			struct text t = { 0 };
			struct service_conf other = { 0 };
			struct listener_conf other_l = { 0 };
			void *to = i ? (void *)&other_l : (void *)&other;
			struct error err = { 0 };
			char *value;
			size_t bad;

			if (!o->def)
				continue;
			option_print(o, base, &t);
			value = t.s[0] == '"' ? unquote(t.s) : xstrdup(t.s);
			if (option_set(o, to, &value, 1, false, &bad, &err) < 0 ||
			    !option_equal(o, to, base)) {
				readable = false;
				printf("# the default of %s, %s: %s\n", o->name, t.s, err.text);
			}
			free(value);
			text_clear(&t);
			option_clear(o, to);
		}
	}
	ok(readable, "every default can be written as it is printed");
	listener_conf_clear(&l);
	service_conf_clear(&s);
}

int
main(void)
{
	every_type();
	lists();
	defaults();
	copies();
	round_trips();
	names();
	the_schema();
	return tap_done();
}
