#include "test/bench/net.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { QUEUE = 4096, FILES_WANTED = 200000 };

int net_sources = 200;

void
net_raise_files(void)
{
	struct rlimit limit = { FILES_WANTED, FILES_WANTED };

	/* Only root may go beyond the hard limit. */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int64_t
net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int
net_listen(int type, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 ||
	    (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, QUEUE) < 0))
		err(1, "listen on port %d", port);
	return fd;
}

int
net_port(int fd)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);

	if (getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		err(1, "getsockname");
	return ntohs(in.sin_port);
}

int
net_accept(int fd, int flags)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return accept4(fd, (struct sockaddr *)&peer, &len, flags | SOCK_CLOEXEC);
}

int
net_connect(int type, const char *host, int port)
{
	static unsigned source;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source++ % (unsigned)net_sources);
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		errx(64, "%s: expected an IPv4 address", host);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		err(1, "socket");
	if (type == SOCK_STREAM && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		err(1, "TCP_NODELAY");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		err(1, "connect");
	return fd;
}
