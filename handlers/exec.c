#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/service/capture.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/caps.h"
#include "core/sys/fd.h"
#include "core/sys/holder.h"
#include "core/sys/reap.h"
#include "core/sys/spawn.h"
#include "handlers/handlers.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

/* Variables that change with each session, and room for all of them. */
enum { SESSION_VARS = 24, SESSION_ENV_BYTES = 4096 };

struct exec_data {
	struct spawn_plan plan;
	char *path;
	struct strlist argv;
	struct strlist env; /* what is the same for every session */
	char **envp;        /* the session's variables, then those of env */
	const char *stderr_path;
	int stderr_fd; /* for "null" and "file:"; -1 otherwise */
	bool stderr_log;
};

static const char *const session_vars[] = {
	"PROTO",          "TCPREMOTEIP",    "TCPREMOTEPORT",
	"TCPLOCALIP",     "TCPLOCALPORT",   "UDPLOCALIP",
	"UDPLOCALPORT",   "UNIXLOCALPATH",  "UNIXREMOTEPATH",
	"UNIXREMOTEEUID", "UNIXREMOTEEGID", "UNIXREMOTEPID",
	"REMOTE_ADDR",    "REMOTE_PORT",    "REMOTE_HOST",
	"LISTEN_FDS",     "LISTEN_PID",     "LISTEN_FDNAMES",
	"EVINET_SERVICE", "EVINET_SESSION", NULL,
};

/* --- preparation --- */

static void wrong(struct service *s, struct problems *problems, const char *section, const char *key,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void
wrong(struct service *s, struct problems *problems, const char *section, const char *key, const char *fmt,
      ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem_add(problems, service_conf_origin(s->conf, section, key), s->name, key, "%s", text);
}

static const char *
variable(const struct strlist *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = env->n; i > 0; i--)
		if (strncmp(env->items[i - 1], name, len) == 0 && env->items[i - 1][len] == '=')
			return env->items[i - 1] + len + 1;
	return NULL;
}

