#ifndef CORE_SERVICE_RELOAD_H
#define CORE_SERVICE_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct problems;
struct registry;

struct reload_counts {
	size_t added, changed, removed, kept;
};

/* Makes the services that run follow a configuration that has just been read: all of it, or nothing (-1)
 * if there is an error among the problems, or comes up while the new services are prepared.
 *
 * A service that says the same as before is not touched. Of one that says something else, the sessions go
 * on as they began and count on; the sockets whose words have not changed stay open, and what waits in
 * their queues is served by the new one. One that is gone listens no more. Names are looked up for what
 * is new only, in the background: the registry's on_settled tells when all has been tried.
 *
 * relog: the daemon's own log has changed, and with it what services with a log of their own inherit. */
int reload_services(struct registry *, const struct config *, bool relog, struct problems *,
		    struct reload_counts *);

#endif
