#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/addr.h"
#include "test/unit/tap.h"

static void
reads(const char *text, enum addr_kind kind, int family, int socktype, const char *host, const char *port)
{
	struct addr_spec spec;
	struct error err = { 0 };

	if (!ok(addr_spec_parse(text, &spec, &err) == 0, "\"%s\" is an address %s", text, err.text))
		return;
	ok(spec.kind == kind && spec.family == family && spec.socktype == socktype, "  of the right kind");
	is(spec.host, host, "  its host");
	is(spec.port, port, "  its port");
}

static void
inet_specs(void)
{
	reads("80", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "80");
	reads("http", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "http");
	reads("0", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "0");
	reads("tcp:80", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "80");
	reads("tcp::80", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "80");
	reads("*:80", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "80");
	reads("tcp:*:80", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "", "80");
	reads("tcp4:80", ADDR_INET, AF_INET, SOCK_STREAM, "", "80");
	reads("tcp6:80", ADDR_INET, AF_INET6, SOCK_STREAM, "", "80");
	reads("udp:127.0.0.1:53", ADDR_INET, AF_UNSPEC, SOCK_DGRAM, "127.0.0.1", "53");
	reads("udp4:localhost:domain", ADDR_INET, AF_INET, SOCK_DGRAM, "localhost", "domain");
	reads("udp6:localhost:53", ADDR_INET, AF_INET6, SOCK_DGRAM, "localhost", "53");
	reads("localhost:65535", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "localhost", "65535");
	reads("tcp:a.b-c.example:echo", ADDR_INET, AF_UNSPEC, SOCK_STREAM, "a.b-c.example", "echo");
	reads("[::1]:80", ADDR_INET, AF_INET6, SOCK_STREAM, "::1", "80");
	reads("tcp:[fe80::1%lo]:80", ADDR_INET, AF_INET6, SOCK_STREAM, "fe80::1%lo", "80");
	reads("tcp6:[::]:0", ADDR_INET, AF_INET6, SOCK_STREAM, "::", "0");
	reads("fd:3", ADDR_FD, AF_UNSPEC, SOCK_STREAM, "", "3");
	reads("fd:web", ADDR_FD, AF_UNSPEC, SOCK_STREAM, "", "web");
}

static void
unix_specs(void)
{
	static const struct {
		const char *text;
		int socktype;
	} good[] = { { "unix:/run/x", SOCK_STREAM },
		     { "unix-dgram:/run/x", SOCK_DGRAM },
		     { "unix-seqpacket:/run/x", SOCK_SEQPACKET },
		     { "unix:/run/with blank:and:colons", SOCK_STREAM },
		     { "unix:@abstract", SOCK_STREAM },
		     { "unix-dgram:@a/b", SOCK_DGRAM },
		     { "unix:/", SOCK_STREAM } };
	struct addr_spec spec;
	struct error err;
	char buf[ADDR_TEXT], text[200] = "unix:/";

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(addr_spec_parse(good[i].text, &spec, &err) == 0 && spec.kind == ADDR_UNIX &&
			   spec.addr.socktype == good[i].socktype && spec.socktype == good[i].socktype,
		   "\"%s\" is an address", good[i].text);
		is(addr_format_url(&spec.addr, buf), good[i].text, "  and reads back as it was written");
	}
	addr_spec_parse("unix:@abc", &spec, &err);
	is_int(spec.addr.len, (long long)offsetof(struct sockaddr_un, sun_path) + 4,
	       "an abstract name has no NUL behind it");
	ok(memcmp(spec.addr.un.sun_path, "\0abc", 4) == 0, "and one in front");
	addr_spec_parse("unix:/abc", &spec, &err);
	is_int(spec.addr.len, (long long)offsetof(struct sockaddr_un, sun_path) + 5, "a path has its NUL");

	memset(text + 6, 'x', 106);
	ok(addr_spec_parse(text, &spec, &err) == 0, "a path of 107 characters fits");
	addr_format_url(&spec.addr, buf);
	is(buf, text, "and is told whole");
	text[6 + 106] = 'x';
	ok(addr_spec_parse(text, &spec, &err) == -1 && strstr(err.text, "at most 107"),
	   "a longer one does not: %s", err.text);
}

