#include "core/sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Why sharing memory with the child is safe here (method "vm"):
 * - CLONE_VFORK stops the parent thread until the child has exec'ed or ended, and the child runs on
 *   a stack of its own; the daemon's only other threads are look-ups, which never fork.
 * - The child calls nothing but the raw system calls below: no malloc, no locks, no stdio. errno is
 *   the parent's own (same thread pointer) and nobody reads it across the call.
 * - CLONE_CLEAR_SIGHAND: a signal for the child never runs one of the daemon's handlers. Ignored
 *   signals would stay ignored, so the daemon ignores none (see core/service/daemon.c).
 * - Users, groups, capabilities and limits belong to the child's task, not to the shared memory.
 *   glibc's setresuid() and friends would change all threads of this process; the raw calls do not.
 * - The failure record is shared memory: written by the child, read after the parent resumes.
 * Sanitizers instrument what they must not here, so their builds use fork().
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if !SANITIZED && (defined(__x86_64__) || defined(__aarch64__))
#define HAVE_VM_SPAWN 1
#else
#define HAVE_VM_SPAWN 0
#endif

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

enum method { METHOD_UNKNOWN, METHOD_VM, METHOD_FORK };

static enum method method = HAVE_VM_SPAWN ? METHOD_UNKNOWN : METHOD_FORK;

/* Small enough to travel through a pipe in one piece when memory is not shared. */
struct report {
	const char *step; /* the address of a literal: the same in parent and child */
	int errnum;
};

struct job {
	const struct spawn_plan *plan;
	const struct spawn_fds *fds;
	char **envp;
	char *own_pid;
	struct report *report; /* shared memory, or NULL */
	int report_fd;         /* otherwise: a close-on-exec pipe */
	bool reset_signals;    /* fork keeps the handlers until exec */
};

static void
child_fail(const struct job *j, const char *step)
{
	struct report r = { step, errno };

	if (j->report)
		*j->report = r;
	else
		(void)!write(j->report_fd, &r, sizeof(r));
	_exit(127);
}

/* Digits by hand: snprintf is not for use between clone and exec. */
static char *
put_number(char *out, long v)
{
	char digits[24];
	int n = 0;

	if (v < 0) {
		*out++ = '-';
		v = -v;
	}
	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n > 0)
		*out++ = digits[--n];
	*out = '\0';
	return out;
}

static void
child_descriptors(const struct job *j)
{
	const int from[4] = { j->fds->in, j->fds->out, j->fds->err, j->fds->extra };
	int src[4];

	/* A source below 4 could be overwritten before it is copied: move it out of the way. */
	for (int i = 0; i < 4; i++) {
		src[i] = from[i];
		if (src[i] >= 0 && src[i] < 4 && src[i] != i) {
			src[i] = fcntl(src[i], F_DUPFD_CLOEXEC, 4);
			if (src[i] < 0)
				child_fail(j, "dup");
		}
	}
	for (int i = 0; i < 4; i++) {
		if (src[i] < 0)
			continue;
		if (src[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(src[i], i) < 0)
			child_fail(j, "dup2");
	}
}

static void
child_oom_score(const struct job *j)
{
	char text[24];
	char *end = put_number(text, j->plan->oom_score_adj);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, (size_t)(end - text)) < 0)
		child_fail(j, "oom_score_adj");
	close(fd);
}

/* What needs privileges but is no identity: before the user changes. */
static void
child_limits(const struct job *j)
{
	const struct spawn_plan *p = j->plan;

	if (p->set_oom)
		child_oom_score(j);
	if (p->set_nice && syscall(SYS_setpriority, PRIO_PROCESS, 0, p->nice) < 0)
		child_fail(j, "setpriority");
	if (p->set_nofile && syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &p->nofile, NULL) < 0)
		child_fail(j, "setrlimit");
	for (int i = 0; i < p->nrlimits; i++)
		if (syscall(SYS_prlimit64, 0, p->rlimits[i].resource, &p->rlimits[i].limit, NULL) < 0)
			child_fail(j, "setrlimit");
	if (p->mask >= 0)
		umask((mode_t)p->mask);
	if (p->root && (chroot(p->root) < 0 || chdir("/") < 0))
		child_fail(j, "chroot");
}

