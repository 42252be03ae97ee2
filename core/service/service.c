#include "core/service/service.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/service/capture.h"
#include "core/service/leftover.h"
#include "core/service/registry.h"
#include "core/sys/holder.h"
#include "core/sys/inherit.h"
#include "core/sys/sockopt.h"

/* Longer than the listener's own pause: otherwise every one of its tries would be told. */
static const struct timeval nofile_calm = { 2, 0 };

/* A program that ends without having taken anything would be started again at once, for ever. */
static const struct timeval untouched_pause = { 0, 500000 };

bool
service_logs(const struct service *s, enum log_level level, const char *event)
{
	if (!log_wants(s->log, level))
		return false;
	if (s->log_events == UINT32_MAX)
		return true;
	for (size_t i = 0; schema_log_events[i]; i++)
		if (strcmp(schema_log_events[i], event) == 0)
			return s->log_events & (1U << i);
	return true;
}

void
service_log(struct service *s, enum log_level level, const char *event, const struct log_field *f)
{
	if (service_logs(s, level, event))
		log_event(s->log, level, event, s->name, f);
}

void
service_log_summed(struct service *s, enum log_level level, const char *event, const struct log_field *f)
{
	if (service_logs(s, level, event))
		log_event_summed(s->log, level, event, s->name, f);
}

/* --- holds --- */

static const char *
hold_name(enum listener_hold why)
{
	switch (why) {
	case HOLD_FULL:
		return "full";
	case HOLD_RATE:
		return "rate";
	case HOLD_NOFILE:
		return "nofile";
	case HOLD_CHILD:
		return "child";
	case HOLD_PAUSED:
		return "paused";
	default:
		return "stopping";
	}
}

static void
log_hold(struct service *s, const char *event, enum listener_hold why)
{
	service_log_summed(s, LOG_LEVEL_INFO, event, LOG_FIELDS(LOG_S("why", hold_name(why))));
}

static void
hold(struct service *s, enum listener_hold why)
{
	if (s->holds & why)
		return;
	s->holds |= why;
	for (size_t i = 0; i < s->nlisteners; i++)
		if (s->listeners[i].listener)
			listener_hold(s->listeners[i].listener, why);
	log_hold(s, "hold", why);
}

static void
release(struct service *s, enum listener_hold why)
{
	if (!(s->holds & why))
		return;
	s->holds &= ~(unsigned)why;
	log_hold(s, "release", why);
	for (size_t i = 0; i < s->nlisteners; i++)
		if (s->listeners[i].listener)
			listener_release(s->listeners[i].listener, why);
}

struct service *
service_current(struct service *s)
{
	return s->successor ? s->successor : s;
}

static bool hold_for_rate(struct service *);

/* The loop's clock is a little coarse: a token that is not there yet would refuse a client. */
static void
rate_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!hold_for_rate(arg))
		release(arg, HOLD_RATE);
}

/* Holds until the next token, if there is none now. */
static bool
hold_for_rate(struct service *s)
{
	int64_t ns = rate_delay(&s->admission.rate, clock_monotonic_ns());
	struct timeval tv = { ns / 1000000000, (ns % 1000000000) / 1000 + 1 };

	if (ns == 0)
		return false;
	if (!s->rate_timer)
		s->rate_timer = evtimer_new(s->registry->base, rate_cb, s);
	if (!s->rate_timer || evtimer_add(s->rate_timer, &tv) < 0)
		return false;
	hold(s, HOLD_RATE);
	return true;
}

bool
service_holds_for_rate(struct service *s)
{
	return s->conf->when_full == FULL_WAIT && hold_for_rate(s);
}

static bool
keeps_waiting(const struct service *s)
{
	return s->conf->when_full == FULL_WAIT || s->conf->wait;
}

/* After each session that was let in: whoever comes next has to wait in the queue if there is no
 * place or no token left. Nobody is accepted only to be kept waiting. */
static void
hold_if_exhausted(struct service *s)
{
	if (!keeps_waiting(s))
		return;
	if (slots_full(&s->admission.slots))
		hold(s, HOLD_FULL);
	hold_for_rate(s);
}

