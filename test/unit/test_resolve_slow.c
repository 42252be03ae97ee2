#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/resolve.h"
#include "test/unit/tap.h"

/* core/net/resolve with a getaddrinfo of our own, which is as slow as a test needs it and knows
 * names that no machine has. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool may_go;
static int inside, most_inside, calls, freed;

static struct addrinfo *
answer(const char *const *addrs, const struct addrinfo *hints)
{
	struct addrinfo *first = NULL, **tail = &first;

	for (; *addrs; addrs++) {
		struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in6));
		struct addr_spec spec;

		addr_spec_parse(*addrs, &spec, NULL);
		ai->ai_addr = (struct sockaddr *)(ai + 1);
		ai->ai_socktype = hints->ai_socktype;
		if (spec.host[0] == ':' || spec.family == AF_INET6) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(ai + 1);

			ai->ai_family = in6->sin6_family = AF_INET6;
			in6->sin6_addr.s6_addr[15] = (uint8_t)atoi(spec.port);
			ai->ai_addrlen = sizeof(*in6);
		} else {
			struct sockaddr_in *in = (struct sockaddr_in *)(ai + 1);

			ai->ai_family = in->sin_family = AF_INET;
			in->sin_addr.s_addr = htonl(0x0a000000u | (uint32_t)atoi(spec.port));
			ai->ai_addrlen = sizeof(*in);
		}
		*tail = ai;
		tail = &ai->ai_next;
	}
	return first;
}

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	/* 10.0.0.N and ::N, written as tcp4:N and tcp6:N. */
	static const char *const many[] = { "tcp4:1", "tcp6:1", "tcp4:2", "tcp4:1", "tcp6:1", NULL };
	static const char *const only6[] = { "tcp6:1", NULL };

	(void)service;
	if (!host || (hints->ai_flags & AI_NUMERICHOST))
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	calls++;
	inside++;
	most_inside = inside > most_inside ? inside : most_inside;
	while (strcmp(host, "slow") == 0 && !may_go)
		pthread_cond_wait(&change, &lock);
	inside--;
	pthread_mutex_unlock(&lock);
	if (strcmp(host, "broken") == 0) {
		errno = EMFILE;
		return EAI_SYSTEM;
	}
	if (strcmp(host, "later") == 0)
		return EAI_AGAIN;
	/* What some resolvers do if they are asked by family: they make up an address. */
	if (strcmp(host, "only6") == 0 && hints->ai_family == AF_INET)
		*out = answer(many, hints);
	else
		*out = answer(strcmp(host, "only6") == 0 ? only6 : many, hints);
	return 0;
}

void
freeaddrinfo(struct addrinfo *ai)
{
	while (ai) {
		struct addrinfo *next = ai->ai_next;

		free(ai);
		ai = next;
	}
	pthread_mutex_lock(&lock);
	freed++;
	pthread_mutex_unlock(&lock);
}

static void
let_go(bool go)
{
	pthread_mutex_lock(&lock);
	may_go = go;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

struct result {
	struct event_base *base;
	int calls;
	size_t n;
	char error[512], first[ADDR_TEXT];
};

static void
answered(struct addr_list *l, const struct error *err, void *arg)
{
	struct result *r = arg;

	r->calls++;
	if (l) {
		r->n = l->n;
		addr_format(&l->addrs[0].sa, l->addrs[0].len, r->first);
		addr_list_clear(l);
	} else {
		snprintf(r->error, sizeof(r->error), "%s", err->text);
	}
	event_base_loopbreak(r->base);
}

static struct event_base *base;

static struct resolve *
start(struct result *r, const char *host, int family)
{
	struct resolve_query q = { .host = host, .service = "80", .family = family, .socktype = SOCK_STREAM };
	struct error err;

	*r = (struct result){ .base = base };
	return resolve_start(base, &q, answered, r, &err);
}

static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* Until it is answered; for a few seconds if something is wrong. */
static bool
comes(const struct result *r)
{
	struct event *timer = evtimer_new(base, give_up, base);
	struct timeval tv = { 5, 0 };

	evtimer_add(timer, &tv);
	while (r->calls == 0 && evtimer_pending(timer, NULL))
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	return r->calls == 1;
}

static void
answers(void)
{
	struct result r;

	start(&r, "many", AF_UNSPEC);
	ok(comes(&r) && r.n == 3, "an address that comes twice is kept once");
	is(r.first, "10.0.0.1:0", "and the order stays the resolver's");
	is_int(calls, 1, "all families are looked up at once");
	start(&r, "many", AF_INET6);
	ok(comes(&r) && r.n == 1, "a family is chosen from the answer");
	start(&r, "only6", AF_INET);
	ok(comes(&r) && r.n == 0, "an address that is not there is not made up by asking for its family");
	is(r.error, "only6 has no IPv4 address", "the reason says so");
	start(&r, "broken", AF_UNSPEC);
	comes(&r);
	is(r.error, "broken port 80: Too many open files", "a system error is told as what it is");
	start(&r, "later", AF_UNSPEC);
	comes(&r);
	ok(strstr(r.error, "later port 80: "), "a name server that does not answer: %s", r.error);
	is_int(freed, 3, "every answer is given back to the library");
}

/* The loop never waits for a name; others go on beside it. */
static void
slowness(void)
{
	struct result slow, quick;

	let_go(false);
	start(&slow, "slow", AF_UNSPEC);
	start(&quick, "many", AF_UNSPEC);
	ok(comes(&quick) && slow.calls == 0, "a slow name does not hold up another");
	let_go(true);
	ok(comes(&slow) && slow.n == 3, "and is told when it is there");
}

static void
queueing(void)
{
	struct result slow[20];
	int good = 0;

	let_go(false);
	most_inside = 0;
	for (int i = 0; i < 20; i++)
		start(&slow[i], "slow", AF_UNSPEC);
	let_go(true);
	for (int i = 0; i < 20; i++)
		good += comes(&slow[i]);
	is_int(good, 20, "more names than threads wait their turn");
	ok(most_inside <= 8, "and never more than eight are looked up at once (%d)", most_inside);
}

static void
cancelling(void)
{
	struct resolve *r[8];
	struct result slow[8], behind;
	int told = 0;

	let_go(false);
	for (int i = 0; i < 8; i++)
		r[i] = start(&slow[i], "slow", AF_UNSPEC);
	start(&behind, "many", AF_UNSPEC);
	for (int i = 0; i < 8; i++)
		resolve_cancel(r[i]);
	let_go(true);
	ok(comes(&behind),
	   "when all that run are cancelled, those behind them in the queue still get their turn");
	for (int i = 0; i < 8; i++)
		told += slow[i].calls;
	is_int(told, 0, "and nobody who cancelled is called");
}

int
main(void)
{
	base = event_base_new();
	answers();
	slowness();
	queueing();
	cancelling();
	/* The threads that were cancelled are gone when nothing is inside any more; a leak checker
	 * looks at the rest. */
	event_base_free(base);
	libevent_global_shutdown();
	return tap_done();
}
