#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "core/net/proxy.h"
#include "test/unit/tap.h"

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n\x21";

static struct sockaddr_in
v4(const char *ip, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, ip, &in.sin_addr);
	return in;
}

static struct sockaddr_in6
v6(const char *ip, int port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, ip, &in6.sin6_addr);
	return in6;
}

static void
line(const void *peer, const void *local, const char *wanted)
{
	char buf[PROXY_HEADER_MAX + 1];
	size_t n = proxy_header(1, peer, local, buf);

	buf[n] = '\0';
	is(buf, wanted, "version 1");
}

static void
binary(const void *peer, const void *local, const char *rest, size_t n, const char *what)
{
	char buf[PROXY_HEADER_MAX];

	is_int((long long)proxy_header(2, peer, local, buf), (long long)(13 + n), what);
	ok(memcmp(buf, signature, 13) == 0 && memcmp(buf + 13, rest, n) == 0, "%s, byte for byte", what);
}

int
main(void)
{
	struct sockaddr_in a = v4("192.0.2.1", 56324), b = v4("198.51.100.2", 443);
	struct sockaddr_in6 c = v6("2001:db8::1", 56324), d = v6("2001:db8::2", 443);
	struct sockaddr_in6 longest = v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	struct sockaddr_un unnamed = { .sun_family = AF_UNIX }, named = unnamed;
	char paths[3 + 216] = "\x31\0\xd8";

	line(&a, &b, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
	line(&c, &d, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
	line(&longest, &longest,
	     "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	     "65535 65535\r\n");
	line(&unnamed, &unnamed, "PROXY UNKNOWN\r\n");
	line(&a, &d, "PROXY UNKNOWN\r\n");

	binary(&a, &b, "\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\x04\x01\xbb", 15, "version 2, IPv4");
	binary(&c, &d,
	       "\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
	       "\xdc\x04\x01\xbb",
	       39, "version 2, IPv6");
	strcpy(named.sun_path, "/run/service");
	memcpy(paths + 3 + 108, named.sun_path, sizeof("/run/service"));
	binary(&unnamed, &named, paths, sizeof(paths), "version 2, unix");
	binary(&a, &d, "\0\0\0", 3, "version 2, families that differ");
	return tap_done();
}