/* Told once while descriptors are short, however often the hold comes and goes. */
static void
nofile_calm_cb(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;

	(void)fd;
	(void)what;
	registry_keep_reserve(s->registry);
	service_retry_pending(s);
	if (evtimer_pending(s->nofile_calm, NULL))
		return;
	event_free(s->nofile_calm);
	s->nofile_calm = NULL;
	s->registry->short_of_files--;
	log_hold(s, "release", HOLD_NOFILE);
}

static void
tell_nofile(struct service *s)
{
	if (!s->nofile_calm) {
		log_hold(s, "hold", HOLD_NOFILE);
		s->nofile_calm = evtimer_new(s->registry->base, nofile_calm_cb, s);
		s->registry->short_of_files += s->nofile_calm != NULL;
	}
	if (s->nofile_calm)
		evtimer_add(s->nofile_calm, &nofile_calm);
}

void
service_hold_nofile(struct service *s)
{
	tell_nofile(s);
	for (size_t i = 0; i < s->nlisteners; i++)
		if (s->listeners[i].listener)
			listener_hold(s->listeners[i].listener, HOLD_NOFILE);
}

void
service_hold_pending(struct service *s, bool on)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		if (!s->listeners[i].listener)
			continue;
		if (on)
			listener_hold(s->listeners[i].listener, HOLD_PENDING);
		else
			listener_release(s->listeners[i].listener, HOLD_PENDING);
	}
}

/* The calm begins when nobody waits any more, and not with the last failure. */
bool
service_retry_pending(struct service *s)
{
	struct conn *c;

	TAILQ_FOREACH(c, &s->conns, entry) {
		if (c->pending) {
			evtimer_add(s->nofile_calm, &nofile_calm);
			conn_start(c);
			return true; /* one descriptor, one try */
		}
	}
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct listener *l = s->listeners[i].listener;

		if (!l)
			continue;
		if (listener_holds(l) & HOLD_NOFILE)
			evtimer_add(s->nofile_calm, &nofile_calm);
		listener_release(l, HOLD_NOFILE);
	}
	return false;
}

void
service_conn_gone(struct service *s, struct conn *c)
{
	if (c->wait && !c->wait_socket)
		leftovers_conn_gone(s->registry, c);
	s = service_current(s);
	slots_give_back(&s->admission.slots, &c->source);
	if (s->holds & HOLD_FULL && !slots_full(&s->admission.slots))
		release(s, HOLD_FULL);
	registry_descriptor_free(s->registry);
	registry_one_less(s->registry);
}

/* --- connections --- */

static uint32_t
unix_peer_uid(int fd, const struct sockaddr *peer)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	if (peer->sa_family == AF_UNIX)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	return cred.uid;
}

static void
log_refusal(struct service *s, const struct sockaddr *peer, socklen_t len, uint32_t uid, const char *reason)
{
	char text[ADDR_TEXT];

	if (service_logs(s, LOG_LEVEL_INFO, "refuse"))
		service_log(
			s, LOG_LEVEL_INFO, "refuse",
			LOG_FIELDS(LOG_S("peer", addr_format(peer, len, text)), LOG_S("reason", reason),
				   { .key = "peer_uid", .number = peer->sa_family == AF_UNIX, .i = uid }));
}

static void
accept_cb(struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len, void *arg)
{
	struct service_listener *sl = arg;
	struct service *s = sl->service;
	struct sockaddr_storage ss = { 0 };
	struct source src;
	struct admit_result r;
	uint32_t uid = unix_peer_uid(fd, peer);

	memcpy(&ss, peer, len < sizeof(ss) ? len : sizeof(ss));
	addr_unmap(&ss, &len);
	src = source_of((struct sockaddr *)&ss, uid);
	/* Those that have left count no more. */
	if (slots_full(&s->admission.slots) || slots_source_full(&s->admission.slots, &src))
		drain_poll(SIZE_MAX);
	r = admit(&s->admission, (struct sockaddr *)&ss, &src, clock_monotonic_ns());
	if (r.verdict == ADMIT_REFUSE) {
		log_refusal(s, (struct sockaddr *)&ss, len, uid, r.reason);
		close(fd);
		return;
	}
	/* Before it starts: a client that waits for a place must see the hold before it is served. */
	hold_if_exhausted(s);
	conn_start(conn_new(s, ls, fd, (struct sockaddr *)&ss, len));
}

