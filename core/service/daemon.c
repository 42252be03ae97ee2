#include "core/service/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/service/dump.h"
#include "core/service/registry.h"
#include "core/service/reload.h"
#include "core/sys/fd.h"
#include "core/sys/inherit.h"
#include "core/sys/reap.h"
#include "core/sys/signals.h"
#include "core/sys/sink.h"
#include "core/sys/spawn.h"

/* The longest that others wait for drains is the time for so many. */
enum { DRAINS_PER_TURN = 16 };

struct daemon {
	struct daemon_options options;
	char *pidfile, *addr_file, *dump_file; /* absolute: the background changes the directory */
	struct event_base *base;
	struct config_source *sources; /* with absolute paths, likewise */
	struct registry registry;
	struct config *config;
	struct problems problems;
	struct sink *sink;
	struct log *log;
	struct event *signals[8];
	size_t nsignals;
	struct event *flush;
	int pidfile_fd;
	int parent_fd;      /* background: where the caller waits for the status */
	unsigned announced; /* the registry's count of listen events that the address file shows */
	bool ready, stopping, terminated, done;
	bool reloading; /* not everything that the last reload began has been tried */
	int status;
};

/* --- the process --- */

static void
no_op(int sig)
{
	(void)sig;
}

/* A program must find every signal as it is by default. What a handler is set for becomes the
 * default at exec; what is ignored would stay ignored: so nothing is, not even SIGPIPE. */
static void
reset_signals(void)
{
	struct sigaction sa = { .sa_handler = no_op, .sa_flags = SA_RESTART };

	signals_reset();
	sigaction(SIGPIPE, &sa, NULL);
}

/* As many descriptors as are allowed; programs get the old limit back. Returns how many that is. */
static rlim_t
raise_nofile(struct registry *r)
{
	struct rlimit limit, old;

	if (getrlimit(RLIMIT_NOFILE, &old) < 0)
		return 0;
	limit = old;
	limit.rlim_cur = limit.rlim_max;
	if (old.rlim_cur >= old.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return old.rlim_cur;
	r->nofile = old;
	r->set_nofile = true;
	return limit.rlim_cur;
}

/* The low numbers are for the descriptors of programs on their way, so that a child need not copy the
 * rest. Where numbers are few, so is what there is to copy. */
static void
divide_descriptors(rlim_t limit)
{
	int below = limit >= 4096 ? 256 : limit >= 1024 ? 64 : 0;

	/* The call that a child will need; this process shares its table with nobody. */
	if (below == 0 || close_range(~0U, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		return;
	fd_reserve_low(below);
	spawn_share_below(below);
}

static void
close_inherited(const struct daemon_options *o)
{
	int keep[1025];
	int n = inherit_sockets(keep, 1024);

	if (o->ready_fd >= 0)
		keep[n++] = o->ready_fd;
	fd_close_all_but(keep, (size_t)n);
}

/* In the background a socket that nobody listens on would be kept open for ever. */
static void
close_untaken_sockets(void)
{
	int fds[1024];
	int n = inherit_sockets(fds, 1024);

	for (int i = 0; i < n; i++)
		if (fds[i] > 2 && !inherit_is_taken(fds[i])) {
			close(fds[i]);
			inherit_gone(fds[i]);
		}
}

/* Returns in the child. The parent waits for the status and ends with it. */
static int
go_background(struct daemon *d)
{
	int pipefd[2], status;
	unsigned char byte;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "evinetd: cannot go to the background: %s\n", strerror(errno));
		return -1;
	}
	if (pid > 0) {
		close(pipefd[1]);
		if (read(pipefd[0], &byte, 1) == 1)
			_exit(byte);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_OSERR);
	}
	close(pipefd[0]);
	d->parent_fd = pipefd[1];
	setsid();
	return 0;
}

static void
tell_parent(struct daemon *d, int status)
{
	unsigned char byte = (unsigned char)status;

	if (d->parent_fd < 0)
		return;
	(void)!write(d->parent_fd, &byte, 1);
	close(d->parent_fd);
	d->parent_fd = -1;
}

