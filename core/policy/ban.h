#ifndef CORE_POLICY_BAN_H
#define CORE_POLICY_BAN_H

#include <sys/queue.h>

#include "core/policy/source.h"

/* Sources that no service serves for a while. There are at most BAN_MAX: then the one whose last hit is
 * oldest goes. Addresses are compared as a whole, and a v4-mapped one is the IPv4 one. */

enum { BAN_MAX = 10240 };

#define BAN_FOREVER INT64_MAX

TAILQ_HEAD(ban_order, ban);

struct bans {
	struct ban **table; /* allocated with the first */
	struct ban_order order;
	size_t n; /* some of them may be over */
};

void bans_clear(struct bans *);

/* Bans a source for so long, from now on: a further hit begins the time anew, and never shortens it. True
 * if it was not banned before. What is not known (family 0, no user) cannot be told from others and is
 * never banned. */
bool bans_add(struct bans *, const struct source *, int64_t ms, int64_t now_ns);

bool bans_match(struct bans *, const struct source *, int64_t now_ns);

#endif
