#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/fd.h"
#include "core/sys/signals.h"
#include "core/sys/spawn.h"
#include "test/unit/tap.h"

static char self[PATH_MAX]; /* a copy of this program, which is its own probe */
static pid_t owner;         /* of the copy */

/* --- the program that is started: this one again, telling what it finds --- */

static void
tell_status(const char *key)
{
	char line[512];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			printf("%s", line);
	if (f)
		fclose(f);
}

static int
probe(char **argv)
{
	static const char *const keys[] = { "SigBlk", "SigIgn", "SigCgt", "CapInh",     "CapPrm",
					    "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Groups" };
	struct rlimit files, core;
	struct stat st;
	char cwd[PATH_MAX], oom[32] = "";
	int fd;

	for (fd = 0; fd < 256; fd++)
		if (fstat(fd, &st) == 0)
			printf("fd %d is %llu\n", fd, (unsigned long long)st.st_ino);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	fd = open("/proc/self/oom_score_adj", O_RDONLY);
	if (fd >= 0) {
		ssize_t n = read(fd, oom, sizeof(oom) - 1);

		oom[n > 1 ? n - 1 : 0] = '\0';
		close(fd);
	}
	printf("pid %d pgid %d sid %d\n", (int)getpid(), (int)getpgrp(), (int)getsid(0));
	printf("uid %d euid %d gid %d egid %d\n", (int)getuid(), (int)geteuid(), (int)getgid(),
	       (int)getegid());
	printf("umask %o nice %d oom %s\n", (unsigned)umask(0), getpriority(PRIO_PROCESS, 0), oom);
	printf("files %llu %llu core %llu\n", (unsigned long long)files.rlim_cur,
	       (unsigned long long)files.rlim_max, (unsigned long long)core.rlim_cur);
	printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		tell_status(keys[i]);
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	for (char **a = argv; *a; a++)
		printf("arg %s\n", *a);
	return 0;
}

/* --- cases: each in a process of its own, which tells its results by a pipe --- */

static bool tell(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool
tell(bool good, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return tap_tell(good, "%s: %s", spawn_method(), text);
}

typedef void (*run_fn)(void);

static void
run_case(void *arg)
{
	const run_fn *run = arg;

	(*run)();
}

static void
in_child(run_fn run)
{
	tap_in_child(run_case, &run);
}

static bool without_waiting;

/* Starts it one way or the other, and waits until it is known how that went. */
static pid_t
launch(const struct spawn_plan *plan, const struct spawn_fds *fds, char **envp, char *own_pid,
       struct spawn_failure *f)
{
	struct spawn_child c;
	siginfo_t info;
	pid_t pid;

	if (!without_waiting)
		return spawn(plan, fds, envp, own_pid, f);
	pid = spawn_start(plan, fds, 0, envp, own_pid, &c);
	if (pid > 0) {
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
		if (!spawn_settled(&c))
			tell(false, "a child that has ended has settled");
	}
	*f = c.failure;
	return c.failure.step ? -1 : pid;
}

/* A file for the child's standard output, and what it was told through it. */
static int out_fd = -1;
static char *said;

static char *
read_file(int fd)
{
	struct text t = { 0 };
	char buf[4096];
	ssize_t n;
	off_t at = 0;

	text_puts(&t, "");
	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		text_add(&t, buf, (size_t)n);
		at += n;
	}
	return t.s;
}