/* Standard streams are the caller's until we are ready: it sees what goes wrong. */
static void
leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || chdir("/") < 0)
		return;
	for (int i = 0; i <= 2; i++)
		if (!inherit_is_taken(i))
			dup2(fd, i);
	close(fd);
}

static char *
absolute(const char *path)
{
	char cwd[PATH_MAX];

	if (!path)
		return NULL;
	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return xstrdup(path);
	return xasprintf("%s/%s", cwd, path);
}

/* As they are read again after the background has changed the directory. */
static struct config_source *
absolute_sources(const struct daemon_options *o)
{
	struct config_source *sources = xcalloc(o->nsources + 1, sizeof(*sources));

	for (size_t i = 0; i < o->nsources; i++) {
		sources[i] = o->sources[i];
		sources[i].path = o->background ? absolute(o->sources[i].path) : xstrdup(o->sources[i].path);
	}
	return sources;
}

static void
free_sources(struct config_source *sources, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)sources[i].path);
	free(sources);
}

/* --- problems --- */

static void
log_problems(struct daemon *d)
{
	problems_sort(&d->problems);
	for (size_t i = 0; i < d->problems.n; i++) {
		const struct problem *p = &d->problems.items[i];

		log_event(d->log, p->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "config_error",
			  p->service,
			  LOG_FIELDS(LOG_S("file", p->file),
				     { .key = "line", .number = p->line > 0, .i = p->line },
				     LOG_S("key", p->key), LOG_S("error", p->text)));
	}
}

static void
print_problems(const struct problems *problems, FILE *out)
{
	for (size_t i = 0; i < problems->n; i++) {
		struct text t = { 0 };

		problem_format(&problems->items[i], &t);
		fprintf(out, "%s\n", t.s);
		text_clear(&t);
	}
}

/* Problems of the files are the configuration's, those of the services come on top. */
static void
take_problems(struct problems *to, struct problems *from)
{
	to->items = xrealloc(to->items, (to->n + from->n + 1) * sizeof(*to->items));
	for (size_t i = 0; i < from->n; i++)
		to->items[to->n++] = from->items[i];
	to->errors += from->errors;
	free(from->items);
	*from = (struct problems){ 0 };
}

static int
examine(const struct config_source *sources, size_t n, const struct handler *const *handlers,
	struct config **config, FILE *out)
{
	struct problems problems = { 0 };
	struct registry r;
	int status;

	inherit_init();
	registry_init(&r, NULL, handlers, NULL, NULL);
	r.checking = true;
	*config = config_load_sources(sources, n);
	take_problems(&problems, &(*config)->problems);
	registry_add(&r, *config, &problems);
	if ((*config)->nservices == 0 && problems.errors == 0)
		problem_add(&problems, (struct origin){ sources[0].path, 0 }, NULL, NULL,
			    "there is no service in it");
	problems_sort(&problems);
	print_problems(&problems, out);
	status = problems.errors ? EX_CONFIG : 0;
	problems_clear(&problems);
	registry_free(&r);
	return status;
}

int
daemon_check(const struct config_source *sources, size_t n, const struct handler *const *handlers)
{
	struct config *config;
	int status = examine(sources, n, handlers, &config, stdout);

	config_unref(config);
	return status;
}

int
daemon_dump(const struct config_source *sources, size_t n, const struct handler *const *handlers)
{
	struct config *config;
	int status = examine(sources, n, handlers, &config, stderr);
	struct text t = { 0 };

	config_dump(config, &t);
	if (t.len)
		fputs(t.s, stdout);
	text_clear(&t);
	config_unref(config);
	return status;
}

static void
fail(struct daemon *d, int status, const char *why)
{
	d->status = status;
	d->done = true;
	log_event(d->log, LOG_LEVEL_ERROR, "stop", NULL,
		  LOG_FIELDS(LOG_S("why", why), LOG_I("status", status)));
}