/* Opens a path as the program will see it: links inside a chroot lead to places inside. */
static int
open_inside(const struct service_conf *conf, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int root, fd;

	if (!conf->chroot)
		return open(path, flags | O_CLOEXEC);
	root = open(conf->chroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	close(root);
	return fd;
}

static bool
has_mode(const struct service_conf *conf, const char *path, mode_t type, mode_t any_of)
{
	int fd = open_inside(conf, path, O_PATH);
	struct stat st;
	bool yes;

	if (fd < 0)
		return false;
	yes = fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && (!any_of || (st.st_mode & any_of));
	close(fd);
	return yes;
}

static bool
is_program(const struct service_conf *conf, const char *path)
{
	return has_mode(conf, path, S_IFREG, 0111);
}

static char *
search_path(const struct service_conf *conf, const struct strlist *env, const char *name)
{
	const char *p = variable(env, "PATH");

	p = p ? p : DEFAULT_PATH;
	while (*p) {
		size_t len = strcspn(p, ":");
		char *path = xasprintf("%.*s/%s", (int)len, p, name);

		if (len > 0 && path[0] == '/' && is_program(conf, path))
			return path;
		free(path);
		p += len + (p[len] == ':');
	}
	return NULL;
}

/* A script runs only if the kernel finds its interpreter; both slips are common and give no
 * message that says so. */
static void
check_script(struct service *s, struct problems *problems, const char *key, const char *path)
{
	char head[256], *interpreter;
	int fd = open_inside(s->conf, path, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof(head) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 4)
		return;
	head[n] = '\0';
	if (memcmp(head, "\177ELF", 4) == 0)
		return;
	if (memcmp(head, "#!", 2) != 0) {
		problem_warn(problems, service_conf_origin(s->conf, NULL, key), s->name, key,
			     "%s has no \"#!\" line: the kernel may not run it", path);
		return;
	}
	interpreter = head + 2 + strspn(head + 2, " \t");
	interpreter[strcspn(interpreter, " \t\r\n")] = '\0';
	if (!is_program(s->conf, interpreter))
		wrong(s, problems, NULL, key, "%s wants the interpreter \"%s\", which does not exist", path,
		      interpreter);
}

static void
prepare_program(struct service *s, struct exec_data *d, struct problems *problems)
{
	const struct service_conf *conf = s->conf;
	const char *key = conf->shell ? "shell" : "exec";
	const char *name;

	if (conf->shell && conf->exec.list.n) {
		wrong(s, problems, NULL, "shell", "either shell or exec, not both");
		return;
	}
	if (service_conf_wrong(conf, "shell") || service_conf_wrong(conf, "exec"))
		return;
	if (!conf->shell && (conf->exec.list.n == 0 || !*conf->exec.list.items[0])) {
		wrong(s, problems, NULL, "exec",
		      "expected a program to run (or shell, or a built-in handler)");
		return;
	}
	name = conf->shell ? "/bin/sh" : conf->exec.list.items[0];
	if (strchr(name, '/'))
		d->path = xstrdup(name);
	else
		d->path = search_path(conf, &d->env, name);
	if (!d->path) {
		wrong(s, problems, NULL, key, "there is no program \"%s\" in PATH", name);
		return;
	}
	if (d->path[0] != '/') {
		wrong(s, problems, NULL, key, "\"%s\": expected an absolute path, or a name without a slash",
		      d->path);
	} else if (!is_program(conf, d->path)) {
		int fd = open_inside(conf, d->path, O_PATH);

		wrong(s, problems, NULL, key, "\"%s\" %s%s%s", d->path,
		      fd >= 0 ? "is not an executable file" : "does not exist", conf->chroot ? " in " : "",
		      conf->chroot ? conf->chroot : "");
		if (fd >= 0)
			close(fd);
	} else {
		check_script(s, problems, key, d->path);
	}
	strlist_add(&d->argv, conf->argv0 ? conf->argv0 : d->path);
	if (conf->shell) {
		strlist_add(&d->argv, "-c");
		strlist_add(&d->argv, conf->shell);
	}
	for (size_t i = 1; !conf->shell && i < conf->exec.list.n; i++)
		strlist_add(&d->argv, conf->exec.list.items[i]);
}

static bool
is_session_var(const char *assignment)
{
	size_t len = strcspn(assignment, "=");

	for (const char *const *v = session_vars; *v; v++)
		if (strlen(*v) == len && memcmp(*v, assignment, len) == 0)
			return true;
	return false;
}

/* PATH first, then what is passed on, then what the service says: the later one wins. */
static void
prepare_env(struct service *s, struct exec_data *d, struct problems *problems)
{
	const struct service_conf *conf = s->conf;
	struct strlist all = { 0 };

	strlist_add(&all, "PATH=" DEFAULT_PATH);
	for (size_t i = 0; i < conf->pass_env.list.n; i++) {
		const char *name = conf->pass_env.list.items[i];
		const char *value = getenv(name);
		char *assignment;

		if (!value)
			continue;
		assignment = xasprintf("%s=%s", name, value);
		strlist_add(&all, assignment);
		free(assignment);
	}
	for (size_t i = 0; i < conf->env.list.n; i++) {
		if (is_session_var(conf->env.list.items[i]))
			wrong(s, problems, NULL, "env", "%.*s is set anew for each session",
			      (int)strcspn(conf->env.list.items[i], "="), conf->env.list.items[i]);
		strlist_add(&all, conf->env.list.items[i]);
	}
	for (size_t i = 0; i < all.n; i++) {
		char *name = xasprintf("%.*s", (int)strcspn(all.items[i], "="), all.items[i]);

		if (variable(&all, name) == all.items[i] + strlen(name) + 1 && !is_session_var(name))
			strlist_add(&d->env, all.items[i]);
		free(name);
	}
	strlist_clear(&all);
	d->envp = xcalloc(d->env.n + SESSION_VARS + 1, sizeof(*d->envp));
}

static void
prepare_identity(struct service *s, struct exec_data *d, struct problems *problems)
{
	const struct service_conf *conf = s->conf;
	const char *key = conf->user ? "user" : conf->group ? "group" : "groups";
	struct error err;

	bool group_told = false;
	gid_t gid;

	/* Each by itself first, so that every name that is wrong is told. */
	for (size_t i = 0; i < conf->groups.list.n; i++)
		if (creds_group(conf->groups.list.items[i], &gid, &err) < 0) {
			wrong(s, problems, NULL, "groups", "%s", err.text);
			group_told = true;
		}
	if (conf->group && creds_group(conf->group, &gid, &err) < 0) {
		wrong(s, problems, NULL, "group", "%s", err.text);
		group_told = true;
	}
	if (creds_lookup(&d->plan.creds, conf->user, group_told ? NULL : conf->group,
			 conf->groups.set && !group_told ? &conf->groups.list : NULL, &err) < 0)
		wrong(s, problems, NULL, key, "%s", err.text);
	for (size_t i = 0; i < conf->capabilities.list.n; i++) {
		int cap = caps_find(conf->capabilities.list.items[i]);

		if (cap < 0)
			wrong(s, problems, NULL, "capabilities", "\"%s\" is no capability",
			      conf->capabilities.list.items[i]);
		else
			d->plan.caps |= 1ULL << cap;
	}
	d->plan.set_caps = conf->capabilities.set;
	d->plan.no_new_privs = conf->no_new_privs;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void
prepare_place(struct service *s, struct exec_data *d, struct problems *problems)
{
	const struct service_conf *conf = s->conf;

	if (conf->chroot && !is_directory(conf->chroot))
		wrong(s, problems, NULL, "chroot", "\"%s\" is not a directory", conf->chroot);
	else if (conf->chroot && geteuid() != 0)
		wrong(s, problems, NULL, "chroot", "only root can change the root directory");
	/* Not being allowed to look is no proof: the program's user may be. */
	if (conf->directory && !has_mode(conf, conf->directory, S_IFDIR, 0) && errno != EACCES)
		wrong(s, problems, NULL, "directory", "\"%s\" is not a directory%s%s", conf->directory,
		      conf->chroot ? " in " : "", conf->chroot ? conf->chroot : "");
	d->plan.root = conf->chroot;
	d->plan.directory = conf->directory;
}

static void
prepare_limits(struct service *s, struct exec_data *d)
{
	const struct service_conf *conf = s->conf;
	struct spawn_plan *p = &d->plan;

	p->session = conf->session;
	p->mask = conf->mask;
	p->set_nice = conf->nice != NUMBER_UNSET;
	p->nice = conf->nice;
	p->set_oom = conf->oom_score_adj != NUMBER_UNSET;
	p->oom_score_adj = conf->oom_score_adj;
	p->set_nofile = s->registry->set_nofile;
	p->nofile = s->registry->nofile;
	for (int i = 0; i < LIMITS; i++) {
		const struct limit_spec *l = &conf->limits[i];

		if (!l->set)
			continue;
		if (schema_limit_resources[i] == RLIMIT_NOFILE)
			p->set_nofile = false;
		p->rlimits[p->nrlimits].resource = schema_limit_resources[i];
		p->rlimits[p->nrlimits++].limit = (struct rlimit){
			.rlim_cur = l->soft == UINT64_MAX ? RLIM_INFINITY : l->soft,
			.rlim_max = l->hard == UINT64_MAX ? RLIM_INFINITY : l->hard,
		};
	}
}

/* A pipe that nobody reads must not hold up the start; the program finds it blocking as usual. */
static int
open_stderr(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd >= 0)
		fd_set_nonblocking(fd, false);
	return fd;
}

static void
prepare_stderr(struct service *s, struct exec_data *d, struct problems *problems)
{
	const char *to = s->conf->stderr_to;
	const char *path = strncmp(to, "file:", 5) == 0 ? to + 5
			   : strcmp(to, "null") == 0    ? "/dev/null"
							: NULL;

	d->stderr_log = strcmp(to, "log") == 0;
	d->stderr_path = path;
	if (!path || s->registry->checking)
		return;
	d->stderr_fd = open_stderr(path);
	if (d->stderr_fd < 0)
		wrong(s, problems, NULL, "stderr", "open %s: %s", path, strerror(errno));
}

static void
exec_reopen(struct service *s)
{
	struct exec_data *d = s->handler_data;
	int fd;

	if (!d->stderr_path)
		return;
	fd = open_stderr(d->stderr_path);
	if (fd < 0) {
		log_event(s->log, LOG_LEVEL_ERROR, "reload", s->name,
			  LOG_FIELDS(LOG_S("what", "stderr"), LOG_S("errno", error_name(errno)),
				     LOG_S("error", strerror(errno))));
		return;
	}
	close(d->stderr_fd);
	d->stderr_fd = fd;
}

static void
exec_release(struct service *s)
{
	struct exec_data *d = s->handler_data;

	if (!d)
		return;
	creds_clear(&d->plan.creds);
	if (d->stderr_fd >= 0)
		close(d->stderr_fd);
	strlist_clear(&d->argv);
	strlist_clear(&d->env);
	free(d->envp);
	free(d->path);
	free(d);
	s->handler_data = NULL;
}

static int
exec_prepare(struct service *s, struct problems *problems)
{
	struct exec_data *d = xcalloc(1, sizeof(*d));
	size_t before = problems->errors;

	d->stderr_fd = -1;
	s->handler_data = d;
	prepare_env(s, d, problems);
	prepare_program(s, d, problems);
	prepare_identity(s, d, problems);
	prepare_place(s, d, problems);
	prepare_limits(s, d);
	prepare_stderr(s, d, problems);
	d->plan.path = d->path;
	d->plan.argv = d->argv.items;
	return problems->errors > before ? -1 : 0;
}

/* --- a session's environment --- */

struct environment {
	char **vars; /* where the next one goes */
	char *p, *end;
};

static void set_var(struct environment *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
set_var(struct environment *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(e->p, (size_t)(e->end - e->p), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= e->end - e->p)
		return; /* cannot happen: the texts are bounded and the room is not */
	*e->vars++ = e->p;
	e->p += n + 1;
}

static void
set_inet_vars(struct environment *e, const struct conn *c)
{
	const struct sockaddr *peer = (const struct sockaddr *)&c->peer;
	char remote[64], local[64];

	set_var(e, "PROTO=TCP");
	set_var(e, "TCPREMOTEIP=%s", addr_ip(peer, remote));
	set_var(e, "TCPREMOTEPORT=%d", addr_port(peer));
	set_var(e, "TCPLOCALIP=%s", addr_ip(&c->local.sa, local));
	set_var(e, "TCPLOCALPORT=%d", addr_port(&c->local.sa));
	set_var(e, "REMOTE_ADDR=%s", remote);
	set_var(e, "REMOTE_PORT=%d", addr_port(peer));
	set_var(e, "REMOTE_HOST=%s", remote);
}

static void
set_local_path(struct environment *e, const struct conn *c)
{
	char local[ADDR_TEXT];

	addr_format(&c->local.sa, c->local.len, local);
	if (strlen(local) > strlen("unix:"))
		set_var(e, "UNIXLOCALPATH=%s", local + strlen("unix:"));
}

static void
set_unix_vars(struct environment *e, const struct conn *c)
{
	char remote[ADDR_TEXT];

	set_var(e, "PROTO=UNIX");
	set_local_path(e, c);
	addr_format((const struct sockaddr *)&c->peer, c->peer_len, remote);
	if (strlen(remote) > strlen("unix:")) {
		set_var(e, "UNIXREMOTEPATH=%s", remote + strlen("unix:"));
		set_var(e, "REMOTE_ADDR=%s", remote + strlen("unix:"));
	}
	if (c->peer_pid) {
		set_var(e, "UNIXREMOTEEUID=%u", (unsigned)c->peer_uid);
		set_var(e, "UNIXREMOTEEGID=%u", (unsigned)c->peer_gid);
		set_var(e, "UNIXREMOTEPID=%d", (int)c->peer_pid);
	}
}

static void
set_vsock_vars(struct environment *e, const struct conn *c)
{
	struct sockaddr_vm vm;

	memcpy(&vm, &c->peer, sizeof(vm));
	set_var(e, "PROTO=VSOCK");
	set_var(e, "REMOTE_ADDR=vsock:%u", vm.svm_cid);
	set_var(e, "REMOTE_PORT=%u", vm.svm_port);
}

/* The program has the socket and sees the peers itself. */
static char *
set_wait_vars(struct environment *e, const struct conn *c)
{
	bool dgram = c->local.socktype == SOCK_DGRAM;
	int family = c->local.sa.sa_family;
	char local[64];
	char *pid;

	if (family == AF_INET || family == AF_INET6) {
		set_var(e, "PROTO=%s", dgram ? "UDP" : "TCP");
		set_var(e, "%sLOCALIP=%s", dgram ? "UDP" : "TCP", addr_ip(&c->local.sa, local));
		set_var(e, "%sLOCALPORT=%d", dgram ? "UDP" : "TCP", addr_port(&c->local.sa));
	} else if (family == AF_UNIX) {
		set_var(e, "PROTO=UNIX");
		set_local_path(e, c);
	}
	set_var(e, "LISTEN_FDS=1");
	set_var(e, "LISTEN_FDNAMES=%s", c->service->name);
	set_var(e, "LISTEN_PID=%*s", 11, "");
	/* The child writes its own number: nobody knows it before. */
	pid = e->vars[-1] + strlen("LISTEN_PID=");
	return pid;
}

/* Returns where the child is to write its pid, or NULL. The room is static: one spawn at a time. */
static char *
make_environment(struct conn *c, char **envp)
{
	static char room[SESSION_ENV_BYTES];
	const struct exec_data *d = c->service->handler_data;
	struct environment e = { envp, room, room + sizeof(room) };
	char *own_pid = NULL;

	if (c->wait_socket)
		own_pid = set_wait_vars(&e, c);
	else if (c->local.sa.sa_family == AF_UNIX)
		set_unix_vars(&e, c);
	else if (c->local.sa.sa_family == AF_VSOCK)
		set_vsock_vars(&e, c);
	else
		set_inet_vars(&e, c);
	set_var(&e, "EVINET_SERVICE=%s", c->service->name);
	set_var(&e, "EVINET_SESSION=%llu", (unsigned long long)c->session);
	for (size_t i = 0; i < d->env.n; i++)
		*e.vars++ = d->env.items[i];
	*e.vars = NULL;
	return own_pid;
}

/* --- a session --- */

static bool
orphan_has_socket(pid_t pid, void *arg)
{
	const unsigned long long *inode = arg;

	return holder_has_socket(pid, *inode);
}

/* Orphans of the program became our children: if one of them still talks to the client, the
 * connection is its own and nothing may be shut down or read. */
static bool
held_by_orphan(int fd, int64_t since_ms)
{
	struct stat st;
	unsigned long long inode;

	if (fstat(fd, &st) < 0)
		return false;
	inode = st.st_ino;
	return reap_any_stranger(since_ms, orphan_has_socket, &inode);
}

/* How much waits on the socket of a wait session; see service.c. */
static bool
took_nothing(const struct conn *c)
{
	struct pollfd pfd = { .fd = listener_socket_fd(c->wait_socket), .events = POLLIN };
	int64_t now;

	if (c->ended_ms - c->started_ms > 1000)
		return false;
	if (c->queued < 0)
		return c->status != 0 || poll(&pfd, 1, 0) == 1;
	now = service_queued(c->wait_socket);
	return now >= c->queued;
}

enum { UNTOUCHED_MAX = 3 };

static void
end_wait_session(struct conn *c)
{
	struct service *s = c->service;
	struct listener_socket *ls = c->wait_socket;
	bool pause;

	c->ended_ms = clock_monotonic_ms();
	s->untouched = took_nothing(c) ? s->untouched + 1 : 0;
	pause = s->untouched >= UNTOUCHED_MAX;
	conn_done(c);
	service_release_socket(s, ls, pause);
}

static void
ended_cb(const struct reap_status *st, void *arg)
{
	struct conn *c = arg;

	c->usage = st->usage;
	c->has_usage = true;
	bool ended_by_us = c->how && strcmp(c->how, "error") != 0; /* timeout, killed */

	if (ended_by_us) /* the rest of its group as well */
		kill(-st->pid, SIGKILL);
	if (WIFSIGNALED(st->status))
		conn_set_end(c, "signal", WTERMSIG(st->status));
	else
		conn_set_end(c, "exit", WEXITSTATUS(st->status));
	if (c->wait_socket) {
		end_wait_session(c);
		return;
	}
	if (c->fd >= 0 && c->service->conf->close == CLOSE_DRAIN && !ended_by_us && !drain_is_needless(c->fd))
		c->left = held_by_orphan(c->fd, c->started_ms);
	conn_done(c);
}

static int
choose_stderr(struct conn *c, const struct exec_data *d, int socket, int *to_close, struct error *err)
{
	int fd;

	*to_close = -1;
	if (d->stderr_fd >= 0)
		return d->stderr_fd;
	if (!d->stderr_log)
		return socket;
	c->capture = capture_new(c->service, c->session, &fd, err);
	if (!c->capture)
		return -1;
	*to_close = fd;
	return fd;
}

static void
log_exec_error(struct conn *c, const struct spawn_failure *f)
{
	const struct exec_data *d = c->service->handler_data;

	service_log(c->service, LOG_LEVEL_ERROR, "exec_error",
		    LOG_FIELDS(LOG_I("session", (int64_t)c->session), LOG_I("pid", f->pid),
			       LOG_S("program", d->path), LOG_S("step", f->step),
			       LOG_S("errno", error_name(f->errnum)), LOG_S("error", strerror(f->errnum))));
}

static int
exec_start(struct conn *c, struct error *err)
{
	const struct exec_data *d = c->service->handler_data;
	int socket = c->wait_socket ? listener_socket_fd(c->wait_socket) : c->fd;
	struct spawn_fds fds = { .in = socket, .out = socket, .extra = c->wait_socket ? socket : -1 };
	struct spawn_failure f = { 0 };
	char *own_pid;
	int to_close;
	pid_t pid;

	fds.err = choose_stderr(c, d, socket, &to_close, err);
	if (fds.err < 0)
		return -1;
	own_pid = make_environment(c, d->envp);
	pid = spawn(&d->plan, &fds, d->envp, own_pid, &f);
	if (to_close >= 0)
		close(to_close);
	if (pid < 0 && f.pid == 0) {
		capture_end(c->capture);
		c->capture = NULL;
		return error_set(err, f.errnum, "%s", f.step);
	}
	/* A child that failed on its way is reaped like any other; its session ends with an error. */
	c->pid = pid < 0 ? f.pid : pid;
	if (c->capture)
		capture_set_pid(c->capture, c->pid);
	if (pid < 0) {
		c->failed_step = f.step;
		c->failed_errno = f.errnum;
		conn_set_end(c, "error", 0);
	}
	reap_watch(c->pid, ended_cb, c);
	if (pid > 0 && c->fd >= 0 && c->service->conf->close == CLOSE_LEAVE) {
		close(c->fd);
		c->fd = -1;
	}
	return 0;
}

static void
exec_started(struct conn *c)
{
	struct spawn_failure f = { c->failed_step, c->failed_errno, c->pid };

	if (c->failed_step)
		log_exec_error(c, &f);
}

static void
exec_stop(struct conn *c)
{
	capture_end(c->capture);
	c->capture = NULL;
}

static void
exec_kill(struct conn *c, bool force)
{
	if (c->pid <= 0)
		return;
	kill(-c->pid, force ? SIGKILL : schema_signal(c->service->conf));
	/* A stopped process would not even notice. */
	if (!force)
		kill(-c->pid, SIGCONT);
}

const struct handler handler_exec = {
	.name = "exec",
	.doc = "starts a program with the connection as its standard input and output",
	.sockets = HANDLER_STREAM | HANDLER_WAIT,
	.prepare = exec_prepare,
	.release = exec_release,
	.start = exec_start,
	.started = exec_started,
	.stop = exec_stop,
	.kill = exec_kill,
	.reopen = exec_reopen,
};
