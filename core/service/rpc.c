#include "core/service/rpc.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/net/rpcbind.h"
#include "core/service/registry.h"
#include "core/service/service.h"

/* A program has few versions; more are a slip. */
enum { VERSIONS_MAX = 64 };

/* "tcp", "udp", "tcp6" and "udp6". */
enum { NETIDS = 4 };

static const struct timeval retry_pause = { 10, 0 };

/* Where a service listens, as rpcbind says it. */
struct place {
	const char *netid;
	char address[RPCBIND_ADDRESS];
};

struct rpc {
	uint32_t program, low, high; /* low to high are its versions */
	struct place places[NETIDS]; /* what is registered, or being registered */
	size_t nplaces;
	struct rpcbind_request *requests; /* for each version and place UNSET, then SET */
	size_t nrequests;
	struct rpcbind *call;
	struct event *retry;
	bool waits; /* for something to be withdrawn */
	bool told;  /* that rpcbind cannot be reached */
};

/* Of a service that listens no more, and may be gone. */
struct rpc_farewell {
	LIST_ENTRY(rpc_farewell) entry;
	struct registry *registry;
	struct rpcbind_request *requests;
	struct rpcbind *call;
};

/* --- preparation --- */

/* `name number aliases...`, as in /etc/rpc. */
static bool
line_has(char *line, const char *name, uint32_t *number)
{
	char *rest, *first, *second, *word;
	int64_t n;

	line[strcspn(line, "#\n")] = '\0';
	first = strtok_r(line, " \t", &rest);
	second = strtok_r(NULL, " \t", &rest);
	if (!second || parse_int(second, 1, UINT32_MAX, &n, NULL) < 0)
		return false;
	for (word = first; word; word = strtok_r(NULL, " \t", &rest)) {
		if (strcmp(word, name) != 0)
			continue;
		*number = (uint32_t)n;
		return true;
	}
	return false;
}

static bool
find_program(const char *name, uint32_t *number)
{
	FILE *f = fopen("/etc/rpc", "re");
	char line[1024];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = line_has(line, name, number);
	if (f)
		fclose(f);
	return found;
}

static int
read_versions(const char *text, struct rpc *rpc, struct error *err)
{
	size_t len = strcspn(text, "-");
	char *low = xasprintf("%.*s", (int)len, text);
	const char *high = text[len] ? text + len + 1 : low;
	int64_t from, to;
	int r = -1;

	if (parse_int(low, 0, UINT32_MAX, &from, NULL) < 0 ||
	    parse_int(high, from, UINT32_MAX, &to, NULL) < 0)
		error_set(err, 0, "expected a version such as 2, or a range such as 2-4, not \"%s\"", text);
	else if (to - from >= VERSIONS_MAX)
		error_set(err, 0, "\"%s\" are more than %d versions", text, VERSIONS_MAX);
	else
		r = 0;
	if (r == 0) {
		rpc->low = (uint32_t)from;
		rpc->high = (uint32_t)to;
	}
	free(low);
	return r;
}

/* What an inherited socket or a name stands for turns out later. */
static bool
may_have_a_place(const struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++) {
		const struct service_listener *sl = &s->listeners[i];
		char address[RPCBIND_ADDRESS];

		if (sl->handle || (!sl->params.naddrs && sl->params.socktype != SOCK_SEQPACKET))
			return true;
		for (size_t j = 0; j < sl->params.naddrs; j++)
			if (rpcbind_describe(&sl->addrs[j], address))
				return true;
	}
	return false;
}

static void
wrong(struct service *s, struct problems *problems, const char *key, const char *text)
{
	problem_add(problems, service_conf_origin(s->conf, NULL, key), s->name, key, "%s", text);
}

void
rpc_prepare(struct service *s, struct problems *problems)
{
	const struct service_conf *conf = s->conf;
	struct error err;
	int64_t n;

	if (!conf->rpc_program && !conf->rpc_version)
		return;
	if (!conf->rpc_program || !conf->rpc_version) {
		if (!service_conf_wrong(conf, "rpc_program") && !service_conf_wrong(conf, "rpc_version"))
			wrong(s, problems, conf->rpc_program ? "rpc_program" : "rpc_version",
			      "rpc_program and rpc_version belong together");
		return;
	}
	s->rpc = xcalloc(1, sizeof(*s->rpc));
	if (parse_int(conf->rpc_program, 1, UINT32_MAX, &n, NULL) == 0)
		s->rpc->program = (uint32_t)n;
	else if (!find_program(conf->rpc_program, &s->rpc->program))
		problem_add(problems, service_conf_origin(conf, NULL, "rpc_program"), s->name, "rpc_program",
			    "\"%s\" is neither a number nor a name in /etc/rpc", conf->rpc_program);
	if (read_versions(conf->rpc_version, s->rpc, &err) < 0)
		wrong(s, problems, "rpc_version", err.text);
	if (s->nlisteners > 0 && !may_have_a_place(s))
		wrong(s, problems, "rpc_program", "needs an address of TCP or UDP");
}

