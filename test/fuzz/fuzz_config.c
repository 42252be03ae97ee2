/* A configuration file: whatever is in it, every problem has a line of the file, and what can be
 * loaded is dumped in a form that loads again to the same dump. */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/conf/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* An include finds nothing: the files of this machine are no part of the input. */
int
glob(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *g)
{
	(void)pattern;
	(void)flags;
	(void)on_error;
	*g = (glob_t){ 0 };
	return GLOB_NOMATCH;
}

static struct config *
load(const void *data, size_t len)
{
	char path[64];
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct config *c;

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = config_load(path);
	close(fd);
	return c;
}

static void
check_problems(const struct config *c, const uint8_t *data, size_t len)
{
	struct text t = { 0 };
	int lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	for (size_t i = 0; i < c->problems.n; i++) {
		const struct problem *p = &c->problems.items[i];

		problem_format(p, &t);
		if (!p->file || p->line < 1 || p->line > lines) {
			fprintf(stderr, "no true line in: %s\n", t.s);
			abort();
		}
		text_clear(&t);
	}
}

static void
check_dump(const struct config *c)
{
	struct text first = { 0 }, second = { 0 }, t = { 0 };
	struct config *again;

	text_puts(&first, "");
	text_puts(&second, "");
	text_puts(&t, "");
	config_dump(c, &first);
	again = load(first.s, first.len);
	config_dump(again, &second);
	for (size_t i = 0; i < again->problems.n; i++) {
		problem_format(&again->problems.items[i], &t);
		text_puts(&t, "\n");
	}
	if (again->problems.n || strcmp(first.s, second.s) != 0) {
		fprintf(stderr, "the dump\n%s\nbecomes\n%s\n%s\n", first.s, second.s, t.s);
		abort();
	}
	text_clear(&first);
	text_clear(&second);
	text_clear(&t);
	config_unref(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config *c = load(data, len);

	check_problems(c, data, len);
	check_dump(c);
	config_unref(c);
	return 0;
}
