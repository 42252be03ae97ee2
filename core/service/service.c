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
#include "core/net/deliver.h"
#include "core/service/capture.h"
#include "core/service/gate.h"
#include "core/service/leftover.h"
#include "core/service/registry.h"
#include "core/service/rpc.h"
#include "core/sys/fd.h"
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
		log_event_as(s->log, level, event, s->name, &s->log_view, f);
}

void
service_log_summed(struct service *s, enum log_level level, const char *event, const struct log_field *f)
{
	if (service_logs(s, level, event))
		log_event_summed_as(s->log, level, event, s->name, &s->log_view, f);
}

/* --- holds --- */

const char *
service_hold_name(enum listener_hold why)
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
	case HOLD_PENDING:
		return "pending";
	default:
		return "stopping";
	}
}

/* ms: how long it is going to last, where that is known. */
static void
log_hold_for(struct service *s, const char *event, enum listener_hold why, int64_t ms)
{
	service_log_summed(s, LOG_LEVEL_INFO, event,
			   LOG_FIELDS(LOG_S("why", service_hold_name(why)),
				      { .key = "ms", .number = ms > 0, .i = ms }));
}

static void
log_hold(struct service *s, const char *event, enum listener_hold why)
{
	log_hold_for(s, event, why, 0);
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
	log_hold_for(s, "hold", why, why == HOLD_RATE ? s->pause_ms : 0);
}

static void
release(struct service *s, enum listener_hold why)
{
	if (!(s->holds & why))
		return;
	s->holds &= ~(unsigned)why;
	log_hold(s, "release", why);
	if (!TAILQ_EMPTY(&s->waiters) && s->wake)
		event_active(s->wake, EV_TIMEOUT, 0);
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
static void serve_parked(struct service *);

/* The loop's clock is a little coarse: a token that is not there yet would refuse a client. */
static void
rate_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (hold_for_rate(arg))
		return;
	release(arg, HOLD_RATE);
	serve_parked(arg);
}

static bool
hold_rate_for(struct service *s, int64_t ns)
{
	struct timeval tv = { ns / 1000000000, (ns % 1000000000) / 1000 + 1 };

	if (!s->rate_timer)
		s->rate_timer = evtimer_new(s->registry->base, rate_cb, s);
	if (!s->rate_timer || evtimer_add(s->rate_timer, &tv) < 0)
		return false;
	hold(s, HOLD_RATE);
	return true;
}

/* Holds until the next token, if there is none now. */
static bool
hold_for_rate(struct service *s)
{
	int64_t ns = rate_delay(&s->admission.rate, clock_monotonic_ns());

	return ns > 0 && hold_rate_for(s, ns);
}

/* The rate was exceeded: nobody is accepted for rate_pause, and not before the next token. The sockets
 * stay open and the sessions are counted on, so that nothing has to be put right at the end. */
static bool
begin_pause(struct service *s)
{
	int64_t ns = rate_delay(&s->admission.rate, clock_monotonic_ns());

	if (ns < s->conf->rate_pause * 1000000)
		ns = s->conf->rate_pause * 1000000;
	s->pause_ms = ns / 1000000;
	return hold_rate_for(s, ns);
}