/* --- ready --- */

static int
write_addr_file(struct daemon *d)
{
	struct text t = { 0 };
	struct error err;
	struct service *s;
	char addr[ADDR_TEXT];
	int r;

	d->announced = d->registry.listen_events;
	if (!d->addr_file)
		return 0;
	TAILQ_FOREACH(s, &d->registry.services, entry) {
		for (size_t i = 0; i < s->nlisteners; i++) {
			struct listener_socket *ls;

			for (size_t j = 0; (ls = listener_socket_at(s->listeners[i].listener, j)); j++)
				text_printf(&t, "%s\t%s\n", s->name,
					    addr_format_url(listener_socket_addr(ls), addr));
		}
	}
	r = fd_replace_file(d->addr_file, 0644, t.s ? t.s : "", t.len, &err);
	if (r < 0)
		log_event(d->log, LOG_LEVEL_ERROR, "addr_file", NULL, LOG_FIELDS(LOG_S("error", err.text)));
	text_clear(&t);
	return r;
}

static void
tell_ready_fd(struct daemon *d)
{
	int fd = d->options.ready_fd;

	if (fd < 0)
		return;
	(void)!write(fd, "\n", 1);
	if (fd > 2) {
		close(fd);
		inherit_gone(fd);
	} else {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null >= 0) {
			dup2(null, fd);
			close(null);
		}
	}
}

static int64_t
serving_services(const struct registry *r)
{
	const struct service *s;
	int64_t n = 0;

	TAILQ_FOREACH(s, &r->services, entry)
		n += service_listening(s) > 0;
	return n;
}

static void
announce(struct daemon *d)
{
	int64_t services = serving_services(&d->registry);
	int64_t addresses = (int64_t)registry_listening(&d->registry);
	char message[128];

	/* Whoever asked for the file waits for it. */
	if (write_addr_file(d) < 0) {
		/* Sessions that have begun already end first. */
		fail(d, EX_OSERR, "the address file cannot be written");
		d->done = false;
		d->stopping = true;
		registry_stop(&d->registry, true);
		return;
	}
	d->ready = true;
	d->reloading = false;
	log_event(d->log, LOG_LEVEL_INFO, "ready", NULL,
		  LOG_FIELDS(LOG_I("services", services), LOG_I("addresses", addresses)));
	sink_flush(d->sink);
	snprintf(message, sizeof(message), "READY=1\nMAINPID=%d\nSTATUS=%lld services on %lld addresses\n",
		 (int)getpid(), (long long)services, (long long)addresses);
	inherit_notify(message);
	tell_ready_fd(d);
	if (d->options.background) {
		log_echo_errors(d->log, false);
		leave_terminal();
	}
	tell_parent(d, 0);
	fd_release_low();
	registry_keep_reserve(&d->registry);
}

static bool
may_listen_later(const struct registry *r)
{
	const struct service *s;

	TAILQ_FOREACH(s, &r->services, entry)
		for (size_t i = 0; i < s->nlisteners; i++)
			if (service_retries(&s->listeners[i]))
				return true;
	return false;
}

/* All that a reload has begun has been tried. */
static void
reload_done(struct daemon *d)
{
	char message[128];

	if (!d->reloading)
		return;
	d->reloading = false;
	if (d->announced != d->registry.listen_events)
		write_addr_file(d);
	snprintf(message, sizeof(message), "READY=1\nSTATUS=%lld services on %lld addresses\n",
		 (long long)serving_services(&d->registry), (long long)registry_listening(&d->registry));
	inherit_notify(message);
}

static void
settled_cb(struct registry *r, void *arg)
{
	struct daemon *d = arg;

	if (d->done || d->stopping)
		return;
	if (d->ready) {
		reload_done(d);
		return;
	}
	if (registry_listening(r) == 0 && !may_listen_later(r) && !d->options.stay) {
		fail(d, r->failed ? r->failed : EX_UNAVAILABLE, "no address is left to serve");
		return;
	}
	announce(d);
}

