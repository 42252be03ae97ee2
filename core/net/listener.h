#ifndef CORE_NET_LISTENER_H
#define CORE_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/base/error.h"
#include "core/net/socket.h"
#include "core/sys/addr.h"

/*
 * Listens on every address that a name stands for, and hands over connections. Modelled on Perl's
 * IO::Async::Listener; needs an event_base and nothing else of evinetd.
 *
 *	static void
 *	on_accept(struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len,
 *		  void *arg)
 *	{
 *		serve(fd);
 *	}
 *
 *	static const struct listener_callbacks callbacks = { .on_accept = on_accept };
 *	struct listener_params params = LISTENER_PARAMS;
 *	struct listener *l = listener_new(base, &callbacks, NULL);
 *
 *	params.host = "localhost";
 *	params.service = "echo";
 *	params.socktype = SOCK_STREAM;
 *	if (listener_listen(l, &params, &err) < 0)
 *		errx(1, "%s", err.text);
 *
 * test/examples/echo.c is the whole program.
 */

struct event_base;
struct listener;
struct listener_socket; /* one listening socket of a listener */

/* Why a listener is not accepting. It accepts while no hold is set; the sockets stay open, and
 * clients wait in their queues. */
enum listener_hold {
	HOLD_FULL = 1,
	HOLD_RATE = 2,
	HOLD_NOFILE = 4, /* out of descriptors: set here, and released here after a second */
	HOLD_CHILD = 8,  /* a program has the socket */
	HOLD_PAUSED = 16,
	HOLD_STOPPING = 32,
	HOLD_PENDING = 64, /* a connection that was accepted waits for a descriptor */
};

enum listener_mode {
	LISTENER_ACCEPT, /* connections are accepted and given to on_accept */
	LISTENER_READY,  /* on_ready tells that there is something to read or accept */
};

/* Where and how. One of handle, addrs, or host and service says where. Start from LISTENER_PARAMS,
 * which is: no handle, a queue of 3, SO_REUSEADDR and IPV6_V6ONLY on. */
struct listener_params {
	/* An existing, listening (or bound datagram) socket, or -1. Taken over if listener_listen
	 * succeeds; the caller's otherwise. */
	int handle;

	const struct addr *addrs;
	size_t naddrs;

	const char *host;    /* NULL or "": every address of this machine */
	const char *service; /* name or number; "0": the kernel chooses, one port for all addresses */
	int family, socktype, protocol, flags; /* as for getaddrinfo */

	enum listener_mode mode; /* datagram sockets are always LISTENER_READY */
	bool first;              /* stop at the first address that works instead of binding all */
	struct socket_params socket;
};

extern const struct listener_params LISTENER_PARAMS;

/* A socket that has left its listener, with all that belongs to it. */
struct listener_spare {
	struct addr wanted, bound; /* as it was asked for, and its real address */
	int fd;
	struct socket_file file;
	bool held;  /* HOLD_CHILD was set on it */
	void *user; /* see listener_socket_set_user */
};

/* All are optional but on_accept (or on_ready). arg is the one given to listener_new. */
struct listener_callbacks {
	/* A connection. fd is the callee's, blocking and close-on-exec. */
	void (*on_accept)(struct listener_socket *, int fd, const struct sockaddr *peer, socklen_t len,
			  void *arg);
	/* LISTENER_READY: something waits; called again and again until it is taken or held. */
	void (*on_ready)(struct listener_socket *, void *arg);
	/* Before an address is opened: true if there is a socket for it already, which the listener takes
	 * over. `port` is the one it has to have, if another address has chosen one; 0 otherwise. */
	bool (*on_open)(struct listener *, const struct addr *, int port, struct listener_spare *, void *arg);
	/* Once for each socket that listens. Its address can be read, port 0 included. */
	void (*on_listen)(struct listener_socket *, void *arg);
	/* The name did not resolve: nothing was opened. */
	void (*on_resolve_error)(struct listener *, const struct error *, void *arg);
	/* Once for each address and refused call; the other addresses go on. */
	void (*on_fail)(struct listener *, const struct addr *, const struct socket_fail *, void *arg);
	/* No address is left that listens. The fail is the most telling one (listen before bind
	 * before setsockopt before socket); NULL if the name did not resolve. */
	void (*on_listen_error)(struct listener *, const struct socket_fail *, void *arg);
	/* After all of the above: everything has been tried once. */
	void (*on_settled)(struct listener *, void *arg);
	/* accept(2) failed. EMFILE and ENFILE have set HOLD_NOFILE before this is called. */
	void (*on_accept_error)(struct listener *, int errnum, void *arg);
	/* A socket that was taken over (on_open) has its place. */
	void (*on_adopt)(struct listener_socket *, void *arg);
};

/* The callbacks are borrowed. Never NULL. */
struct listener *listener_new(struct event_base *, const struct listener_callbacks *, void *arg);

/* Begins to listen; the callbacks tell how it went: before this returns where nothing has to be
 * looked up, from the loop otherwise. The params are copied. -1 with err if they make no sense or
 * a look-up cannot be started; then no callback is called. */
int listener_listen(struct listener *, const struct listener_params *, struct error *);

/* Tries again what is not listening (addresses that failed, a name that did not resolve). */
void listener_retry(struct listener *);

/* Closes the sockets and removes the files of unix sockets it made. Accepts NULL, and is safe to
 * call from within any callback. */
void listener_free(struct listener *);

/* Closes the sockets, keeps the rest (holds, params). */
void listener_close(struct listener *);

/* From now on the callbacks get another argument. */
void listener_set_arg(struct listener *, void *arg);
void *listener_arg(const struct listener *);

/* Takes the first open socket out; it is the caller's then. False if there is none. Not from within a
 * callback of the same listener. */
bool listener_detach(struct listener *, struct listener_spare *);

/* Closes one that nobody wants, and removes its file. */
void listener_spare_close(struct listener_spare *);

/* Another length for the queues of its sockets. */
void listener_set_queue(struct listener *, int queuesize);

/* Whether a look-up is under way. */
bool listener_is_resolving(const struct listener *);

void listener_hold(struct listener *, enum listener_hold);
void listener_release(struct listener *, enum listener_hold);
unsigned listener_holds(const struct listener *);

/* HOLD_CHILD for one socket: its program has it, the other addresses go on. */
void listener_socket_hold(struct listener_socket *);
void listener_socket_release(struct listener_socket *);

/* Whatever the caller keeps with a socket; it goes along when the socket leaves. */
void listener_socket_set_user(struct listener_socket *, void *user);
void *listener_socket_user(const struct listener_socket *);

/* Holds now and releases after a while. */
void listener_socket_pause(struct listener_socket *, const struct timeval *);

/* How many sockets listen, and how many addresses could. */
size_t listener_listening(const struct listener *);
size_t listener_addresses(const struct listener *);

/* The sockets that listen, in the resolver's order. NULL behind the last. */
struct listener_socket *listener_socket_at(struct listener *, size_t index);

struct listener *listener_of(const struct listener_socket *);
int listener_socket_fd(const struct listener_socket *);
const struct addr *listener_socket_addr(const struct listener_socket *); /* the real one */

#endif
