#ifndef CORE_NET_RELAY_H
#define CORE_NET_RELAY_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct event_base;

/*
 * Passes on what two connected sockets say to each other, until both have ended. Needs an event base
 * and nothing of the layers above; whoever uses it must survive SIGPIPE.
 *
 * The end of one side is passed on once everything before it is (SHUT_WR), and the other direction
 * goes on. A side that takes nothing is not read for: at most a pipe, or one buffer, is under way.
 * Much data goes through a pipe and never comes to user space; little is read and written, which is
 * quicker. Pipe and buffer are there only while something waits in them.
 *
 * A side that takes no more does not end the relay: what it still says is passed on, and what the
 * other one says is dropped, so that a server that answers early and closes has its answer delivered.
 * A side that is broken ends it, once everything it said before is passed on.
 */

enum relay_end { RELAY_NEAR, RELAY_FAR };

struct relay;

/* Once, from the loop or from relay_drop_near(): the relay has stopped, and the sockets are the
 * caller's as before. errnum is that of the first failure, or 0. */
typedef void (*relay_done_cb)(struct relay *, int errnum, void *arg);

/* All of it is the relay's own; others may look at the last two. */
struct relay {
	struct relay_side {
		struct event event;
		struct relay *relay;
		int fd;
		short watched; /* EV_READ, EV_WRITE */
		bool messages; /* a seqpacket socket: what was sent at once arrives at once */
	} side[2];
	struct relay_way { /* from the side with the same index to the other */
		enum relay_state { WAY_OPEN, WAY_DROPS, WAY_DONE } state;
		bool bulk;      /* the last read was as much as there was room for */
		bool no_splice; /* the kernel cannot, for these sockets */
		int pipe[2];    /* -1: none */
		char *rest;     /* or what could not be written is here */
		size_t at, held;
		uint64_t bytes;
	} way[2];
	struct event_base *base;
	relay_done_cb done;
	void *arg;
	int errnum;
	bool running;
	int64_t active_ms; /* when a byte last moved, monotonic */
};

/* Makes the sockets non-blocking and begins. -1 with err: nothing has begun. */
int relay_start(struct relay *, struct event_base *, int near_fd, int far_fd, relay_done_cb, void *arg,
		struct error *);

/* Stops without a call of done; what is under way is lost. Does nothing if it does not run. */
void relay_stop(struct relay *);

/* The far side needs nothing more: what the near one says is left unread, and the relay ends as soon
 * as everything that the far side said is passed on. */
void relay_drop_near(struct relay *);

/* How much has been passed on to the other side. */
uint64_t relay_bytes(const struct relay *, enum relay_end from);

/* Closes the pipes that are kept for reuse. */
void relay_free_unused(void);

#endif
