#include "core/service/dump.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/service/registry.h"

struct dump {
	struct text *t;
	int64_t now_ms; /* monotonic */
	struct service_conf defaults;
};

static void
line(struct dump *d, const char *key, const char *value)
{
	text_printf(d->t, "\t%s = %s\n", key, value);
}

/* --- sessions --- */

static const char *
session_state(const struct conn *c)
{
	if (c->gate)
		return "being-admitted";
	if (c->pending)
		return "waiting-for-a-descriptor";
	if (drain_is_under_way(&c->drain))
		return "draining";
	return c->how ? "ending" : "running";
}

static void
since(struct dump *d, int64_t age_ms)
{
	time_t at = time(NULL) - (time_t)(age_ms / 1000);
	char buf[32];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
	text_printf(d->t, " since=%s seconds=%" PRId64, buf, age_ms / 1000);
}

static void
session(struct dump *d, const struct conn *c)
{
	char peer[ADDR_TEXT], local[ADDR_TEXT];

	text_printf(d->t, "\tSession = %" PRIu64 " pid=%d", c->session, (int)(c->pid ? c->pid : getpid()));
	if (c->peer_len) {
		addr_format((const struct sockaddr *)&c->peer, c->peer_len, peer);
		text_puts(d->t, " peer=");
		text_quote(d->t, peer, strlen(peer));
	}
	addr_format(&c->local.sa, c->local.len, local);
	text_puts(d->t, " local=");
	text_quote(d->t, local, strlen(local));
	since(d, d->now_ms - c->started_ms);
	text_printf(d->t, " state=%s\n", session_state(c));
}

/* --- services --- */

/* xinetd's words. */
static const char *
service_state(const struct service *s)
{
	if (s->retired)
		return s->successor ? "Replaced" : "Removed";
	if (service_listening(s) == 0)
		return s->holds & HOLD_STOPPING ? "Disabled" : "Not started";
	return s->holds || s->nofile_calm || s->registry->pending ? "Suspended" : "Active";
}

static void
holds(struct dump *d, const struct service *s)
{
	unsigned bits =
		s->holds | (s->nofile_calm ? HOLD_NOFILE : 0) | (s->registry->pending ? HOLD_PENDING : 0);

	if (!bits)
		return;
	text_puts(d->t, "\tHolds =");
	for (unsigned bit = 1; bit <= bits; bit <<= 1)
		if (bits & bit)
			text_printf(d->t, " %s", service_hold_name((enum listener_hold)bit));
	text_puts(d->t, "\n");
}

static void
addresses(struct dump *d, const struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct listener *l = s->listeners[i].listener;
		struct listener_socket *ls;
		char buf[ADDR_TEXT];

		for (size_t j = 0; l && (ls = listener_socket_at(l, j)); j++)
			line(d, "Address", addr_format_url(listener_socket_addr(ls), buf));
		if (!l || listener_listening(l) == 0)
			line(d, "No address", s->listeners[i].text);
	}
}

static void
counters(struct dump *d, const struct service *s)
{
	int64_t ns = rate_delay(&s->admission.rate, d->now_ms * 1000000);

	text_printf(d->t, "\tSessions = %zu\n", s->nconns);
	text_printf(d->t, "\tPlaces taken = %d\n", s->admission.slots.taken);
	if (s->conf->rate.count)
		text_printf(d->t, "\tNext place in ms = %" PRId64 "\n", (ns + 999999) / 1000000);
}

static void
names_of_variables(struct dump *d, const struct strlist *env)
{
	text_puts(d->t, "\t\tenv: names only:");
	for (size_t i = 0; i < env->n; i++)
		text_printf(d->t, " %.*s", (int)strcspn(env->items[i], "="), env->items[i]);
	text_puts(d->t, "\n");
}

static void
configuration(struct dump *d, const struct service *s)
{
	struct origin o = s->conf->origin;

	text_puts(d->t, "\tConfiguration:");
	if (o.file)
		text_printf(d->t, " %s:%d", o.file, o.line);
	text_puts(d->t, "\n");
	for (const struct option *row = service_rows; row->name; row++) {
		struct text value = { 0 };

		if (option_equal(row, s->conf, &d->defaults))
			continue;
		if (option_is(row, NULL, "env")) {
			names_of_variables(d, &s->conf->env.list);
			continue;
		}
		if (option_print(row, s->conf, &value))
			text_printf(d->t, "\t\t%s%s%s = %s\n", row->section ? row->section : "",
				    row->section ? "." : "", row->name, value.s);
		text_clear(&value);
	}
}

static void
service(struct dump *d, const struct service *s)
{
	const struct conn *c;

	text_printf(d->t, "\nService = %s\n", s->name);
	line(d, "State", service_state(s));
	holds(d, s);
	line(d, "Handler", s->handler->name);
	addresses(d, s);
	counters(d, s);
	configuration(d, s);
	TAILQ_FOREACH(c, &s->conns, entry)
		session(d, c);
}

void
dump_state(const struct registry *r, struct text *t)
{
	struct dump d = { .t = t, .now_ms = clock_monotonic_ms() };
	const struct service *s;
	char stamp[CLOCK_STAMP];
	size_t n = 0;

	service_conf_init(&d.defaults);
	clock_stamp(stamp);
	TAILQ_FOREACH(s, &r->services, entry)
		n++;
	text_printf(t, "INTERNAL STATE DUMP: evinetd %s\nCurrent time: %s\n", EVINET_VERSION, stamp);
	text_printf(t, "\nProcess = %d\nServices = %zu\nAddresses = %zu\n", (int)getpid(), n,
		    registry_listening(r));
	text_printf(t, "Sessions = %zu\nSessions since the start = %" PRIu64 "\n", r->sessions,
		    r->last_session);
	text_printf(t, "Connections that wait for a descriptor = %d\n", r->pending);
	text_printf(t, "Log = %s\n", r->log_target);
	TAILQ_FOREACH(s, &r->services, entry)
		service(&d, s);
	/* What reloads have replaced or removed and still has sessions. */
	TAILQ_FOREACH(s, &r->retired, entry)
		if (!TAILQ_EMPTY(&s->conns))
			service(&d, s);
	text_puts(t, "\nEND OF DUMP\n");
	service_conf_clear(&d.defaults);
}