bool
service_holds_for_rate(struct service *s, bool somebody_waits)
{
	if (s->conf->rate_pause == 0)
		return s->conf->when_full == FULL_WAIT && hold_for_rate(s);
	if (rate_delay(&s->admission.rate, clock_monotonic_ns()) == 0)
		return false;
	return !somebody_waits || begin_pause(s);
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
	/* A pause begins only with a client too many. */
	if (s->conf->rate_pause == 0)
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
	/* Those who are refused must not keep others waiting. */
	farewell_cut_all();
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

void
service_log_ban(struct service *s, const struct sockaddr *peer, socklen_t len)
{
	int64_t ms = s->admission.extra->ban_ms;
	char text[ADDR_TEXT];

	service_log(s, LOG_LEVEL_INFO, "ban",
		    LOG_FIELDS(LOG_S("peer", len ? addr_format(peer, len, text) : "unix"),
			       { .key = "ms", .number = ms != BAN_FOREVER, .i = ms }));
}

/* An accepted connection that is not a session yet. */
struct client {
	struct listener_socket *ls;
	int fd;
	union {
		struct sockaddr sa;
		struct sockaddr_storage storage;
	} peer;
	socklen_t len;
	uint32_t uid; /* of a unix peer */
};

/* Keeps the client that has exceeded the rate until the pause is over. It is the only one: nobody else is
 * accepted meanwhile. */
static bool
park(struct service *s, const struct client *c)
{
	if (s->conf->rate_pause == 0 || s->parked || !begin_pause(s))
		return false;
	s->parked = xcalloc(1, sizeof(*s->parked));
	*s->parked = *c;
	return true;
}

static void
tell_refusal(struct service *s, const struct sockaddr *peer, socklen_t len, uint32_t uid,
	     const struct admit_result *r)
{
	log_refusal(s, peer, len, uid, r->reason);
	if (r->banned)
		service_log_ban(s, peer, len);
}

static void
refuse_client(struct service *s, const struct client *c, const struct admit_result *r)
{
	tell_refusal(s, &c->peer.sa, c->len, c->uid, r);
	if (s->gate && s->registry->short_of_files == 0)
		gate_turn_away(s, c->fd);
	else
		close(c->fd);
}

/* Whether a session that has ended, but for its drain, is in the way. */
static bool
is_crowded(const struct service *s, const struct source *src)
{
	const struct registry *r = s->registry;

	return slots_full(&s->admission.slots) || slots_source_full(&s->admission.slots, src) ||
	       slots_prefix_full(&s->admission.slots, src) ||
	       (r->process_limit > 0 && r->sessions >= (size_t)r->process_limit);
}

/* Whether a client is let in: then it has a place. */
static bool
let_in(struct service *s, const struct sockaddr *peer, uint32_t uid, struct admit_result *r)
{
	struct source src = source_of(peer, uid);

	/* Those that have left count no more. */
	if (is_crowded(s, &src))
		drain_poll(SIZE_MAX);
	*r = admit(&s->admission, peer, &src, clock_monotonic_ns());
	if (r->verdict == ADMIT_REFUSE)
		return false;
	/* Before it starts: a client that waits for a place must see the hold before it is served. */
	hold_if_exhausted(s);
	return true;
}

static void
begin(struct service *s, struct conn *c)
{
	if (s->gate)
		gate_enter(c);
	else
		conn_start(c);
}

static void
judge(struct service *s, const struct client *c)
{
	struct admit_result r;

	if (let_in(s, &c->peer.sa, c->uid, &r))
		begin(s, conn_new(s, c->ls, c->fd, &c->peer.sa, c->len));
	else if (strcmp(r.reason, "rate") != 0 || !park(s, c))
		refuse_client(s, c, &r);
}

/* The pause is over. Those behind it in the queue come when the loop turns to them. */
static void
serve_parked(struct service *s)
{
	struct client *c = s->parked;

	if (!c)
		return;
	s->parked = NULL;
	judge(s, c);
	free(c);
}

/* A reload is no reason to lose it: it is let in although the pause is not over. */
static void
start_parked(struct service *s)
{
	struct client *c = s->parked;
	struct source src;

	if (!c)
		return;
	s->parked = NULL;
	src = source_of(&c->peer.sa, c->uid);
	slots_take(&s->admission.slots, &src);
	begin(s, conn_new(s, c->ls, c->fd, &c->peer.sa, c->len));
	free(c);
}

static void
refuse_parked(struct service *s)
{
	static const struct admit_result stopping = { .verdict = ADMIT_REFUSE, .reason = "stopping" };

	if (!s->parked)
		return;
	refuse_client(s, s->parked, &stopping);
	free(s->parked);
	s->parked = NULL;
}

static void
accept_cb(struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len, void *arg)
{
	struct service_listener *sl = arg;
	struct client c = { .ls = ls, .fd = fd, .len = len, .uid = unix_peer_uid(fd, peer) };

	memcpy(&c.peer, peer, len < sizeof(c.peer) ? len : sizeof(c.peer));
	addr_unmap(&c.peer.storage, &c.len);
	judge(sl->service, &c);
}

/* --- connections that another service has accepted --- */

bool
service_is_offered(const struct service *s)
{
	return s->conf->tcpmux && !(s->holds & HOLD_STOPPING);
}

static bool
makes_wait(struct service *s)
{
	if (slots_full(&s->admission.slots))
		drain_poll(SIZE_MAX);
	hold_if_exhausted(s);
	return s->holds & (HOLD_FULL | HOLD_RATE | HOLD_PAUSED);
}

enum hand_over
service_hand_over(struct service *s, struct conn *from, const char *hello, const char *sorry)
{
	const struct sockaddr *peer = (const struct sockaddr *)&from->peer;
	struct admit_result r;
	struct conn *c;
	bool admitted;

	if (makes_wait(s))
		return HAND_OVER_LATER;
	/* The session that has the connection is about to end: it takes no place from the one that follows it. */
	s->registry->sessions--;
	admitted = let_in(s, peer, from->peer_uid, &r);
	s->registry->sessions++;
	if (!admitted) {
		if (strcmp(r.reason, "rate") == 0 && s->conf->rate_pause > 0 && begin_pause(s))
			return HAND_OVER_LATER;
		tell_refusal(s, peer, from->peer_len, from->peer_uid, &r);
		return HAND_OVER_REFUSED;
	}
	c = conn_new_from(s, from, hello, sorry);
	conn_set_end(from, "handed_over", 0);
	conn_done(from);
	begin(s, c);
	return HAND_OVER_DONE;
}

/* Whoever has waited longest comes first, as long as there are places. */
static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;
	struct service_waiter *w;

	(void)fd;
	(void)what;
	while ((w = TAILQ_FIRST(&s->waiters)) && !makes_wait(s)) {
		service_wait_no_more(w);
		w->is_first = true;
		w->again(w->arg);
	}
}

