#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/net/resolve.h"
#include "core/service/gate.h"
#include "core/service/registry.h"
#include "core/service/rpc.h"
#include "core/service/service.h"
#include "core/sys/creds.h"

/* From the words of a configuration to a service that can run. Whatever is wrong is a problem with
 * the line it stands on; a service with a problem is refused as a whole. */

struct preparation {
	struct service *s;
	const struct config *config;
	struct problems *problems;
};

static void
wrong(struct preparation *p, const char *section, const char *key, const char *text)
{
	problem_add(p->problems, service_conf_origin(p->s->conf, section, key), p->s->name, key, "%s", text);
}

static void
choose_handler(struct preparation *p)
{
	struct service *s = p->s;
	const char *names[64];
	const char *near;
	size_t n = 0;

	s->handler = handler_find(s->registry->handlers, s->conf->handler);
	if (s->handler && s->handler->choose)
		s->handler = s->handler->choose(s->conf);
	if (s->handler || service_conf_wrong(s->conf, "handler"))
		return;
	for (const struct handler *const *h = s->registry->handlers; *h && n < 63; h++)
		names[n++] = (*h)->name;
	names[n] = NULL;
	near = text_nearest(s->conf->handler, names);
	problem_add(p->problems, service_conf_origin(s->conf, NULL, "handler"), s->name, "handler",
		    "\"%s\" is unknown%s%s%s", s->conf->handler, near ? "; did you mean " : "",
		    near ? near : "", near ? "?" : "");
}

static void
useless(struct preparation *p, const char *section, const char *key, const char *why)
{
	const struct service_conf *conf = p->s->conf;

	if (service_conf_says(conf, section, key))
		problem_warn(p->problems, service_conf_origin(conf, section, key), p->s->name, key,
			     "has no effect %s", why);
}

/* --- listeners --- */

static struct service_listener *
add_listener(struct preparation *p, const char *text, struct origin origin)
{
	struct service *s = p->s;
	const struct service_conf *conf = s->conf;
	struct service_listener *sl;
	struct sockopts *o;

	s->listeners = xrealloc(s->listeners, (s->nlisteners + 1) * sizeof(*s->listeners));
	sl = &s->listeners[s->nlisteners++];
	*sl = (struct service_listener){ .service = s, .params = LISTENER_PARAMS, .origin = origin };
	sl->text = xstrdup(text);
	sl->params.first = conf->bind == BIND_FIRST;
	sl->params.mode = s->waits ? LISTENER_READY : LISTENER_ACCEPT;
	sl->params.socket.queuesize = conf->queuesize;
	sl->params.socket.mode = conf->mode;
	o = &sl->params.socket.options;
	o->reuseaddr = conf->sock.reuseaddr;
	o->reuseport = conf->sock.reuseport;
	o->v6only = conf->sock.v6only;
	o->freebind = conf->sock.freebind;
	o->transparent = conf->sock.transparent;
	o->keepalive = conf->sock.keepalive;
	o->keepalive_idle = conf->sock.keepalive_idle;
	o->keepalive_interval = conf->sock.keepalive_interval;
	o->keepalive_count = conf->sock.keepalive_count;
	o->nodelay = conf->sock.nodelay;
	o->defer_accept = conf->sock.defer_accept;
	o->fastopen = conf->sock.fastopen;
	o->rcvbuf = conf->sock.rcvbuf;
	o->sndbuf = conf->sock.sndbuf;
	o->tos = conf->sock.tos;
	o->mark = conf->sock.mark;
	o->priority = conf->sock.priority;
	/* A datagram is answered from the address it was sent to. */
	o->pktinfo = s->handler && (s->handler->sockets & HANDLER_DATAGRAM) && !s->waits ? 1 : SOCKOPT_UNSET;
	o->device = conf->sock.device;
	o->congestion = conf->sock.congestion;
	return sl;
}

static void
file_owner(struct preparation *p, struct service_listener *sl)
{
	const struct service_conf *conf = p->s->conf;
	struct error err;

	if (conf->owner && creds_user(conf->owner, &sl->params.socket.owner, &err) < 0)
		wrong(p, NULL, "owner", err.text);
	if (conf->group_owner && creds_group(conf->group_owner, &sl->params.socket.group, &err) < 0)
		wrong(p, NULL, "group_owner", err.text);
}

