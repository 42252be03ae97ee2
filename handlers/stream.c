#include "handlers/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/service/registry.h"
#include "core/service/service.h"

/* Read at once; then it is the others' turn. */
enum { INPUT_MAX = 65536 };

static int
end(struct conn *c, const char *how)
{
	conn_set_end(c, how, 0);
	conn_done(c);
	return -1;
}

/* Bytes came from the client, or went to it. */
static void
note_moved(struct conn *c)
{
	if (c->service->conf->idle_timeout > 0)
		c->active_ms = clock_monotonic_ms();
}

static void ready_cb(evutil_socket_t, short, void *);

/* What the loop has to look at follows from what is kept. */
static int
watch(struct conn *c)
{
	struct stream *st = c->stream;
	int what = st->kept ? EV_WRITE : st->on->on_room ? EV_READ | EV_WRITE : EV_READ;

	if (what == st->watched)
		return 0;
	if (st->watched)
		event_del(&st->event);
	st->watched = 0;
	event_assign(&st->event, c->service->registry->base, c->fd, (short)(what | EV_PERSIST), ready_cb, c);
	if (event_add(&st->event, NULL) < 0)
		return -1;
	st->watched = what;
	return 0;
}

ssize_t
stream_send_some(struct conn *c, const char *buf, size_t len)
{
	ssize_t n = send(c->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : end(c, "error");
	note_moved(c);
	return n;
}

int
stream_send(struct conn *c, const char *buf, size_t len)
{
	struct stream *st = c->stream;
	ssize_t n = stream_send_some(c, buf, len);

	if (n < 0)
		return -1;
	if ((size_t)n == len)
		return 0;
	st->len = len - (size_t)n;
	st->sent = 0;
	st->kept = xrealloc(NULL, st->len);
	memcpy(st->kept, buf + n, st->len);
	return watch(c) < 0 ? end(c, "error") : 0;
}

static int
send_kept(struct conn *c)
{
	struct stream *st = c->stream;
	ssize_t n = stream_send_some(c, st->kept + st->sent, st->len - st->sent);

	if (n < 0)
		return -1;
	st->sent += (size_t)n;
	if (st->sent < st->len)
		return 0;
	free(st->kept);
	st->kept = NULL;
	return watch(c) < 0 ? end(c, "error") : 0;
}

static int
read_input(struct conn *c)
{
	/* One for all: it is used before anybody else reads. */
	static char input[INPUT_MAX];
	const struct stream *st = c->stream;
	ssize_t n = recv(c->fd, input, sizeof(input), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : end(c, "error");
	/* All that was read is answered: nothing is read while something is kept. */
	if (n == 0)
		return end(c, "eof");
	note_moved(c);
	return st->on->on_input ? st->on->on_input(c, input, (size_t)n) : 0;
}

static void
ready_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct stream *st = c->stream;

	(void)fd;
	if (what & EV_READ && read_input(c) < 0)
		return;
	if (!(what & EV_WRITE))
		return;
	if (st->kept)
		send_kept(c);
	else if (st->on->on_room)
		st->on->on_room(c);
}

int
stream_start(struct conn *c, const struct stream_callbacks *on, struct error *err)
{
	c->stream = xcalloc(1, sizeof(*c->stream));
	c->stream->on = on;
	c->active_ms = c->started_ms;
	if (watch(c) == 0)
		return 0;
	error_set(err, errno ? errno : ENOMEM, "watch the connection");
	stream_stop(c);
	return -1;
}

void
stream_stop(struct conn *c)
{
	if (!c->stream)
		return;
	if (c->stream->watched)
		event_del(&c->stream->event);
	free(c->stream->kept);
	free(c->stream);
	c->stream = NULL;
}

void
stream_kill(struct conn *c, bool force)
{
	(void)force;
	conn_done(c);
}

int
stream_start_nothing(struct conn *c, struct error *err)
{
	(void)c;
	(void)err;
	return 0;
}

/* The client is new: there is room for a few bytes, whatever it does. */
void
stream_answer(struct conn *c, datagram_answer answer)
{
	char buf[DATAGRAM_ANSWER_MAX];
	ssize_t len = answer(buf, sizeof(buf));
	ssize_t n = stream_send_some(c, buf, len < 0 ? 0 : (size_t)len);

	if (n >= 0)
		end(c, n == len ? "exit" : "error");
}
