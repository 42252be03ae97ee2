#ifndef CORE_SYS_RAWCALL_H
#define CORE_SYS_RAWCALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A system call and nothing else: no errno, no thread-local storage, no cancellation, no lock. For a
 * child that shares its parent's memory while the parent goes on. Returns -errno when it is refused. */

#if defined(__x86_64__)

static inline long
raw_call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)

static inline long
raw_call(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}

#else

/* Good enough after fork(), which is the only way to start programs here. */
static inline long
raw_call(long number, long a, long b, long c, long d, long e)
{
	long ret = syscall(number, a, b, c, d, e);

	return ret < 0 ? -errno : ret;
}

#endif

/* Numbers and pointers alike, and as many as there are. */
#define RAW_ARG(x) ((long)(x))
#define RAW0(n) raw_call((n), 0, 0, 0, 0, 0)
#define RAW1(n, a) raw_call((n), RAW_ARG(a), 0, 0, 0, 0)
#define RAW2(n, a, b) raw_call((n), RAW_ARG(a), RAW_ARG(b), 0, 0, 0)
#define RAW3(n, a, b, c) raw_call((n), RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), 0, 0)
#define RAW4(n, a, b, c, d) raw_call((n), RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), 0)

#endif