void
service_wait(struct service *s, struct service_waiter *w)
{
	if (!s->wake)
		s->wake = evtimer_new(s->registry->base, wake_cb, s);
	w->service = s;
	if (w->is_first)
		TAILQ_INSERT_HEAD(&s->waiters, w, entry);
	else
		TAILQ_INSERT_TAIL(&s->waiters, w, entry);
	w->is_first = false;
}

void
service_wait_no_more(struct service_waiter *w)
{
	if (!w->service)
		return;
	TAILQ_REMOVE(&w->service->waiters, w, entry);
	w->service = NULL;
}

void
service_wait_in_vain(struct service_waiter *w, const struct conn *c)
{
	struct service *s = w->service;

	service_wait_no_more(w);
	log_refusal(s, (const struct sockaddr *)&c->peer, c->peer_len, c->peer_uid,
		    s->holds & HOLD_FULL ? "instances" : "rate");
}

void
service_send_waiters_away(struct service *s)
{
	struct service_waiter *w;

	while ((w = TAILQ_FIRST(&s->waiters))) {
		service_wait_no_more(w);
		w->again(w->arg);
	}
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

/* --- programs that take over the socket --- */

static bool
is_datagram(const struct listener_socket *ls)
{
	return listener_socket_addr(ls)->socktype == SOCK_DGRAM;
}

/* Who sent the first datagram that waits; it stays where it is. Returns the length of the address, 0 if
 * none waits. A unix socket may have no name: then there is only the family. */
static socklen_t
peek_sender(const struct listener_socket *ls, struct sockaddr_storage *sender)
{
	socklen_t len = sizeof(*sender);
	char byte;

	*sender = (struct sockaddr_storage){ .ss_family = AF_UNIX };
	if (!is_datagram(ls) || recvfrom(listener_socket_fd(ls), &byte, 1, MSG_PEEK | MSG_DONTWAIT,
					 (struct sockaddr *)sender, &len) < 0)
		return 0;
	addr_unmap(sender, &len);
	return len > sizeof(sa_family_t) ? len : sizeof(sa_family_t);
}

/* Whether an address is more than a family. */
static bool
is_named(socklen_t len)
{
	return len > sizeof(sa_family_t);
}

/* The descriptor of the client that waits first, or -1. The socket blocks otherwise: it is the program's. */
static int
accept_first(int fd, struct sockaddr_storage *peer, socklen_t *len)
{
	int client;

	if (fd_set_nonblocking(fd, true) < 0)
		return -1;
	client = accept4(fd, (struct sockaddr *)peer, len, SOCK_CLOEXEC);
	fd_set_nonblocking(fd, false);
	return client;
}

/* No program may be started for what waits first: it is taken and dropped, or it would wait for ever, and
 * those behind it as well. */
static void
turn_away(struct service *s, struct listener_socket *ls, const char *reason)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNIX };
	int fd = listener_socket_fd(ls), client = -1;
	socklen_t len = sizeof(peer);
	char text[ADDR_TEXT], byte;
	bool taken;

	if (is_datagram(ls)) {
		taken = recvfrom(fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&peer, &len) >= 0;
	} else {
		client = accept_first(fd, &peer, &len);
		taken = client >= 0;
	}
	if (!taken) {
		listener_socket_pause(ls, &untouched_pause);
		return;
	}
	addr_unmap(&peer, &len);
	service_log_summed(s, LOG_LEVEL_INFO, "refuse",
			   LOG_FIELDS(LOG_S("peer",
					    len ? addr_format((struct sockaddr *)&peer, len, text) : "unix"),
				      LOG_S("reason", reason)));
	if (client >= 0)
		close(client);
}

