#ifndef HANDLERS_DATAGRAM_H
#define HANDLERS_DATAGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct listener_socket;
struct service;

/* Writes the answer to one datagram; returns its length, which may be 0, or -1 for no answer. */
typedef ssize_t (*datagram_answer)(const char *in, size_t len, char *out, size_t max);

/* Answers what waits on a datagram socket, each from the address it was sent to. Datagrams have no
 * sessions: nothing is logged but refusals. The service's allow, deny and rate apply, and a source
 * port that is itself such a service gets nothing: two of them would answer each other for ever. */
void datagram_serve(struct service *, struct listener_socket *, datagram_answer);

#endif
