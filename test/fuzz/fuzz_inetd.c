/* An inetd.conf: whatever is in it, every remark has a line of the file, every service has a name that a
 * configuration of ours can have, no two have the same, and every row is one of ours. */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/fuzz/foreign.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct foreign f = { 0 };
	char path[64];
	int fd = memfd_create("inetd", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	inetd_read(path, &f);
	close(fd);
	check_foreign(&f, lines_of(data, len));
	foreign_clear(&f);
	return 0;
}
