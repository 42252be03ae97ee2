#include "core/net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/net/resolve.h"
#include "core/sys/fd.h"

/* How often a port that the kernel chose for one address may be taken on another. */
enum { PORT_TRIES = 64 };

/* As many are accepted in a row; then other sockets have their turn. */
enum { BURST = 16 };

/* Without a pause the waiting client would wake us again and again: EMFILE does not go away. */
static const struct timeval nofile_pause = { 1, 0 };

/* One address: listening (fd >= 0), failed, or not tried yet. */
struct listener_socket {
	struct listener *listener;
	struct addr wanted, bound;
	int fd;
	struct socket_file file;
	bool held;    /* HOLD_CHILD for this socket alone */
	bool adopted; /* it was open before this listener had it */
	void *user;
	struct socket_fail *fail;   /* of the last try; NULL: none was refused */
	struct evconnlistener *lev; /* LISTENER_ACCEPT */
	struct event *ready;        /* LISTENER_READY */
	unsigned burst;             /* accepted since others had their turn, at most */
	struct event *turn;         /* LISTENER_ACCEPT: our turn again */
	struct event *resume;       /* the end of a pause */
};

struct listener {
	struct event_base *base;
	const struct listener_callbacks *on;
	void *arg;
	struct listener_params params;
	char *host, *service, *device, *congestion; /* copies of what params borrowed */
	struct sock_fprog filter;                   /* likewise */
	struct resolve *resolve;
	struct listener_socket *sockets; /* one for each address; never moved while one is open */
	size_t nsockets;
	unsigned holds;
	struct event *nofile_retry;
	int busy;  /* callbacks under way */
	bool dead; /* free when the last one has returned */
};

const struct listener_params LISTENER_PARAMS = {
	.handle = -1,
	.socktype = SOCK_STREAM,
	.socket = {
		.queuesize = 3,
		.mode = -1,
		.owner = (uid_t)-1,
		.group = (gid_t)-1,
		.options = {
			.reuseaddr = 1,
			.v6only = 1,
			.reuseport = SOCKOPT_UNSET,
			.freebind = SOCKOPT_UNSET,
			.transparent = SOCKOPT_UNSET,
			.keepalive = SOCKOPT_UNSET,
			.keepalive_idle = SOCKOPT_UNSET,
			.keepalive_interval = SOCKOPT_UNSET,
			.keepalive_count = SOCKOPT_UNSET,
			.nodelay = SOCKOPT_UNSET,
			.defer_accept = SOCKOPT_UNSET,
			.fastopen = SOCKOPT_UNSET,
			.rcvbuf = SOCKOPT_UNSET,
			.sndbuf = SOCKOPT_UNSET,
			.tos = SOCKOPT_UNSET,
			.mark = SOCKOPT_UNSET,
			.priority = SOCKOPT_UNSET,
			.pktinfo = SOCKOPT_UNSET,
		},
	},
};

static void apply_holds_to(struct listener_socket *);
static void resolved_cb(struct addr_list *, const struct error *, void *arg);

static void
enter(struct listener *l)
{
	l->busy++;
}

static void
free_sockets(struct listener *l)
{
	for (size_t i = 0; i < l->nsockets; i++)
		free(l->sockets[i].fail);
	free(l->sockets);
}

static void
release_memory(struct listener *l)
{
	free_sockets(l);
	free(l->host);
	free(l->service);
	free(l->device);
	free(l->congestion);
	free(l->filter.filter);
	if (l->nofile_retry)
		event_free(l->nofile_retry);
	free(l);
}

/* Returns false if the listener is gone. */
static bool
leave(struct listener *l)
{
	if (--l->busy > 0 || !l->dead)
		return !l->dead;
	release_memory(l);
	return false;
}

static void
nofile_retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_release(arg, HOLD_NOFILE);
}

