#include "core/service/gate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/ident.h"
#include "core/net/peername.h"
#include "core/net/wrappers.h"
#include "core/service/banner.h"
#include "core/service/registry.h"
#include "core/service/service.h"

/* BANNER_MS: for a client to take a banner. NOTES_MAX: questions to identd at once that no session waits for. */
enum { BANNER_MS = 10000, NOTES_MAX = 256 };

/* A question to identd beside a session, which may end before it is answered. */
struct note {
	TAILQ_ENTRY(note) entry;
	struct service *service;
	struct ident *ident;
	uint64_t session;
	char peer[ADDR_TEXT];
};

/* Of a service. */
struct gate_plan {
	bool names;
	const char *wrappers; /* or NULL */
	int ident;
	struct banner banner, banner_allow, banner_deny;
	TAILQ_HEAD(, note) notes;
};

struct gate;
enum outcome { PASSED, WAITS, REFUSED };
typedef enum outcome (*gate_step)(struct gate *);

/* Of a connection that is on its way. */
struct gate {
	struct conn *c;
	const gate_step *step; /* the next; NULL behind the last */
	bool waited;
	struct delivery delivery;
	struct peername *name;
	struct wrappers *wrappers;
	struct ident *ident;
};

static size_t nnotes;

static const struct sockaddr *
peer_of(const struct conn *c)
{
	return (const struct sockaddr *)&c->peer;
}

static struct event_base *
base_of(const struct service *s)
{
	return s->registry->base;
}

static bool
is_ip(const struct conn *c)
{
	return c->peer.ss_family == AF_INET || c->peer.ss_family == AF_INET6;
}

/* --- the end of it --- */

static void
leave(struct gate *g)
{
	delivery_cancel(&g->delivery);
	peername_cancel(g->name);
	wrappers_cancel(g->wrappers);
	ident_cancel(g->ident);
	g->c->gate = NULL;
	free(g);
}

static struct letter *
text_of(struct service *s, struct banner *b)
{
	struct error err;
	struct letter *l = banner_text(b, &err);

	/* The client is served all the same. */
	if (err.text[0])
		service_log_summed(s, LOG_LEVEL_WARNING, "fail",
				   LOG_FIELDS(LOG_S("syscall", "read"), LOG_S("args", b->path),
					      LOG_S("errno", err.errnum ? error_name(err.errnum) : NULL),
					      LOG_S("error", err.text)));
	return l;
}

/* `goodbye`: the client is told, if there is anything to tell; otherwise it hears nothing. */
static enum outcome
refuse(struct gate *g, const char *reason, const struct error *err, bool goodbye)
{
	struct conn *c = g->c;
	struct service *s = c->service;

	leave(g);
	if (c->wait) {
		service_refuse_sender(c, reason, err);
		return REFUSED;
	}
	if (goodbye)
		conn_say_goodbye(c, text_of(s, &s->gate->banner_deny));
	c->sorry = NULL;
	conn_refuse(c, reason, LOG_LEVEL_INFO, err);
	return REFUSED;
}

static enum outcome
refuse_why(struct gate *g, const char *reason, const char *why)
{
	struct error err = { 0 };

	if (why)
		error_set(&err, 0, "%s", why);
	return refuse(g, reason, &err, true);
}

static void go_on(struct gate *);

/* --- the steps --- */

static void
delivered_cb(int errnum, void *arg)
{
	struct gate *g = arg;
	struct error err = { 0 };

	if (!errnum) {
		go_on(g);
		return;
	}
	error_set(&err, errnum, "send the banner");
	refuse(g, "banner", &err, false);
}

static enum outcome
deliver(struct gate *g, struct banner *b)
{
	struct service *s = g->c->service;
	struct letter *l = b->path ? text_of(s, b) : NULL;
	struct error err = { 0 };
	int r;

	if (!l)
		return PASSED;
	r = delivery_start(&g->delivery, base_of(s), g->c->fd, l, BANNER_MS, delivered_cb, g);
	if (r >= 0)
		return r > 0 ? PASSED : WAITS;
	error_set(&err, errno, "send the banner");
	return refuse(g, "banner", &err, false);
}

static enum outcome
greet(struct gate *g)
{
	return deliver(g, &g->c->service->gate->banner);
}

static enum outcome
greet_admitted(struct gate *g)
{
	return deliver(g, &g->c->service->gate->banner_allow);
}

static enum outcome
say_hello(struct gate *g)
{
	conn_say_hello(g->c);
	return PASSED;
}

static enum outcome
judge_name(struct gate *g, const char *name, const char *why)
{
	struct error err = { 0 };

	if (admit_name(&g->c->service->admission, peer_of(g->c), name))
		return PASSED;
	error_set(&err, 0, "%s%s", name ? "it is " : "", name ? name : why);
	return refuse(g, "deny", &err, true);
}

