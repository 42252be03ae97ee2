#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/policy/acl_filter.h"
#include "test/unit/tap.h"

/* --- the program through an interpreter --- */

static uint32_t
load(const uint8_t *packet, size_t len, uint32_t k, size_t size)
{
	uint32_t at = k - (uint32_t)SKF_NET_OFF, value = 0;

	if (at + size > len) {
		printf("Bail out! it reads byte %u of a header of %zu\n", at, len);
		exit(1);
	}
	for (size_t i = 0; i < size; i++)
		value = value << 8 | packet[at + i];
	return value;
}

static uint32_t
run(const struct acl_filter *f, const uint8_t *packet, size_t len)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < f->n; pc++) {
		const struct sock_filter *i = &f->insns[pc];

		switch (i->code) {
		case BPF_LD | BPF_B | BPF_ABS:
			a = load(packet, len, i->k, 1);
			break;
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(packet, len, i->k, 4);
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= i->k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			printf("Bail out! an instruction that nobody expected: %#x\n", i->code);
			exit(1);
		}
	}
	printf("Bail out! it runs off its end\n");
	exit(1);
}

/* The header of a packet from there, with noise in all that does not matter. */
static size_t
packet_from(const struct sockaddr *sa, uint8_t packet[40])
{
	for (int i = 0; i < 40; i++)
		packet[i] = (uint8_t)rand();
	if (sa->sa_family == AF_INET) {
		packet[0] = (uint8_t)(0x45 + rand() % 8);
		memcpy(packet + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return 20;
	}
	packet[0] = (uint8_t)(0x60 | (packet[0] & 15));
	memcpy(packet + 8, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return 40;
}

static bool
lets_in(const struct acl_filter *f, const struct sockaddr *sa)
{
	uint8_t packet[40];
	size_t len = packet_from(sa, packet);
	uint32_t verdict = run(f, packet, len);

	return verdict == UINT32_MAX;
}

/* Addresses that are close to each other, so that prefixes of every length matter. */
static void
random_address(struct sockaddr_storage *ss)
{
	uint8_t bytes[16];

	*ss = (struct sockaddr_storage){ 0 };
	for (int i = 0; i < 16; i++)
		bytes[i] = rand() % 4 ? 0 : (uint8_t)(1 << rand() % 8);
	if (rand() % 2) {
		ss->ss_family = AF_INET;
		memcpy(&((struct sockaddr_in *)ss)->sin_addr, bytes, 4);
		return;
	}
	ss->ss_family = AF_INET6;
	bytes[0] = 0x20;
	memcpy(&((struct sockaddr_in6 *)ss)->sin6_addr, bytes, 16);
}

static void
random_entry(struct acl *acl)
{
	struct sockaddr_storage ss;
	char ip[64], entry[80];
	uint8_t *bytes;
	int max, bits;

	if (rand() % 40 == 0) {
		acl_add(acl, rand() % 2 ? "all" : "unix", NULL);
		return;
	}
	random_address(&ss);
	max = ss.ss_family == AF_INET ? 32 : 128;
	bits = rand() % (max + 1);
	bytes = max == 32 ? (uint8_t *)&((struct sockaddr_in *)&ss)->sin_addr
			  : (uint8_t *)&((struct sockaddr_in6 *)&ss)->sin6_addr;
	for (int i = bits; i < max; i++)
		bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	inet_ntop(ss.ss_family, bytes, ip, sizeof(ip));
	snprintf(entry, sizeof(entry), "%s/%d", ip, bits);
	acl_add(acl, entry, NULL);
}

static void
at_random(int lists, int addresses)
{
	int wrong = 0, in = 0, out = 0;

	for (int i = 0; i < lists; i++) {
		struct acl allow = { 0 }, deny = { 0 };
		struct acl_filter f;
		bool has_allow = rand() % 3 > 0;

		for (int n = rand() % 8; n > 0; n--)
			random_entry(&allow);
		for (int n = rand() % 8; n > 0; n--)
			random_entry(&deny);
		if (acl_filter_compile(&f, has_allow ? &allow : NULL, &deny, NULL) < 0) {
			wrong++;
			continue;
		}
		for (int j = 0; j < addresses; j++) {
			struct sockaddr_storage ss;
			const struct sockaddr *sa = (struct sockaddr *)&ss;
			bool expected;

			random_address(&ss);
			expected = !acl_match(&deny, sa) && (!has_allow || acl_match(&allow, sa));
			wrong += lets_in(&f, sa) != expected;
			in += expected;
			out += !expected;
		}
		acl_filter_clear(&f);
		acl_clear(&allow);
		acl_clear(&deny);
	}
	ok(wrong == 0, "the program decides as the lists do (%d let in, %d not)", in, out);
	ok(in > 1000 && out > 1000, "and both have happened often");
}

static void
odd_packets(void)
{
	struct acl none = { 0 };
	struct acl_filter f;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	uint8_t packet[40] = { 0x50 };

	acl_filter_compile(&f, NULL, &none, NULL);
	is_int(run(&f, packet, sizeof(packet)), 0, "what is neither IPv4 nor IPv6 is dropped");
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr);
	ok(!lets_in(&f, (struct sockaddr *)&in6),
	   "an IPv6 packet that says it is from an IPv4 address is forged");
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	ok(lets_in(&f, (struct sockaddr *)&in6), "without lists everyone else is let in");
	acl_filter_clear(&f);
}

static void
length(void)
{
	struct acl deny = { 0 };
	struct acl_filter f;
	struct error err = { 0 };
	struct sock_fprog program;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char entry[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(entry, sizeof(entry), "10.0.%d.%d", i / 250, i % 250);
		acl_add(&deny, entry, NULL);
	}
	ok(acl_filter_compile(&f, NULL, &deny, &err) == 0, "a thousand addresses fit (%zu instructions) %s",
	   f.n, err.text);
	program = (struct sock_fprog){ (unsigned short)f.n, f.insns };
	/* Kernels differ in how much memory a socket may have for it. */
	ok(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 || errno == ENOMEM,
	   "and the kernel finds nothing wrong with them");
	acl_filter_clear(&f);
	for (int i = 0; i < 1000; i++) {
		snprintf(entry, sizeof(entry), "10.1.%d.%d", i / 250, i % 250);
		acl_add(&deny, entry, NULL);
	}
	ok(acl_filter_compile(&f, NULL, &deny, &err) < 0 && err.text[0], "two thousand do not: %s", err.text);
	ok(f.insns == NULL, "and leave nothing behind");
	acl_clear(&deny);
	close(fd);
}

/* --- the program in the kernel --- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t
parse(const char *ip, int port, union address *a)
{
	*a = (union address){ .in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) } };
	if (inet_pton(AF_INET, ip, &a->in.sin_addr) == 1)
		return sizeof(a->in);
	*a = (union address){ .in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) } };
	inet_pton(AF_INET6, ip, &a->in6.sin6_addr);
	return sizeof(a->in6);
}

static int
open_socket(const char *ip, int type, const struct sock_fprog *program, int *port)
{
	union address a;
	socklen_t len = parse(ip, 0, &a);
	int fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0), off = 0;

	if (fd < 0)
		return -1;
	if (a.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (program && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, sizeof(*program)) < 0)
		goto fail;
	if (bind(fd, &a.sa, len) < 0 || (program && type == SOCK_STREAM && listen(fd, 8) < 0))
		goto fail;
	getsockname(fd, &a.sa, &len);
	*port = ntohs(a.in.sin_port);
	return fd;

fail:
	close(fd);
	return -1;
}

static bool
is_readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

/* Loopback delivers before sendto or connect return, so that what has not come then never will. */
static bool
gets_through(int server, int port, int type, const char *from, const char *to)
{
	union address a;
	socklen_t len;
	char byte = 0;
	int any, fd, client;
	bool there;

	fd = open_socket(from, type | SOCK_NONBLOCK, NULL, &any);
	len = parse(to, port, &a);
	if (type == SOCK_DGRAM)
		(void)!sendto(fd, &byte, 1, 0, &a.sa, len);
	else
		(void)!connect(fd, &a.sa, len);
	there = is_readable(server, 0);
	if (there && type == SOCK_DGRAM)
		(void)!recv(server, &byte, 1, 0);
	else if (there && (client = accept(server, NULL, NULL)) >= 0)
		close(client);
	close(fd);
	return there;
}

static void
in_the_kernel(int type, const char *what)
{
	struct acl allow = { 0 }, deny = { 0 };
	struct acl_filter f;
	struct sock_fprog program;
	int fd, port = 0;

	acl_add(&allow, "127.0.0.0/8", NULL);
	acl_add(&deny, "127.0.0.66", NULL);
	acl_filter_compile(&f, &allow, &deny, NULL);
	program = (struct sock_fprog){ (unsigned short)f.n, f.insns };
	fd = open_socket("127.0.0.1", type, &program, &port);
	ok(fd >= 0, "the kernel takes it for %s", what);
	ok(gets_through(fd, port, type, "127.0.0.1", "127.0.0.1"), "%s: who is allowed gets through", what);
	ok(!gets_through(fd, port, type, "127.0.0.66", "127.0.0.1"), "%s: who is denied does not", what);
	ok(gets_through(fd, port, type, "127.0.0.67", "127.0.0.1"), "%s: the next one does", what);
	close(fd);
	fd = open_socket("::", type, &program, &port);
	if (fd >= 0) {
		ok(gets_through(fd, port, type, "127.0.0.1", "127.0.0.1"), "%s: IPv4 to an IPv6 socket does",
		   what);
		ok(!gets_through(fd, port, type, "127.0.0.66", "127.0.0.1"), "%s: unless it is denied", what);
		ok(!gets_through(fd, port, type, "::1", "::1"), "%s: IPv6 is not on this list", what);
		close(fd);
	}
	acl_filter_clear(&f);
	acl_add(&allow, "::1", NULL);
	acl_filter_compile(&f, &allow, &deny, NULL);
	program = (struct sock_fprog){ (unsigned short)f.n, f.insns };
	fd = open_socket("::1", type, &program, &port);
	if (fd >= 0) {
		ok(gets_through(fd, port, type, "::1", "::1"), "%s: once it is, IPv6 gets through", what);
		close(fd);
	}
	acl_filter_clear(&f);
	acl_clear(&allow);
	acl_clear(&deny);
}

int
main(void)
{
	srand(17);
	at_random(3000, 40);
	odd_packets();
	length();
	in_the_kernel(SOCK_DGRAM, "datagrams");
	in_the_kernel(SOCK_STREAM, "connections");
	return tap_done();
}
