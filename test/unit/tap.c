#include "test/unit/tap.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int checks, failures;
static FILE *up; /* from a case in a process of its own to the one that counts */

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

bool
tap_tell(bool good, const char *fmt, ...)
{
	va_list ap;

	fprintf(up, "%c", good ? '+' : '-');
	va_start(ap, fmt);
	vfprintf(up, fmt, ap);
	va_end(ap);
	fprintf(up, "\n");
	fflush(up);
	return good;
}

void
tap_in_child(void (*run)(void *), void *arg)
{
	char line[512];
	int pipefd[2], status;
	FILE *f;
	pid_t pid;

	fflush(stdout);
	if (pipe2(pipefd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		ok(false, "a child can be had");
		return;
	}
	if (pid == 0) {
		/* Out of the way of the descriptors that a case is about. */
		up = fdopen(fcntl(pipefd[1], F_DUPFD_CLOEXEC, 100), "w");
		close(pipefd[0]);
		close(pipefd[1]);
		alarm(30);
		run(arg);
		fclose(up);
		exit(0);
	}
	close(pipefd[1]);
	f = fdopen(pipefd[0], "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		ok(line[0] == '+', "%s", line + 1);
	}
	if (f)
		fclose(f);
	waitpid(pid, &status, 0);
	if (status)
		ok(false, "the case ends well (status %d)", status);
}

int
tap_done(void)
{
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}
