#ifndef CORE_SERVICE_HANDLER_H
#define CORE_SERVICE_HANDLER_H

#include "core/base/error.h"
#include "core/conf/problem.h"

struct conn;
struct listener_socket;
struct service;
struct service_conf;

enum handler_sockets {
	HANDLER_STREAM = 1,   /* connections of any kind */
	HANDLER_DATAGRAM = 2, /* datagram sockets, answered by `datagram` */
	HANDLER_WAIT = 4,     /* `start` can hand the listening or datagram socket to a program */
	HANDLER_CONNECT = 8,  /* connects to somebody else (`redirect`) */
	HANDLER_OFFERS = 16,  /* hands connections over to services that have a name for it (`tcpmux`) */
};

/* What serves a connection. A handler is a constant table; what it keeps is in the service or the
 * connection. The connection owns its descriptor. */
struct handler {
	const char *name;
	const char *doc; /* one line, for the manual */
	unsigned sockets;

	/* The handler that serves what this configuration asks for, if that is not this one. Optional. */
	const struct handler *(*choose)(const struct service_conf *);

	/* Once per service, before it starts: looks up and checks what `start` will need. -1 after
	 * adding to the problems: the service is refused. Optional. */
	int (*prepare)(struct service *, struct problems *);
	void (*release)(struct service *);

	/* Begins to serve. 0, or -1 with err; then nothing is left behind. EMFILE and ENFILE mean that
	 * the client waits until a descriptor is free. For a wait session the connection has no
	 * descriptor but a socket (conn.wait_socket). */
	int (*start)(struct conn *, struct error *);

	/* After the `start` line has been logged: for what may end the session at once. Optional. */
	void (*started)(struct conn *);

	/* Undoes whatever `start` managed to set up; called once, by conn_done. Optional. */
	void (*stop)(struct conn *);

	/* The daemon stops or drains, or a reload has replaced or removed the service: no connection comes any
	 * more. May be called more than once; `force`: what was kept for connections ends at once. Optional. */
	void (*retire)(struct service *, bool force);

	/* Asks the session to end (a timeout, the end of the daemon); `force`: at once. The handler
	 * calls conn_done when it has. */
	void (*kill)(struct conn *, bool force);

	/* Opens files anew after they have been rotated. Optional. */
	void (*reopen)(struct service *);

	/* Something is to be read from a datagram socket. */
	void (*datagram)(struct service *, struct listener_socket *);
};

/* The handler with that name in a NULL-terminated list, or NULL. */
const struct handler *handler_find(const struct handler *const *, const char *name);

#endif
