#include "core/sys/sockopt.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

/* clang-format off */
#define AT(member) offsetof(struct sockopts, member)
#define ROW(n, fam, type, lvl, opt) \
	{ .name = #n, .label = #lvl ", " #opt, .family = (fam), .socktype = (type), \
	  .level = (lvl), .optname = (opt), .offset = AT(n) }
#define GENERIC(n, type, opt) \
	{ .name = #n, .label = "SOL_SOCKET, " #opt, .socktype = (type), .level = SOL_SOCKET, \
	  .optname = (opt), .offset = AT(n), .generic = true }
#define STRING(n, type, lvl, opt) \
	{ .name = #n, .label = #lvl ", " #opt, .socktype = (type), .level = (lvl), \
	  .optname = (opt), .offset = AT(n), .string = true }

/* For datagrams SO_REUSEADDR would let two programs share a port, so it is for streams only. */
const struct sockopt_row sockopt_rows[] = {
	ROW(reuseaddr, AF_UNSPEC, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR),
	ROW(reuseport, AF_UNSPEC, 0, SOL_SOCKET, SO_REUSEPORT),
	ROW(v6only, AF_INET6, 0, IPPROTO_IPV6, IPV6_V6ONLY),
	STRING(device, 0, SOL_SOCKET, SO_BINDTODEVICE),
	ROW(freebind, AF_INET, 0, IPPROTO_IP, IP_FREEBIND),
	ROW(freebind, AF_INET6, 0, IPPROTO_IPV6, IPV6_FREEBIND),
	ROW(transparent, AF_INET, 0, IPPROTO_IP, IP_TRANSPARENT),
	ROW(transparent, AF_INET6, 0, IPPROTO_IPV6, IPV6_TRANSPARENT),
	ROW(keepalive, AF_UNSPEC, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE),
	ROW(keepalive_idle, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPIDLE),
	ROW(keepalive_interval, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPINTVL),
	ROW(keepalive_count, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPCNT),
	ROW(nodelay, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY),
	ROW(defer_accept, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_DEFER_ACCEPT),
	ROW(fastopen, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN),
	GENERIC(rcvbuf, 0, SO_RCVBUF),
	GENERIC(sndbuf, 0, SO_SNDBUF),
	ROW(tos, AF_INET, 0, IPPROTO_IP, IP_TOS),
	ROW(tos, AF_INET6, 0, IPPROTO_IPV6, IPV6_TCLASS),
	ROW(mark, AF_UNSPEC, 0, SOL_SOCKET, SO_MARK),
	ROW(priority, AF_UNSPEC, 0, SOL_SOCKET, SO_PRIORITY),
	ROW(pktinfo, AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_PKTINFO),
	ROW(pktinfo, AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_RECVPKTINFO),
	STRING(congestion, SOCK_STREAM, IPPROTO_TCP, TCP_CONGESTION),
	{ .name = NULL },
};
/* clang-format on */

void
sockopts_init(struct sockopts *o)
{
	*o = (struct sockopts){ 0 };
	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (!r->string)
			*(int *)(void *)((char *)o + r->offset) = SOCKOPT_UNSET;
	o->reuseaddr = 1;
	o->v6only = 1;
}

static int
int_value(const struct sockopt_row *r, const struct sockopts *o)
{
	return *(const int *)(const void *)((const char *)o + r->offset);
}

static const char *
string_value(const struct sockopt_row *r, const struct sockopts *o)
{
	return *(const char *const *)(const void *)((const char *)o + r->offset);
}

bool
sockopt_applies(const struct sockopt_row *r, const struct sockopts *o, const struct addr *a)
{
	int family = a->sa.sa_family;
	bool inet = family == AF_INET || family == AF_INET6;

	if (r->string ? !string_value(r, o) : int_value(r, o) == SOCKOPT_UNSET)
		return false;
	if (r->socktype && r->socktype != a->socktype)
		return false;
	if (r->generic)
		return true;
	return inet && (r->family == AF_UNSPEC || r->family == family);
}

int
sockopt_set(const struct sockopt_row *r, const struct sockopts *o, int fd, char value[64])
{
	const char *s;
	int v;

	if (r->string) {
		s = string_value(r, o);
		snprintf(value, 64, "%s", s);
		return setsockopt(fd, r->level, r->optname, s, (socklen_t)strlen(s) + 1);
	}
	v = int_value(r, o);
	snprintf(value, 64, "%d", v);
	return setsockopt(fd, r->level, r->optname, &v, sizeof(v));
}

bool
sockopts_equal(const struct sockopts *a, const struct sockopts *b)
{
	for (const struct sockopt_row *r = sockopt_rows; r->name; r++) {
		const char *sa = r->string ? string_value(r, a) : NULL;
		const char *sb = r->string ? string_value(r, b) : NULL;

		if (r->string ? sa != sb && (!sa || !sb || strcmp(sa, sb) != 0)
			      : int_value(r, a) != int_value(r, b))
			return false;
	}
	return true;
}

void
sockopt_tell_destination(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}