struct listener *
listener_new(struct event_base *base, const struct listener_callbacks *on, void *arg)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->on = on;
	l->arg = arg;
	return l;
}

static void
turn_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	apply_holds_to(arg);
}

/* libevent would accept for as long as there is somebody. Our turn comes again behind what else is
 * ready now. */
static void
let_others(struct listener_socket *ls)
{
	ls->burst = 0;
	if (!ls->lev || !ls->turn)
		return;
	evconnlistener_disable(ls->lev);
	event_active(ls->turn, EV_TIMEOUT, 0);
}

static void
accept_cb(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct listener_socket *ls = arg;
	struct listener *l = ls->listener;

	(void)lev;
	enter(l);
	l->on->on_accept(ls, fd, sa, (socklen_t)len, l->arg);
	if (leave(l) && ++ls->burst >= BURST)
		let_others(ls);
}

static void
accept_error_cb(struct evconnlistener *lev, void *arg)
{
	struct listener_socket *ls = arg;
	struct listener *l = ls->listener;
	int errnum = EVUTIL_SOCKET_ERROR();

	(void)lev;
	enter(l);
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM)
		listener_hold(l, HOLD_NOFILE);
	else if (errnum == EINVAL || errnum == EBADF || errnum == ENOTSOCK || errnum == EOPNOTSUPP)
		listener_socket_pause(ls, &nofile_pause); /* somebody broke the socket: it stays readable */
	if (l->on->on_accept_error)
		l->on->on_accept_error(l, errnum, l->arg);
	leave(l);
}

static void
ready_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener_socket *ls = arg;
	struct listener *l = ls->listener;

	(void)fd;
	(void)what;
	enter(l);
	if (l->on->on_ready)
		l->on->on_ready(ls, l->arg);
	leave(l);
}

static bool
is_ready_mode(const struct listener *l, const struct listener_socket *ls)
{
	return l->params.mode == LISTENER_READY || ls->bound.socktype == SOCK_DGRAM;
}

/* Lets the loop watch a socket. */
static int
watch(struct listener_socket *ls)
{
	struct listener *l = ls->listener;
	unsigned flags = LEV_OPT_LEAVE_SOCKETS_BLOCKING | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED;

	if (is_ready_mode(l, ls)) {
		ls->ready = event_new(l->base, ls->fd, EV_READ | EV_PERSIST, ready_cb, ls);
		if (!ls->ready)
			return -1;
		return l->holds || ls->held ? 0 : event_add(ls->ready, NULL);
	}
	if (fd_set_nonblocking(ls->fd, true) < 0)
		return -1;
	/* Backlog 0: it listens already. */
	ls->lev = evconnlistener_new(l->base, accept_cb, ls, flags, 0, ls->fd);
	ls->turn = evtimer_new(l->base, turn_cb, ls);
	if (!ls->lev || !ls->turn)
		return -1;
	evconnlistener_set_error_cb(ls->lev, accept_error_cb);
	return l->holds || ls->held ? 0 : evconnlistener_enable(ls->lev);
}

static void
free_events(struct listener_socket *ls)
{
	if (ls->lev)
		evconnlistener_free(ls->lev);
	if (ls->ready)
		event_free(ls->ready);
	if (ls->resume)
		event_free(ls->resume);
	if (ls->turn)
		event_free(ls->turn);
	ls->lev = NULL;
	ls->ready = ls->resume = ls->turn = NULL;
}

static void
close_socket(struct listener_socket *ls)
{
	free_events(ls);
	ls->adopted = false;
	if (ls->fd < 0)
		return;
	socket_unlink(&ls->bound, &ls->file);
	close(ls->fd);
	ls->fd = -1;
}

static bool
port_is_open(const struct addr *a)
{
	return (a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6) && addr_port(&a->sa) == 0;
}