/* --- registering --- */

static void
add_place(struct place *places, size_t *n, const struct addr *a)
{
	struct place p;

	p.netid = rpcbind_describe(a, p.address);
	if (!p.netid)
		return;
	/* rpcbind knows one address for each. */
	for (size_t i = 0; i < *n; i++)
		if (strcmp(places[i].netid, p.netid) == 0)
			return;
	places[(*n)++] = p;
}

/* The IPv6 wildcard may take IPv4 clients as well. */
static void
add_places_of(const struct service *s, struct place *places, size_t *n, const struct addr *a)
{
	struct addr any = { .len = sizeof(any.in), .socktype = a->socktype, .protocol = a->protocol };

	add_place(places, n, a);
	if (a->sa.sa_family != AF_INET6 || !addr_is_wildcard(&a->sa) || s->conf->sock.v6only != 0)
		return;
	any.in.sin_family = AF_INET;
	any.in.sin_port = a->in6.sin6_port;
	add_place(places, n, &any);
}

static size_t
find_places(const struct service *s, struct place places[NETIDS])
{
	size_t n = 0;

	for (size_t i = 0; i < s->nlisteners; i++) {
		struct listener_socket *ls;

		for (size_t j = 0; (ls = listener_socket_at(s->listeners[i].listener, j)); j++)
			add_places_of(s, places, &n, listener_socket_addr(ls));
	}
	return n;
}

static bool
same_places(const struct rpc *rpc, const struct place *places, size_t n)
{
	if (n != rpc->nplaces)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(places[i].netid, rpc->places[i].netid) != 0 ||
		    strcmp(places[i].address, rpc->places[i].address) != 0)
			return false;
	return true;
}

static void
add_request(struct rpcbind_request *q, int what, const struct rpc *rpc, uint32_t version,
	    const struct place *p)
{
	*q = (struct rpcbind_request){
		.what = what, .program = rpc->program, .version = version, .netid = p->netid
	};
	memcpy(q->address, p->address, sizeof(q->address));
}

/* What an earlier daemon has left behind is taken out first: it would be in the way. */
static void
make_requests(struct rpc *rpc)
{
	size_t versions = rpc->high - rpc->low + 1;

	rpc->nrequests = 0;
	rpc->requests = xrealloc(rpc->requests, (rpc->nplaces * versions * 2 + 1) * sizeof(*rpc->requests));
	for (size_t v = 0; v < versions; v++) {
		for (size_t i = 0; i < rpc->nplaces; i++) {
			uint32_t version = rpc->low + (uint32_t)v;

			add_request(&rpc->requests[rpc->nrequests++], RPCBIND_UNSET, rpc, version,
				    &rpc->places[i]);
			add_request(&rpc->requests[rpc->nrequests++], RPCBIND_SET, rpc, version,
				    &rpc->places[i]);
		}
	}
}

static void
tell_registered(struct service *s)
{
	const struct rpc *rpc = s->rpc;

	for (size_t i = 0; i < rpc->nrequests; i++) {
		const struct rpcbind_request *q = &rpc->requests[i];

		if (q->what != RPCBIND_SET)
			continue;
		service_log(s, q->done ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "rpc",
			    LOG_FIELDS(LOG_I("program", q->program), LOG_I("version", q->version),
				       LOG_S("netid", q->netid), LOG_S("address", q->address),
				       LOG_S("error", q->done ? NULL : "rpcbind refuses to register it")));
	}
}

static void
tell_unreachable(struct service *s, const struct error *err)
{
	char retry[32];

	if (s->rpc->told)
		return;
	s->rpc->told = true;
	format_duration_ms(retry_pause.tv_sec * 1000, retry, sizeof(retry));
	service_log(s, LOG_LEVEL_ERROR, "rpc",
		    LOG_FIELDS(LOG_I("program", s->rpc->program),
			       LOG_S("errno", err->errnum ? error_name(err->errnum) : NULL),
			       LOG_S("error", err->text), LOG_S("retry", retry)));
}