static void
name_cb(const char *name, const char *why, void *arg)
{
	struct gate *g = arg;

	g->name = NULL;
	if (judge_name(g, name, why) == PASSED)
		go_on(g);
}

static enum outcome
ask_name(struct gate *g)
{
	struct service *s = g->c->service;
	const char *name, *why;
	struct error err;

	if (!s->gate->names || admit_lists(&s->admission, peer_of(g->c)) != LISTS_ASK)
		return PASSED;
	if (peername_known(peer_of(g->c), &name, &why))
		return judge_name(g, name, why);
	g->name = peername_ask(base_of(s), peer_of(g->c), name_cb, g, &err);
	return g->name ? WAITS : judge_name(g, NULL, err.text);
}

static void
wrappers_answer_cb(enum wrappers_verdict verdict, const char *why, void *arg)
{
	struct gate *g = arg;
	struct error err = { 0 };

	g->wrappers = NULL;
	if (verdict == WRAPPERS_ALLOW) {
		go_on(g);
		return;
	}
	if (why)
		error_set(&err, 0, "%s", why);
	/* Without an answer the connection may be another program's now: that must not hear of us. */
	refuse(g, "wrappers", &err, verdict == WRAPPERS_DENY);
}

static struct wrappers *
start_asking(struct gate *g, struct error *err)
{
	const struct conn *c = g->c;
	const struct service *s = c->service;
	struct wrappers_ends ends = { .peer = c->peer, .local = c->local.storage };

	if (c->wait)
		return wrappers_ask_about(base_of(s), s->gate->wrappers, &ends, wrappers_answer_cb, g, err);
	return wrappers_ask(base_of(s), s->gate->wrappers, c->fd, wrappers_answer_cb, g, err);
}

static enum outcome
ask_wrappers(struct gate *g)
{
	struct error err;

	if (!g->c->service->gate->wrappers)
		return PASSED;
	g->wrappers = start_asking(g, &err);
	return g->wrappers ? WAITS : refuse(g, "wrappers", &err, true);
}

static void
log_user(struct service *s, uint64_t session, const char *peer, const struct ident_user *user,
	 const struct error *err)
{
	service_log(s, LOG_LEVEL_INFO, "ident",
		    LOG_FIELDS(LOG_I("session", (int64_t)session), LOG_S("peer", peer),
			       LOG_S("os", user ? user->system : NULL),
			       LOG_S("user", user ? user->name : NULL),
			       LOG_S("error", err ? err->text : NULL)));
}

static void
ident_answer_cb(const struct ident_user *user, const struct error *err, void *arg)
{
	struct gate *g = arg;
	char peer[ADDR_TEXT];

	g->ident = NULL;
	if (!user) {
		refuse(g, "ident", err, true);
		return;
	}
	log_user(g->c->service, g->c->session, addr_format(peer_of(g->c), g->c->peer_len, peer), user, NULL);
	go_on(g);
}

static enum outcome
ask_ident(struct gate *g)
{
	struct conn *c = g->c;
	struct service *s = c->service;
	struct error err;

	/* Of a unix socket the kernel tells who it is. */
	if (s->gate->ident != IDENT_REQUIRE || c->peer.ss_family == AF_UNIX)
		return PASSED;
	if (!is_ip(c))
		return refuse_why(g, "ident", "there is no identd for such a connection");
	g->ident = ident_ask(base_of(s), peer_of(c), &c->local.sa, s->conf->ident_timeout, ident_answer_cb, g,
			     &err);
	return g->ident ? WAITS : refuse(g, "ident", &err, true);
}

/* --- identd, beside a session --- */

static void
free_note(struct note *n)
{
	TAILQ_REMOVE(&n->service->gate->notes, n, entry);
	n->service->users--;
	nnotes--;
	ident_cancel(n->ident);
	free(n);
}

static void
note_cb(const struct ident_user *user, const struct error *err, void *arg)
{
	struct note *n = arg;

	n->ident = NULL;
	log_user(n->service, n->session, n->peer, user, err);
	free_note(n);
}

static void
take_note(struct conn *c)
{
	struct service *s = c->service;
	struct error err;
	struct note *n;

	if (!service_logs(s, LOG_LEVEL_INFO, "ident"))
		return;
	n = xcalloc(1, sizeof(*n));
	n->service = s;
	n->session = c->session;
	addr_format(peer_of(c), c->peer_len, n->peer);
	TAILQ_INSERT_TAIL(&s->gate->notes, n, entry);
	s->users++;
	if (nnotes++ >= NOTES_MAX)
		error_set(&err, 0, "too many questions at once");
	else
		n->ident = ident_ask(base_of(s), peer_of(c), &c->local.sa, s->conf->ident_timeout, note_cb, n,
				     &err);
	if (n->ident)
		return;
	log_user(s, n->session, n->peer, NULL, &err);
	free_note(n);
}

