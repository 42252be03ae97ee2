#include "core/net/resolve.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/text.h"

/* Look-ups at once; more wait their turn. A slow name server holds up names, never addresses. */
enum { THREADS = 8, THREAD_STACK = 256 * 1024 };

struct resolve {
	struct resolve *next; /* in the queue */
	char *host, *service;
	struct resolve_query query;
	resolve_cb cb;
	void *arg;
	struct event *done;
	int eventfd;
	struct addr_list list;
	struct error err;
	int result;
	/* Guarded by `lock`: whoever comes second frees the rest. */
	bool finished, cancelled;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct resolve *queue;
static int running;

static void start_queued(void);

void
addr_list_clear(struct addr_list *l)
{
	free(l->addrs);
	*l = (struct addr_list){ 0 };
}

static void
add_unique(struct addr_list *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (addr_equal(&l->addrs[i], a))
			return;
	l->addrs = xrealloc(l->addrs, (l->n + 1) * sizeof(*l->addrs));
	l->addrs[l->n++] = *a;
}

static const char *
reason(int eai)
{
	return eai == EAI_SYSTEM ? strerror(errno) : gai_strerror(eai);
}

/* May block. */
static int
look_up(const struct resolve_query *q, int more_flags, struct addr_list *out, struct error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = q->socktype,
		.ai_protocol = q->protocol,
		.ai_flags = AI_PASSIVE | q->flags | more_flags,
	};
	const char *host = q->host && *q->host ? q->host : NULL;
	const char *service = q->service && *q->service ? q->service : "0";
	struct addrinfo *found, *ai;
	int r;

	/* getaddrinfo takes 65616 for 80. */
	if (addr_check_port(service, err) < 0)
		return EAI_SERVICE;
	r = getaddrinfo(host, service, &hints, &found);
	if (r)
		return error_set(err, 0, "%s%sport %s: %s", host ? host : "", host ? " " : "", service,
				 reason(r)),
		       r;
	for (ai = found; ai; ai = ai->ai_next) {
		struct addr a = { .socktype = ai->ai_socktype, .protocol = q->protocol };

		if (ai->ai_addrlen > sizeof(a.storage))
			continue;
		if (q->family != AF_UNSPEC && ai->ai_family != q->family)
			continue;
		memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
		a.len = ai->ai_addrlen;
		add_unique(out, &a);
	}
	freeaddrinfo(found);
	if (out->n == 0) {
		error_set(err, 0, "%s has no %s address", host ? host : "*",
			  q->family == AF_INET ? "IPv4" : "IPv6");
		return EAI_NONAME;
	}
	return 0;
}

static bool
is_number(const char *s)
{
	return !s || strspn(s, "0123456789") == strlen(s);
}

int
resolve_numeric(const struct resolve_query *q, struct addr_list *out, struct error *err)
{
	int r;

	*out = (struct addr_list){ 0 };
	if (!is_number(q->service))
		return 0;
	r = look_up(q, AI_NUMERICHOST | AI_NUMERICSERV, out, err);
	if (r == 0)
		return 1;
	addr_list_clear(out);
	/* "no such name" only says that it is not a number: unless names are forbidden. */
	if (r == EAI_NONAME && q->host && *q->host && !(q->flags & AI_NUMERICHOST))
		return strpbrk(q->host, ":") ? -1 : 0;
	return -1;
}

int
resolve_now(const struct resolve_query *q, struct addr_list *out, struct error *err)
{
	*out = (struct addr_list){ 0 };
	return look_up(q, 0, out, err) == 0 ? 0 : -1;
}

static void
free_resolve(struct resolve *r)
{
	if (r->done)
		event_free(r->done);
	close(r->eventfd);
	addr_list_clear(&r->list);
	free(r->host);
	free(r->service);
	free(r);
}

static void *
thread_main(void *arg)
{
	struct resolve *r = arg;
	const uint64_t one = 1;
	bool cancelled;

	r->result = look_up(&r->query, 0, &r->list, &r->err);
	pthread_mutex_lock(&lock);
	r->finished = true;
	cancelled = r->cancelled;
	running--;
	if (!cancelled)
		(void)!write(r->eventfd, &one, sizeof(one));
	pthread_mutex_unlock(&lock);
	if (cancelled) {
		free_resolve(r);
		start_queued();
	}
	return NULL;
}

static int
start_thread(struct resolve *r)
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
	error = pthread_create(&thread, &attr, thread_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

static void
done_cb(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *r = arg;
	resolve_cb cb = r->cb;
	void *cb_arg = r->arg;
	struct addr_list list;
	struct error err;
	bool failed;

	(void)fd;
	(void)what;
	/* The thread tells while it holds the lock; it is done with `r` once the lock is free. */
	pthread_mutex_lock(&lock);
	list = r->list;
	err = r->err;
	failed = r->result != 0;
	r->list = (struct addr_list){ 0 };
	pthread_mutex_unlock(&lock);
	free_resolve(r);
	start_queued();
	cb(failed ? NULL : &list, &err, cb_arg);
	if (failed)
		addr_list_clear(&list);
}

static void
start_queued(void)
{
	for (;;) {
		struct resolve *r;
		int error;

		pthread_mutex_lock(&lock);
		r = running < THREADS ? queue : NULL;
		if (r) {
			queue = r->next;
			running++;
		}
		pthread_mutex_unlock(&lock);
		if (!r)
			return;
		error = start_thread(r);
		if (error) {
			const uint64_t one = 1;

			/* Told from the loop like any other failure. */
			pthread_mutex_lock(&lock);
			running--;
			r->finished = true;
			pthread_mutex_unlock(&lock);
			r->result = error_set(&r->err, error, "start a thread to look up %s", r->host);
			(void)!write(r->eventfd, &one, sizeof(one));
		}
	}
}

struct resolve *
resolve_start(struct event_base *base, const struct resolve_query *q, resolve_cb cb, void *arg,
	      struct error *err)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	struct resolve **tail;

	r->host = xstrdup(q->host ? q->host : "");
	r->service = xstrdup(q->service ? q->service : "");
	r->query = *q;
	r->query.host = r->host;
	r->query.service = r->service;
	r->cb = cb;
	r->arg = arg;
	r->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->eventfd < 0) {
		error_set(err, errno, "eventfd to look up %s", r->host);
		goto fail;
	}
	r->done = event_new(base, r->eventfd, EV_READ, done_cb, r);
	if (!r->done || event_add(r->done, NULL) < 0) {
		error_set(err, ENOMEM, "wait for the look-up of %s", r->host);
		goto fail;
	}
	pthread_mutex_lock(&lock);
	for (tail = &queue; *tail; tail = &(*tail)->next)
		;
	*tail = r;
	pthread_mutex_unlock(&lock);
	start_queued();
	return r;

fail:
	free_resolve(r);
	return NULL;
}

void
resolve_cancel(struct resolve *r)
{
	struct resolve **place;
	bool mine = false;

	if (!r)
		return;
	pthread_mutex_lock(&lock);
	for (place = &queue; *place; place = &(*place)->next) {
		if (*place == r) {
			*place = r->next;
			mine = true;
			break;
		}
	}
	mine |= r->finished;
	r->cancelled = true;
	/* A thread that frees this later must not touch the loop. */
	if (!mine) {
		event_free(r->done);
		r->done = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (mine) {
		free_resolve(r);
		start_queued();
	}
}
