#ifndef CORE_POLICY_HOURS_H
#define CORE_POLICY_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* Times of the day. */
struct hours {
	struct hours_interval {
		int16_t from,
			to; /* minutes of the day, the last one included; from > to goes over midnight */
	} * intervals;
	size_t n;
};

/* "8:00-17:30", "22:00-06:00", "00:00-24:00"; minutes are whole, and both belong to the interval. -1 with
 * err saying what was expected. */
int hours_add(struct hours *, const char *interval, struct error *);

/* Whether a minute of the day, 0 to 1439, is in one of them. */
bool hours_match(const struct hours *, int minute);

void hours_clear(struct hours *);

#endif
