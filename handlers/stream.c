#include "handlers/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/fd.h"

static void
end(struct conn *c, const char *how)
{
	conn_set_end(c, how, 0);
	conn_done(c);
}

static void
read_cb(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	const struct stream_callbacks *on = c->stream;

	if (on->on_input && !c->finishing)
		on->on_input(c);
	else
		evbuffer_drain(bufferevent_get_input(bev), (size_t)-1);
}

static void
write_cb(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	const struct stream_callbacks *on = c->stream;

	if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (c->finishing)
		end(c, c->finishing);
	else if (on->on_written)
		on->on_written(c);
}

static void
event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_EOF) {
		read_cb(bev, c);
		stream_finish(c, "eof");
	} else if (what & BEV_EVENT_ERROR) {
		end(c, "error");
	}
}

/* Bytes that came from the client, or that went to it. */
static void
moved_cb(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *c = arg;
	bool input = buf == bufferevent_get_input(c->bev);

	if (input ? info->n_added > 0 : info->n_deleted > 0)
		c->active_ms = clock_monotonic_ms();
}

int
stream_start(struct conn *c, const struct stream_callbacks *on, struct error *err)
{
	if (fd_set_nonblocking(c->fd, true) < 0)
		return error_set(err, errno, "fcntl O_NONBLOCK");
	c->bev = bufferevent_socket_new(c->service->registry->base, c->fd, 0);
	if (!c->bev)
		return error_set(err, ENOMEM, "bufferevent");
	c->stream = on;
	bufferevent_setcb(c->bev, read_cb, write_cb, event_cb, c);
	c->active_ms = c->started_ms;
	if (c->service->conf->idle_timeout > 0 &&
	    (!evbuffer_add_cb(bufferevent_get_input(c->bev), moved_cb, c) ||
	     !evbuffer_add_cb(bufferevent_get_output(c->bev), moved_cb, c))) {
		stream_stop(c);
		return error_set(err, ENOMEM, "bufferevent");
	}
	if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) < 0) {
		stream_stop(c);
		return error_set(err, ENOMEM, "bufferevent");
	}
	return 0;
}

void
stream_stop(struct conn *c)
{
	if (c->bev)
		bufferevent_free(c->bev);
	c->bev = NULL;
}

void
stream_kill(struct conn *c, bool force)
{
	(void)force;
	conn_done(c);
}

void
stream_finish(struct conn *c, const char *how)
{
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
		end(c, how);
		return;
	}
	/* write_cb ends it. A client that neither reads nor leaves is the timeouts' business. */
	if (!c->finishing)
		c->finishing = how;
	bufferevent_enable(c->bev, EV_WRITE);
}

int
stream_answer(struct conn *c, datagram_answer answer, struct error *err)
{
	static const struct stream_callbacks drop_input;
	char buf[256];
	ssize_t len;

	if (stream_start(c, &drop_input, err) < 0)
		return -1;
	len = answer(NULL, 0, buf, sizeof(buf));
	if (len > 0)
		bufferevent_write(c->bev, buf, (size_t)len);
	stream_finish(c, "exit");
	return 0;
}
