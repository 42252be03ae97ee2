#include "core/net/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/text.h"

enum { THREAD_STACK = 256 * 1024 };

struct job {
	struct job *next; /* in the queue */
	struct worker_pool *pool;
	const struct job_calls *calls;
	void *arg;
	struct event *told;
	int eventfd;
	struct error err;
	bool failed; /* there was no thread */
	/* Guarded by `lock`: whoever comes second frees the rest. */
	bool finished, cancelled;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void start_queued(struct worker_pool *);

static void
free_job(struct job *j)
{
	if (j->told)
		event_free(j->told);
	close(j->eventfd);
	free(j);
}

static void *
thread_main(void *arg)
{
	struct job *j = arg;
	struct worker_pool *pool = j->pool;
	const uint64_t one = 1;
	bool cancelled;

	j->calls->run(j->arg);
	pthread_mutex_lock(&lock);
	j->finished = true;
	cancelled = j->cancelled;
	pool->running--;
	if (!cancelled)
		(void)!write(j->eventfd, &one, sizeof(one));
	pthread_mutex_unlock(&lock);
	if (cancelled) {
		j->calls->drop(j->arg);
		free_job(j);
		start_queued(pool);
	}
	return NULL;
}

static int
start_thread(struct job *j)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	pthread_attr_setstacksize(&attr, THREAD_STACK);
#endif
	/* Signals are the loop's: a thread must never be the one that gets them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attr, thread_main, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

static void
told_cb(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;
	struct worker_pool *pool = j->pool;
	const struct job_calls *calls = j->calls;
	void *job_arg = j->arg;
	struct error err;
	bool failed;

	(void)fd;
	(void)what;
	/* The thread tells while it holds the lock; it is done with `j` once the lock is free. */
	pthread_mutex_lock(&lock);
	err = j->err;
	failed = j->failed;
	pthread_mutex_unlock(&lock);
	free_job(j);
	start_queued(pool);
	calls->done(job_arg, failed ? &err : NULL);
}

static void
start_queued(struct worker_pool *pool)
{
	for (;;) {
		struct job *j;
		int error;

		pthread_mutex_lock(&lock);
		j = pool->running < pool->threads ? pool->queue : NULL;
		if (j) {
			pool->queue = j->next;
			pool->running++;
		}
		pthread_mutex_unlock(&lock);
		if (!j)
			return;
		error = start_thread(j);
		if (error) {
			const uint64_t one = 1;

			/* Told from the loop like any other failure. */
			pthread_mutex_lock(&lock);
			pool->running--;
			j->finished = true;
			j->failed = true;
			error_set(&j->err, error, "start a thread");
			(void)!write(j->eventfd, &one, sizeof(one));
			pthread_mutex_unlock(&lock);
		}
	}
}

struct job *
job_start(struct event_base *base, struct worker_pool *pool, const struct job_calls *calls, void *arg,
	  struct error *err)
{
	struct job *j = xcalloc(1, sizeof(*j));
	struct job **tail;

	j->pool = pool;
	j->calls = calls;
	j->arg = arg;
	j->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->eventfd < 0) {
		error_set(err, errno, "eventfd");
		free(j);
		return NULL;
	}
	j->told = event_new(base, j->eventfd, EV_READ, told_cb, j);
	if (!j->told || event_add(j->told, NULL) < 0) {
		error_set(err, ENOMEM, "wait for a thread");
		free_job(j);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	for (tail = &pool->queue; *tail; tail = &(*tail)->next)
		;
	*tail = j;
	pthread_mutex_unlock(&lock);
	start_queued(pool);
	return j;
}

void
job_cancel(struct job *j)
{
	struct worker_pool *pool = j->pool;
	struct job **place;
	bool mine = false;

	pthread_mutex_lock(&lock);
	for (place = &pool->queue; *place; place = &(*place)->next) {
		if (*place == j) {
			*place = j->next;
			mine = true;
			break;
		}
	}
	mine |= j->finished;
	j->cancelled = true;
	/* A thread that frees this later must not touch the loop. */
	if (!mine) {
		event_free(j->told);
		j->told = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (mine) {
		j->calls->drop(j->arg);
		free_job(j);
		start_queued(pool);
	}
}
