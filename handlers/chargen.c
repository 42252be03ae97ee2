#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 864: lines of 72 of the 95 printable characters, each line beginning one further on. */

enum { WIDTH = 72, LINE = WIDTH + 2, PRINTABLE = 95, PERIOD = PRINTABLE * LINE };

static void
make_line(size_t number, char line[LINE])
{
	for (size_t i = 0; i < WIDTH; i++)
		line[i] = (char)(' ' + (number + i) % PRINTABLE);
	line[WIDTH] = '\r';
	line[WIDTH + 1] = '\n';
}

/* After 95 lines all begins again: a connection is served from this, and needs to know only how far it
 * has come. Twice, so that from every place on there is a whole period. */
static const char *
all_lines(void)
{
	static char lines[2 * PERIOD];

	if (!lines[0])
		for (size_t i = 0; i < (size_t)2 * PRINTABLE; i++)
			make_line(i, lines + i * LINE);
	return lines;
}

static int
on_room(struct conn *c)
{
	ssize_t n = stream_send_some(c, all_lines() + c->stream->position, PERIOD);

	if (n < 0)
		return -1;
	c->stream->position = (c->stream->position + (size_t)n) % PERIOD;
	return 0;
}

static const struct stream_callbacks callbacks = { .on_room = on_room };

static int
chargen_start(struct conn *c, struct error *err)
{
	return stream_start(c, &callbacks, err);
}

/* Who has nothing to say may have ended its direction already, and wants to see something all the same. */
static void
chargen_started(struct conn *c)
{
	on_room(c);
}

/* A single line: an answer that is much larger than the request is a gift to whoever forges its
 * sender. */
static ssize_t
chargen_answer(char *out, size_t max)
{
	static size_t number;

	if (max < LINE)
		return -1;
	make_line(number++ % PRINTABLE, out);
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
	.started = chargen_started,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = chargen_datagram,
};
