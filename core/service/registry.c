#include "core/service/registry.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/net/deliver.h"
#include "core/net/peername.h"
#include "core/net/wrappers.h"
#include "core/service/gate.h"
#include "core/service/rpc.h"
#include "core/sys/sink.h"

void
registry_init(struct registry *r, struct event_base *base, const struct handler *const *handlers,
	      const struct registry_callbacks *on, void *arg)
{
	*r = (struct registry){ .base = base,
				.handlers = handlers,
				.on = on,
				.arg = arg,
				.log_target = "stderr",
				.log_level = LOG_LEVEL_INFO };
	TAILQ_INIT(&r->services);
	r->shared.process_limit = &r->process_limit;
	r->shared.sessions = &r->sessions;
	LIST_INIT(&r->farewells);
	TAILQ_INIT(&r->retired);
	TAILQ_INIT(&r->leftovers);
	for (size_t i = 0; i < RESERVE; i++)
		r->reserve[i] = -1;
}

struct log *
registry_log_for(struct registry *r, const struct log_conf *c, struct error *err)
{
	int format = c->format >= 0 ? c->format : (int)r->log_format;
	int level = c->level >= 0 ? c->level : (int)r->log_level;
	const char *target = c->target ? c->target : r->log_target;
	const struct limit_spec *limit = c->limit.set ? &c->limit : &r->log_limit;
	struct registry_log *l;

	if (r->checking || (!c->target && c->format < 0 && c->level < 0))
		return r->log;
	for (l = r->logs; l; l = l->next)
		if (strcmp(l->target, target) == 0 && l->format == format && l->level == level &&
		    l->limit.soft == limit->soft && l->limit.hard == limit->hard) {
			l->users++;
			return l->log;
		}
	l = xcalloc(1, sizeof(*l));
	l->sink = sink_open(target, err);
	if (!l->sink) {
		free(l);
		return NULL;
	}
	if (limit->set)
		sink_limit(l->sink, limit->soft, limit->hard);
	l->limit = *limit;
	l->target = xstrdup(target);
	l->format = format;
	l->level = level;
	l->log = log_new(sink_for_log(l->sink), (enum log_format)format, (enum log_level)level);
	if (c->target)
		log_pass_messages(l->log, &r->log);
	l->next = r->logs;
	l->users = 1;
	r->logs = l;
	return l->log;
}

static void
free_log(struct registry_log *l)
{
	log_free(l->log);
	sink_free(l->sink);
	free(l->target);
	free(l);
}

void
registry_log_done(struct registry *r, const struct log *log)
{
	for (struct registry_log **at = &r->logs; *at; at = &(*at)->next) {
		struct registry_log *l = *at;

		if (l->log != log)
			continue;
		if (--l->users == 0) {
			*at = l->next;
			free_log(l);
		}
		return;
	}
}

void
registry_add(struct registry *r, struct config *config, struct problems *problems)
{
	for (size_t i = 0; i < config->nservices; i++) {
		struct service *s;

		/* One that is refused already is looked at all the same: people want all problems at once. */
		if (config->services[i].broken)
			continue;
		s = service_prepare(r, config, &config->services[i], problems);
		if (s && config->services[i].refused)
			service_free(s);
		else if (s)
			TAILQ_INSERT_TAIL(&r->services, s, entry);
	}
}

void
registry_start(struct registry *r)
{
	struct service *s;

	/* Counted as one until all have begun, so that "settled" is not told too early. */
	r->unsettled++;
	TAILQ_FOREACH(s, &r->services, entry)
		service_create_listeners(s);
	TAILQ_FOREACH(s, &r->services, entry) {
		if (r->stopping)
			break;
		service_start(s);
	}
	if (--r->unsettled == 0 && r->on->on_settled)
		r->on->on_settled(r, r->arg);
}

void
registry_one_less(struct registry *r)
{
	if (r->stopping && r->sessions == 0 && r->leaving == 0 && r->on->on_idle)
		r->on->on_idle(r, r->arg);
}

static void
retire(struct service *s, bool force)
{
	if (s->handler->retire)
		s->handler->retire(s, force);
}

/* Whether a session, or anything else, may still ask for it. */
static bool
is_needed(const struct service *s)
{
	return s->needed || s->users > 0 || !TAILQ_EMPTY(&s->conns);
}

