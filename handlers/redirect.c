#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/proxy.h"
#include "core/net/relay.h"
#include "core/net/resolve.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/fd.h"
#include "core/sys/spawn.h"
#include "handlers/handlers.h"

/* Passes a connection on to another server. A name is looked up in the background, each of its
 * addresses is tried in turn, and then a relay does the rest. */

/* How long the addresses of a name are used without asking again. */
enum { NAME_LIFE_MS = 5000 };

/* A unix server with a full queue says "try again", and nothing tells when. */
static const struct timeval queue_pause = { 0, 10000 };

struct attempt {
	struct event event;
	struct addr *addrs; /* a copy: the name may be looked up again meanwhile */
	size_t n, next;     /* next - 1 is being tried */
	int64_t deadline_ms;
	int errnum;
	bool failed; /* none is left */
};

/* What a session keeps. */
struct redirect {
	TAILQ_ENTRY(redirect) entry; /* in target.waiting */
	struct conn *conn;
	bool waiting; /* for the name */
	int fd;       /* to the server; -1 */
	struct attempt *attempt;
	struct relay relay;
};

/* A connection to the server whose session is over, and from which something may still come. */
struct farewell {
	LIST_ENTRY(farewell) entry;
	struct service *service;
	struct drain drain;
};

struct target {
	struct event_base *base;
	struct addr_spec spec;
	struct addr_list addrs;
	bool fixed; /* there is no name in it */
	int64_t resolved_ms;
	struct resolve *resolve;
	TAILQ_HEAD(, redirect) waiting;
	LIST_HEAD(, farewell) farewells;
	struct addr source; /* len 0: the kernel chooses */
	struct sockopts options;
};

/* --- preparation --- */

static void
wrong(struct service *s, struct problems *problems, const char *key, const char *text)
{
	problem_add(problems, service_conf_origin(s->conf, NULL, key), s->name, key, "%s", text);
}

static struct resolve_query
query(const struct target *t)
{
	return (struct resolve_query){ .host = t->spec.host[0] ? t->spec.host : "localhost",
				       .service = t->spec.port,
				       .family = t->spec.family,
				       .socktype = t->spec.socktype };
}

static void
prepare_target(struct service *s, struct target *t, struct problems *problems)
{
	struct resolve_query q;
	struct error err;
	int r;

	if (!s->conf->redirect) {
		if (!service_conf_wrong(s->conf, "redirect"))
			wrong(s, problems, "redirect", "expected an address to connect to");
		return;
	}
	if (addr_spec_parse(s->conf->redirect, &t->spec, &err) < 0)
		return; /* the row's check has told */
	if (t->spec.kind != ADDR_INET) {
		t->addrs.addrs = memcpy(xcalloc(1, sizeof(struct addr)), &t->spec.addr, sizeof(struct addr));
		t->addrs.n = 1;
		t->fixed = true;
		return;
	}
	q = query(t);
	r = resolve_numeric(&q, &t->addrs, &err);
	t->fixed = r == 1;
	if (r == 0 && s->registry->checking)
		r = resolve_now(&q, &t->addrs, &err);
	if (r < 0)
		wrong(s, problems, "redirect", err.text);
}

static void
prepare_source(struct service *s, struct target *t, struct problems *problems)
{
	struct resolve_query q = { .host = s->conf->redirect_source, .socktype = SOCK_STREAM };
	struct addr_list list;
	struct error err;
	int r;

	if (!q.host)
		return;
	r = resolve_numeric(&q, &list, &err);
	if (r == 1)
		t->source = list.addrs[0];
	else
		wrong(s, problems, "redirect_source", r < 0 ? err.text : "expected an address");
	addr_list_clear(&list);
}

/* Small pieces were small when they came: whoever sent them did not want them to wait. */
static void
prepare_options(const struct service_conf *conf, struct sockopts *o)
{
	sockopts_init(o);
	o->reuseaddr = o->v6only = SOCKOPT_UNSET;
	o->nodelay = 1;
	o->keepalive = conf->sock.keepalive;
	o->keepalive_idle = conf->sock.keepalive_idle;
	o->keepalive_interval = conf->sock.keepalive_interval;
	o->keepalive_count = conf->sock.keepalive_count;
}

static int
redirect_prepare(struct service *s, struct problems *problems)
{
	struct target *t = xcalloc(1, sizeof(*t));
	size_t before = problems->errors;

	TAILQ_INIT(&t->waiting);
	LIST_INIT(&t->farewells);
	t->base = s->registry->base;
	s->handler_data = t;
	prepare_target(s, t, problems);
	prepare_source(s, t, problems);
	prepare_options(s->conf, &t->options);
	return problems->errors > before ? -1 : 0;
}

static void
redirect_release(struct service *s)
{
	struct target *t = s->handler_data;
	struct farewell *f;

	if (!t)
		return;
	while ((f = LIST_FIRST(&t->farewells))) {
		LIST_REMOVE(f, entry);
		drain_cancel(&f->drain);
		free(f);
	}
	resolve_cancel(t->resolve);
	addr_list_clear(&t->addrs);
	free(t);
	s->handler_data = NULL;
	relay_free_unused();
}

