/* Single values: what is read prints as a text that reads back as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct values {
	bool flag;
	int number, octal, word, seconds, bytes;
	int64_t wide, duration, size;
	struct rate_spec rate;
	struct limit_spec limit;
	char *string;
	struct list_value list;
};

static const char *const words[] = { "all", "first", NULL };

#define AT(m) .offset = offsetof(struct values, m), .width = sizeof(((struct values *)0)->m)

static const struct option rows[] = {
	{ .name = "flag", .type = OPT_BOOL, AT(flag) },
	{ .name = "number", .type = OPT_INT, AT(number), .min = -20, .max = 1000000 },
	{ .name = "wide", .type = OPT_INT, AT(wide) },
	{ .name = "octal", .type = OPT_OCTAL, AT(octal), .max = 07777 },
	{ .name = "word", .type = OPT_ENUM, AT(word), .words = words },
	{ .name = "seconds", .type = OPT_DURATION, AT(seconds) },
	{ .name = "duration", .type = OPT_DURATION, AT(duration) },
	{ .name = "bytes", .type = OPT_SIZE, AT(bytes) },
	{ .name = "size", .type = OPT_SIZE, AT(size) },
	{ .name = "rate", .type = OPT_RATE, AT(rate) },
	{ .name = "limit", .type = OPT_LIMIT, AT(limit) },
	{ .name = "string", .type = OPT_STRING, AT(string) },
	{ .name = "list", .type = OPT_LIST, AT(list) },
	{ .name = NULL },
};

static void
check_row(const struct option *o, char *value)
{
	struct values a = { 0 }, b = { 0 };
	struct error err = { 0 };
	struct text t = { 0 };
	char *printed;
	size_t bad;

	if (option_set(o, &a, &value, 1, false, &bad, &err) < 0) {
		if (!err.text[0])
			abort();
		options_clear(rows, &a);
		return;
	}
	if (!option_print(o, &a, &t))
		abort();
	/* Texts have escapes, which are the parser's to undo: see the target for whole files. */
	if (o->type != OPT_STRING && o->type != OPT_LIST) {
		bool quoted = t.s[0] == '"';

		printed = strndup(t.s + quoted, t.len - 2 * quoted);
		if (option_set(o, &b, &printed, 1, false, &bad, &err) < 0 || !option_equal(o, &a, &b)) {
			fprintf(stderr, "%s: \"%s\" prints as %s: %s\n", o->name, value, t.s, err.text);
			abort();
		}
		free(printed);
	}
	text_clear(&t);
	options_clear(rows, &a);
	options_clear(rows, &b);
}

static void
check_quote(const uint8_t *data, size_t len)
{
	struct text t = { 0 };

	text_quote(&t, (const char *)data, len);
	for (size_t i = 0; i < t.len; i++)
		if (t.s[i] < ' ' || t.s[i] > '~')
			abort();
	text_clear(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *value = malloc(len + 1);

	memcpy(value, data, len);
	value[len] = '\0';
	for (const struct option *o = rows; o->name; o++)
		check_row(o, value);
	option_nearest(rows, NULL, value);
	check_quote(data, len);
	free(value);
	return 0;
}
