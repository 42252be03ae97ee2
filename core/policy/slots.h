#ifndef CORE_POLICY_SLOTS_H
#define CORE_POLICY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* How many sessions there are, in all and from each source. */

/* What counts as one source: an address without its port, or a user on unix sockets. */
struct source {
	uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX; 0: unknown, counted as one */
	uint8_t bytes[16];
};

struct slots {
	int max;        /* 0: no limit */
	int per_source; /* 0: no limit, and nothing is kept per source */
	int taken;
	struct slot_count **table; /* by source, allocated at the first use */
	struct slot_count *unused; /* kept for the next source */
	size_t buckets, sources;
};

void slots_init(struct slots *, int max, int per_source);
void slots_clear(struct slots *);

/* uid is that of a unix peer. */
struct source source_of(const struct sockaddr *, uint32_t uid);

bool slots_full(const struct slots *);
bool slots_source_full(const struct slots *, const struct source *);
void slots_take(struct slots *, const struct source *);
void slots_give_back(struct slots *, const struct source *);

#endif
