#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>

#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 862: everything comes back. */

/* A client that sends without reading has to wait for itself. */
enum { OUTPUT_MAX = 256 * 1024 };

static void
on_input(struct conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	bufferevent_write_buffer(c->bev, bufferevent_get_input(c->bev));
	if (evbuffer_get_length(out) > OUTPUT_MAX)
		bufferevent_disable(c->bev, EV_READ);
}

static void
on_written(struct conn *c)
{
	bufferevent_enable(c->bev, EV_READ);
}

static const struct stream_callbacks callbacks = { on_input, on_written };

static int
echo_start(struct conn *c, struct error *err)
{
	return stream_start(c, &callbacks, err);
}

static ssize_t
echo_answer(const char *in, size_t len, char *out, size_t max)
{
	if (len > max)
		len = max;
	memcpy(out, in, len);
	return (ssize_t)len;
}

static void
echo_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, echo_answer);
}

const struct handler handler_echo = {
	.name = "echo",
	.doc = "sends back what it gets (RFC 862)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = echo_start,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = echo_datagram,
};