static void
idle_cb(struct registry *r, void *arg)
{
	struct daemon *d = arg;

	(void)r;
	d->done = true;
}

static void
exit_cb(struct registry *r, int status, void *arg)
{
	struct daemon *d = arg;

	if (d->done)
		return;
	fail(d, status, "on_listen_error = exit");
	d->done = false; /* sessions end first */
	d->stopping = true;
	registry_stop(r, false);
}

static const struct registry_callbacks callbacks = { settled_cb, idle_cb, exit_cb };

/* --- logs and configuration --- */

/* Where the daemon's own log goes, and how. */
struct log_choice {
	const char *target; /* borrowed from the options or the configuration */
	enum log_format format;
	enum log_level level;
	struct limit_spec limit;
};

static struct log_choice
choose_log(const struct daemon *d, const struct config *config)
{
	const struct log_conf *c = &config->global.log;
	const char *target = d->options.log_target;
	int format = d->options.log_format, level = d->options.log_level;

	target = target ? target : c->target ? c->target : d->options.background ? "syslog" : "stderr";
	format = format >= 0 ? format : c->format >= 0 ? c->format : LOG_FORMAT_TEXT;
	level = level >= 0 ? level : c->level >= 0 ? c->level : LOG_LEVEL_INFO;
	return (struct log_choice){ target, (enum log_format)format, (enum log_level)level, c->limit };
}

static void
note_choice(struct daemon *d, const struct log_choice *c)
{
	d->registry.log_target = c->target;
	d->registry.log_format = c->format;
	d->registry.log_level = c->level;
	d->registry.log_limit = c->limit;
}

static struct config *
read_config(const struct daemon *d)
{
	return config_load_sources(d->sources, d->options.nsources);
}

/* --- reload --- */

static void
reload_logs(struct daemon *d)
{
	struct error err;

	if (sink_reopen(d->sink, &err) < 0)
		log_event(d->log, LOG_LEVEL_ERROR, "reload", NULL,
			  LOG_FIELDS(LOG_S("what", "log"), LOG_S("error", err.text)));
	registry_reopen_logs(&d->registry);
	log_event(d->log, LOG_LEVEL_INFO, "reload", NULL,
		  LOG_FIELDS(LOG_S("what", "log"), LOG_I("sessions", (int64_t)d->registry.sessions)));
}

static void
log_reload(struct daemon *d, const struct reload_counts *n, int64_t ms)
{
	log_event(d->log, LOG_LEVEL_INFO, "reload", NULL,
		  LOG_FIELDS(LOG_S("what", "configuration"), LOG_I("added", (int64_t)n->added),
			     LOG_I("changed", (int64_t)n->changed), LOG_I("removed", (int64_t)n->removed),
			     LOG_I("kept", (int64_t)n->kept),
			     LOG_I("sessions", (int64_t)d->registry.sessions), LOG_I("ms", ms)));
}

static void
refuse_reload(struct daemon *d)
{
	log_problems(d);
	log_event(d->log, LOG_LEVEL_ERROR, "reload", NULL,
		  LOG_FIELDS(LOG_S("what", "configuration"),
			     LOG_S("error", "the configuration is not right: nothing has been changed"),
			     LOG_I("errors", (int64_t)d->problems.errors),
			     LOG_I("sessions", (int64_t)d->registry.sessions)));
}

static bool
is_same_log(const struct daemon *d, const struct config *config, const struct log_choice *c)
{
	const struct registry *r = &d->registry;

	for (const struct option *o = global_rows; o->name; o++)
		if (!option_equal(o, &d->config->global, &config->global))
			return false;
	return strcmp(r->log_target, c->target) == 0 && r->log_format == c->format &&
	       r->log_level == c->level;
}

/* Reads the configuration again and, if all of it is right, makes the running services follow it. Returns
 * whether it did. The sink that is no longer used, if there is one, is left in *old. */
