/* Loads of data: round trips, bytes through a relay, datagrams. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/load.h"
#include "test/bench/net.h"

enum {
	EVENTS = 256,
	MESSAGE = 65536,
	BLOCK = 65536,
	DISCARD = 8 * BLOCK,
	BATCH = 32,
	/* One read of so many is looked at; the others are only counted, so that we cost little. */
	LOOK_AT = 16,
	FILL = 200000, /* microseconds until the buffers of a relay are full */
	LATE = 200000, /* microseconds after which a datagram is lost */
	UDP_BUFFER = 8 << 20,
	/* The kernel would let a fast sender fill megabytes for each stream before anything is relayed. */
	STREAM_BUFFER = 256 << 10,
};

struct stream {
	int fd;
	bool sends;
	size_t got;
	uint64_t number, bytes;
};

/* A message is its number, over and over. */
static void
message_fill(char *buf, size_t len, uint64_t number)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (char)(number >> i % 8 * 8);
}

static bool
message_is(const char *buf, size_t from, size_t len, uint64_t number)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != (char)(number >> (from + i) % 8 * 8))
			return false;
	return true;
}

static int
connected(const struct load *l)
{
	int fd = net_connect(SOCK_STREAM, l->host, l->port);

	if (!load_wait(l, fd, POLLOUT))
		errx(1, "cannot connect to port %d", l->port);
	return fd;
}

static void
watch(int ep, struct stream *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* A message is small: what does not fit at once has failed. */
static bool
echo_send(struct stream *s, size_t len)
{
	static uint64_t number;
	char buf[MESSAGE];

	s->number = ++number;
	s->got = 0;
	message_fill(buf, len, s->number);
	return send(s->fd, buf, len, 0) == (ssize_t)len;
}

/* 1 if the whole message is back, 0 if not yet, -1 if it never will be. */
static int
echo_take(struct stream *s, size_t len)
{
	char buf[MESSAGE];
	ssize_t n = recv(s->fd, buf, len - s->got, 0);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0 || !message_is(buf, s->got, (size_t)n, s->number))
		return -1;
	s->got += (size_t)n;
	return s->got == len;
}

int
load_echo(const struct load *l)
{
	struct stream *streams = calloc((size_t)l->clients, sizeof(*streams));
	int ep = epoll_create1(EPOLL_CLOEXEC);
	size_t len = (size_t)l->bytes;
	struct epoll_event events[EVENTS];
	long trips = 0, wrong = 0, lost = 0;
	int64_t begin, heard, now;

	if (!streams || ep < 0)
		err(1, "streams");
	/* The first round trip, one after the other: it shows that everyone is served. */
	for (int i = 0; i < l->clients; i++) {
		struct stream *s = &streams[i];
		int came = 0;

		s->fd = connected(l);
		if (echo_send(s, len))
			while (came == 0 && load_wait(l, s->fd, POLLIN))
				came = echo_take(s, len);
		if (came != 1)
			errx(1, "connection %d gets no echo", i + 1);
		watch(ep, s, EPOLLIN);
	}
	begin = heard = now = net_now();
	for (int i = 0; i < l->clients; i++)
		wrong += !echo_send(&streams[i], len);
	while (now - begin < load_duration(l) && now - heard < load_patience(l)) {
		int ready = epoll_wait(ep, events, EVENTS, 100);

		now = net_now();
		if (ready > 0)
			heard = now;
		for (int i = 0; i < ready; i++) {
			struct stream *s = events[i].data.ptr;
			int came = echo_take(s, len);

			trips += came == 1;
			if (came < 0 || (came == 1 && !echo_send(s, len))) {
				wrong++;
				close(s->fd);
				s->fd = -1;
			}
		}
	}
	/* What is under way at the end still has to come back. */
	for (int i = 0; i < l->clients; i++) {
		struct stream *s = &streams[i];
		int came = 0;

		while (s->fd >= 0 && came == 0 && load_wait(l, s->fd, POLLIN))
			came = echo_take(s, len);
		lost += s->fd >= 0 && came != 1;
	}
	printf("rate=%.1f wrong=%ld lost=%ld\n",
	       (double)trips * 1e6 / (double)(now > begin ? now - begin : 1), wrong, lost);
	free(streams);
	return 0;
}

static const char *
block(void)
{
	static char bytes[2 * BLOCK];
	uint32_t x = 1;

	if (!bytes[0])
		for (size_t i = 0; i < BLOCK; i++, x = x * 1664525 + 1013904223)
			bytes[i] = bytes[i + BLOCK] = (char)(x >> 24 | 1);
	return bytes;
}

static void
stream_send(struct stream *s)
{
	ssize_t n = send(s->fd, block() + s->bytes % BLOCK, BLOCK, 0);

	if (n > 0)
		s->bytes += (uint64_t)n;
	else if (n == 0 || errno != EAGAIN)
		errx(1, "the relay closed a connection");
}

/* False at the end of the stream. */
static bool
stream_take(struct stream *s, bool *wrong)
{
	static unsigned reads;
	static char buf[DISCARD];
	bool look = reads++ % LOOK_AT == 0;
	/* What is truncated is counted and not copied. */
	ssize_t n = look ? recv(s->fd, buf, BLOCK, 0) : recv(s->fd, buf, DISCARD, MSG_TRUNC);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	*wrong |= look && memcmp(buf, block() + s->bytes % BLOCK, (size_t)n) != 0;
	s->bytes += (uint64_t)n;
	return true;
}

/* Bytes that came out at the far ends; those are every second of the streams. */
static uint64_t
received(const struct stream *streams, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += streams[2 * i + 1].bytes;
	return sum;
}

