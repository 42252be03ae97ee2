#ifndef CORE_POLICY_SLOTS_H
#define CORE_POLICY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/policy/source.h"

/* How many sessions there are, in all, from each source and from each network. */

struct slots {
	int max;        /* 0: no limit */
	int per_source; /* 0: no limit, and nothing is kept per source */
	int per_prefix; /* 0: no limit, and nothing is kept per network */
	int prefix_ipv4, prefix_ipv6;
	int taken;
	struct slot_table {
		struct slot_count **table; /* allocated at the first use */
		struct slot_count *unused; /* kept for the next source */
		size_t buckets, sources;
	} by_source, by_prefix;
};

void slots_init(struct slots *, int max, int per_source);

/* After slots_init: a limit for each network of so many bits. */
void slots_limit_prefixes(struct slots *, int per_prefix, int ipv4_bits, int ipv6_bits);

void slots_clear(struct slots *);

bool slots_full(const struct slots *);
bool slots_source_full(const struct slots *, const struct source *);
bool slots_prefix_full(const struct slots *, const struct source *);
void slots_take(struct slots *, const struct source *);
void slots_give_back(struct slots *, const struct source *);

#endif
