#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/net/relay.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

/* client <-> near | relay | far <-> server, all in this one thread. */
static struct event_base *base;
static struct relay relay;
static int client, near_fd, far_fd, server;
static int done_calls, done_errnum;

enum { MUCH = 3 * 1000 * 1000, PATIENCE_MS = 10000 };

static char sent[MUCH], got[MUCH + 1];

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
done(struct relay *r, int errnum, void *arg)
{
	(void)r;
	(void)arg;
	done_calls++;
	done_errnum = errnum;
}

static void
begin(int family, int type)
{
	struct error err;
	int a[2], b[2];

	if (family == AF_INET) {
		tcp_pair(a);
		tcp_pair(b);
	} else if (socketpair(AF_UNIX, type, 0, a) < 0 || socketpair(AF_UNIX, type, 0, b) < 0) {
		exit(1);
	}
	client = a[0];
	near_fd = a[1];
	far_fd = b[0];
	server = b[1];
	fd_set_nonblocking(client, true);
	fd_set_nonblocking(server, true);
	done_calls = done_errnum = 0;
	if (relay_start(&relay, base, near_fd, far_fd, done, NULL, &err) < 0)
		exit(1);
}

static void
end(void)
{
	relay_stop(&relay);
	if (client >= 0)
		close(client);
	if (server >= 0)
		close(server);
	close(near_fd);
	close(far_fd);
}

