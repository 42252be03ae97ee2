#include "core/net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/net/worker.h"

/* Look-ups at once; more wait their turn. A slow name server holds up names, never addresses. */
static struct worker_pool pool = WORKER_POOL(8);

struct resolve {
	struct job *job;
	char *host, *service;
	struct resolve_query query;
	resolve_cb cb;
	void *arg;
	struct addr_list list;
	struct error err;
	int result;
};

void
addr_list_clear(struct addr_list *l)
{
	free(l->addrs);
	*l = (struct addr_list){ 0 };
}

static void
add_unique(struct addr_list *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (addr_equal(&l->addrs[i], a))
			return;
	l->addrs = xrealloc(l->addrs, (l->n + 1) * sizeof(*l->addrs));
	l->addrs[l->n++] = *a;
}

static const char *
reason(int eai)
{
	return eai == EAI_SYSTEM ? strerror(errno) : gai_strerror(eai);
}

/* May block. */
static int
look_up(const struct resolve_query *q, int more_flags, struct addr_list *out, struct error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = q->socktype,
		.ai_protocol = q->protocol,
		.ai_flags = AI_PASSIVE | q->flags | more_flags,
	};
	const char *host = q->host && *q->host ? q->host : NULL;
	const char *service = q->service && *q->service ? q->service : "0";
	struct addrinfo *found, *ai;
	int r;

	/* getaddrinfo takes 65616 for 80. */
	if (addr_check_port(service, err) < 0)
		return EAI_SERVICE;
	r = getaddrinfo(host, service, &hints, &found);
	if (r)
		return error_set(err, 0, "%s%sport %s: %s", host ? host : "", host ? " " : "", service,
				 reason(r)),
		       r;
	for (ai = found; ai; ai = ai->ai_next) {
		struct addr a = { .socktype = ai->ai_socktype, .protocol = q->protocol };

		if (ai->ai_addrlen > sizeof(a.storage))
			continue;
		if (q->family != AF_UNSPEC && ai->ai_family != q->family)
			continue;
		memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
		a.len = ai->ai_addrlen;
		add_unique(out, &a);
	}
	freeaddrinfo(found);
	if (out->n == 0) {
		error_set(err, 0, "%s has no %s address", host ? host : "*",
			  q->family == AF_INET ? "IPv4" : "IPv6");
		return EAI_NONAME;
	}
	return 0;
}

static bool
is_number(const char *s)
{
	return !s || strspn(s, "0123456789") == strlen(s);
}

int
resolve_numeric(const struct resolve_query *q, struct addr_list *out, struct error *err)
{
	int r;

	*out = (struct addr_list){ 0 };
	if (!is_number(q->service))
		return 0;
	r = look_up(q, AI_NUMERICHOST | AI_NUMERICSERV, out, err);
	if (r == 0)
		return 1;
	addr_list_clear(out);
	/* "no such name" only says that it is not a number: unless names are forbidden. */
	if (r == EAI_NONAME && q->host && *q->host && !(q->flags & AI_NUMERICHOST))
		return strpbrk(q->host, ":") ? -1 : 0;
	return -1;
}

int
resolve_now(const struct resolve_query *q, struct addr_list *out, struct error *err)
{
	*out = (struct addr_list){ 0 };
	return look_up(q, 0, out, err) == 0 ? 0 : -1;
}

static void
free_resolve(void *arg)
{
	struct resolve *r = arg;

	addr_list_clear(&r->list);
	free(r->host);
	free(r->service);
	free(r);
}

static void
run(void *arg)
{
	struct resolve *r = arg;

	r->result = look_up(&r->query, 0, &r->list, &r->err);
}

static void
done(void *arg, const struct error *no_thread)
{
	struct resolve *r = arg;
	resolve_cb cb = r->cb;
	void *cb_arg = r->arg;
	struct addr_list list = r->list;
	struct error err = no_thread ? *no_thread : r->err;
	bool failed = no_thread || r->result != 0;

	if (no_thread)
		error_prefix(&err, "look up %s", r->host);
	r->list = (struct addr_list){ 0 };
	free_resolve(r);
	cb(failed ? NULL : &list, &err, cb_arg);
	if (failed)
		addr_list_clear(&list);
}

static const struct job_calls calls = { run, done, free_resolve };

struct resolve *
resolve_start(struct event_base *base, const struct resolve_query *q, resolve_cb cb, void *arg,
	      struct error *err)
{
	struct resolve *r = xcalloc(1, sizeof(*r));

	r->host = xstrdup(q->host ? q->host : "");
	r->service = xstrdup(q->service ? q->service : "");
	r->query = *q;
	r->query.host = r->host;
	r->query.service = r->service;
	r->cb = cb;
	r->arg = arg;
	r->job = job_start(base, &pool, &calls, r, err);
	if (!r->job) {
		error_prefix(err, "look up %s", r->host);
		free_resolve(r);
		return NULL;
	}
	return r;
}

void
resolve_cancel(struct resolve *r)
{
	if (r)
		job_cancel(r->job);
}
