#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/net/deliver.h"
#include "test/unit/tap.h"

/* More than the kernel takes at once. */
enum { LONG = 300000 };

static struct event_base *base;
static char text[LONG], got[LONG + 1];
static int result = -1, calls;

static void
done(int errnum, void *arg)
{
	(void)arg;
	result = errnum;
	calls++;
}

static void
pair(int fds[2])
{
	int size = 4096;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	calls = 0;
	result = -1;
}

/* Reads and lets the loop run until `len` bytes have come, or the end. */
static size_t
take(int fd, size_t len)
{
	size_t n = 0;

	while (n < len) {
		ssize_t r = recv(fd, got + n, len - n, MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EAGAIN))
			break;
		n += r > 0 ? (size_t)r : 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	return n;
}

static void
deliveries(void)
{
	struct letter *small = letter_new("hello", 5), *large = letter_new(text, LONG);
	struct delivery d = { 0 };
	int64_t began;
	int fds[2];

	pair(fds);
	is_int(delivery_start(&d, base, fds[0], small, 1000, done, NULL), 1,
	       "what the kernel takes needs no loop");
	ok(take(fds[1], 5) == 5 && memcmp(got, "hello", 5) == 0, "and is there");
	is_int(delivery_start(&d, base, fds[0], large, 5000, done, NULL), 0,
	       "what it does not take has to wait");
	is_int(large->refs, 2, "and keeps its text");
	ok(take(fds[1], LONG) == LONG && memcmp(got, text, LONG) == 0, "all of it arrives, in order");
	while (!calls)
		event_base_loop(base, EVLOOP_ONCE);
	ok(calls == 1 && result == 0, "and that is told once");
	is_int(large->refs, 1, "then the text is given back");
	ok(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK), "the connection still blocks: a program will want that");
	ok(fcntl(fds[0], F_GETFD) >= 0, "and is still there");

	calls = 0;
	began = clock_monotonic_ms();
	is_int(delivery_start(&d, base, fds[0], large, 100, done, NULL), 0, "a client that does not read");
	for (int i = 0; !calls && clock_monotonic_ms() - began < 5000; i++) {
		/* A byte now and then does not put it off. They are few: what is waiting is never all read. */
		if (i % 1000 == 0 && i < 100000)
			(void)!recv(fds[1], got, 1, MSG_DONTWAIT);
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	ok(calls == 1 && result == ETIMEDOUT, "is told after its time");

	calls = 0;
	is_int(delivery_start(&d, base, fds[0], large, 1000, done, NULL), 0, "one that is cancelled");
	delivery_cancel(&d);
	delivery_cancel(&d);
	while (recv(fds[1], got, LONG, MSG_DONTWAIT) > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ok(calls == 0 && large->refs == 1, "is not heard of again");
	close(fds[1]);
	ok(delivery_start(&d, base, fds[0], small, 1000, done, NULL) == -1 && errno == EPIPE,
	   "a broken connection is told at once");
	close(fds[0]);
	letter_unref(small);
	letter_unref(large);
}

static void
goodbyes(void)
{
	struct letter *small = letter_new("bye", 3), *large = letter_new(text, LONG);
	int fds[2];

	pair(fds);
	farewell(base, fds[0], small, NULL, 1000);
	ok(take(fds[1], 10) == 3 && memcmp(got, "bye", 3) == 0, "a goodbye is sent, and then comes the end");
	close(fds[1]);
	event_base_loop(base, EVLOOP_ONCE);
	ok(fcntl(fds[0], F_GETFD) < 0, "it is closed once the client has gone");

	pair(fds);
	(void)!send(fds[1], "unread", 6, 0);
	farewell(base, fds[0], small, large, 5000);
	is_int((long long)take(fds[1], 3), 3, "of two texts the first comes first");
	ok(memcmp(got, "bye", 3) == 0, "as it is");
	ok(take(fds[1], LONG) == LONG && memcmp(got, text, LONG) == 0, "and then all of the second");
	is_int((long long)take(fds[1], 1), 0, "and then the end, whatever is unread");
	close(fds[1]);
	while (fcntl(fds[0], F_GETFD) >= 0)
		event_base_loop(base, EVLOOP_ONCE);
	ok(small->refs == 1 && large->refs == 1, "when it is closed nothing is kept");

	pair(fds);
	farewell(base, fds[0], large, NULL, 5000);
	farewell_cut_all();
	ok(fcntl(fds[0], F_GETFD) < 0 && large->refs == 1, "all are closed when nobody waits any more");
	close(fds[1]);

	pair(fds);
	farewell(base, fds[0], NULL, NULL, 5000);
	ok(fcntl(fds[0], F_GETFD) < 0, "without a text it is closed at once");
	close(fds[1]);
	letter_unref(small);
	letter_unref(large);
}

int
main(void)
{
	base = event_base_new();
	for (size_t i = 0; i < LONG; i++)
		text[i] = (char)(i * 7 + i / 251);
	deliveries();
	goodbyes();
	event_base_free(base);
	return tap_done();
}