static void
vsock_specs(void)
{
	static const char *const good[] = { "vsock:2:80", "vsock:1:1024", "vsock:4294967294:4294967294",
					    "vsock:2:3000000000", NULL };
	struct addr_spec spec;
	struct error err;
	char buf[ADDR_TEXT];

	for (const char *const *s = good; *s; s++) {
		ok(addr_spec_parse(*s, &spec, &err) == 0 && spec.kind == ADDR_VSOCK &&
			   spec.addr.sa.sa_family == AF_VSOCK,
		   "\"%s\" is an address", *s);
		is(addr_format_url(&spec.addr, buf), *s, "  and reads back as it was written");
	}
	ok(addr_spec_parse("vsock:*:80", &spec, &err) == 0 && spec.addr.vm.svm_cid == VMADDR_CID_ANY,
	   "* is every CID");
	ok(addr_spec_parse("vsock::80", &spec, &err) == 0 && spec.addr.vm.svm_cid == VMADDR_CID_ANY,
	   "so is nothing");
	ok(addr_spec_parse("vsock:2:0", &spec, &err) == 0 && spec.addr.vm.svm_port == VMADDR_PORT_ANY,
	   "port 0 lets the kernel choose, here too");
}

static void
mistakes(void)
{
	static const char *const bad[] = {
		"",
		"tcp:",
		"tcp:localhost:",
		":",
		"*:",
		"::1",
		"::1:80",
		"tcp:::1:80",
		"fe80::1",
		"[::1]",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"tcp4:[::1]:80",
		"udp4:[::1]:80",
		"tcp:65536",
		"localhost:65536",
		"localhost:99999999999999999999",
		"localhost:+80",
		"localhost:+65616",
		"localhost:-65456",
		"localhost:-1",
		"localhost: 80",
		"local host:80",
		"localhost:80 ",
		" localhost:80",
		"localhost:8/0",
		"a/b:80",
		"a*:80",
		"*.example:80",
		"localhost:\n",
		"unix:",
		"unix:run/x",
		"unix:x",
		"unix-dgram:",
		"unix-stream:/x",
		"vsock:",
		"vsock:2",
		"vsock:2:",
		"vsock:2:x",
		"vsock:x:2",
		"vsock:-1:2",
		"vsock:2:-1",
		"vsock:4294967296:1",
		"vsock:1:4294967296",
		"vsock:11111111111111111111111111111111111111:1",
		"fd:",
		"sctp:localhost:80",
		"http://localhost:80",
		"fd:1111111111111111111111111111111111111111111111111111111111111111111111",
		"host:1111111111111111111111111111111111111111111111111111111111111111111111",
		NULL,
	};
	struct addr_spec spec;
	struct error err;
	char text[400] = "tcp:";

	for (const char *const *s = bad; *s; s++)
		ok(addr_spec_parse(*s, &spec, &err) == -1, "\"%.30s\" is no address: %s",
		   strpbrk(*s, "\n") ? "localhost:(line end)" : *s, strpbrk(*s, "\n") ? "" : err.text);
	memset(text + 4, 'a', 256);
	memcpy(text + 260, ":80", 4);
	ok(addr_spec_parse(text, &spec, &err) == -1, "a host of 256 characters is none");
	memmove(text + 259, text + 260, 4);
	ok(addr_spec_parse(text, &spec, &err) == 0, "one of 255 may be");
	addr_spec_parse("localhost:65536", &spec, &err);
	is(err.text, "address \"localhost:65536\": the port: expected a whole number from 0 to 65535",
	   "an error says which address, which part, and what was expected");
}

static struct addr
ip(const char *text, int port, int socktype)
{
	struct addr a = { .socktype = socktype };

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.len = sizeof(a.in);
	} else {
		a.in6.sin6_family = AF_INET6;
		inet_pton(AF_INET6, text, &a.in6.sin6_addr);
		a.len = sizeof(a.in6);
	}
	addr_set_port(&a, port);
	return a;
}

