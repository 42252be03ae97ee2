#include <time.h>

#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 867: the local date and time as a line, in the form that ctime(3) made customary. */

static ssize_t
daytime_answer(const char *in, size_t len, char *out, size_t max)
{
	time_t now = time(NULL);
	struct tm tm;

	(void)in;
	(void)len;
	localtime_r(&now, &tm);
	return (ssize_t)strftime(out, max, "%a %b %e %H:%M:%S %Y\r\n", &tm);
}

static int
daytime_start(struct conn *c, struct error *err)
{
	return stream_answer(c, daytime_answer, err);
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
	.start = daytime_start,
	.stop = stream_stop,
	.kill = stream_kill,
	.datagram = daytime_datagram,
};