static void
add_addr(struct service_listener *sl, const struct addr *a)
{
	sl->addrs = xrealloc(sl->addrs, (sl->params.naddrs + 1) * sizeof(*sl->addrs));
	sl->addrs[sl->params.naddrs++] = *a;
	sl->params.addrs = sl->addrs;
}

static void
check_name(struct preparation *p, const struct service_listener *sl, const char *key)
{
	struct resolve_query q = {
		.host = sl->host,
		.service = sl->port,
		.family = sl->params.family,
		.socktype = sl->params.socktype,
		.protocol = sl->params.protocol,
		.flags = sl->params.flags,
	};
	struct addr_list list;
	struct error err;

	if (!p->s->registry->checking)
		return;
	if (resolve_now(&q, &list, &err) < 0)
		problem_add(p->problems, sl->origin, p->s->name, key, "\"%s\": %s", sl->text, err.text);
	addr_list_clear(&list);
}

static void
use_spec(struct preparation *p, struct service_listener *sl, const struct addr_spec *spec)
{
	sl->params.socktype = spec->socktype;
	switch (spec->kind) {
	case ADDR_INET:
		sl->host = xstrdup(spec->host);
		sl->port = xstrdup(spec->port);
		sl->params.host = sl->host;
		sl->params.service = sl->port;
		sl->params.family = spec->family;
		check_name(p, sl, "listen");
		break;
	case ADDR_FD:
		sl->handle = xstrdup(spec->port);
		break;
	default:
		add_addr(sl, &spec->addr);
	}
}

static void
short_form(struct preparation *p)
{
	const struct service_conf *conf = p->s->conf;
	struct origin origin = service_conf_origin(conf, NULL, "listen");

	for (size_t i = 0; i < conf->listen.list.n; i++) {
		const char *text = conf->listen.list.items[i];
		struct service_listener *sl;
		struct addr_spec spec;
		struct error err;

		if (addr_spec_parse(text, &spec, &err) < 0) { /* already told by the row's check */
			wrong(p, NULL, "listen", err.text);
			continue;
		}
		sl = add_listener(p, text, origin);
		file_owner(p, sl);
		use_spec(p, sl, &spec);
	}
}

static int
protocol_number(const char *name, int *protocol)
{
	/* Those that a socket of ours can have; /etc/protocols knows the others, where there is one. */
	static const struct {
		const char *name;
		int number;
	} common[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };
	const struct protoent *pe;
	int64_t n;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (strcmp(common[i].name, name) == 0) {
			*protocol = common[i].number;
			return 0;
		}
	}
	pe = getprotobyname(name);
	if (pe)
		*protocol = pe->p_proto;
	else if (parse_int(name, 0, 255, &n, NULL) == 0)
		*protocol = (int)n;
	else
		return -1;
	return 0;
}

static void
use_addrs(struct preparation *p, struct service_listener *sl, const struct listener_conf *l)
{
	for (size_t i = 0; i < l->addrs.list.n; i++) {
		struct resolve_query q = { .socktype = SOCK_STREAM };
		struct addr_list list = { 0 };
		struct addr_spec spec;
		struct error err;
		int r;

		if (addr_spec_parse(l->addrs.list.items[i], &spec, &err) < 0)
			continue;
		if (spec.kind == ADDR_UNIX || spec.kind == ADDR_VSOCK) {
			add_addr(sl, &spec.addr);
			continue;
		}
		q.host = spec.host;
		q.service = spec.port;
		q.family = spec.family;
		q.socktype = spec.socktype;
		r = spec.kind == ADDR_INET ? resolve_numeric(&q, &list, &err) : 0;
		if (r <= 0)
			problem_add(p->problems, l->origin, p->s->name, "listener.addrs",
				    "\"%s\" is a name: use host and service", l->addrs.list.items[i]);
		for (size_t j = 0; r > 0 && j < list.n; j++)
			add_addr(sl, &list.addrs[j]);
		addr_list_clear(&list);
	}
}

