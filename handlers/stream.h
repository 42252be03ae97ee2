#ifndef HANDLERS_STREAM_H
#define HANDLERS_STREAM_H

#include <event2/event_struct.h>

#include "core/service/conn.h"
#include "handlers/datagram.h"

/* What the built-in handlers for connections share. Input is read into one place for all of them and
 * output goes straight to the kernel: a round trip is a recv and a send, and only what the client does
 * not take is kept. While something is kept nothing is read, so that a client that sends without
 * reading waits for itself. */

/* Both return -1 if the session has ended, 0 otherwise. */
struct stream_callbacks {
	/* So much was read. NULL: it is dropped. */
	int (*on_input)(struct conn *, const char *, size_t);
	/* There is room for output; called again and again as long as there is. NULL: nobody asks. */
	int (*on_room)(struct conn *);
};

struct stream {
	struct event event;
	int watched; /* EV_READ, EV_WRITE or both */
	const struct stream_callbacks *on;
	char *kept; /* what the client has not taken yet, from `sent` on; NULL: nothing */
	size_t len, sent;
	size_t position; /* chargen's */
};

int stream_start(struct conn *, const struct stream_callbacks *, struct error *);
void stream_stop(struct conn *);
void stream_kill(struct conn *, bool force);

/* Sends as much as there is room for and returns it, 0 for none. -1 if the connection is broken: the
 * session has ended then, and the conn may not be touched any more. */
ssize_t stream_send_some(struct conn *, const char *, size_t);

/* Sends all, keeping what there is no room for. 0, or -1 as above. */
int stream_send(struct conn *, const char *, size_t);

/* A service that only sends one short answer: its `start` has nothing to do, and its `started` calls
 * stream_answer, which ends the session. */
int stream_start_nothing(struct conn *, struct error *);
void stream_answer(struct conn *, datagram_answer);

#endif
