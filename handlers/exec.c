#include <errno.h>
#include <event2/event.h>
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
#include "handlers/exec.h"
#include "handlers/handlers.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

/* Variables that change with each session, and room for all of them but the service's name. */
enum { SESSION_VARS = 24, SESSION_ENV_BYTES = 4096 };

static const char *const session_vars[] = {
	"PROTO",          "TCPREMOTEIP",    "TCPREMOTEPORT",  "TCPLOCALIP",
	"TCPLOCALPORT",   "UDPREMOTEIP",    "UDPREMOTEPORT",  "UDPLOCALIP",
	"UDPLOCALPORT",   "UNIXLOCALPATH",  "UNIXREMOTEPATH", "UNIXREMOTEEUID",
	"UNIXREMOTEEGID", "UNIXREMOTEPID",  "REMOTE_ADDR",    "REMOTE_PORT",
	"REMOTE_HOST",    "LISTEN_FDS",     "LISTEN_PID",     "LISTEN_FDNAMES",
	"EVINET_SERVICE", "EVINET_SESSION", "EVINET_WARM",    NULL,
};

/* --- young programs --- */

/* Most programs end within a moment. For those that do not, what is needed only then is done when the
 * moment is over: their descriptors make room for those who come (see spawn_share_below), and the loop
 * begins to watch their standard error. That saves several calls and a wake-up for each short session. */
enum { YOUNG_MS = 20 };

static struct conn_list young = TAILQ_HEAD_INITIALIZER(young);
static struct event *young_timer;

static void
grow_up(struct conn *c)
{
	if (!c->is_young)
		return;
	c->is_young = false;
	TAILQ_REMOVE(&young, c, young);
}

static void
set_young_timer(int64_t ms)
{
	struct timeval tv = { 0, (ms > 0 ? ms : 1) * 1000 };

	if (young_timer)
		evtimer_add(young_timer, &tv);
}

static void
young_cb(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = clock_monotonic_ms();
	struct conn *c, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (c = TAILQ_FIRST(&young); c && now - c->started_ms >= YOUNG_MS; c = next) {
		next = TAILQ_NEXT(c, young);
		/* A child that is still on its way needs its descriptors where they are. */
		if (!spawn_settled(&c->child))
			continue;
		grow_up(c);
		c->fd = fd_move_up(c->fd, spawn_shared_below());
		capture_watch(c->capture);
	}
	if (!TAILQ_EMPTY(&young))
		set_young_timer(c ? c->started_ms + YOUNG_MS - now : YOUNG_MS);
}

static void
be_young(struct conn *c)
{
	if (!young_timer)
		young_timer = evtimer_new(c->service->registry->base, young_cb, NULL);
	if (TAILQ_EMPTY(&young))
		set_young_timer(YOUNG_MS);
	c->is_young = true;
	TAILQ_INSERT_TAIL(&young, c, young);
}

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

static bool
has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* What was meant for the daemon alone, by whoever started it. */
static bool
is_daemons_own(const char *assignment)
{
	return has_prefix(assignment, "NOTIFY_SOCKET=") || has_prefix(assignment, "LISTEN_") ||
	       has_prefix(assignment, "WATCHDOG_") || has_prefix(assignment, "EVINET_");
}

static void
pass_everything(struct strlist *all)
{
	for (char **e = environ; *e; e++)
		if (strchr(*e, '=') && !is_daemons_own(*e))
			strlist_add(all, *e);
}

static void
pass_variable(struct strlist *all, const char *name)
{
	const char *value = getenv(name);
	char *assignment;

	if (!value)
		return;
	assignment = xasprintf("%s=%s", name, value);
	strlist_add(all, assignment);
	free(assignment);
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

		if (strcmp(name, "*") == 0)
			pass_everything(&all);
		else
			pass_variable(&all, name);
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

_Static_assert((int)LIMITS <= (int)SPAWN_RLIMITS, "a plan has room for every limit");

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

void
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
	/* In its place: a child on its way may be about to take it. */
	dup3(fd, d->stderr_fd, O_CLOEXEC);
	close(fd);
}

void
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
	free(d->path);
	free(d);
	s->handler_data = NULL;
	if (TAILQ_EMPTY(&young) && young_timer) {
		event_free(young_timer);
		young_timer = NULL;
	}
}

int
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
	char *p;     /* likewise its text; the room is for more than all of them can be */
};

