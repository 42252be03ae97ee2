#include "core/net/ident.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"

enum { IDENT_PORT = 113 };

struct ident {
	struct event_base *base;
	struct event event;
	int fd;
	int64_t deadline_ms;
	int peer_port, local_port;
	ident_cb cb;
	void *arg;
	bool asked;
	size_t len;
	char reply[IDENT_REPLY];
};

/* --- the answer --- */

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* A port, then blanks and the character that ends it. NULL if that is not there. */
static const char *
read_port(const char *p, const char *end, int *port, char then)
{
	int n = 0;
	const char *digits = p = skip_blanks(p, end);

	for (; p < end && *p >= '0' && *p <= '9' && n <= 65535; p++)
		n = n * 10 + (*p - '0');
	if (p == digits || n > 65535)
		return NULL;
	p = skip_blanks(p, end);
	if (p == end || *p != then)
		return NULL;
	*port = n;
	return p + 1;
}

/* A word up to a colon, or to the end, without the blanks around it. Returns what is behind the colon, or
 * `end`. */
static const char *
read_word(const char *p, const char *end, const char **word, size_t *len)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	const char *stop = colon ? colon : end;

	*word = p = skip_blanks(p, stop);
	while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*len = (size_t)(stop - p);
	return colon ? colon + 1 : end;
}

static bool
is_word(const char *word, size_t len, const char *expected)
{
	return len == strlen(expected) && memcmp(word, expected, len) == 0;
}

int
ident_parse(const char *line, size_t len, int peer_port, int local_port, struct ident_user *user,
	    struct error *err)
{
	const char *p = line, *end = line + len, *word;
	int theirs = 0, ours = 0;
	size_t n;

	if (len > 0 && end[-1] == '\n')
		end--;
	if (end > p && end[-1] == '\r')
		end--;
	if (memchr(p, '\0', (size_t)(end - p)) || memchr(p, '\r', (size_t)(end - p)) ||
	    memchr(p, '\n', (size_t)(end - p)))
		return error_set(err, 0, "the answer is not one line of text");
	p = read_port(p, end, &theirs, ',');
	if (p)
		p = read_port(p, end, &ours, ':');
	if (!p)
		return error_set(err, 0, "the answer does not begin with two ports");
	if (theirs != peer_port || ours != local_port)
		return error_set(err, 0, "the answer is about ports %d and %d", theirs, ours);
	p = read_word(p, end, &word, &n);
	if (is_word(word, n, "ERROR")) {
		read_word(p, end, &word, &n);
		return n ? error_set(err, 0, "%.*s", n > 64 ? 64 : (int)n, word) : error_set(err, 0, "ERROR");
	}
	if (!is_word(word, n, "USERID"))
		return error_set(err, 0, "the answer is neither USERID nor ERROR");
	p = read_word(p, end, &word, &n); /* the system, and perhaps a character set */
	if (n == 0)
		return error_set(err, 0, "the answer names no system");
	if (n >= IDENT_SYSTEM)
		return error_set(err, 0, "the name of the system is too long");
	memcpy(user->system, word, n);
	user->system[n] = '\0';
	p = skip_blanks(p, end);
	if (p == end)
		return error_set(err, 0, "the answer names no user");
	if (end - p >= IDENT_USER)
		return error_set(err, 0, "the name of the user is too long");
	memcpy(user->name, p, (size_t)(end - p));
	user->name[end - p] = '\0';
	return 0;
}

/* --- the question --- */

static void
answer(struct ident *i, const struct ident_user *user, const struct error *err)
{
	ident_cb cb = i->cb;
	void *arg = i->arg;

	ident_cancel(i);
	cb(user, err, arg);
}

static void
fail(struct ident *i, int errnum, const char *what)
{
	struct error err = { 0 };

	error_set(&err, errnum, "%s", what);
	answer(i, NULL, &err);
}

