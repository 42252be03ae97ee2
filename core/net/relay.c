#include "core/net/relay.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/sys/fd.h"
#include "core/sys/spawn.h"

enum {
	SMALL = 16 * 1024,        /* up to here two copies cost less than the calls for a pipe */
	PIPE_BYTES = 256 * 1024,  /* what a pipe is asked to hold */
	BUDGET = 4 * PIPE_BYTES,  /* per direction and wake-up, so that others have their turn */
	MESSAGE_MAX = 256 * 1024, /* the longest message of a seqpacket socket by default */
};

/* --- pipes --- */

enum { PIPES_MAX = 1024, UNUSED_MAX = 64 };

static struct {
	int unused[UNUSED_MAX][2];
	int nunused;
	int open; /* the unused ones included */
	int max;  /* of them; 0: not known yet */
} pipes;

/* Most descriptors are for connections. */
static int
pipes_max(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return 1;
	return l.rlim_cur / 16 < PIPES_MAX ? (int)(l.rlim_cur / 16) : PIPES_MAX;
}

static bool
take_pipe(struct relay_way *w)
{
	if (w->pipe[0] >= 0)
		return true;
	if (pipes.nunused > 0) {
		memcpy(w->pipe, pipes.unused[--pipes.nunused], sizeof(w->pipe));
		return true;
	}
	if (!pipes.max)
		pipes.max = pipes_max();
	if (pipes.open >= pipes.max || pipe2(w->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		w->pipe[0] = w->pipe[1] = -1;
		return false;
	}
	for (int i = 0; i < 2; i++)
		w->pipe[i] = fd_move_up(w->pipe[i], spawn_shared_below());
	/* Refused beyond a user's share of memory for pipes; a smaller one will do. */
	fcntl(w->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	pipes.open++;
	return true;
}

static void
close_pipe(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
	pipes.open--;
}

static void
give_pipe_back(struct relay_way *w)
{
	if (w->pipe[0] < 0)
		return;
	/* One with something in it is of no use to anybody else. */
	if (w->held > 0 || pipes.nunused >= UNUSED_MAX || pipes.nunused >= pipes.max / 4)
		close_pipe(w->pipe);
	else
		memcpy(pipes.unused[pipes.nunused++], w->pipe, sizeof(w->pipe));
	w->pipe[0] = w->pipe[1] = -1;
}

void
relay_free_unused(void)
{
	while (pipes.nunused > 0)
		close_pipe(pipes.unused[--pipes.nunused]);
}

/* --- one direction --- */

static bool
may_come_later(int errnum)
{
	return errnum == EAGAIN || errnum == EINTR;
}

static void
moved(struct relay *r, struct relay_way *w, size_t n)
{
	w->bytes += n;
	r->active_ms = clock_monotonic_ms();
}

/* Forgets what is under way. */
static void
clear_way(struct relay_way *w)
{
	give_pipe_back(w);
	free(w->rest);
	w->rest = NULL;
	w->held = w->at = 0;
}

static void
failed(struct relay *r, int errnum)
{
	if (!r->errnum)
		r->errnum = errnum;
}

/* Nothing more comes from this side; all of what came is passed on, because only then is it asked for
 * more. One that is broken gets nothing more, either. */
static void
source_ended(struct relay *r, int from, int errnum)
{
	struct relay_way *back = &r->way[!from];

	shutdown(r->side[!from].fd, SHUT_WR);
	r->way[from].state = WAY_DONE;
	if (!errnum)
		return;
	failed(r, errnum);
	clear_way(back);
	back->state = WAY_DONE;
}

/* The other side takes nothing more, but it may still have something to say. */
static void
sink_failed(struct relay *r, int from, int errnum)
{
	failed(r, errnum);
	clear_way(&r->way[from]);
	r->way[from].state = WAY_DROPS;
}

static void
keep(struct relay_way *w, const char *p, size_t n)
{
	w->rest = memcpy(xrealloc(NULL, n), p, n);
	w->at = 0;
	w->held = n;
}

/* What the kernel refuses to splice into the sink has to be fetched back. */
static void
fetch_from_pipe(struct relay_way *w)
{
	char *p = xrealloc(NULL, w->held);
	size_t n = 0;

	while (n < w->held) {
		ssize_t r = read(w->pipe[0], p + n, w->held - n);

		if (r <= 0)
			break; /* cannot happen: that much is in there */
		n += (size_t)r;
	}
	w->held = 0;
	give_pipe_back(w);
	w->no_splice = true;
	w->rest = p;
	w->at = 0;
	w->held = n;
}

/* Writes what is under way. True if nothing is left. */
static bool
deliver(struct relay *r, int from)
{
	struct relay_way *w = &r->way[from];
	int to = r->side[!from].fd;

	while (w->held > 0) {
		ssize_t n = w->rest ? send(to, w->rest + w->at, w->held, MSG_DONTWAIT | MSG_NOSIGNAL)
				    : splice(w->pipe[0], NULL, to, NULL, w->held,
					     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINVAL && !w->rest) {
			fetch_from_pipe(w);
			continue;
		}
		if (n < 0) {
			if (!may_come_later(errno))
				sink_failed(r, from, errno);
			return false;
		}
		w->at += (size_t)n;
		w->held -= (size_t)n;
		moved(r, w, (size_t)n);
	}
	clear_way(w);
	return true;
}

/* Writes at once, without keeping anything. False if not all of it could be written. */
static bool
pass_on(struct relay *r, int from, const char *p, size_t n)
{
	struct relay_way *w = &r->way[from];
	ssize_t sent = send(r->side[!from].fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && !may_come_later(errno)) {
		sink_failed(r, from, errno);
		return false;
	}
	if (sent > 0)
		moved(r, w, (size_t)sent);
	if (sent == (ssize_t)n)
		return true;
	keep(w, p + (sent > 0 ? sent : 0), n - (sent > 0 ? (size_t)sent : 0));
	return false;
}

/* True if there may be more. */
static bool
copy(struct relay *r, int from)
{
	static char buffer[MESSAGE_MAX];
	struct relay_way *w = &r->way[from];
	size_t room = r->side[from].messages ? MESSAGE_MAX : w->bulk ? SMALL * 4 : SMALL;
	ssize_t n = recv(r->side[from].fd, buffer, room, MSG_DONTWAIT);

	if (n > 0) {
		w->bulk = (size_t)n == room;
		if (w->state == WAY_DROPS)
			return w->bulk;
		return pass_on(r, from, buffer, (size_t)n) && w->bulk;
	}
	if (n == 0 || !may_come_later(errno))
		source_ended(r, from, n == 0 ? 0 : errno);
	return false;
}

/* Likewise; 1 and 0 for true and false, -1 if it cannot be done and has to be copied. */
static int
splice_in(struct relay *r, int from)
{
	struct relay_way *w = &r->way[from];
	ssize_t n;

	if (w->no_splice || !w->bulk || w->state == WAY_DROPS || !take_pipe(w))
		return -1;
	n = splice(r->side[from].fd, NULL, w->pipe[1], NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0) {
		w->bulk = n >= SMALL;
		w->held = (size_t)n;
		return 1;
	}
	give_pipe_back(w);
	if (n < 0 && errno == EINVAL) {
		w->no_splice = true;
		return -1;
	}
	if (n == 0 || !may_come_later(errno))
		source_ended(r, from, n == 0 ? 0 : errno);
	return 0;
}

static bool
take(struct relay *r, int from)
{
	int more = splice_in(r, from);

	return more < 0 ? copy(r, from) : more > 0;
}

/* Moves what can be moved. Only an empty way is filled: otherwise "not now" could mean the source or
 * the pipe, and the loop would spin on a full pipe. */
static void
pump(struct relay *r, int from)
{
	struct relay_way *w = &r->way[from];
	uint64_t enough = w->bytes + BUDGET;
	int rounds = BUDGET / SMALL; /* what is dropped is not counted */

	while (deliver(r, from) && w->state != WAY_DONE)
		if (w->bytes >= enough || rounds-- == 0 || !take(r, from))
			break;
}

/* --- both --- */

static short
wanted(const struct relay *r, int side)
{
	const struct relay_way *out = &r->way[side], *in = &r->way[!side];
	short what = 0;

	if (!r->running)
		return 0;

	if ((out->state == WAY_OPEN && out->held == 0) || out->state == WAY_DROPS)
		what |= EV_READ;
	if (in->held > 0)
		what |= EV_WRITE;
	/* One that has ended can still break: the kernel tells that of any socket that is watched, and
	 * edge-triggered the end itself is not told again and again. */
	if (!what && out->state == WAY_DONE && in->state == WAY_OPEN)
		what = EV_READ | EV_ET;
	return what;
}

static bool
is_broken(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP);
}

static void side_cb(evutil_socket_t, short, void *);

static int
watch(struct relay *r, int side)
{
	struct relay_side *s = &r->side[side];
	short what = wanted(r, side);

	if (what == s->watched)
		return 0;
	if (s->watched)
		event_del(&s->event);
	s->watched = what;
	if (!what)
		return 0;
	if (event_assign(&s->event, r->base, s->fd, (short)(what | EV_PERSIST), side_cb, s) < 0 ||
	    event_add(&s->event, NULL) < 0) {
		s->watched = 0;
		return -1;
	}
	return 0;
}

static void
finish(struct relay *r)
{
	relay_stop(r);
	r->done(r, r->errnum, r->arg);
}

/* Over once neither side has anything to say that the other one takes. */
static void
settle(struct relay *r)
{
	if (r->way[RELAY_NEAR].state != WAY_OPEN && r->way[RELAY_FAR].state != WAY_OPEN) {
		finish(r);
	} else if (watch(r, RELAY_NEAR) < 0 || watch(r, RELAY_FAR) < 0) {
		failed(r, ENOMEM);
		finish(r);
	}
}

static void
side_cb(evutil_socket_t fd, short what, void *arg)
{
	struct relay_side *s = arg;
	struct relay *r = s->relay;
	int side = s == &r->side[RELAY_FAR];

	(void)fd;
	if (what & EV_WRITE)
		pump(r, !side);
	if (r->way[side].state != WAY_DONE) {
		if (what & EV_READ)
			pump(r, side);
	} else if (r->way[!side].state == WAY_OPEN && is_broken(s->fd)) {
		failed(r, ECONNRESET);
		r->way[!side].state = WAY_DONE;
	}
	settle(r);
}

static int
take_side(struct relay *r, int side, int fd, struct error *err)
{
	struct relay_side *s = &r->side[side];
	socklen_t len = sizeof(int);
	int type = 0;

	s->relay = r;
	s->fd = fd;
	if (fd_set_nonblocking(fd, true) < 0)
		return error_set(err, errno, "fcntl O_NONBLOCK");
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return error_set(err, errno, "getsockopt SO_TYPE");
	s->messages = type == SOCK_SEQPACKET;
	return 0;
}

int
relay_start(struct relay *r, struct event_base *base, int near_fd, int far_fd, relay_done_cb done, void *arg,
	    struct error *err)
{
	*r = (struct relay){ .base = base, .done = done, .arg = arg, .active_ms = clock_monotonic_ms() };
	if (take_side(r, RELAY_NEAR, near_fd, err) < 0 || take_side(r, RELAY_FAR, far_fd, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		r->way[i].pipe[0] = r->way[i].pipe[1] = -1;
		/* A pipe would forget where messages end. */
		r->way[i].no_splice = r->side[RELAY_NEAR].messages || r->side[RELAY_FAR].messages;
	}
	r->running = true;
	if (watch(r, RELAY_NEAR) < 0 || watch(r, RELAY_FAR) < 0) {
		relay_stop(r);
		return error_set(err, ENOMEM, "watch the sockets of a relay");
	}
	return 0;
}

void
relay_stop(struct relay *r)
{
	if (!r->running)
		return;
	r->running = false;
	for (int i = 0; i < 2; i++) {
		watch(r, i);
		clear_way(&r->way[i]);
	}
}

void
relay_drop_near(struct relay *r)
{
	if (!r->running)
		return;
	clear_way(&r->way[RELAY_NEAR]);
	r->way[RELAY_NEAR].state = WAY_DONE;
	settle(r);
}

uint64_t
relay_bytes(const struct relay *r, enum relay_end from)
{
	return r->way[from].bytes;
}