static void
long_form(struct preparation *p, const struct listener_conf *l)
{
	char *text = l->handle ? xasprintf("fd:%s", l->handle)
		     : l->addrs.list.n
			     ? xstrdup(l->addrs.list.items[0])
			     : xasprintf("%s:%s", l->host ? l->host : "*", l->service ? l->service : "0");
	struct service_listener *sl = add_listener(p, text, l->origin);
	int ways = (l->handle != NULL) + (l->addrs.list.n > 0) + (l->host || l->service);

	free(text);
	file_owner(p, sl);
	sl->params.family = schema_family(l);
	sl->params.socktype = schema_socktype(l);
	sl->params.flags = schema_flags(l);
	if (l->wrong)
		return;
	if (ways != 1) {
		problem_add(p->problems, l->origin, p->s->name, "listener",
			    "expected one of: handle, addrs, host and service");
		return;
	}
	if (l->protocol && protocol_number(l->protocol, &sl->params.protocol) < 0)
		problem_add(p->problems, l->origin, p->s->name, "listener.protocol", "\"%s\" is unknown",
			    l->protocol);
	if (l->handle) {
		sl->handle = xstrdup(l->handle);
	} else if (l->addrs.list.n) {
		use_addrs(p, sl, l);
		if (sl->params.naddrs)
			sl->params.socktype = sl->addrs[0].socktype;
	} else {
		sl->host = xstrdup(l->host && strcmp(l->host, "*") != 0 ? l->host : "");
		sl->port = xstrdup(l->service ? l->service : "0");
		sl->params.host = sl->host;
		sl->params.service = sl->port;
		check_name(p, sl, "listener");
	}
}

/* What a socket of this kind can be used for by the handler that was chosen. */
static void
check_socktypes(struct preparation *p)
{
	struct service *s = p->s;
	const struct handler *h = s->handler;

	if (s->waits && !(h->sockets & HANDLER_WAIT))
		wrong(p, NULL, "wait", "needs a program: the built-in handlers have no use for it");
	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct service_listener *sl = &s->listeners[i];
		bool dgram = !sl->handle && !sl->params.naddrs && sl->params.socktype == SOCK_DGRAM;

		for (size_t j = 0; j < sl->params.naddrs; j++)
			dgram |= sl->addrs[j].socktype == SOCK_DGRAM;
		if (dgram && !s->waits && !(h->sockets & HANDLER_DATAGRAM))
			problem_add(p->problems, sl->origin, s->name, "listen",
				    "\"%s\": a program on a datagram socket needs wait = true", sl->text);
	}
}

/* --- the rest --- */

static void
read_list(struct preparation *p, const char *key, const struct list_value *list, struct acl *acl)
{
	struct error err;

	for (size_t i = 0; i < list->list.n; i++) {
		if (acl_add(acl, list->list.items[i], &err) < 0) {
			wrong(p, NULL, key, err.text);
			p->s->admission.nobody = true;
		}
	}
}

static bool
lets_everyone_in(const struct list_value *allow)
{
	for (size_t i = 0; i < allow->list.n; i++)
		if (strcmp(allow->list.items[i], "all") == 0)
			return true;
	return false;
}

/* An interval that cannot be read is a problem, and so the service does not run. */
static void
prepare_hours(struct preparation *p, struct admit_extra *x)
{
	const struct list_value *list = &p->s->conf->hours;
	struct error err;

	x->has_hours = true;
	for (size_t i = 0; i < list->list.n; i++)
		if (hours_add(&x->hours, list->list.items[i], &err) < 0)
			wrong(p, NULL, "hours", err.text);
}

static void
prepare_sensor(struct preparation *p, struct admit_extra *x)
{
	const char *text = p->s->conf->ban;
	struct error err;

	x->sensor = true;
	x->ban_ms = BAN_FOREVER;
	if (strcmp(text, "forever") != 0 && parse_duration_ms(text, &x->ban_ms, &err) < 0)
		wrong(p, NULL, "ban", err.text);
}

