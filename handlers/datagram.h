#ifndef HANDLERS_DATAGRAM_H
#define HANDLERS_DATAGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct listener_socket;
struct service;

/* Room for an answer of ours. */
enum { DATAGRAM_ANSWER_MAX = 256 };

/* Writes an answer, which is the same whatever was asked; returns its length, or -1 for none. */
typedef ssize_t (*datagram_answer)(char *out, size_t max);

/* Answers what waits on a datagram socket, each from the address it was sent to. Datagrams have no
 * sessions: nothing is logged but refusals. What the service says about who may come and how often applies, and a source
 * port that is itself such a service gets nothing: two of them would answer each other for ever. */
void datagram_serve(struct service *, struct listener_socket *, datagram_answer);

/* The same, with what came as the answer. */
void datagram_echo(struct service *, struct listener_socket *);

#endif
