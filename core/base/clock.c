#include "core/base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t
clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

void
clock_stamp(char *buf, size_t size)
{
	/* The calendar part changes once a second; formatting it costs more than the rest. */
	static time_t formatted = -1;
	static char seconds[24];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != formatted) {
		gmtime_r(&ts.tv_sec, &tm);
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
		formatted = ts.tv_sec;
	}
	snprintf(buf, size, "%s.%03dZ", seconds, (int)(ts.tv_nsec / 1000000));
}
