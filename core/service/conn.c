#include "core/service/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/deliver.h"
#include "core/net/relay.h"
#include "core/service/gate.h"
#include "core/service/registry.h"
#include "core/service/service.h"

/* For a client to take what it is told instead of being served. */
enum { GOODBYE_MS = 10000 };

static struct conn_list unused = TAILQ_HEAD_INITIALIZER(unused);

/* One that was used before keeps its timers: they call back with the same address. */
static struct conn *
allocate(void)
{
	struct conn *c = TAILQ_FIRST(&unused);
	struct event *timer, *idle;

	if (!c)
		return xcalloc(1, sizeof(*c));
	TAILQ_REMOVE(&unused, c, entry);
	timer = c->timer;
	idle = c->idle;
	memset(c, 0, sizeof(*c));
	c->timer = timer;
	c->idle = idle;
	return c;
}

void
conn_free_unused(void)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&unused))) {
		TAILQ_REMOVE(&unused, c, entry);
		if (c->timer)
			event_free(c->timer);
		if (c->idle)
			event_free(c->idle);
		free(c);
	}
}

static void
read_unix_peer(struct conn *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	c->peer_uid = (uid_t)-1;
	c->peer_gid = (gid_t)-1;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	c->peer_uid = cred.uid;
	c->peer_gid = cred.gid;
	c->peer_pid = cred.pid;
}

static struct conn *
new_session(struct service *s, int fd, const struct addr *local, const struct sockaddr *peer, socklen_t len)
{
	struct conn *c = allocate();

	c->service = s;
	c->fd = fd;
	c->session = ++s->registry->last_session;
	c->started_ms = clock_monotonic_ms();
	c->local = *local;
	c->drain.fd = -1;
	if (peer) {
		c->peer_len = len < sizeof(c->peer) ? len : sizeof(c->peer);
		memcpy(&c->peer, peer, c->peer_len);
		addr_unmap(&c->peer, &c->peer_len);
	}
	if (c->peer.ss_family == AF_UNIX && fd >= 0)
		read_unix_peer(c);
	if (fd >= 0 && addr_is_wildcard(&c->local.sa)) {
		c->local.len = sizeof(c->local.storage);
		getsockname(fd, &c->local.sa, &c->local.len);
		addr_unmap(&c->local.storage, &c->local.len);
	}
	c->source = source_of((struct sockaddr *)&c->peer, c->peer_uid);
	TAILQ_INSERT_TAIL(&s->conns, c, entry);
	s->nconns++;
	s->registry->sessions++;
	return c;
}

struct conn *
conn_new(struct service *s, struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct conn *c = new_session(s, fd, listener_socket_addr(ls), peer, len);

	if (fd < 0) {
		c->wait = true;
		c->wait_socket = ls;
		listener_socket_set_user(ls, c);
	}
	return c;
}

struct conn *
conn_new_from(struct service *s, struct conn *from, const char *hello, const char *sorry)
{
	struct conn *c =
		new_session(s, from->fd, &from->local, (const struct sockaddr *)&from->peer, from->peer_len);

	from->fd = -1;
	c->hello = hello;
	c->sorry = sorry;
	return c;
}

static const char *
peer_text(const struct conn *c, char buf[ADDR_TEXT])
{
	if (!c->peer_len)
		return NULL;
	return addr_format((const struct sockaddr *)&c->peer, c->peer_len, buf);
}

static void
forget(struct conn *c)
{
	struct service *s = c->service;

	if (c->timer)
		evtimer_del(c->timer);
	if (c->idle)
		evtimer_del(c->idle);
	TAILQ_REMOVE(&s->conns, c, entry);
	s->nconns--;
	s->registry->sessions--;
	service_conn_gone(s, c);
	TAILQ_INSERT_HEAD(&unused, c, entry);
}

static void
log_start(struct conn *c)
{
	char peer[ADDR_TEXT], local[ADDR_TEXT];

	if (!service_logs(c->service, LOG_LEVEL_INFO, "start"))
		return;
	service_log(c->service, LOG_LEVEL_INFO, "start",
		    LOG_FIELDS(LOG_I("session", (int64_t)c->session),
			       LOG_I("pid", c->pid ? c->pid : getpid()), LOG_S("peer", peer_text(c, peer)),
			       LOG_S("local", addr_format(&c->local.sa, c->local.len, local)),
			       { .key = "peer_uid", .number = c->peer_pid != 0, .i = (int64_t)c->peer_uid }));
}