static bool
reload_config(struct daemon *d, struct config *config, struct sink **old, struct reload_counts *n)
{
	struct registry *r = &d->registry;
	struct log_choice before = { r->log_target, r->log_format, r->log_level, r->log_limit };
	struct log_choice now = choose_log(d, config);
	bool same = is_same_log(d, config, &now);
	struct sink *sink = NULL;
	struct error err;

	if (!same) {
		sink = sink_open(now.target, &err);
		if (!sink)
			problem_add(&d->problems, (struct origin){ 0 }, NULL, "log.target", "%s", err.text);
		else if (now.limit.set)
			sink_limit(sink, now.limit.soft, now.limit.hard);
	}
	note_choice(d, &now);
	if (reload_services(r, config, !same, &d->problems, n) < 0) {
		note_choice(d, &before);
		sink_free(sink);
		return false;
	}
	if (same)
		return true;
	*old = d->sink;
	d->sink = sink;
	log_change(d->log, sink_for_log(sink), now.format, now.level);
	return true;
}

static void
reload(struct daemon *d)
{
	int64_t start = clock_monotonic_ms();
	struct reload_counts n = { 0 };
	struct sink *old = NULL;
	struct config *config;
	char message[64];

	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		 (long long)(clock_monotonic_ns() / 1000));
	inherit_notify(message);
	d->reloading = true;
	/* Low numbers are for the descriptors of programs on their way. */
	if (d->ready && fd_reserve_low(spawn_shared_below()) < 0)
		fd_release_low();
	config = read_config(d);
	problems_clear(&d->problems);
	take_problems(&d->problems, &config->problems);
	if (config->nservices == 0 && d->problems.errors == 0 && !d->options.stay)
		problem_add(&d->problems, (struct origin){ d->sources[0].path, 0 }, NULL, NULL,
			    "there is no service in it");
	if (reload_config(d, config, &old, &n)) {
		config_unref(d->config);
		d->config = config;
		log_problems(d);
		log_reload(d, &n, clock_monotonic_ms() - start);
		if (old)
			sink_flush(old);
		sink_free(old);
	} else {
		config_unref(config);
		refuse_reload(d);
	}
	if (d->ready)
		fd_release_low();
	if (d->registry.unsettled == 0)
		reload_done(d);
}

/* --- signals --- */

static void
stop(struct daemon *d, int sig)
{
	bool again = d->stopping;

	d->stopping = true;
	log_event(d->log, LOG_LEVEL_INFO, "stop", NULL,
		  LOG_FIELDS(LOG_S("signal", sigabbrev_np(sig)),
			     LOG_I("sessions", (int64_t)d->registry.sessions)));
	inherit_notify("STOPPING=1\n");
	if (sig == SIGQUIT)
		registry_drain(&d->registry);
	else
		registry_stop(&d->registry, again && d->terminated);
	d->terminated |= sig != SIGQUIT;
}

/* Whole, by another name first: what is there may be a link to a file that somebody needs. */
static void
dump(struct daemon *d)
{
	struct text t = { 0 };
	struct error err;

	dump_state(&d->registry, &t);
	if (fd_replace_file(d->dump_file, 0600, t.s, t.len, &err) < 0)
		log_event(d->log, LOG_LEVEL_ERROR, "dump", NULL, LOG_FIELDS(LOG_S("error", err.text)));
	else
		log_event(d->log, LOG_LEVEL_INFO, "dump", NULL, LOG_FIELDS(LOG_S("file", d->dump_file)));
	text_clear(&t);
}

static void
signal_cb(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	switch (sig) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		stop(d, (int)sig);
		break;
	case SIGHUP:
		reload_logs(d);
		if (!d->stopping)
			reload(d);
		break;
	case SIGUSR1:
		dump(d);
		break;
	default:
		log_event(d->log, LOG_LEVEL_WARNING, "signal", NULL,
			  LOG_FIELDS(LOG_S("signal", sigabbrev_np((int)sig)),
				     LOG_S("error", "has no meaning yet")));
	}
}

