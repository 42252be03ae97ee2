#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/net/resolve.h"
#include "test/unit/tap.h"

/* A label of more than 63 characters: no such name, and no name server has to be asked. */
#define NO_NAME "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid"

static char *
told(const struct addr_list *l)
{
	struct text t = { 0 };
	char buf[ADDR_TEXT];

	text_puts(&t, "");
	for (size_t i = 0; i < l->n; i++)
		text_printf(&t, "%s%s", i ? " " : "", addr_format_url(&l->addrs[i], buf));
	return t.s;
}

static void
numeric(const char *host, const char *service, int family, int socktype, int result, const char *expected,
	const char *what)
{
	struct resolve_query q = { .host = host, .service = service, .family = family, .socktype = socktype };
	struct addr_list l;
	struct error err = { 0 };
	int r = resolve_numeric(&q, &l, &err);
	char *s;

	ok(r == result, "%s %s", what, r < 0 ? err.text : "");
	s = told(&l);
	is(s, expected, "  the addresses");
	free(s);
	addr_list_clear(&l);
}

static void
at_once(void)
{
	numeric("127.0.0.1", "80", AF_UNSPEC, SOCK_STREAM, 1, "tcp:127.0.0.1:80",
		"an IPv4 address needs no look-up");
	numeric("::1", "80", AF_UNSPEC, SOCK_STREAM, 1, "tcp:[::1]:80", "nor does an IPv6 address");
	numeric("fe80::1%lo", "80", AF_UNSPEC, SOCK_STREAM, 1, "tcp:[fe80::1%lo]:80",
		"nor one with an interface");
	numeric("127.0.0.1", "80", AF_INET, SOCK_DGRAM, 1, "udp:127.0.0.1:80", "for datagrams");
	numeric("127.0.0.1", NULL, AF_UNSPEC, SOCK_STREAM, 1, "tcp:127.0.0.1:0", "no port is port 0");
	numeric("127.0.0.1", "65535", AF_UNSPEC, SOCK_STREAM, 1, "tcp:127.0.0.1:65535", "the highest port");
	numeric("localhost", "80", AF_UNSPEC, SOCK_STREAM, 0, "", "a name needs one");
	numeric("127.0.0.1", "http", AF_UNSPEC, SOCK_STREAM, 0, "", "so does a service's name");
	numeric("127.0.0.1", "65536", AF_UNSPEC, SOCK_STREAM, -1, "",
		"a port beyond the last never becomes another:");
	numeric("127.0.0.1", "4294967376", AF_UNSPEC, SOCK_STREAM, -1, "", "however large:");
	numeric("::zz", "80", AF_UNSPEC, SOCK_STREAM, -1, "",
		"what has colons and is no address is no name either:");
}

static void
every_address(void)
{
	struct resolve_query q = { .service = "80", .socktype = SOCK_STREAM };
	struct addr_list l;
	struct error err;
	bool v4 = false, v6 = false;

	ok(resolve_numeric(&q, &l, &err) == 1, "no host is every address, at once");
	for (size_t i = 0; i < l.n; i++) {
		v4 |= l.addrs[i].sa.sa_family == AF_INET && addr_is_wildcard(&l.addrs[i].sa);
		v6 |= l.addrs[i].sa.sa_family == AF_INET6 && addr_is_wildcard(&l.addrs[i].sa);
	}
	ok(l.n == 2 && v4 && v6, "of both families");
	addr_list_clear(&l);
	ok(l.n == 0 && !l.addrs, "a list can be cleared");
	q.host = "";
	q.family = AF_INET6;
	ok(resolve_numeric(&q, &l, &err) == 1 && l.n == 1 && l.addrs[0].sa.sa_family == AF_INET6,
	   "or of one");
	addr_list_clear(&l);
}

static void
blocking(void)
{
	struct resolve_query q = { .host = "localhost", .service = "80", .socktype = SOCK_STREAM };
	struct addr_list l;
	struct error err = { 0 };
	bool loopback = true;
	char ip[64];

	ok(resolve_now(&q, &l, &err) == 0 && l.n > 0, "a name can be waited for %s", err.text);
	for (size_t i = 0; i < l.n; i++) {
		addr_ip(&l.addrs[i].sa, ip);
		loopback &= strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0;
		for (size_t j = 0; j < i; j++)
			loopback &= !addr_equal(&l.addrs[i], &l.addrs[j]);
	}
	ok(loopback, "localhost is on this machine, and no address comes twice");
	addr_list_clear(&l);
	q.service = "no-such-service";
	ok(resolve_now(&q, &l, &err) == -1 && strstr(err.text, "localhost port no-such-service:"),
	   "an unknown service: %s", err.text);
	addr_list_clear(&l);
	q.service = "80";
	q.host = NO_NAME;
	ok(resolve_now(&q, &l, &err) == -1 && strstr(err.text, NO_NAME), "an unknown name: %s", err.text);
	addr_list_clear(&l);
	q.host = "127.0.0.1";
	q.family = AF_INET6;
	ok(resolve_now(&q, &l, &err) == -1, "an address of the other family: %s", err.text);
	addr_list_clear(&l);
	q.host = "127.0.0.1";
	q.family = AF_UNSPEC;
	q.service = "65616";
	ok(resolve_now(&q, &l, &err) == -1, "a port beyond the last never becomes another: %s", err.text);
	addr_list_clear(&l);
	q.service = "+80";
	ok(resolve_now(&q, &l, &err) == -1, "a port is digits or a name: %s", err.text);
	addr_list_clear(&l);
}

