#include "core/net/rpcbind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.h"

const char rpcbind_socket[] = "/run/rpcbind.sock";

/* Words of the protocol: RFC 5531 and RFC 1833. */
enum { CALL = 0, REPLY = 1, RPC_VERSION = 2, RPCB_PROGRAM = 100000, RPCB_VERSION = 4 };
enum { LAST_FRAGMENT = 1U << 31 };

enum { MESSAGE_MAX = 512 };

/* How long one answer may take. */
static const struct timeval patience = { 3, 0 };

struct rpcbind {
	struct event_base *base;
	struct event event;
	int fd;
	struct rpcbind_request *requests;
	size_t n, next; /* next is the one that is not answered yet */
	uint8_t reply[MESSAGE_MAX];
	size_t got;
	struct error err; /* before there was a connection */
	rpcbind_cb callback;
	void *arg;
};

const char *
rpcbind_describe(const struct addr *a, char address[RPCBIND_ADDRESS])
{
	bool stream = a->socktype == SOCK_STREAM;
	bool inet6 = a->sa.sa_family == AF_INET6;
	int usual = stream ? IPPROTO_TCP : IPPROTO_UDP;
	char ip[INET6_ADDRSTRLEN];
	int port = addr_port(&a->sa);

	if ((!inet6 && a->sa.sa_family != AF_INET) || (!stream && a->socktype != SOCK_DGRAM) ||
	    (a->protocol && a->protocol != usual))
		return NULL;
	if (inet6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
	snprintf(address, RPCBIND_ADDRESS, "%s.%d.%d", ip, port >> 8, port & 0xff);
	if (inet6)
		return stream ? "tcp6" : "udp6";
	return stream ? "tcp" : "udp";
}

/* --- messages --- */

static uint8_t *
put_number(uint8_t *p, uint32_t n)
{
	n = htonl(n);
	memcpy(p, &n, sizeof(n));
	return p + sizeof(n);
}

static uint32_t
number_at(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return ntohl(n);
}

/* Its length, the bytes, and zeros up to a multiple of four. */
static uint8_t *
put_string(uint8_t *p, const char *s)
{
	size_t len = strlen(s);

	p = put_number(p, (uint32_t)len);
	memset(p, 0, len + 3);
	text_put((char *)p, s);
	return p + (len + 3) / 4 * 4;
}

static size_t
make_call(uint8_t message[MESSAGE_MAX], const struct rpcbind_request *q, uint32_t id)
{
	uint8_t *p = message + 4;

	p = put_number(p, id);
	p = put_number(p, CALL);
	p = put_number(p, RPC_VERSION);
	p = put_number(p, RPCB_PROGRAM);
	p = put_number(p, RPCB_VERSION);
	p = put_number(p, (uint32_t)q->what);
	/* No credentials and no verifier: the socket tells who we are. */
	memset(p, 0, 16);
	p += 16;
	p = put_number(p, q->program);
	p = put_number(p, q->version);
	p = put_string(p, q->netid);
	p = put_string(p, q->address);
	p = put_string(p, ""); /* the owner: rpcbind puts in whom it sees */
	put_number(message, (uint32_t)LAST_FRAGMENT | (uint32_t)(p - message - 4));
	return (size_t)(p - message);
}

/* The whole reply to a call: 1 for yes, 0 for no, -1 if it is none. */
static int
read_reply(const uint8_t *p, size_t len, uint32_t id)
{
	size_t verifier;

	/* id, REPLY, accepted, verifier (its kind, its length, its bytes), success, the answer */
	if (len < 28 || number_at(p) != id || number_at(p + 4) != REPLY || number_at(p + 8) != 0)
		return -1;
	verifier = number_at(p + 16);
	if (verifier > len || (verifier + 3) / 4 * 4 != len - 28)
		return -1;
	p += len - 8;
	return number_at(p) == 0 ? number_at(p + 4) == 1 : -1;
}

/* --- the conversation --- */

static void
finish(struct rpcbind *r, const struct error *err)
{
	rpcbind_cb callback = r->callback;
	struct error copy;
	void *arg = r->arg;

	if (err)
		copy = *err;
	rpcbind_cancel(r);
	callback(err ? &copy : NULL, arg);
}

static void
fail(struct rpcbind *r, int errnum, const char *what)
{
	struct error err;

	error_set(&err, errnum, "rpcbind: %s", what);
	finish(r, &err);
}

static void
send_next(struct rpcbind *r)
{
	uint8_t message[MESSAGE_MAX];
	size_t len;

	if (r->next == r->n) {
		finish(r, NULL);
		return;
	}
	r->got = 0;
	len = make_call(message, &r->requests[r->next], (uint32_t)r->next + 1);
	if (send(r->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
		fail(r, errno, "send");
	else if (event_add(&r->event, &patience) < 0)
		fail(r, ENOMEM, "watch the connection");
}

/* Nothing but the reply can come: it is the answer to the only question. */
static void
reply_cb(evutil_socket_t fd, short what, void *arg)
{
	struct rpcbind *r = arg;
	ssize_t n;
	size_t len;
	int answer;

	if (what & EV_TIMEOUT) {
		fail(r, ETIMEDOUT, "answer");
		return;
	}
	n = recv(fd, r->reply + r->got, sizeof(r->reply) - r->got, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(r, n < 0 ? errno : ECONNRESET, "answer");
		return;
	}
	r->got += (size_t)n;
	if (r->got < 4)
		return;
	len = number_at(r->reply) & ~(uint32_t)LAST_FRAGMENT;
	if (len > sizeof(r->reply) - 4 || r->got > len + 4) {
		fail(r, EBADMSG, "answer");
		return;
	}
	if (r->got < len + 4)
		return;
	answer = read_reply(r->reply + 4, len, (uint32_t)r->next + 1);
	if (answer < 0) {
		fail(r, EBADMSG, "answer");
		return;
	}
	r->requests[r->next++].done = answer;
	send_next(r);
}

static void
begin_cb(evutil_socket_t fd, short what, void *arg)
{
	struct rpcbind *r = arg;

	(void)fd;
	(void)what;
	if (r->fd < 0) {
		finish(r, &r->err);
		return;
	}
	event_assign(&r->event, r->base, r->fd, EV_READ | EV_PERSIST, reply_cb, r);
	send_next(r);
}

/* A unix socket connects at once, or not at all. */
static int
connect_to(const char *path, struct error *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_set(err, errno, "rpcbind: socket");
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		error_set(err, errno, "rpcbind: connect to %s", path);
		close(fd);
		return -1;
	}
	return fd;
}

struct rpcbind *
rpcbind_start(struct event_base *base, const char *path, struct rpcbind_request *requests, size_t n,
	      rpcbind_cb callback, void *arg)
{
	struct rpcbind *r = xcalloc(1, sizeof(*r));

	r->base = base;
	r->requests = requests;
	r->n = n;
	r->callback = callback;
	r->arg = arg;
	r->fd = connect_to(path, &r->err);
	/* From the loop, so that whoever asks need not be ready for the answer yet. */
	evtimer_assign(&r->event, base, begin_cb, r);
	event_active(&r->event, EV_TIMEOUT, 0);
	return r;
}

void
rpcbind_cancel(struct rpcbind *r)
{
	if (!r)
		return;
	event_del(&r->event);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
