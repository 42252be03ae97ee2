#ifndef CORE_SYS_REAP_H
#define CORE_SYS_REAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/base/error.h"

struct event_base;

/* Notices the end of children. A pid stays ours until its callback has run: nothing else in the
 * program waits for children, so a pid in this table can always be signalled. */

struct reap_status {
	pid_t pid;
	int status; /* as of wait(2) */
	struct rusage usage;
};

typedef void (*reap_cb)(const struct reap_status *, void *arg);

/* Blocks SIGCHLD, to read it from a descriptor, and adopts orphaned grandchildren
 * (PR_SET_CHILD_SUBREAPER). What is started from here on has to unblock it for itself. */
int reap_init(struct event_base *, struct error *);
void reap_clear(void);

/* cb runs once, from the loop, when the child has ended. cb may be NULL. */
void reap_watch(pid_t, reap_cb cb, void *arg);

/* Forgets the callback; the child is still reaped. */
void reap_forget(pid_t);

/* Calls `visit` for each living child that nobody has registered and that can descend from the child
 * `from`, which began at `since_ms` (monotonic): orphans of our children. Those that were orphans before
 * that are left out. Stops and returns true as soon as visit does. False too where the kernel does not
 * tell. */
bool reap_any_stranger(pid_t from, int64_t since_ms, bool (*visit)(pid_t, void *arg), void *arg);

#endif
