/*
 * A load of connections, as many at once as asked for, each read to its end.
 *
 *	load ADDRESS PORT CLIENTS SECONDS ANSWER    prints: connections, seconds, failures
 *	load                                        prints a port that is free just now
 *
 * A connection counts if it brought ANSWER and a line end, and ended cleanly; anything else is a
 * failure. Clients come from many addresses of the loopback, so that ports that linger after a
 * connection do not run out.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 1024, SOURCES = 200 };

struct client {
	int fd;
	size_t got;
	bool wrong;
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static struct client clients[CLIENTS_MAX];
static const char *answer;
static long done, failed;
static int ep;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
start(struct client *c)
{
	static unsigned source;
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
	int one = 1;

	*c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source++ % SOURCES);
	if (c->fd < 0 || setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) < 0 ||
	    bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		err(1, "socket");
	if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
		err(1, "connect");
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* True when the connection has ended. */
static bool
take(struct client *c)
{
	char buf[256];
	size_t len = strlen(answer);

	for (;;) {
		ssize_t n = read(c->fd, buf, sizeof(buf));

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			bool good = n == 0 && !c->wrong && c->got == len + 1;

			done += good;
			failed += !good;
			close(c->fd);
			c->fd = -1;
			return true;
		}
		for (ssize_t i = 0; i < n; i++, c->got++)
			c->wrong |= c->got > len || buf[i] != (c->got < len ? answer[c->got] : '\n');
	}
}

static void
print_free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		err(1, "bind");
	printf("%d\n", ntohs(in.sin_port));
	close(fd);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[64];
	double begin, seconds, end = 0;
	int n, open;

	if (argc == 1) {
		print_free_port();
		return 0;
	}
	if (argc != 6 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
		errx(64, "usage: load ADDRESS PORT CLIENTS SECONDS ANSWER");
	server.sin_port = htons((uint16_t)atoi(argv[2]));
	n = atoi(argv[3]);
	seconds = atof(argv[4]);
	answer = argv[5];
	if (n < 1 || n > CLIENTS_MAX)
		errx(64, "1 to %d clients", CLIENTS_MAX);
	ep = epoll_create1(EPOLL_CLOEXEC);
	begin = now();
	for (open = 0; open < n; open++)
		start(&clients[open]);
	while (open > 0) {
		int ready = epoll_wait(ep, events, 64, 1000);

		/* Whoever gets no answer at all after the time was up has failed. */
		if (ready <= 0 && end > 0)
			break;
		for (int i = 0; i < ready; i++) {
			struct client *c = events[i].data.ptr;

			if (!take(c))
				continue;
			if (now() - begin < seconds) {
				start(c);
				continue;
			}
			/* The last ones are read to their end, and the time runs until then. */
			end = now();
			open--;
		}
		if (ready <= 0 && now() - begin > seconds + 5)
			break;
	}
	printf("%ld %.3f %ld\n", done, (end > 0 ? end : now()) - begin, failed + open);
	return 0;
}
