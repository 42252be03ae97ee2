#ifndef CORE_SERVICE_LEFTOVER_H
#define CORE_SERVICE_LEFTOVER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "core/net/listener.h"

struct conn;
struct registry;
struct service;
struct service_listener;

/* Sockets that a reload has taken from their listeners. They go on listening, and nobody accepts, until
 * it is known whether somebody else wants the same address: then no client in the queue is lost. One
 * that a program of a removed `wait` service has is kept until that program ends. */

TAILQ_HEAD(leftover_list, leftover);

/* Takes over a socket that was one of this listener. heir: the service that replaces its own; NULL if there
 * is none. */
void leftovers_add(struct service_listener *, const struct listener_spare *, const struct service *heir);

/* One that can serve as that address of a listener; port: that it has to have, or 0. False if there is
 * none; then those are closed that would be in the way. */
bool leftovers_take(struct service_listener *, const struct addr *, int port, struct listener_spare *);

/* What one service was to get is another's (or, with NULL, nobody's). */
void leftovers_pass_on(struct registry *, const struct service *from, const struct service *heir);

/* Something of a service has been tried. When it was the last of it, what it has left over is closed. */
void leftovers_settled(const struct service *);

/* Closes those for which nobody comes any more. */
void leftovers_close_unwanted(struct registry *);

/* A program that has a socket which no listener has any more has ended. */
void leftovers_conn_gone(struct registry *, const struct conn *);

/* Closes all. */
void leftovers_close(struct registry *);

#endif