static bool says(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether a line is just this. */
static bool
says(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	len = strlen(line);
	for (const char *p = said; *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") == len && strncmp(p, line, len) == 0)
			return true;
	return false;
}

static char *const probe_argv[] = { self, NULL };
static char probe_env[] = "EVINET_SPAWN_PROBE=1";

static struct spawn_plan
plain_plan(void)
{
	return (struct spawn_plan){ .path = self, .argv = (char **)(uintptr_t)probe_argv, .mask = -1 };
}

static int
high_file(void)
{
	int fd = memfd_create("evinet", MFD_CLOEXEC), high = fcntl(fd, F_DUPFD_CLOEXEC, 50);

	close(fd);
	return high;
}

/* Runs the probe; `said` is what it said. False if it did not run. */
static bool
run_probe(const struct spawn_plan *plan, pid_t *pid)
{
	char *envp[] = { probe_env, NULL };
	struct spawn_failure f = { 0 };
	int null, status;

	*pid = -1;
	if (out_fd < 0)
		out_fd = high_file();
	if (ftruncate(out_fd, 0) < 0 || lseek(out_fd, 0, SEEK_SET) < 0)
		return tell(false, "the file for its output can be emptied");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	*pid = launch(plan, &(struct spawn_fds){ null, out_fd, 2, -1 }, envp, NULL, &f);
	close(null);
	free(said);
	said = NULL;
	if (*pid < 0) {
		tell(false, "the program starts (%s: %s)", f.step, strerror(f.errnum));
		if (f.pid)
			waitpid(f.pid, &status, 0);
		said = xstrdup("");
		return false;
	}
	waitpid(*pid, &status, 0);
	said = read_file(out_fd);
	return tell(status == 0, "the program starts and ends");
}

static void
world(void)
{
	struct spawn_plan plan = plain_plan();
	mode_t mask = umask(022);
	pid_t pid;

	(void)mask;
	run_probe(&plan, &pid);
	tell(says("pid %d pgid %d sid %d", (int)pid, (int)pid, (int)getsid(0)),
	     "it has a process group of its own");
	tell(says("arg %s", self), "its arguments");
	tell(says("env EVINET_SPAWN_PROBE=1") && !strstr(said, "env PATH"),
	     "and its environment, and no other");
	tell(strstr(said, "umask 22 ") != NULL, "the umask stays what it was");

	plan.session = true;
	plan.mask = 077;
	plan.directory = "/proc";
	plan.set_nofile = true;
	plan.nofile = (struct rlimit){ 99, 100 };
	plan.nrlimits = 1;
	plan.rlimits[0].resource = RLIMIT_CORE;
	plan.rlimits[0].limit = (struct rlimit){ 0, 0 };
	plan.set_nice = true;
	plan.nice = 5;
	plan.set_oom = true;
	plan.oom_score_adj = 500;
	plan.no_new_privs = true;
	run_probe(&plan, &pid);
	tell(says("pid %d pgid %d sid %d", (int)pid, (int)pid, (int)pid), "or a session of its own");
	tell(says("umask 77 nice 5 oom 500"), "umask, nice and oom_score_adj are set");
	tell(says("files 99 100 core 0"), "limits too");
	tell(says("cwd /proc"), "and the directory");
	tell(says("NoNewPrivs:\t1"), "and no_new_privs");

	plan = plain_plan();
	run_probe(&plan, &pid);
	tell(says("umask 22 nice %d oom 0", getpriority(PRIO_PROCESS, 0)) && !says("cwd /proc") &&
		     says("NoNewPrivs:\t0") && !strstr(said, "files 99"),
	     "nothing of that happened to whoever started it");
}

static void
limits_in_order(void)
{
	struct spawn_plan plan = plain_plan();
	pid_t pid;

	plan.set_nofile = true;
	plan.nofile = (struct rlimit){ 64, 128 };
	plan.nrlimits = 1;
	plan.rlimits[0].resource = RLIMIT_NOFILE;
	plan.rlimits[0].limit = (struct rlimit){ 20, 30 };
	run_probe(&plan, &pid);
	tell(strstr(said, "files 20 30") != NULL, "a limit that was asked for wins over the one given back");
}

static void
noop(int sig)
{
	(void)sig;
}

static void
signals(void)
{
	struct spawn_plan plan = plain_plan();
	struct sigaction sa = { .sa_handler = noop };
	const unsigned long long asked =
		1ULL << (SIGHUP - 1) | 1ULL << (SIGTERM - 1) | 1ULL << (SIGUSR1 - 1) | 1ULL << (SIGPIPE - 1);
	unsigned long long caught = 0;
	pid_t pid;

	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGALRM && sig != SIGCHLD)
			sigaction(sig, &sa, NULL);
	run_probe(&plan, &pid);
	tell(says("SigIgn:\t0000000000000000"), "no signal is ignored");
	tell(says("SigBlk:\t0000000000000000"), "none is blocked");
	/* A sanitizer has handlers of its own for SIGSEGV and its like. */
	tell(sscanf(strstr(said, "SigCgt:"), "SigCgt: %llx", &caught) == 1 && !(caught & asked),
	     "none has a handler");
	raise(SIGUSR1);
	tell(true, "and the handlers are still there for whoever started it");
}

static void
relative_path(void)
{
	struct spawn_plan plan = plain_plan();
	char *dir = xstrdup(self), *slash = strrchr(dir, '/');
	pid_t pid;

	*slash = '\0';
	plan.directory = dir;
	plan.path = slash + 1;
	run_probe(&plan, &pid);
	tell(says("cwd %s", dir), "a relative path is one below the directory");
	free(dir);
}

static void
own_pid(void)
{
	char pid_env[] = "LISTEN_PID=0000000000", more[] = "MORE=1";
	char *envp[] = { probe_env, pid_env, more, NULL };
	struct spawn_plan plan = plain_plan();
	struct spawn_failure f;
	int out = high_file(), status;
	pid_t pid = launch(&plan, &(struct spawn_fds){ out, out, 2, -1 }, envp,
			   pid_env + strlen("LISTEN_PID="), &f);

	waitpid(pid, &status, 0);
	said = read_file(out);
	tell(says("env LISTEN_PID=%d", (int)pid), "the child writes its own pid where it is told to");
	tell(says("env MORE=1"), "and nowhere else");
}

/* --- descriptors --- */

/* Places files at the descriptors `at` (those of 0 to 3 that none gets are closed), starts the
 * program with them and looks at what arrives. */
static bool
descriptors(const int at[4])
{
	char *envp[] = { probe_env, NULL };
	struct spawn_plan plan = plain_plan();
	struct spawn_failure f = { 0 };
	struct text expected = { 0 };
	struct stat st;
	int files[4], status = -1;
	bool good;
	pid_t pid;

	for (int i = 0; i < 4; i++)
		files[i] = high_file();
	for (int i = 0; i < 4; i++)
		close(i);
	for (int i = 0; i < 4; i++)
		if (at[i] >= 0)
			dup3(files[i], at[i], O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		if (at[i] < 0 || fstat(at[i], &st) < 0)
			continue;
		text_printf(&expected, "fd %d is %llu\n", i, (unsigned long long)st.st_ino);
	}
	pid = launch(&plan, &(struct spawn_fds){ at[0], at[1], at[2], at[3] }, envp, NULL, &f);
	waitpid(pid > 0 ? pid : f.pid, &status, 0);
	/* The program's output goes to what stands for 1; where several are placed there, the last. */
	for (int i = 3; !said; i--)
		if (at[i] == at[1])
			said = read_file(files[i]);
	good = pid > 0 && status == 0 && strncmp(said, expected.s, expected.len) == 0 &&
	       strncmp(said + expected.len, "fd", 2) != 0;
	if (!good)
		tell(false, "from %d %d %d %d, step %s", at[0], at[1], at[2], at[3],
		     f.step ? f.step : "none");
	free(said);
	said = NULL;
	text_clear(&expected);
	return good;
}

static const int *places;

static void
one_placement(void)
{
	if (!descriptors(places))
		return;
	tell(true, "from %d %d %d %d", places[0], places[1], places[2], places[3]);
}

static void
all_placements(void)
{
	static const int others[][4] = {
		{ 10, 11, 12, 13 }, { 10, 11, 12, -1 }, { 10, 10, 10, -1 }, { 0, 0, 0, -1 },
		{ 1, 1, 2, -1 },    { 2, 0, 1, -1 },    { 1, 0, 2, -1 },    { 3, 3, 3, 3 },
		{ 3, 3, 2, -1 },    { 10, 10, 2, 3 },   { 3, 10, 10, 2 },   { 4, 5, 6, 7 },
		{ 2, 2, 2, 2 },     { 0, 3, 2, -1 },    { 10, 11, 12, 0 },  { 12, 3, 1, 10 },
		{ 1, 12, 3, -1 },
	};
	int p[4];

	for (p[0] = 0; p[0] < 4; p[0]++)
		for (p[1] = 0; p[1] < 4; p[1]++)
			for (p[2] = 0; p[2] < 4; p[2]++)
				for (p[3] = 0; p[3] < 4; p[3]++)
					if (p[0] != p[1] && p[0] != p[2] && p[0] != p[3] && p[1] != p[2] &&
					    p[1] != p[3] && p[2] != p[3]) {
						places = p;
						in_child(one_placement);
					}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		places = others[i];
		in_child(one_placement);
	}
}

