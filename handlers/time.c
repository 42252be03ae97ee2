#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 868: seconds since 1900 as 32 bits, which overflow in 2036. */

#define SECONDS_1900_TO_1970 2208988800UL

static ssize_t
time_answer(char *out, size_t max)
{
	uint32_t seconds = htonl((uint32_t)((uint64_t)time(NULL) + SECONDS_1900_TO_1970));

	if (max < sizeof(seconds))
		return -1;
	memcpy(out, &seconds, sizeof(seconds));
	return sizeof(seconds);
}

static void
time_started(struct conn *c)
{
	stream_answer(c, time_answer);
}

static void
time_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, time_answer);
}

const struct handler handler_time = {
	.name = "time",
	.doc = "sends the seconds since 1900 as four bytes (RFC 868)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = stream_start_nothing,
	.started = time_started,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = time_datagram,
};
