#ifndef CORE_NET_WRAPPERS_H
#define CORE_NET_WRAPPERS_H

#include <sys/resource.h>
#include <sys/socket.h>

#include "core/base/error.h"

struct event_base;
struct wrappers;

/*
 * Asks TCP Wrappers (hosts.allow and hosts.deny). The library that reads these looks up names, talks to
 * identd and runs commands, all of it while its caller waits, and may end the process. So a program of its
 * own, evinetd-wrappers, is linked with it; it is started at the first question, forks for each, and is
 * started again if it dies.
 */

enum wrappers_verdict {
	WRAPPERS_ALLOW,
	WRAPPERS_DENY,
	WRAPPERS_NONE, /* nobody has answered: an error, or a rule has given the connection to a program */
};

/* why is NULL unless the verdict is WRAPPERS_NONE. */
typedef void (*wrappers_cb)(enum wrappers_verdict, const char *why, void *arg);

/* Whether the program is there. nofile: the limit of open files that it and its commands get, or NULL. 0, or -1
 * with err. */
int wrappers_prepare(const struct rlimit *nofile, struct error *);

/* Asks for a connection to `daemon`, as hosts.allow calls it. Calls back once, from the loop, after 30 seconds
 * at the latest; NULL with err if it cannot be asked, and then not at all. `daemon` is borrowed until then,
 * and so is the connection. */
struct wrappers *wrappers_ask(struct event_base *, const char *daemon, int fd, wrappers_cb, void *arg,
			      struct error *);

/* The two ends of what is no connection: who has sent a datagram, and the address of the socket. */
struct wrappers_ends {
	struct sockaddr_storage peer, local;
};

/* Asks the same about a datagram. The socket is left alone: a rule that gives it to a program gives it nothing.
 * The ends are copied. */
struct wrappers *wrappers_ask_about(struct event_base *, const char *daemon, const struct wrappers_ends *,
				    wrappers_cb, void *arg, struct error *);

/* cb will not be called. Accepts NULL. */
void wrappers_cancel(struct wrappers *);

/* Lets the program end. Nobody may be asking. */
void wrappers_stop(void);

#endif