int64_t
service_queued(const struct listener_socket *ls)
{
	int fd = listener_socket_fd(ls);
	uint32_t mem[SK_MEMINFO_VARS];
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (listener_socket_addr(ls)->sa.sa_family == AF_UNIX)
		return -1;
	if (listener_socket_addr(ls)->socktype == SOCK_STREAM)
		return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1
									      : (int64_t)info.tcpi_unacked;
	len = sizeof(mem);
	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) < 0 ? -1
								     : (int64_t)mem[SK_MEMINFO_RMEM_ALLOC];
}

static void
ready_cb(struct listener_socket *ls, void *arg)
{
	struct service_listener *sl = arg;
	struct service *s = sl->service;
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct source src = source_of(&nobody, 0);
	struct conn *c;

	if (!s->conf->wait) {
		s->handler->datagram(s, ls);
		return;
	}
	if (s->registry->stopping)
		return;
	/* The program sees the peers; only the limits can be applied here. */
	if (slots_full(&s->admission.slots) || !rate_take(&s->admission.rate, clock_monotonic_ns())) {
		hold_if_exhausted(s);
		if (!s->holds)
			service_release_socket(ls, true);
		return;
	}
	slots_take(&s->admission.slots, &src);
	listener_socket_hold(ls);
	log_hold(s, "hold", HOLD_CHILD);
	hold_if_exhausted(s);
	c = conn_new(s, ls, -1, NULL, 0);
	c->queued = service_queued(ls);
	conn_start(c);
}

void
service_release_socket(struct listener_socket *ls, bool pause)
{
	const struct service_listener *sl = listener_arg(listener_of(ls));
	struct service *s = sl->service;

	listener_socket_set_user(ls, NULL);
	if (s->holds & HOLD_STOPPING)
		return;
	log_hold(s, "release", HOLD_CHILD);
	if (pause)
		listener_socket_pause(ls, &untouched_pause);
	else
		listener_socket_release(ls);
}

/* --- listening --- */

static bool
on_open(struct listener *l, const struct addr *a, int port, struct listener_spare *spare, void *arg)
{
	struct service_listener *sl = arg;

	(void)l;
	return leftovers_take(sl, a, port, spare);
}

static void
on_adopt(struct listener_socket *ls, void *arg)
{
	struct conn *c = listener_socket_user(ls);

	(void)arg;
	if (c)
		c->wait_socket = ls;
}

static void
on_listen(struct listener_socket *ls, void *arg)
{
	struct service_listener *sl = arg;
	const struct addr *a = listener_socket_addr(ls);
	char text[ADDR_TEXT];

	sl->service->registry->listen_events++;
	registry_sockets_changed(sl->service->registry);

	service_log(sl->service, LOG_LEVEL_INFO, "listen",
		    LOG_FIELDS(LOG_S("address", addr_format_url(a, text)),
			       LOG_S("family", addr_family_name(a->sa.sa_family)),
			       LOG_S("socktype", addr_socktype_name(a->socktype)),
			       { .key = "queuesize",
				 .number = a->socktype != SOCK_DGRAM,
				 .i = sl->params.socket.queuesize }));
}

static void
on_fail(struct listener *l, const struct addr *a, const struct socket_fail *f, void *arg)
{
	struct service_listener *sl = arg;
	char text[ADDR_TEXT], holder[128] = "";

	(void)l;
	/* Once: it reads much of /proc, and a retry finds the same. */
	if (f->errnum == EADDRINUSE && !sl->settled)
		holder_of(a, holder, sizeof(holder));
	service_log(sl->service, LOG_LEVEL_ERROR, "fail",
		    LOG_FIELDS(LOG_S("syscall", f->syscall), LOG_S("args", f->args),
			       LOG_S("address", addr_format_url(a, text)),
			       LOG_S("errno", error_name(f->errnum)), LOG_S("error", strerror(f->errnum)),
			       LOG_S("holder", holder[0] ? holder : NULL)));
}