/* --- the way --- */

/* A client that has reset its connection meanwhile needs no program. One that has only ended its side does. A
 * datagram may have been taken by what a program has left behind. */
static bool
is_gone(const struct conn *c)
{
	struct pollfd p = { .fd = c->fd };

	if (c->wait)
		return !service_sender_waits(c);
	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

static void
pass(struct gate *g)
{
	struct conn *c = g->c;
	bool waited = g->waited;
	struct error err = { 0 };

	if (waited && is_gone(c)) {
		error_set(&err, 0, "the client has left before it was let in");
		refuse(g, "gone", &err, false);
		return;
	}
	leave(g);
	/* What it has waited for is not part of the session. */
	if (waited)
		c->started_ms = clock_monotonic_ms();
	if (c->wait)
		service_lend_socket(c);
	if (c->service->gate->ident == IDENT_LOG && is_ip(c))
		take_note(c);
	conn_start(c);
}

static const gate_step steps[] = { greet, ask_name, ask_wrappers, ask_ident, greet_admitted, NULL };

/* A client that has named a service hears first of all whether it gets it. */
static const gate_step steps_of_named[] = { ask_name, ask_wrappers,   ask_ident, say_hello,
					    greet,    greet_admitted, NULL };

static void
go_on(struct gate *g)
{
	while (*g->step) {
		enum outcome o = (*g->step++)(g);

		if (o == WAITS)
			g->waited = true;
		if (o != PASSED)
			return;
	}
	pass(g);
}

void
gate_enter(struct conn *c)
{
	struct gate *g = xcalloc(1, sizeof(*g));

	g->c = c;
	g->step = c->sorry ? steps_of_named : steps;
	c->gate = g;
	go_on(g);
}

void
gate_abandon(struct conn *c)
{
	struct error err = { 0 };

	error_set(&err, 0, "the service stops before the client is let in");
	if (c->wait) {
		leave(c->gate);
		conn_refuse(c, "stopping", LOG_LEVEL_INFO, &err);
		return;
	}
	/* One that waits for an answer to its question is told that there is none; unless the connection may be
	 * another program's. */
	refuse(c->gate, "stopping", &err, c->sorry && !c->gate->wrappers);
}

void
gate_abandon_all(struct service *s)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->gate)
			gate_abandon(c);
	}
}

void
gate_withdraw_senders(struct service *s)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!c->gate || !c->wait)
			continue;
		leave(c->gate);
		service_withdraw_sender(c);
	}
}

void
gate_turn_away(struct service *s, int fd)
{
	struct gate_plan *p = s->gate;
	struct letter *first = p->banner.path ? text_of(s, &p->banner) : NULL;
	struct letter *second = p->banner_deny.path ? text_of(s, &p->banner_deny) : NULL;

	farewell(base_of(s), fd, first, second, BANNER_MS);
}

bool
gate_fits(const struct service *s, int socktype)
{
	const struct gate_plan *p = s->gate;

	if (!p || (!p->names && !p->wrappers && p->ident != IDENT_REQUIRE))
		return true;
	return s->waits == (socktype == SOCK_DGRAM);
}

/* --- preparing --- */

struct preparation {
	struct service *s;
	struct problems *problems;
	bool datagrams, streams;
};

static const char accepts_itself[] =
	"cannot be kept with wait = true: the program accepts the clients itself";

static void
wrong(const struct preparation *p, const char *key, const char *text)
{
	problem_add(p->problems, service_conf_origin(p->s->conf, NULL, key), p->s->name, key, "%s", text);
}

static void
warn(const struct preparation *p, const char *key, const char *text)
{
	problem_warn(p->problems, service_conf_origin(p->s->conf, NULL, key), p->s->name, key, "%s", text);
}

/* What an inherited socket is turns out at the start: see gate_fits. */
static void
look_at_sockets(struct preparation *p)
{
	const struct service *s = p->s;

	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct service_listener *sl = &s->listeners[i];

		if (!sl->handle && !sl->params.naddrs)
			*(sl->params.socktype == SOCK_DGRAM ? &p->datagrams : &p->streams) = true;
		for (size_t j = 0; j < sl->params.naddrs; j++)
			*(sl->addrs[j].socktype == SOCK_DGRAM ? &p->datagrams : &p->streams) = true;
	}
}

/* What decides who is let in is kept, or the service does not run, wherever the key comes from. `first`: it can be
 * asked about the first datagram for a program. */