void
registry_sweep(struct registry *r)
{
	static const struct timeval pause = { 1, 0 };
	struct service *s, *next;

	TAILQ_FOREACH(s, &r->retired, entry)
		s->needed = false;
	TAILQ_FOREACH(s, &r->retired, entry)
		if (s->successor)
			s->successor->needed = true;
	for (s = TAILQ_FIRST(&r->retired); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (is_needed(s))
			continue;
		TAILQ_REMOVE(&r->retired, s, entry);
		service_free(s);
	}
	if (!TAILQ_EMPTY(&r->retired) && r->sweeper)
		evtimer_add(r->sweeper, &pause);
}

static void
sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	registry_sweep(arg);
}

void
registry_retire(struct registry *r, struct service *s)
{
	s->retired = true;
	TAILQ_INSERT_TAIL(&r->retired, s, entry);
	retire(s, r->forced);
	if (!r->sweeper)
		r->sweeper = evtimer_new(r->base, sweep_cb, r);
}

void
registry_drain(struct registry *r)
{
	struct service *s;

	r->stopping = true;
	/* Counted as one until all have been told: the last session of the first is not the end. */
	r->leaving++;
	leftovers_close(r);
	TAILQ_FOREACH(s, &r->services, entry) {
		service_stop_listening(s);
		service_send_waiters_away(s);
		gate_abandon_all(s);
		retire(s, false);
	}
	TAILQ_FOREACH(s, &r->retired, entry)
		gate_abandon_all(s);
	r->leaving--;
	registry_one_less(r);
}

static void
end_sessions(struct service *s, bool force)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (drain_is_under_way(&c->drain)) {
			if (force)
				conn_cut(c);
			else
				drain_shorten(&c->drain, s->conf->kill_after);
		} else if (c->gate) {
			gate_abandon(c);
		} else if (c->pending) {
			conn_abandon(c);
		} else if (force) {
			conn_set_end(c, "killed", 0);
			s->handler->kill(c, true);
		} else {
			conn_kill(c, "killed");
		}
	}
}

void
registry_stop(struct registry *r, bool force)
{
	bool before = r->stopping;
	struct service *s;

	r->stopping = r->ending = true;
	r->forced |= force;
	r->leaving++;
	leftovers_close(r);
	TAILQ_FOREACH(s, &r->services, entry) {
		if (!before) {
			service_stop_listening(s);
			service_send_waiters_away(s);
		}
		retire(s, force);
		end_sessions(s, force);
	}
	if (force)
		rpc_forget(r);
	TAILQ_FOREACH(s, &r->retired, entry) {
		retire(s, force);
		end_sessions(s, force);
	}
	r->leaving--;
	registry_one_less(r);
}

void
registry_free(struct registry *r)
{
	struct service *s;

	leftovers_close(r);
	while ((s = TAILQ_FIRST(&r->services))) {
		TAILQ_REMOVE(&r->services, s, entry);
		service_free(s);
	}
	rpc_forget(r);
	while ((s = TAILQ_FIRST(&r->retired))) {
		TAILQ_REMOVE(&r->retired, s, entry);
		service_free(s);
	}
	if (r->sweeper)
		event_free(r->sweeper);
	while (r->logs) {
		struct registry_log *l = r->logs;

		r->logs = l->next;
		free_log(l);
	}
	farewell_cut_all();
	peername_clear();
	wrappers_stop();
	registry_use_reserve(r);
	registry_sockets_changed(r);
	bans_clear(&r->shared.bans);
	conn_free_unused();
}

void
registry_tell_limit(struct registry *r, struct sink *sink, const char *target)
{
	uint64_t size;
	const char *limit = sink_limit_news(sink, &size);

	if (limit)
		log_event(r->log, strcmp(limit, "hard") == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
			  "log_limit", NULL,
			  LOG_FIELDS(LOG_S("target", target), LOG_S("limit", limit),
				     LOG_I("bytes", (int64_t)size)));
}

bool
registry_flush_logs(struct registry *r, int64_t *next)
{
	bool left = false;

	for (struct registry_log *l = r->logs; l; l = l->next) {
		int64_t due = log_tell_sums(l->log, false);

		if (due >= 0 && (*next < 0 || due < *next))
			*next = due;
		registry_tell_limit(r, l->sink, l->target);
		left |= sink_flush(l->sink);
	}
	return left;
}