static void
child_bounding_set(const struct job *j)
{
	/* The kernel says which one is the last: EINVAL behind it. */
	for (int cap = 0; cap < 64; cap++) {
		if (j->plan->caps & (1ULL << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap > 0)
				break;
			child_fail(j, "capabilities");
		}
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		child_fail(j, "capabilities");
}

static void
child_capabilities(const struct job *j)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[SPAWN_CAPS_WORDS];
	uint64_t caps = j->plan->caps;

	for (int i = 0; i < SPAWN_CAPS_WORDS; i++) {
		data[i].effective = data[i].permitted = data[i].inheritable = (uint32_t)(caps >> (32 * i));
	}
	if (syscall(SYS_capset, &head, data) < 0)
		child_fail(j, "capabilities");
	for (int cap = 0; cap < 64; cap++)
		if ((caps & (1ULL << cap)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			child_fail(j, "capabilities");
}

static void
child_identity(const struct job *j)
{
	const struct spawn_plan *p = j->plan;
	const struct creds *c = &p->creds;

	if (p->set_caps)
		child_bounding_set(j);
	if (c->set) {
		/* Groups first and the user last: after setresuid the rest is forbidden. */
		if (syscall(SYS_setgroups, c->ngroups, c->groups) < 0)
			child_fail(j, "setgroups");
		if (syscall(SYS_setresgid, c->gid, c->gid, c->gid) < 0)
			child_fail(j, "setresgid");
		if (syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0)
			child_fail(j, "setresuid");
	}
	if (p->set_caps)
		child_capabilities(j);
	if (p->directory && chdir(p->directory) < 0)
		child_fail(j, "chdir");
	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		child_fail(j, "no_new_privs");
}

static int
child_main(void *arg)
{
	const struct job *j = arg;
	const struct spawn_plan *p = j->plan;

	if (j->reset_signals)
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_DFL);
	if (p->session ? setsid() < 0 : setpgid(0, 0) < 0)
		child_fail(j, p->session ? "setsid" : "setpgid");
	child_descriptors(j);
	child_limits(j);
	child_identity(j);
	if (j->own_pid)
		put_number(j->own_pid, getpid());
	execve(p->path, p->argv, j->envp);
	child_fail(j, "exec");
	return 127;
}

#if HAVE_VM_SPAWN

enum { CHILD_STACK = 64 * 1024 };

/* clone3 whose child starts in `fn` on the stack of `args`; glibc has no function for it. */
static long
clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
	long ret;
#if defined(__x86_64__)
	register int (*r8)(void *) __asm__("r8") = fn;
	register void *r9 __asm__("r9") = arg;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r9, %%rdi\n\t"
			 "callq *%%r8\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret), "+r"(r8), "+r"(r9)
			 : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args))
			 : "rcx", "r11", "memory");
#else
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)sizeof(*args);
	register long x8 __asm__("x8") = SYS_clone3;
	register int (*x10)(void *) __asm__("x10") = fn;
	register void *x11 __asm__("x11") = arg;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "mov x0, x11\n\t"
			 "blr x10\n\t"
			 "brk #1\n"
			 "1:"
			 : "+r"(x0), "+r"(x10), "+r"(x11)
			 : "r"(x1), "r"(x8)
			 : "memory");
	ret = x0;
#endif
	return ret;
}

static void *
child_stack(void)
{
	static void *stack;

	if (!stack) {
		stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		if (stack == MAP_FAILED)
			stack = NULL;
	}
	return stack;
}

static pid_t
spawn_vm(struct job *j, struct spawn_failure *f)
{
	struct report report = { NULL, 0 };
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
		.stack_size = CHILD_STACK,
	};
	void *stack = child_stack();
	long pid;

	if (!stack) {
		*f = (struct spawn_failure){ "fork", ENOMEM, 0 };
		return -1;
	}
	args.stack = (uint64_t)(uintptr_t)stack;
	j->report = &report;
	pid = clone3_call(&args, child_main, j);
	j->report = NULL;
	if (pid < 0) {
		*f = (struct spawn_failure){ "fork", (int)-pid, 0 };
		return -1;
	}
	if (report.step) {
		*f = (struct spawn_failure){ report.step, report.errnum, (pid_t)pid };
		return -1;
	}
	return (pid_t)pid;
}

#endif

static pid_t
spawn_fork(struct job *j, struct spawn_failure *f)
{
	struct report report = { NULL, 0 };
	sigset_t all, old;
	int pipefd[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		*f = (struct spawn_failure){ "pipe", errno, 0 };
		return -1;
	}
	j->report_fd = pipefd[1];
	j->reset_signals = true;
	/* Until its handlers are reset the child must not run one of ours. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		struct job in_child = *j;

		/* The child's descriptors 0 to 3 are made anew; the report must survive that. */
		if (in_child.report_fd < 4)
			in_child.report_fd = fcntl(in_child.report_fd, F_DUPFD_CLOEXEC, 4);
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_DFL);
		in_child.reset_signals = false;
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		child_main(&in_child);
	}
	*f = (struct spawn_failure){ "fork", errno, 0 };
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pipefd[1]);
	if (pid < 0) {
		close(pipefd[0]);
		return -1;
	}
	do
		n = read(pipefd[0], &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	close(pipefd[0]);
	if (n == (ssize_t)sizeof(report)) {
		*f = (struct spawn_failure){ report.step, report.errnum, pid };
		return -1;
	}
	return pid;
}

pid_t
spawn(const struct spawn_plan *plan, const struct spawn_fds *fds, char **envp, char *own_pid,
      struct spawn_failure *f)
{
	struct job j = { .plan = plan, .fds = fds, .envp = envp, .own_pid = own_pid, .report_fd = -1 };

#if HAVE_VM_SPAWN
	if (method != METHOD_FORK) {
		pid_t pid = spawn_vm(&j, f);
		/* Old kernels and filters that do not know the call: remember, and fork from now on. */
		bool unknown = pid < 0 && f->pid == 0 && method == METHOD_UNKNOWN &&
			       (f->errnum == ENOSYS || f->errnum == EPERM || f->errnum == EINVAL);

		if (!unknown) {
			if (pid > 0)
				method = METHOD_VM;
			return pid;
		}
		method = METHOD_FORK;
		j.report = NULL;
	}
#endif
	return spawn_fork(&j, f);
}

const char *
spawn_method(void)
{
	return method == METHOD_FORK ? "fork" : "vm";
}

void
spawn_use(const char *name)
{
	if (HAVE_VM_SPAWN)
		method = name && strcmp(name, "fork") == 0 ? METHOD_FORK : METHOD_UNKNOWN;
}