static int
watch_signals(struct daemon *d, struct error *err)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		struct event *ev = evsignal_new(d->base, watched[i], signal_cb, d);

		if (!ev || event_add(ev, NULL) < 0)
			return error_set(err, ENOMEM, "watch signal %s", sigabbrev_np(watched[i]));
		d->signals[d->nsignals++] = ev;
	}
	return 0;
}

/* --- boot --- */

static int
open_log(struct daemon *d, struct error *err)
{
	struct log_choice c = choose_log(d, d->config);

	d->sink = sink_open(c.target, err);
	if (!d->sink)
		return -1;
	if (c.limit.set)
		sink_limit(d->sink, c.limit.soft, c.limit.hard);
	d->log = log_new(sink_for_log(d->sink), c.format, c.level);
	log_echo_errors(d->log, d->options.background && strcmp(c.target, "stderr") != 0);
	d->registry.log = d->log;
	note_choice(d, &c);
	return 0;
}

/* Opens and locks the file that has the name now: the one we waited for may be removed already. */
static int
open_locked(const char *path, struct error *err)
{
	char pid[32];

	for (;;) {
		struct stat ours, named;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		ssize_t n;

		if (fd < 0)
			return error_set(err, errno, "open pidfile %s", path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			n = read(fd, pid, sizeof(pid) - 1);
			pid[n > 0 ? n : 0] = '\0';
			pid[strcspn(pid, "\n")] = '\0';
			close(fd);
			return error_set(err, 0, "pidfile %s is locked: evinetd runs already, as %s", path,
					 pid);
		}
		if (fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
		    ours.st_dev == named.st_dev)
			return fd;
		close(fd);
	}
}

static int
lock_pidfile(struct daemon *d, struct error *err)
{
	char pid[32];

	if (!d->pidfile)
		return 0;
	d->pidfile_fd = open_locked(d->pidfile, err);
	if (d->pidfile_fd < 0)
		return -1;
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->pidfile_fd, 0) < 0 || fd_write_all(d->pidfile_fd, pid, strlen(pid)) < 0)
		return error_set(err, errno, "write pidfile %s", d->pidfile);
	return 0;
}

static void
flush_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* the turn of the loop that this makes is all that is wanted */
}

static void
flush_logs(struct daemon *d)
{
	int64_t next = log_tell_sums(d->log, false);
	bool left = registry_flush_logs(&d->registry, &next);
	struct timeval tv;

	registry_tell_limit(&d->registry, d->sink, d->registry.log_target);
	left |= sink_flush(d->sink);
	if (left && (next < 0 || next > 100))
		next = 100;
	if (next < 0)
		return;
	tv = (struct timeval){ next / 1000, (next % 1000) * 1000 + 1000 };
	evtimer_add(d->flush, &tv);
}

static void
warn_untaken_sockets(struct daemon *d)
{
	for (int i = 0; i < inherit_count(); i++) {
		int fd = inherit_untaken(i);

		if (fd < 0)
			continue;
		log_event(d->log, LOG_LEVEL_WARNING, "inherited", NULL,
			  LOG_FIELDS(LOG_I("fd", fd),
				     LOG_S("error", "no service listens on this descriptor")));
		if (d->options.background)
			continue;
		close(fd);
		inherit_gone(fd);
	}
}

/* Time as it is, not as it was when this turn of the loop began: starting many programs takes so long
 * that timeouts would come early. */
static struct event_base *
new_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	if (!c)
		return NULL;
	event_config_set_flag(c, EVENT_BASE_FLAG_NO_CACHE_TIME);
	base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

