/*
 * The program that is started: an answer and an end, as little as there can be. Even the start of a
 * C library costs more than some servers do, so this one has none where we know how to do without.
 */
#if defined(BARE) && defined(__x86_64__)

static long
call(long number, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}
enum { SYS_WRITE = 1, SYS_EXIT = 60 };

#elif defined(BARE) && defined(__aarch64__)

static long
call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
enum { SYS_WRITE = 64, SYS_EXIT = 93 };

#endif

#ifdef BARE

void _start(void);

void
_start(void)
{
	call(SYS_EXIT, call(SYS_WRITE, 1, (long)"ok\n", 3) != 3, 0, 0);
	__builtin_unreachable();
}

#else

#include <unistd.h>

int
main(void)
{
	return write(1, "ok\n", 3) != 3;
}

#endif
