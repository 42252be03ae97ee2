#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/base/text.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "handlers/handlers.h"
#include "handlers/muxline.h"

/* RFC 1078: a client names a service, and the connection becomes one of that service: its access lists,
 * limits, user and log, as if it had accepted it. Nothing behind the line is read here. */

/* The longest time for the line to arrive, then for a place, then for the client to take the answer. */
static const struct timeval patience = { 10, 0 };

_Static_assert((int)MUXLINE_MAX == (int)TCPMUX_NAME_MAX,
	       "every name that may be configured can be asked for");

static const char go[] = "+Go\r\n";
static const char not_available[] = "-Service not available\r\n";

/* What a session keeps. */
struct mux {
	struct conn *conn;
	struct event event; /* on the connection: what depends on how far it is */
	struct event deadline;
	struct muxline line;
	bool told;   /* that there is such a service */
	bool queued; /* has waited for a place: the deadline runs */
	struct service_waiter waiter;
	struct text answer;
	size_t sent;
};

static void
end(struct mux *m, const char *how)
{
	conn_set_end(m->conn, how, 0);
	conn_done(m->conn);
}

/* -1 if the loop cannot have it. */
static int
watch(struct mux *m, short what, event_callback_fn callback)
{
	struct event_base *base = m->conn->service->registry->base;

	event_del(&m->event);
	event_assign(&m->event, base, m->conn->fd, (short)(what | EV_PERSIST), callback, m);
	if (event_add(&m->event, NULL) < 0)
		return -1;
	return evtimer_add(&m->deadline, &patience);
}

/* What was asked for, and what came of it. */
static void
tell(const struct mux *m, const struct service *target, const char *error)
{
	service_log(m->conn->service, LOG_LEVEL_INFO, "tcpmux",
		    LOG_FIELDS(LOG_I("session", (int64_t)m->conn->session), LOG_S("name", m->line.text),
			       LOG_S("target", target ? target->name : NULL), LOG_S("error", error)));
}

/* --- what tcpmux itself answers --- */

static void
send_cb(evutil_socket_t fd, short what, void *arg)
{
	struct mux *m = arg;
	ssize_t n = send(fd, m->answer.s + m->sent, m->answer.len - m->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)what;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end(m, "error");
		return;
	}
	m->sent += n > 0 ? (size_t)n : 0;
	if (m->sent == m->answer.len)
		end(m, m->answer.s[0] == '-' ? "error" : "exit");
}

static void
answer(struct mux *m)
{
	if (watch(m, EV_WRITE, send_cb) < 0)
		end(m, "error");
	else
		send_cb(m->conn->fd, EV_WRITE, m);
}

static void
refuse(struct mux *m, const char *line)
{
	text_puts(&m->answer, line);
	answer(m);
}

static void
help(struct mux *m)
{
	const struct service *s;

	TAILQ_FOREACH(s, &m->conn->service->registry->services, entry)
		if (service_is_offered(s))
			text_printf(&m->answer, "%s\r\n", s->conf->tcpmux);
	if (m->answer.len > 0)
		answer(m);
	else
		end(m, "exit");
}

/* --- the hand-over --- */

/* An end of the client's side alone is no reason to give up: it may have said all it wants to say. */
static void
hangup_cb(evutil_socket_t fd, short what, void *arg)
{
	struct pollfd pfd = { .fd = fd };

	(void)what;
	if (poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR))
		end(arg, "eof");
}

/* What has come behind the line stays unread, so that only changes can be watched for. */
static void
wait_for_place(struct mux *m, struct service *target)
{
	service_wait(target, &m->waiter);
	if (m->queued)
		return;
	m->queued = true;
	if (watch(m, EV_READ | EV_ET, hangup_cb) < 0)
		end(m, "error");
}

static void
refuse_name(struct mux *m, const char *line)
{
	tell(m, NULL, "no such service");
	refuse(m, line);
}

