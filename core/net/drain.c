#include "core/net/drain.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"

/* At most this much is dropped per wake-up, so that a flooding client has to share the loop. */
enum { CHUNK = 65536, CHUNKS = 8 };

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

static void
finish(struct drain *d)
{
	if (d->event)
		event_free(d->event);
	d->event = NULL;
	close(d->fd);
	d->fd = -1;
	d->done(d->arg);
}

static int
wait_for_input(struct drain *d)
{
	int64_t left = d->deadline_ms - clock_monotonic_ms();
	struct timeval tv;

	if (left <= 0 || !d->event)
		return -1;
	tv = (struct timeval){ left / 1000, (left % 1000) * 1000 };
	return event_add(d->event, &tv);
}

static void
input_cb(evutil_socket_t fd, short what, void *arg)
{
	struct drain *d = arg;

	(void)what;
	if (drop_input(fd) || wait_for_input(d) < 0)
		finish(d);
}

void
drain_start(struct drain *d, struct event_base *base, int fd, int64_t timeout_ms, void (*done)(void *),
	    void *arg)
{
	*d = (struct drain){ .fd = fd, .done = done, .arg = arg };
	d->deadline_ms = clock_monotonic_ms() + timeout_ms;
	shutdown(fd, SHUT_WR);
	if (drop_input(fd)) {
		finish(d);
		return;
	}
	d->event = event_new(base, fd, EV_READ, input_cb, d);
	if (wait_for_input(d) < 0)
		finish(d);
}

void
drain_cancel(struct drain *d)
{
	if (!d->event)
		return;
	event_free(d->event);
	d->event = NULL;
	close(d->fd);
	d->fd = -1;
}

void
drain_shorten(struct drain *d, int64_t timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;

	if (!d->event || deadline >= d->deadline_ms)
		return;
	d->deadline_ms = deadline;
	if (wait_for_input(d) < 0)
		event_active(d->event, EV_TIMEOUT, 0);
}
