#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "core/policy/admit.h"
#include "test/unit/tap.h"

static const int64_t second = 1000000000;
static int64_t now = 1000000000000;

/* The reason of the refusal, or "" if it is let in. */
static const char *
ask(struct admission *a, const char *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct admit_result r;
	struct source src;

	inet_pton(AF_INET, peer, &in.sin_addr);
	src = source_of((struct sockaddr *)&in, 0);
	r = admit(a, (struct sockaddr *)&in, &src, now);
	return r.verdict == ADMIT_ALLOW ? r.reason ? "allowed, but with a reason" : "" : r.reason;
}

static void
leave(struct admission *a, const char *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct source src;

	inet_pton(AF_INET, peer, &in.sin_addr);
	src = source_of((struct sockaddr *)&in, 0);
	slots_give_back(&a->slots, &src);
}

static void
lists(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct admission a = { 0 };

	is(ask(&a, "10.0.0.1"), "", "without lists everyone is let in");
	acl_add(&a.deny, "10.0.0.0/8", NULL);
	is(ask(&a, "10.0.0.1"), "deny", "who is denied is not");
	is(ask(&a, "11.0.0.1"), "", "others are");
	acl_add(&a.allow, "10.0.0.1", NULL);
	is(ask(&a, "11.0.0.1"), "", "a list that does not count does not count");
	a.has_allow = true;
	is(ask(&a, "11.0.0.1"), "deny", "with a list only who is on it");
	is(ask(&a, "10.0.0.1"), "deny", "and deny wins");
	acl_add(&a.allow, "11.0.0.0/8", NULL);
	is(ask(&a, "11.0.0.1"), "", "who is on it and not denied is let in");
	ok(!admit_address(&a, (struct sockaddr *)&un), "a unix peer is not on a list of addresses");
	acl_add(&a.allow, "unix", NULL);
	ok(admit_address(&a, (struct sockaddr *)&un), "unless it says so");
	a.nobody = true;
	is(ask(&a, "11.0.0.1"), "deny", "a list that could not be read lets nobody in");
	admission_clear(&a);

	a = (struct admission){ .has_allow = true };
	is(ask(&a, "127.0.0.1"), "deny", "an empty list is one that nobody is on");
	admission_clear(&a);
}

/* Everything that could be refused is; one reason after the other is taken away. */
static void
order(void)
{
	struct admission a = { .has_allow = true };

	slots_init(&a.slots, 1, 1);
	rate_init(&a.rate, 1, 1000, 1);
	acl_add(&a.allow, "10.0.0.0/8", NULL);
	is(ask(&a, "10.0.0.1"), "", "the first client takes the place, its source's place and the token");
	acl_add(&a.deny, "10.0.0.1", NULL);
	is(ask(&a, "10.0.0.1"), "deny", "the lists are asked first");
	acl_clear(&a.deny);
	is(ask(&a, "10.0.0.1"), "per_source", "then the source's places");
	is(ask(&a, "10.0.0.2"), "instances", "then all places");
	leave(&a, "10.0.0.1");
	is(ask(&a, "10.0.0.2"), "rate", "then the rate");
	now += second;
	is(ask(&a, "10.0.0.2"), "", "and then it is let in");
	admission_clear(&a);
}

static void
refusals_cost_nothing(void)
{
	struct admission a = { 0 };
	int refused = 0;

	slots_init(&a.slots, 2, 1);
	rate_init(&a.rate, 3, 1000, 3);
	acl_add(&a.deny, "10.9.9.9", NULL);
	for (int i = 0; i < 100; i++)
		ask(&a, "10.9.9.9");
	is_int(a.slots.taken, 0, "who is denied takes no place");
	is(ask(&a, "10.0.0.1"), "", "and no token (1)");
	for (int i = 0; i < 100; i++)
		ask(&a, "10.0.0.1");
	is_int(a.slots.taken, 1, "whose source is full takes no place");
	is(ask(&a, "10.0.0.2"), "", "and no token (2)");
	for (int i = 0; i < 100; i++)
		ask(&a, "10.0.0.3");
	is_int(a.slots.taken, 2, "who finds all places taken takes none");
	leave(&a, "10.0.0.1");
	is(ask(&a, "10.0.0.3"), "", "and no token (3)");
	leave(&a, "10.0.0.2");
	for (int i = 0; i < 100; i++)
		refused += strcmp(ask(&a, "10.0.0.4"), "rate") == 0;
	is_int(refused, 100, "the tokens are gone");
	is_int(a.slots.taken, 1, "who finds no token takes no place");
	now += second / 3 + 1;
	is(ask(&a, "10.0.0.4"), "", "and does not put off the next token");
	admission_clear(&a);
}

static void
continuing(void)
{
	struct admission a = { 0 }, same = { 0 }, other = { 0 };

	rate_init(&a.rate, 2, 1000, 2);
	rate_init(&same.rate, 2, 1000, 2);
	rate_init(&other.rate, 3, 1000, 3);
	ask(&a, "10.0.0.1");
	ask(&a, "10.0.0.1");
	is(ask(&a, "10.0.0.1"), "rate", "the tokens are used up");
	admission_continue(&same, &a);
	is(ask(&same, "10.0.0.1"), "rate", "an admission that goes on with the same rate has none either");
	admission_continue(&other, &a);
	is(ask(&other, "10.0.0.1"), "", "one with another rate begins anew");
	admission_clear(&a);
	admission_clear(&same);
	admission_clear(&other);
}

int
main(void)
{
	continuing();
	lists();
	order();
	refusals_cost_nothing();
	return tap_done();
}
