#ifndef CORE_SYS_SPAWN_H
#define CORE_SYS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/sys/creds.h"

/* Starts programs. Everything that can be looked up or allocated is prepared once in a plan; what
 * runs between clone and exec is system calls only, and each one that fails ends the child and is
 * reported with its step. A program never runs with a step left out. */

enum { SPAWN_RLIMITS = RLIM_NLIMITS, SPAWN_CAPS_WORDS = 2 };

struct spawn_plan {
	const char *path; /* absolute, or relative to `directory` */
	char **argv;
	struct creds creds;
	bool session;    /* setsid instead of an own process group */
	bool set_nofile; /* give back `nofile` (the daemon raised its own limit) */
	struct rlimit nofile;
	int nrlimits;
	struct {
		int resource;
		struct rlimit limit;
	} rlimits[SPAWN_RLIMITS];
	int mask;              /* umask, -1: unchanged */
	const char *root;      /* chroot, or NULL */
	const char *directory; /* or NULL: unchanged ("/" after a chroot) */
	bool set_nice;
	int nice;
	bool set_oom;
	int oom_score_adj;
	bool no_new_privs;
	bool set_caps; /* exactly `caps`, in every set, and no way to get another */
	uint64_t caps; /* bit N = capability N */
};

/* Descriptors of the child. 0 to 2 must be valid; `extra` becomes 3, or is -1. All others must be
 * close-on-exec. */
struct spawn_fds {
	int in, out, err, extra;
};

struct spawn_failure {
	const char *step; /* "fork", "dup2", "setresuid", "exec"… */
	int errnum;
	pid_t pid; /* of the child that failed and is to be reaped; 0 if there was none */
};

/* A child on its way to its program, from spawn_start() until spawn_settled(). All zero is none. */
struct spawn_child {
	struct spawn_slot *slot;
	struct spawn_failure failure; /* step is NULL if there was none */
};

/* Waits until the program runs. Returns the pid, or -1 with the failure filled in. envp is a
 * NULL-terminated array; if `own_pid` points into one of its strings, the child writes its pid there
 * (at most 10 digits and a NUL). Nothing is given: the descriptors stay the caller's. */
pid_t spawn(const struct spawn_plan *, const struct spawn_fds *, char **envp, char *own_pid,
	    struct spawn_failure *);

/* Does not wait, where the system allows that. Returns the pid, or -1 with `failure` filled in (then
 * there is no child, and nothing was given). Until spawn_settled() says so, the plan, envp, own_pid
 * and the descriptors have to stay as they are: envp belongs into spawn_scratch(). Descriptors that are
 * given are closed here as soon as the child has its own. */
enum spawn_give { SPAWN_GIVE_IN = 1, SPAWN_GIVE_ERR = 2 };

pid_t spawn_start(const struct spawn_plan *, const struct spawn_fds *, unsigned give, char **envp,
		  char *own_pid, struct spawn_child *);

/* Whether the child needs nothing of ours any more: its program runs, or it has failed, which
 * child->failure tells. Always true once it has been reaped. */
bool spawn_settled(struct spawn_child *);

/* For one that has been killed, and that nobody will hear of again: waits until it has settled, for a
 * second at most. */
void spawn_abandon(struct spawn_child *);

/* Memory, at least `size` bytes, for the arguments and environment of the next program that is
 * started. It is lent until that one has settled; spawn_start() is the next call of this module, or
 * another spawn_scratch() if there is nothing to start after all. */
void *spawn_scratch(size_t size);

/* Descriptors below this may be lent to a child by sharing the table instead of copying all of it,
 * however many there are; 0: never. The caller sees to it that what lives long is above. */
void spawn_share_below(int fd);
int spawn_shared_below(void);

/* "async" (shared memory, does not wait), "vm" (shared memory, waits for the exec) or "fork" (the
 * fallback, which waits as well). */
const char *spawn_method(void);

/* Chooses by name; NULL lets the kernel decide at the first use. */
void spawn_use(const char *method);

#endif