/* --- each step that can fail --- */

static void
fails_with(const struct spawn_plan *plan, const struct spawn_fds *fds, const char *step, int errnum)
{
	char *envp[] = { probe_env, NULL };
	struct spawn_failure f = { "none", 0, 0 };
	int status = 0;
	pid_t pid = launch(plan, fds, envp, NULL, &f);

	if (pid > 0)
		waitpid(pid, &status, 0);
	tell(pid == -1 && strcmp(f.step, step) == 0 && (!errnum || f.errnum == errnum),
	     "a refused %s is reported as %s: %s", step, f.step, strerror(f.errnum));
	if (f.pid <= 0) {
		tell(strcmp(step, "fork") == 0 || strcmp(step, "pipe") == 0, "there is a child to wait for");
		return;
	}
	tell(waitpid(f.pid, &status, 0) == f.pid && WIFEXITED(status) && WEXITSTATUS(status) == 127,
	     "the child that failed has ended, and ran nothing");
}

static const struct spawn_fds standard = { 0, 1, 2, -1 };

static void
failing_anyone(void)
{
	struct spawn_plan plan = plain_plan();

	plan.path = "/no/such/program";
	fails_with(&plan, &standard, "exec", ENOENT);
	plan.path = "/etc/passwd";
	fails_with(&plan, &standard, "exec", EACCES);
	plan.path = "/";
	fails_with(&plan, &standard, "exec", EACCES);
	plan = plain_plan();
	plan.directory = "/no/such/folder";
	fails_with(&plan, &standard, "chdir", ENOENT);
	plan = plain_plan();
	plan.root = "/no/such/folder";
	fails_with(&plan, &standard, "chroot", 0);
	plan = plain_plan();
	plan.nrlimits = 1;
	plan.rlimits[0].resource = RLIMIT_CORE;
	plan.rlimits[0].limit = (struct rlimit){ 2, 1 };
	fails_with(&plan, &standard, "setrlimit", EINVAL);
	plan = plain_plan();
	plan.set_nofile = true;
	plan.nofile = (struct rlimit){ 2, 1 };
	fails_with(&plan, &standard, "setrlimit", EINVAL);
	plan = plain_plan();
	fails_with(&plan, &(struct spawn_fds){ 0, 1, 77, -1 }, "dup2", EBADF);
	fails_with(&plan, &(struct spawn_fds){ 77, 1, 2, -1 }, "dup2", EBADF);
	plan.set_oom = true;
	plan.oom_score_adj = 5000;
	fails_with(&plan, &standard, "oom_score_adj", EINVAL);
}

