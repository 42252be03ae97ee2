#include "core/sys/reap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"

struct entry {
	struct entry *next;        /* in its bucket */
	TAILQ_ENTRY(entry) by_age; /* of our own children, the youngest last */
	pid_t pid;
	reap_cb cb;
	void *arg;
	int64_t since_ms; /* when it was registered, or, as an orphan, first seen */
	bool stranger;    /* an orphan, not a child of our own */
};

TAILQ_HEAD(entry_list, entry);

/* wait4(-1) looks at every child, which is quick as long as they are few. */
enum { BUCKETS = 4096, FEW = 64, YOUNG_MS = 100, PID_RANGE = 256 };

/* A sweep takes this part of the time, at most, but is not put off for less than it; after so many ends
 * others have their turn. */
enum { SWEEP_SHARE = 50, SWEEP_MS = 10, SWEEP_MS_MAX = 900, SWEEP_BATCH = 128 };

static struct entry *table[BUCKETS];
static struct entry_list children = TAILQ_HEAD_INITIALIZER(children);
static size_t nchildren;
static struct entry *unused; /* entries are recycled: no allocation per child after warm-up */
static int signal_fd = -1;
static struct event *readable, *sweep;
static int64_t sweep_ns; /* how long the last one took */
static int children_fd = -1, last_pid_fd = -1;
static sigset_t mask_before;

static struct entry **
find(pid_t pid)
{
	struct entry **e = &table[(unsigned)pid % BUCKETS];

	while (*e && (*e)->pid != pid)
		e = &(*e)->next;
	return e;
}

static void
forget(struct entry **place)
{
	struct entry *e = *place;

	if (!e->stranger) {
		TAILQ_REMOVE(&children, e, by_age);
		nchildren--;
	}
	*place = e->next;
	e->next = unused;
	unused = e;
}

enum reaped { REAPED_NONE, REAPED_YOUNG, REAPED_OLD };

/* Reaps one child, or any with -1, if it has ended. */
static enum reaped
reap_one(pid_t pid)
{
	enum reaped age;
	struct reap_status st;
	struct entry **place, *e;
	reap_cb cb;
	void *arg;

	st.pid = wait4(pid, &st.status, WNOHANG, &st.usage);
	if (st.pid <= 0)
		return REAPED_NONE;
	place = find(st.pid);
	e = *place;
	if (!e)
		return REAPED_OLD; /* an orphan that nobody has asked about */
	age = clock_monotonic_ms() - e->since_ms < YOUNG_MS ? REAPED_YOUNG : REAPED_OLD;
	cb = e->cb;
	arg = e->arg;
	forget(place);
	if (cb)
		cb(&st, arg);
	return age;
}

static void
reap_all(void)
{
	while (reap_one(-1) != REAPED_NONE)
		;
}

static void
sweep_later(void)
{
	int64_t ms = sweep_ns * SWEEP_SHARE / 1000000;
	struct timeval tv;

	ms = ms < SWEEP_MS ? SWEEP_MS : ms > SWEEP_MS_MAX ? SWEEP_MS_MAX : ms;
	tv = (struct timeval){ 0, ms * 1000 };
	if (!evtimer_pending(sweep, NULL))
		evtimer_add(sweep, &tv);
}

/* A signal tells of one child, and of others only that there may be some. With thousands of children
 * all of them cannot be asked each time: the young ones are, which is what most ends are of, and a sweep
 * follows for the rest. */
static void
reap_young(void)
{
	int64_t now = clock_monotonic_ms();
	struct entry *e, *older;

	for (e = TAILQ_LAST(&children, entry_list); e && now - e->since_ms < YOUNG_MS; e = older) {
		older = TAILQ_PREV(e, entry_list, by_age);
		reap_one(e->pid);
		/* The callback may have changed the list behind our back. */
		if (older && *find(older->pid) != older)
			break;
	}
	sweep_later();
}

static void
sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once = { 0, 0 };
	int64_t begin = clock_monotonic_ns();
	int left = SWEEP_BATCH;
	enum reaped r;

	(void)fd;
	(void)what;
	(void)arg;
	/* Old ones stand in front of the kernel's list: finding them is quick, however many ended together.
	 * A young one is found at the end of it, and there is another way to find those. */
	do
		r = reap_one(-1);
	while (r == REAPED_OLD && --left > 0);
	if (r == REAPED_NONE)
		sweep_ns = clock_monotonic_ns() - begin;
	if (r == REAPED_OLD)
		evtimer_add(sweep, &at_once);
	else if (r == REAPED_YOUNG)
		sweep_later();
}

static void
signal_cb(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info;

	(void)what;
	(void)arg;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	reap_one((pid_t)info.ssi_pid);
	if (nchildren > FEW)
		reap_young();
	else
		reap_all();
}

