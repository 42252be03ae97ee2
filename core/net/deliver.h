#ifndef CORE_NET_DELIVER_H
#define CORE_NET_DELIVER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

/* Texts for connections, sent without ever waiting: what the kernel does not take at once goes out when there
 * is room, until a deadline. */

/* A text that several connections can be sent at the same time. */
struct letter {
	size_t refs;
	size_t len;
	char s[];
};

struct letter *letter_new(const char *s, size_t len); /* with one reference */
struct letter *letter_ref(struct letter *);
void letter_unref(struct letter *); /* accepts NULL */

/* One that is under way. All zero is none. */
struct delivery {
	struct event event;
	struct event_base *base;
	struct letter *letter;
	size_t sent;
	int fd;
	int64_t deadline_ms;
	void (*done)(int errnum, void *arg);
	void *arg;
};

/* 1: the kernel has all of it; 0: `done` will be called once, from the loop, with 0 when it has, or with an
 * errno value (ETIMEDOUT after timeout_ms); -1 with errno: it cannot be sent. The descriptor stays the
 * caller's, and stays as it is: blocking or not. */
int delivery_start(struct delivery *, struct event_base *, int fd, struct letter *, int64_t timeout_ms,
		   void (*done)(int errnum, void *arg), void *arg);

/* `done` will not be called. Does nothing if nothing is under way. */
void delivery_cancel(struct delivery *);

/* Says goodbye: takes over fd, sends each letter that is not NULL (both are only looked at), sees to it that
 * they arrive, as a drain does, and closes. Whoever does not take them in timeout_ms is cut off, and so is
 * everybody beyond 256 at once. */
void farewell(struct event_base *, int fd, struct letter *first, struct letter *second, int64_t timeout_ms);

/* Closes all that are under way. Not from within a callback of one of them. */
void farewell_cut_all(void);

#endif
