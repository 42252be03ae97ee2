#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/policy/acl.h"
#include "test/unit/tap.h"

/* "unix" is a unix peer, anything else an address. */
static bool
matches(const struct acl *acl, const char *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(1234) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(1234) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strcmp(peer, "unix") == 0)
		return acl_match(acl, (struct sockaddr *)&un);
	if (inet_pton(AF_INET, peer, &in.sin_addr) == 1)
		return acl_match(acl, (struct sockaddr *)&in);
	if (inet_pton(AF_INET6, peer, &in6.sin6_addr) != 1) {
		printf("Bail out! %s is no address\n", peer);
		exit(1);
	}
	return acl_match(acl, (struct sockaddr *)&in6);
}

static void
entry(const char *text, const char *const *in, const char *const *out)
{
	struct acl acl = { 0 };
	struct error err = { 0 };

	ok(acl_add(&acl, text, &err) == 0, "%s is an entry %s", text, err.text);
	for (; *in; in++)
		ok(matches(&acl, *in), "%s is in %s", *in, text);
	for (; *out; out++)
		ok(!matches(&acl, *out), "%s is not in %s", *out, text);
	acl_clear(&acl);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE ((const char *const[]){ NULL })

static void
entries(void)
{
	entry("127.0.0.1", WORDS("127.0.0.1", "::ffff:127.0.0.1"),
	      WORDS("127.0.0.2", "::1", "unix", "::127.0.0.1"));
	entry("10.0.0.0/8", WORDS("10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"),
	      WORDS("11.0.0.0", "9.255.255.255", "a00::"));
	entry("192.168.4.0/22", WORDS("192.168.4.0", "192.168.7.255"), WORDS("192.168.8.0", "192.168.3.255"));
	entry("10.0.0.4/31", WORDS("10.0.0.4", "10.0.0.5"), WORDS("10.0.0.3", "10.0.0.6"));
	entry("10.0.0.4/32", WORDS("10.0.0.4"), WORDS("10.0.0.5"));
	entry("0.0.0.0/0", WORDS("0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"),
	      WORDS("::1", "2001:db8::1", "unix"));
	entry("128.0.0.0/1", WORDS("128.0.0.1", "255.0.0.0"), WORDS("127.255.255.255"));
	entry("::1", WORDS("::1"), WORDS("::2", "127.0.0.1", "unix"));
	entry("2001:db8::/32", WORDS("2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
	      WORDS("2001:db9::", "2001:db7::"));
	entry("2001:db8:8000::/33", WORDS("2001:db8:8000::1"), WORDS("2001:db8:7fff::1"));
	entry("fe80::1/128", WORDS("fe80::1"), WORDS("fe80::2"));
	entry("::ffff:10.0.0.0/104", WORDS("10.1.2.3", "::ffff:10.1.2.3"), WORDS("11.0.0.0"));
	entry("::/0", WORDS("::1", "2001:db8::1"), WORDS("unix"));
	entry("all", WORDS("1.2.3.4", "::1", "unix"), NONE);
	entry("unix", WORDS("unix"), WORDS("0.0.0.0", "::", "127.0.0.1"));
}

/* A v4-mapped address is an IPv4 address: no IPv6 prefix reaches it unless it says ffff. */
static void
families_stay_apart(void)
{
	entry("::/0", NONE, WORDS("127.0.0.1", "::ffff:127.0.0.1"));
	entry("::/64", NONE, WORDS("10.0.0.1"));
	entry("::/80", NONE, WORDS("10.0.0.1"));
}

static void
mistakes(void)
{
	static const char *const bad[] = {
		"",
		" ",
		"10.0.0.1/8",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0",
		"10.0.0.0.0",
		"256.0.0.1",
		"10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0",
		"10.0.0.0/0x8",
		"::1/129",
		"::1/64",
		"fe80::1%eth0",
		"[::1]",
		"ALL",
		"10.0.0.1.",
		".",
		"..example.org",
		"a..b",
		"*.example.org",
		"user@example.org",
		"example.org/24",
		"host.1",
		"127.0.0.l",
		"10.0.0.1x",
		"10.0.x",
		"gr\303\274n.example",
		"Unix",
		"*",
		"10.*",
		"0/0",
		"/8",
		"2001:db8::/",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
		"127.0.0.1:80",
		"10.0.0.1\n",
		"010.0.0.1",
		NULL,
	};
	struct acl acl = { 0 };
	struct error err;

	for (const char *const *s = bad; *s; s++)
		ok(acl_add(&acl, *s, &err) == -1 && acl.n == 0, "\"%.20s\" is refused: %s",
		   (*s)[0] == '\n' ? "" : *s, err.text);
	acl_add(&acl, "10.1.2.3/8", &err);
	is(err.text, "\"10.1.2.3/8\" has bits set behind its prefix",
	   "a prefix with more bits than it covers is a slip");
	acl_add(&acl, "10.0.0.0/40", &err);
	is(err.text, "the prefix length of \"10.0.0.0/40\": expected a whole number from 0 to 32",
	   "the length says its range");
	acl_add(&acl, "to morrow", &err);
	is(err.text, "\"to morrow\" is no address, prefix, name, .domain, \"unix\" or \"all\"",
	   "anything else says what there is");
	ok(!matches(&acl, "127.0.0.1") && !matches(&acl, "unix"), "an empty list has nobody on it");
	acl_clear(&acl);
}

static void
several(void)
{
	struct acl acl = { 0 };
	struct sockaddr other = { .sa_family = AF_NETLINK };

	acl_add(&acl, "10.0.0.0/8", NULL);
	acl_add(&acl, "::1", NULL);
	acl_add(&acl, "192.168.1.1", NULL);
	ok(matches(&acl, "10.9.9.9") && matches(&acl, "::1") && matches(&acl, "192.168.1.1"),
	   "any entry will do");
	ok(!matches(&acl, "192.168.1.2") && !matches(&acl, "unix"), "who is on none is not on the list");
	acl_add(&acl, "all", NULL);
	ok(matches(&acl, "192.168.1.2") && matches(&acl, "unix"), "all is an entry among others");
	acl_clear(&acl);
	ok(!matches(&acl, "10.9.9.9"), "a cleared list is empty");
	acl_add(&acl, "10.0.0.0/8", NULL);
	acl_add(&acl, "::/0", NULL);
	ok(!acl_match(&acl, &other), "a peer of an unknown family is on no list of addresses");
	acl_clear(&acl);
}

static void
names(void)
{
	static const char *const in[] = { "host.example.org",   "HOST.Example.ORG",
					  "host.example.org.",  "a.example.com",
					  "a.b.c.example.com.", "localhost",
					  "dotted.example",     NULL };
	static const char *const out[] = { "example.com",
					   "xhost.example.org",
					   "host.example.org.evil",
					   "aexample.com",
					   "example.org",
					   "local",
					   "evil.example.com.net",
					   "",
					   ".",
					   NULL };
	struct acl acl = { 0 };

	ok(acl_add(&acl, "host.example.org", NULL) == 0 && acl_add(&acl, ".example.com", NULL) == 0 &&
		   acl_add(&acl, "localhost", NULL) == 0 && acl_add(&acl, "Dotted.example.", NULL) == 0,
	   "names of hosts and domains are entries");
	for (const char *const *s = in; *s; s++)
		ok(acl_match_name(&acl, *s), "\"%s\" is on the list", *s);
	for (const char *const *s = out; *s; s++)
		ok(!acl_match_name(&acl, *s), "\"%s\" is not on the list", *s);
	ok(!matches(&acl, "127.0.0.1") && !matches(&acl, "unix"), "no address is on a list of names");
	ok(acl_add(&acl, "17.example.org", NULL) == 0 && acl_add(&acl, "1.2.3.4.dsl.example", NULL) == 0 &&
		   acl_add(&acl, "1.lan", NULL) == 0,
	   "labels that are numbers are fine in front of a domain");
	acl_clear(&acl);
	ok(!acl_match_name(&acl, "localhost"), "a cleared list has no names");
}

/* Against a plain computation with 32-bit numbers. */
static void
at_random(void)
{
	bool good = true;

	srand(7);
	for (int i = 0; i < 20000; i++) {
		unsigned bits = (unsigned)rand() % 33;
		uint32_t mask = bits ? 0xffffffffu << (32 - bits) : 0;
		uint32_t net = (((uint32_t)rand() << 16) ^ (uint32_t)rand()) & mask;
		uint32_t near = (rand() & 1) ? net ^ (1u << (rand() % 32)) : net | ((uint32_t)rand() & ~mask);
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(near) };
		struct in_addr a = { htonl(net) };
		char addr[INET_ADDRSTRLEN], text[32];
		struct acl acl = { 0 };

		snprintf(text, sizeof(text), "%s/%u", inet_ntop(AF_INET, &a, addr, sizeof(addr)), bits);
		good &= acl_add(&acl, text, NULL) == 0;
		good &= acl_match(&acl, (struct sockaddr *)&in) == ((near & mask) == net);
		acl_clear(&acl);
	}
	ok(good, "20000 prefixes agree with plain arithmetic");
}

int
main(void)
{
	entries();
	families_stay_apart();
	mistakes();
	several();
	names();
	at_random();
	return tap_done();
}