static void
set_text(struct environment *e, const char *name_and_equals, const char *value)
{
	*e->vars++ = e->p;
	e->p = text_put(text_put(e->p, name_and_equals), value);
	*e->p++ = '\0';
}

static void
set_number(struct environment *e, const char *name_and_equals, int64_t value)
{
	*e->vars++ = e->p;
	e->p = text_put_number(text_put(e->p, name_and_equals), value) + 1;
}

static void
set_remote_vars(struct environment *e, const struct sockaddr *peer, const char *remote)
{
	set_text(e, "REMOTE_ADDR=", remote);
	set_number(e, "REMOTE_PORT=", addr_port(peer));
	set_text(e, "REMOTE_HOST=", remote);
}

static void
set_inet_vars(struct environment *e, const struct conn *c)
{
	const struct sockaddr *peer = (const struct sockaddr *)&c->peer;
	char remote[64], local[64];

	addr_ip(peer, remote);
	set_text(e, "PROTO=", "TCP");
	set_text(e, "TCPREMOTEIP=", remote);
	set_number(e, "TCPREMOTEPORT=", addr_port(peer));
	set_text(e, "TCPLOCALIP=", addr_ip(&c->local.sa, local));
	set_number(e, "TCPLOCALPORT=", addr_port(&c->local.sa));
	set_remote_vars(e, peer, remote);
}

static void
set_local_path(struct environment *e, const struct conn *c)
{
	char local[ADDR_TEXT];

	addr_format(&c->local.sa, c->local.len, local);
	if (strlen(local) > strlen("unix:"))
		set_text(e, "UNIXLOCALPATH=", local + strlen("unix:"));
}

static void
set_unix_vars(struct environment *e, const struct conn *c)
{
	char remote[ADDR_TEXT];

	set_text(e, "PROTO=", "UNIX");
	set_local_path(e, c);
	addr_format((const struct sockaddr *)&c->peer, c->peer_len, remote);
	if (strlen(remote) > strlen("unix:")) {
		set_text(e, "UNIXREMOTEPATH=", remote + strlen("unix:"));
		set_text(e, "REMOTE_ADDR=", remote + strlen("unix:"));
	}
	if (c->peer_pid) {
		set_number(e, "UNIXREMOTEEUID=", (int64_t)c->peer_uid);
		set_number(e, "UNIXREMOTEEGID=", (int64_t)c->peer_gid);
		set_number(e, "UNIXREMOTEPID=", c->peer_pid);
	}
}

static void
set_vsock_vars(struct environment *e, const struct conn *c)
{
	struct sockaddr_vm vm;

	memcpy(&vm, &c->peer, sizeof(vm));
	set_text(e, "PROTO=", "VSOCK");
	set_number(e, "REMOTE_ADDR=vsock:", vm.svm_cid);
	set_number(e, "REMOTE_PORT=", vm.svm_port);
}

