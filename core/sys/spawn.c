#include "core/sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/rawcall.h"

/*
 * Three ways to the same end. "async" and "vm" are clone3(CLONE_VM): no page table is copied, however
 * large the daemon is. With "vm" (CLONE_VFORK) the parent waits until the child has exec'ed, with "async"
 * both go on. "fork" is for kernels and filters that do not know the call.
 *
 * Why a child may run in the daemon's memory beside the daemon:
 * - It runs on a stack of its own (a slot). A slot is used again only when the kernel has told that the
 *   child has left our memory, by exec or by its end: CLONE_CHILD_CLEARTID clears slot->tid then.
 * - It makes raw system calls only: no malloc, no lock, no stdio, and no errno, which would be the
 *   parent's own (the thread pointer is the same). From that pointer it reads the stack protector's
 *   secret, which never changes.
 * - It reads its slot, the plan, argv and envp, which stay as they are until spawn_settled(), and writes
 *   to its slot only (the report, and its pid into the slot's scratch memory).
 * - CLONE_CLEAR_SIGHAND: a signal for the child never runs one of the daemon's handlers. Ignored signals
 *   would stay ignored, so the daemon ignores none (see core/service/daemon.c).
 * - Users, groups, capabilities and limits belong to the child's task. glibc's setresuid() and friends
 *   would change all threads of this process; the raw calls do not. The kernel makes memory that has
 *   changed its user undumpable: nobody with the program's identity can trace the child before its exec.
 *   If somebody stops it there, a slot is taken until it goes on, and nothing waits for it.
 * - Descriptors: the child has a copy of the table, or shares ours (CLONE_FILES) and begins by unsharing
 *   the part below the limit of spawn_share_below(), which is what costs nothing with thousands of them
 *   open. It looks at the numbers it was given once, after that; until it has settled the parent neither
 *   closes nor reuses them.
 * - The daemon's only other threads are look-ups, which never fork and never see a slot.
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

/* So many children may be on their way at once; for one more, a moment is waited until one of them has
 * left. If none does (a dead file server, say), there may be more of them, up to the end of the slots. */
enum { CROWD = 64, SLOTS = 1024, MOMENTS = 40 };

static const struct timespec moment = { 0, 500000 };

enum { CHILD_STACK = 32 * 1024, MASK_BYTES = 8 };

enum method { METHOD_UNKNOWN, METHOD_ASYNC, METHOD_VM, METHOD_FORK };

static enum method method = HAVE_VM_SPAWN ? METHOD_UNKNOWN : METHOD_FORK;
static int share_below;

/* Small enough to travel through a pipe in one piece when memory is not shared. */
struct report {
	const char *step; /* the address of a literal: the same in parent and child */
	int errnum;
};

/* What a child on its way uses, and nobody else. */
struct spawn_slot {
	struct spawn_slot *next;
	struct spawn_child *owner; /* NULL: free */
	int tid;                   /* not 0 while the child is in our memory; cleared by the kernel */
	pid_t pid;
	char *stack;
	void *scratch;
	size_t scratch_size;

	/* the job */
	const struct spawn_plan *plan;
	struct spawn_fds fds;
	unsigned give;
	char **envp;
	char *own_pid;
	bool shared_fds;
	int report_fd; /* fork: a close-on-exec pipe; -1: memory is shared */
	struct report report;
};

static struct spawn_slot slots[SLOTS];
static struct spawn_slot *unused; /* those that have been used before come first: their memory is warm */
static size_t nslots;
static struct spawn_slot waiting; /* of those children that the parent waits for */
static struct spawn_slot *lent;   /* whose scratch memory the next child has; NULL: nobody asked */

/* --- the child: raw calls only --- */

static void __attribute__((noreturn)) child_exit(void)
{
	for (;;)
		RAW1(SYS_exit_group, 127);
}

static void __attribute__((noreturn)) child_fail(struct spawn_slot *s, const char *step, long error)
{
	struct report r = { step, (int)-error };

	if (s->report_fd < 0)
		s->report = r;
	else
		RAW3(SYS_write, s->report_fd, &r, sizeof(r));
	child_exit();
}

static long
child_dup2(int from, int to)
{
	if (from == to)
		return RAW3(SYS_fcntl, to, F_SETFD, 0);
#ifdef SYS_dup2
	return RAW2(SYS_dup2, from, to);
#else
	return RAW3(SYS_dup3, from, to, 0);
#endif
}

