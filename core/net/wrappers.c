#include "core/net/wrappers.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/fd.h"
#include "core/sys/reap.h"
#include "core/sys/spawn.h"

/* So many processes at once; more questions wait their turn. The helper ends each of its own after LIMIT_S as
 * well. */
enum { AT_ONCE = 32, LIMIT_S = 30 };

struct wrappers {
	TAILQ_ENTRY(wrappers) entry;
	struct event_base *base;
	const char *daemon;
	int fd; /* the connection; -1: it is about `ends` */
	struct wrappers_ends ends;
	int answer; /* where the answer comes from; -1: it waits for its turn */
	struct event event, timer;
	wrappers_cb cb;
	void *arg;
};

static TAILQ_HEAD(, wrappers) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static size_t nasked;
static struct event turn; /* pending while there is a place for one that waits */
static struct {
	char path[PATH_MAX];
	bool set_nofile;
	struct rlimit nofile;
	pid_t pid;
	int fd;
} helper = { .fd = -1 };

/* --- the program --- */

/* The Makefile says where programs are installed. */
#ifndef EVINET_SBINDIR
#define EVINET_SBINDIR "/usr/sbin"
#endif

#define NAME "evinetd-wrappers"

/* Beside the program that runs, wherever that has been put, or where it was to be installed: evinet and evinetd
 * may be in different places. */
static int
find_program(struct error *err)
{
	ssize_t n = readlink("/proc/self/exe", helper.path, sizeof(helper.path) - sizeof(NAME));
	char *slash;

	helper.path[n > 0 ? n : 0] = '\0';
	slash = strrchr(helper.path, '/');
	if (slash) {
		memcpy(slash + 1, NAME, sizeof(NAME));
		if (access(helper.path, X_OK) == 0)
			return 0;
	}
	snprintf(helper.path, sizeof(helper.path), "%s", EVINET_SBINDIR "/" NAME);
	if (access(helper.path, X_OK) == 0)
		return 0;
	return error_set(err, errno, "%s, which is built where libwrap is", helper.path);
}

int
wrappers_prepare(const struct rlimit *nofile, struct error *err)
{
	helper.set_nofile = nofile != NULL;
	if (nofile)
		helper.nofile = *nofile;
	return find_program(err);
}

static void
lose_helper(void)
{
	if (helper.fd >= 0)
		close(helper.fd);
	helper.fd = -1;
	helper.pid = 0;
}

static void
ended_cb(const struct reap_status *st, void *arg)
{
	(void)arg;
	/* Another may have been started meanwhile. */
	if (st->pid == helper.pid)
		lose_helper();
}

static int
start_helper(struct error *err)
{
	char *argv[] = { helper.path, NULL };
	struct spawn_plan plan = { .path = helper.path, .argv = argv, .mask = -1 };
	struct spawn_failure failure;
	struct spawn_fds fds = { .extra = -1 };
	int pair[2], null;

	/* What it cannot say by an answer, it says where the daemon does. */
	fds.err = 2;
	plan.set_nofile = helper.set_nofile;
	plan.nofile = helper.nofile;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "socketpair for %s", helper.path);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) {
		error_set(err, errno, "open /dev/null");
		goto fail;
	}
	fds.in = pair[1];
	fds.out = null;
	helper.pid = spawn(&plan, &fds, environ, NULL, &failure);
	close(null);
	if (helper.pid < 0) {
		error_set(err, failure.errnum, "%s %s", failure.step, helper.path);
		if (failure.pid > 0)
			reap_watch(failure.pid, NULL, NULL);
		goto fail;
	}
	close(pair[1]);
	helper.fd = fd_move_up(pair[0], spawn_shared_below());
	reap_watch(helper.pid, ended_cb, NULL);
	return 0;

fail:
	helper.pid = 0;
	close(pair[0]);
	close(pair[1]);
	return -1;
}

void
wrappers_stop(void)
{
	if (helper.pid > 0)
		reap_forget(helper.pid);
	lose_helper();
	if (evtimer_initialized(&turn))
		evtimer_del(&turn);
}

/* --- a question --- */

