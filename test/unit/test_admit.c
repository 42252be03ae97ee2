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

static enum admit_lists
say(const struct admission *a, const char *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, peer, &in.sin_addr);
	return admit_lists(a, (struct sockaddr *)&in);
}

static bool
named(const struct admission *a, const char *peer, const char *name)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, peer, &in.sin_addr);
	return admit_name(a, (struct sockaddr *)&in, name);
}

static void
names(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct admission a = { .has_allow = true };

	acl_add(&a.allow, "10.0.0.0/8", NULL);
	is_int(say(&a, "11.0.0.1"), LISTS_REFUSE, "without names in the lists nobody is asked for one");
	acl_add(&a.allow, ".good.example", NULL);
	is_int(say(&a, "10.0.0.1"), LISTS_ALLOW, "who is allowed by address needs no name");
	is_int(say(&a, "11.0.0.1"), LISTS_ASK, "others do");
	is(ask(&a, "11.0.0.1"), "", "and are let in until it is known");
	ok(named(&a, "11.0.0.1", "a.good.example"), "a name that is allowed is let in");
	ok(!named(&a, "11.0.0.1", "a.bad.example"), "another is not");
	ok(!named(&a, "11.0.0.1", NULL), "nor is who has none");
	ok(!admit_address(&a, (struct sockaddr *)&un), "a unix peer has no name");
	acl_add(&a.deny, ".bad.example", NULL);
	is_int(say(&a, "10.0.0.1"), LISTS_ASK, "names that are denied are always asked for");
	ok(!named(&a, "10.0.0.1", "a.bad.example"), "and win over an address that is allowed");
	ok(named(&a, "10.0.0.1", "a.other.example"), "which counts for others");
	ok(!named(&a, "11.0.0.1", "a.other.example"), "but not from another address");
	ok(!named(&a, "10.0.0.1", NULL), "who has no name could be one that is denied");
	acl_add(&a.deny, "10.0.0.9", NULL);
	is_int(say(&a, "10.0.0.9"), LISTS_REFUSE, "an address that is denied needs no name");
	a.has_allow = false;
	is_int(say(&a, "11.0.0.1"), LISTS_ASK, "names that are denied are asked for without an allow list");
	ok(named(&a, "11.0.0.1", "x.example") && !named(&a, "11.0.0.1", "x.bad.example"), "and decide");
	is_int(admit_lists(&a, (struct sockaddr *)&un), LISTS_ALLOW, "a unix peer is denied by no name");
	ok(!admit_address(&a, (const struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET }),
	   "where no name can be asked for, nobody who needs one is let in");
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

/* With all the rest that may be asked for: each has its place in the order, and takes nothing of the
 * others. */
static void
whole_order(void)
{
	int process_limit = 1;
	size_t sessions = 1;
	struct admit_shared all = { .process_limit = &process_limit, .sessions = &sessions };
	struct admission a = { .shared = &all }, sensor = { .shared = &all };
	struct admit_extra *x = admission_extra(&a);

	all.machine = (struct machine){ .load = 3, .memory = 10, .minute = 720 };
	all.machine.load_until = all.machine.memory_until = all.machine.minute_until = INT64_MAX;
	admission_extra(&sensor)->sensor = true;
	sensor.extra->ban_ms = 60000;
	is(ask(&sensor, "10.0.0.1"), "ban", "a sensor bans");
	x->has_hours = true;
	x->max_load = 3;
	x->min_memory = 11;
	source_rate_init(&x->source_rate, 1, 1000);
	slots_init(&a.slots, 2, 1);
	slots_limit_prefixes(&a.slots, 1, 24, 64);
	rate_init(&a.rate, 2, 1000, 0);
	acl_add(&a.deny, "10.0.0.1", NULL);

	is(ask(&a, "10.0.0.1"), "ban", "a ban comes first");
	now += 61 * second;
	is(ask(&a, "10.0.0.1"), "deny", "then the lists");
	acl_clear(&a.deny);
	is(ask(&a, "10.0.0.1"), "hours", "then the hours, of which there are none");
	hours_add(&x->hours, "12:01-11:59", NULL);
	is(ask(&a, "10.0.0.1"), "hours", "or others");
	hours_add(&x->hours, "12:00-12:00", NULL);
	is(ask(&a, "10.0.0.1"), "load", "then the load");
	all.machine.load = 2.9;
	is(ask(&a, "10.0.0.1"), "memory", "then the memory");
	all.machine.memory = 11;
	is(ask(&a, "10.0.0.1"), "process_limit", "then, with places of its own, the limit of all services");
	process_limit = 0;
	is(ask(&a, "10.0.0.1"), "", "and then it is let in");
	is(ask(&a, "10.0.0.1"), "per_source", "places of a source come before the machine's");
	is(ask(&a, "10.0.0.2"), "per_prefix", "then those of its network");
	is(ask(&a, "10.0.1.1"), "", "another network has its own");
	is(ask(&a, "10.0.2.1"), "instances", "then all places");
	leave(&a, "10.0.0.1");
	leave(&a, "10.0.1.1");
	is(ask(&a, "10.0.0.1"), "per_source_rate", "then the tokens of the source");
	is(ask(&a, "10.0.2.1"), "rate", "then all tokens");
	is_int(a.slots.taken, 0, "refused clients have taken no place");
	now += second / 2 + 1;
	is(ask(&a, "10.0.2.1"), "", "nor a token of the source");
	is(ask(&a, "10.0.3.1"), "rate", "nor has the refused one of the source");
	admission_clear(&a);
	admission_clear(&sensor);
	bans_clear(&all.bans);
}

static void
sensors(void)
{
	struct admit_shared all = { 0 };
	struct admission sensor = { .shared = &all }, other = { .shared = &all }, alone = { 0 };

	admission_extra(&sensor)->sensor = true;
	sensor.extra->ban_ms = 1000;
	acl_add(&sensor.deny, "10.0.0.1", NULL);
	slots_init(&sensor.slots, 1, 0);
	is(ask(&sensor, "10.0.0.1"), "deny", "who is denied at a sensor is refused");
	is(ask(&other, "10.0.0.1"), "", "and not banned");
	is(ask(&sensor, "10.0.0.2"), "ban", "who is not is banned");
	is(ask(&other, "10.0.0.2"), "ban", "everywhere");
	is(ask(&other, "10.0.0.3"), "", "and nobody else is");
	is(ask(&alone, "10.0.0.2"), "", "what shares nothing knows of nothing");
	is_int(sensor.slots.taken, 0, "a sensor takes no place");
	now += second / 2;
	is(ask(&sensor, "10.0.0.2"), "ban", "a second hit");
	now += second / 2 + 1;
	is(ask(&other, "10.0.0.2"), "ban", "B29: begins the time anew");
	is(ask(&other, "10.0.0.2"), "ban", "a try at another service");
	now += second / 2;
	is(ask(&other, "10.0.0.2"), "", "does not");
	sensor.extra->ban_ms = 0;
	is(ask(&sensor, "10.0.0.2"), "ban", "with no time a sensor only refuses");
	is(ask(&other, "10.0.0.2"), "", "and bans nobody");
	admission_clear(&sensor);
	admission_clear(&other);
	bans_clear(&all.bans);
}

static const char *
ask_datagram(struct admission *a, const char *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct admit_result r;

	inet_pton(AF_INET, peer, &in.sin_addr);
	r = admit_datagram(a, (struct sockaddr *)&in, now);
	return r.verdict == ADMIT_ALLOW ? "" : r.reason;
}

static const char *
ask_program(struct admission *a)
{
	struct source nobody = { 0 };
	struct admit_result r = admit_program(a, &nobody, now);

	return r.verdict == ADMIT_ALLOW ? "" : r.reason;
}

static void
without_a_connection(void)
{
	int process_limit = 1;
	size_t sessions = 1;
	struct admit_shared all = { .process_limit = &process_limit, .sessions = &sessions };
	struct admission a = { .shared = &all };

	slots_init(&a.slots, 1, 0);
	rate_init(&a.rate, 3, 1000, 0);
	source_rate_init(&admission_extra(&a)->source_rate, 1, 1000);
	acl_add(&a.deny, "10.0.0.1", NULL);
	is(ask_datagram(&a, "10.0.0.1"), "deny", "a datagram is judged by the lists");
	is(ask_datagram(&a, "10.0.0.2"), "", "takes a token");
	is(ask_datagram(&a, "10.0.0.2"), "per_source_rate", "of its sender");
	is(ask_datagram(&a, "10.0.0.3"), "", "and one of all");
	is_int(a.slots.taken, 0, "and no place");
	is(ask_program(&a), "process_limit", "a program that takes the clients itself counts as any other");
	process_limit = 0;
	is(ask_program(&a), "", "may start");
	is(ask_program(&a), "instances", "takes a place");
	is_int(a.slots.taken, 1, "a single one");
	slots_give_back(&a.slots, &(struct source){ 0 });
	is(ask_program(&a), "rate", "and a token");
	a.extra->has_hours = true;
	is(ask_program(&a), "hours", "and is not started out of hours");
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
	names();
	order();
	whole_order();
	sensors();
	without_a_connection();
	refusals_cost_nothing();
	return tap_done();
}
