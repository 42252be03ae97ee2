#include <string.h>
#include <time.h>

#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 867: the local date and time as a line, in the form that ctime(3) made customary. */

static ssize_t
daytime_answer(char *out, size_t max)
{
	/* It changes once a second, and making it costs more than sending it. */
	static time_t made = -1;
	static char text[64];
	static size_t len;
	time_t now = time(NULL);
	struct tm tm;

	if (now != made) {
		localtime_r(&now, &tm);
		len = strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y\r\n", &tm);
		made = now;
	}
	if (len > max)
		return -1;
	memcpy(out, text, len);
	return (ssize_t)len;
}

static void
daytime_started(struct conn *c)
{
	stream_answer(c, daytime_answer);
}

static void
daytime_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, daytime_answer);
}

const struct handler handler_daytime = {
	.name = "daytime",
	.doc = "sends the local date and time as a line (RFC 867)",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.start = stream_start_nothing,
	.started = daytime_started,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = daytime_datagram,
};