static void
check_decision(const struct preparation *p, const char *key, bool first)
{
	const struct service *s = p->s;

	if (s->conf->wait && (!first || !s->waits || p->streams))
		wrong(p, key, accepts_itself);
	else if (!s->conf->wait && p->datagrams)
		wrong(p, key, "cannot be kept for datagrams");
}

/* What only adds something can be left out, unless the service itself asks for it. */
static void
check_extra(const struct preparation *p, const char *key)
{
	const struct service_conf *conf = p->s->conf;

	if (conf->wait && service_conf_says(conf, NULL, key))
		wrong(p, key, accepts_itself);
	else if (conf->wait)
		warn(p, key, "has no effect with wait = true");
	else if (p->datagrams && service_conf_says(conf, NULL, key))
		warn(p, key, "has no effect on datagrams");
}

static void
prepare_banner(const struct preparation *p, struct banner *b, const char *key, const char *path)
{
	struct error err;

	b->path = p->s->conf->wait ? NULL : path;
	if (!path)
		return;
	check_extra(p, key);
	banner_text(b, &err);
	if (err.errnum == EFBIG)
		wrong(p, key, err.text);
	else if (err.text[0])
		problem_warn(p->problems, service_conf_origin(p->s->conf, NULL, key), p->s->name, key,
			     "%s: until it can be read, nothing is sent", err.text);
}

static void
prepare_names(const struct preparation *p, struct gate_plan *plan)
{
	const struct admission *a = &p->s->admission;
	bool allow = a->has_allow && a->allow.names.n > 0;

	const char *key = allow ? "allow" : "deny";

	plan->names = allow || a->deny.names.n > 0;
	if (!plan->names)
		return;
	if (p->s->waits && p->streams)
		problem_add(p->problems, service_conf_origin(p->s->conf, NULL, key), p->s->name, key,
			    "a name %s", accepts_itself);
	else if (!p->s->waits && p->datagrams)
		wrong(p, key, "names of clients cannot be looked up for datagrams");
}

static void
prepare_wrappers(const struct preparation *p, struct gate_plan *plan)
{
	struct registry *r = p->s->registry;
	const char *name = p->s->conf->tcp_wrappers;
	struct error err;

	if (!name || strcmp(name, "off") == 0)
		return;
	plan->wrappers = name;
	check_decision(p, "tcp_wrappers", true);
	if (wrappers_prepare(r->set_nofile ? &r->nofile : NULL, &err) < 0)
		problem_add(p->problems, service_conf_origin(p->s->conf, NULL, "tcp_wrappers"), p->s->name,
			    "tcp_wrappers", "cannot be asked: %s", err.text);
}

void
gate_prepare(struct service *s, struct problems *problems)
{
	const struct service_conf *conf = s->conf;
	struct preparation p = { .s = s, .problems = problems };
	struct gate_plan *plan = xcalloc(1, sizeof(*plan));

	TAILQ_INIT(&plan->notes);
	s->gate = plan;
	look_at_sockets(&p);
	prepare_names(&p, plan);
	prepare_wrappers(&p, plan);
	plan->ident = conf->wait ? IDENT_OFF : conf->ident;
	if (conf->ident == IDENT_REQUIRE)
		check_decision(&p, "ident", false);
	else if (conf->ident == IDENT_LOG)
		check_extra(&p, "ident");
	if (conf->ident == IDENT_OFF && service_conf_says(conf, NULL, "ident_timeout"))
		warn(&p, "ident_timeout", "has no effect without ident");
	prepare_banner(&p, &plan->banner, "banner", conf->banner);
	prepare_banner(&p, &plan->banner_allow, "banner_allow", conf->banner_allow);
	prepare_banner(&p, &plan->banner_deny, "banner_deny", conf->banner_deny);
	/* A sensor has no use for it with `wait`, and says so. */
	if ((conf->wait && !s->waits) ||
	    (!plan->names && !plan->wrappers && plan->ident == IDENT_OFF && !plan->banner.path &&
	     !plan->banner_allow.path && !plan->banner_deny.path))
		gate_release(s);
}

void
gate_release(struct service *s)
{
	struct gate_plan *plan = s->gate;
	struct error err = { 0 };
	struct note *n, *next;

	if (!plan)
		return;
	error_set(&err, 0, "the service ends before the answer");
	for (n = TAILQ_FIRST(&plan->notes); n; n = next) {
		next = TAILQ_NEXT(n, entry);
		log_user(s, n->session, n->peer, NULL, &err);
		free_note(n);
	}
	banner_clear(&plan->banner);
	banner_clear(&plan->banner_allow);
	banner_clear(&plan->banner_deny);
	free(plan);
	s->gate = NULL;
}