/* Who sent the first of the datagrams that wait. */
static void
set_sender_vars(struct environment *e, const struct conn *c)
{
	const struct sockaddr *peer = (const struct sockaddr *)&c->peer;
	char remote[64];

	if (!c->peer_len || (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
		return;
	set_text(e, "UDPREMOTEIP=", addr_ip(peer, remote));
	set_number(e, "UDPREMOTEPORT=", addr_port(peer));
	set_remote_vars(e, peer, remote);
}

/* The program has the socket and sees the peers itself. Returns where it is to write its pid. */
static char *
set_wait_vars(struct environment *e, const struct conn *c)
{
	bool dgram = c->local.socktype == SOCK_DGRAM;
	int family = c->local.sa.sa_family;
	char local[64];

	if (family == AF_INET || family == AF_INET6) {
		set_text(e, "PROTO=", dgram ? "UDP" : "TCP");
		set_text(e, dgram ? "UDPLOCALIP=" : "TCPLOCALIP=", addr_ip(&c->local.sa, local));
		set_number(e, dgram ? "UDPLOCALPORT=" : "TCPLOCALPORT=", addr_port(&c->local.sa));
		set_sender_vars(e, c);
	} else if (family == AF_UNIX) {
		set_text(e, "PROTO=", "UNIX");
		set_local_path(e, c);
	}
	set_number(e, "LISTEN_FDS=", 1);
	set_text(e, "LISTEN_FDNAMES=", c->service->name);
	/* The child writes its own number over the blanks: nobody knows it before. */
	set_text(e, "LISTEN_PID=", "           ");
	return e->vars[-1] + strlen("LISTEN_PID=");
}

static void
set_session_vars(struct environment *e, const struct conn *c)
{
	if (c->wait_socket)
		; /* see set_wait_vars */
	else if (c->local.sa.sa_family == AF_UNIX)
		set_unix_vars(e, c);
	else if (c->local.sa.sa_family == AF_VSOCK)
		set_vsock_vars(e, c);
	else
		set_inet_vars(e, c);
	set_text(e, "EVINET_SERVICE=", c->service->name);
	set_number(e, "EVINET_SESSION=", (int64_t)c->session);
}

/* The session's variables, then those of the service, in memory that is lent until the program runs.
 * *own_pid: where the child is to write its pid, or NULL. */
static char **
make_environment(const struct conn *c, char **own_pid)
{
	const struct exec_data *d = c->service->handler_data;
	size_t vector = (SESSION_VARS + d->env.n + 1) * sizeof(char *);
	char **envp = spawn_scratch(vector + SESSION_ENV_BYTES + strlen(c->service->name) * 2);
	struct environment e = { envp, (char *)envp + vector };

	*own_pid = c->wait_socket ? set_wait_vars(&e, c) : NULL;
	set_session_vars(&e, c);
	memcpy(e.vars, d->env.items, d->env.n * sizeof(char *));
	e.vars[d->env.n] = NULL;
	return envp;
}

static void
add_on_one_line(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s > ' ' && *s != '\\' && *s != 0x7f)
			text_add(t, s, 1);
		else
			text_printf(t, "\\%03o", (unsigned char)*s);
	}
}

void
exec_describe(const struct conn *c, struct text *t)
{
	char *vars[SESSION_VARS], room[SESSION_ENV_BYTES + 256];
	struct environment e = { vars, room };

	set_session_vars(&e, c);
	for (char **v = vars; v < e.vars; v++) {
		if (v > vars)
			text_puts(t, " ");
		add_on_one_line(t, *v);
	}
}

/* --- a session --- */

static bool
orphan_has_socket(pid_t pid, void *arg)
{
	const int *fd = arg;
	struct stat st;

	return fstat(*fd, &st) == 0 && holder_has_socket(pid, st.st_ino);
}

/* Orphans of the program became our children: if one of them still talks to the client, the
 * connection is its own and nothing may be shut down or read. */
static bool
held_by_orphan(int fd, pid_t program, int64_t since_ms)
{
	return reap_any_stranger(program, since_ms, orphan_has_socket, &fd);
}

/* Whether as much waits on the socket as before. The kernel counts datagrams that were taken until its queue is
 * empty or a quarter of it has gone, so there the first one that waits has to be the same sender's, too. */
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
	return now >= c->queued && (c->local.socktype != SOCK_DGRAM || service_sender_waits(c));
}

enum { UNTOUCHED_MAX = 3 };

static void
end_wait_session(struct conn *c)
{
	struct service *s = service_current(c->service);
	struct listener_socket *ls = c->wait_socket;
	bool pause;

	c->ended_ms = clock_monotonic_ms();
	s->untouched = ls && took_nothing(c) ? s->untouched + 1 : 0;
	pause = s->untouched >= UNTOUCHED_MAX;
	conn_done(c);
	if (ls)
		service_release_socket(ls, pause);
}

void
exec_log_error(struct service *s, uint64_t session, const struct spawn_failure *f)
{
	const struct exec_data *d = s->handler_data;

	service_log(s, LOG_LEVEL_ERROR, "exec_error",
		    LOG_FIELDS({ .key = "session", .number = session != 0, .i = (int64_t)session },
			       { .key = "pid", .number = f->pid != 0, .i = f->pid },
			       LOG_S("program", d->path), LOG_S("step", f->step),
			       LOG_S("errno", error_name(f->errnum)), LOG_S("error", strerror(f->errnum))));
}

/* Nothing is to be drained if the client has ended as well, or if a process that the program has left
 * behind still talks to it. */
static bool
is_close_enough(const struct conn *c, pid_t program)
{
	if (c->fd < 0 || c->service->conf->close != CLOSE_DRAIN)
		return true;
	return drain_is_needless(c->fd) || held_by_orphan(c->fd, program, c->started_ms);
}