static void
hang_up(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void
reset(int *fd)
{
	const struct linger l = { .l_onoff = 1 };

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	hang_up(fd);
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Reads n bytes, or to the end: the number, or -1 for a reset. */
static ssize_t
receive(int fd, char *buf, size_t n)
{
	int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
	size_t all = 0;

	while (all < n && clock_monotonic_ms() < deadline) {
		ssize_t r = read(fd, buf + all, n - all);

		if (r == 0)
			break;
		if (r > 0)
			all += (size_t)r;
		else if (errno != EAGAIN)
			return -1;
		turn();
	}
	return (ssize_t)all;
}

static bool
is_at_end(int fd)
{
	char byte;

	return receive(fd, &byte, 1) == 0;
}

static bool
is_done(void)
{
	int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;

	while (done_calls == 0 && clock_monotonic_ms() < deadline)
		turn();
	return done_calls == 1;
}

/* Sends all and receives it on the other side meanwhile. */
static bool
send_through(int from, int to, size_t n)
{
	int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
	size_t in = 0, out = 0;

	memset(got, 0, n);
	while (out < n && clock_monotonic_ms() < deadline) {
		ssize_t r = in < n ? write(from, sent + in, n - in) : 0;

		in += r > 0 ? (size_t)r : 0;
		turn();
		r = read(to, got + out, n - out);
		out += r > 0 ? (size_t)r : 0;
	}
	return out == n && memcmp(sent, got, n) == 0;
}

/* Sends until nothing more is taken. */
static size_t
fill(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	size_t all = 0;

	do {
		ssize_t n;

		while (all < sizeof(sent) && (n = write(fd, sent + all, sizeof(sent) - all)) > 0)
			all += (size_t)n;
		for (int i = 0; i < 20; i++)
			turn();
	} while (all < sizeof(sent) && poll(&p, 1, 50) == 1);
	return all;
}

static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
passes_on(int family, const char *name)
{
	begin(family, SOCK_STREAM);
	ok(write(client, "question", 8) == 8 && receive(server, got, 8) == 8 && !memcmp(got, "question", 8),
	   "%s: what the near side says reaches the far one", name);
	ok(write(server, "answer", 6) == 6 && receive(client, got, 6) == 6 && !memcmp(got, "answer", 6),
	   "%s: and back", name);
	ok(send_through(client, server, MUCH), "%s: much arrives byte for byte", name);
	ok(send_through(server, client, MUCH), "%s: and so it does on the way back", name);
	is_int((long long)relay_bytes(&relay, RELAY_NEAR), 8 + MUCH, "bytes of the near side are counted");
	is_int((long long)relay_bytes(&relay, RELAY_FAR), 6 + MUCH, "and those of the far side");
	ok(clock_monotonic_ms() - relay.active_ms < PATIENCE_MS, "%s: the last byte has a time", name);
	end();
}

static void
half_closes(int family, const char *name)
{
	begin(family, SOCK_STREAM);
	(void)!write(client, "question", 8);
	shutdown(client, SHUT_WR);
	ok(receive(server, got, 9) == 8, "%s: the end comes behind the question", name);
	ok(!done_calls && send_through(server, client, MUCH), "%s: a late answer still arrives", name);
	shutdown(server, SHUT_WR);
	ok(is_at_end(client) && is_done() && done_errnum == 0, "%s: both have ended, and so does the relay",
	   name);
	end();

	begin(family, SOCK_STREAM);
	shutdown(server, SHUT_WR);
	ok(is_at_end(client) && !done_calls, "%s: the far side may end first", name);
	ok(send_through(client, server, MUCH), "%s: and still hears everything", name);
	hang_up(&client);
	ok(is_done() && done_errnum == 0, "%s: until the near side ends as well", name);
	end();
}

static void
waits_for_slow_ones(int family, const char *name)
{
	static char all[MUCH];
	size_t n;

	begin(family, SOCK_STREAM);
	if (family == AF_INET) {
		int small = 64 * 1024;

		setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		setsockopt(far_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		setsockopt(near_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	}
	n = fill(client);
	ok(n < MUCH, "%s: who sends to somebody who does not read has to wait (%zu bytes)", name, n);
	ok(!(relay.side[RELAY_NEAR].watched & EV_READ) && relay.side[RELAY_FAR].watched & EV_WRITE,
	   "%s: meanwhile only the far side is watched, for room", name);
	ok(write(server, "answer", 6) == 6 && receive(client, got, 6) == 6, "%s: the other direction goes on",
	   name);
	ok(receive(server, all, n) == (ssize_t)n && memcmp(all, sent, n) == 0,
	   "%s: when it is read, everything is there", name);
	ok(send_through(client, server, 1000), "%s: and it goes on", name);
	end();
}

static void
breaks(int family, const char *name)
{
	begin(family, SOCK_STREAM);
	(void)!write(server, "the whole answer", 16);
	(void)!write(client, sent, 1000);
	turn();
	turn();
	/* What the relay passed on is unread: a reset. */
	hang_up(&server);
	(void)!write(client, sent, 1000);
	ok(receive(client, got, 17) == 16, "%s: an answer arrives although the question was not read", name);
	ok(is_done() && done_errnum != 0, "%s: but the relay has failed", name);
	end();

	begin(family, SOCK_STREAM);
	(void)!write(client, "question", 8);
	turn();
	turn();
	if (family == AF_INET) {
		reset(&client);
	} else {
		(void)!write(server, "unread", 6);
		turn();
		turn();
		hang_up(&client);
	}
	ok(is_done() && done_errnum != 0, "%s: a side that breaks ends both (%s)", name,
	   strerror(done_errnum));
	shutdown(far_fd, SHUT_WR);
	ok(receive(server, got, 9) == 8, "%s: what it said before is passed on", name);
	end();
}

static void
breaks_after_its_end(int family, const char *name)
{
	begin(family, SOCK_STREAM);
	shutdown(client, SHUT_WR);
	ok(is_at_end(server) && !done_calls, "%s: one side has ended", name);
	reset(&client);
	ok(is_done() && done_errnum == ECONNRESET, "%s: if it breaks then, that is noticed", name);
	end();
}

static void
takes_no_more(void)
{
	begin(AF_UNIX, SOCK_STREAM);
	shutdown(server, SHUT_RD);
	(void)!write(client, sent, 1000);
	turn();
	ok(fill(client) == MUCH, "what nobody takes is dropped");
	ok(!done_calls && send_through(server, client, MUCH), "while the answer arrives");
	hang_up(&server);
	ok(is_at_end(client) && is_done() && done_errnum == EPIPE, "and then the relay has failed");
	end();
}

static void
stops_and_drops(void)
{
	begin(AF_UNIX, SOCK_STREAM);
	fill(client);
	(void)!write(server, sent, 1000);
	relay_drop_near(&relay);
	ok(!done_calls, "the near side can be dropped before the far one has ended");
	hang_up(&server);
	ok(receive(client, got, 1001) == 1000 && is_done(),
	   "what that one said is passed on, then the relay ends");
	end();

	begin(AF_UNIX, SOCK_STREAM);
	shutdown(server, SHUT_WR);
	ok(is_at_end(client) && !done_calls, "the far side has ended");
	relay_drop_near(&relay);
	ok(done_calls == 1, "then dropping the near one ends the relay at once");
	end();

	begin(AF_UNIX, SOCK_STREAM);
	fill(client);
	relay_stop(&relay);
	relay_stop(&relay);
	turn();
	ok(!done_calls && fcntl(near_fd, F_GETFD) >= 0 && fcntl(far_fd, F_GETFD) >= 0,
	   "one that is stopped says nothing and leaves the sockets open");
	end();
}

static void
keeps_no_pipe(void)
{
	int before;

	begin(AF_UNIX, SOCK_STREAM);
	before = descriptors();
	send_through(client, server, MUCH);
	relay_free_unused();
	is_int(descriptors(), before, "pipes of a relay that is idle");
	ok(!relay.way[0].rest && !relay.way[1].rest, "nor has it a buffer");
	end();
	ok(sizeof(struct relay) <= 512, "a relay is small (%zu bytes)", sizeof(struct relay));
}

static void
keeps_messages(void)
{
	size_t n = 100000;

	begin(AF_UNIX, SOCK_SEQPACKET);
	(void)!write(client, "one", 3);
	(void)!write(client, "three", 5);
	(void)!write(client, sent, n);
	for (int i = 0; i < 10; i++)
		turn();
	ok(read(server, got, sizeof(got)) == 3 && read(server, got, sizeof(got)) == 5,
	   "messages stay messages");
	ok(read(server, got, sizeof(got)) == (ssize_t)n && memcmp(got, sent, n) == 0, "long ones as well");
	end();
}

/* --- where the kernel does not help --- */

static bool
filter_calls(const struct sock_fprog *prog)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prog) == 0)
		return true;
	tap_tell(true, "# skip no seccomp here");
	return false;
}

static void
without_splice(void *arg)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_splice, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(f) / sizeof(f[0]), .filter = f };

	(void)arg;
	base = event_base_new();
	if (!filter_calls(&prog))
		return;
	begin(AF_INET, SOCK_STREAM);
	tap_tell(send_through(client, server, MUCH) && send_through(server, client, MUCH),
		 "where splice is refused with EINVAL, bytes are copied");
	tap_tell(relay.way[0].no_splice && relay.way[1].no_splice, "and it is not tried again");
	end();
}