static void
formats(const char *text, int port, int socktype, const char *plain, const char *url)
{
	struct addr a = ip(text, port, socktype);
	char buf[ADDR_TEXT];

	is(addr_format(&a.sa, a.len, buf), plain, plain);
	is(addr_format_url(&a, buf), url, url);
	is_int(addr_port(&a.sa), port, "  the port can be read");
}

static void
formatting(void)
{
	struct addr a,
		unnamed = { .un = { .sun_family = AF_UNIX }, .len = offsetof(struct sockaddr_un, sun_path) };
	struct sockaddr other = { .sa_family = AF_NETLINK };
	char buf[ADDR_TEXT], text[64];

	formats("127.0.0.1", 80, SOCK_STREAM, "127.0.0.1:80", "tcp:127.0.0.1:80");
	formats("255.255.255.255", 65535, SOCK_DGRAM, "255.255.255.255:65535", "udp:255.255.255.255:65535");
	formats("::1", 80, SOCK_STREAM, "[::1]:80", "tcp:[::1]:80");
	formats("::", 0, SOCK_DGRAM, "[::]:0", "udp:[::]:0");
	formats("1111:2222:3333:4444:5555:6666:7777:8888", 1, SOCK_STREAM,
		"[1111:2222:3333:4444:5555:6666:7777:8888]:1",
		"tcp:[1111:2222:3333:4444:5555:6666:7777:8888]:1");
	formats("::ffff:10.0.0.1", 5, SOCK_STREAM, "10.0.0.1:5", "tcp:10.0.0.1:5");
	a = ip("fe80::1", 7, SOCK_STREAM);
	a.in6.sin6_scope_id = if_nametoindex("lo");
	is(addr_format(&a.sa, a.len, buf), "[fe80::1%lo]:7", "an interface is told by its name");
	a.in6.sin6_scope_id = 4000000;
	is(addr_format(&a.sa, a.len, buf), "[fe80::1%4000000]:7", "or its number, if it has none");
	is(addr_format(&unnamed.sa, unnamed.len, buf), "unix", "a unix peer without a name");
	is(addr_format(&other, sizeof(other), buf), "family:16", "a family that is not known");
	is_int(addr_port(&unnamed.sa), -1, "has no port");

	a = ip("::ffff:10.0.0.1", 5, SOCK_STREAM);
	is(addr_ip(&a.sa, text), "10.0.0.1", "a v4-mapped address reads as v4");
	a = ip("2001:db8::5", 5, SOCK_STREAM);
	is(addr_ip(&a.sa, text), "2001:db8::5", "others as they are");
	is(addr_ip(&unnamed.sa, text), "", "a unix peer has none");

	is(addr_family_name(AF_INET), "inet", "families have names");
	is(addr_family_name(AF_INET6), "inet6", "inet6");
	is(addr_family_name(AF_UNIX), "unix", "unix");
	is(addr_family_name(AF_VSOCK), "vsock", "vsock");
	is(addr_socktype_name(SOCK_STREAM), "stream", "so have kinds of sockets");
	is(addr_socktype_name(SOCK_DGRAM), "dgram", "dgram");
	is(addr_socktype_name(SOCK_SEQPACKET), "seqpacket", "seqpacket");
}

static void
unmapping(void)
{
	struct sockaddr_storage ss = { 0 };
	struct addr a = ip("::ffff:10.0.0.1", 4711, SOCK_STREAM);
	socklen_t len = a.len;
	char buf[ADDR_TEXT];

	memcpy(&ss, &a.in6, a.len);
	addr_unmap(&ss, &len);
	ok(ss.ss_family == AF_INET && len == sizeof(struct sockaddr_in),
	   "a v4-mapped peer becomes an IPv4 peer");
	is(addr_format((struct sockaddr *)&ss, len, buf), "10.0.0.1:4711", "with its port");
	a = ip("::10.0.0.1", 1, SOCK_STREAM);
	len = a.len;
	memcpy(&ss, &a.in6, a.len);
	addr_unmap(&ss, &len);
	ok(ss.ss_family == AF_INET6 && len == sizeof(struct sockaddr_in6), "no other IPv6 address does");
	a = ip("10.0.0.1", 1, SOCK_STREAM);
	len = a.len;
	memcpy(&ss, &a.in, a.len);
	addr_unmap(&ss, &len);
	ok(ss.ss_family == AF_INET && len == sizeof(struct sockaddr_in), "an IPv4 one stays what it is");
}

