#include "test/unit/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int checks, failures;

bool
tap_check(bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	checks++;
	failures += !good;
	printf("%sok %d - ", good ? "" : "not ", checks);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good)
		printf("#   at %s:%d\n", file, line);
	fflush(stdout);
	return good;
}

bool
tap_equal_text(const char *got, const char *expected, const char *file, int line, const char *what)
{
	bool good = got == expected || (got && expected && strcmp(got, expected) == 0);

	tap_check(good, file, line, "%s", what);
	if (!good)
		printf("#   got:      %s\n#   expected: %s\n", got ? got : "NULL",
		       expected ? expected : "NULL");
	return good;
}

bool
tap_equal_int(long long got, long long expected, const char *file, int line, const char *what)
{
	tap_check(got == expected, file, line, "%s", what);
	if (got != expected)
		printf("#   got:      %lld\n#   expected: %lld\n", got, expected);
	return got == expected;
}

int
tap_done(void)
{
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}