static void
ended_cb(const struct reap_status *st, void *arg)
{
	struct conn *c = arg;
	bool ended_by_us = c->how != NULL; /* timeout, killed */

	grow_up(c);
	spawn_settled(&c->child);
	c->usage = st->usage;
	c->has_usage = true;
	if (ended_by_us) /* the rest of its group as well */
		kill(-st->pid, SIGKILL);
	if (c->child.failure.step) {
		exec_log_error(c->service, c->session, &c->child.failure);
		conn_set_end(c, "error", 0);
	}
	if (WIFSIGNALED(st->status))
		conn_set_end(c, "signal", WTERMSIG(st->status));
	else
		conn_set_end(c, "exit", WEXITSTATUS(st->status));
	if (c->wait) {
		end_wait_session(c);
		return;
	}
	c->close_only = ended_by_us ? c->fd >= 0 && drain_is_needless(c->fd) : is_close_enough(c, st->pid);
	conn_done(c);
}

/* Sets the descriptor, and in *give whether it is the program's alone. */
static int
choose_stderr(struct conn *c, const struct exec_data *d, struct spawn_fds *fds, unsigned *give,
	      struct error *err)
{
	fds->err = d->stderr_fd >= 0 ? d->stderr_fd : fds->out;
	if (d->stderr_fd >= 0 || !d->stderr_log)
		return 0;
	c->capture = capture_new(c->service, c->session, &fds->err, err);
	*give |= SPAWN_GIVE_ERR;
	return c->capture ? 0 : -1;
}

static int
exec_start(struct conn *c, struct error *err)
{
	const struct exec_data *d = c->service->handler_data;
	int socket = c->wait_socket ? listener_socket_fd(c->wait_socket) : c->fd;
	struct spawn_fds fds = { .in = socket, .out = socket, .extra = c->wait_socket ? socket : -1 };
	unsigned give = c->fd >= 0 && c->service->conf->close == CLOSE_LEAVE ? SPAWN_GIVE_IN : 0;
	char **envp, *own_pid;

	if (choose_stderr(c, d, &fds, &give, err) < 0)
		return -1;
	envp = make_environment(c, &own_pid);
	c->pid = spawn_start(&d->plan, &fds, give, envp, own_pid, &c->child);
	if (c->pid < 0) {
		c->pid = 0;
		if (give & SPAWN_GIVE_ERR)
			close(fds.err);
		capture_end(c->capture);
		c->capture = NULL;
		return error_set(err, c->child.failure.errnum, "%s", c->child.failure.step);
	}
	if (c->capture)
		capture_set_pid(c->capture, c->pid);
	if (give & SPAWN_GIVE_IN)
		c->fd = -1;
	/* A child that fails on its way is reaped like any other; its session ends with an error. */
	reap_watch(c->pid, ended_cb, c);
	be_young(c);
	return 0;
}

static void
exec_stop(struct conn *c)
{
	capture_end(c->capture);
	c->capture = NULL;
}

/* A child on its way may have no group of its own yet. */
void
exec_signal(pid_t pid, int sig)
{
	if (kill(-pid, sig) < 0 && errno == ESRCH)
		kill(pid, sig);
}

static void
exec_kill(struct conn *c, bool force)
{
	if (c->pid <= 0)
		return;
	exec_signal(c->pid, force ? SIGKILL : schema_signal(c->service->conf));
	/* A stopped process would not even notice. */
	if (!force)
		exec_signal(c->pid, SIGCONT);
}

/* The default: what else a service asks for without naming it. */
static const struct handler *
exec_choose(const struct service_conf *conf)
{
	bool redirect = conf->redirect || service_conf_wrong(conf, "redirect");

	if (conf->ban)
		return &handler_sensor;
	if (redirect && !service_conf_says(conf, NULL, "handler"))
		return &handler_redirect;
	return conf->warm > 0 ? &handler_warm : &handler_exec;
}

const struct handler handler_exec = {
	.name = "exec",
	.doc = "starts a program with the connection as its standard input and output",
	.sockets = HANDLER_STREAM | HANDLER_WAIT,
	.choose = exec_choose,
	.prepare = exec_prepare,
	.release = exec_release,
	.start = exec_start,
	.stop = exec_stop,
	.kill = exec_kill,
	.reopen = exec_reopen,
};
