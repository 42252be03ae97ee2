#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/sys/reap.h"
#include "test/unit/tap.h"

static struct event_base *base;
static int calls, last_status;
static pid_t last_pid;
static void *last_arg;

static void
ended(const struct reap_status *st, void *arg)
{
	calls++;
	last_pid = st->pid;
	last_status = st->status;
	last_arg = arg;
}

static pid_t
start(int status)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(status);
	return pid;
}

static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

static bool
until(int n)
{
	bool late = false;
	struct event *timer = evtimer_new(base, give_up, &late);
	struct timeval tv = { 5, 0 };

	evtimer_add(timer, &tv);
	while (calls < n && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	return calls >= n;
}

static bool
is_gone(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (kill(pid, 0) < 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void
children(void)
{
	pid_t pid = start(7), many[50];
	int arg;

	reap_watch(pid, ended, &arg);
	ok(until(1) && last_pid == pid && WEXITSTATUS(last_status) == 7 && last_arg == &arg,
	   "the end of a child is told, with its status");
	ok(kill(pid, 0) < 0, "and reaped");

	calls = 0;
	for (int i = 0; i < 50; i++) {
		many[i] = start(0);
		reap_watch(many[i], ended, NULL);
	}
	ok(until(50), "fifty at once are all told");
	is_int(calls, 50, "once each");

	calls = 0;
	pid = start(0);
	reap_watch(pid, ended, NULL);
	reap_forget(pid);
	ok(is_gone(pid) && calls == 0, "one that is forgotten is reaped, and nobody is called");
	pid = start(0);
	ok(is_gone(pid), "so is one that nobody watches");
	pid = start(0);
	reap_watch(pid, NULL, NULL);
	ok(is_gone(pid), "a callback is not needed");
}

static pid_t stranger;

static bool
visit(pid_t pid, void *arg)
{
	(*(int *)arg)++;
	stranger = pid;
	return true;
}

/* A grandchild whose parent has ended comes to us. */
static void
orphans(void)
{
	int fds[2], visits = 0;
	pid_t parent, watched;
	char byte;

	ok(!reap_any_stranger(0, 0, visit, &visits) && visits == 0, "without children there is no stranger");
	if (pipe(fds) < 0)
		return;
	watched = fork();
	if (watched == 0) {
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	reap_watch(watched, NULL, NULL);
	ok(!reap_any_stranger(0, 0, visit, &visits), "a child that is watched is none");
	calls = 0;
	parent = fork();
	if (parent == 0) {
		if (fork() == 0) {
			close(fds[1]);
			_exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
		}
		_exit(0);
	}
	reap_watch(parent, ended, NULL);
	until(1);
	if (!reap_any_stranger(0, 0, visit, &visits) && access("/proc/self/task/1/children", F_OK) < 0 &&
	    visits == 0)
		ok(true, "an orphan # SKIP this kernel does not list children");
	else
		ok(visits == 1 && stranger > 0 && stranger != parent && stranger != watched,
		   "an orphan is one");
	visits = 0;
	ok(!reap_any_stranger(0, clock_monotonic_ms() + 1000, visit, &visits) && visits == 0,
	   "one that was there before the time in question does not count");
	close(fds[1]);
	close(fds[0]);
	ok(is_gone(watched) && (!stranger || is_gone(stranger)), "it is reaped like others");
	ok(!reap_any_stranger(0, 0, visit, &visits), "and then there is none");
}

enum { CROWD = 100 };

/* More children than can all be asked about at each signal. */
static void
crowd(void)
{
	pid_t sleepers[CROWD], many[20], parent;
	int fds[2], visits = 0;
	int64_t since;
	char byte;

	if (pipe(fds) < 0)
		return;
	for (int i = 0; i < CROWD; i++) {
		sleepers[i] = fork();
		if (sleepers[i] == 0) {
			close(fds[1]);
			_exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
		}
		reap_watch(sleepers[i], ended, NULL);
	}
	calls = 0;
	for (int i = 0; i < 20; i++) {
		many[i] = start(0);
		reap_watch(many[i], ended, NULL);
	}
	ok(until(20) && calls == 20, "among a hundred that sleep, twenty that end at once are all told");
	calls = 0;
	kill(sleepers[3], SIGKILL);
	ok(until(1) && last_pid == sleepers[3], "so is an old one");
	/* One signal may stand for several ends: nobody is told of the others. */
	calls = 0;
	usleep(120000);
	kill(sleepers[5], SIGKILL);
	kill(sleepers[7], SIGKILL);
	kill(sleepers[9], SIGKILL);
	usleep(20000);
	ok(until(3), "and several old ones that end together");

	since = clock_monotonic_ms();
	calls = 0;
	parent = fork();
	if (parent == 0) {
		if (fork() == 0) {
			close(fds[1]);
			_exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
		}
		_exit(0);
	}
	reap_watch(parent, ended, NULL);
	until(1);
	stranger = 0;
	ok((reap_any_stranger(parent, since, visit, &visits) && visits == 1 && stranger > 0) ||
		   access("/proc/self/task/1/children", F_OK) < 0,
	   "an orphan is found among them");
	visits = 0;
	parent = start(0);
	since = clock_monotonic_ms() + 1;
	ok(!reap_any_stranger(parent, since, visit, &visits) && visits == 0,
	   "and is none of a child that began after it");
	calls = 0;
	close(fds[1]);
	close(fds[0]);
	ok(until(CROWD - 4), "at the end all are reaped");
	ok(is_gone(parent) && (!stranger || is_gone(stranger)), "the orphan as well");
}

int
main(void)
{
	struct error err = { 0 };

	base = event_base_new();
	ok(reap_init(base, &err) == 0, "children can be watched %s", err.text);
	children();
	orphans();
	crowd();
	reap_watch(999999999, ended, NULL);
	reap_clear();
	ok(true, "what is still watched at the end is let go");
	event_base_free(base);
	libevent_global_shutdown();
	return tap_done();
}
