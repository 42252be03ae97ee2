#include <event2/bufferevent.h>
#include <string.h>

#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 864: lines of 72 of the 95 printable characters, each line beginning one further on. */

enum { WIDTH = 72, LINE = WIDTH + 2, PRINTABLE = 95, LINES_PER_WRITE = 64 };

static void
make_line(uint64_t number, char line[LINE])
{
	for (unsigned i = 0; i < WIDTH; i++)
		line[i] = (char)(' ' + (number + i) % PRINTABLE);
	line[WIDTH] = '\r';
	line[WIDTH + 1] = '\n';
}

static void
on_written(struct conn *c)
{
	char lines[LINES_PER_WRITE * LINE];

	for (int i = 0; i < LINES_PER_WRITE; i++)
		make_line(c->generated++, lines + (size_t)i * LINE);
	bufferevent_write(c->bev, lines, sizeof(lines));
}

static const struct stream_callbacks callbacks = { .on_written = on_written };

static int
chargen_start(struct conn *c, struct error *err)
{
	if (stream_start(c, &callbacks, err) < 0)
		return -1;
	on_written(c);
	return 0;
}

/* A few characters only: an answer that is much larger than the request is a gift to whoever forges
 * its sender. */
static ssize_t
chargen_answer(const char *in, size_t len, char *out, size_t max)
{
	static uint64_t number;

	(void)in;
	(void)len;
	if (max < LINE)
		return -1;
	make_line(number++, out);
	return LINE;
}

static void
chargen_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, chargen_answer);
}

const struct handler handler_chargen = {
	.name = "chargen",
	.doc = "sends characters without end, or one line for a datagram (RFC 864)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = chargen_start,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = chargen_datagram,
};
