#ifndef CORE_NET_RPCBIND_H
#define CORE_NET_RPCBIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/sys/addr.h"

/* Tells rpcbind, which knows where the ONC RPC programs of this machine are, what to register (RFC 1833).
 * Over its unix socket, where it sees who asks, and without waiting: it needs an event base alone. */

struct event_base;
struct rpcbind;

extern const char rpcbind_socket[]; /* where it listens */

enum { RPCBIND_ADDRESS = 64 };

struct rpcbind_request {
	enum { RPCBIND_SET = 1, RPCBIND_UNSET = 2 } what;
	uint32_t program, version;
	const char *netid;             /* "tcp", "udp", "tcp6" or "udp6" */
	char address[RPCBIND_ADDRESS]; /* a universal address: "127.0.0.1.3.232"; may be empty for UNSET */
	bool done;                     /* its answer was yes */
};

/* The netid of a socket with this address, or NULL if there is none. Writes the universal address. */
const char *rpcbind_describe(const struct addr *, char address[RPCBIND_ADDRESS]);

/* Called once, from the loop: with NULL when every request has been answered, or with the reason why the
 * rest could not be. */
typedef void (*rpcbind_cb)(const struct error *, void *arg);

/* Sends the requests one after another. They are borrowed until the callback. Never NULL. */
struct rpcbind *rpcbind_start(struct event_base *, const char *socket, struct rpcbind_request *, size_t n,
			      rpcbind_cb, void *arg);

/* The callback will not be called. Accepts NULL. */
void rpcbind_cancel(struct rpcbind *);

#endif
