/*
 * Makes a program as large as BENCH_BALLAST says, in megabytes: preloaded into it, this library
 * takes memory and touches all of it before main() begins. What the program starts is not inflated.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((constructor)) static void
inflate(void)
{
	const char *text = getenv("BENCH_BALLAST");
	size_t len = text ? strtoul(text, NULL, 10) << 20 : 0;
	void *at;

	unsetenv("BENCH_BALLAST");
	unsetenv("LD_PRELOAD");
	if (len == 0)
		return;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		abort();
	/* Huge pages would make it small again, as far as page tables go. */
	madvise(at, len, MADV_NOHUGEPAGE);
	memset(at, 1, len);
}