void
registry_reopen_logs(struct registry *r)
{
	struct service *s;

	TAILQ_FOREACH(s, &r->services, entry)
		if (s->handler->reopen)
			s->handler->reopen(s);
	TAILQ_FOREACH(s, &r->retired, entry)
		if (s->handler->reopen)
			s->handler->reopen(s);
	for (struct registry_log *l = r->logs; l; l = l->next) {
		struct error err;

		if (sink_reopen(l->sink, &err) < 0)
			log_event(r->log, LOG_LEVEL_ERROR, "reload", NULL,
				  LOG_FIELDS(LOG_S("what", "log"), LOG_S("error", err.text)));
	}
}

void
registry_keep_reserve(struct registry *r)
{
	int spare[RESERVE];
	size_t n = 0;

	/* Whoever waits comes first; and where as many again are not to be had, a reserve would only be
	 * in the way of those who come. */
	if (r->pending > 0)
		return;
	while (n < RESERVE && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	for (size_t i = 0; i < RESERVE && n == RESERVE; i++)
		if (r->reserve[i] < 0)
			r->reserve[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (n > 0)
		close(spare[--n]);
}

bool
registry_use_reserve(struct registry *r)
{
	bool any = false;

	for (size_t i = 0; i < RESERVE; i++) {
		if (r->reserve[i] < 0)
			continue;
		close(r->reserve[i]);
		r->reserve[i] = -1;
		any = true;
	}
	return any;
}

/* While an accepted connection waits, nobody accepts another: it would only take the descriptor that
 * the first one needs. */
void
registry_count_pending(struct registry *r, int change)
{
	bool before = r->pending > 0;
	struct service *s;

	r->pending += change;
	if (before == (r->pending > 0))
		return;
	TAILQ_FOREACH(s, &r->services, entry)
		service_hold_pending(s, r->pending > 0);
}

void
registry_descriptor_free(struct registry *r)
{
	struct service *s;

	if (r->short_of_files == 0 || r->stopping)
		return;
	registry_keep_reserve(r);
	TAILQ_FOREACH(s, &r->retired, entry)
		if (s->nofile_calm && service_retry_pending(s))
			return;
	TAILQ_FOREACH(s, &r->services, entry)
		if (s->nofile_calm && service_retry_pending(s))
			return;
}

struct service *
registry_offered(struct registry *r, const char *name, size_t len)
{
	struct service *s;

	TAILQ_FOREACH(s, &r->services, entry)
		if (service_is_offered(s) && strlen(s->conf->tcpmux) == len &&
		    strncasecmp(s->conf->tcpmux, name, len) == 0)
			return s;
	return NULL;
}

size_t
registry_listening(const struct registry *r)
{
	const struct service *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &r->services, entry)
		n += service_listening(s);
	return n;
}

static void
set_port(uint8_t *bits, int port)
{
	bits[port / 8] |= (uint8_t)(1 << port % 8);
}

static void
set_ports_of(uint8_t *bits, const struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct listener_socket *ls;

		for (size_t j = 0; (ls = listener_socket_at(s->listeners[i].listener, j)); j++) {
			const struct addr *a = listener_socket_addr(ls);

			if (a->socktype == SOCK_DGRAM && addr_port(&a->sa) > 0)
				set_port(bits, addr_port(&a->sa));
		}
	}
}

bool
registry_answers_on(struct registry *r, int port)
{
	/* echo, discard, daytime, qotd, chargen, time; and nobody is on 0. */
	static const int well_known[] = { 0, 7, 9, 13, 17, 19, 37 };
	const struct service *s;

	if (!r->answering) {
		r->answering = xcalloc(65536 / 8, 1);
		for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++)
			set_port(r->answering, well_known[i]);
		TAILQ_FOREACH(s, &r->services, entry)
			if (!s->waits && !s->conf->ban && s->handler->sockets & HANDLER_DATAGRAM)
				set_ports_of(r->answering, s);
	}
	return r->answering[port / 8] & 1 << port % 8;
}

void
registry_sockets_changed(struct registry *r)
{
	free(r->answering);
	r->answering = NULL;
}