static void
failing_without_descriptors(void)
{
	struct spawn_plan plan = plain_plan();
	bool fork = strcmp(spawn_method(), "fork") == 0;
	int fds[200] = { 0 }, n = 0;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 120, 120 });
	while (n < 200 && (fds[n] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0)
		n++;
	if (fork) {
		fails_with(&plan, &standard, "pipe", EMFILE);
		/* The two that its pipe needs, and no more. */
		close(fds[--n]);
		close(fds[--n]);
	}
	/* A child that unshares a part of the table has room in it. */
	if (spawn_shared_below() == 0 || fork)
		fails_with(&plan, &(struct spawn_fds){ 1, 0, 2, -1 }, "dup", EMFILE);
	while (n > 0)
		close(fds[--n]);
}

/* Gives up what root has; true for a process that has nothing to begin with. */
static bool
become_somebody(void)
{
	if (geteuid() != 0)
		return true;
	if (setgroups(0, NULL) < 0 || setresgid(54321, 54321, 54321) < 0 ||
	    setresuid(54321, 54321, 54321) < 0)
		return false;
	prctl(PR_SET_DUMPABLE, 1);
	return true;
}

static void
failing_somebody(void)
{
	struct spawn_plan plan = plain_plan();
	struct rlimit old;

	if (!become_somebody()) {
		tell(true, "what others may not do # SKIP cannot become somebody else");
		return;
	}
	plan.set_nice = true;
	plan.nice = -20;
	fails_with(&plan, &standard, "setpriority", 0);
	plan = plain_plan();
	plan.set_oom = true;
	plan.oom_score_adj = -1000;
	fails_with(&plan, &standard, "oom_score_adj", EACCES);
	plan = plain_plan();
	plan.root = "/";
	fails_with(&plan, &standard, "chroot", EPERM);
	plan = plain_plan();
	plan.creds = (struct creds){ .set = true, .uid = 0, .gid = 0 };
	fails_with(&plan, &standard, "setgroups", EPERM);
	plan = plain_plan();
	plan.set_caps = true;
	plan.caps = 1ULL << CAP_NET_RAW;
	fails_with(&plan, &standard, "capabilities", EPERM);
	plan = plain_plan();
	getrlimit(RLIMIT_NPROC, &old);
	setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, old.rlim_max });
	if (geteuid() == 54321) /* nobody else has this number */
		fails_with(&plan, &standard, "fork", EAGAIN);
	setrlimit(RLIMIT_NPROC, &old);
}