static void
log_end(struct conn *c)
{
	char peer[ADDR_TEXT];
	int64_t cpu_ms = 0;
	bool cut_off;

	if (!service_logs(c->service, LOG_LEVEL_INFO, "end"))
		return;
	cut_off = c->signal && strcmp(c->how, "signal") != 0;
	if (c->has_usage) {
		const struct timeval *u = &c->usage.ru_utime, *k = &c->usage.ru_stime;

		cpu_ms = (u->tv_sec + k->tv_sec) * 1000 + (u->tv_usec + k->tv_usec) / 1000;
	}
	service_log(c->service, LOG_LEVEL_INFO, "end",
		    LOG_FIELDS(LOG_I("session", (int64_t)c->session),
			       LOG_I("pid", c->pid ? c->pid : getpid()), LOG_S("peer", peer_text(c, peer)),
			       LOG_S("how", c->how), LOG_I("status", c->status),
			       { .key = "signal", .number = cut_off, .i = c->signal },
			       LOG_I("ms", c->ended_ms - c->started_ms),
			       { .key = "in", .number = c->relayed, .i = (int64_t)c->in },
			       { .key = "out", .number = c->relayed, .i = (int64_t)c->out },
			       { .key = "cpu_ms", .number = c->has_usage, .i = cpu_ms },
			       { .key = "maxrss_kb", .number = c->has_usage, .i = c->usage.ru_maxrss }));
}

static void
finish(void *arg)
{
	struct conn *c = arg;

	c->fd = -1;
	log_end(c);
	forget(c);
}

static void timer_cb(evutil_socket_t, short, void *);

static void
set_timer(struct conn *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!c->timer)
		c->timer = evtimer_new(c->service->registry->base, timer_cb, c);
	if (c->timer)
		evtimer_add(c->timer, &tv);
}

/* The first expiry is the session's timeout; after that, kill_after has passed. */
static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->how)
		c->service->handler->kill(c, true);
	else
		conn_kill(c, "timeout");
}

/* How long no byte has moved, as a built-in handler or the kernel knows it; -1 if nobody does. */
static int64_t
idle_ms(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (c->stream)
		return clock_monotonic_ms() - c->active_ms;
	if (c->relay)
		return clock_monotonic_ms() - c->relay->active_ms;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -1;
	return info.tcpi_last_data_sent < info.tcpi_last_data_recv ? info.tcpi_last_data_sent
								   : info.tcpi_last_data_recv;
}

static void
idle_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	int64_t limit = c->service->conf->idle_timeout;
	int64_t idle = idle_ms(c);
	int64_t age = clock_monotonic_ms() - c->started_ms;
	struct timeval tv;

	(void)fd;
	(void)what;
	if (idle < 0)
		return;
	if (idle > age)
		idle = age;
	if (idle >= limit) {
		conn_kill(c, "timeout");
		return;
	}
	tv = (struct timeval){ (limit - idle) / 1000, ((limit - idle) % 1000) * 1000 + 1000 };
	evtimer_add(c->idle, &tv);
}

static void
start_timers(struct conn *c)
{
	const struct service_conf *conf = c->service->conf;

	if (conf->timeout > 0)
		set_timer(c, conf->timeout);
	if (conf->idle_timeout > 0 && c->fd >= 0) {
		struct timeval tv = { conf->idle_timeout / 1000, (conf->idle_timeout % 1000) * 1000 };

		if (!c->idle)
			c->idle = evtimer_new(c->service->registry->base, idle_cb, c);
		if (c->idle)
			evtimer_add(c->idle, &tv);
	}
}

/* A connection on which nothing was sent has room for a few bytes, whatever the client does. */
void
conn_say_hello(struct conn *c)
{
	if (!c->hello)
		return;
	(void)!send(c->fd, c->hello, strlen(c->hello), MSG_DONTWAIT | MSG_NOSIGNAL);
	c->hello = c->sorry = NULL;
}

void
conn_say_goodbye(struct conn *c, struct letter *letter)
{
	struct letter *sorry = c->sorry ? letter_new(c->sorry, strlen(c->sorry)) : NULL;

	/* Unread input must not turn it into a reset. */
	farewell(c->service->registry->base, c->fd, sorry, letter, GOODBYE_MS);
	letter_unref(sorry);
	c->fd = -1;
	c->sorry = NULL;
}