/* The address that listens already, was asked for with port 0, and so has chosen the port; or -1. */
static int
port_chooser(const struct listener *l)
{
	for (size_t i = 0; i < l->nsockets; i++)
		if (l->sockets[i].fd >= 0 && port_is_open(&l->sockets[i].wanted))
			return (int)i;
	return -1;
}

/* A wildcard IPv6 socket that takes IPv4 as well leaves nothing to bind for 0.0.0.0. */
static bool
is_covered(const struct listener *l, const struct addr *a)
{
	if (l->params.socket.options.v6only != 0 || a->sa.sa_family != AF_INET || !addr_is_wildcard(&a->sa))
		return false;
	for (size_t i = 0; i < l->nsockets; i++) {
		const struct addr *b = &l->sockets[i].wanted;

		if (l->sockets[i].fd >= 0 && b->sa.sa_family == AF_INET6 && addr_is_wildcard(&b->sa) &&
		    b->socktype == a->socktype)
			return true;
	}
	return false;
}

static void
set_fail(struct listener_socket *ls, const struct socket_fail *fail)
{
	free(ls->fail);
	ls->fail = NULL;
	if (!fail)
		return;
	ls->fail = xcalloc(1, sizeof(*ls->fail));
	*ls->fail = *fail;
}

/* Takes over a socket that is open already. */
static bool
adopt_socket(struct listener_socket *ls, int port)
{
	struct listener *l = ls->listener;
	struct listener_spare spare;

	if (!l->on->on_open || !l->on->on_open(l, &ls->wanted, port, &spare, l->arg))
		return false;
	ls->fd = spare.fd;
	ls->bound = spare.bound;
	ls->file = spare.file;
	ls->held = spare.held;
	ls->user = spare.user;
	ls->adopted = true;
	if (ls->bound.socktype != SOCK_DGRAM)
		listen(ls->fd, l->params.socket.queuesize);
	set_fail(ls, NULL);
	return true;
}

/* Tries one address. Returns false if the port that another address of this round was given is taken
 * here, so that all of them need a new one. */
static bool
open_address(struct listener *l, size_t i, bool *tried, bool last_round)
{
	struct listener_socket *ls = &l->sockets[i];
	struct addr a = ls->wanted;
	int chooser = port_is_open(&a) ? port_chooser(l) : -1;
	struct socket_fail fail;

	if (chooser >= 0)
		addr_set_port(&a, addr_port(&l->sockets[chooser].bound.sa));
	tried[i] = true;
	if (adopt_socket(ls, chooser >= 0 ? addr_port(&a.sa) : 0))
		return true;
	ls->fd = socket_open(&a, &l->params.socket, &ls->bound, &ls->file, &fail);
	set_fail(ls, ls->fd < 0 ? &fail : NULL);
	return ls->fd >= 0 || fail.errnum != EADDRINUSE || chooser < 0 || !tried[chooser] || last_round;
}

/* Tries every address that is not open. IPv4 wildcards come last: an IPv6 one may cover them. */
static bool
open_addresses(struct listener *l, bool *tried, bool last_round)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < l->nsockets; i++) {
			const struct addr *a = &l->sockets[i].wanted;
			bool late = l->params.socket.options.v6only == 0 && a->sa.sa_family == AF_INET &&
				    addr_is_wildcard(&a->sa);

			if (late != (pass == 1) || l->sockets[i].fd >= 0 || is_covered(l, a))
				continue;
			if (l->params.first && listener_listening(l) > 0)
				return true;
			if (!open_address(l, i, tried, last_round))
				return false;
		}
	}
	return true;
}

static void
close_tried(struct listener *l, const bool *tried)
{
	for (size_t i = 0; i < l->nsockets; i++)
		if (tried[i])
			close_socket(&l->sockets[i]);
}

