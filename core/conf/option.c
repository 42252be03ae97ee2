#include "core/conf/option.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
at(const struct option *o, void *base)
{
	return (char *)base + o->offset;
}

static const void *
at_const(const struct option *o, const void *base)
{
	return (const char *)base + o->offset;
}

static int64_t
get_number(const struct option *o, const void *base)
{
	const void *p = at_const(o, base);
	int64_t wide;
	int narrow;
	bool flag;

	if (o->width == sizeof(flag))
		return memcpy(&flag, p, sizeof(flag)), flag;
	if (o->width == sizeof(narrow))
		return memcpy(&narrow, p, sizeof(narrow)), narrow;
	return memcpy(&wide, p, sizeof(wide)), wide;
}

static void
put_number(const struct option *o, void *base, int64_t v)
{
	void *p = at(o, base);
	int narrow = (int)v;
	bool flag = v != 0;

	if (o->width == sizeof(flag))
		memcpy(p, &flag, sizeof(flag));
	else if (o->width == sizeof(narrow))
		memcpy(p, &narrow, sizeof(narrow));
	else
		memcpy(p, &v, sizeof(v));
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool
option_is(const struct option *o, const char *section, const char *name)
{
	return is_same(o->section, section) && strcmp(o->name, name) == 0;
}

const struct option *
option_find(const struct option *rows, const char *section, const char *name)
{
	for (; rows->name; rows++)
		if (option_is(rows, section, name))
			return rows;
	return NULL;
}

bool
option_has_section(const struct option *rows, const char *section)
{
	for (; rows->name; rows++)
		if (rows->section && strcmp(rows->section, section) == 0)
			return true;
	return false;
}

const char *
option_nearest(const struct option *rows, const char *section, const char *name)
{
	const char *names[256];
	size_t n = 0;

	for (; rows->name && n < 250; rows++) {
		if (is_same(rows->section, section))
			names[n++] = rows->name;
		else if (!section && rows->section && (n == 0 || names[n - 1] != rows->section))
			names[n++] = rows->section;
	}
	names[n] = NULL;
	return text_nearest(name, names);
}

void
option_default(const struct option *o, void *base)
{
	char *value = (char *)(uintptr_t)o->def;
	size_t bad;

	if (o->def)
		option_set(o, base, &value, 1, false, &bad, NULL);
}

/* A duration in an int member is kept in seconds, as socket options want it: rounded up, so that
 * a short one does not become 0. */
static int
parse_duration(const struct option *o, const char *s, int64_t *v, struct error *err)
{
	if (parse_duration_ms(s, v, err) < 0)
		return -1;
	if (o->width == sizeof(int))
		*v = (*v + 999) / 1000;
	return 0;
}

static int
parse_word(const struct option *o, const char *s, int64_t *v, struct error *err)
{
	struct text t = { 0 };

	for (int i = 0; o->words[i]; i++) {
		if (strcmp(o->words[i], s) == 0) {
			*v = i;
			text_clear(&t);
			return 0;
		}
		text_printf(&t, "%s%s", i ? ", " : "", o->words[i]);
	}
	error_set(err, 0, "expected one of: %s", t.s);
	text_clear(&t);
	return -1;
}

static int
parse_number(const struct option *o, const char *s, int64_t *v, struct error *err)
{
	int64_t max = o->max ? o->max : o->width == sizeof(int) ? INT32_MAX : INT64_MAX;
	bool flag;

	switch (o->type) {
	case OPT_BOOL:
		if (parse_bool(s, &flag, err) < 0)
			return -1;
		*v = flag;
		return 0;
	case OPT_ENUM:
		return parse_word(o, s, v, err);
	case OPT_INT:
		return parse_int(s, o->min, max, v, err);
	case OPT_OCTAL:
		return parse_octal(s, max, v, err);
	case OPT_DURATION:
		if (parse_duration(o, s, v, err) < 0)
			return -1;
		break;
	default:
		if (parse_size(s, v, err) < 0)
			return -1;
	}
	if (*v < o->min || *v > max) {
		char low[32], high[32];
		int64_t scale = o->type == OPT_DURATION && o->width == sizeof(int) ? 1000 : 1;

		if (o->type == OPT_DURATION) {
			format_duration_ms(o->min * scale, low, sizeof(low));
			format_duration_ms(max * scale, high, sizeof(high));
		} else {
			format_size(o->min, low, sizeof(low));
			format_size(max, high, sizeof(high));
		}
		return error_set(err, 0, "expected %s to %s", low, high);
	}
	return 0;
}

static int
parse_limit_part(const char *s, uint64_t *v)
{
	int64_t n;

	if (strcmp(s, "unlimited") == 0) {
		*v = UINT64_MAX;
		return 0;
	}
	if (parse_size(s, &n, NULL) < 0)
		return -1;
	*v = (uint64_t)n;
	return 0;
}

static int
parse_limit(const char *s, struct limit_spec *l, struct error *err)
{
	const char *colon = strchr(s, ':');
	char soft[32];
	size_t len = colon ? (size_t)(colon - s) : strlen(s);

	if (len >= sizeof(soft))
		goto bad;
	memcpy(soft, s, len);
	soft[len] = '\0';
	if (parse_limit_part(soft, &l->soft) < 0 ||
	    parse_limit_part(colon ? colon + 1 : soft, &l->hard) < 0 || l->soft > l->hard)
		goto bad;
	l->set = true;
	return 0;

bad:
	return error_set(err, 0, "expected a limit such as 64, 64M, unlimited, or SOFT:HARD");
}

static int
set_list(const struct option *o, void *base, char *const *values, size_t n, bool append, size_t *bad,
	 struct error *err)
{
	struct list_value *l = at(o, base);

	for (size_t i = 0; o->check && i < n; i++) {
		if (o->check(values[i], err) < 0) {
			*bad = i;
			return -1;
		}
	}
	if (!append)
		strlist_clear(&l->list);
	l->set = true;
	for (size_t i = 0; i < n; i++)
		strlist_add(&l->list, values[i]);
	return 0;
}

static int
set_string(const struct option *o, void *base, const char *value, struct error *err)
{
	char **p = at(o, base);

	if (!*value)
		return error_set(err, 0, "expected a value, not an empty text");
	if (o->check && o->check(value, err) < 0)
		return -1;
	free(*p);
	*p = xstrdup(value);
	return 0;
}

int
option_set(const struct option *o, void *base, char *const *values, size_t n, bool append, size_t *bad,
	   struct error *err)
{
	struct limit_spec limit;
	struct rate_spec rate;
	int64_t v;

	*bad = 0;
	if (o->type == OPT_LIST)
		return set_list(o, base, values, n, append, bad, err);
	if (append)
		return error_set(err, 0, "takes = and not +=: it is not a list");
	if (n != 1)
		return error_set(err, 0, "expected one value, not %zu", n);
	switch (o->type) {
	case OPT_STRING:
		return set_string(o, base, values[0], err);
	case OPT_RATE:
		if (parse_rate(values[0], &rate, err) < 0)
			return -1;
		memcpy(at(o, base), &rate, sizeof(rate));
		return 0;
	case OPT_LIMIT:
		if (parse_limit(values[0], &limit, err) < 0)
			return -1;
		memcpy(at(o, base), &limit, sizeof(limit));
		return 0;
	default:
		if (parse_number(o, values[0], &v, err) < 0)
			return -1;
		put_number(o, base, v);
		return 0;
	}
}

void
option_copy(const struct option *o, void *to, const void *from)
{
	if (o->type == OPT_LIST) {
		const struct list_value *f = at_const(o, from);
		struct list_value *t = at(o, to);

		t->set = f->set;
		strlist_copy(&t->list, &f->list);
	} else if (o->type == OPT_STRING) {
		char *const *f = at_const(o, from);
		char **t = at(o, to);

		*t = *f ? xstrdup(*f) : NULL;
	} else {
		memcpy(at(o, to), at_const(o, from), o->width);
	}
}

void
option_clear(const struct option *o, void *base)
{
	if (o->type == OPT_LIST) {
		struct list_value *l = at(o, base);

		strlist_clear(&l->list);
		l->set = false;
	} else if (o->type == OPT_STRING) {
		char **p = at(o, base);

		free(*p);
		*p = NULL;
	}
}

bool
option_equal(const struct option *o, const void *a, const void *b)
{
	const struct list_value *la = at_const(o, a), *lb = at_const(o, b);
	char *const *sa = at_const(o, a), *const *sb = at_const(o, b);
	const struct limit_spec *ma = at_const(o, a), *mb = at_const(o, b);
	const struct rate_spec *ra = at_const(o, a), *rb = at_const(o, b);

	switch (o->type) {
	case OPT_LIST:
		return la->set == lb->set && strlist_equal(&la->list, &lb->list);
	case OPT_STRING:
		return is_same(*sa, *sb);
	case OPT_LIMIT:
		return ma->set == mb->set && (!ma->set || (ma->soft == mb->soft && ma->hard == mb->hard));
	case OPT_RATE:
		return ra->count == rb->count && ra->interval_ms == rb->interval_ms;
	default:
		return get_number(o, a) == get_number(o, b);
	}
}

void
option_quote(struct text *t, const char *s)
{
	text_puts(t, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c == '\n')
			text_puts(t, "\\n");
		else if (c < ' ' || c == 0x7f)
			text_printf(t, "\\x%02x", c);
		else
			text_add(t, s, 1);
	}
	text_puts(t, "\"");
}

