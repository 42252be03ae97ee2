#ifndef CORE_NET_WORKER_H
#define CORE_NET_WORKER_H

#include "core/base/error.h"

struct event_base;
struct job;

/* Work that blocks, in threads of its own. One kind of work is a pool: so many at once, the others wait
 * their turn. */
struct worker_pool {
	int threads; /* at most */
	int running;
	struct job *queue;
};

#define WORKER_POOL(n) \
	{ \
		.threads = (n) \
	}

/* What a job consists of. `arg` is the job's from job_start() on: whoever comes last gets it back. */
struct job_calls {
	void (*run)(void *arg); /* in a thread; may block, and must touch nothing but arg */
	/* From the loop, once; arg is the caller's again. err is NULL, or says why there was no thread. */
	void (*done)(void *arg, const struct error *err);
	/* Instead of `done` for one that was cancelled: from the loop or from its thread. */
	void (*drop)(void *arg);
};

/* NULL with err if nothing can be waited for; then arg is the caller's still. */
struct job *job_start(struct event_base *, struct worker_pool *, const struct job_calls *, void *arg,
		      struct error *);

/* `done` will not be called. A thread that is at it goes on to its end. */
void job_cancel(struct job *);

#endif
