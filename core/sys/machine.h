#ifndef CORE_SYS_MACHINE_H
#define CORE_SYS_MACHINE_H

#include <stdint.h>

/* How the machine is. Each value is read when it is asked for, and at most once a second: all services
 * share it. All zero is one that has read nothing yet; now_ns is the monotonic clock. */
struct machine {
	double load;    /* average of one minute */
	int64_t memory; /* bytes that programs can still have */
	int minute;     /* of the day, by local time */
	int64_t load_until, memory_until, minute_until;
};

/* One that cannot be read is higher than every limit. */
double machine_load(struct machine *, int64_t now_ns);

/* One that cannot be read is 0. */
int64_t machine_memory(struct machine *, int64_t now_ns);

int machine_minute(struct machine *, int64_t now_ns);

/* MemAvailable of a text such as /proc/meminfo, in bytes; -1 if it does not say. */
int64_t machine_parse_memory(const char *text);

#endif
