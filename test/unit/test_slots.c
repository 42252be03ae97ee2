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

static struct source
address(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return source_of((struct sockaddr *)&v4, 0);
	inet_pton(AF_INET6, text, &v6.sin6_addr);
	return source_of((struct sockaddr *)&v6, 0);
}

static bool
same_network(const char *a, const char *b, int ipv4_bits, int ipv6_bits)
{
	struct source x = address(a), y = address(b);

	x = source_network(&x, ipv4_bits, ipv6_bits);
	y = source_network(&y, ipv4_bits, ipv6_bits);
	return source_equal(&x, &y);
}

static void
networks(void)
{
	struct source a = address("10.0.0.1"), b = address("10.0.0.2"), c = address("10.0.1.1");
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct source user = source_of((struct sockaddr *)&un, 1000);
	struct source other = source_of((struct sockaddr *)&un, 1001);
	struct slots s;

	ok(source_equal(&a, &(struct source){ .family = AF_INET, .bytes = { 10, 0, 0, 1 } }),
	   "an address is kept");
	b = address("::ffff:10.0.0.1");
	ok(source_equal(&a, &b), "an IPv4 client of an IPv6 socket is the same source");
	b = address("10.0.0.2");
	ok(same_network("10.0.0.1", "10.0.0.255", 24, 64), "24 bits are the same");
	ok(!same_network("10.0.0.1", "10.0.1.1", 24, 64), "or are not");
	ok(same_network("10.0.0.1", "10.0.1.1", 23, 64), "a network may end within a byte");
	ok(!same_network("10.0.0.1", "10.0.2.1", 23, 64), "and then ends there");
	ok(!same_network("10.0.0.1", "10.0.0.2", 32, 64), "32 bits are one address");
	ok(same_network("10.0.0.1", "200.0.0.2", 0, 64), "0 bits are everyone");
	ok(!same_network("10.0.0.1", "::1", 0, 0), "of the family");
	ok(same_network("2001:db8:0:1::1", "2001:db8:0:1:ffff::", 24, 64), "64 bits of IPv6");
	ok(!same_network("2001:db8:0:1::1", "2001:db8:0:2::1", 24, 64), "end where they end");
	ok(!same_network("2001:db8::1", "2001:db8::2", 24, 128), "128 bits are one address");

	slots_init(&s, 0, 0);
	slots_limit_prefixes(&s, 2, 24, 64);
	ok(!slots_prefix_full(&s, &a), "a network that nobody came from has places");
	slots_take(&s, &a);
	slots_take(&s, &b);
	ok(slots_prefix_full(&s, &a) && slots_prefix_full(&s, &b), "two of one network take both");
	ok(!slots_prefix_full(&s, &c), "another network has its own");
	ok(!slots_source_full(&s, &a), "and for the address alone nothing is counted");
	slots_give_back(&s, &a);
	ok(!slots_prefix_full(&s, &b), "what one gives back the other may have");
	slots_give_back(&s, &b);
	ok(s.by_prefix.sources == 0 && s.taken == 0, "and nothing is left");
	slots_take(&s, &user);
	slots_take(&s, &user);
	ok(slots_prefix_full(&s, &user) && !slots_prefix_full(&s, &other), "a user is a network of his own");
	slots_give_back(&s, &user);
	slots_give_back(&s, &user);
	slots_clear(&s);
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
	networks();
	srand(11);
	at_random(0, 0, 10, 20000);
	at_random(50, 0, 10, 20000);
	at_random(0, 3, 10, 20000);
	at_random(50, 5, 20, 20000);
	at_random(0, 2, 5000, 60000);
	at_random(700, 1, 100000, 60000);
	return tap_done();
}