/* What few services have costs the others nothing. */
static void
prepare_extra(struct preparation *p)
{
	const struct service_conf *conf = p->s->conf;
	struct admission *a = &p->s->admission;

	if (conf->hours.set)
		prepare_hours(p, admission_extra(a));
	if (conf->ban)
		prepare_sensor(p, admission_extra(a));
	if (conf->max_load)
		admission_extra(a)->max_load = strtod(conf->max_load, NULL);
	if (conf->min_memory > 0)
		admission_extra(a)->min_memory = conf->min_memory;
	if (conf->per_source_rate.count > 0)
		source_rate_init(&admission_extra(a)->source_rate, conf->per_source_rate.count,
				 conf->per_source_rate.interval_ms);
}

static bool
is_inet(const struct addr *a)
{
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

/* Where the program takes the clients itself, nobody but the kernel can keep the lists. It knows no names:
 * with some in `allow`, it cannot drop who may be allowed by one. */
static void
prepare_filter(struct preparation *p)
{
	struct service *s = p->s;
	const struct admission *a = &s->admission;
	const struct acl *allow = a->has_allow && a->allow.names.n == 0 ? &a->allow : NULL;
	const char *key = a->deny.n ? "deny" : "allow";
	struct error err;

	if (!a->deny.n && (!allow || lets_everyone_in(&s->conf->allow)))
		return;
	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct service_listener *sl = &s->listeners[i];

		/* What waits on it already has passed no filter. */
		if (sl->handle)
			wrong(p, NULL, key, "cannot be kept with wait = true on a socket that was inherited");
		for (size_t j = 0; j < sl->params.naddrs; j++)
			if (!is_inet(&sl->addrs[j]) && !admit_address(a, &sl->addrs[j].sa))
				wrong(p, NULL, key,
				      "cannot be kept with wait = true on a socket without IP addresses");
	}
	if (acl_filter_compile(&s->filter, allow, &a->deny, &err) < 0) {
		wrong(p, NULL, key, err.text);
		return;
	}
	s->filter_program = (struct sock_fprog){ (unsigned short)s->filter.n, s->filter.insns };
	for (size_t i = 0; i < s->nlisteners; i++)
		s->listeners[i].params.socket.filter = &s->filter_program;
}

/* Limits that need to know the client. Those of defaults are meant for services that can keep them. */
static void
drop_limits_of_clients(struct preparation *p)
{
	static const char *const keys[] = { "per_source", "per_prefix", "per_source_rate" };
	const struct service_conf *conf = p->s->conf;
	const bool set[] = { conf->per_source > 0, conf->per_prefix > 0, conf->per_source_rate.count > 0 };
	struct admission *a = &p->s->admission;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (set[i] && service_conf_says(conf, NULL, keys[i]))
			wrong(p, NULL, keys[i],
			      "cannot be kept with wait = true: the program accepts the clients itself");
	slots_init(&a->slots, conf->instances, 0);
	if (a->extra)
		source_rate_init(&a->extra->source_rate, 0, 0);
}

static void
prepare_admission(struct preparation *p)
{
	const struct service_conf *conf = p->s->conf;
	struct admission *a = &p->s->admission;

	a->shared = &p->s->registry->shared;
	a->has_allow = conf->allow.set;
	read_list(p, "allow", &conf->allow, &a->allow);
	read_list(p, "deny", &conf->deny, &a->deny);
	slots_init(&a->slots, conf->instances, conf->per_source);
	slots_limit_prefixes(&a->slots, conf->per_prefix, conf->prefix_ipv4, conf->prefix_ipv6);
	rate_init(&a->rate, conf->rate.count, conf->rate.interval_ms, conf->rate_burst);
	if (conf->rate_burst && !conf->rate.count && !service_conf_wrong(conf, "rate"))
		wrong(p, NULL, "rate_burst", "means nothing without rate");
	if (service_conf_says(conf, NULL, "rate_pause") && !conf->rate.count &&
	    !service_conf_wrong(conf, "rate"))
		wrong(p, NULL, "rate_pause", "means nothing without rate");
	prepare_extra(p);
	if (p->s->waits) {
		drop_limits_of_clients(p);
		prepare_filter(p);
	}
}