/* Keeps the sockets of failed rounds until the end, so that the kernel offers other ports. */
static void
open_with_one_port(struct listener *l, bool *tried)
{
	int reserved[PORT_TRIES];
	int n = 0;

	while (n < PORT_TRIES && !open_addresses(l, tried, false)) {
		reserved[n] = dup(l->sockets[port_chooser(l)].fd);
		n++;
		close_tried(l, tried);
	}
	for (int i = 0; i < n; i++)
		if (reserved[i] >= 0)
			close(reserved[i]);
	/* They may have been all there are: the last round has them again. */
	if (n == PORT_TRIES)
		open_addresses(l, tried, true);
}

static const struct socket_fail *
most_telling(const struct listener *l)
{
	const struct socket_fail *worst = NULL;

	for (size_t i = 0; i < l->nsockets; i++) {
		const struct socket_fail *f = l->sockets[i].fail;

		if (f && (!worst || f->rank > worst->rank))
			worst = f;
	}
	return worst;
}

static void
report(struct listener *l, const bool *tried)
{
	for (size_t i = 0; i < l->nsockets && !l->dead; i++) {
		struct listener_socket *ls = &l->sockets[i];

		if (!tried[i])
			continue;
		if (ls->fd >= 0 && watch(ls) < 0) {
			close_socket(ls);
			set_fail(ls, &(struct socket_fail){ .rank = FAIL_LISTEN,
							    .syscall = "epoll_ctl",
							    .errnum = errno ? errno : ENOMEM });
		}
		if (ls->fd >= 0 && ls->adopted && l->on->on_adopt)
			l->on->on_adopt(ls, l->arg);
		if (ls->fd >= 0 && l->on->on_listen)
			l->on->on_listen(ls, l->arg);
		else if (ls->fd < 0 && ls->fail && l->on->on_fail)
			l->on->on_fail(l, &ls->wanted, ls->fail, l->arg);
	}
	if (!l->dead && listener_listening(l) == 0 && l->on->on_listen_error)
		l->on->on_listen_error(l, most_telling(l), l->arg);
	if (!l->dead && l->on->on_settled)
		l->on->on_settled(l, l->arg);
}

static void
open_all(struct listener *l)
{
	bool *tried = xcalloc(l->nsockets, sizeof(*tried));

	enter(l);
	open_with_one_port(l, tried);
	report(l, tried);
	free(tried);
	leave(l);
}

static void
set_addresses(struct listener *l, const struct addr *addrs, size_t n)
{
	free_sockets(l);
	l->sockets = xcalloc(n, sizeof(*l->sockets));
	l->nsockets = n;
	for (size_t i = 0; i < n; i++) {
		l->sockets[i].listener = l;
		l->sockets[i].wanted = addrs[i];
		l->sockets[i].fd = -1;
	}
}

static int
adopt_handle(struct listener *l, int fd, struct error *err)
{
	struct addr a = { .len = sizeof(a.storage) };
	socklen_t len = sizeof(int);
	int listening = 0;
	bool tried = true;

	if (getsockname(fd, &a.sa, &a.len) < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &a.socktype, &len) < 0)
		return error_set(err, errno, "descriptor %d", fd);
	len = sizeof(listening);
	if (a.socktype != SOCK_DGRAM &&
	    (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening))
		return error_set(err, 0, "descriptor %d is not a listening socket", fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set(err, errno, "descriptor %d", fd);
	set_addresses(l, &a, 1);
	l->sockets[0].bound = a;
	l->sockets[0].fd = fd;
	enter(l);
	report(l, &tried);
	leave(l);
	return 0;
}

static int
look_up(struct listener *l, struct error *err)
{
	struct resolve_query q = {
		.host = l->params.host,
		.service = l->params.service,
		.family = l->params.family,
		.socktype = l->params.socktype,
		.protocol = l->params.protocol,
		.flags = l->params.flags,
	};
	struct addr_list list;
	struct error why = { 0 };
	int r = resolve_numeric(&q, &list, &why);

	if (r) {
		resolved_cb(r > 0 ? &list : NULL, &why, l);
		return 0;
	}
	l->resolve = resolve_start(l->base, &q, resolved_cb, l, err);
	return l->resolve ? 0 : -1;
}

