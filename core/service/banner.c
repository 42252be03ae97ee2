#include "core/service/banner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The same bytes, as far as the file system tells. */
static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int
read_file(struct banner *b, int fd, struct error *err)
{
	static char buf[BANNER_MAX + 1];
	size_t len = 0;
	ssize_t n = 1;

	if (fstat(fd, &b->seen) < 0)
		return error_set(err, errno, "stat %s", b->path);
	if (!S_ISREG(b->seen.st_mode))
		return error_set(err, 0, "%s is no plain file", b->path);
	while (len < sizeof(buf) && (n = read(fd, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return error_set(err, errno, "read %s", b->path);
	if (len > BANNER_MAX)
		return error_set(err, EFBIG, "%s has more than %d bytes", b->path, BANNER_MAX);
	b->letter = letter_new(buf, len);
	return 0;
}

struct letter *
banner_text(struct banner *b, struct error *err)
{
	struct stat now;
	int fd;

	err->text[0] = '\0';
	err->errnum = 0;
	if (!b->path)
		return NULL;
	if (b->letter && stat(b->path, &now) == 0 && is_same(&now, &b->seen))
		return b->letter->len ? b->letter : NULL;
	banner_clear(b);
	/* A pipe must not keep us. */
	fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		error_set(err, errno, "open %s", b->path);
		return NULL;
	}
	read_file(b, fd, err);
	close(fd);
	return b->letter && b->letter->len ? b->letter : NULL;
}

void
banner_clear(struct banner *b)
{
	letter_unref(b->letter);
	b->letter = NULL;
}