static void
read_answer(struct ident *i)
{
	struct error err = { 0 };
	struct ident_user user;
	ssize_t n = recv(i->fd, i->reply + i->len, sizeof(i->reply) - i->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(i, errno, "read the answer");
		return;
	}
	i->len += (size_t)n;
	if (n > 0 && !memchr(i->reply, '\n', i->len)) {
		if (i->len == sizeof(i->reply))
			fail(i, 0, "the answer is too long");
		return;
	}
	if (i->len == 0) {
		fail(i, 0, "there is no answer");
		return;
	}
	/* What comes behind the first line is nobody's. */
	if (memchr(i->reply, '\n', i->len))
		i->len = (size_t)((char *)memchr(i->reply, '\n', i->len) - i->reply) + 1;
	if (ident_parse(i->reply, i->len, i->peer_port, i->local_port, &user, &err) < 0)
		answer(i, NULL, &err);
	else
		answer(i, &user, NULL);
}

static void ready_cb(evutil_socket_t, short, void *);

static int
watch(struct ident *i, short what)
{
	int64_t left = i->deadline_ms - clock_monotonic_ms();
	struct timeval tv;

	left = left > 0 ? left : 1;
	tv = (struct timeval){ left / 1000, (left % 1000) * 1000 };
	event_assign(&i->event, i->base, i->fd, (short)(what | EV_PERSIST), ready_cb, i);
	return event_add(&i->event, &tv);
}

static void
ask(struct ident *i)
{
	char question[32];
	int errnum = 0;
	socklen_t len = sizeof(errnum);
	int n;

	if (getsockopt(i->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0 || errnum) {
		fail(i, errnum ? errnum : errno, "connect to port 113");
		return;
	}
	n = snprintf(question, sizeof(question), "%d , %d\r\n", i->peer_port, i->local_port);
	/* So few bytes always fit into a new connection. */
	if (send(i->fd, question, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n) {
		fail(i, errno, "send the question");
		return;
	}
	i->asked = true;
	event_del(&i->event);
	if (watch(i, EV_READ) < 0)
		fail(i, ENOMEM, "wait for the answer");
}

static void
ready_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ident *i = arg;

	(void)fd;
	/* An answer that comes in small pieces must not put it off. */
	if (what & EV_TIMEOUT || clock_monotonic_ms() >= i->deadline_ms)
		fail(i, 0, i->asked ? "no answer in time" : "no connection to port 113 in time");
	else if (i->asked)
		read_answer(i);
	else
		ask(i);
}

static struct addr
address_of(const struct sockaddr *sa)
{
	struct addr a = { .len = sa->sa_family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in) };

	memcpy(&a.storage, sa, a.len);
	addr_unmap(&a.storage, &a.len);
	return a;
}

struct ident *
ident_ask(struct event_base *base, const struct sockaddr *peer, const struct sockaddr *local,
	  int64_t timeout_ms, ident_cb cb, void *arg, struct error *err)
{
	struct addr to = address_of(peer), from = address_of(local);
	struct ident *i;

	if (to.sa.sa_family != from.sa.sa_family) {
		error_set(err, 0, "the two ends are of different families");
		return NULL;
	}
	i = xcalloc(1, sizeof(*i));
	i->base = base;
	i->cb = cb;
	i->arg = arg;
	i->peer_port = addr_port(peer);
	i->local_port = addr_port(local);
	i->deadline_ms = clock_monotonic_ms() + timeout_ms;
	addr_set_port(&to, IDENT_PORT);
	addr_set_port(&from, 0);
	i->fd = socket(peer->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (i->fd < 0) {
		error_set(err, errno, "socket");
		free(i);
		return NULL;
	}
	/* From the address that the peer has connected to: only then does it know what is meant. */
	if (bind(i->fd, &from.sa, from.len) < 0) {
		error_set(err, errno, "bind the address that was connected to");
		goto fail;
	}
	if (connect(i->fd, &to.sa, to.len) < 0 && errno != EINPROGRESS) {
		error_set(err, errno, "connect to port 113");
		goto fail;
	}
	if (watch(i, EV_WRITE) < 0) {
		error_set(err, ENOMEM, "wait for a connection to port 113");
		goto fail;
	}
	return i;

fail:
	close(i->fd);
	free(i);
	return NULL;
}

void
ident_cancel(struct ident *i)
{
	if (!i)
		return;
	event_del(&i->event);
	close(i->fd);
	free(i);
}
