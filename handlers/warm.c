#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/net/proxy.h"
#include "core/net/relay.h"
#include "core/service/capture.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/fd.h"
#include "core/sys/holder.h"
#include "core/sys/reap.h"
#include "handlers/exec.h"
#include "handlers/handlers.h"

/* Programs that are started before anybody needs them, each with one end of a socketpair as standard
 * input and output. A client gets the one that has waited longest, and a relay joins the two. */

enum {
	SOON_MS = 5,          /* until a place is filled again: the client's answer comes first */
	TICK_MS = 10,         /* between two looks at a program that starts */
	STARTING_MS = 5000,   /* after which it no longer counts as starting, whatever it does */
	BACKOFF_MIN_MS = 100, /* after a program has died without having served anybody */
	BACKOFF_MAX_MS = 30000,
};

struct instance {
	TAILQ_ENTRY(instance) entry; /* among those that wait, or that were told to end */
	struct service *service;
	struct conn *conn; /* whom it serves, or NULL */
	pid_t pid;         /* 0: it has ended */
	const char *how;   /* then: how, and with which status */
	int status;
	int fd;      /* our end of its standard input and output; -1 */
	ino_t inode; /* of its own end, which somebody may have inherited */
	struct spawn_child child;
	struct capture *capture;
	int64_t born_ms, end_ms; /* monotonic; end_ms: when it is killed */
	int64_t cpu_ns;          /* as last seen */
	bool starting;
	bool deaf; /* its end was closed while it should have waited */
	bool killed;
	bool unsettled; /* serves although its program may not run yet */
	struct relay relay;
};

TAILQ_HEAD(instance_list, instance);

struct warm_pool {
	struct instance_list waiting;   /* the oldest first */
	struct instance_list leaving;   /* have been told to end */
	struct instance_list unsettled; /* serve, and we still have what was given to their programs */
	int nwaiting;
	struct event *timer;
	int64_t backoff_ms; /* 0: the last one served */
	int64_t not_before; /* when the next one may be started */
	char **envp;
	bool retired;
};

static struct warm_pool *
pool_of(const struct service *s)
{
	return ((struct exec_data *)s->handler_data)->pool;
}

static void
look_again_in(struct warm_pool *p, int64_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (p->timer)
		evtimer_add(p->timer, &tv);
}

/* --- one program --- */

static void
close_end(struct instance *i)
{
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
}

static void
free_instance(struct instance *i)
{
	capture_end(i->capture);
	close_end(i);
	free(i);
}

static void ended_cb(const struct reap_status *, void *);

static int
choose_stderr(struct instance *i, struct spawn_fds *fds, unsigned *give, struct error *err)
{
	const struct exec_data *d = i->service->handler_data;

	fds->err = d->stderr_fd >= 0 ? d->stderr_fd : fds->out;
	if (d->stderr_fd >= 0 || !d->stderr_log)
		return 0;
	i->capture = capture_new(i->service, 0, &fds->err, err);
	*give |= SPAWN_GIVE_ERR;
	return i->capture ? 0 : -1;
}

/* Takes over `own`, the program's end. */
static int
start_program(struct instance *i, int own, struct error *err)
{
	const struct exec_data *d = i->service->handler_data;
	struct spawn_fds fds = { .in = own, .out = own, .extra = -1 };
	unsigned give = SPAWN_GIVE_IN;

	if (choose_stderr(i, &fds, &give, err) < 0) {
		close(own);
		return -1;
	}
	i->pid = spawn_start(&d->plan, &fds, give, d->pool->envp, NULL, &i->child);
	if (i->pid < 0) {
		if (give & SPAWN_GIVE_ERR)
			close(fds.err);
		close(own);
		return error_set(err, i->child.failure.errnum, "%s", i->child.failure.step);
	}
	reap_watch(i->pid, ended_cb, i);
	if (!i->capture)
		return 0;
	capture_set_pid(i->capture, i->pid);
	capture_watch(i->capture);
	return 0;
}

static struct instance *
start_instance(struct service *s, struct error *err)
{
	struct instance *i;
	struct stat st;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		error_set(err, errno, "socketpair");
		return NULL;
	}
	i = xcalloc(1, sizeof(*i));
	i->service = s;
	i->fd = fd_move_up(ends[0], spawn_shared_below());
	i->inode = fstat(ends[1], &st) == 0 ? st.st_ino : 0;
	i->born_ms = clock_monotonic_ms();
	i->starting = true;
	if (start_program(i, ends[1], err) < 0) {
		free_instance(i);
		return NULL;
	}
	return i;
}

