#ifndef CORE_NET_IDENT_H
#define CORE_NET_IDENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/addr.h"

struct event_base;
struct ident;

/* Asks the machine of a peer for the name of the user there (RFC 1413, port 113). The answer is what that
 * machine likes to say: for logs, and for nothing that has to be true. */

enum { IDENT_SYSTEM = 64, IDENT_USER = 513, IDENT_REPLY = 1024 };

/* Whom it names: the system, perhaps with a character set, and the user there. Both may hold anything but NUL,
 * CR and LF. */
struct ident_user {
	char system[IDENT_SYSTEM], name[IDENT_USER];
};

/* Reads an answer, which need not end in a newline. The ports are those that were asked for, the peer's
 * first. 0 with the user, or -1 with err. */
int ident_parse(const char *line, size_t len, int peer_port, int local_port, struct ident_user *,
		struct error *err);

/* The user is NULL if there is no answer that says, and then err tells why. */
typedef void (*ident_cb)(const struct ident_user *, const struct error *err, void *arg);

/* Asks about the connection between two IP addresses with ports. Calls back once, from the loop; NULL with err
 * if it cannot even be begun, and then not at all. */
struct ident *ident_ask(struct event_base *, const struct sockaddr *peer, const struct sockaddr *local,
			int64_t timeout_ms, ident_cb, void *arg, struct error *);

/* cb will not be called. Accepts NULL. */
void ident_cancel(struct ident *);

#endif