static int
watch_signal(struct event_base *base, struct error *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &mask_before);
	signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_set(err, errno, "signalfd for SIGCHLD");
	readable = event_new(base, signal_fd, EV_READ | EV_PERSIST, signal_cb, NULL);
	sweep = evtimer_new(base, sweep_cb, NULL);
	if (!readable || !sweep || event_add(readable, NULL) < 0)
		return error_set(err, ENOMEM, "watch SIGCHLD");
	return 0;
}

int
reap_init(struct event_base *base, struct error *err)
{
	char path[64];

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "prctl PR_SET_CHILD_SUBREAPER");
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children_fd = open(path, O_RDONLY | O_CLOEXEC);
	last_pid_fd = open("/proc/sys/kernel/ns_last_pid", O_RDONLY | O_CLOEXEC);
	return watch_signal(base, err);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
reap_clear(void)
{
	if (readable)
		event_free(readable);
	if (sweep)
		event_free(sweep);
	readable = sweep = NULL;
	if (signal_fd >= 0)
		sigprocmask(SIG_SETMASK, &mask_before, NULL);
	close_fd(&signal_fd);
	close_fd(&children_fd);
	close_fd(&last_pid_fd);
	for (size_t i = 0; i < BUCKETS; i++)
		while (table[i])
			forget(&table[i]);
	while (unused) {
		struct entry *e = unused;

		unused = e->next;
		free(e);
	}
}

static struct entry *
add(pid_t pid, reap_cb cb, void *arg, bool stranger)
{
	struct entry **place = &table[(unsigned)pid % BUCKETS];
	struct entry *e = unused;

	if (e)
		unused = e->next;
	else
		e = xcalloc(1, sizeof(*e));
	*e = (struct entry){ .next = *place, .pid = pid, .cb = cb, .arg = arg, .stranger = stranger };
	e->since_ms = clock_monotonic_ms();
	*place = e;
	if (!stranger) {
		TAILQ_INSERT_TAIL(&children, e, by_age);
		nchildren++;
	}
	return e;
}

void
reap_watch(pid_t pid, reap_cb cb, void *arg)
{
	add(pid, cb, arg, false);
}

void
reap_forget(pid_t pid)
{
	struct entry *e = *find(pid);

	if (e)
		e->cb = NULL;
}

struct search {
	int64_t since_ms;
	bool (*visit)(pid_t, void *arg);
	void *arg;
};

/* Remembers an orphan, so that later sessions need not look at it: they began after it. */
static bool
look_at(pid_t pid, const struct search *s)
{
	struct entry *e = *find(pid);

	if (!e)
		e = add(pid, NULL, NULL, true);
	return e->stranger && e->since_ms >= s->since_ms && s->visit(pid, s->arg);
}

static bool
any_in_list(const struct search *s)
{
	char buf[4096];
	off_t at = 0;
	pid_t pid = 0;
	ssize_t n;

	/* "12 345 6789 ": one blank behind each number, so a cut number goes on in the next part. */
	while ((n = pread(children_fd, buf, sizeof(buf), at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (buf[i] - '0');
				continue;
			}
			if (pid > 0 && look_at(pid, s))
				return true;
			pid = 0;
		}
		at += n;
		/* Only a part that is cut short for want of room has another behind it. */
		if ((size_t)n < sizeof(buf) - sizeof("4194304 "))
			break;
	}
	return false;
}

/* The number that was given out last, if it is a little above `from` and so the numbers between are those
 * of all processes that began since; -1 otherwise. */
static pid_t
last_pid_after(pid_t from, int64_t since_ms)
{
	char buf[16];
	ssize_t n;
	pid_t last;

	/* In a longer time all numbers may have been used, and some again. */
	if (last_pid_fd < 0 || clock_monotonic_ms() - since_ms > YOUNG_MS)
		return -1;
	n = pread(last_pid_fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	last = (pid_t)atoi(buf);
	return last >= from && last - from <= PID_RANGE ? last : -1;
}

/* A child, alive or not? Nothing is reaped. */
static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool
any_in_range(pid_t from, pid_t last, const struct search *s)
{
	for (pid_t pid = from + 1; pid <= last; pid++) {
		const struct entry *e = *find(pid);

		if (e ? e->stranger && look_at(pid, s) : is_child(pid) && look_at(pid, s))
			return true;
	}
	return false;
}

bool
reap_any_stranger(pid_t from, int64_t since_ms, bool (*visit)(pid_t, void *arg), void *arg)
{
	struct search s = { since_ms, visit, arg };
	pid_t last;

	if (children_fd < 0)
		return false;
	/* The list of all children is long to write where there are many. */
	last = nchildren > FEW ? last_pid_after(from, since_ms) : -1;
	return last >= 0 ? any_in_range(from, last, &s) : any_in_list(&s);
}