static const char *
retry_text(const struct service *s, char buf[32])
{
	if (s->conf->on_listen_error != LISTEN_ERROR_RETRY)
		return NULL;
	format_duration_ms(s->conf->retry_interval, buf, 32);
	return buf;
}

static void
on_resolve_error(struct listener *l, const struct error *err, void *arg)
{
	struct service_listener *sl = arg;
	char retry[32];

	(void)l;
	sl->failed = EX_NOHOST;
	service_log(sl->service, LOG_LEVEL_ERROR, "resolve_error",
		    LOG_FIELDS(LOG_S("address", sl->text), LOG_S("error", err->text),
			       LOG_S("retry", retry_text(sl->service, retry))));
}

static void
on_listen_error(struct listener *l, const struct socket_fail *f, void *arg)
{
	struct service_listener *sl = arg;
	char retry[32];

	(void)l;
	if (f)
		sl->failed = f->errnum == EACCES || f->errnum == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	service_log(sl->service, LOG_LEVEL_ERROR, "listen_error",
		    LOG_FIELDS(LOG_S("address", sl->text), LOG_S("syscall", f ? f->syscall : "getaddrinfo"),
			       LOG_S("errno", f ? error_name(f->errnum) : NULL),
			       LOG_S("error", f ? strerror(f->errnum) : "the name does not resolve"),
			       LOG_S("retry", retry_text(sl->service, retry))));
}

bool
service_retries(const struct service_listener *sl)
{
	/* What was not inherited will never be. */
	return sl->service->conf->on_listen_error == LISTEN_ERROR_RETRY && !sl->handle;
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct service_listener *sl = arg;

	(void)fd;
	(void)what;
	listener_retry(sl->listener);
}

static void
settle(struct service_listener *sl)
{
	struct registry *r = sl->service->registry;

	if (sl->settled)
		return;
	sl->settled = true;
	leftovers_settled(sl->service);
	if (--r->unsettled == 0 && r->on->on_settled)
		r->on->on_settled(r, r->arg);
}

static void
on_settled(struct listener *l, void *arg)
{
	struct service_listener *sl = arg;
	struct service *s = sl->service;
	struct registry *r = s->registry;
	int64_t ms = s->conf->retry_interval;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
	size_t listening = listener_listening(l);

	if (listening > 0) {
		sl->failed = 0;
	} else if (sl->failed) {
		r->failed = sl->failed > r->failed ? sl->failed : r->failed;
		if (s->conf->on_listen_error == LISTEN_ERROR_EXIT && r->on->on_exit)
			r->on->on_exit(r, sl->failed, r->arg);
	}
	if (service_retries(sl) && !(s->holds & HOLD_STOPPING) &&
	    (listening == 0 || (s->conf->bind == BIND_ALL && listening < listener_addresses(l)))) {
		if (!sl->retry)
			sl->retry = evtimer_new(r->base, retry_cb, sl);
		if (sl->retry)
			evtimer_add(sl->retry, &tv);
	}
	settle(sl);
}

static void
on_accept_error(struct listener *l, int errnum, void *arg)
{
	struct service_listener *sl = arg;

	if (listener_holds(l) & HOLD_NOFILE) {
		tell_nofile(sl->service);
		return;
	}
	service_log_summed(sl->service, LOG_LEVEL_WARNING, "fail",
			   LOG_FIELDS(LOG_S("syscall", "accept"), LOG_S("address", sl->text),
				      LOG_S("errno", error_name(errnum)), LOG_S("error", strerror(errnum))));
}

static const struct listener_callbacks callbacks = {
	.on_accept = accept_cb,
	.on_ready = ready_cb,
	.on_listen = on_listen,
	.on_resolve_error = on_resolve_error,
	.on_fail = on_fail,
	.on_listen_error = on_listen_error,
	.on_settled = on_settled,
	.on_accept_error = on_accept_error,
	.on_open = on_open,
	.on_adopt = on_adopt,
};

