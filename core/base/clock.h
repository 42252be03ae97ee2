#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds that never go backwards: for limits, durations and timeouts. */
int64_t clock_monotonic_ns(void);

/* Milliseconds of the same clock. */
int64_t clock_monotonic_ms(void);

enum { CLOCK_STAMP = 32 };

/* Writes the wall clock as "2026-01-31T08:09:10.123Z". */
void clock_stamp(char buf[CLOCK_STAMP]);

#endif
