#include <string.h>
#include <time.h>

#include "core/service/service.h"
#include "handlers/datagram.h"
#include "handlers/handlers.h"
#include "handlers/stream.h"

/* RFC 867: the local date and time as a line, in one of two customary forms. */

/* It changes once a second, and making it costs more than sending it. */
struct line {
	time_t made;
	char text[64];
	size_t len;
};

/* Whether it has to be made anew. */
static bool
is_old(struct line *l, struct tm *tm)
{
	time_t now = time(NULL);

	if (now == l->made && l->len > 0)
		return false;
	localtime_r(&now, tm);
	l->made = now;
	return true;
}

static ssize_t
say(const struct line *l, char *out, size_t max)
{
	if (l->len > max)
		return -1;
	memcpy(out, l->text, l->len);
	return (ssize_t)l->len;
}

static ssize_t
answer_as_ctime(char *out, size_t max)
{
	static struct line line;
	struct tm tm;

	if (is_old(&line, &tm))
		line.len = strftime(line.text, sizeof(line.text), "%a %b %e %H:%M:%S %Y\r\n", &tm);
	return say(&line, out, max);
}

static ssize_t
answer_as_xinetd(char *out, size_t max)
{
	static struct line line;
	struct tm tm;

	if (is_old(&line, &tm))
		line.len = strftime(line.text, sizeof(line.text), "%d %^b %Y %H:%M:%S %Z\r\n", &tm);
	return say(&line, out, max);
}

static void
daytime_started(struct conn *c)
{
	stream_answer(c,
		      c->service->conf->daytime_form == DAYTIME_XINETD ? answer_as_xinetd : answer_as_ctime);
}

static void
daytime_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, s->conf->daytime_form == DAYTIME_XINETD ? answer_as_xinetd : answer_as_ctime);
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