/* What an inherited socket is turns out only now. */
static int
take_handle(struct service_listener *sl, struct error *err)
{
	struct service *s = sl->service;
	socklen_t len = sizeof(int);
	int fd = inherit_take(sl->handle, err);
	int socktype = 0;

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &socktype, &len) < 0)
		return error_set(err, errno, "descriptor %d", fd);
	if (socktype == SOCK_DGRAM && !s->conf->wait && !(s->handler->sockets & HANDLER_DATAGRAM))
		return error_set(err, 0, "a program on a datagram socket needs wait = true");
	if (socktype == SOCK_DGRAM && !s->conf->wait)
		sockopt_tell_destination(fd);
	sl->params.handle = fd;
	return 0;
}

static void
start_listener(struct service_listener *sl)
{
	struct error err;

	sl->begun = true;
	if (sl->handle && take_handle(sl, &err) < 0)
		goto fail;
	if (listener_listen(sl->listener, &sl->params, &err) == 0)
		return;

fail:
	sl->failed = EX_UNAVAILABLE;
	service_log(sl->service, LOG_LEVEL_ERROR, "listen_error",
		    LOG_FIELDS(LOG_S("address", sl->text), LOG_S("error", err.text)));
	on_settled(sl->listener, sl);
}

void
service_create_listeners(struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++)
		if (!s->listeners[i].listener)
			s->listeners[i].listener =
				listener_new(s->registry->base, &callbacks, &s->listeners[i]);
}

void
service_start(struct service *s)
{
	s->registry->unsettled += s->nlisteners;
	for (size_t i = 0; i < s->nlisteners && !s->registry->stopping; i++)
		start_listener(&s->listeners[i]);
}

void
service_stop_listening(struct service *s)
{
	hold(s, HOLD_STOPPING);
	if (s->rate_timer)
		evtimer_del(s->rate_timer);
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct service_listener *sl = &s->listeners[i];

		if (sl->retry)
			event_free(sl->retry);
		sl->retry = NULL;
		if (sl->listener)
			listener_close(sl->listener);
	}
	registry_sockets_changed(s->registry);
}

size_t
service_listening(const struct service *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nlisteners; i++)
		if (s->listeners[i].listener)
			n += listener_listening(s->listeners[i].listener);
	return n;
}

static void
free_listeners(struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct service_listener *sl = &s->listeners[i];

		if (sl->retry)
			event_free(sl->retry);
		listener_free(sl->listener);
		free(sl->addrs);
		free(sl->host);
		free(sl->port);
		free(sl->handle);
		free(sl->text);
	}
	free(s->listeners);
	s->listeners = NULL;
	s->nlisteners = 0;
}

/* --- a reload --- */

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
listens_alike(const struct service_listener *a, const struct service_listener *b)
{
	const struct listener_params *p = &a->params, *q = &b->params;

	if (p->mode != q->mode || !is_same_text(a->handle, b->handle))
		return false;
	if (a->handle)
		return true;
	if (!is_same_text(a->host, b->host) || !is_same_text(a->port, b->port) || p->family != q->family ||
	    p->socktype != q->socktype || p->protocol != q->protocol || p->flags != q->flags ||
	    p->first != q->first || p->naddrs != q->naddrs || !socket_params_equal(&p->socket, &q->socket))
		return false;
	for (size_t i = 0; i < p->naddrs; i++)
		if (!addr_equal(&a->addrs[i], &b->addrs[i]))
			return false;
	return true;
}

static void
take_listener(struct service_listener *sl, struct service_listener *from)
{
	sl->listener = from->listener;
	sl->begun = from->begun;
	sl->settled = from->settled;
	sl->failed = from->failed;
	sl->retry = from->retry;
	from->listener = NULL;
	from->retry = NULL;
	listener_set_arg(sl->listener, sl);
	if (sl->params.socket.queuesize != from->params.socket.queuesize)
		listener_set_queue(sl->listener, sl->params.socket.queuesize);
	/* Its argument is the old one. What has failed is tried again anyway. */
	if (sl->retry)
		event_free(sl->retry);
	sl->retry = NULL;
	/* The descriptor is known by its number from now on. */
	sl->params.handle = from->params.handle;
}