/* --- connecting --- */

static void
end_attempt(struct redirect *r)
{
	if (!r->attempt)
		return;
	event_del(&r->attempt->event);
	free(r->attempt->addrs);
	free(r->attempt);
	r->attempt = NULL;
}

static void
give_up(struct redirect *r, const char *address, int errnum, const char *error)
{
	struct conn *c = r->conn;

	service_log(c->service, LOG_LEVEL_ERROR, "redirect_error",
		    LOG_FIELDS(LOG_I("session", (int64_t)c->session), LOG_S("address", address),
			       LOG_S("errno", errnum ? error_name(errnum) : NULL), LOG_S("error", error)));
	conn_set_end(c, "error", 0);
	conn_done(c);
}

static const struct addr *
current(const struct attempt *a)
{
	return &a->addrs[a->next - 1];
}

static void
give_up_attempt(struct redirect *r)
{
	const struct attempt *a = r->attempt;
	char address[ADDR_TEXT];

	addr_format_url(current(a), address);
	give_up(r, address, a->errnum, strerror(a->errnum));
}

static void
close_server(struct redirect *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* 0, or -1 with errno. */
static int
bind_source(int fd, const struct addr *source, const struct addr *to)
{
	const int on = 1;

	if (!source->len || (to->sa.sa_family != AF_INET && to->sa.sa_family != AF_INET6))
		return 0;
	if (source->sa.sa_family != to->sa.sa_family) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	/* Otherwise each port could be used for one server only. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, &source->sa, source->len);
}

static void
set_options(int fd, const struct sockopts *o, const struct addr *to)
{
	char value[64];

	for (const struct sockopt_row *row = sockopt_rows; row->name; row++)
		if (sockopt_applies(row, o, to))
			sockopt_set(row, o, fd, value);
}

static void connect_cb(evutil_socket_t, short, void *);

/* 0 if it is under way, or -1 with errno. */
static int
connect_to(struct redirect *r, const struct addr *to)
{
	const struct target *t = r->conn->service->handler_data;
	struct attempt *a = r->attempt;
	int64_t left = a->deadline_ms - clock_monotonic_ms();
	struct timeval tv = { left / 1000, (left % 1000) * 1000 };

	r->fd = socket(to->sa.sa_family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
	if (r->fd < 0 || bind_source(r->fd, &t->source, to) < 0)
		return -1;
	set_options(r->fd, &t->options, to);
	if (connect(r->fd, &to->sa, to->len) < 0 && errno != EINPROGRESS) {
		if (errno != EAGAIN || left <= 0)
			return -1;
		close_server(r);
		tv = queue_pause;
	}
	if (event_assign(&a->event, t->base, r->fd, r->fd < 0 ? 0 : EV_WRITE, connect_cb, r) < 0 ||
	    event_add(&a->event, &tv) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* Goes on with the next address that can be tried. -1 if none is left. */
static int
try_next(struct redirect *r)
{
	struct attempt *a = r->attempt;

	while (a->next < a->n) {
		close_server(r);
		a->next++;
		a->deadline_ms = clock_monotonic_ms() + r->conn->service->conf->connect_timeout;
		if (connect_to(r, current(a)) == 0)
			return 0;
		a->errnum = errno;
	}
	a->failed = true;
	return -1;
}

static int
begin_attempt(struct redirect *r)
{
	const struct target *t = r->conn->service->handler_data;
	size_t size = t->addrs.n * sizeof(*t->addrs.addrs);

	r->attempt = xcalloc(1, sizeof(*r->attempt));
	event_assign(&r->attempt->event, t->base, -1, 0, connect_cb, r);
	r->attempt->n = t->addrs.n;
	r->attempt->addrs = memcpy(xrealloc(NULL, size), t->addrs.addrs, size);
	return try_next(r);
}

static void
relay_done(struct relay *relay, int errnum, void *arg)
{
	struct redirect *r = arg;

	(void)relay;
	conn_set_end(r->conn, errnum ? "error" : "eof", 0);
	conn_done(r->conn);
}

/* The first bytes on a new connection always find room. 0, or -1 with errno. */
static int
send_header(const struct redirect *r)
{
	const struct conn *c = r->conn;
	int version = c->service->conf->redirect_proxy;
	char header[PROXY_HEADER_MAX];
	size_t len;

	if (version == PROXY_OFF)
		return 0;
	len = proxy_header(version, (const struct sockaddr *)&c->peer, &c->local.sa, header);
	return send(r->fd, header, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -1;
}

static void
connected(struct redirect *r)
{
	struct conn *c = r->conn;
	const struct target *t = c->service->handler_data;
	struct error err;

	if (send_header(r) < 0) {
		r->attempt->errnum = errno;
		give_up_attempt(r);
		return;
	}
	set_options(c->fd, &t->options, &c->local);
	/* They may stay for long, and low numbers are for programs that start. */
	c->fd = fd_move_up(c->fd, spawn_shared_below());
	r->fd = fd_move_up(r->fd, spawn_shared_below());
	if (relay_start(&r->relay, t->base, c->fd, r->fd, relay_done, r, &err) < 0) {
		r->attempt->errnum = err.errnum;
		give_up_attempt(r);
		return;
	}
	end_attempt(r);
}

static int
connect_error(int fd, short what)
{
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	if (what & EV_TIMEOUT)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0 ? errno : errnum;
}

static void
connect_cb(evutil_socket_t fd, short what, void *arg)
{
	struct redirect *r = arg;
	struct attempt *a = r->attempt;

	(void)fd;
	if (a->failed) {
		give_up_attempt(r);
		return;
	}
	if (r->fd < 0) { /* a full queue: once more */
		if (connect_to(r, current(a)) == 0)
			return;
		a->errnum = errno;
	} else {
		a->errnum = connect_error(r->fd, what);
		if (!a->errnum) {
			connected(r);
			return;
		}
	}
	if (try_next(r) < 0)
		give_up_attempt(r);
}

/* --- the name --- */

static void
resolved_cb(struct addr_list *list, const struct error *err, void *arg)
{
	struct service *s = arg;
	struct target *t = s->handler_data;
	struct redirect *r;

	t->resolve = NULL;
	if (list) {
		addr_list_clear(&t->addrs);
		t->addrs = *list;
		t->resolved_ms = clock_monotonic_ms();
	}
	while ((r = TAILQ_FIRST(&t->waiting))) {
		TAILQ_REMOVE(&t->waiting, r, entry);
		r->waiting = false;
		if (!list)
			give_up(r, s->conf->redirect, err->errnum, err->text);
		else if (begin_attempt(r) < 0)
			give_up_attempt(r);
	}
}

static bool
knows_addresses(const struct target *t)
{
	return t->fixed || (t->addrs.n > 0 && clock_monotonic_ms() - t->resolved_ms < NAME_LIFE_MS);
}

/* All who ask while the answer is under way share it. */
static int
wait_for_name(struct redirect *r, struct error *err)
{
	struct service *s = r->conn->service;
	struct target *t = s->handler_data;
	struct resolve_query q = query(t);

	if (!t->resolve)
		t->resolve = resolve_start(t->base, &q, resolved_cb, s, err);
	if (!t->resolve)
		return -1;
	TAILQ_INSERT_TAIL(&t->waiting, r, entry);
	r->waiting = true;
	return 0;
}

/* --- a session --- */

static void
free_redirect(struct redirect *r)
{
	const struct service *s = r->conn->service;
	struct target *t = s->handler_data;

	if (r->waiting)
		TAILQ_REMOVE(&t->waiting, r, entry);
	end_attempt(r);
	close_server(r);
	r->conn->data = NULL;
	r->conn->relay = NULL;
	free(r);
}

static bool
is_short_of_files(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE;
}

static int
redirect_start(struct conn *c, struct error *err)
{
	struct redirect *r = xcalloc(1, sizeof(*r));

	r->conn = c;
	r->fd = -1;
	r->relay.active_ms = c->started_ms;
	c->data = r;
	c->relay = &r->relay;
	if (!knows_addresses(c->service->handler_data)) {
		if (wait_for_name(r, err) == 0)
			return 0;
		free_redirect(r);
		return -1;
	}
	if (begin_attempt(r) == 0)
		return 0;
	if (is_short_of_files(r->attempt->errnum)) {
		error_set(err, r->attempt->errnum, "socket");
		free_redirect(r);
		return -1;
	}
	/* Told by connect_cb, once the start has been. */
	event_active(&r->attempt->event, EV_TIMEOUT, 0);
	return 0;
}

static void
farewell_done(void *arg)
{
	struct farewell *f = arg;

	LIST_REMOVE(f, entry);
	f->service->users--;
	free(f);
}

/* The server gets all that was passed on to it, whatever it has said that nobody wants any more. */
static void
part_from_server(struct redirect *r)
{
	struct service *s = r->conn->service;
	struct target *t = s->handler_data;
	struct farewell *f;
	int fd = r->fd;

	if (fd < 0 || r->attempt || s->registry->forced || drain_is_needless(fd))
		return;
	r->fd = -1;
	f = xcalloc(1, sizeof(*f));
	LIST_INSERT_HEAD(&t->farewells, f, entry);
	f->service = s;
	s->users++;
	drain_start(&f->drain, t->base, fd, s->conf->drain_timeout, false, farewell_done, f);
}

static void
redirect_stop(struct conn *c)
{
	struct redirect *r = c->data;

	c->close_only = drain_is_needless(c->fd);
	relay_stop(&r->relay);
	part_from_server(r);
	free_redirect(r);
}

static void
redirect_kill(struct conn *c, bool force)
{
	(void)force;
	conn_done(c);
}

const struct handler handler_redirect = {
	.name = "redirect",
	.doc = "passes the connection on to another server",
	.sockets = HANDLER_STREAM | HANDLER_CONNECT,
	.prepare = redirect_prepare,
	.release = redirect_release,
	.start = redirect_start,
	.stop = redirect_stop,
	.kill = redirect_kill,
};