static void
print_limit_part(uint64_t v, struct text *t)
{
	char buf[32];

	if (v == UINT64_MAX) {
		text_puts(t, "unlimited");
		return;
	}
	format_size((int64_t)v, buf, sizeof(buf));
	text_puts(t, buf);
}

static void
print_list(const struct list_value *l, struct text *t)
{
	text_puts(t, "{");
	for (size_t i = 0; i < l->list.n; i++) {
		text_puts(t, i ? ", " : " ");
		option_quote(t, l->list.items[i]);
	}
	text_puts(t, l->list.n ? " }" : "}");
}

static void
print_limit(const struct limit_spec *l, struct text *t)
{
	text_puts(t, "\"");
	print_limit_part(l->soft, t);
	if (l->soft != l->hard) {
		text_puts(t, ":");
		print_limit_part(l->hard, t);
	}
	text_puts(t, "\"");
}

static void
print_number(const struct option *o, int64_t v, struct text *t)
{
	char buf[32];

	switch (o->type) {
	case OPT_BOOL:
		text_puts(t, v ? "true" : "false");
		return;
	case OPT_ENUM:
		text_printf(t, "\"%s\"", o->words[v]);
		return;
	case OPT_OCTAL:
		text_printf(t, "%04" PRIo64, (uint64_t)v);
		return;
	case OPT_DURATION:
		format_duration_ms(o->width == sizeof(int) ? v * 1000 : v, buf, sizeof(buf));
		break;
	case OPT_SIZE:
		format_size(v, buf, sizeof(buf));
		break;
	default:
		snprintf(buf, sizeof(buf), "%" PRId64, v);
	}
	text_puts(t, buf);
}

