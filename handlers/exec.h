#ifndef HANDLERS_EXEC_H
#define HANDLERS_EXEC_H

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/conf/problem.h"
#include "core/sys/spawn.h"

struct conn;
struct service;
struct warm_pool;

/* What exec and warm share: a program that is ready to be started. */
struct exec_data {
	struct spawn_plan plan;
	char *path;
	struct strlist argv;
	struct strlist env; /* what is the same for every session */
	const char *stderr_path;
	int stderr_fd; /* for "null" and "file:"; -1 otherwise */
	bool stderr_log;
	struct warm_pool *pool; /* warm's */
};

int exec_prepare(struct service *, struct problems *);
void exec_release(struct service *);
void exec_reopen(struct service *);

/* Adds the variables that tell a program about its session, as NAME=VALUE with blanks between. Blanks,
 * backslashes and control characters in values become \ooo. */
void exec_describe(const struct conn *, struct text *);

/* session 0: there is none yet. */
void exec_log_error(struct service *, uint64_t session, const struct spawn_failure *);

/* Sends a signal to a program and all in its group. */
void exec_signal(pid_t, int sig);

#endif