/* A program has started once it needs no processor: it waits for its client. */
static bool
still_starts(struct instance *i, int64_t now)
{
	struct timespec ts = { 0 };
	clockid_t clock;
	int64_t ns;

	if (!spawn_settled(&i->child))
		return true;
	if (now - i->born_ms >= STARTING_MS || clock_getcpuclockid(i->pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) < 0)
		return false;
	ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	if (ns == i->cpu_ns)
		return false;
	i->cpu_ns = ns;
	return true;
}

/* Nobody needs it any more: it sees the end of its input and the signal, and has kill_after to go. */
static void
dismiss(struct instance *i)
{
	struct warm_pool *p = pool_of(i->service);
	const struct service_conf *conf = i->service->conf;

	TAILQ_REMOVE(&p->waiting, i, entry);
	p->nwaiting--;
	TAILQ_INSERT_TAIL(&p->leaving, i, entry);
	i->service->registry->leaving++;
	i->service->users++;
	i->end_ms = clock_monotonic_ms() + conf->kill_after;
	close_end(i);
	exec_signal(i->pid, schema_signal(conf));
	exec_signal(i->pid, SIGCONT);
}

static void
kill_instance(struct instance *i)
{
	i->killed = true;
	exec_signal(i->pid, SIGKILL);
}

/* --- the pool --- */

static void
back_off(struct warm_pool *p)
{
	int64_t now = clock_monotonic_ms();

	/* Those that die together are one failure. */
	if (p->not_before > now)
		return;
	p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (p->backoff_ms > BACKOFF_MAX_MS)
		p->backoff_ms = BACKOFF_MAX_MS;
	p->not_before = now + p->backoff_ms;
}

static void
log_unborn(struct service *s, const struct error *err)
{
	const struct exec_data *d = s->handler_data;

	service_log_summed(s, LOG_LEVEL_ERROR, "exec_error",
			   LOG_FIELDS(LOG_S("program", d->path), LOG_S("step", err->text),
				      LOG_S("errno", error_name(err->errnum)),
				      LOG_S("error", strerror(err->errnum))));
}

static void
fill(struct service *s, int starting)
{
	struct warm_pool *p = pool_of(s);
	struct instance *i;
	struct error err;

	while (p->nwaiting < s->conf->warm && starting++ < s->conf->warm_spawn) {
		i = start_instance(s, &err);
		if (!i) {
			back_off(p);
			log_unborn(s, &err);
			return;
		}
		TAILQ_INSERT_TAIL(&p->waiting, i, entry);
		p->nwaiting++;
	}
}

static void
settled(struct instance *i)
{
	if (i->unsettled)
		TAILQ_REMOVE(&pool_of(i->service)->unsettled, i, entry);
	i->unsettled = false;
}

/* Until then we keep the program's end open too, and the client would not see that it has closed it. */
static void
settle_serving(struct warm_pool *p)
{
	struct instance *i, *next;

	for (i = TAILQ_FIRST(&p->unsettled); i; i = next) {
		next = TAILQ_NEXT(i, entry);
		if (spawn_settled(&i->child))
			settled(i);
	}
}

static int
count_starting(struct warm_pool *p, int64_t now)
{
	struct instance *i;
	int n = 0;

	TAILQ_FOREACH(i, &p->waiting, entry) {
		i->starting = i->starting && still_starts(i, now);
		n += i->starting;
	}
	return n;
}

static void
dismiss_old_ones(struct service *s, int64_t now)
{
	struct warm_pool *p = pool_of(s);
	struct instance *i;

	while (s->conf->warm_max_age && (i = TAILQ_FIRST(&p->waiting)) &&
	       now - i->born_ms >= s->conf->warm_max_age)
		dismiss(i);
}

static void
kill_late_ones(struct warm_pool *p, int64_t now)
{
	struct instance *i;

	TAILQ_FOREACH(i, &p->leaving, entry)
		if (!i->killed && now >= i->end_ms)
			kill_instance(i);
}

static void
sooner(int64_t *ms, int64_t other)
{
	if (*ms < 0 || other < *ms)
		*ms = other > 1 ? other : 1;
}

/* Milliseconds until something is to be done; -1 if only an event can change that. */
static int64_t
next_look(const struct service *s, int64_t now, int starting)
{
	const struct warm_pool *p = pool_of(s);
	const struct instance *i;
	int64_t ms = -1;

	if (starting > 0 || !TAILQ_EMPTY(&p->unsettled))
		sooner(&ms, TICK_MS);
	if (!p->retired && p->nwaiting < s->conf->warm)
		sooner(&ms, p->not_before > now ? p->not_before - now : TICK_MS);
	if (s->conf->warm_max_age && (i = TAILQ_FIRST(&p->waiting)))
		sooner(&ms, i->born_ms + s->conf->warm_max_age - now);
	TAILQ_FOREACH(i, &p->leaving, entry)
		if (!i->killed)
			sooner(&ms, i->end_ms - now);
	return ms;
}

