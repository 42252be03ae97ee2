#include "core/net/deliver.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/drain.h"

enum { FAREWELLS_MAX = 256 };

struct letter *
letter_new(const char *s, size_t len)
{
	struct letter *l = xcalloc(1, sizeof(*l) + len);

	l->refs = 1;
	l->len = len;
	memcpy(l->s, s, len);
	return l;
}

struct letter *
letter_ref(struct letter *l)
{
	l->refs++;
	return l;
}

void
letter_unref(struct letter *l)
{
	if (l && --l->refs == 0)
		free(l);
}

/* --- one delivery --- */

/* 1: all of it is with the kernel; 0: not yet; -1 with errno. */
static int
send_more(struct delivery *d)
{
	while (d->sent < d->letter->len) {
		ssize_t n = send(d->fd, d->letter->s + d->sent, d->letter->len - d->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		d->sent += (size_t)n;
	}
	return 1;
}

static int
wait_for_room(struct delivery *d)
{
	int64_t left = d->deadline_ms - clock_monotonic_ms();
	struct timeval tv;

	if (left <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	tv = (struct timeval){ left / 1000, (left % 1000) * 1000 };
	if (event_add(&d->event, &tv) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

static void
room_cb(evutil_socket_t fd, short what, void *arg)
{
	struct delivery *d = arg;
	int r, errnum;

	(void)fd;
	if (what & EV_TIMEOUT) {
		r = -1;
		errno = ETIMEDOUT;
	} else {
		r = send_more(d);
		/* Taking a byte now and then does not put off the end. */
		if (r == 0 && wait_for_room(d) == 0)
			return;
	}
	errnum = r > 0 ? 0 : errno;
	delivery_cancel(d);
	d->done(errnum, d->arg);
}

int
delivery_start(struct delivery *d, struct event_base *base, int fd, struct letter *letter, int64_t timeout_ms,
	       void (*done)(int errnum, void *arg), void *arg)
{
	int r;

	*d = (struct delivery){ .base = base, .letter = letter, .fd = fd, .done = done, .arg = arg };
	r = send_more(d);
	if (r == 0) {
		d->deadline_ms = clock_monotonic_ms() + timeout_ms;
		event_assign(&d->event, base, fd, EV_WRITE, room_cb, d);
		r = wait_for_room(d);
	}
	if (r == 0)
		letter_ref(letter);
	else
		d->letter = NULL;
	return r;
}

void
delivery_cancel(struct delivery *d)
{
	if (!d->letter)
		return;
	event_del(&d->event);
	letter_unref(d->letter);
	d->letter = NULL;
}

/* --- goodbye --- */

struct farewell {
	TAILQ_ENTRY(farewell) entry;
	struct event_base *base;
	struct letter *letters[2];
	size_t next;
	int fd; /* -1: the drain has it */
	int64_t deadline_ms;
	struct delivery delivery;
	struct drain drain;
};

static TAILQ_HEAD(, farewell) farewells = TAILQ_HEAD_INITIALIZER(farewells);
static size_t nfarewells;

static void
end(void *arg)
{
	struct farewell *f = arg;

	delivery_cancel(&f->delivery);
	drain_cancel(&f->drain);
	if (f->fd >= 0)
		close(f->fd);
	for (size_t i = 0; i < 2; i++)
		letter_unref(f->letters[i]);
	TAILQ_REMOVE(&farewells, f, entry);
	nfarewells--;
	free(f);
}

static void
delivered(int errnum, void *arg)
{
	struct farewell *f = arg;
	int r = errnum ? -1 : 1;

	while (r > 0 && f->next < 2) {
		struct letter *l = f->letters[f->next++];

		if (l)
			r = delivery_start(&f->delivery, f->base, f->fd, l,
					   f->deadline_ms - clock_monotonic_ms(), delivered, f);
	}
	if (r < 0) {
		end(f);
	} else if (r > 0) {
		int fd = f->fd;

		f->fd = -1;
		drain_start(&f->drain, f->base, fd, f->deadline_ms - clock_monotonic_ms(), true, end, f);
	}
}

void
farewell(struct event_base *base, int fd, struct letter *first, struct letter *second, int64_t timeout_ms)
{
	struct farewell *f;

	if (nfarewells >= FAREWELLS_MAX || (!first && !second)) {
		close(fd);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->base = base;
	f->fd = fd;
	f->letters[0] = first ? letter_ref(first) : NULL;
	f->letters[1] = second ? letter_ref(second) : NULL;
	f->deadline_ms = clock_monotonic_ms() + timeout_ms;
	TAILQ_INSERT_TAIL(&farewells, f, entry);
	nfarewells++;
	delivered(0, f);
}

void
farewell_cut_all(void)
{
	while (!TAILQ_EMPTY(&farewells))
		end(TAILQ_FIRST(&farewells));
}
