#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/sockopt.h"
#include "test/unit/tap.h"

static struct addr
addr_of(int family, int socktype)
{
	struct addr a = { .socktype = socktype };

	a.sa.sa_family = (sa_family_t)family;
	return a;
}

/* The labels of the rows that apply, one behind the other. */
static void
applies(const struct sockopts *o, int family, int socktype, const char *expected, const char *what)
{
	struct addr a = addr_of(family, socktype);
	struct text t = { 0 };

	text_puts(&t, "");
	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (sockopt_applies(r, o, &a))
			text_printf(&t, "%s%s", t.len ? " " : "", strchr(r->label, ' ') + 1);
	is(t.s, expected, what);
	text_clear(&t);
}

static void
which_apply(void)
{
	struct sockopts o;

	sockopts_init(&o);
	applies(&o, AF_INET, SOCK_STREAM, "SO_REUSEADDR", "an IPv4 stream gets SO_REUSEADDR");
	applies(&o, AF_INET6, SOCK_STREAM, "SO_REUSEADDR IPV6_V6ONLY", "an IPv6 one IPV6_V6ONLY as well");
	applies(&o, AF_INET, SOCK_DGRAM, "",
		"datagram sockets would share a port with SO_REUSEADDR: they do not get it");
	applies(&o, AF_INET6, SOCK_DGRAM, "IPV6_V6ONLY", "but IPV6_V6ONLY");
	applies(&o, AF_UNIX, SOCK_STREAM, "", "unix sockets get neither");
	o.reuseaddr = SOCKOPT_UNSET;
	applies(&o, AF_INET, SOCK_STREAM, "", "what is unset is not touched");
	o.reuseaddr = 0;
	applies(&o, AF_INET, SOCK_STREAM, "SO_REUSEADDR", "off is not unset");

	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (r->string)
			*(const char **)(void *)((char *)&o + r->offset) = "x";
		else
			*(int *)(void *)((char *)&o + r->offset) = 1;
	applies(&o, AF_INET, SOCK_STREAM,
		"SO_REUSEADDR SO_REUSEPORT SO_BINDTODEVICE IP_FREEBIND IP_TRANSPARENT SO_KEEPALIVE TCP_KEEPIDLE TCP_KEEPINTVL "
		"TCP_KEEPCNT TCP_NODELAY TCP_DEFER_ACCEPT TCP_FASTOPEN SO_RCVBUF SO_SNDBUF IP_TOS SO_MARK SO_PRIORITY TCP_CONGESTION",
		"all that an IPv4 stream can have");
	applies(&o, AF_INET6, SOCK_STREAM,
		"SO_REUSEADDR SO_REUSEPORT IPV6_V6ONLY SO_BINDTODEVICE IPV6_FREEBIND IPV6_TRANSPARENT SO_KEEPALIVE TCP_KEEPIDLE "
		"TCP_KEEPINTVL TCP_KEEPCNT TCP_NODELAY TCP_DEFER_ACCEPT TCP_FASTOPEN SO_RCVBUF SO_SNDBUF IPV6_TCLASS SO_MARK "
		"SO_PRIORITY TCP_CONGESTION",
		"an IPv6 stream");
	applies(&o, AF_INET, SOCK_DGRAM,
		"SO_REUSEPORT SO_BINDTODEVICE IP_FREEBIND IP_TRANSPARENT SO_RCVBUF SO_SNDBUF IP_TOS SO_MARK SO_PRIORITY IP_PKTINFO",
		"an IPv4 datagram socket");
	applies(&o, AF_INET6, SOCK_DGRAM,
		"SO_REUSEPORT IPV6_V6ONLY SO_BINDTODEVICE IPV6_FREEBIND IPV6_TRANSPARENT SO_RCVBUF SO_SNDBUF IPV6_TCLASS SO_MARK "
		"SO_PRIORITY IPV6_RECVPKTINFO",
		"an IPv6 datagram socket");
	applies(&o, AF_UNIX, SOCK_STREAM, "SO_RCVBUF SO_SNDBUF", "a unix socket");
	applies(&o, AF_VSOCK, SOCK_STREAM, "SO_RCVBUF SO_SNDBUF", "a vsock socket");
}