static void
drop_capability(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return;
	data[cap / 32].effective &= ~(1U << (cap % 32));
	data[cap / 32].permitted &= ~(1U << (cap % 32));
	syscall(SYS_capset, &head, data);
}

static void
failing_users(void)
{
	struct spawn_plan plan = plain_plan();
	gid_t groups[2] = { 1, (gid_t)-1 };

	if (geteuid() != 0) {
		tell(true, "a refused setresuid # SKIP only root can lose the right");
		return;
	}
	plan.creds =
		(struct creds){ .set = true, .uid = 54321, .gid = 54321, .groups = groups, .ngroups = 2 };
	fails_with(&plan, &standard, "setgroups", EINVAL);
	plan.creds.ngroups = 1;
	drop_capability(CAP_SETUID);
	fails_with(&plan, &standard, "setresuid", EPERM);
	drop_capability(CAP_SETGID);
	fails_with(&plan, &standard, "setgroups", EPERM);
	plan = plain_plan();
	plan.set_caps = true;
	plan.caps = 1ULL << CAP_SETUID;
	fails_with(&plan, &standard, "capabilities", EPERM);
}

static bool
write_file(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, s, strlen(s)) == (ssize_t)strlen(s);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Only in a user namespace that knows a single group may one set groups and not change the group. */
static void
failing_group(void)
{
	struct spawn_plan plan = plain_plan();
	int go[2], ready[2], status;
	char byte;
	pid_t helper;

	if (geteuid() != 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		tell(true, "a refused setresgid # SKIP only root can lose the right");
		return;
	}
	helper = fork();
	if (helper == 0) {
		char path[64];
		bool good;

		close(go[1]); /* its own would keep it waiting if the parent gives up */
		good = read(go[0], &byte, 1) == 1;
		snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)getppid());
		good = good && write_file(path, "0 0 1\n");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)getppid());
		good = good && write_file(path, "0 0 1\n");
		good = good && write(ready[1], "x", 1) == 1;
		_exit(good ? 0 : 1);
	}
	close(ready[1]);
	if (unshare(CLONE_NEWUSER) < 0 || write(go[1], "x", 1) != 1 || read(ready[0], &byte, 1) != 1) {
		close(go[1]);
		waitpid(helper, &status, 0);
		tell(true, "a refused setresgid # SKIP no user namespace can be had");
		return;
	}
	waitpid(helper, &status, 0);
	plan.creds = (struct creds){ .set = true, .uid = 0, .gid = 5 };
	fails_with(&plan, &standard, "setresgid", EINVAL);
	plan.creds = (struct creds){ .set = true, .uid = 5, .gid = 0 };
	fails_with(&plan, &standard, "setresuid", EINVAL);
}