bool
option_print(const struct option *o, const void *base, struct text *t)
{
	const struct list_value *list = at_const(o, base);
	const struct limit_spec *limit = at_const(o, base);
	const struct rate_spec *rate = at_const(o, base);
	char *const *s = at_const(o, base);
	char buf[64];

	switch (o->type) {
	case OPT_LIST:
		if (!list->set)
			return false;
		print_list(list, t);
		return true;
	case OPT_LIMIT:
		if (!limit->set)
			return false;
		print_limit(limit, t);
		return true;
	case OPT_RATE:
		if (!rate->count)
			return false;
		format_rate(rate, buf, sizeof(buf));
		text_printf(t, "\"%s\"", buf);
		return true;
	case OPT_STRING:
		if (!*s)
			return false;
		option_quote(t, *s);
		return true;
	default:
		print_number(o, get_number(o, base), t);
		return true;
	}
}

const char *
option_type_name(const struct option *o)
{
	static const char *const names[] = {
		[OPT_BOOL] = "true or false", [OPT_INT] = "whole number", [OPT_OCTAL] = "octal number",
		[OPT_DURATION] = "duration",  [OPT_SIZE] = "size",        [OPT_RATE] = "rate",
		[OPT_LIMIT] = "limit",        [OPT_ENUM] = "word",        [OPT_STRING] = "text",
		[OPT_LIST] = "list",
	};

	return names[o->type];
}

void
options_default(const struct option *rows, void *base)
{
	for (; rows->name; rows++)
		option_default(rows, base);
}

void
options_copy(const struct option *rows, void *to, const void *from)
{
	for (; rows->name; rows++)
		option_copy(rows, to, from);
}

void
options_clear(const struct option *rows, void *base)
{
	for (; rows->name; rows++)
		option_clear(rows, base);
}