/* We send and we receive: the relay has the other processor to itself. */
int
load_stream(const struct load *l)
{
	struct stream *streams = calloc(2 * (size_t)l->clients, sizeof(*streams));
	int ep = epoll_create1(EPOLL_CLOEXEC), sink = net_listen(SOCK_STREAM, l->sink), open = l->clients;
	struct epoll_event events[EVENTS];
	uint64_t sent = 0, got = 0, before = 0, after = 0;
	int64_t begin, now, heard, end = 0, filled = 0;
	int size = STREAM_BUFFER;
	bool wrong = false;

	if (!streams || ep < 0)
		err(1, "streams");
	for (int i = 0; i < l->clients; i++) {
		struct stream *from = &streams[2 * i], *to = from + 1;

		*from = (struct stream){ .fd = connected(l), .sends = true };
		if (!load_wait(l, sink, POLLIN) || (to->fd = net_accept(sink, SOCK_NONBLOCK)) < 0)
			errx(1, "connection %d is not relayed", i + 1);
		setsockopt(from->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		watch(ep, from, EPOLLOUT);
		watch(ep, to, EPOLLIN);
	}
	begin = heard = now = net_now();
	while (open > 0 && now - heard < load_patience(l)) {
		int ready = epoll_wait(ep, events, EVENTS, 100);

		now = net_now();
		/* Time runs once all buffers on the way are full. */
		if (!filled && now - begin >= FILL) {
			filled = now;
			before = received(streams, l->clients);
		}
		if (!end && now - begin >= FILL + load_duration(l)) {
			end = now;
			after = received(streams, l->clients);
			for (int i = 0; i < l->clients; i++) {
				epoll_ctl(ep, EPOLL_CTL_DEL, streams[2 * i].fd, NULL);
				shutdown(streams[2 * i].fd, SHUT_WR);
			}
		}
		for (int i = 0; i < ready; i++) {
			struct stream *s = events[i].data.ptr;

			if (s->sends) {
				if (!end)
					stream_send(s);
				continue;
			}
			heard = now;
			if (!stream_take(s, &wrong)) {
				close(s->fd);
				open--;
			}
		}
	}
	got = received(streams, l->clients);
	for (int i = 0; i < l->clients; i++)
		sent += streams[2 * i].bytes;
	printf("mbytes=%.1f total=%.1f wrong=%d lost=%llu\n",
	       (double)(after - before) / (double)(end > filled ? end - filled : 1), (double)got / 1e6, wrong,
	       (unsigned long long)(sent - got));
	free(streams);
	return 0;
}

/* Datagrams that we send and receive in one call each. */
struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	char *bytes;
};

static void
batch_init(struct batch *b)
{
	*b = (struct batch){ .bytes = malloc((size_t)BATCH * MESSAGE) };
	if (!b->bytes)
		err(1, "malloc");
	for (size_t i = 0; i < BATCH; i++) {
		b->vectors[i].iov_base = b->bytes + i * MESSAGE;
		b->headers[i].msg_hdr = (struct msghdr){ .msg_iov = &b->vectors[i], .msg_iovlen = 1 };
	}
}

static long
udp_send(int fd, struct batch *b, long want, size_t len, uint64_t number)
{
	unsigned n = want > BATCH ? BATCH : (unsigned)want;
	int sent;

	for (unsigned i = 0; i < n; i++) {
		b->vectors[i].iov_len = len;
		message_fill(b->vectors[i].iov_base, len, number + i);
	}
	sent = sendmmsg(fd, b->headers, n, 0);
	return sent < 0 ? 0 : sent;
}

static long
udp_take(int fd, struct batch *b, const struct load *l, uint64_t number, long *wrong)
{
	int n;

	for (size_t i = 0; i < BATCH; i++)
		b->vectors[i].iov_len = MESSAGE;
	n = recvmmsg(fd, b->headers, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		const char *bytes = b->vectors[i].iov_base;
		size_t len = b->headers[i].msg_len;
		uint64_t came;

		if (strcmp(l->answer, "same") != 0) {
			*wrong += len == 0;
			continue;
		}
		memcpy(&came, bytes, sizeof(came));
		*wrong += len != (size_t)l->bytes || came >= number || !message_is(bytes, 0, len, came);
	}
	return n < 0 ? 0 : n;
}

int
load_udp(const struct load *l)
{
	struct batch out, in;
	int fd = net_connect(SOCK_DGRAM, l->host, l->port), size = UDP_BUFFER;
	int64_t begin = net_now(), now = begin, heard = begin, end = 0;
	long sent = 0, got = 0, lost = 0, measured = 0, wrong = 0;

	/* What we are too slow to take would look like a loss of the server's. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	batch_init(&out);
	batch_init(&in);
	while (!end || (now - heard < LATE && got + lost < sent)) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		long want = l->clients - (sent - got - lost), n;

		if (l->rate)
			want = (long)((double)(now - begin) * l->rate / 1e6) - sent;
		if (!end && want > 0)
			sent += udp_send(fd, &out, want, (size_t)l->bytes, (uint64_t)sent);
		n = udp_take(fd, &in, l, (uint64_t)sent, &wrong);
		got += n;
		now = net_now();
		if (n > 0)
			heard = now;
		else
			poll(&pfd, 1, l->rate ? 1 : 20);
		if (!end && now - begin >= load_duration(l)) {
			end = now;
			measured = got;
		}
		/* A window that is lost is opened again. */
		if (!l->rate && !end && now - heard > LATE) {
			lost = sent - got;
			heard = now;
		}
	}
	printf("rate=%.1f sent=%ld wrong=%ld lost=%ld\n", (double)measured * 1e6 / (double)(end - begin),
	       sent, wrong, sent - got);
	return 0;
}