/* --- identity --- */

static void
identity(void)
{
	struct spawn_plan plan = plain_plan();
	gid_t groups[] = { 7, 54000 };
	pid_t pid;

	if (geteuid() != 0) {
		tell(true, "another user # SKIP only root can become one");
		return;
	}
	plan.creds =
		(struct creds){ .set = true, .uid = 54321, .gid = 54322, .groups = groups, .ngroups = 2 };
	run_probe(&plan, &pid);
	tell(says("uid 54321 euid 54321 gid 54322 egid 54322"), "user and group are changed");
	tell(says("Groups:\t7 54000 "), "the groups are exactly those");
	tell(says("CapEff:\t0000000000000000") && says("CapPrm:\t0000000000000000"),
	     "nothing is left of root's rights");
	tell(getuid() == 0 && geteuid() == 0 && getgid() == 0, "whoever started it stays root");

	plan.set_caps = true;
	plan.caps = 1ULL << CAP_NET_RAW | 1ULL << CAP_CHOWN;
	run_probe(&plan, &pid);
	tell(says("uid 54321 euid 54321 gid 54322 egid 54322") && says("CapEff:\t0000000000002001") &&
		     says("CapPrm:\t0000000000002001") && says("CapInh:\t0000000000002001") &&
		     says("CapAmb:\t0000000000002001"),
	     "capabilities are exactly those, whatever the user");
	tell(says("CapBnd:\t0000000000002001"), "and there is no way to another");
	plan.caps = 0;
	run_probe(&plan, &pid);
	tell(says("CapEff:\t0000000000000000") && says("CapBnd:\t0000000000000000"),
	     "none can be asked for as well");
	plan = plain_plan();
	plan.set_caps = true;
	run_probe(&plan, &pid);
	tell(says("uid 0 euid 0 gid 0 egid 0") && says("CapEff:\t0000000000000000") &&
		     says("CapBnd:\t0000000000000000"),
	     "even for root");
	plan = plain_plan();
	plan.root = "/";
	run_probe(&plan, &pid);
	tell(says("cwd /"), "after a chroot the directory is its root");
	plan = plain_plan();
	plan.set_nice = true;
	plan.nice = -5;
	plan.creds = (struct creds){ .set = true, .uid = 54321, .gid = 54322 };
	run_probe(&plan, &pid);
	tell(strstr(said, "nice -5") && says("uid 54321 euid 54321 gid 54322 egid 54322"),
	     "what needs root happens before the user changes");
}

/* --- several at once --- */

enum { MANY = 200 };

/* More than there are slots: each gets its own environment and descriptors all the same. */
static void
many_at_once(void)
{
	static struct spawn_child children[MANY];
	struct spawn_plan plan = plain_plan();
	int out[MANY], null = open("/dev/null", O_RDWR | O_CLOEXEC), wrong = 0, status;
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		char **envp = spawn_scratch(3 * sizeof(char *) + 32), *text = (char *)(envp + 3);

		out[i] = memfd_create("evinet", MFD_CLOEXEC);
		snprintf(text, 32, "NUMBER=%d", i);
		envp[0] = probe_env;
		envp[1] = text;
		envp[2] = NULL;
		pids[i] = spawn_start(&plan, &(struct spawn_fds){ null, out[i], null, -1 }, 0, envp, NULL,
				      &children[i]);
	}
	for (int i = 0; i < MANY; i++) {
		if (pids[i] <= 0 || waitpid(pids[i], &status, 0) != pids[i] || status != 0 ||
		    !spawn_settled(&children[i]) || children[i].failure.step) {
			wrong++;
			continue;
		}
		free(said);
		said = read_file(out[i]);
		wrong += !says("env NUMBER=%d", i);
	}
	tell(wrong == 0, "%d at once: %d went wrong", MANY, wrong);
}

