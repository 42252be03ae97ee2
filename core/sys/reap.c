#include "core/sys/reap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"

struct entry {
	struct entry *next;
	pid_t pid;
	reap_cb cb;
	void *arg;
	int64_t stranger_ms; /* when an orphan was first seen; 0: a child of our own */
};

enum { BUCKETS = 1024 };

static struct entry *table[BUCKETS];
static struct entry *unused; /* entries are recycled: no allocation per child after warm-up */
static struct event *sigchld;
static int children_fd = -1;

static struct entry **
find(pid_t pid)
{
	struct entry **e = &table[(unsigned)pid % BUCKETS];

	while (*e && (*e)->pid != pid)
		e = &(*e)->next;
	return e;
}

static void
sigchld_cb(evutil_socket_t sig, short what, void *arg)
{
	struct reap_status st;

	(void)sig;
	(void)what;
	(void)arg;
	while ((st.pid = wait4(-1, &st.status, WNOHANG, &st.usage)) > 0) {
		struct entry **place = find(st.pid);
		struct entry *e = *place;
		reap_cb cb;
		void *cb_arg;

		if (!e)
			continue; /* an orphan that nobody has asked about */
		cb = e->cb;
		cb_arg = e->arg;
		*place = e->next;
		e->next = unused;
		unused = e;
		if (cb)
			cb(&st, cb_arg);
	}
}

int
reap_init(struct event_base *base, struct error *err)
{
	char path[64];

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "prctl PR_SET_CHILD_SUBREAPER");
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children_fd = open(path, O_RDONLY | O_CLOEXEC);
	sigchld = evsignal_new(base, SIGCHLD, sigchld_cb, NULL);
	if (!sigchld || event_add(sigchld, NULL) < 0)
		return error_set(err, ENOMEM, "watch SIGCHLD");
	return 0;
}

void
reap_clear(void)
{
	if (sigchld)
		event_free(sigchld);
	sigchld = NULL;
	if (children_fd >= 0)
		close(children_fd);
	children_fd = -1;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (table[i]) {
			struct entry *e = table[i];

			table[i] = e->next;
			free(e);
		}
	}
	while (unused) {
		struct entry *e = unused;

		unused = e->next;
		free(e);
	}
}

static struct entry *
add(pid_t pid, reap_cb cb, void *arg)
{
	struct entry **place = &table[(unsigned)pid % BUCKETS];
	struct entry *e = unused;

	if (e)
		unused = e->next;
	else
		e = xcalloc(1, sizeof(*e));
	*e = (struct entry){ .next = *place, .pid = pid, .cb = cb, .arg = arg };
	*place = e;
	return e;
}

void
reap_watch(pid_t pid, reap_cb cb, void *arg)
{
	add(pid, cb, arg);
}

void
reap_forget(pid_t pid)
{
	struct entry *e = *find(pid);

	if (e)
		e->cb = NULL;
}

/* Remembers an orphan, so that later sessions need not look at it: they began after it. */
static bool
is_new_stranger(pid_t pid, int64_t since_ms)
{
	struct entry *e = *find(pid);

	if (!e) {
		e = add(pid, NULL, NULL);
		e->stranger_ms = clock_monotonic_ms();
	}
	return e->stranger_ms > 0 && e->stranger_ms >= since_ms;
}

bool
reap_any_stranger(int64_t since_ms, bool (*visit)(pid_t, void *arg), void *arg)
{
	char buf[4096];
	off_t at = 0;
	pid_t pid = 0;
	ssize_t n;

	if (children_fd < 0)
		return false;
	/* "12 345 6789 ": one blank behind each number, so a cut number goes on in the next part. */
	while ((n = pread(children_fd, buf, sizeof(buf), at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (buf[i] - '0');
				continue;
			}
			if (pid > 0 && is_new_stranger(pid, since_ms) && visit(pid, arg))
				return true;
			pid = 0;
		}
		at += n;
	}
	return false;
}