static void
hand_over(struct mux *m)
{
	struct registry *r = m->conn->service->registry;
	/* Looked up each time: it may have gone while the client waited. */
	struct service *target = registry_offered(r, m->line.text, m->line.len);
	const char *hello;

	if (!target) {
		refuse_name(m, m->told || r->stopping ? not_available : "-Service name not found\r\n");
		return;
	}
	if (!m->told)
		tell(m, target, NULL);
	m->told = true;
	hello = target->conf->tcpmux_plus ? go : NULL;
	switch (service_hand_over(target, m->conn, hello, not_available)) {
	case HAND_OVER_DONE:
		break; /* this session is over */
	case HAND_OVER_LATER:
		wait_for_place(m, target);
		break;
	case HAND_OVER_REFUSED:
		refuse(m, not_available);
		break;
	}
}

static void
again_cb(void *arg)
{
	hand_over(arg);
}

/* --- the line --- */

/* Exactly what belongs to the line; the rest stays for the service. */
static int
take_bytes(int fd, size_t n)
{
	char bytes[MUXLINE_MAX + 2];

	while (n > 0) {
		ssize_t r = recv(fd, bytes, n, MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EINTR))
			return -1;
		n -= r > 0 ? (size_t)r : 0;
	}
	return 0;
}

static void
line_cb(evutil_socket_t fd, short what, void *arg)
{
	struct mux *m = arg;
	char bytes[MUXLINE_MAX + 2];
	ssize_t n = recv(fd, bytes, muxline_room(&m->line), MSG_PEEK | MSG_DONTWAIT);
	enum muxline_state state;
	size_t take;

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(m, n == 0 ? "eof" : "error");
		return;
	}
	state = muxline_add(&m->line, bytes, (size_t)n, &take);
	if (take_bytes(fd, take) < 0) {
		end(m, "error");
	} else if (state == MUXLINE_TOO_LONG) {
		m->line.text[MUXLINE_MAX] = '\0';
		tell(m, NULL, "the name is too long");
		refuse(m, "-Service name too long\r\n");
	} else if (state == MUXLINE_WHOLE) {
		if (strcasecmp(m->line.text, "help") == 0)
			help(m);
		else
			hand_over(m);
	}
}

static void
deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	struct mux *m = arg;

	(void)fd;
	(void)what;
	if (m->waiter.service) {
		service_wait_in_vain(&m->waiter, m->conn);
		refuse(m, not_available);
	} else {
		conn_kill(m->conn, "timeout");
	}
}

/* --- the handler --- */

/* A message cannot be read in part. */
static int
tcpmux_prepare(struct service *s, struct problems *problems)
{
	size_t before = problems->errors;

	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct service_listener *sl = &s->listeners[i];

		if (sl->params.socktype == SOCK_SEQPACKET ||
		    (sl->params.naddrs && sl->addrs[0].socktype == SOCK_SEQPACKET))
			problem_add(problems, sl->origin, s->name, "listen",
				    "\"%s\": tcpmux reads a stream of bytes, not messages", sl->text);
	}
	return problems->errors > before ? -1 : 0;
}

static void
tcpmux_stop(struct conn *c)
{
	struct mux *m = c->data;

	if (!m)
		return;
	event_del(&m->event);
	event_del(&m->deadline);
	service_wait_no_more(&m->waiter);
	text_clear(&m->answer);
	free(m);
	c->data = NULL;
}

static int
tcpmux_start(struct conn *c, struct error *err)
{
	struct mux *m = xcalloc(1, sizeof(*m));
	struct event_base *base = c->service->registry->base;

	m->conn = c;
	m->waiter.again = again_cb;
	m->waiter.arg = m;
	c->data = m;
	event_assign(&m->event, base, c->fd, EV_READ, line_cb, m);
	evtimer_assign(&m->deadline, base, deadline_cb, m);
	if (watch(m, EV_READ, line_cb) == 0)
		return 0;
	tcpmux_stop(c);
	return error_set(err, ENOMEM, "watch the connection");
}

static void
tcpmux_kill(struct conn *c, bool force)
{
	(void)force;
	conn_done(c);
}

const struct handler handler_tcpmux = {
	.name = "tcpmux",
	.doc = "hands the connection over to the service that the client names (RFC 1078)",
	.sockets = HANDLER_STREAM | HANDLER_OFFERS,
	.prepare = tcpmux_prepare,
	.start = tcpmux_start,
	.stop = tcpmux_stop,
	.kill = tcpmux_kill,
};
