#include "core/base/clock.h"

#include <string.h>
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
clock_stamp(char buf[CLOCK_STAMP])
{
	/* The calendar part changes once a second; formatting it costs more than the rest. */
	static time_t formatted = -1;
	static char seconds[CLOCK_STAMP - 5];
	static size_t len;
	struct timespec ts;
	int ms;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != formatted) {
		gmtime_r(&ts.tv_sec, &tm);
		len = strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
		formatted = ts.tv_sec;
	}
	ms = (int)(ts.tv_nsec / 1000000);
	memcpy(buf, seconds, len);
	buf += len;
	*buf++ = '.';
	*buf++ = (char)('0' + ms / 100);
	*buf++ = (char)('0' + ms / 10 % 10);
	*buf++ = (char)('0' + ms % 10);
	*buf++ = 'Z';
	*buf = '\0';
}
