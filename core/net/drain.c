#include "core/net/drain.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/sys/fd.h"
#include "core/sys/spawn.h"

/* At most this much is dropped per wake-up, so that a flooding client has to share the loop. */
enum { CHUNK = 65536, CHUNKS = 8 };

/* How long nobody but drain_poll() looks at a drain. */
enum { YOUNG_MS = 5 };

TAILQ_HEAD(drain_list, drain);

static struct drain_list young = TAILQ_HEAD_INITIALIZER(young);
static struct event grown_up; /* pending while there are young ones */

bool
drain_is_needless(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* True once the peer has ended its direction, or the connection is broken. */
static bool
drop_input(int fd)
{
	static char rubbish[CHUNK];

	for (int i = 0; i < CHUNKS; i++) {
		ssize_t n = recv(fd, rubbish, sizeof(rubbish), MSG_DONTWAIT);

		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return errno != EAGAIN;
	}
	return false;
}

/* Takes it out of whatever looks after it. */
static void
leave(struct drain *d)
{
	if (d->state == DRAIN_WATCHED)
		event_del(&d->event);
	if (d->state == DRAIN_YOUNG) {
		TAILQ_REMOVE(&young, d, entry);
		if (TAILQ_EMPTY(&young))
			event_del(&grown_up);
	}
	d->state = DRAIN_NONE;
}

static void
finish(struct drain *d)
{
	leave(d);
	close(d->fd);
	d->fd = -1;
	d->done(d->arg);
}

static int
wait_for_input(struct drain *d)
{
	int64_t left = d->deadline_ms - clock_monotonic_ms();
	struct timeval tv;

	if (left <= 0)
		return -1;
	tv = (struct timeval){ left / 1000, (left % 1000) * 1000 };
	return event_add(&d->event, &tv);
}

static void
input_cb(evutil_socket_t fd, short what, void *arg)
{
	struct drain *d = arg;

	(void)what;
	if (drop_input(fd) || wait_for_input(d) < 0)
		finish(d);
}

/* From now on the loop watches it. */
static void
watch(struct drain *d)
{
	leave(d);
	d->state = DRAIN_WATCHED;
	d->fd = fd_move_up(d->fd, spawn_shared_below());
	event_assign(&d->event, d->base, d->fd, EV_READ, input_cb, d);
	if (wait_for_input(d) < 0)
		finish(d);
}

static void grown_up_cb(evutil_socket_t, short, void *);

static void
set_timer(struct event_base *base, int64_t ms)
{
	struct timeval tv = { 0, (ms > 0 ? ms : 1) * 1000 };

	evtimer_assign(&grown_up, base, grown_up_cb, NULL);
	evtimer_add(&grown_up, &tv);
}

static void
grown_up_cb(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = clock_monotonic_ms();
	struct drain *d;

	(void)fd;
	(void)what;
	(void)arg;
	while ((d = TAILQ_FIRST(&young)) && now - d->since_ms >= YOUNG_MS) {
		if (drop_input(d->fd))
			finish(d);
		else
			watch(d);
	}
	if (d && !evtimer_pending(&grown_up, NULL))
		set_timer(d->base, d->since_ms + YOUNG_MS - now);
}

void
drain_start(struct drain *d, struct event_base *base, int fd, int64_t timeout_ms, bool prompt,
	    void (*done)(void *), void *arg)
{
	*d = (struct drain){ .base = base, .fd = fd, .done = done, .arg = arg };
	d->since_ms = clock_monotonic_ms();
	d->deadline_ms = d->since_ms + timeout_ms;
	shutdown(fd, SHUT_WR);
	if (drop_input(fd)) {
		finish(d);
		return;
	}
	if (prompt || timeout_ms <= YOUNG_MS) {
		watch(d);
		return;
	}
	d->state = DRAIN_YOUNG;
	if (TAILQ_EMPTY(&young))
		set_timer(base, YOUNG_MS);
	TAILQ_INSERT_TAIL(&young, d, entry);
}

bool
drain_is_under_way(const struct drain *d)
{
	return d->state != DRAIN_NONE;
}

void
drain_poll(size_t most)
{
	struct drain *d, *next;

	for (d = TAILQ_FIRST(&young); d && most > 0; d = next, most--) {
		next = TAILQ_NEXT(d, entry);
		if (drop_input(d->fd))
			finish(d);
	}
}

void
drain_cancel(struct drain *d)
{
	if (d->state == DRAIN_NONE)
		return;
	leave(d);
	close(d->fd);
	d->fd = -1;
}

void
drain_shorten(struct drain *d, int64_t timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;

	if (d->state == DRAIN_NONE || deadline >= d->deadline_ms)
		return;
	d->deadline_ms = deadline;
	/* A young one is given to the loop in a moment anyway. */
	if (d->state == DRAIN_WATCHED && wait_for_input(d) < 0)
		event_active(&d->event, EV_TIMEOUT, 0);
}