/* --- from the loop --- */

struct answer {
	int calls;
	size_t n;
	char error[512];
	bool inside; /* the callback came before resolve_start returned */
	struct event_base *base;
	int *waiting;
};

static void
answered(struct addr_list *l, const struct error *err, void *arg)
{
	struct answer *a = arg;

	a->calls++;
	a->inside = !a->base;
	if (l) {
		a->n = l->n;
		addr_list_clear(l);
	} else {
		snprintf(a->error, sizeof(a->error), "%s", err->text);
	}
	if (a->waiting && --*a->waiting == 0)
		event_base_loopexit(a->base, NULL);
}

static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* Until nobody waits any more, or, if something is wrong, for a while. */
static void
wait_for(struct event_base *base, const int *waiting)
{
	struct event *timer = evtimer_new(base, give_up, base);
	struct timeval tv = { 10, 0 };

	evtimer_add(timer, &tv);
	event_base_dispatch(base);
	event_free(timer);
	if (*waiting > 0)
		printf("# %d answers never came\n", *waiting);
}

static void
from_the_loop(struct event_base *base)
{
	struct resolve_query q = { .host = "localhost", .service = "80", .socktype = SOCK_STREAM };
	struct answer a = { .base = base }, b = { .base = base }, many[40];
	struct error err;
	char host[] = "localhost", service[] = "80";
	int waiting = 2, good = 0;

	a.waiting = b.waiting = &waiting;
	q.host = host;
	q.service = service;
	ok(resolve_start(base, &q, answered, &a, &err) != NULL, "a look-up begins");
	memset(host, 'x', strlen(host)); /* the strings were only lent */
	q.host = NO_NAME;
	ok(resolve_start(base, &q, answered, &b, &err) != NULL, "and another");
	ok(a.calls == 0 && b.calls == 0, "nobody is called before the loop runs");
	wait_for(base, &waiting);
	ok(a.calls == 1 && a.n > 0 && !a.inside, "the one has addresses");
	ok(b.calls == 1 && strstr(b.error, NO_NAME), "the other a reason: %s", b.error);

	waiting = 40;
	q.host = "localhost";
	for (int i = 0; i < 40; i++) {
		many[i] = (struct answer){ .base = base, .waiting = &waiting };
		resolve_start(base, &q, answered, &many[i], &err);
	}
	wait_for(base, &waiting);
	for (int i = 0; i < 40; i++)
		good += many[i].calls == 1 && many[i].n > 0;
	is_int(good, 40, "forty at once are all answered, once each");
}

static void
cancelling(struct event_base *base)
{
	struct resolve_query q = { .host = "localhost", .service = "80", .socktype = SOCK_STREAM };
	struct answer a[30], last = { .base = base };
	struct resolve *r[30];
	struct error err;
	int waiting = 1, calls = 0;

	last.waiting = &waiting;
	for (int i = 0; i < 30; i++) {
		a[i] = (struct answer){ .base = base };
		r[i] = resolve_start(base, &q, answered, &a[i], &err);
	}
	resolve_start(base, &q, answered, &last, &err);
	for (int i = 29; i >= 0; i--)
		resolve_cancel(r[i]);
	wait_for(base, &waiting);
	for (int i = 0; i < 30; i++)
		calls += a[i].calls;
	is_int(calls, 0, "whoever cancels is not called");
	if (!ok(last.calls == 1 && last.n > 0, "those behind it in the queue are"))
		return; /* whatever is started now would wait behind it */

	/* After the answer has come, but before the loop has told. */
	a[0] = (struct answer){ .base = base };
	r[0] = resolve_start(base, &q, answered, &a[0], &err);
	last = (struct answer){ .base = base, .waiting = &waiting };
	waiting = 1;
	resolve_start(base, &q, answered, &last, &err);
	wait_for(base, &waiting);
	resolve_cancel(a[0].calls ? NULL : r[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ok(a[0].calls <= 1, "a late cancel is fine");
	resolve_cancel(NULL);
	ok(true, "nothing can be cancelled");
}

static int
open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int
main(void)
{
	struct event_base *base = event_base_new();
	int before;

	at_once();
	every_address();
	blocking();
	before = open_descriptors();
	from_the_loop(base);
	cancelling(base);
	/* A thread whose look-up was cancelled closes its own when it is done. */
	for (int i = 0; i < 500 && open_descriptors() > before; i++)
		usleep(10000);
	is_int(open_descriptors(), before, "no descriptor is left open");
	event_base_free(base);
	libevent_global_shutdown();
	return tap_done();
}