static int
boot(struct daemon *d, const struct handler *const *handlers)
{
	struct error err;

	d->config = read_config(d);
	if (d->options.background && go_background(d) < 0)
		return EX_OSERR;
	registry_init(&d->registry, NULL, handlers, &callbacks, d);
	d->registry.process_limit = d->options.process_limit;
	divide_descriptors(raise_nofile(&d->registry));
	d->base = d->registry.base = new_base();
	if (!d->base) {
		fprintf(stderr, "evinetd: no event loop can be had\n");
		return EX_OSERR;
	}
	if (open_log(d, &err) < 0) {
		fprintf(stderr, "evinetd: %s\n", err.text);
		return EX_OSERR;
	}
	take_problems(&d->problems, &d->config->problems);
	registry_add(&d->registry, d->config, &d->problems);
	log_problems(d);
	if (d->config->unreadable) {
		fail(d, EX_CONFIG, "a configuration cannot be read");
		return EX_CONFIG;
	}
	if (TAILQ_EMPTY(&d->registry.services) && !d->options.stay) {
		fail(d, EX_CONFIG, d->config->nservices ? "every service is refused" : "there is no service");
		return EX_CONFIG;
	}
	if (lock_pidfile(d, &err) < 0 || reap_init(d->base, &err) < 0 || watch_signals(d, &err) < 0) {
		fail(d, EX_OSERR, err.text);
		return EX_OSERR;
	}
	d->flush = evtimer_new(d->base, flush_cb, d);
	registry_start(&d->registry);
	warn_untaken_sockets(d);
	if (d->options.background)
		close_untaken_sockets();
	return 0;
}

static void
shut_down(struct daemon *d)
{
	sigset_t all;

	/* One TERM more must not turn an orderly end into another status, to the very last. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	registry_free(&d->registry);
	reap_clear();
	for (size_t i = 0; i < d->nsignals; i++) {
		int sig = (int)event_get_signal(d->signals[i]);

		event_free(d->signals[i]);
		signal(sig, SIG_IGN);
	}
	if (d->flush)
		event_free(d->flush);
	if (d->addr_file && d->ready)
		unlink(d->addr_file);
	if (d->pidfile_fd >= 0) {
		unlink(d->pidfile);
		close(d->pidfile_fd);
	}
	log_free(d->log);
	sink_free(d->sink);
	if (d->base)
		event_base_free(d->base);
	problems_clear(&d->problems);
	config_unref(d->config);
	free(d->pidfile);
	free(d->addr_file);
	free(d->dump_file);
	free_sources(d->sources, d->options.nsources);
	libevent_global_shutdown();
}

int
daemon_run(const struct daemon_options *options, const struct handler *const *handlers)
{
	struct daemon d = { .options = *options, .pidfile_fd = -1, .parent_fd = -1 };
	int status;

	if (fd_fill_standard() < 0 || fd_cloexec_all() < 0)
		return EX_OSERR;
	inherit_init();
	reset_signals();
	spawn_use(secure_getenv("EVINET_SPAWN"));
	if (options->background)
		close_inherited(options);
	d.pidfile = absolute(options->pidfile);
	d.addr_file = absolute(options->addr_file);
	d.sources = absolute_sources(options);
	d.dump_file = absolute(options->dump_file ? options->dump_file : DAEMON_DUMP_FILE);
	TAILQ_INIT(&d.registry.services);
	TAILQ_INIT(&d.registry.retired);
	TAILQ_INIT(&d.registry.leftovers);
	status = boot(&d, handlers);
	if (status)
		d.status = status;
	else
		flush_logs(&d);
	while (status == 0 && !d.done) {
		event_base_loop(d.base, EVLOOP_ONCE);
		drain_poll(DRAINS_PER_TURN);
		if (d.ready && d.announced != d.registry.listen_events)
			write_addr_file(&d);
		flush_logs(&d);
	}
	/* Told to stop before it was ready: whoever waits in the foreground must not think it runs. */
	if (d.options.background && !d.ready && !d.status)
		d.status = EX_UNAVAILABLE;
	status = d.status;
	if (status && d.options.background && d.parent_fd >= 0)
		fprintf(stderr, "evinetd: not started, status %d\n", status);
	shut_down(&d);
	tell_parent(&d, status);
	return status;
}
