/* Yardsticks that move bytes. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/bench/net.h"
#include "test/bench/yard.h"

enum { EVENTS = 256, BUFFER = 16384, PIPE_SIZE = 256 * 1024, BATCH = 64, DATAGRAM = 2048, POOL = 8 };

/* One direction of a relay, and what waits in its pipe. */
struct lane {
	int from, to, pipe[2];
	size_t waits;
	bool ended;
};

/* Both ends are watched with the relay itself: an event moves what can be moved. */
struct relay {
	struct lane lanes[2];
};

static void
watch(int ep, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		err(1, "epoll_ctl");
}

void
yard_echo(int l, char **argv)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS], ev = { .events = EPOLLIN, .data.fd = l };
	char buf[BUFFER];

	(void)argv;
	net_raise_files();
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev);
	for (;;) {
		int ready = epoll_wait(ep, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;
			ssize_t n;

			if (fd == l) {
				ev.data.fd = net_accept(l, 0);
				if (ev.data.fd >= 0)
					epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
				continue;
			}
			n = read(fd, buf, sizeof(buf));
			if (n <= 0 || write(fd, buf, (size_t)n) != n)
				close(fd);
		}
	}
}

/* Moves until nothing more can be moved; the ends are watched for changes only. */
static void
lane_move(struct lane *d)
{
	while (!d->ended) {
		ssize_t in =
			splice(d->from, NULL, d->pipe[1], NULL, PIPE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		ssize_t out;

		if (in > 0)
			d->waits += (size_t)in;
		if (d->waits == 0) {
			if (in == 0 || (in < 0 && errno != EAGAIN)) {
				shutdown(d->to, SHUT_WR);
				d->ended = true;
			}
			return;
		}
		out = splice(d->pipe[0], NULL, d->to, NULL, d->waits, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (out < 0 && errno != EAGAIN)
			d->ended = true;
		if (out <= 0)
			return;
		d->waits -= (size_t)out;
	}
}

static struct relay *
relay_new(int ep, int client, int server)
{
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		err(1, "calloc");
	r->lanes[0] = (struct lane){ .from = client, .to = server };
	r->lanes[1] = (struct lane){ .from = server, .to = client };
	for (int i = 0; i < 2; i++) {
		if (pipe2(r->lanes[i].pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			err(1, "pipe2");
		fcntl(r->lanes[i].pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
	}
	watch(ep, client, events, r);
	watch(ep, server, events, r);
	return r;
}

static void
relay_free(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		close(r->lanes[i].from);
		close(r->lanes[i].pipe[0]);
		close(r->lanes[i].pipe[1]);
	}
	free(r);
}

void
yard_splice(int l, char **argv)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), port = atoi(argv[0]);
	struct epoll_event events[EVENTS];

	net_raise_files();
	watch(ep, l, EPOLLIN, NULL);
	for (;;) {
		int ready = epoll_wait(ep, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			struct relay *r = events[i].data.ptr;

			if (!r) {
				int client = net_accept(l, SOCK_NONBLOCK);

				if (client >= 0)
					relay_new(ep, client, net_connect(SOCK_STREAM, "127.0.0.1", port));
				continue;
			}
			lane_move(&r->lanes[0]);
			lane_move(&r->lanes[1]);
			if (!r->lanes[0].ended || !r->lanes[1].ended)
				continue;
			/* A later event of the same turn may name it too. */
			for (int j = i + 1; j < ready; j++)
				if (events[j].data.ptr == r)
					events[j--] = events[--ready];
			relay_free(r);
		}
	}
}

/* A program with one end of a pair of sockets; returns the other end. */
static int
warm_start(char **argv)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		err(1, "socketpair");
	if (vfork() == 0) {       /* NOLINT: it is vfork that is measured */
		dup2(ends[1], 0); /* NOLINT: a system call */
		dup2(ends[1], 1); /* NOLINT */
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	return ends[0];
}

/* False once this direction has ended, and then the other side has been told. */
static bool
warm_move(int from, int to)
{
	char buf[BUFFER];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0 && write(to, buf, (size_t)n) == n)
		return true;
	shutdown(to, SHUT_WR);
	return false;
}

/* One client at a time; the place of a program that was used is filled when its client has gone. */
void
yard_warm(int l, char **argv)
{
	int pool[POOL];

	for (int i = 0; i < POOL; i++)
		pool[i] = warm_start(argv);
	for (unsigned next = 0;; next = (next + 1) % POOL) {
		int client = net_accept(l, 0);
		struct pollfd ends[2] = { { client, POLLIN, 0 }, { pool[next], POLLIN, 0 } };

		if (client < 0)
			err(1, "accept");
		while (ends[1].fd >= 0 && poll(ends, 2, -1) > 0) {
			if (ends[1].revents && !warm_move(pool[next], client))
				ends[1].fd = -1;
			if (ends[0].revents && !warm_move(client, pool[next]))
				ends[0].fd = -1;
		}
		close(client);
		close(pool[next]);
		pool[next] = warm_start(argv);
	}
}

static void
udp_serve(int fd, bool echo)
{
	static char bytes[BATCH][DATAGRAM];
	struct sockaddr_storage peers[BATCH];
	struct iovec vectors[BATCH];
	struct mmsghdr headers[BATCH];
	char text[64];

	for (;;) {
		time_t now;
		int n;

		for (int i = 0; i < BATCH; i++) {
			vectors[i] = (struct iovec){ bytes[i], DATAGRAM };
			headers[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i],
							      .msg_namelen = sizeof(peers[i]),
							      .msg_iov = &vectors[i],
							      .msg_iovlen = 1 };
		}
		n = recvmmsg(fd, headers, BATCH, MSG_WAITFORONE, NULL);
		now = time(NULL);
		if (!echo)
			ctime_r(&now, text);
		for (int i = 0; i < n; i++)
			vectors[i] = echo ? (struct iovec){ bytes[i], headers[i].msg_len }
					  : (struct iovec){ text, strlen(text) };
		for (int i = 0; i < n;) {
			int sent = sendmmsg(fd, headers + i, (unsigned)(n - i), 0);

			i += sent > 0 ? sent : 1;
		}
	}
}

void
yard_udp_echo(int fd, char **argv)
{
	(void)argv;
	udp_serve(fd, true);
}

void
yard_udp_daytime(int fd, char **argv)
{
	(void)argv;
	udp_serve(fd, false);
}