static void
comparing(void)
{
	struct addr a = ip("10.0.0.1", 80, SOCK_STREAM), b = a;

	ok(addr_equal(&a, &b), "an address equals itself");
	b.socktype = SOCK_DGRAM;
	ok(!addr_equal(&a, &b), "not for another kind of socket");
	b = ip("10.0.0.1", 81, SOCK_STREAM);
	ok(!addr_equal(&a, &b), "nor with another port");
	b = ip("::ffff:10.0.0.1", 80, SOCK_STREAM);
	ok(!addr_equal(&a, &b), "nor in another family");
	a = ip("0.0.0.0", 1, SOCK_STREAM);
	b = ip("::", 1, SOCK_STREAM);
	ok(addr_is_wildcard(&a.sa) && addr_is_wildcard(&b.sa), "0.0.0.0 and :: are every address");
	a = ip("0.0.0.1", 1, SOCK_STREAM);
	b = ip("::1", 1, SOCK_STREAM);
	ok(!addr_is_wildcard(&a.sa) && !addr_is_wildcard(&b.sa), "others are not");
}

/* Every address that can be formatted can be read, and gives the same again. */
static void
round_trips(void)
{
	bool good = true;

	srand(5);
	for (int i = 0; i < 3000; i++) {
		struct addr a = { .socktype = rand() % 2 ? SOCK_STREAM : SOCK_DGRAM };
		struct addr_spec spec;
		struct error err;
		char url[ADDR_TEXT], text[64];

		if (rand() % 2) {
			a.in.sin_family = AF_INET;
			a.in.sin_addr.s_addr = (uint32_t)rand() * 2654435761u;
			a.len = sizeof(a.in);
		} else {
			a.in6.sin6_family = AF_INET6;
			for (int j = 0; j < 16; j++)
				a.in6.sin6_addr.s6_addr[j] = (uint8_t)(rand() % 3 ? 0 : rand());
			a.len = sizeof(a.in6);
		}
		addr_set_port(&a, rand() % 65536);
		addr_format_url(&a, url);
		if (addr_spec_parse(url, &spec, &err) < 0 || spec.socktype != a.socktype ||
		    atoi(spec.port) != addr_port(&a.sa) || strcmp(spec.host, addr_ip(&a.sa, text)) != 0) {
			printf("# %s\n", url);
			good = false;
		}
	}
	ok(good, "3000 addresses read back as they were told");
}

/* The parts on their own, as a long form has them. */
static void
parts(void)
{
	static const char *const ports[] = { "0", "80", "65535", "http", "a-b_c", NULL };
	static const char *const no_ports[] = { "",    "65536", "99999999999999999999",
						"+80", "-1",    " 80",
						"8:0", "8/0",   NULL };
	static const char *const hosts[] = { "", "*", "localhost", "127.0.0.1", "::1", "fe80::1%lo", NULL };
	static const char *const no_hosts[] = { " ", "a b", "a/b", "a*", "**", "a\n", NULL };
	struct error err;

	for (const char *const *s = ports; *s; s++)
		ok(addr_check_port(*s, &err) == 0, "\"%s\" can be a port", *s);
	for (const char *const *s = no_ports; *s; s++)
		ok(addr_check_port(*s, &err) == -1, "\"%s\" cannot: %s", *s, err.text);
	for (const char *const *s = hosts; *s; s++)
		ok(addr_check_host(*s, &err) == 0, "\"%s\" can be a host", *s);
	for (const char *const *s = no_hosts; *s; s++)
		ok(addr_check_host(*s, &err) == -1, "host %d cannot", (int)(s - no_hosts));
}

int
main(void)
{
	inet_specs();
	unix_specs();
	vsock_specs();
	mistakes();
	formatting();
	unmapping();
	comparing();
	parts();
	round_trips();
	return tap_done();
}