static void
child_descriptors(struct spawn_slot *s)
{
	int src[4] = { s->fds.in, s->fds.out, s->fds.err, s->fds.extra };
	long r;

	/* From here on the table is ours alone. */
	if (s->shared_fds) {
		r = RAW3(SYS_close_range, share_below, ~0U, CLOSE_RANGE_UNSHARE);
		if (r < 0)
			child_fail(s, "close_range", r);
	}
	/* A source below 4 could be overwritten before it is copied: move it out of the way. */
	for (int i = 0; i < 4; i++) {
		if (src[i] < 0 || src[i] >= 4 || src[i] == i)
			continue;
		r = RAW3(SYS_fcntl, src[i], F_DUPFD_CLOEXEC, 4);
		if (r < 0)
			child_fail(s, "dup", r);
		src[i] = (int)r;
	}
	for (int i = 0; i < 4; i++) {
		if (src[i] < 0)
			continue;
		r = child_dup2(src[i], i);
		if (r < 0)
			child_fail(s, "dup2", r);
	}
	/* What belongs to others: an exec may take long, and they would not end before it. Where the call is
	 * not known they are closed by the exec. */
	if (s->report_fd < 0)
		RAW3(SYS_close_range, s->fds.extra < 0 ? 3 : 4, ~0U, 0);
}

static void
child_oom_score(struct spawn_slot *s)
{
	char text[24];
	char *end = text_put_number(text, s->plan->oom_score_adj);
	long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
	long r = fd < 0 ? fd : RAW3(SYS_write, fd, text, end - text);

	if (r < 0)
		child_fail(s, "oom_score_adj", r);
	RAW1(SYS_close, fd);
}

static void
child_check(struct spawn_slot *s, const char *step, long r)
{
	if (r < 0)
		child_fail(s, step, r);
}

/* What needs privileges but is no identity: before the user changes. */
static void
child_limits(struct spawn_slot *s)
{
	const struct spawn_plan *p = s->plan;

	if (p->set_oom)
		child_oom_score(s);
	if (p->set_nice)
		child_check(s, "setpriority", RAW3(SYS_setpriority, PRIO_PROCESS, 0, p->nice));
	if (p->set_nofile)
		child_check(s, "setrlimit", RAW4(SYS_prlimit64, 0, RLIMIT_NOFILE, &p->nofile, 0));
	for (int i = 0; i < p->nrlimits; i++)
		child_check(s, "setrlimit",
			    RAW4(SYS_prlimit64, 0, p->rlimits[i].resource, &p->rlimits[i].limit, 0));
	if (p->mask >= 0)
		RAW1(SYS_umask, p->mask);
	if (p->root) {
		child_check(s, "chroot", RAW1(SYS_chroot, p->root));
		child_check(s, "chroot", RAW1(SYS_chdir, "/"));
	}
}