static void
tend_cb(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;
	struct warm_pool *p = pool_of(s);
	int64_t now = clock_monotonic_ms();
	int64_t next;

	(void)fd;
	(void)what;
	settle_serving(p);
	kill_late_ones(p, now);
	dismiss_old_ones(s, now);
	if (!p->retired && now >= p->not_before)
		fill(s, count_starting(p, now));
	next = next_look(s, now, count_starting(p, now));
	if (next >= 0)
		look_again_in(p, next);
}

/* --- its ends --- */

static void
log_warm_exit(const struct instance *i)
{
	struct service *s = i->service;
	char retry[32];

	format_duration_ms(pool_of(s)->backoff_ms, retry, sizeof(retry));
	service_log_summed(s, LOG_LEVEL_WARNING, "warm_exit",
			   LOG_FIELDS(LOG_S("how", i->how), LOG_I("status", i->status),
				      LOG_S("retry", retry)));
}

static void
died_waiting(struct instance *i)
{
	struct service *s = i->service;
	struct warm_pool *p = pool_of(s);

	TAILQ_REMOVE(&p->waiting, i, entry);
	p->nwaiting--;
	back_off(p);
	if (i->child.failure.step)
		exec_log_error(s, 0, &i->child.failure);
	else
		log_warm_exit(i);
	look_again_in(p, p->not_before - clock_monotonic_ms());
	free_instance(i);
}

static void
left(struct instance *i)
{
	struct registry *r = i->service->registry;
	struct service *s = i->service;

	if (i->deaf)
		log_warm_exit(i);
	TAILQ_REMOVE(&pool_of(s)->leaving, i, entry);
	free_instance(i);
	s->users--;
	r->leaving--;
	registry_one_less(r);
}

static bool
orphan_has_end(pid_t pid, void *arg)
{
	const struct instance *i = arg;

	return holder_has_socket(pid, i->inode);
}

static void
end_session(struct instance *i)
{
	conn_set_end(i->conn, i->how, i->status);
	conn_done(i->conn);
}

/* The rest of its output is still passed on. If a process that it left behind has its end, that one goes
 * on talking to the client. */
static void
died_serving(struct instance *i, const struct reap_status *st)
{
	struct conn *c = i->conn;
	bool ended_by_us = c->how != NULL; /* timeout, killed */

	c->usage = st->usage;
	c->has_usage = true;
	if (ended_by_us) /* the rest of its group as well */
		kill(-st->pid, SIGKILL);
	if (i->child.failure.step) {
		exec_log_error(c->service, c->session, &i->child.failure);
		i->how = "error";
	}
	if (!i->relay.running || i->killed)
		end_session(i);
	else if (ended_by_us || !reap_any_stranger(st->pid, i->born_ms, orphan_has_end, i))
		relay_drop_near(&i->relay);
}

static void
ended_cb(const struct reap_status *st, void *arg)
{
	struct instance *i = arg;

	spawn_settled(&i->child);
	settled(i);
	i->pid = 0;
	i->how = WIFSIGNALED(st->status) ? "signal" : "exit";
	i->status = WIFSIGNALED(st->status) ? WTERMSIG(st->status) : WEXITSTATUS(st->status);
	if (i->conn)
		died_serving(i, st);
	else if (i->end_ms)
		left(i);
	else
		died_waiting(i);
}

/* Both have ended. The session lasts as long as its program, which learns from this that nobody
 * listens. */
static void
relay_done(struct relay *r, int errnum, void *arg)
{
	struct instance *i = arg;

	(void)errnum;
	if (relay_bytes(r, RELAY_FAR) > 0)
		pool_of(i->service)->backoff_ms = 0;
	close_end(i);
	if (!i->pid)
		end_session(i);
}

/* --- a session --- */

/* One that has ended, of which we have not been told yet, is of no use. */
static bool
listens(const struct instance *i)
{
	char byte;
	ssize_t n = recv(i->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && errno == EAGAIN);
}

static struct instance *
take_instance(struct service *s, struct error *err)
{
	struct warm_pool *p = pool_of(s);
	struct instance *i;

	while ((i = TAILQ_FIRST(&p->waiting))) {
		if (listens(i)) {
			TAILQ_REMOVE(&p->waiting, i, entry);
			p->nwaiting--;
			return i;
		}
		i->deaf = true;
		back_off(p);
		dismiss(i);
	}
	return start_instance(s, err);
}

static void
put_back(struct instance *i)
{
	struct warm_pool *p = pool_of(i->service);

	TAILQ_INSERT_HEAD(&p->waiting, i, entry);
	p->nwaiting++;
}

