#ifndef CORE_NET_DRAIN_H
#define CORE_NET_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

/*
 * Closes a connection so that the peer gets everything. close() with unread input makes the kernel
 * send a reset, which can destroy an answer that is still under way. So: end our direction, read
 * and drop what still comes until the peer ends its own, or until a deadline, and close then.
 */
struct drain {
	struct event *event;
	int fd;
	int64_t deadline_ms;
	void (*done)(void *arg);
	void *arg;
};

/* Whether the peer has ended already and nothing is unread: then close() alone is clean. Nothing
 * is read or changed. */
bool drain_is_needless(int fd);

/* Takes over fd. done is called once: before this returns if nothing has to be waited for, and
 * otherwise from the loop; the descriptor is closed by then. timeout in milliseconds. */
void drain_start(struct drain *, struct event_base *, int fd, int64_t timeout_ms, void (*done)(void *),
		 void *arg);

/* Moves the deadline closer, to at most this many milliseconds from now. */
void drain_shorten(struct drain *, int64_t timeout_ms);

/* Closes at once; done is not called. Does nothing if no drain is under way. */
void drain_cancel(struct drain *);

#endif