static void
child_bounding_set(struct spawn_slot *s)
{
	/* The kernel says which one is the last: EINVAL behind it. */
	for (int cap = 0; cap < 64; cap++) {
		long r;

		if (s->plan->caps & (1ULL << cap))
			continue;
		r = raw_call(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (r == -EINVAL && cap > 0)
			break;
		child_check(s, "capabilities", r);
	}
	child_check(s, "capabilities", raw_call(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0));
}

static void
child_capabilities(struct spawn_slot *s)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[SPAWN_CAPS_WORDS];
	uint64_t caps = s->plan->caps;

	for (int i = 0; i < SPAWN_CAPS_WORDS; i++)
		data[i].effective = data[i].permitted = data[i].inheritable = (uint32_t)(caps >> (32 * i));
	child_check(s, "capabilities", RAW2(SYS_capset, &head, data));
	for (int cap = 0; cap < 64; cap++)
		if (caps & (1ULL << cap))
			child_check(s, "capabilities",
				    raw_call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
}

static void
child_identity(struct spawn_slot *s)
{
	const struct spawn_plan *p = s->plan;
	const struct creds *c = &p->creds;

	if (p->set_caps)
		child_bounding_set(s);
	if (c->set) {
		/* Groups first and the user last: after setresuid the rest is forbidden. */
		child_check(s, "setgroups", RAW2(SYS_setgroups, c->ngroups, c->groups));
		child_check(s, "setresgid", RAW3(SYS_setresgid, c->gid, c->gid, c->gid));
		child_check(s, "setresuid", RAW3(SYS_setresuid, c->uid, c->uid, c->uid));
	}
	if (p->set_caps)
		child_capabilities(s);
	if (p->directory)
		child_check(s, "chdir", RAW1(SYS_chdir, p->directory));
	if (p->no_new_privs)
		child_check(s, "no_new_privs", raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int
child_main(void *arg)
{
	struct spawn_slot *s = arg;
	const struct spawn_plan *p = s->plan;
	uint64_t no_signals = 0;

	RAW4(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, MASK_BYTES);
	child_descriptors(s);
	if (p->session)
		child_check(s, "setsid", RAW0(SYS_setsid));
	else
		child_check(s, "setpgid", RAW2(SYS_setpgid, 0, 0));
	child_limits(s);
	child_identity(s);
	if (s->own_pid)
		text_put_number(s->own_pid, RAW0(SYS_getpid));
	child_fail(s, "exec", RAW3(SYS_execve, p->path, p->argv, s->envp));
}

/* --- slots --- */

static bool
has_left(const struct spawn_slot *s)
{
	return __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE) == 0;
}

static void
close_given(const struct spawn_fds *fds, unsigned give)
{
	if (give & SPAWN_GIVE_IN)
		close(fds->in);
	if (give & SPAWN_GIVE_ERR)
		close(fds->err);
}

/* The child of the slot has gone its way: tell its owner, and close what was given. */
static void
settle(struct spawn_slot *s)
{
	struct spawn_child *c = s->owner;

	if (s->report.step)
		c->failure = (struct spawn_failure){ s->report.step, s->report.errnum, s->pid };
	close_given(&s->fds, s->give);
	c->slot = NULL;
	s->owner = NULL;
	s->next = unused;
	unused = s;
}

static void
settle_all(void)
{
	for (struct spawn_slot *s = slots; s < slots + nslots; s++)
		if (s->owner && has_left(s))
			settle(s);
}

/* The one that the next child gets; NULL if there are no more. */
static struct spawn_slot *
free_slot(void)
{
	for (int i = 0; !unused && nslots >= CROWD && i < MOMENTS; i++) {
		if (i > 0)
			nanosleep(&moment, NULL);
		settle_all();
	}
	if (!unused && nslots < SLOTS)
		unused = &slots[nslots++];
	return unused;
}

static bool
is_async(void)
{
	return method == METHOD_ASYNC || method == METHOD_UNKNOWN;
}

void *
spawn_scratch(size_t size)
{
	struct spawn_slot *s = is_async() ? free_slot() : NULL;

	if (!s)
		s = &waiting;
	lent = s;
	if (s->scratch_size < size) {
		s->scratch = xrealloc(s->scratch, size);
		s->scratch_size = size;
	}
	return s->scratch;
}

bool
spawn_settled(struct spawn_child *c)
{
	if (c->slot && has_left(c->slot))
		settle(c->slot);
	return !c->slot;
}

void
spawn_abandon(struct spawn_child *c)
{
	static struct spawn_child nobody;

	for (int i = 0; !spawn_settled(c) && i < 2000; i++)
		nanosleep(&moment, NULL);
	if (c->slot)
		c->slot->owner = &nobody;
	c->slot = NULL;
}

/* --- the parent --- */

#if HAVE_VM_SPAWN

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

static bool
has_stack(struct spawn_slot *s)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	char *memory;

	if (s->stack)
		return true;
	memory = mmap(NULL, guard + CHILD_STACK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	/* Without the guard page it would do as well: what the child needs is far less. */
	mprotect(memory, guard, PROT_NONE);
	s->stack = memory + guard;
	return true;
}

static bool
may_share(const struct spawn_fds *f)
{
	return f->in < share_below && f->out < share_below && f->err < share_below && f->extra < share_below;
}

/* Returns the pid, or -errno. */
static long
spawn_vm(struct spawn_slot *s, bool wait)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_CLEAR_SIGHAND | CLONE_CHILD_CLEARTID,
		.exit_signal = SIGCHLD,
		.child_tid = (uint64_t)(uintptr_t)&s->tid,
		.stack_size = CHILD_STACK,
	};
	long pid;

	if (!has_stack(s))
		return -ENOMEM;
	s->report_fd = -1;
	s->shared_fds = may_share(&s->fds);
	s->tid = 1;
	args.stack = (uint64_t)(uintptr_t)s->stack;
	args.flags |= (wait ? CLONE_VFORK : 0) | (s->shared_fds ? CLONE_FILES : 0);
	pid = clone3_call(&args, child_main, s);
	if (pid < 0)
		s->tid = 0;
	return pid;
}

#endif

/* Returns the pid, or -1 with f. */
static pid_t
spawn_fork(struct spawn_slot *s, struct spawn_failure *f)
{
	sigset_t all, old;
	int pipefd[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		*f = (struct spawn_failure){ "pipe", errno, 0 };
		return -1;
	}
	s->report_fd = pipefd[1];
	s->shared_fds = false;
	/* Until its handlers are reset the child must not run one of ours. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		/* The child's descriptors 0 to 3 are made anew; the report must survive that. */
		if (s->report_fd < 4)
			s->report_fd = fcntl(s->report_fd, F_DUPFD_CLOEXEC, 4);
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_DFL);
		child_main(s);
	}
	if (pid < 0)
		*f = (struct spawn_failure){ "fork", errno, 0 };
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pipefd[1]);
	if (pid < 0) {
		close(pipefd[0]);
		return -1;
	}
	do
		n = read(pipefd[0], &s->report, sizeof(s->report));
	while (n < 0 && errno == EINTR);
	close(pipefd[0]);
	if (n != (ssize_t)sizeof(s->report))
		s->report.step = NULL;
	return pid;
}

