#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/net/drain.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

static struct event_base *base;
static int done_calls;

static void
done(void *arg)
{
	int *fd = arg;

	done_calls++;
	/* Closed by then. */
	if (fcntl(*fd, F_GETFD) >= 0 || errno != EBADF)
		ok(false, "the descriptor is closed when done is called");
	event_base_loopbreak(base);
}

/* A connection over loopback, because resets are TCP's. */
static void
tcp_pair(int fds[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	fds[0] = fds[1] = -1;
	if (bind(l, (struct sockaddr *)&in, len) == 0 && listen(l, 1) == 0 &&
	    getsockname(l, (struct sockaddr *)&in, &len) == 0) {
		fds[1] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fds[1], (struct sockaddr *)&in, len) == 0)
			fds[0] = accept(l, NULL, NULL);
	}
	close(l);
}

static void
pair(int family, int fds[2])
{
	if (family == AF_UNIX) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
			fds[0] = fds[1] = -1;
	} else {
		tcp_pair(fds);
	}
}

/* Reads to the end: the bytes, or -1 if the connection was reset. */
static ssize_t
read_to_end(int fd)
{
	char buf[4096];
	ssize_t n, all = 0;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	return n < 0 ? -1 : all;
}

static void
run(void)
{
	event_base_dispatch(base);
}

static void
cases(int family, const char *name)
{
	struct drain d;
	char big[200000];
	int fds[2];
	int64_t begin;

	memset(big, 'x', sizeof(big));

	pair(family, fds);
	ok(!drain_is_needless(fds[0]), "%s: a connection that is open needs a drain", name);
	ok(write(fds[1], "hello", 5) == 5 && !drain_is_needless(fds[0]),
	   "%s: so does one with something unread", name);
	is_int(recv(fds[0], big, 10, MSG_DONTWAIT), 5, "and asking reads nothing");
	shutdown(fds[1], SHUT_WR);
	ok(drain_is_needless(fds[0]), "%s: one whose peer has ended, and all is read, needs none", name);
	done_calls = 0;
	drain_start(&d, base, fds[0], 5000, false, done, &fds[0]);
	is_int(done_calls, 1, "and is done at once");
	is_int(read_to_end(fds[1]), 0, "with a clean end");
	close(fds[1]);

	/* What the peer sent was not read, and it ends its side later. */
	pair(family, fds);
	ok(write(fds[1], "unread", 6) == 6 && write(fds[0], "answer", 6) == 6, "%s: a peer that sends first",
	   name);
	done_calls = 0;
	drain_start(&d, base, fds[0], 5000, false, done, &fds[0]);
	is_int(done_calls, 0, "is waited for");
	is_int(read_to_end(fds[1]), 6, "it gets the answer and a clean end");
	ok(write(fds[1], "more", 4) == 4, "what it still sends is taken");
	close(fds[1]);
	run();
	is_int(done_calls, 1, "when it ends its side, all is done");
	drain_cancel(&d);
	is_int(done_calls, 1, "and there is nothing left to cancel");

	/* A peer that never ends. */
	pair(family, fds);
	done_calls = 0;
	begin = clock_monotonic_ms();
	drain_start(&d, base, fds[0], 50, false, done, &fds[0]);
	run();
	is_int(done_calls, 1, "a peer that never ends is given up");
	ok(clock_monotonic_ms() - begin >= 50, "after the deadline, not before");
	is_int(read_to_end(fds[1]), 0, "and sees an end");
	close(fds[1]);

	/* One that goes on and on does not put the deadline off. */
	pair(family, fds);
	done_calls = 0;
	fd_set_nonblocking(fds[1], true);
	begin = clock_monotonic_ms();
	drain_start(&d, base, fds[0], 100, false, done, &fds[0]);
	while (done_calls == 0 && clock_monotonic_ms() - begin < 10000) {
		for (int i = 0; i < 20; i++)
			if (send(fds[1], big, sizeof(big), MSG_NOSIGNAL) < 0)
				break;
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	}
	is_int(done_calls, 1, "a peer that sends without end does not put the deadline off");
	close(fds[1]);

	/* Time out of the past. */
	pair(family, fds);
	done_calls = 0;
	drain_start(&d, base, fds[0], 0, false, done, &fds[0]);
	is_int(done_calls, 1, "without time it is done at once");
	close(fds[1]);

	/* Cancelled. */
	pair(family, fds);
	done_calls = 0;
	drain_start(&d, base, fds[0], 5000, false, done, &fds[0]);
	drain_cancel(&d);
	ok(fcntl(fds[0], F_GETFD) < 0, "%s: a drain that is cancelled closes at once", name);
	event_base_loop(base, EVLOOP_NONBLOCK);
	is_int(done_calls, 0, "and calls nobody");
	drain_cancel(&d);
	close(fds[1]);
}

static void
reset(void)
{
	struct drain d;
	int fds[2];

	/* What a drain is for: close with unread input resets the connection. */
	tcp_pair(fds);
	ok(write(fds[1], "unread", 6) == 6, "a peer sends");
	close(fds[0]);
	is_int(read_to_end(fds[1]), -1, "without a drain it sees a reset");
	close(fds[1]);

	/* And the other way round: the peer resets. */
	tcp_pair(fds);
	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	done_calls = 0;
	drain_start(&d, base, fds[0], 5000, false, done, &fds[0]);
	close(fds[1]);
	run();
	is_int(done_calls, 1, "a peer that resets is done with");
}

static void
count(void *arg)
{
	(void)arg;
	done_calls++;
}

/* Young drains are looked at in passing, a few at a time. */
static void
in_passing(void)
{
	struct drain d[3];
	int fds[3][2];

	done_calls = 0;
	for (int i = 0; i < 3; i++) {
		tcp_pair(fds[i]);
		drain_start(&d[i], base, fds[i][0], 5000, false, count, NULL);
	}
	drain_poll(SIZE_MAX);
	is_int(done_calls, 0, "peers that have not ended are waited for");
	ok(drain_is_under_way(&d[0]), "their drains are under way");
	close(fds[0][1]);
	close(fds[2][1]);
	drain_poll(1);
	is_int(done_calls, 1, "one that has ended is done when somebody looks at it, without the loop");
	drain_poll(1);
	is_int(done_calls, 1, "but no more than asked for are looked at");
	drain_poll(2);
	is_int(done_calls, 2, "the next one later");
	ok(!drain_is_under_way(&d[0]) && drain_is_under_way(&d[1]), "what is done is not under way");
	close(fds[1][1]);
	while (done_calls < 3)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(done_calls, 3, "and if nobody looks, the loop does");

	done_calls = 0;
	tcp_pair(fds[0]);
	drain_start(&d[0], base, fds[0][0], 5000, true, count, NULL);
	close(fds[0][1]);
	drain_poll(SIZE_MAX);
	is_int(done_calls, 0, "one that is awaited is the loop's from the start");
	event_base_loop(base, EVLOOP_ONCE);
	is_int(done_calls, 1, "and done at once");

	tcp_pair(fds[0]);
	drain_start(&d[0], base, fds[0][0], 5000, false, count, NULL);
	drain_shorten(&d[0], 10);
	while (done_calls < 2)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(done_calls, 2, "the deadline of a young one can be moved as well");
	close(fds[0][1]);
}

int
main(void)
{
	base = event_base_new();
	cases(AF_UNIX, "unix");
	cases(AF_INET, "tcp");
	reset();
	in_passing();
	event_base_free(base);
	libevent_global_shutdown();
	return tap_done();
}