/* What was asked for and will not happen is said, even where it does no harm. */
static void
check_useless_keys(struct preparation *p)
{
	static const char *const programs[] = { "argv0",         "user",         "group",     "groups",
						"umask",         "chroot",       "directory", "nice",
						"oom_score_adj", "env",          "pass_env",  "session",
						"no_new_privs",  "capabilities", "warm",      "warm_spawn",
						"warm_max_age",  "warm_header",  NULL };
	static const char *const nobody[] = { "exec", "shell", "wait", "redirect", NULL };
	static const char *const prefixes[] = { "prefix_ipv4", "prefix_ipv6", NULL };
	static const char *const connections[] = { "redirect", "redirect_source", "redirect_proxy",
						   "connect_timeout", NULL };
	static const char *const ahead[] = { "warm_spawn", "warm_max_age", "warm_header", NULL };
	const struct service *s = p->s;
	bool program = s->handler->sockets & HANDLER_WAIT;
	bool connects = s->handler->sockets & HANDLER_CONNECT;

	for (const char *const *key = nobody; s->conf->ban && *key; key++)
		useless(p, NULL, *key, "on a sensor, which serves nobody");
	for (const char *const *key = programs; !program && *key; key++)
		useless(p, NULL, *key, "on a built-in handler");
	for (const char *const *key = prefixes; s->conf->per_prefix == 0 && *key; key++)
		useless(p, NULL, *key, "without per_prefix");
	if (strcmp(s->handler->name, "daytime") != 0)
		useless(p, NULL, "daytime_form", "without handler = daytime");
	for (const char *const *key = connections; !connects && *key; key++)
		useless(p, NULL, *key, "without handler = redirect");
	for (const struct option *o = service_rows; !program && o->name; o++)
		if (o->section && strcmp(o->section, "rlimit") == 0)
			useless(p, o->section, o->name, "on a built-in handler");
	if (!program && !s->conf->ban && (s->conf->exec.list.n || s->conf->shell))
		wrong(p, NULL, s->conf->shell ? "shell" : "exec",
		      "either a program or a built-in handler, not both");
	if (s->waits)
		useless(p, NULL, "idle_timeout", "with wait = true: the program has the connections");
	for (const char *const *key = ahead; program && !s->conf->warm && *key; key++)
		useless(p, NULL, *key, "without warm");
	if (program && !s->conf->warm && s->conf->close == CLOSE_LEAVE)
		useless(p, NULL, "idle_timeout", "with close = leave: only the program has the connection");
}

/* What a list shows of xinetd's lines; everything, if there is no list. */
static unsigned
shown_by(const struct list_value *own, const struct list_value *global, bool failure)
{
	static const struct {
		const char *word;
		unsigned success, failure;
	} words[] = {
		{ "pid", LOG_SHOW_PID, 0 },
		{ "host", LOG_SHOW_HOST, LOG_SHOW_FAIL_HOST },
		{ "userid", LOG_SHOW_USERID, LOG_SHOW_FAIL_USERID },
		{ "exit", LOG_SHOW_EXIT, 0 },
		{ "duration", LOG_SHOW_DURATION, 0 },
		{ "traffic", LOG_SHOW_TRAFFIC, 0 },
		{ "attempt", 0, LOG_SHOW_FAIL_ATTEMPT },
	};
	const struct list_value *list = own->set ? own : global;
	unsigned show = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		bool listed = !list->set;

		for (size_t j = 0; j < list->list.n; j++)
			listed |= strcmp(list->list.items[j], words[i].word) == 0;
		if (listed)
			show |= failure ? words[i].failure : words[i].success;
	}
	return show;
}

void
service_set_log_view(struct service *s, const struct global_conf *g)
{
	const struct log_conf *own = &s->conf->log, *global = &g->log;

	s->log_view.id = s->conf->id;
	s->log_view.wrappers = s->conf->tcp_wrappers;
	s->log_view.paces = s->conf->rate_pause == 0;
	s->log_view.show = shown_by(&own->success, &global->success, false) |
			   shown_by(&own->failure, &global->failure, true);
}