/* Returns the pid, or -1 with f if there is no child. */
static pid_t
start(struct spawn_slot *s, bool wait, struct spawn_failure *f)
{
	s->report = (struct report){ NULL, 0 };
	*f = (struct spawn_failure){ NULL, 0, 0 };
#if HAVE_VM_SPAWN
	if (method != METHOD_FORK) {
		long pid = spawn_vm(s, wait);
		/* Old kernels and filters that do not know the call: remember, and fork from now on. */
		bool unknown =
			method == METHOD_UNKNOWN && (pid == -ENOSYS || pid == -EPERM || pid == -EINVAL);

		if (pid > 0 && method == METHOD_UNKNOWN)
			method = METHOD_ASYNC;
		if (pid > 0)
			return s->pid = (pid_t)pid;
		if (!unknown) {
			*f = (struct spawn_failure){ "fork", (int)-pid, 0 };
			return -1;
		}
		method = METHOD_FORK;
	}
#else
	(void)wait;
#endif
	return s->pid = spawn_fork(s, f);
}

static void
set_job(struct spawn_slot *s, const struct spawn_plan *plan, const struct spawn_fds *fds, char **envp,
	char *own_pid)
{
	s->plan = plan;
	s->fds = *fds;
	s->envp = envp;
	s->own_pid = own_pid;
}

pid_t
spawn(const struct spawn_plan *plan, const struct spawn_fds *fds, char **envp, char *own_pid,
      struct spawn_failure *f)
{
	struct spawn_slot *s = &waiting;
	pid_t pid;

	set_job(s, plan, fds, envp, own_pid);
	pid = start(s, true, f);
	if (pid < 0 || !s->report.step)
		return pid;
	*f = (struct spawn_failure){ s->report.step, s->report.errnum, pid };
	return -1;
}

static pid_t
start_and_wait(const struct spawn_plan *plan, const struct spawn_fds *fds, unsigned give, char **envp,
	       char *own_pid, struct spawn_child *c)
{
	pid_t pid = spawn(plan, fds, envp, own_pid, &c->failure);

	if (pid < 0 && c->failure.pid == 0)
		return -1;
	close_given(fds, give);
	return pid < 0 ? c->failure.pid : pid;
}

static bool
must_wait(const struct spawn_plan *plan, const struct spawn_fds *fds)
{
	/* A listening socket may be closed at any time, a child that needs it notwithstanding. And the
	 * kernel sets oom_score_adj for all who share the memory, except with a child that is waited for. */
	return fds->extra >= 0 || plan->set_oom;
}

pid_t
spawn_start(const struct spawn_plan *plan, const struct spawn_fds *fds, unsigned give, char **envp,
	    char *own_pid, struct spawn_child *c)
{
	struct spawn_slot *s = lent;
	pid_t pid;

	lent = NULL;
	*c = (struct spawn_child){ NULL, { NULL, 0, 0 } };
	if (!is_async() || must_wait(plan, fds))
		return start_and_wait(plan, fds, give, envp, own_pid, c);
	/* Only the slot whose memory the child reads will do. */
	if (!s)
		s = free_slot();
	if (!s || s == &waiting) {
		c->failure = (struct spawn_failure){ "fork", EAGAIN, 0 };
		return -1;
	}
	set_job(s, plan, fds, envp, own_pid);
	pid = start(s, false, &c->failure);
	if (pid < 0)
		return -1;
	unused = s->next;
	s->owner = c;
	s->give = give;
	c->slot = s;
	/* If it was fork in the end, everything has been waited for. */
	if (method == METHOD_FORK)
		settle(s);
	return pid;
}

void
spawn_share_below(int fd)
{
	share_below = fd;
}

int
spawn_shared_below(void)
{
	return share_below;
}

const char *
spawn_method(void)
{
	static const char *const names[] = { "async", "async", "vm", "fork" };

	return names[method];
}

void
spawn_use(const char *name)
{
	if (!HAVE_VM_SPAWN)
		return;
	method = METHOD_UNKNOWN;
	if (name && strcmp(name, "fork") == 0)
		method = METHOD_FORK;
	else if (name && strcmp(name, "vm") == 0)
		method = METHOD_VM;
}
