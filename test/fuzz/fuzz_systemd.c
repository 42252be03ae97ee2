/* A socket unit and its service unit, with a line of percent signs between them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/fuzz/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char dir[] = "/tmp/evinet-fuzz.XXXXXX";
static const char *const files[] = { "t.socket", "t@.service", "t.service" };

static void
path_of(const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", dir, name);
}

static void
remove_folder(void)
{
	char path[64];

	for (size_t i = 0; i < 3; i++) {
		path_of(files[i], path);
		unlink(path);
	}
	rmdir(dir);
}

static void
put(const char *name, const uint8_t *data, size_t len)
{
	char path[64];
	FILE *f;

	path_of(name, path);
	f = fopen(path, "w");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char between[] = "\n%%%\n";
	const uint8_t *cut = memmem(data, len, between, strlen(between));
	size_t first = cut ? (size_t)(cut - data) + 1 : len;
	size_t second = cut ? first + strlen(between) - 1 : len;
	struct foreign f = { 0 };
	char path[64];

	if (strstr(dir, "XXXXXX")) {
		if (!mkdtemp(dir))
			abort();
		atexit(remove_folder);
	}
	put(files[0], data, first);
	put(files[1], data + second, len - second);
	put(files[2], data + second, len - second);
	path_of(files[0], path);
	systemd_read(path, &f);
	check_foreign(&f, lines_of(data, len));
	foreign_clear(&f);
	return 0;
}