static void
resolved_cb(struct addr_list *list, const struct error *err, void *arg)
{
	struct listener *l = arg;

	l->resolve = NULL;
	if (list) {
		set_addresses(l, list->addrs, list->n);
		addr_list_clear(list);
		open_all(l);
		return;
	}
	enter(l);
	if (l->on->on_resolve_error)
		l->on->on_resolve_error(l, err, l->arg);
	if (!l->dead && l->on->on_listen_error)
		l->on->on_listen_error(l, NULL, l->arg);
	if (!l->dead && l->on->on_settled)
		l->on->on_settled(l, l->arg);
	leave(l);
}

static void
copy_filter(struct listener *l, const struct sock_fprog *from)
{
	size_t size = from->len * sizeof(*from->filter);

	l->filter = (struct sock_fprog){ from->len, xcalloc(1, size) };
	memcpy(l->filter.filter, from->filter, size);
	l->params.socket.filter = &l->filter;
}

static void
copy_params(struct listener *l, const struct listener_params *p)
{
	l->params = *p;
	l->params.addrs = NULL;
	l->params.host = l->host = p->host ? xstrdup(p->host) : NULL;
	l->params.service = l->service = p->service ? xstrdup(p->service) : NULL;
	l->device = p->socket.options.device ? xstrdup(p->socket.options.device) : NULL;
	l->congestion = p->socket.options.congestion ? xstrdup(p->socket.options.congestion) : NULL;
	l->params.socket.options.device = l->device;
	l->params.socket.options.congestion = l->congestion;
	if (p->socket.filter)
		copy_filter(l, p->socket.filter);
}

int
listener_listen(struct listener *l, const struct listener_params *p, struct error *err)
{
	bool by_name = p->host || p->service;
	int ways = (p->handle >= 0) + (p->naddrs > 0) + by_name;

	if (ways != 1)
		return error_set(err, 0, "a listener takes one of: a handle, addresses, a host and service");
	if (l->host || l->service || l->nsockets || l->resolve)
		return error_set(err, 0, "the listener listens already");
	copy_params(l, p);
	if (p->handle >= 0)
		return adopt_handle(l, p->handle, err);
	if (by_name)
		return look_up(l, err);
	set_addresses(l, p->addrs, p->naddrs);
	open_all(l);
	return 0;
}

void
listener_retry(struct listener *l)
{
	struct error err;

	if (l->resolve || l->params.handle >= 0)
		return;
	if (l->nsockets == 0) {
		if (look_up(l, &err) < 0)
			resolved_cb(NULL, &err, l);
		return;
	}
	open_all(l);
}

void
listener_close(struct listener *l)
{
	resolve_cancel(l->resolve);
	l->resolve = NULL;
	for (size_t i = 0; i < l->nsockets; i++)
		close_socket(&l->sockets[i]);
}

void
listener_set_arg(struct listener *l, void *arg)
{
	l->arg = arg;
}

void *
listener_arg(const struct listener *l)
{
	return l->arg;
}

bool
listener_detach(struct listener *l, struct listener_spare *spare)
{
	struct listener_socket *ls = listener_socket_at(l, 0);

	if (!ls)
		return false;
	free_events(ls);
	/* As it was opened: whoever gets it next may be a program. */
	if (!is_ready_mode(l, ls))
		fd_set_nonblocking(ls->fd, false);
	*spare = (struct listener_spare){ .wanted = ls->wanted,
					  .bound = ls->bound,
					  .fd = ls->fd,
					  .file = ls->file,
					  .held = ls->held && ls->user,
					  .user = ls->user };
	ls->fd = -1;
	ls->held = false;
	ls->user = NULL;
	return true;
}

