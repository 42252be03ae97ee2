/* A strict client: opens many connections, sends first, reads to the end, and counts how they ended.
 *
 *   client [options] ADDRESS        as in the address file: tcp:127.0.0.1:40123, udp:[::1]:40123,
 *                                   unix:PATH, unix-seqpacket:PATH
 *   -n N     connections (1)        -c N     of them at once (1)
 *   -s TEXT  send this (\n known)   -z N     and then N bytes of filler
 *   -f FILE  send this file         -H       end the own direction after sending
 *   -d MS    wait before sending    -k MS    stay that long after the end of the answer
 *   -a TEXT  the answer expected    -p       print the answers instead of judging them
 *   -t S     longest time for all (30)
 *
 * Prints ok=N reset=N short=N error=N: ok is the whole answer and a clean end, after everything was
 * sent; short a clean end with any other answer; error anything else, being late included. A
 * datagram is answered by one datagram. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { OK, RESET, SHORT, ERROR, OUTCOMES };

struct connection {
	int fd;
	bool connected, told, ended, differs;
	size_t sent, got;
	int64_t send_at, leave_at;
};

static struct {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} to;
	socklen_t tolen;
	int socktype;
	const char *out, *expected;
	size_t outlen, expectedlen;
	bool half_close, print;
	int64_t delay, keep;
} my;

static int counts[OUTCOMES];

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
fail(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "not understood");
	exit(2);
}

static void
parse_address(const char *s)
{
	const char *port = strrchr(s, ':');
	char host[64];
	size_t len;

	my.socktype = strncmp(s, "udp:", 4) == 0 ? SOCK_DGRAM : SOCK_STREAM;
	if (strncmp(s, "unix", 4) == 0) {
		const char *path = strchr(s, ':') + 1;

		if (strncmp(s, "unix-seqpacket:", 15) == 0)
			my.socktype = SOCK_SEQPACKET;
		my.to.un.sun_family = AF_UNIX;
		len = strlen(path);
		if (len >= sizeof(my.to.un.sun_path))
			fail(s);
		memcpy(my.to.un.sun_path, path, len + 1);
		my.tolen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*path != '@'));
		if (*path == '@')
			my.to.un.sun_path[0] = '\0';
		return;
	}
	if (!port || port - s < 5 || port - s - 4 >= (ptrdiff_t)sizeof(host))
		fail(s);
	s += 4;
	len = (size_t)(port - s);
	memcpy(host, s, len);
	host[len] = '\0';
	if (host[0] == '[') {
		host[len - 1] = '\0';
		my.to.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						   .sin6_port = htons((uint16_t)atoi(port + 1)) };
		my.tolen = sizeof(my.to.in6);
		if (inet_pton(AF_INET6, host + 1, &my.to.in6.sin6_addr) != 1)
			fail(s);
	} else {
		my.to.in = (struct sockaddr_in){ .sin_family = AF_INET,
						 .sin_port = htons((uint16_t)atoi(port + 1)) };
		my.tolen = sizeof(my.to.in);
		if (inet_pton(AF_INET, host, &my.to.in.sin_addr) != 1)
			fail(s);
	}
}

static char *
unescape(const char *s, size_t extra, size_t *len)
{
	char *out = malloc(strlen(s) + extra + 1), *p = out;

	if (!out)
		fail("memory");
	for (; *s; s++) {
		if (s[0] == '\\' && s[1] == 'n') {
			*p++ = '\n';
			s++;
		} else {
			*p++ = *s;
		}
	}
	memset(p, 'z', extra);
	*len = (size_t)(p - out) + extra;
	return out;
}

static const char *
map_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		fail(path);
	close(fd);
	*len = (size_t)st.st_size;
	return p;
}

static void
finish(struct connection *c, int outcome)
{
	counts[outcome]++;
	close(c->fd);
	c->fd = -1;
}

static int
outcome_of(int errnum)
{
	return errnum == ECONNRESET || errnum == EPIPE ? RESET : ERROR;
}

static void
begin(struct connection *c)
{
	*c = (struct connection){ .fd = socket(my.to.sa.sa_family, my.socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
					       0) };
	if (c->fd < 0)
		fail("socket");
	c->told = !my.outlen && !my.half_close;
	c->send_at = now_ms() + my.delay;
	if (connect(c->fd, &my.to.sa, my.tolen) == 0)
		c->connected = true;
	else if (errno != EINPROGRESS)
		finish(c, outcome_of(errno));
}

static void
send_some(struct connection *c)
{
	while (c->sent < my.outlen) {
		ssize_t n = send(c->fd, my.out + c->sent, my.outlen - c->sent, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				finish(c, outcome_of(errno));
			return;
		}
		c->sent += (size_t)n;
	}
	if (my.half_close)
		shutdown(c->fd, SHUT_WR);
	c->told = true;
}

static void
take(struct connection *c, const char *buf, size_t n)
{
	if (my.print)
		fwrite(buf, 1, n, stdout);
	else if (c->got + n > my.expectedlen || memcmp(my.expected + c->got, buf, n) != 0)
		c->differs = true;
	c->got += n;
}

static void
receive_some(struct connection *c)
{
	static char buf[1 << 18];

	for (;;) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

		if (n < 0) {
			if (errno != EAGAIN)
				finish(c, outcome_of(errno));
			return;
		}
		if (n > 0)
			take(c, buf, (size_t)n);
		if (n == 0 || my.socktype == SOCK_DGRAM) {
			c->ended = true;
			c->leave_at = now_ms() + my.keep;
			return;
		}
	}
}

/* The end counts only once all is sent: a reset that comes after the answer is a reset. */
static void
leave_if_done(struct connection *c)
{
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	if (c->fd < 0 || !c->ended || !c->told || now_ms() < c->leave_at)
		return;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
	if (errnum)
		finish(c, outcome_of(errnum));
	else
		finish(c, c->differs || (!my.print && c->got != my.expectedlen) ? SHORT : OK);
}

