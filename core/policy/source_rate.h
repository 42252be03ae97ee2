#ifndef CORE_POLICY_SOURCE_RATE_H
#define CORE_POLICY_SOURCE_RATE_H

#include <sys/queue.h>

#include "core/policy/rate.h"
#include "core/policy/source.h"

/* A token bucket for each source. One that is full again is as good as none and is forgotten; there are
 * at most SOURCE_RATE_MAX, and then the source that has been quiet for longest is forgotten early. */

enum { SOURCE_RATE_MAX = 65536 };

TAILQ_HEAD(source_bucket_list, source_bucket);

struct source_rate {
	struct rate rate;               /* a full bucket: what a new source gets */
	struct source_bucket **table;   /* allocated at the first use */
	struct source_bucket_list used; /* the one that has been quiet for longest is the first */
	size_t buckets, n;
};

/* As rate_init: so many tokens for each source in each interval. */
void source_rate_init(struct source_rate *, int64_t count, int64_t interval_ms);
void source_rate_clear(struct source_rate *);

/* Takes over the buckets of another of the same rate, which has none then. */
void source_rate_continue(struct source_rate *, struct source_rate *from);

/* Whether the source has a token. */
bool source_rate_has(const struct source_rate *, const struct source *, int64_t now_ns);

/* Takes the token, which is there. */
void source_rate_take(struct source_rate *, const struct source *, int64_t now_ns);

#endif
