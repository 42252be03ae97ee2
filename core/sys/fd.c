#include "core/sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"

int
fd_fill_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= 2);
	close(fd);
	return 0;
}

/* For kernels without close_range: the descriptors that exist, never a loop up to the limit. */
static void
each_open_fd(void (*visit)(int fd, const void *arg), const void *arg)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		int fd = atoi(e->d_name);

		if (fd > 2 && fd != dirfd(dir))
			visit(fd, arg);
	}
	closedir(dir);
}

static void
set_cloexec(int fd, const void *arg)
{
	(void)arg;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
fd_cloexec_all(void)
{
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		each_open_fd(set_cloexec, NULL);
	return 0;
}

struct keep_list {
	const int *fds;
	size_t n;
};

static void
close_unlisted(int fd, const void *arg)
{
	const struct keep_list *keep = arg;

	for (size_t i = 0; i < keep->n; i++)
		if (keep->fds[i] == fd)
			return;
	close(fd);
}

void
fd_close_all_but(const int *keep, size_t n)
{
	struct keep_list list = { keep, n };

	each_open_fd(close_unlisted, &list);
}

enum { LOW_MAX = 1024 };

static int low[LOW_MAX];
static int nlow;

int
fd_reserve_low(int below)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && fd < below && nlow < LOW_MAX) {
		low[nlow++] = fd;
		fd = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
	}
	if (fd < 0)
		return -1;
	close(fd);
	return nlow;
}

void
fd_release_low(void)
{
	while (nlow > 0)
		close(low[--nlow]);
}

int
fd_move_up(int fd, int least)
{
	int up;

	if (fd < 0 || fd >= least)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, least);
	if (up < 0)
		return fd;
	close(fd);
	return up;
}

int
fd_set_nonblocking(int fd, bool on)
{
	int value = on;

	/* What fcntl does in two calls. */
	return ioctl(fd, FIONBIO, &value);
}

int
fd_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_read_file(const char *path, size_t max, char **out, size_t *len, struct error *err)
{
	char chunk[16384];
	struct text t = { 0 };
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_set(err, errno, "open %s", path);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_set(err, errno, "read %s", path);
			goto fail;
		}
		if (t.len + (size_t)n > max) {
			error_set(err, EFBIG, "read %s", path);
			goto fail;
		}
		text_add(&t, chunk, (size_t)n);
	}
	close(fd);
	text_add(&t, "", 0);
	*out = t.s;
	*len = t.len;
	return 0;

fail:
	close(fd);
	text_clear(&t);
	return -1;
}

int
fd_replace_file(const char *path, mode_t mode, const char *s, size_t len, struct error *err)
{
	char *tmp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0) {
		error_set(err, errno, "create %s", tmp);
		free(tmp);
		return -1;
	}
	if (fd_write_all(fd, s, len) < 0 || fchmod(fd, mode) < 0) {
		error_set(err, errno, "write %s", tmp);
		goto fail;
	}
	if (rename(tmp, path) < 0) {
		error_set(err, errno, "rename %s to %s", tmp, path);
		goto fail;
	}
	close(fd);
	free(tmp);
	return 0;

fail:
	close(fd);
	unlink(tmp);
	free(tmp);
	return -1;
}