/* Who is first in the queue of a listening socket cannot be seen. */
static bool
is_banned(struct service *s, const struct sockaddr *sender, socklen_t len, int64_t now)
{
	struct source src;

	if (!is_named(len) || s->registry->shared.bans.n == 0)
		return false;
	src = source_of(sender, UINT32_MAX);
	return admit_is_banned(&s->admission, &src, now);
}

/* Whether the sender of the first datagram is none that a program may be started for. The kernel keeps the lists,
 * but not all of them if there are names. */
static bool
turned_away(struct service *s, struct listener_socket *ls, const struct sockaddr *sender, socklen_t len,
	    int64_t now)
{
	if (is_banned(s, sender, len, now))
		turn_away(s, ls, "ban");
	else if (s->gate && admit_lists(&s->admission, sender) == LISTS_REFUSE)
		turn_away(s, ls, "deny");
	else
		return false;
	return true;
}

/* instances and rate let everybody wait; the other reasons are refusals. */
static void
keep_from_program(struct service *s, struct listener_socket *ls, const char *reason)
{
	bool is_rate = strcmp(reason, "rate") == 0;

	if (!is_rate && strcmp(reason, "instances") != 0) {
		turn_away(s, ls, reason);
		return;
	}
	if (is_rate && s->conf->rate_pause > 0)
		begin_pause(s);
	else
		hold_if_exhausted(s);
	if (!s->holds)
		listener_socket_pause(ls, &untouched_pause);
}

/* The session that is to have the socket. There will be other clients than the first: the place that was taken
 * is nobody's in particular. */
static void
serve_first(struct service *s, struct listener_socket *ls, const struct source *nobody,
	    const struct sockaddr *sender, socklen_t len)
{
	struct conn *c;

	listener_socket_hold(ls);
	if (!s->gate)
		log_hold(s, "hold", HOLD_CHILD);
	hold_if_exhausted(s);
	c = conn_new(s, ls, -1, s->gate || is_named(len) ? sender : NULL, len);
	c->source = *nobody;
	c->queued = service_queued(ls);
	begin(s, c);
}

static void
ready_cb(struct listener_socket *ls, void *arg)
{
	struct service_listener *sl = arg;
	struct service *s = sl->service;
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct source src = source_of(&nobody, 0);
	int64_t now = clock_monotonic_ns();
	struct admit_result r;
	struct sockaddr_storage sender;
	socklen_t len;

	if (!s->waits) {
		s->handler->datagram(s, ls);
		return;
	}
	if (s->registry->stopping)
		return;
	/* The program sees the peers; only what is not about them can be decided here, but for the first. */
	len = peek_sender(ls, &sender);
	/* Nobody to ask about: the kernel may have woken us for one that it drops now. */
	if (s->gate && len == 0) {
		listener_socket_pause(ls, &untouched_pause);
		return;
	}
	if (turned_away(s, ls, (struct sockaddr *)&sender, len, now))
		return;
	r = admit_program(&s->admission, &src, now);
	if (r.verdict == ADMIT_REFUSE)
		keep_from_program(s, ls, r.reason);
	else
		serve_first(s, ls, &src, (struct sockaddr *)&sender, len);
}