/* Nothing was started: no `start`, no `end`, but one `refuse`. */
void
conn_refuse(struct conn *c, const char *reason, enum log_level level, const struct error *err)
{
	struct listener_socket *ls = c->wait_socket;
	struct service *s = c->service;
	char peer[ADDR_TEXT];

	service_log(s, level, "refuse",
		    LOG_FIELDS(LOG_S("peer", peer_text(c, peer)), LOG_S("reason", reason),
			       LOG_S("errno", err->errnum ? error_name(err->errnum) : NULL),
			       LOG_S("error", err->text[0] ? err->text : NULL)));
	if (c->sorry && c->fd >= 0)
		conn_say_goodbye(c, NULL);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	forget(c);
	/* The datagram or connection is still there: without a pause it would be tried at once. */
	if (ls)
		service_release_socket(ls, true);
}

void
conn_withdraw(struct conn *c)
{
	forget(c);
}

static void
set_pending(struct conn *c, bool on)
{
	if (c->pending == on)
		return;
	c->pending = on;
	registry_count_pending(c->service->registry, on ? 1 : -1);
}

/* Where descriptors have run out, the reserve lets one more start: its end gives some back, so that
 * there is always somebody to wait for. */
static int
start_with_reserve(struct conn *c, struct error *err)
{
	const struct handler *h = c->service->handler;
	int r = h->start(c, err);

	if (r < 0 && (err->errnum == EMFILE || err->errnum == ENFILE) &&
	    registry_use_reserve(c->service->registry)) {
		r = h->start(c, err);
		registry_keep_reserve(c->service->registry);
	}
	return r;
}

void
conn_start(struct conn *c)
{
	struct error err = { 0 };

	conn_say_hello(c);
	if (start_with_reserve(c, &err) < 0) {
		if (err.errnum == EMFILE || err.errnum == ENFILE) {
			set_pending(c, true);
			service_hold_nofile(c->service);
		} else {
			set_pending(c, false);
			conn_refuse(c, "fork", LOG_LEVEL_WARNING, &err);
		}
		return;
	}
	set_pending(c, false);
	log_start(c);
	start_timers(c);
	if (c->service->handler->started)
		c->service->handler->started(c);
}

void
conn_abandon(struct conn *c)
{
	struct error err;

	error_set(&err, EMFILE, "the daemon ends before a descriptor is free");
	set_pending(c, false);
	conn_refuse(c, "fork", LOG_LEVEL_WARNING, &err);
}

bool
conn_lose_socket(struct conn *c)
{
	struct error err;

	c->wait_socket = NULL;
	if (c->gate) {
		gate_abandon(c);
		return false;
	}
	if (!c->pending)
		return true;
	error_set(&err, 0, "the service has been replaced before a descriptor was free");
	set_pending(c, false);
	conn_refuse(c, "fork", LOG_LEVEL_WARNING, &err);
	return false;
}

void
conn_set_end(struct conn *c, const char *how, int status)
{
	if (!c->how)
		c->how = how;
	c->status = status;
	c->signal = strcmp(how, "signal") == 0 ? status : 0;
}

static void
note_relayed(struct conn *c)
{
	if (!c->relay)
		return;
	c->relayed = true;
	c->in = relay_bytes(c->relay, RELAY_NEAR);
	c->out = relay_bytes(c->relay, RELAY_FAR);
	c->relay = NULL;
}

void
conn_done(struct conn *c)
{
	struct service *s = c->service;
	int64_t timeout = s->conf->drain_timeout;
	bool awaited;
	int fd = c->fd;

	c->ended_ms = clock_monotonic_ms();
	if (c->timer)
		evtimer_del(c->timer);
	if (c->idle)
		evtimer_del(c->idle);
	note_relayed(c);
	if (s->handler->stop)
		s->handler->stop(c);
	if (fd < 0) {
		finish(c);
		return;
	}
	if (s->conf->close == CLOSE_LEAVE || c->close_only || s->registry->forced) {
		close(fd);
		finish(c);
		return;
	}
	c->fd = -1;
	if (s->registry->ending && s->conf->kill_after < timeout)
		timeout = s->conf->kill_after;
	/* Its place, or its descriptor. */
	awaited = service_current(s)->holds & HOLD_FULL || s->registry->short_of_files;
	drain_start(&c->drain, s->registry->base, fd, timeout, awaited, finish, c);
}

void
conn_kill(struct conn *c, const char *how)
{
	if (c->how)
		return;
	conn_set_end(c, how, 0);
	if (c->idle)
		evtimer_del(c->idle);
	set_timer(c, c->service->conf->kill_after);
	c->service->handler->kill(c, c->service->conf->kill_after == 0);
}

void
conn_cut(struct conn *c)
{
	if (!drain_is_under_way(&c->drain))
		return;
	drain_cancel(&c->drain);
	finish(c);
}
