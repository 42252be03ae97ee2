#include "core/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *
check_memory(void *p)
{
	static const char message[] = "evinet: out of memory\n";

	if (!p) {
		fputs(message, stderr);
		abort();
	}
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	return check_memory(calloc(n ? n : 1, size ? size : 1));
}

void *
xrealloc(void *p, size_t size)
{
	return check_memory(realloc(p, size ? size : 1));
}

char *
xstrdup(const char *s)
{
	return check_memory(strdup(s));
}

char *
xasprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return check_memory(n < 0 ? NULL : s);
}

static void
text_reserve(struct text *t, size_t more)
{
	size_t need = t->len + more + 1;

	if (need <= t->size)
		return;
	t->size = t->size ? t->size : 128;
	while (t->size < need)
		t->size *= 2;
	t->s = xrealloc(t->s, t->size);
}

void
text_add(struct text *t, const char *s, size_t len)
{
	text_reserve(t, len);
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

char *
text_put_number(char *out, int64_t v)
{
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char digits[20];
	int n = 0;

	if (v < 0)
		*out++ = '-';
	do
		digits[n++] = (char)('0' + rest % 10);
	while (rest /= 10);
	while (n > 0)
		*out++ = digits[--n];
	*out = '\0';
	return out;
}

char *
text_put(char *out, const char *s)
{
	return stpcpy(out, s);
}

void
text_number(struct text *t, int64_t v)
{
	text_reserve(t, 21);
	t->len = (size_t)(text_put_number(t->s + t->len, v) - t->s);
}

void
text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void
text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	text_reserve(t, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(t->s + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void
text_clear(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

void
strlist_add(struct strlist *l, const char *s)
{
	l->items = xrealloc(l->items, (l->n + 2) * sizeof(*l->items));
	l->items[l->n++] = xstrdup(s);
	l->items[l->n] = NULL;
}

void
strlist_copy(struct strlist *to, const struct strlist *from)
{
	*to = (struct strlist){ 0 };
	for (size_t i = 0; i < from->n; i++)
		strlist_add(to, from->items[i]);
}

void
strlist_clear(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct strlist){ 0 };
}

void
strlist_move(struct strlist *to, struct strlist *from)
{
	to->items = xrealloc(to->items, (to->n + from->n + 1) * sizeof(*to->items));
	for (size_t i = 0; i < from->n; i++)
		to->items[to->n++] = from->items[i];
	to->items[to->n] = NULL;
	free(from->items);
	*from = (struct strlist){ 0 };
}

bool
strlist_equal(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool
is_plain(const char *s, size_t len)
{
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return true;
}

void
text_quote(struct text *t, const char *value, size_t len)
{
	if (is_plain(value, len)) {
		text_add(t, value, len);
		return;
	}
	text_puts(t, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c == '\n')
			text_puts(t, "\\n");
		else if (c == '\t')
			text_puts(t, "\\t");
		else if (c == '\r')
			text_puts(t, "\\r");
		else if (c < ' ' || c >= 0x7f)
			text_printf(t, "\\x%02x", c);
		else
			text_add(t, &value[i], 1);
	}
	text_puts(t, "\"");
}

/* Edit distance of two short words, counting a swap of neighbours as one step. */
static size_t
distance(const char *a, const char *b)
{
	enum { MAX = 40 };
	size_t d[MAX + 1][MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX || lb > MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
			size_t best = d[i - 1][j - 1] + cost;

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *
text_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = 1 + strlen(word) / 3;

	for (; *words; words++) {
		size_t d = distance(word, *words);

		if (d <= best && (!nearest || d < best)) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

/* Reads digits only, so that "-1", "+1", " 1" and "0x1" are not numbers. */
static const char *
read_digits(const char *s, int64_t *out)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)*s))
		return NULL;
	for (; isdigit((unsigned char)*s); s++) {
		if (v > (INT64_MAX - 9) / 10)
			return NULL;
		v = v * 10 + (*s - '0');
	}
	*out = v;
	return s;
}

int
parse_int(const char *s, int64_t min, int64_t max, int64_t *out, struct error *err)
{
	bool negative = *s == '-';
	const char *end;
	int64_t v;

	end = read_digits(s + negative, &v);
	if (!end || *end)
		goto bad;
	if (negative)
		v = -v;
	if (v < min || v > max)
		goto bad;
	*out = v;
	return 0;

bad:
	return error_set(err, 0, "expected a whole number from %" PRId64 " to %" PRId64, min, max);
}

int
parse_bool(const char *s, bool *out, struct error *err)
{
	if (strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0 || strcasecmp(s, "on") == 0)
		*out = true;
	else if (strcasecmp(s, "false") == 0 || strcasecmp(s, "no") == 0 || strcasecmp(s, "off") == 0)
		*out = false;
	else
		return error_set(err, 0, "expected true or false");
	return 0;
}

int
parse_octal(const char *s, int64_t max, int64_t *out, struct error *err)
{
	int64_t v = 0;

	if (!*s)
		goto bad;
	for (const char *p = s; *p; p++) {
		if (*p < '0' || *p > '7' || v > (max - (*p - '0')) / 8)
			goto bad;
		v = v * 8 + (*p - '0');
	}
	if (v > max)
		goto bad;
	*out = v;
	return 0;

bad:
	return error_set(err, 0, "expected an octal number from 0 to 0%" PRIo64, (uint64_t)max);
}

struct unit {
	const char *name;
	int64_t factor;
};

/* The first row is the unit of a bare number. */
static const struct unit durations[] = {
	{ "", 1000 },     { "ms", 1 },       { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 },
	{ "K", 1024 },
	{ "k", 1024 },
	{ "M", 1024LL * 1024 },
	{ "m", 1024LL * 1024 },
	{ "G", 1024LL * 1024 * 1024 },
	{ NULL, 0 },
};

static int
parse_with_unit(const char *s, const struct unit *units, int64_t *out)
{
	const char *end;
	int64_t v;

	end = read_digits(s, &v);
	if (!end)
		return -1;
	for (; units->name; units++) {
		if (strcmp(end, units->name) == 0) {
			if (v > INT64_MAX / 2 / units->factor)
				return -1;
			*out = v * units->factor;
			return 0;
		}
	}
	return -1;
}

int
parse_duration_ms(const char *s, int64_t *out, struct error *err)
{
	if (parse_with_unit(s, durations, out) < 0)
		return error_set(err, 0, "expected a duration such as 500ms, 2s, 5m or 1h");
	return 0;
}

int
parse_size(const char *s, int64_t *out, struct error *err)
{
	if (parse_with_unit(s, sizes, out) < 0)
		return error_set(err, 0, "expected a size such as 512, 64K, 10M or 1G");
	return 0;
}

int
parse_rate(const char *s, struct rate_spec *out, struct error *err)
{
	const char *slash;
	int64_t count, interval;

	slash = read_digits(s, &count);
	if (!slash || *slash != '/' || count < 1 || count > 1000000000)
		goto bad;
	slash++;
	/* "50/s" is short for "50/1s". */
	if (isdigit((unsigned char)*slash)) {
		if (parse_with_unit(slash, durations, &interval) < 0)
			goto bad;
	} else {
		char one[16];

		snprintf(one, sizeof(one), "1%s", slash);
		if (!*slash || strlen(slash) > 2 || parse_with_unit(one, durations, &interval) < 0)
			goto bad;
	}
	if (interval < 1 || interval > 365 * 86400000LL)
		goto bad;
	out->count = count;
	out->interval_ms = interval;
	return 0;

bad:
	return error_set(err, 0, "expected a rate such as 50/1s or 600/m");
}

static void
format_with_unit(int64_t v, const struct unit *units, char *buf, size_t size)
{
	const struct unit *best = &units[1];

	if (v == 0) {
		snprintf(buf, size, "0");
		return;
	}
	for (const struct unit *u = units; u->name; u++)
		if (v % u->factor == 0 && (*u->name || units[0].factor == 1) &&
		    (u->factor > best->factor || v % best->factor != 0))
			best = u;
	snprintf(buf, size, "%" PRId64 "%s", v / best->factor, best->name);
}

void
format_duration_ms(int64_t ms, char *buf, size_t size)
{
	format_with_unit(ms, durations, buf, size);
}

void
format_size(int64_t bytes, char *buf, size_t size)
{
	format_with_unit(bytes, sizes, buf, size);
}

void
format_rate(const struct rate_spec *r, char *buf, size_t size)
{
	char interval[32];

	format_duration_ms(r->interval_ms, interval, sizeof(interval));
	snprintf(buf, size, "%" PRId64 "/%s", r->count, interval);
}
