#include "core/foreign/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 8 * 1024 * 1024 };

static int
read_all(int fd, const char *path, struct text *out, struct error *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "read %s", path);
		if (memchr(buf, 0, (size_t)n))
			return error_set(err, 0, "is no text: there is a zero byte in it");
		text_add(out, buf, (size_t)n);
		if (out->len > LARGEST)
			return error_set(err, 0, "is larger than 8 MiB");
	}
	return 0;
}

int
slurp(const char *path, struct text *out, struct error *err)
{
	/* Without O_NONBLOCK, a pipe without a writer would stop the daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return error_set(err, errno, "open %s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		r = error_set(err, EISDIR, "read %s", path);
	else
		r = read_all(fd, path, out, err);
	close(fd);
	text_puts(out, "");
	return r;
}

char *
one_line(const char *message)
{
	char *copy = xstrdup(message);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return copy;
}
