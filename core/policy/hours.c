#include "core/policy/hours.h"

#include <stdlib.h>

#include "core/base/text.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* H:MM or HH:MM; returns the minute of the day, 1440 for 24:00, or -1. *s is then behind it. */
static int
parse_time(const char **s)
{
	const char *p = *s;
	int hour, minute;

	if (!is_digit(*p))
		return -1;
	hour = *p++ - '0';
	if (is_digit(*p))
		hour = hour * 10 + *p++ - '0';
	if (p[0] != ':' || !is_digit(p[1]) || !is_digit(p[2]))
		return -1;
	minute = (p[1] - '0') * 10 + p[2] - '0';
	*s = p + 3;
	if (minute > 59 || hour > 24 || (hour == 24 && minute > 0))
		return -1;
	return hour * 60 + minute;
}

int
hours_add(struct hours *h, const char *text, struct error *err)
{
	const char *s = text;
	int from = parse_time(&s), to = -1;

	if (from >= 0 && *s == '-') {
		s++;
		to = parse_time(&s);
	}
	if (to < 0 || *s)
		return error_set(err, 0, "expected an interval such as 08:00-17:30, not \"%s\"", text);
	if (from == 1440)
		return error_set(err, 0, "\"%s\" begins at 24:00, which only ends a day", text);
	h->intervals = xrealloc(h->intervals, (h->n + 1) * sizeof(*h->intervals));
	h->intervals[h->n++] = (struct hours_interval){ (int16_t)from, (int16_t)to };
	return 0;
}

bool
hours_match(const struct hours *h, int minute)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct hours_interval *v = &h->intervals[i];

		if (v->from <= v->to ? minute >= v->from && minute <= v->to
				     : minute >= v->from || minute <= v->to)
			return true;
	}
	return false;
}

void
hours_clear(struct hours *h)
{
	free(h->intervals);
	*h = (struct hours){ 0 };
}
