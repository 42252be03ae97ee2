#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "core/policy/ban.h"
#include "test/unit/tap.h"

static const int64_t ms = 1000000;
static int64_t now = 5000000000;

static struct source
address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return source_of((struct sockaddr *)&in, 0);
	inet_pton(AF_INET6, text, &in6.sin6_addr);
	return source_of((struct sockaddr *)&in6, 0);
}

static struct source
numbered(uint32_t n)
{
	struct source src = { .family = AF_INET };

	memcpy(src.bytes, &n, sizeof(n));
	return src;
}

static bool
add(struct bans *b, const char *text, int64_t duration)
{
	struct source src = address(text);

	return bans_add(b, &src, duration, now);
}

static bool
is_banned(struct bans *b, const char *text)
{
	struct source src = address(text);

	return bans_match(b, &src, now);
}

static void
time_passes(void)
{
	struct bans b = { 0 };

	ok(!is_banned(&b, "10.0.0.1"), "at first nobody is banned");
	ok(add(&b, "10.0.0.1", 1000), "a ban is a new one");
	ok(is_banned(&b, "10.0.0.1"), "and holds");
	now += 999 * ms;
	ok(is_banned(&b, "10.0.0.1"), "for all of its time");
	ok(!add(&b, "10.0.0.1", 1000), "a further hit is none");
	now += 999 * ms;
	ok(is_banned(&b, "10.0.0.1"), "but begins the time anew");
	ok(!add(&b, "10.0.0.1", 1), "one with a shorter time");
	now += ms / 2;
	ok(is_banned(&b, "10.0.0.1"), "shortens nothing");
	now += 1000 * ms;
	ok(!is_banned(&b, "10.0.0.1"), "when it is over it is over");
	is_int((long long)b.n, 0, "and is forgotten");
	ok(add(&b, "10.0.0.1", 1000), "the next is a new one");
	now += 1000 * ms;
	ok(add(&b, "10.0.0.1", 1000), "even if nobody asked meanwhile");
	ok(is_banned(&b, "10.0.0.1"), "and holds");
	add(&b, "10.0.0.2", BAN_FOREVER);
	now += 36500LL * 86400 * 1000 * ms; /* a century */
	ok(is_banned(&b, "10.0.0.2"), "forever has no end");
	ok(!add(&b, "10.0.0.3", 0) && !is_banned(&b, "10.0.0.3"), "no time is no ban");
	add(&b, "10.0.0.4", INT64_MAX / 2);
	ok(is_banned(&b, "10.0.0.4"), "a time that does not fit a number is as good as forever");
	bans_clear(&b);
	ok(!is_banned(&b, "10.0.0.2"), "clearing leaves nobody");
}

static void
whom(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr odd = { .sa_family = AF_NETLINK };
	struct source user = source_of((struct sockaddr *)&un, 1000), other;
	struct bans b = { 0 };

	add(&b, "10.1.2.0", 1000);
	ok(is_banned(&b, "10.1.2.0") && !is_banned(&b, "10.1.2.1"),
	   "B28: an address that ends in 0 is one address");
	ok(is_banned(&b, "::ffff:10.1.2.0"), "and the same when it comes by an IPv6 socket");
	add(&b, "::ffff:10.9.9.9", 1000);
	ok(is_banned(&b, "10.9.9.9"), "also the other way round");
	add(&b, "2001:db8::1", 1000);
	ok(is_banned(&b, "2001:db8::1") && !is_banned(&b, "2001:db8::2"), "an IPv6 address is one address");
	ok(bans_add(&b, &user, 1000, now), "a user of unix sockets can be banned");
	other = source_of((struct sockaddr *)&un, 1001);
	ok(bans_match(&b, &user, now) && !bans_match(&b, &other, now), "and another is not");
	other = source_of((struct sockaddr *)&un, UINT32_MAX);
	ok(!bans_add(&b, &other, 1000, now) && !bans_match(&b, &other, now), "one without a name cannot");
	other = source_of(&odd, 0);
	ok(!bans_add(&b, &other, 1000, now) && !bans_match(&b, &other, now), "nor can what is not known");
	bans_clear(&b);
}

static void
bounded(void)
{
	struct source first = numbered(0), second = numbered(1), src;
	struct bans b = { 0 };
	int wrong = 0;

	for (uint32_t i = 0; i < BAN_MAX; i++) {
		src = numbered(i);
		bans_add(&b, &src, BAN_FOREVER, now);
	}
	bans_add(&b, &first, BAN_FOREVER, now);
	for (uint32_t i = 0; i < BAN_MAX; i++) {
		src = numbered(i);
		wrong += !bans_match(&b, &src, now);
	}
	is_int(wrong, 0, "there is room for so many");
	src = numbered(BAN_MAX);
	bans_add(&b, &src, BAN_FOREVER, now);
	is_int((long long)b.n, BAN_MAX, "and for no more");
	ok(bans_match(&b, &src, now), "the newest has come in");
	ok(bans_match(&b, &first, now), "who was hit again stays");
	ok(!bans_match(&b, &second, now), "whose last hit is oldest goes");
	bans_clear(&b);
}

int
main(void)
{
	time_passes();
	whom();
	bounded();
	return tap_done();
}