static short
wanted(const struct connection *c, int64_t now, int64_t *wake)
{
	short events = 0;
	int64_t at = 0;

	if (!c->connected)
		return POLLOUT;
	if (!c->told) {
		if (now >= c->send_at)
			events |= POLLOUT;
		else
			at = c->send_at;
	}
	if (!c->ended)
		events |= POLLIN;
	else if (c->told)
		at = c->leave_at;
	if (at && at < *wake)
		*wake = at;
	return events;
}

static void
advance(struct connection *c, short happened)
{
	if (!c->connected) {
		int errnum = 0;
		socklen_t len = sizeof(errnum);

		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
		if (errnum) {
			finish(c, outcome_of(errnum));
			return;
		}
		c->connected = true;
	} else {
		/* Reading first: an answer that has come counts even if sending fails. */
		if (!c->ended && happened & (POLLIN | POLLHUP | POLLERR))
			receive_some(c);
		if (c->fd >= 0 && !c->told && happened & (POLLOUT | POLLERR))
			send_some(c);
	}
	if (c->fd >= 0)
		leave_if_done(c);
}

static void
run(int total, int at_once, int64_t deadline)
{
	struct connection *all = calloc((size_t)at_once, sizeof(*all));
	struct pollfd *fds = calloc((size_t)at_once, sizeof(*fds));
	int begun = 0, done = 0;

	if (!all || !fds)
		fail("memory");
	for (int i = 0; i < at_once; i++)
		all[i].fd = -1;
	while (done < total) {
		int64_t now = now_ms(), wake = deadline;

		for (int i = 0; i < at_once; i++) {
			if (all[i].fd < 0 && begun < total) {
				begin(&all[i]);
				begun++;
			}
			fds[i] = (struct pollfd){ .fd = all[i].fd };
			if (all[i].fd >= 0)
				fds[i].events = wanted(&all[i], now, &wake);
		}
		if (now >= deadline)
			break;
		poll(fds, (nfds_t)at_once, (int)(wake > now ? wake - now : 0));
		for (int i = 0; i < at_once; i++)
			if (all[i].fd >= 0) {
				if (fds[i].revents)
					advance(&all[i], fds[i].revents);
				else
					leave_if_done(&all[i]);
			}
		done = counts[OK] + counts[RESET] + counts[SHORT] + counts[ERROR];
	}
	counts[ERROR] += total - done;
	free(all);
	free(fds);
}

int
main(int argc, char **argv)
{
	int total = 1, at_once = 1, option;
	const char *text = "", *answer = "", *file = NULL;
	size_t filler = 0;
	int64_t limit = 30000;
	char *out = NULL, *expected;

	while ((option = getopt(argc, argv, "n:c:s:z:f:Hd:k:a:pt:")) != -1) {
		switch (option) {
		case 'n':
			total = atoi(optarg);
			break;
		case 'c':
			at_once = atoi(optarg);
			break;
		case 's':
			text = optarg;
			break;
		case 'z':
			filler = (size_t)atol(optarg);
			break;
		case 'f':
			file = optarg;
			break;
		case 'H':
			my.half_close = true;
			break;
		case 'd':
			my.delay = atoi(optarg);
			break;
		case 'k':
			my.keep = atoi(optarg);
			break;
		case 'a':
			answer = optarg;
			break;
		case 'p':
			my.print = true;
			break;
		case 't':
			limit = atoi(optarg) * 1000;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1 || total < 1 || at_once < 1) {
		fprintf(stderr, "usage: client [options] ADDRESS\n");
		return 2;
	}
	errno = 0;
	parse_address(argv[optind]);
	if (file)
		my.out = map_file(file, &my.outlen);
	else
		my.out = out = unescape(text, filler, &my.outlen);
	my.expected = expected = unescape(answer, 0, &my.expectedlen);
	run(total, at_once < total ? at_once : total, now_ms() + limit);
	free(out);
	free(expected);
	if (!my.print)
		printf("ok=%d reset=%d short=%d error=%d\n", counts[OK], counts[RESET], counts[SHORT],
		       counts[ERROR]);
	return counts[OK] == total ? 0 : 1;
}
