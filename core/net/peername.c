#include "core/net/peername.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/worker.h"
#include "core/sys/addr.h"

/* ASKED_MAX: addresses that are being looked up or wait for it; whoever comes then is told that there is no
 * name. Many addresses with slow name servers must not pile up without end. */
enum { BUCKETS = 1024, KNOWN_MAX = 1024, ASKED_MAX = 256, KEPT_MS = 60000, WAIT_MS = 10000 };

/* Not those of names that are to be listened on: strangers can make these slow. */
static struct worker_pool pool = WORKER_POOL(8);

/* What a thread works on. */
struct look_up {
	struct entry *entry; /* not for the thread */
	struct sockaddr_storage addr;
	char name[PEERNAME_MAX];
	struct error err;
	bool found;
};

struct peername {
	struct peername *next; /* of those that ask for the same */
	struct entry *asked;
	struct event timer;
	peername_cb cb;
	void *arg;
};

/* One address. */
struct entry {
	struct entry *next;        /* in its bucket */
	TAILQ_ENTRY(entry) by_age; /* of those that are known, the oldest first */
	struct sockaddr_storage addr;
	struct job *job; /* while it is being looked up */
	int64_t until_ms;
	char *name, *why;
	struct peername *asking; /* the first of them */
};

static struct entry *table[BUCKETS];
static TAILQ_HEAD(, entry) known = TAILQ_HEAD_INITIALIZER(known);
static size_t nknown, nasked;

/* --- one look-up --- */

static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, 16) == 0;
}

static const char *
reason(int eai)
{
	return eai == EAI_SYSTEM ? strerror(errno) : gai_strerror(eai);
}

int
peername_look_up(const struct sockaddr *sa, char name[PEERNAME_MAX], struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	socklen_t len = sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	struct addrinfo *found, *ai;
	char ip[64];
	int r;

	addr_ip(sa, ip);
	r = getnameinfo(sa, len, name, PEERNAME_MAX, NULL, 0, NI_NAMEREQD);
	if (r)
		return error_set(err, 0, "no name of %s: %s", ip, reason(r));
	/* It comes from strangers. */
	if (!addr_is_name(name))
		return error_set(err, 0, "the name of %s is none that a host can have", ip);
	r = getaddrinfo(name, NULL, &hints, &found);
	if (r)
		return error_set(err, 0, "%s calls itself %s: %s", ip, name, reason(r));
	for (ai = found; ai; ai = ai->ai_next)
		if (same_address(sa, ai->ai_addr))
			break;
	freeaddrinfo(found);
	if (!ai)
		return error_set(err, 0, "%s calls itself %s, which has another address", ip, name);
	return 0;
}

/* --- what is known --- */

static struct entry **
find(const struct sockaddr *sa)
{
	const uint8_t *bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	size_t n = 4;
	uint32_t h = 2166136261U;
	struct entry **e;

	if (sa->sa_family == AF_INET6) {
		bytes = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		n = 16;
	}
	while (n-- > 0)
		h = (h ^ bytes[n]) * 16777619U;
	for (e = &table[(h ^ h >> 16) % BUCKETS]; *e; e = &(*e)->next)
		if (same_address((struct sockaddr *)&(*e)->addr, sa))
			break;
	return e;
}

static void
forget(struct entry *e)
{
	struct entry **place = find((struct sockaddr *)&e->addr);

	*place = e->next;
	TAILQ_REMOVE(&known, e, by_age);
	nknown--;
	free(e->name);
	free(e->why);
	free(e);
}

static void
answer(struct peername *p, const char *name, const char *why)
{
	peername_cb cb = p->cb;
	void *arg = p->arg;

	peername_cancel(p);
	cb(name, why, arg);
}

static void
learn(struct entry *e, const char *name, const char *why)
{
	struct peername *p;

	e->job = NULL;
	nasked--;
	e->name = name ? xstrdup(name) : NULL;
	e->why = xstrdup(why);
	e->until_ms = clock_monotonic_ms() + KEPT_MS;
	TAILQ_INSERT_TAIL(&known, e, by_age);
	nknown++;
	while ((p = e->asking))
		answer(p, e->name, e->why);
	/* Only now: an answer may lead to a question, and what it is about must not go meanwhile. */
	while (nknown > KNOWN_MAX)
		forget(TAILQ_FIRST(&known));
}

static void
run(void *arg)
{
	struct look_up *l = arg;

	l->found = peername_look_up((struct sockaddr *)&l->addr, l->name, &l->err) == 0;
}

static void
done(void *arg, const struct error *no_thread)
{
	struct look_up *l = arg;

	if (no_thread)
		learn(l->entry, NULL, no_thread->text);
	else
		learn(l->entry, l->found ? l->name : NULL, l->found ? "" : l->err.text);
	free(l);
}

static const struct job_calls calls = { run, done, free };

static struct entry *
start(struct event_base *base, const struct sockaddr *sa, struct error *err)
{
	struct entry **place = find(sa);
	struct entry *e = xcalloc(1, sizeof(*e));
	struct look_up *l = xcalloc(1, sizeof(*l));

	memcpy(&e->addr, sa,
	       sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	l->entry = e;
	l->addr = e->addr;
	e->job = job_start(base, &pool, &calls, l, err);
	if (!e->job) {
		free(l);
		free(e);
		return NULL;
	}
	*place = e;
	nasked++;
	return e;
}

static void
late_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer(arg, NULL, "the look-up of the name takes too long");
}

bool
peername_known(const struct sockaddr *sa, const char **name, const char **why)
{
	struct entry *e = *find(sa);

	if (e && !e->job && e->until_ms <= clock_monotonic_ms()) {
		forget(e);
		e = NULL;
	}
	if (!e || e->job)
		return false;
	*name = e->name;
	*why = e->why;
	return true;
}

struct peername *
peername_ask(struct event_base *base, const struct sockaddr *sa, peername_cb cb, void *arg, struct error *err)
{
	static const struct timeval wait = { WAIT_MS / 1000, 0 };
	struct entry *e = *find(sa);
	struct peername *p;

	if (e && !e->job) {
		forget(e);
		e = NULL;
	}
	if (!e && nasked >= ASKED_MAX) {
		error_set(err, 0, "too many names are being looked up");
		return NULL;
	}
	if (!e && !(e = start(base, sa, err)))
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->asked = e;
	p->cb = cb;
	p->arg = arg;
	evtimer_assign(&p->timer, base, late_cb, p);
	evtimer_add(&p->timer, &wait);
	p->next = e->asking;
	e->asking = p;
	return p;
}

void
peername_cancel(struct peername *p)
{
	struct peername **place;

	if (!p)
		return;
	event_del(&p->timer);
	for (place = &p->asked->asking; *place != p; place = &(*place)->next)
		;
	*place = p->next;
	free(p);
}

void
peername_clear(void)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (table[i]) {
			struct entry *e = table[i];

			for (struct peername *p = e->asking, *next; p; p = next) {
				next = p->next;
				event_del(&p->timer);
				free(p);
			}
			if (!e->job) {
				forget(e);
				continue;
			}
			job_cancel(e->job);
			nasked--;
			table[i] = e->next;
			free(e);
		}
	}
}
