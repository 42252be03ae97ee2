#ifndef CORE_NET_RESOLVE_H
#define CORE_NET_RESOLVE_H

#include <stddef.h>

#include "core/sys/addr.h"

struct event_base;
struct resolve;

/* The words of getaddrinfo. Strings are borrowed until the call returns. */
struct resolve_query {
	const char *host;    /* NULL or "": every address (with AI_PASSIVE) */
	const char *service; /* a name or a number; NULL is port 0 */
	int family, socktype, protocol;
	int flags; /* AI_*; AI_PASSIVE is always added */
};

struct addr_list {
	struct addr *addrs; /* owned, without duplicates, in the resolver's order */
	size_t n;
};

void addr_list_clear(struct addr_list *);

/* Answers at once if nothing has to be looked up (a numeric host, or none, and a numeric service).
 * Returns 1 if it did, 0 if a look-up is needed, -1 with err. */
int resolve_numeric(const struct resolve_query *, struct addr_list *, struct error *);

/* Blocks until the answer is there: for --check only, never while the loop runs. */
int resolve_now(const struct resolve_query *, struct addr_list *, struct error *);

/* Exactly one call: with addresses (which the callback takes over), or with NULL and the reason. */
typedef void (*resolve_cb)(struct addr_list *, const struct error *, void *arg);

/* Looks up in a thread, because getaddrinfo blocks and knows what nsswitch.conf says. The name is
 * looked up once for all families and filtered afterwards: asking by family can invent addresses.
 * NULL if no thread can be had (then cb is not called). */
struct resolve *resolve_start(struct event_base *, const struct resolve_query *, resolve_cb, void *arg,
			      struct error *);

/* cb will not be called. Accepts NULL. */
void resolve_cancel(struct resolve *);

#endif