/* The first bytes always find room. Whether the program still reads is its own business. */
static void
send_header(const struct instance *i, const struct conn *c)
{
	char proxy[PROXY_HEADER_MAX];
	struct text t = { 0 };

	switch (c->service->conf->warm_header) {
	case HEADER_PROXY_V1:
		text_add(&t, proxy, proxy_header(1, (const struct sockaddr *)&c->peer, &c->local.sa, proxy));
		break;
	case HEADER_ENV_LINE:
		exec_describe(c, &t);
		text_puts(&t, "\n");
		break;
	default:
		return;
	}
	(void)!send(i->fd, t.s, t.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	text_clear(&t);
}

static int
warm_start(struct conn *c, struct error *err)
{
	struct service *s = c->service;
	struct instance *i = take_instance(s, err);

	if (!i)
		return -1;
	c->fd = fd_move_up(c->fd, spawn_shared_below());
	if (relay_start(&i->relay, s->registry->base, c->fd, i->fd, relay_done, i, err) < 0) {
		put_back(i);
		return -1;
	}
	send_header(i, c);
	if (i->capture)
		capture_set_session(i->capture, c->session);
	i->conn = c;
	c->data = i;
	c->pid = i->pid;
	c->relay = &i->relay;
	if (!spawn_settled(&i->child)) {
		i->unsettled = true;
		TAILQ_INSERT_TAIL(&pool_of(s)->unsettled, i, entry);
		look_again_in(pool_of(s), TICK_MS);
	}
	if (pool_of(s)->not_before <= clock_monotonic_ms())
		look_again_in(pool_of(s), SOON_MS);
	return 0;
}

static void
warm_stop(struct conn *c)
{
	struct instance *i = c->data;

	relay_stop(&i->relay);
	c->close_only = drain_is_needless(c->fd);
	c->data = NULL;
	free_instance(i);
}

static void
warm_kill(struct conn *c, bool force)
{
	struct instance *i = c->data;

	if (!i->pid) { /* only the rest of its output was missing */
		conn_done(c);
	} else if (force) {
		kill_instance(i);
	} else {
		exec_signal(i->pid, schema_signal(c->service->conf));
		/* A stopped process would not even notice. */
		exec_signal(i->pid, SIGCONT);
	}
}

/* --- a service --- */

/* What exec sets for each session is told by the header. */
static char **
make_environment(const struct service *s)
{
	const struct exec_data *d = s->handler_data;
	char **envp = xcalloc(d->env.n + 3, sizeof(*envp));

	envp[0] = xasprintf("EVINET_SERVICE=%s", s->name);
	envp[1] = xstrdup("EVINET_WARM=1");
	memcpy(envp + 2, d->env.items, d->env.n * sizeof(*envp));
	return envp;
}

static int
warm_prepare(struct service *s, struct problems *problems)
{
	int r = exec_prepare(s, problems);
	struct exec_data *d = s->handler_data;
	struct warm_pool *p = xcalloc(1, sizeof(*p));

	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->leaving);
	TAILQ_INIT(&p->unsettled);
	d->pool = p;
	if (s->conf->wait) {
		problem_add(problems, service_conf_origin(s->conf, NULL, "warm"), s->name, "warm",
			    "means nothing with wait = true: the program accepts the clients itself");
		return -1;
	}
	if (r < 0 || s->registry->checking)
		return r;
	p->envp = make_environment(s);
	/* Once the loop runs: until then the daemon may still find that it cannot. */
	p->timer = evtimer_new(s->registry->base, tend_cb, s);
	look_again_in(p, 0);
	return 0;
}

static void
end_list(struct instance_list *list)
{
	struct instance *i;

	while ((i = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, i, entry);
		kill_instance(i);
		reap_forget(i->pid);
		spawn_abandon(&i->child);
		free_instance(i);
	}
}

static void
warm_release(struct service *s)
{
	struct exec_data *d = s->handler_data;
	struct warm_pool *p = d ? d->pool : NULL;

	if (p) {
		end_list(&p->waiting);
		end_list(&p->leaving);
		if (p->timer)
			event_free(p->timer);
		if (p->envp) {
			free(p->envp[0]);
			free(p->envp[1]);
		}
		free(p->envp);
		free(p);
	}
	exec_release(s);
	relay_free_unused();
}

static void
warm_retire(struct service *s, bool force)
{
	struct warm_pool *p = pool_of(s);
	struct instance *i;

	p->retired = true;
	while ((i = TAILQ_FIRST(&p->waiting)))
		dismiss(i);
	TAILQ_FOREACH(i, &p->leaving, entry)
		if (force)
			kill_instance(i);
	look_again_in(p, 0);
}

const struct handler handler_warm = {
	.name = "exec",
	.doc = "starts programs ahead and passes connections on to them",
	.sockets = HANDLER_STREAM | HANDLER_WAIT,
	.prepare = warm_prepare,
	.release = warm_release,
	.start = warm_start,
	.stop = warm_stop,
	.retire = warm_retire,
	.kill = warm_kill,
	.reopen = exec_reopen,
};
