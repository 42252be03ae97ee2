#ifndef HANDLERS_STREAM_H
#define HANDLERS_STREAM_H

#include "core/service/conn.h"
#include "handlers/datagram.h"

/* What the built-in handlers for connections share: a bufferevent that notes when bytes move,
 * and an end that waits until everything is written. */

struct stream_callbacks {
	void (*on_input)(struct conn *);   /* something was read; NULL: input is dropped */
	void (*on_written)(struct conn *); /* everything is written; NULL: nothing to do */
};

int stream_start(struct conn *, const struct stream_callbacks *, struct error *);
void stream_stop(struct conn *);
void stream_kill(struct conn *, bool force);

/* The whole of a service that sends one short answer and ends. */
int stream_answer(struct conn *, datagram_answer, struct error *);

/* Ends the session once the output is written. */
void stream_finish(struct conn *, const char *how);

#endif
