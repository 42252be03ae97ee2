#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 862: everything comes back. */

static const struct stream_callbacks callbacks = { .on_input = stream_send };

static int
echo_start(struct conn *c, struct error *err)
{
	return stream_start(c, &callbacks, err);
}

const struct handler handler_echo = {
	.name = "echo",
	.doc = "sends back what it gets (RFC 862)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = echo_start,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = datagram_echo,
};
