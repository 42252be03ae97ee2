#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 863: everything is thrown away. */

static const struct stream_callbacks callbacks = { 0 };

static int
discard_start(struct conn *c, struct error *err)
{
	return stream_start(c, &callbacks, err);
}

static ssize_t
discard_answer(char *out, size_t max)
{
	(void)out;
	(void)max;
	return -1;
}

static void
discard_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, discard_answer);
}

const struct handler handler_discard = {
	.name = "discard",
	.doc = "throws away what it gets (RFC 863)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = discard_start,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = discard_datagram,
};
