/* Loads of connections: many that come and go, and many that stay. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/load.h"
#include "test/bench/net.h"

enum { EVENTS = 256, HELD_AT_ONCE = 64 };

/* Times in microseconds, to be sorted in the end. */
struct times {
	uint32_t *at;
	size_t n, room;
};

struct client {
	int fd;
	size_t got;
	int64_t begin, first;
	bool wrong;
};

struct run {
	const struct load *load;
	int ep;
	struct times first, whole;
	long wrong, reset;
};

static void
times_add(struct times *t, int64_t us)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 4096;
		t->at = realloc(t->at, t->room * sizeof(*t->at));
		if (!t->at)
			err(1, "realloc");
	}
	t->at[t->n++] = (uint32_t)us;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
times_share(const struct times *t, double share)
{
	return t->n ? t->at[(size_t)((double)(t->n - 1) * share)] : 0;
}

static void
client_start(struct run *r, struct client *c)
{
	struct epoll_event ev = { .events = r->load->ask ? EPOLLOUT : EPOLLIN | EPOLLRDHUP, .data.ptr = c };

	*c = (struct client){ .begin = net_now() };
	c->fd = net_connect(SOCK_STREAM, r->load->host, r->load->port);
	if (epoll_ctl(r->ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* The question is short: what does not fit at once has failed. */
static void
client_ask(struct run *r, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
	char line[256];
	int len = snprintf(line, sizeof(line), "%s\n", r->load->ask);

	if (send(c->fd, line, (size_t)len, 0) != len)
		c->wrong = true;
	epoll_ctl(r->ep, EPOLL_CTL_MOD, c->fd, &ev);
}

/* True when the connection has ended. */
static bool
client_take(struct run *r, struct client *c)
{
	const char *answer = r->load->answer;
	size_t len = strlen(answer);
	char buf[256];

	for (;;) {
		ssize_t n = read(c->fd, buf, sizeof(buf));

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n > 0 && !c->first)
			c->first = net_now();
		for (ssize_t i = 0; i < n; i++, c->got++)
			c->wrong |= c->got > len || buf[i] != (c->got < len ? answer[c->got] : '\n');
		if (n > 0)
			continue;
		close(c->fd);
		c->fd = -1;
		if (n < 0)
			r->reset++;
		else if (c->wrong || c->got != len + 1)
			r->wrong++;
		else {
			times_add(&r->first, c->first - c->begin);
			times_add(&r->whole, net_now() - c->begin);
		}
		return true;
	}
}

int
load_connections(const struct load *l)
{
	struct client *clients = calloc((size_t)l->clients, sizeof(*clients));
	struct run r = { .load = l, .ep = epoll_create1(EPOLL_CLOEXEC) };
	struct epoll_event events[EVENTS];
	int64_t begin = net_now(), end = begin, heard = begin;
	int open = l->clients;

	if (!clients || r.ep < 0)
		err(1, "clients");
	for (int i = 0; i < open; i++)
		client_start(&r, &clients[i]);
	while (open > 0) {
		int ready = epoll_wait(r.ep, events, EVENTS, 100);

		if (ready <= 0 && net_now() - heard > load_patience(l))
			break;
		if (ready > 0)
			heard = net_now();
		for (int i = 0; i < ready; i++) {
			struct client *c = events[i].data.ptr;

			if (events[i].events == EPOLLOUT) {
				client_ask(&r, c);
				continue;
			}
			if (!client_take(&r, c))
				continue;
			/* The last ones are read to their end, and the time runs until then. */
			end = net_now();
			if (end - begin >= load_duration(l)) {
				open--;
				continue;
			}
			if (l->gap)
				usleep((useconds_t)l->gap * 1000);
			client_start(&r, c);
		}
	}
	if (r.whole.n) {
		qsort(r.first.at, r.first.n, sizeof(*r.first.at), compare);
		qsort(r.whole.at, r.whole.n, sizeof(*r.whole.at), compare);
	}
	printf("good=%zu rate=%.1f p50_us=%u p99_us=%u first50_us=%u first99_us=%u wrong=%ld reset=%ld lost=%d\n",
	       r.whole.n, (double)r.whole.n * 1e6 / (double)(end > begin ? end - begin : 1),
	       times_share(&r.whole, 0.5), times_share(&r.whole, 0.99), times_share(&r.first, 0.5),
	       times_share(&r.first, 0.99), r.wrong, r.reset, open);
	free(clients);
	return 0;
}

/* Accepts on the sink's port in a process of its own, which has descriptors of its own; each
 * connection is one byte on the descriptor that it returns. The process ends when we do. */
static int
sink_start(int port)
{
	int sink = net_listen(SOCK_STREAM, port), ends[2];

	if (pipe(ends) < 0)
		err(1, "pipe");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		while (net_accept(sink, 0) >= 0 && write(ends[1], "", 1) == 1)
			;
		_exit(1);
	}
	close(ends[1]);
	close(sink);
	return ends[0];
}

/* Waits until the server has begun to serve: it greets, or it has connected to the sink. */
static bool
held(const struct load *l, int fd)
{
	char c;

	return load_wait(l, fd, POLLIN) && read(fd, &c, 1) == 1;
}

/* A few at a time, so that no queue overflows. */
int
load_hold(const struct load *l)
{
	int sink = l->sink ? sink_start(l->sink) : -1, n = 0;
	int64_t begin = net_now();
	char c;

	while (n < l->clients && net_now() - begin < load_duration(l)) {
		int fds[HELD_AT_ONCE], batch = l->clients - n < HELD_AT_ONCE ? l->clients - n : HELD_AT_ONCE;

		for (int i = 0; i < batch; i++)
			fds[i] = net_connect(SOCK_STREAM, l->host, l->port);
		for (int i = 0; i < batch; i++, n++)
			if (!held(l, sink >= 0 ? sink : fds[i]))
				errx(1, "only %d of %d connections are served", n, l->clients);
	}
	printf("held=%d\n", n);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