void
listener_spare_close(struct listener_spare *spare)
{
	socket_unlink(&spare->bound, &spare->file);
	close(spare->fd);
	spare->fd = -1;
}

void
listener_set_queue(struct listener *l, int queuesize)
{
	l->params.socket.queuesize = queuesize;
	for (size_t i = 0; i < l->nsockets; i++)
		if (l->sockets[i].fd >= 0 && l->sockets[i].bound.socktype != SOCK_DGRAM)
			listen(l->sockets[i].fd, queuesize);
}

bool
listener_is_resolving(const struct listener *l)
{
	return l->resolve != NULL;
}

void
listener_free(struct listener *l)
{
	if (!l || l->dead)
		return;
	listener_close(l);
	l->dead = true;
	if (l->busy == 0)
		release_memory(l);
}

static void
apply_holds_to(struct listener_socket *ls)
{
	bool held = ls->listener->holds || ls->held;

	if (ls->lev && held)
		evconnlistener_disable(ls->lev);
	else if (ls->lev)
		evconnlistener_enable(ls->lev);
	if (ls->ready && held)
		event_del(ls->ready);
	else if (ls->ready)
		event_add(ls->ready, NULL);
}

static void
apply_holds(struct listener *l)
{
	for (size_t i = 0; i < l->nsockets; i++)
		apply_holds_to(&l->sockets[i]);
}

void
listener_socket_hold(struct listener_socket *ls)
{
	ls->held = true;
	apply_holds_to(ls);
}

void
listener_socket_release(struct listener_socket *ls)
{
	ls->held = false;
	apply_holds_to(ls);
}

void
listener_socket_set_user(struct listener_socket *ls, void *user)
{
	ls->user = user;
}

void *
listener_socket_user(const struct listener_socket *ls)
{
	return ls->user;
}

static void
resume_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_socket_release(arg);
}

void
listener_socket_pause(struct listener_socket *ls, const struct timeval *tv)
{
	if (ls->fd < 0)
		return;
	listener_socket_hold(ls);
	if (!ls->resume)
		ls->resume = evtimer_new(ls->listener->base, resume_cb, ls);
	if (!ls->resume || evtimer_add(ls->resume, tv) < 0)
		listener_socket_release(ls);
}

void
listener_hold(struct listener *l, enum listener_hold why)
{
	unsigned before = l->holds;

	l->holds |= why;
	if (!before)
		apply_holds(l);
	if (why != HOLD_NOFILE)
		return;
	if (!l->nofile_retry)
		l->nofile_retry = evtimer_new(l->base, nofile_retry_cb, l);
	/* Without the timer nobody would ever release it: rather spin than stop for good. */
	if (!l->nofile_retry || evtimer_add(l->nofile_retry, &nofile_pause) < 0)
		listener_release(l, HOLD_NOFILE);
}

void
listener_release(struct listener *l, enum listener_hold why)
{
	unsigned before = l->holds;

	l->holds &= ~(unsigned)why;
	if (before && !l->holds)
		apply_holds(l);
}

unsigned
listener_holds(const struct listener *l)
{
	return l->holds;
}

size_t
listener_listening(const struct listener *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nsockets; i++)
		n += l->sockets[i].fd >= 0;
	return n;
}

size_t
listener_addresses(const struct listener *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nsockets; i++)
		n += !is_covered(l, &l->sockets[i].wanted);
	return n;
}

struct listener_socket *
listener_socket_at(struct listener *l, size_t index)
{
	for (size_t i = 0; i < l->nsockets; i++)
		if (l->sockets[i].fd >= 0 && index-- == 0)
			return &l->sockets[i];
	return NULL;
}

struct listener *
listener_of(const struct listener_socket *ls)
{
	return ls->listener;
}

int
listener_socket_fd(const struct listener_socket *ls)
{
	return ls->fd;
}

const struct addr *
listener_socket_addr(const struct listener_socket *ls)
{
	return &ls->bound;
}