static int
send_question(const struct wrappers *w, int answer)
{
	bool connected = w->fd >= 0;
	size_t size = connected ? 2 * sizeof(int) : sizeof(int);
	struct iovec iov[2] = { { (void *)&w->ends, connected ? 0 : sizeof(w->ends) },
				{ (void *)w->daemon, strlen(w->daemon) } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct msghdr m = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = CMSG_SPACE(size)
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
	int fds[2] = { w->fd, answer };

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(cm), connected ? fds : fds + 1, size);
	return sendmsg(helper.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

static void
answer(struct wrappers *w, enum wrappers_verdict verdict, const char *why)
{
	wrappers_cb cb = w->cb;
	void *arg = w->arg;

	wrappers_cancel(w);
	cb(verdict, why, arg);
}

static void
answer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct wrappers *w = arg;
	char c = 0;
	ssize_t n = read(fd, &c, 1);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && c == '+')
		answer(w, WRAPPERS_ALLOW, NULL);
	else if (n == 1 && c == '-')
		answer(w, WRAPPERS_DENY, NULL);
	else
		answer(w, WRAPPERS_NONE, "TCP Wrappers have not answered");
}

static void
late_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer(arg, WRAPPERS_NONE, "TCP Wrappers take too long");
}

static int
put_question(struct wrappers *w, struct error *err)
{
	int fds[2];

	if (helper.fd < 0 && start_helper(err) < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "pipe");
	if (send_question(w, fds[1]) < 0) {
		/* It has died, and nobody has told us yet: once more, with another. */
		lose_helper();
		if (start_helper(err) < 0)
			goto fail;
		if (send_question(w, fds[1]) < 0) {
			error_set(err, errno, "ask %s", helper.path);
			goto fail;
		}
	}
	close(fds[1]);
	w->answer = fd_move_up(fds[0], spawn_shared_below());
	nasked++;
	event_assign(&w->event, w->base, w->answer, EV_READ | EV_PERSIST, answer_cb, w);
	event_add(&w->event, NULL);
	return 0;

fail:
	close(fds[0]);
	close(fds[1]);
	return -1;
}

static void
turn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct wrappers *w;
	struct error err = { 0 };

	(void)fd;
	(void)what;
	(void)arg;
	while (nasked < AT_ONCE && (w = TAILQ_FIRST(&waiting))) {
		TAILQ_REMOVE(&waiting, w, entry);
		if (put_question(w, &err) == 0)
			continue;
		/* Neither waiting nor asked is nothing that one can cancel. */
		TAILQ_INSERT_HEAD(&waiting, w, entry);
		answer(w, WRAPPERS_NONE, err.text);
	}
}

/* Not at once: whoever cancels one is not to hear of another meanwhile. */
static void
let_next(struct event_base *base)
{
	static const struct timeval now = { 0, 0 };

	if (TAILQ_EMPTY(&waiting) || (evtimer_initialized(&turn) && evtimer_pending(&turn, NULL)))
		return;
	evtimer_assign(&turn, base, turn_cb, NULL);
	evtimer_add(&turn, &now);
}

static struct wrappers *
ask(const struct wrappers *question, struct error *err)
{
	static const struct timeval limit = { LIMIT_S, 0 };
	struct wrappers *w = xcalloc(1, sizeof(*w));

	*w = *question;
	w->answer = -1;
	if (nasked >= AT_ONCE) {
		TAILQ_INSERT_TAIL(&waiting, w, entry);
	} else if (put_question(w, err) < 0) {
		free(w);
		return NULL;
	}
	evtimer_assign(&w->timer, w->base, late_cb, w);
	evtimer_add(&w->timer, &limit);
	return w;
}

struct wrappers *
wrappers_ask(struct event_base *base, const char *daemon, int fd, wrappers_cb cb, void *arg,
	     struct error *err)
{
	return ask(&(struct wrappers){ .base = base, .daemon = daemon, .fd = fd, .cb = cb, .arg = arg }, err);
}

struct wrappers *
wrappers_ask_about(struct event_base *base, const char *daemon, const struct wrappers_ends *ends,
		   wrappers_cb cb, void *arg, struct error *err)
{
	return ask(
		&(struct wrappers){
			.base = base, .daemon = daemon, .fd = -1, .ends = *ends, .cb = cb, .arg = arg },
		err);
}

void
wrappers_cancel(struct wrappers *w)
{
	if (!w)
		return;
	event_del(&w->timer);
	if (w->answer >= 0) {
		event_del(&w->event);
		close(w->answer);
		nasked--;
		let_next(w->base);
	} else {
		TAILQ_REMOVE(&waiting, w, entry);
	}
	free(w);
}
