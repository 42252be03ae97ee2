/*
 * What a server cannot be faster than: the system calls that do the work, and nothing else. No
 * limits, no log, no look at who connects.
 *
 *	yard fork|vfork|clone3|async|prefork PROGRAM   accept and start the program, in various ways
 *	yard echo                                      epoll, read, write
 *	yard splice PORT                               relays to the port, through pipes
 *	yard warm PROGRAM                              relays to programs that are started already
 *	yard udp-echo|udp-daytime                      recvmmsg, sendmmsg
 *
 * Each prints the port it listens on.
 */
#include "test/bench/yard.h"

#include <err.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/bench/net.h"

enum { STACK = 64 * 1024, CHILDREN = 64, WORKERS = 4 };

/* A child that has not come to its exec. The kernel sets tid to 0 when the stack is free again. */
struct child {
	pid_t tid;
	int fd;
	char **argv;
	char *stack;
};

static char *environment[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };

/* Only system calls: with shared memory the parent's data are ours too. */
static int
child_main(void *arg)
{
	struct child *c = arg;

	syscall(SYS_dup3, c->fd, 0, 0);
	syscall(SYS_dup3, c->fd, 1, 0);
	syscall(SYS_execve, c->argv[0], c->argv, environment);
	syscall(SYS_exit, 127);
	return 127;
}

static void
yard_fork(int l, char **argv)
{
	for (;;) {
		struct child c = { .fd = net_accept(l, 0), .argv = argv };

		if (c.fd >= 0 && fork() == 0)
			_exit(child_main(&c)); /* NOLINT: system calls only */
		close(c.fd);
	}
}

static void
yard_vfork(int l, char **argv)
{
	for (;;) {
		struct child c = { .fd = net_accept(l, 0), .argv = argv };

		if (c.fd >= 0 && vfork() == 0) /* NOLINT: it is vfork that is measured */
			_exit(child_main(&c)); /* NOLINT: system calls only */
		close(c.fd);
	}
}

static char *
stack_new(void)
{
	char *stack =
		mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		err(1, "mmap");
	return stack;
}

#if defined(__x86_64__)
/* glibc has no function for it: the child starts in child_main, on a stack of its own. */
static long
clone3_call(struct clone_args *args, struct child *c)
{
	register int (*r8)(void *) __asm__("r8") = child_main;
	register void *r9 __asm__("r9") = c;
	long ret;

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
	return ret;
}
#else
static long
clone3_call(struct clone_args *args, struct child *c)
{
	char *stack = (char *)(uintptr_t)args->stack + args->stack_size;

	return clone(child_main, stack, CLONE_VM | CLONE_VFORK | SIGCHLD, c);
}
#endif

static void
yard_clone3(int l, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack_new(),
		.stack_size = STACK,
	};

	for (;;) {
		struct child c = { .fd = net_accept(l, 0), .argv = argv };

		if (c.fd >= 0 && clone3_call(&args, &c) < 0)
			warn("clone3");
		close(c.fd);
	}
}

/* A child whose stack is free. The oldest is the likeliest, and if need be we wait for it. */
static struct child *
free_child(struct child *children)
{
	static unsigned next;
	struct child *c = &children[next++ % CHILDREN];
	pid_t tid;

	while ((tid = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE)) != 0)
		syscall(SYS_futex, &c->tid, FUTEX_WAIT, tid, NULL, NULL, 0);
	return c;
}

/* The parent does not wait for the exec. */
static void
yard_async(int l, char **argv)
{
	static struct child children[CHILDREN];

	for (size_t i = 0; i < CHILDREN; i++)
		children[i] = (struct child){ .argv = argv, .stack = stack_new() };
	for (;;) {
		int fd = net_accept(l, 0);
		struct child *c;

		if (fd < 0)
			continue;
		c = free_child(children);
		c->fd = fd;
		c->tid = -1;
		if (clone(child_main, c->stack + STACK, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, c, NULL,
			  NULL, &c->tid) < 0) {
			warn("clone");
			c->tid = 0;
		}
		close(fd);
	}
}

static void
yard_prefork(int l, char **argv)
{
	for (int i = 1; i < WORKERS; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			break;
		}
	}
	yard_vfork(l, argv);
}

static const struct {
	const char *name;
	int type, words;
	void (*run)(int fd, char **argv);
} yards[] = {
	{ "fork", SOCK_STREAM, 1, yard_fork },        { "vfork", SOCK_STREAM, 1, yard_vfork },
	{ "clone3", SOCK_STREAM, 1, yard_clone3 },    { "async", SOCK_STREAM, 1, yard_async },
	{ "prefork", SOCK_STREAM, 1, yard_prefork },  { "echo", SOCK_STREAM, 0, yard_echo },
	{ "splice", SOCK_STREAM, 1, yard_splice },    { "warm", SOCK_STREAM, 1, yard_warm },
	{ "udp-echo", SOCK_DGRAM, 0, yard_udp_echo }, { "udp-daytime", SOCK_DGRAM, 0, yard_udp_daytime },
};

int
main(int argc, char **argv)
{
	/* The kernel reaps. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(yards) / sizeof(yards[0]); i++) {
		int fd;

		if (strcmp(argv[1], yards[i].name) != 0 || argc != 2 + yards[i].words)
			continue;
		fd = net_listen(yards[i].type, 0);
		printf("%d\n", net_port(fd));
		fflush(stdout);
		yards[i].run(fd, argv + 2);
	}
	errx(64, "usage: yard fork|vfork|clone3|async|prefork|warm PROGRAM, yard splice PORT, "
		 "yard echo|udp-echo|udp-daytime");
}
