#ifndef CORE_NET_DRAIN_H
#define CORE_NET_DRAIN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;

/*
 * Closes a connection so that the peer gets everything. close() with unread input makes the kernel
 * send a reset, which can destroy an answer that is still under way. So: end our direction, read
 * and drop what still comes until the peer ends its own, or until a deadline, and close then.
 *
 * Most peers end theirs within a moment, so a young drain is only looked at when the program comes by
 * (drain_poll); the loop is asked to watch it if it lasts. That saves two calls and a wake-up for each.
 */
struct drain {
	TAILQ_ENTRY(drain) entry; /* among the young ones */
	struct event_base *base;
	struct event event; /* once the loop watches it */
	enum { DRAIN_NONE, DRAIN_YOUNG, DRAIN_WATCHED } state;
	int fd;
	int64_t since_ms, deadline_ms;
	void (*done)(void *arg);
	void *arg;
};

/* Whether the peer has ended already and nothing is unread: then close() alone is clean. Nothing
 * is read or changed. */
bool drain_is_needless(int fd);

/* Takes over fd. done is called once: before this returns if nothing has to be waited for, and otherwise
 * from the loop or drain_poll(); the descriptor is closed by then. timeout in milliseconds. `prompt`: the
 * loop watches it from the start, because somebody waits for the end. */
void drain_start(struct drain *, struct event_base *, int fd, int64_t timeout_ms, bool prompt,
		 void (*done)(void *), void *arg);

bool drain_is_under_way(const struct drain *);

/* Looks at the oldest young drains, at most this many. */
void drain_poll(size_t most);

/* Moves the deadline closer, to at most this many milliseconds from now. */
void drain_shorten(struct drain *, int64_t timeout_ms);

/* Closes at once; done is not called. Does nothing if no drain is under way. */
void drain_cancel(struct drain *);

#endif
