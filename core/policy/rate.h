#ifndef CORE_POLICY_RATE_H
#define CORE_POLICY_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* A token bucket: `count` tokens per interval, at most `burst` saved up. Time is the caller's, in
 * monotonic nanoseconds, so that it can be tested. */
struct rate {
	int64_t ns_per_token; /* 0: no limit */
	int64_t burst;
	int64_t full_at; /* when the bucket would be full again */
};

/* count and interval as configured; burst 0 means count. Starts full. */
void rate_init(struct rate *, int64_t count, int64_t interval_ms, int64_t burst);

/* Takes a token; false if there is none. */
bool rate_take(struct rate *, int64_t now_ns);

/* Nanoseconds until the next token; 0 if there is one. */
int64_t rate_delay(const struct rate *, int64_t now_ns);

#endif