/* --- what the gate asks about the first datagram --- */

bool
service_sender_waits(const struct conn *c)
{
	struct sockaddr_storage sender;
	socklen_t len = peek_sender(c->wait_socket, &sender);

	return len > 0 && len == c->peer_len && memcmp(&sender, &c->peer, len) == 0;
}

void
service_lend_socket(struct conn *c)
{
	log_hold(c->service, "hold", HOLD_CHILD);
	/* More may have come while it was being asked. */
	c->queued = service_queued(c->wait_socket);
}

void
service_withdraw_sender(struct conn *c)
{
	struct listener_socket *ls = c->wait_socket;

	conn_withdraw(c);
	listener_socket_set_user(ls, NULL);
	listener_socket_release(ls);
}

void
service_refuse_sender(struct conn *c, const char *reason, const struct error *err)
{
	const struct sockaddr *peer = (const struct sockaddr *)&c->peer;
	char text[ADDR_TEXT], byte;

	service_log_summed(c->service, LOG_LEVEL_INFO, "refuse",
			   LOG_FIELDS(LOG_S("peer", addr_format(peer, c->peer_len, text)),
				      LOG_S("reason", reason),
				      LOG_S("errno", err->errnum ? error_name(err->errnum) : NULL),
				      LOG_S("error", err->text[0] ? err->text : NULL)));
	if (service_sender_waits(c))
		(void)!recv(listener_socket_fd(c->wait_socket), &byte, 1, MSG_DONTWAIT);
	service_withdraw_sender(c);
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
	rpc_update(s);
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
	if (socktype == SOCK_DGRAM && !s->waits && !(s->handler->sockets & HANDLER_DATAGRAM))
		return error_set(err, 0, "a program on a datagram socket needs wait = true");
	if (!gate_fits(s, socktype))
		return error_set(
			err, 0,
			s->waits ? "names of clients and tcp_wrappers cannot be kept with wait = true: "
				   "the program accepts the clients itself"
				 : "names of clients, tcp_wrappers and ident cannot be kept for "
				   "datagrams");
	if (socktype == SOCK_DGRAM && !s->waits)
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
	refuse_parked(s);
	rpc_withdraw(s);
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
	start_parked(from);
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

/* 0 if it does not run. */
static int64_t
time_left_ns(struct event *timer)
{
	struct timeval at, now, left;

	if (!timer || !evtimer_pending(timer, &at))
		return 0;
	evutil_gettimeofday(&now, NULL);
	if (!timercmp(&at, &now, >))
		return 0;
	timersub(&at, &now, &left);
	return left.tv_sec * INT64_C(1000000000) + left.tv_usec * 1000;
}

void
service_continue(struct service *s, struct service *from)
{
	const unsigned limits = HOLD_FULL | HOLD_RATE | HOLD_PAUSED;

	admission_continue(&s->admission, &from->admission);
	s->untouched = from->untouched;
	s->holds = from->holds & limits;
	if (s->holds & HOLD_RATE && from->conf->rate_pause > 0 && s->conf->rate_pause > 0)
		s->pause_left_ns = time_left_ns(from->rate_timer);
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
	if (s->pause_left_ns > 0)
		hold_rate_for(s, s->pause_left_ns);
	else if (s->holds & HOLD_RATE && !(keeps_waiting(s) && hold_for_rate(s)))
		release(s, HOLD_RATE);
	s->pause_left_ns = 0;
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
	if (s->wake)
		event_free(s->wake);
	if (s->nofile_calm) {
		event_free(s->nofile_calm);
		s->registry->short_of_files--;
	}
	rpc_free(s);
	capture_free_all(s);
	refuse_parked(s);
	acl_filter_clear(&s->filter);
	gate_release(s);
	admission_clear(&s->admission);
	registry_log_done(s->registry, s->log);
	if (s->own_conf)
		service_conf_clear(s->own_conf);
	free(s->own_conf);
	free(s);
}