static bool
is_offered_by_anyone(const struct preparation *p)
{
	for (size_t i = 0; i < p->config->nservices; i++) {
		const struct handler *h =
			handler_find(p->s->registry->handlers, p->config->services[i].handler);

		if (h && h->sockets & HANDLER_OFFERS)
			return true;
	}
	return false;
}

/* The service before this one that has the same name for tcpmux. */
static const struct service_conf *
same_offer(const struct preparation *p)
{
	const struct service_conf *other = p->config->services;

	for (size_t i = 0; i < p->config->nservices && strcmp(other[i].name, p->s->name) != 0; i++)
		if (other[i].tcpmux && strcasecmp(other[i].tcpmux, p->s->conf->tcpmux) == 0)
			return &other[i];
	return NULL;
}

/* Whether it can get the connections that tcpmux hands over. */
static void
check_offer(struct preparation *p)
{
	const struct service_conf *conf = p->s->conf;
	const struct service_conf *other;

	if (!conf->tcpmux) {
		if (conf->tcpmux_plus && !service_conf_wrong(conf, "tcpmux"))
			useless(p, NULL, "tcpmux_plus", "without tcpmux");
		return;
	}
	if (conf->wait)
		wrong(p, NULL, "tcpmux", "cannot be kept with wait = true: it hands over connections");
	if (p->s->handler->sockets & HANDLER_OFFERS)
		wrong(p, NULL, "tcpmux", "what hands connections over cannot be handed one");
	other = same_offer(p);
	if (other)
		problem_add(p->problems, service_conf_origin(conf, NULL, "tcpmux"), p->s->name, "tcpmux",
			    "\"%s\" is service %s already", conf->tcpmux, other->name);
	else if (!is_offered_by_anyone(p))
		problem_warn(p->problems, service_conf_origin(conf, NULL, "tcpmux"), p->s->name, "tcpmux",
			     "has no effect without a service with handler = tcpmux");
}

static void
prepare_log(struct preparation *p)
{
	struct service *s = p->s;
	struct error err;

	s->log = registry_log_for(s->registry, &s->conf->log, &err);
	if (!s->log && !s->registry->checking)
		wrong(p, "log", "target", err.text);
	s->log_events = s->conf->log_events.set ? 0 : UINT32_MAX;
	for (size_t i = 0; i < s->conf->log_events.list.n; i++)
		for (size_t j = 0; schema_log_events[j]; j++)
			if (strcmp(schema_log_events[j], s->conf->log_events.list.items[i]) == 0)
				s->log_events |= 1U << j;
	service_set_log_view(s, &p->config->global);
	if (s->conf->log.target && strncmp(s->conf->log.target, "file:", 5) != 0)
		useless(p, "log", "limit", "on a target that is no file");
}

struct service *
service_prepare(struct registry *r, const struct config *config, const struct service_conf *conf,
		struct problems *problems)
{
	struct service *s = xcalloc(1, sizeof(*s));
	struct preparation p = { s, config, problems };
	size_t before = problems->errors;

	s->registry = r;
	s->own_conf = r->checking ? NULL : service_conf_dup(conf);
	s->conf = s->own_conf ? s->own_conf : conf;
	s->name = s->conf->name;
	TAILQ_INIT(&s->conns);
	TAILQ_INIT(&s->waiters);
	prepare_log(&p);
	choose_handler(&p);
	s->waits = conf->wait && !conf->ban;
	short_form(&p);
	for (size_t i = 0; i < s->conf->nlisteners; i++)
		long_form(&p, &s->conf->listeners[i]);
	if (s->nlisteners == 0 && !conf->tcpmux && !service_conf_wrong(conf, "tcpmux") &&
	    !service_conf_wrong(conf, "listen"))
		problem_add(problems, conf->origin, s->name, "listen",
			    "expected at least one address to listen on");
	prepare_admission(&p);
	gate_prepare(s, problems);
	rpc_prepare(s, problems);
	if (s->handler) {
		check_socktypes(&p);
		check_useless_keys(&p);
		check_offer(&p);
		if (s->handler->prepare && s->handler->prepare(s, problems) < 0 && problems->errors == before)
			wrong(&p, NULL, "handler", "cannot be used");
	}
	if (problems->errors > before) {
		service_free(s);
		return NULL;
	}
	return s;
}