/* Into the sink only: what is in the pipe already must not be lost. */
static void
without_splice_out(void *arg)
{
	(void)arg;
	base = event_base_new();
	begin(AF_INET, SOCK_STREAM);

	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_splice, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)far_fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(f) / sizeof(f[0]), .filter = f };

	if (!filter_calls(&prog))
		return;
	tap_tell(send_through(client, server, MUCH),
		 "where only the second splice is refused, nothing is lost");
	end();
}

static void
without_descriptors(void *arg)
{
	struct rlimit none;

	(void)arg;
	base = event_base_new();
	begin(AF_INET, SOCK_STREAM);
	relay_free_unused();
	none = (struct rlimit){ (rlim_t)server + 1, 4096 };
	setrlimit(RLIMIT_NOFILE, &none);
	tap_tell(send_through(client, server, MUCH) && send_through(server, client, MUCH),
		 "without a descriptor for a pipe, bytes are copied");
	end();
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	tap_in_child(without_splice, NULL);
	tap_in_child(without_splice_out, NULL);
	tap_in_child(without_descriptors, NULL);
	base = event_base_new();
	passes_on(AF_INET, "tcp");
	passes_on(AF_UNIX, "unix");
	half_closes(AF_INET, "tcp");
	half_closes(AF_UNIX, "unix");
	waits_for_slow_ones(AF_INET, "tcp");
	waits_for_slow_ones(AF_UNIX, "unix");
	breaks(AF_INET, "tcp");
	breaks(AF_UNIX, "unix");
	breaks_after_its_end(AF_INET, "tcp");
	breaks_after_its_end(AF_UNIX, "unix");
	takes_no_more();
	stops_and_drops();
	keeps_no_pipe();
	keeps_messages();
	event_base_free(base);
	return tap_done();
}
