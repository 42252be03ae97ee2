#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/net/rpcbind.h"
#include "test/unit/tap.h"

static struct event_base *base;
static char path[64];
static int listening;

/* --- an rpcbind that answers what it is told --- */

struct answer {
	const char *bytes;
	size_t len, piece; /* sent in pieces of that size */
};

#define ANSWER(s) \
	{ \
		(s), sizeof(s) - 1, sizeof(s) - 1 \
	}
#define IN_PIECES(s, n) \
	{ \
		(s), sizeof(s) - 1, (n) \
	}

struct server {
	const struct answer *answers;
	size_t n;
	uint8_t asked[2][512]; /* the first two requests */
	size_t lengths[2];
};

static size_t
read_message(int fd, uint8_t *message)
{
	uint32_t mark;

	if (recv(fd, message, 4, MSG_WAITALL) != 4)
		return 0;
	memcpy(&mark, message, 4);
	mark = ntohl(mark) & 0x7fffffff;
	if (mark > 500 || recv(fd, message + 4, mark, MSG_WAITALL) != (ssize_t)mark)
		return 0;
	return mark + 4;
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(listening, NULL, NULL);

	for (size_t i = 0; i < s->n; i++) {
		const struct answer *a = &s->answers[i];
		uint8_t message[512];
		size_t len = read_message(fd, message);

		if (i < 2) {
			memcpy(s->asked[i], message, len);
			s->lengths[i] = len;
		}
		for (size_t sent = 0; sent < a->len; sent += a->piece) {
			size_t now = a->len - sent < a->piece ? a->len - sent : a->piece;

			if (send(fd, a->bytes + sent, now, MSG_NOSIGNAL) < 0)
				break;
			usleep(1000); /* so that they arrive as pieces */
		}
	}
	close(fd);
	return NULL;
}

static int calls;
static struct error told;

static void
done_cb(const struct error *err, void *arg)
{
	(void)arg;
	calls++;
	told = err ? *err : (struct error){ 0 };
	event_base_loopbreak(base);
}

static void
ask(struct rpcbind_request *requests, size_t n, struct server *s)
{
	pthread_t thread;

	pthread_create(&thread, NULL, serve, s);
	calls = 0;
	rpcbind_start(base, path, requests, n, done_cb, NULL);
	is_int(calls, 0, "nothing is called back at once");
	event_base_dispatch(base);
	pthread_join(thread, NULL);
	is_int(calls, 1, "called back once");
}

/* --- cases --- */

static void
describe(const char *host, int family, int socktype, int protocol, const char *netid, const char *wanted)
{
	struct addr a = { .socktype = socktype, .protocol = protocol };
	char address[RPCBIND_ADDRESS] = "";
	const char *got;

	a.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		inet_pton(AF_INET, host, &a.in.sin_addr);
	else if (family == AF_INET6)
		inet_pton(AF_INET6, host, &a.in6.sin6_addr);
	if (family != AF_UNIX)
		addr_set_port(&a, 2049);
	got = rpcbind_describe(&a, address);
	is(got ? got : "none", netid, "the netid");
	if (wanted)
		is(address, wanted, "the universal address");
}

/* id, REPLY, accepted, no verifier, success, and then the answer. */
#define YES(id) "\x80\0\0\x1c\0\0\0" id "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define NO(id) "\x80\0\0\x1c\0\0\0" id "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void
two_requests(void)
{
	static const struct answer answers[] = { IN_PIECES(NO("\1"), 5), ANSWER(YES("\2")) };
	/* The mark; id, CALL, version 2, program, version 4, SET, nobody; then what is to be set. */
	static const char set[] = "\x80\0\0\x50\0\0\0\2\0\0\0\0\0\0\0\2\0\1\x86\xa0\0\0\0\4\0\0\0\1"
				  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4\x93\xe0\0\0\0\2\0\0\0\3udp\0"
				  "\0\0\0\x0f"
				  "127.0.0.1.8.1xx\0"
				  "\0\0\0\0";
	struct rpcbind_request q[] = {
		{ .what = RPCBIND_UNSET, .program = 300000, .version = 2, .netid = "udp", .done = true },
		{ .what = RPCBIND_SET,
		  .program = 300000,
		  .version = 2,
		  .netid = "udp",
		  .address = "127.0.0.1.8.1xx" },
	};
	struct server s = { .answers = answers, .n = 2 };

	ask(q, 2, &s);
	is(told.text, "", "no error");
	ok(!q[0].done && q[1].done, "a no and a yes");
	is_int((long long)s.lengths[1], sizeof(set) - 1, "length of a request");
	ok(s.lengths[1] == sizeof(set) - 1 && memcmp(s.asked[1], set, sizeof(set) - 1) == 0,
	   "a request, byte for byte");
	is_int(s.asked[0][27], 2, "the other is UNSET");
}