static void register_all(struct service *);

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	register_all(arg);
}

static void
registered_cb(const struct error *err, void *arg)
{
	struct service *s = arg;
	struct rpc *rpc = s->rpc;

	rpc->call = NULL;
	if (!err) {
		rpc->told = false;
		tell_registered(s);
		return;
	}
	tell_unreachable(s, err);
	if (!rpc->retry)
		rpc->retry = evtimer_new(s->registry->base, retry_cb, s);
	if (rpc->retry)
		evtimer_add(rpc->retry, &retry_pause);
}

static void
register_all(struct service *s)
{
	struct rpc *rpc = s->rpc;

	/* Another service may be taking out the same program. */
	rpc->waits = !LIST_EMPTY(&s->registry->farewells);
	if (rpc->waits)
		return;
	rpcbind_cancel(rpc->call);
	make_requests(rpc);
	rpc->call = rpcbind_start(s->registry->base, rpcbind_socket, rpc->requests, rpc->nrequests,
				  registered_cb, s);
}

void
rpc_update(struct service *s)
{
	struct place places[NETIDS];
	size_t n;

	if (!s->rpc || s->holds & HOLD_STOPPING)
		return;
	/* All at once, when each listener has been tried. */
	for (size_t i = 0; i < s->nlisteners; i++)
		if (!s->listeners[i].settled)
			return;
	n = find_places(s, places);
	if (same_places(s->rpc, places, n))
		return;
	memcpy(s->rpc->places, places, n * sizeof(*places));
	s->rpc->nplaces = n;
	register_all(s);
}

/* --- withdrawing --- */

/* It is in no list any more. */
static void
free_farewell(struct rpc_farewell *f)
{
	f->registry->leaving--;
	rpcbind_cancel(f->call);
	free(f->requests);
	free(f);
}

static void
let_others_register(struct registry *r)
{
	struct service *s;

	TAILQ_FOREACH(s, &r->services, entry)
		if (s->rpc && s->rpc->waits && !(s->holds & HOLD_STOPPING))
			register_all(s);
}

/* Where rpcbind is gone there is nothing to take out, and nothing to tell. */
static void
withdrawn_cb(const struct error *err, void *arg)
{
	struct rpc_farewell *f = arg;
	struct registry *r = f->registry;

	(void)err;
	f->call = NULL;
	LIST_REMOVE(f, entry);
	free_farewell(f);
	if (LIST_EMPTY(&r->farewells))
		let_others_register(r);
	registry_one_less(r);
}

static size_t
keep_unsets(struct rpcbind_request *q, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (q[i].what == RPCBIND_UNSET)
			q[kept++] = q[i];
	return kept;
}

void
rpc_withdraw(struct service *s)
{
	struct rpc *rpc = s->rpc;
	struct rpc_farewell *f;
	size_t n;

	if (!rpc || rpc->nplaces == 0)
		return;
	if (rpc->retry)
		event_del(rpc->retry);
	rpcbind_cancel(rpc->call);
	rpc->call = NULL;
	rpc->nplaces = 0;
	n = keep_unsets(rpc->requests, rpc->nrequests);
	if (n == 0 || rpc->told || s->registry->forced) /* nothing of it is registered; or nobody waits */
		return;
	f = xcalloc(1, sizeof(*f));
	f->registry = s->registry;
	f->requests = rpc->requests;
	rpc->requests = NULL;
	rpc->nrequests = 0;
	LIST_INSERT_HEAD(&s->registry->farewells, f, entry);
	s->registry->leaving++;
	f->call = rpcbind_start(s->registry->base, rpcbind_socket, f->requests, n, withdrawn_cb, f);
}

void
rpc_forget(struct registry *r)
{
	struct rpc_farewell *f;

	while ((f = LIST_FIRST(&r->farewells))) {
		LIST_REMOVE(f, entry);
		free_farewell(f);
	}
}

void
rpc_free(struct service *s)
{
	struct rpc *rpc = s->rpc;

	if (!rpc)
		return;
	rpcbind_cancel(rpc->call);
	if (rpc->retry)
		event_free(rpc->retry);
	free(rpc->requests);
	free(rpc);
	s->rpc = NULL;
}