static int
get(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) < 0 ? -errno : v;
}

/* Sets every row that needs no privilege, and asks the kernel. */
static void
what_is_set(int family, int socktype)
{
	static const struct {
		const char *name;
		int value;
	} values[] = { { "reuseaddr", 1 },
		       { "reuseport", 1 },
		       { "v6only", 1 },
		       { "freebind", 1 },
		       { "keepalive", 1 },
		       { "keepalive_idle", 77 },
		       { "keepalive_interval", 33 },
		       { "keepalive_count", 4 },
		       { "nodelay", 1 },
		       { "tos", 16 },
		       { "priority", 3 },
		       { "pktinfo", 1 } };
	int fd = socket(family, socktype, 0);
	struct addr a = addr_of(family, socktype);
	char value[64], expected[64];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (const struct sockopt_row *r = sockopt_rows; r->name; r++) {
			struct sockopts o;

			sockopts_init(&o);
			if (strcmp(r->name, values[i].name) != 0)
				continue;
			*(int *)(void *)((char *)&o + r->offset) = values[i].value;
			if (!sockopt_applies(r, &o, &a))
				continue;
			snprintf(expected, sizeof(expected), "%d", values[i].value);
			ok(sockopt_set(r, &o, fd, value) == 0 &&
				   get(fd, r->level, r->optname) == values[i].value &&
				   strcmp(value, expected) == 0,
			   "%s %s: %s is %s", addr_family_name(family), addr_socktype_name(socktype),
			   r->label, value);
		}
	}
	close(fd);
}

static const struct sockopt_row *
row(const char *name)
{
	const struct sockopt_row *r = sockopt_rows;

	while (r->name && strcmp(r->name, name) != 0)
		r++;
	return r;
}

static void
strings_and_refusals(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockopts o;
	char value[64], name[32] = "";
	socklen_t len = sizeof(name);
	char long_name[200];

	sockopts_init(&o);
	o.congestion = "reno";
	ok(sockopt_set(row("congestion"), &o, fd, value) == 0, "congestion control is set by name");
	getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
	is(name, "reno", "and the kernel has it");
	is(value, "reno", "the value is told as text");
	o.congestion = "no-such-thing";
	errno = 0;
	ok(sockopt_set(row("congestion"), &o, fd, value) == -1 && errno == ENOENT,
	   "one that there is not is refused");
	is(value, "no-such-thing", "and told all the same");
	is(row("congestion")->label, "IPPROTO_TCP, TCP_CONGESTION", "the label reads as in the call");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	o.congestion = long_name;
	sockopt_set(row("congestion"), &o, fd, value);
	is_int((long long)strlen(value), 63, "a value that is too long for the message is cut");
	o.keepalive_count = 1000;
	errno = 0;
	ok(sockopt_set(row("keepalive_count"), &o, fd, value) == -1 && errno == EINVAL,
	   "what the kernel refuses is refused");
	is(value, "1000", "with its value");
	close(fd);
}

static void
equality(void)
{
	struct sockopts a, b;
	char congestion[] = "reno";

	sockopts_init(&a);
	for (const struct sockopt_row *r = sockopt_rows; r->name; r++) {
		sockopts_init(&b);
		if (r->string)
			*(const char **)(void *)((char *)&b + r->offset) = "word";
		else
			*(int *)(void *)((char *)&b + r->offset) = 77;
		ok(!sockopts_equal(&a, &b) && !sockopts_equal(&b, &a), "another %s makes a difference",
		   r->name);
	}
	a.congestion = congestion;
	sockopts_init(&b);
	b.congestion = "reno";
	ok(sockopts_equal(&a, &b), "two of the same words are one");
	b.congestion = "cubic";
	ok(!sockopts_equal(&a, &b), "two others are not");
}

int
main(void)
{
	equality();
	which_apply();
	what_is_set(AF_INET, SOCK_STREAM);
	what_is_set(AF_INET6, SOCK_STREAM);
	what_is_set(AF_INET, SOCK_DGRAM);
	what_is_set(AF_INET6, SOCK_DGRAM);
	strings_and_refusals();
	return tap_done();
}