/* Somebody stops children at once, some of them before their exec: nobody waits for them. */
static void
stopped_on_its_way(void)
{
	static struct spawn_child children[MANY];
	struct spawn_plan plan = plain_plan();
	char *envp[] = { probe_env, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), started = 0, ended = 0, status;
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		pids[i] = spawn_start(&plan, &(struct spawn_fds){ null, null, null, -1 }, 0, envp, NULL,
				      &children[i]);
		started += pids[i] > 0;
		kill(pids[i], SIGSTOP);
	}
	tell(started == MANY, "children that are stopped on their way hold up nobody for long");
	for (int i = 0; i < MANY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		ended += waitpid(pids[i], &status, 0) == pids[i] && spawn_settled(&children[i]);
	tell(ended == MANY, "and they can be ended");
}

/* The descriptors that were given are closed, once the child has them and not before. */
static void
given_away(void)
{
	struct spawn_plan plan = plain_plan();
	char *envp[] = { probe_env, NULL };
	struct spawn_child c;
	int out = memfd_create("evinet", MFD_CLOEXEC), in = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = open("/dev/null", O_RDWR | O_CLOEXEC), status;
	pid_t pid = spawn_start(&plan, &(struct spawn_fds){ in, out, err, -1 },
				SPAWN_GIVE_IN | SPAWN_GIVE_ERR, envp, NULL, &c);

	waitpid(pid, &status, 0);
	tell(spawn_settled(&c) && status == 0, "a program gets descriptors that are given away");
	tell(fcntl(in, F_GETFD) < 0 && fcntl(err, F_GETFD) < 0, "they are closed then");
	tell(fcntl(out, F_GETFD) >= 0, "and no other");
	tell(spawn_settled(&c), "asking again does nothing");
}

static void
everything(void)
{
	in_child(world);
	in_child(limits_in_order);
	in_child(signals);
	in_child(relative_path);
	in_child(own_pid);
	all_placements();
	in_child(failing_anyone);
	in_child(failing_without_descriptors);
	in_child(failing_somebody);
	in_child(failing_users);
	in_child(failing_group);
	in_child(identity);
}

/* Other users run this program as well, and the folder that it was built in may be closed to them. */
static int
copy_self(void)
{
	char folder[] = "/tmp/evinetd-spawn.XXXXXX";
	struct error err;
	char *program;
	size_t len;
	int r;

	owner = getpid();
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return -1;
	snprintf(self, sizeof(self), "%s/probe", folder);
	if (fd_read_file("/proc/self/exe", 64 << 20, &program, &len, &err) < 0)
		return -1;
	r = fd_replace_file(self, 0755, program, len, &err);
	free(program);
	return r;
}

static void
remove_self(void)
{
	if (getpid() != owner)
		return;
	unlink(self);
	*strrchr(self, '/') = '\0';
	rmdir(self);
}

int
main(int argc, char **argv)
{
	(void)argc;
	if (getenv("EVINET_SPAWN_PROBE"))
		return probe(argv);
	if (copy_self() < 0) {
		printf("Bail out! the probe cannot be put where everybody may run it\n");
		return 1;
	}
	atexit(remove_self);
	fd_cloexec_all(); /* as the daemon does */
	signals_reset();
	spawn_use("fork");
	is(spawn_method(), "fork", "the fallback can be chosen");
	everything();
	without_waiting = true;
	everything();
	spawn_use(NULL);
	if (strcmp(spawn_method(), "fork") == 0) {
		ok(true, "shared memory # SKIP this build cannot");
		return tap_done();
	}
	everything();
	in_child(many_at_once);
	in_child(stopped_on_its_way);
	spawn_share_below(64);
	everything();
	in_child(many_at_once);
	in_child(given_away);
	spawn_use("vm");
	is(spawn_method(), "vm", "waiting can be chosen");
	everything();
	without_waiting = false;
	spawn_use(NULL);
	everything();
	is(spawn_method(), "async", "the kernel knows the fast way");
	return tap_done();
}