void
service_take_listeners(struct service *s, struct service *from)
{
	for (size_t i = 0; i < s->nlisteners; i++)
		for (size_t j = 0; j < from->nlisteners && !s->listeners[i].listener; j++)
			if (from->listeners[j].listener &&
			    listens_alike(&s->listeners[i], &from->listeners[j]))
				take_listener(&s->listeners[i], &from->listeners[j]);
}

/* One that was inherited can be taken again, by its name. */
static void
give_back(const struct listener_spare *spare)
{
	if (spare->user)
		conn_lose_socket(spare->user);
	inherit_give_back(spare->fd);
}

void
service_let_sockets_go(struct service *s, struct service *heir)
{
	struct listener_spare spare;

	for (size_t i = 0; i < s->nlisteners; i++) {
		struct service_listener *sl = &s->listeners[i];

		if (!sl->listener)
			continue;
		while (listener_detach(sl->listener, &spare)) {
			if (sl->handle)
				give_back(&spare);
			else
				leftovers_add(sl, &spare, heir);
		}
		if (sl->begun && !sl->settled)
			s->registry->unsettled--;
	}
	leftovers_pass_on(s->registry, s, heir);
	free_listeners(s);
	registry_sockets_changed(s->registry);
	s->registry->listen_events++;
}

void
service_continue(struct service *s, struct service *from)
{
	const unsigned limits = HOLD_FULL | HOLD_RATE | HOLD_PAUSED;

	admission_continue(&s->admission, &from->admission);
	s->untouched = from->untouched;
	s->holds = from->holds & limits;
	from->holds = HOLD_STOPPING;
	if (from->rate_timer)
		event_free(from->rate_timer);
	from->rate_timer = NULL;
}

void
service_review_holds(struct service *s)
{
	if (s->holds & HOLD_FULL && !(keeps_waiting(s) && slots_full(&s->admission.slots)))
		release(s, HOLD_FULL);
	if (s->holds & HOLD_RATE && !(keeps_waiting(s) && hold_for_rate(s)))
		release(s, HOLD_RATE);
	hold_if_exhausted(s);
}

/* A new listener begins with the holds that the others have. */
static void
join_holds(struct service_listener *sl)
{
	static const enum listener_hold all[] = { HOLD_FULL, HOLD_RATE, HOLD_PAUSED };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sl->service->holds & all[i])
			listener_hold(sl->listener, all[i]);
}

static bool
may_try_again(const struct service_listener *sl)
{
	size_t listening = listener_listening(sl->listener);

	if (listener_is_resolving(sl->listener))
		return false;
	return listening == 0 ||
	       (!sl->params.first && !sl->handle && listening < listener_addresses(sl->listener));
}

static void
try_again(struct service_listener *sl)
{
	if (sl->retry)
		evtimer_del(sl->retry);
	if (sl->settled)
		sl->service->registry->unsettled++;
	sl->settled = false;
	if (sl->handle)
		start_listener(sl);
	else
		listener_retry(sl->listener);
}

void
service_begin(struct service *s)
{
	for (size_t i = 0; i < s->nlisteners && !s->registry->stopping; i++) {
		struct service_listener *sl = &s->listeners[i];

		if (!sl->begun) {
			join_holds(sl);
			s->registry->unsettled++;
			start_listener(sl);
		} else if (may_try_again(sl)) {
			try_again(sl);
		}
	}
}

/* --- the end --- */

void
service_free(struct service *s)
{
	if (!s)
		return;
	free_listeners(s);
	if (s->handler && s->handler->release)
		s->handler->release(s);
	if (s->rate_timer)
		event_free(s->rate_timer);
	if (s->nofile_calm) {
		event_free(s->nofile_calm);
		s->registry->short_of_files--;
	}
	capture_free_all(s);
	admission_clear(&s->admission);
	registry_log_done(s->registry, s->log);
	if (s->own_conf)
		service_conf_clear(s->own_conf);
	free(s->own_conf);
	free(s);
}