static void
bad_answers(void)
{
	static const struct {
		struct answer answer;
		const char *what;
	} cases[] = {
		{ ANSWER(YES("\7")), "of another call" },
		{ ANSWER("\x80\0\0\x1c\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
		  "no reply" },
		{ ANSWER("\x80\0\0\x1c\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), "denied" },
		{ ANSWER("\x80\0\0\x1c\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"),
		  "no such program" },
		{ ANSWER("\x80\0\0\x1c\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\1"),
		  "a verifier without end" },
		{ ANSWER("\x80\0\0\x18\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "too short" },
		{ ANSWER("\x80\0\xff\xff\0\0\0\1"), "too long" },
		{ ANSWER(YES("\1") "more"), "more than was asked for" },
		{ ANSWER("\x80\0"), "cut off" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpcbind_request q = {
			.what = RPCBIND_SET, .program = 1, .version = 1, .netid = "tcp"
		};
		struct server s = { .answers = &cases[i].answer, .n = 1 };

		ask(&q, 1, &s);
		ok(told.errnum && !q.done, "an answer that is wrong: %s", cases[i].what);
	}
}

static void
verifier(void)
{
	static const struct answer answer =
		ANSWER("\x80\0\0\x24\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\5abcde\0\0\0\0\0\0\0\0\0\0\1");
	struct rpcbind_request q = { .what = RPCBIND_SET, .program = 1, .version = 1, .netid = "tcp" };
	struct server s = { .answers = &answer, .n = 1 };

	ask(&q, 1, &s);
	ok(!told.errnum && q.done, "a verifier is skipped");
}

static void
nobody(void)
{
	struct rpcbind_request q = { .what = RPCBIND_SET, .program = 1, .version = 1, .netid = "tcp" };

	calls = 0;
	rpcbind_start(base, "/nowhere/at/all", &q, 1, done_cb, NULL);
	event_base_dispatch(base);
	is_int(calls, 1, "called back once");
	is_int(told.errnum, ENOENT, "nobody is there");
	is(told.text, "rpcbind: connect to /nowhere/at/all: No such file or directory", "and that is said");
	calls = 0;
	rpcbind_cancel(rpcbind_start(base, "/nowhere/at/all", &q, 1, done_cb, NULL));
	rpcbind_cancel(rpcbind_start(base, path, &q, 1, done_cb, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	is_int(calls, 0, "whoever cancels is not called back");
}

int
main(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "/tmp/test_rpcbind.%d", (int)getpid());
	memcpy(un.sun_path, path, sizeof(path));
	listening = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listening, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(listening, 5) < 0)
		return 1;
	base = event_base_new();

	describe("127.0.0.1", AF_INET, SOCK_STREAM, 0, "tcp", "127.0.0.1.8.1");
	describe("0.0.0.0", AF_INET, SOCK_DGRAM, IPPROTO_UDP, "udp", "0.0.0.0.8.1");
	describe("::", AF_INET6, SOCK_STREAM, IPPROTO_TCP, "tcp6", "::.8.1");
	describe("2001:db8::1", AF_INET6, SOCK_DGRAM, 0, "udp6", "2001:db8::1.8.1");
	describe("127.0.0.1", AF_INET, SOCK_STREAM, IPPROTO_SCTP, "none", NULL);
	describe("127.0.0.1", AF_INET, SOCK_SEQPACKET, 0, "none", NULL);
	describe("", AF_UNIX, SOCK_STREAM, 0, "none", NULL);
	two_requests();
	verifier();
	bad_answers();
	nobody();

	event_base_free(base);
	close(listening);
	unlink(path);
	return tap_done();
}
