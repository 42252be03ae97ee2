#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/policy/slots.h"
#include "test/unit/tap.h"

static struct source
numbered(unsigned n)
{
	struct source src = { .family = n % 3 ? AF_INET : AF_INET6 };

	memcpy(src.bytes, &n, sizeof(n));
	return src;
}

static void
limits(void)
{
	struct source a = numbered(1), b = numbered(2);
	struct slots s;

	slots_init(&s, 0, 0);
	for (int i = 0; i < 1000; i++)
		slots_take(&s, &a);
	ok(!slots_full(&s) && !slots_source_full(&s, &a), "without limits nothing is ever full");
	ok(s.by_source.table == NULL, "and nothing is kept for each source");
	for (int i = 0; i < 1000; i++)
		slots_give_back(&s, &a);
	is_int(s.taken, 0, "what was taken can be given back");
	slots_clear(&s);

	slots_init(&s, 2, 0);
	slots_take(&s, &a);
	ok(!slots_full(&s), "one of two is taken");
	slots_take(&s, &a);
	ok(slots_full(&s), "two of two are");
	slots_give_back(&s, &a);
	ok(!slots_full(&s), "one was given back");
	slots_clear(&s);

	slots_init(&s, 0, 2);
	ok(!slots_source_full(&s, &a), "a source that never came has places");
	slots_take(&s, &a);
	slots_take(&s, &a);
	ok(slots_source_full(&s, &a) && !slots_source_full(&s, &b), "each source has its own");
	slots_give_back(&s, &a);
	ok(!slots_source_full(&s, &a), "and gets them back");
	slots_give_back(&s, &a);
	is_int((long long)s.by_source.sources, 0, "a source without a session is forgotten");
	slots_clear(&s);
	ok(s.by_source.table == NULL && s.taken == 0, "clearing leaves nothing");
}

static void
sources(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(1) }, v4b;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(1) }, v6b;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr odd = { .sa_family = AF_NETLINK };
	struct source a, b;

	inet_pton(AF_INET, "10.0.0.1", &v4.sin_addr);
	v4b = v4;
	v4b.sin_port = htons(2);
	a = source_of((struct sockaddr *)&v4, 0);
	b = source_of((struct sockaddr *)&v4b, 5);
	ok(memcmp(&a, &b, sizeof(a)) == 0, "a port does not make another source");
	inet_pton(AF_INET, "10.0.0.2", &v4b.sin_addr);
	b = source_of((struct sockaddr *)&v4b, 0);
	ok(memcmp(&a, &b, sizeof(a)) != 0, "another address does");

	inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	v6b = v6;
	v6b.sin6_port = htons(2);
	a = source_of((struct sockaddr *)&v6, 0);
	b = source_of((struct sockaddr *)&v6b, 0);
	ok(memcmp(&a, &b, sizeof(a)) == 0, "in IPv6 as in IPv4");
	inet_pton(AF_INET6, "2001:db8::2", &v6b.sin6_addr);
	b = source_of((struct sockaddr *)&v6b, 0);
	ok(memcmp(&a, &b, sizeof(a)) != 0, "another address does");

	a = source_of((struct sockaddr *)&un, 1000);
	b = source_of((struct sockaddr *)&un, 1001);
	ok(memcmp(&a, &b, sizeof(a)) != 0, "on a unix socket every user is a source");
	b = source_of((struct sockaddr *)&un, 1000);
	ok(memcmp(&a, &b, sizeof(a)) == 0, "the same one is the same");
	a = source_of(&odd, 0);
	is_int(a.family, 0, "what is not known is one source");
}

/* The same questions to the table and to a plain array. */
static void
at_random(int max, int per_source, unsigned nsources, int steps)
{
	int *counts = calloc(nsources, sizeof(*counts));
	unsigned *taken = calloc((size_t)steps, sizeof(*taken)); /* who has a slot, in no order */
	int n = 0, wrong = 0, most = 0;
	struct slots s;

	slots_init(&s, max, per_source);
	for (int i = 0; i < steps; i++) {
		unsigned who = (unsigned)rand() % nsources;
		struct source src = numbered(who);
		bool full = max > 0 && n >= max;
		bool source_full = per_source > 0 && counts[who] >= per_source;

		wrong += slots_full(&s) != full || slots_source_full(&s, &src) != source_full || s.taken != n;
		/* Long runs of either, so that the table grows and empties. */
		if (!full && !source_full && (i / 2000 % 2 == 0 ? rand() % 4 : rand() % 3 == 0)) {
			slots_take(&s, &src);
			counts[who]++;
			taken[n++] = who;
		} else if (n > 0) {
			int which = rand() % n;

			src = numbered(taken[which]);
			slots_give_back(&s, &src);
			counts[taken[which]]--;
			taken[which] = taken[--n];
		}
		most = n > most ? n : most;
	}
	ok(wrong == 0, "max %d, %d a source, %u sources: %d steps agree with a plain count (at most %d)", max,
	   per_source, nsources, steps, most);
	while (n > 0) {
		struct source src = numbered(taken[--n]);

		slots_give_back(&s, &src);
	}
	ok(s.taken == 0 && s.by_source.sources == 0, "when all is given back nothing is left");
	slots_clear(&s);
	free(counts);
	free(taken);
}

int
main(void)
{
	limits();
	sources();
	srand(11);
	at_random(0, 0, 10, 20000);
	at_random(50, 0, 10, 20000);
	at_random(0, 3, 10, 20000);
	at_random(50, 5, 20, 20000);
	at_random(0, 2, 5000, 60000);
	at_random(700, 1, 100000, 60000);
	return tap_done();
}
