/*
 * An echo server on core/net/listener: the synopsis of its header as a whole program.
 *
 *	echo HOST SERVICE
 *
 * It listens on every address that HOST stands for, prints each one, and sends back whatever comes
 * until it gets TERM or INT. SERVICE is a port or its name; with 0 the kernel chooses one port, the
 * same on all addresses. Nothing here but listener_*() and LISTENER_PARAMS is evinetd's: the rest
 * is libevent, as in any other program.
 */
#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/net/listener.h"

/* A client that sends without reading the echo must not fill our memory. */
enum { UNREAD_MAX = 1 << 20 };

struct client {
	LIST_ENTRY(client) entry;
	struct bufferevent *bev;
	bool ended; /* it sends no more: close when everything is sent back */
};

struct server {
	struct event_base *base;
	LIST_HEAD(, client) clients;
	int status;
};

/* --- one connection: libevent's own business --- */

static void
client_free(struct client *c)
{
	LIST_REMOVE(c, entry);
	bufferevent_free(c->bev); /* closes the descriptor, too */
	free(c);
}

static void
read_cb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *out = bufferevent_get_output(bev);

	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
	if (evbuffer_get_length(out) > UNREAD_MAX)
		bufferevent_disable(bev, EV_READ);
}

/* Everything is sent. */
static void
write_cb(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	if (c->ended)
		client_free(c);
	else
		bufferevent_enable(bev, EV_READ);
}

static void
event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	c->ended = true;
	if ((what & BEV_EVENT_ERROR) || evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		client_free(c);
}

/* --- the listener's callbacks --- */

/* The descriptor is ours now. It blocks, which suits a program that would get it as its standard
 * input; libevent wants it otherwise. */
static void
on_accept(struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len, void *arg)
{
	struct server *s = arg;
	struct client *c = calloc(1, sizeof(*c));

	(void)ls;
	(void)peer;
	(void)len;
	if (!c)
		err(1, "calloc");
	evutil_make_socket_nonblocking(fd);
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		errx(1, "bufferevent_socket_new");
	LIST_INSERT_HEAD(&s->clients, c, entry);
	bufferevent_setcb(c->bev, read_cb, write_cb, event_cb, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* Once for each socket. The address is the real one: with port 0, the port that the kernel chose. */
static void
on_listen(struct listener_socket *ls, void *arg)
{
	char text[ADDR_TEXT];

	(void)arg;
	printf("%s\n", addr_format_url(listener_socket_addr(ls), text));
	fflush(stdout);
}

/* Once for each address that cannot be had, with the call that was refused. The others go on. */
static void
on_fail(struct listener *l, const struct addr *a, const struct socket_fail *f, void *arg)
{
	char text[ADDR_TEXT];

	(void)l;
	(void)arg;
	warnx("%s: %s(%s): %s", addr_format_url(a, text), f->syscall, f->args, strerror(f->errnum));
}

static void
on_resolve_error(struct listener *l, const struct error *e, void *arg)
{
	(void)l;
	(void)arg;
	warnx("%s", e->text);
}

/* No address is left: there is nothing to serve. */
static void
on_listen_error(struct listener *l, const struct socket_fail *f, void *arg)
{
	struct server *s = arg;

	(void)l;
	(void)f;
	s->status = 1;
	event_base_loopexit(s->base, NULL);
}

static const struct listener_callbacks callbacks = {
	.on_accept = on_accept,
	.on_listen = on_listen,
	.on_fail = on_fail,
	.on_resolve_error = on_resolve_error,
	.on_listen_error = on_listen_error,
};

static void
signal_cb(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(arg);
}

int
main(int argc, char **argv)
{
	struct listener_params params = LISTENER_PARAMS;
	struct server s = { .status = 0 };
	struct event *term, *interrupt;
	struct listener *l;
	struct error e;

	if (argc != 3)
		errx(64, "usage: echo HOST SERVICE");
	signal(SIGPIPE, SIG_IGN); /* a client that has gone is an error of its connection only */
	LIST_INIT(&s.clients);
	s.base = event_base_new();
	if (!s.base)
		errx(1, "event_base_new");
	term = evsignal_new(s.base, SIGTERM, signal_cb, s.base);
	interrupt = evsignal_new(s.base, SIGINT, signal_cb, s.base);
	if (!term || !interrupt || event_add(term, NULL) < 0 || event_add(interrupt, NULL) < 0)
		errx(1, "evsignal_new");

	l = listener_new(s.base, &callbacks, &s);
	params.host = argv[1];
	params.service = argv[2];
	/* -1 means that the params make no sense. Everything else is told by the callbacks: now, or
	 * from the loop if the name has to be looked up. */
	if (listener_listen(l, &params, &e) < 0)
		errx(64, "%s", e.text);
	event_base_dispatch(s.base);

	listener_free(l);
	for (struct client *c = LIST_FIRST(&s.clients), *next; c; c = next) {
		next = LIST_NEXT(c, entry);
		client_free(c);
	}
	event_free(term);
	event_free(interrupt);
	event_base_free(s.base);
	return s.status;
}
