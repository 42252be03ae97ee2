#include "core/net/proxy.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "core/sys/addr.h"

static size_t
header_v1(const struct sockaddr *peer, const struct sockaddr *local, char *buf)
{
	char from[64], to[64];

	if (peer->sa_family != local->sa_family ||
	    (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
		return (size_t)snprintf(buf, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
	return (size_t)snprintf(buf, PROXY_HEADER_MAX, "PROXY TCP%c %s %s %d %d\r\n",
				peer->sa_family == AF_INET ? '4' : '6', addr_ip(peer, from),
				addr_ip(local, to), addr_port(peer), addr_port(local));
}

/* The fields stand in network order already. */
static size_t
addresses_v4(const struct sockaddr *peer, const struct sockaddr *local, char *p)
{
	struct sockaddr_in a, b;

	memcpy(&a, peer, sizeof(a));
	memcpy(&b, local, sizeof(b));
	memcpy(p, &a.sin_addr, 4);
	memcpy(p + 4, &b.sin_addr, 4);
	memcpy(p + 8, &a.sin_port, 2);
	memcpy(p + 10, &b.sin_port, 2);
	return 12;
}

static size_t
addresses_v6(const struct sockaddr *peer, const struct sockaddr *local, char *p)
{
	struct sockaddr_in6 a, b;

	memcpy(&a, peer, sizeof(a));
	memcpy(&b, local, sizeof(b));
	memcpy(p, &a.sin6_addr, 16);
	memcpy(p + 16, &b.sin6_addr, 16);
	memcpy(p + 32, &a.sin6_port, 2);
	memcpy(p + 34, &b.sin6_port, 2);
	return 36;
}

static size_t
addresses_unix(const struct sockaddr *peer, const struct sockaddr *local, char *p)
{
	memcpy(p, ((const struct sockaddr_un *)peer)->sun_path, 108);
	memcpy(p + 108, ((const struct sockaddr_un *)local)->sun_path, 108);
	return 216;
}

static size_t
header_v2(const struct sockaddr *peer, const struct sockaddr *local, char *buf)
{
	static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	enum { VERSION_2_PROXY = 0x21, UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };
	int family = peer->sa_family == local->sa_family ? peer->sa_family : AF_UNSPEC;
	size_t len = 0;

	memcpy(buf, signature, sizeof(signature));
	buf[12] = VERSION_2_PROXY;
	buf[13] = UNSPEC;
	if (family == AF_INET) {
		buf[13] = TCP4;
		len = addresses_v4(peer, local, buf + 16);
	} else if (family == AF_INET6) {
		buf[13] = TCP6;
		len = addresses_v6(peer, local, buf + 16);
	} else if (family == AF_UNIX) {
		buf[13] = UNIX_STREAM;
		len = addresses_unix(peer, local, buf + 16);
	}
	buf[14] = 0;
	buf[15] = (char)len;
	return 16 + len;
}

size_t
proxy_header(int version, const struct sockaddr *peer, const struct sockaddr *local,
	     char buf[PROXY_HEADER_MAX])
{
	return version == 1 ? header_v1(peer, local, buf) : header_v2(peer, local, buf);
}
