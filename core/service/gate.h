#ifndef CORE_SERVICE_GATE_H
#define CORE_SERVICE_GATE_H

#include <stdbool.h>

#include "core/conf/problem.h"

struct conn;
struct service;

/*
 * What happens between the admission of a connection and its start, and may take time: `banner` is sent, the
 * name of the peer is looked up for allow and deny, TCP Wrappers and identd are asked, `banner_allow` is sent.
 * The connection has its slot meanwhile. Either it starts, or there is one `refuse`.
 *
 * For a program that takes the datagrams itself (`wait`), names and TCP Wrappers are asked about whoever sent the
 * first one that waits. Its socket is held meanwhile; a refusal takes that datagram away.
 */

/* Checks the keys that ask for it, and sets service.gate if there are any. Problems are added. */
void gate_prepare(struct service *, struct problems *);
void gate_release(struct service *);

/* Whether it can be kept for such a socket: what decides who is let in needs a connection, or the first
 * datagram for a program. */
bool gate_fits(const struct service *, int socktype);

/* For a service with a gate: takes a new connection, or a session for the first datagram that waits, through, and
 * starts it. It may be gone afterwards. */
void gate_enter(struct conn *);

/* The service stops: one that is still on its way (conn.gate) is refused. */
void gate_abandon(struct conn *);

/* All of them: they are no sessions that could go on. */
void gate_abandon_all(struct service *);

/* Another service gets the sockets: it is to ask about the datagrams anew. */
void gate_withdraw_senders(struct service *);

/* For a service with a gate: sends the banners to a client that is refused without having been a connection, and
 * closes. */
void gate_turn_away(struct service *, int fd);

#endif
