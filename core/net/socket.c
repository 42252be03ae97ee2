#include "core/net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(struct socket_fail *f, int rank, const char *syscall, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static int
failed(struct socket_fail *f, int rank, const char *syscall, int errnum, const char *fmt, ...)
{
	va_list ap;

	f->rank = rank;
	f->syscall = syscall;
	f->errnum = errnum;
	va_start(ap, fmt);
	vsnprintf(f->args, sizeof(f->args), fmt, ap);
	va_end(ap);
	return -1;
}

static bool
has_file(const struct addr *a)
{
	return a->sa.sa_family == AF_UNIX && a->un.sun_path[0] != '\0';
}

/* Removes the file of a socket whose server is gone. A live server answers, or has a full queue. */
static void
remove_stale_file(const struct addr *a)
{
	struct stat st;
	int fd;

	if (lstat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->sa, a->len) < 0 && errno == ECONNREFUSED)
		unlink(a->un.sun_path);
	close(fd);
}

static int
set_options(int fd, const struct addr *a, const struct sockopts *o, struct socket_fail *f)
{
	char value[64];

	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (sockopt_applies(r, o, a) && sockopt_set(r, o, fd, value) < 0)
			return failed(f, FAIL_SETSOCKOPT, "setsockopt", errno, "%d, %s, %s", fd, r->label,
				      value);
	return 0;
}

/* The umask makes the mode exactly what was asked for, with no moment in between. */
static int
bind_file(int fd, const struct addr *a, const struct socket_params *p, struct socket_file *file,
	  struct socket_fail *f)
{
	char text[ADDR_TEXT];
	struct stat st;
	mode_t old = 0;
	int r, errnum;

	remove_stale_file(a);
	if (p->mode >= 0)
		old = umask(0777 & ~(mode_t)p->mode);
	r = bind(fd, &a->sa, a->len);
	errnum = errno;
	if (p->mode >= 0)
		umask(old);
	if (r < 0)
		return failed(f, FAIL_BIND, "bind", errnum, "%d, %s", fd, addr_format(&a->sa, a->len, text));
	if (lstat(a->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		*file = (struct socket_file){ true, st.st_dev, st.st_ino };
	if ((p->owner != (uid_t)-1 || p->group != (gid_t)-1) &&
	    lchown(a->un.sun_path, p->owner, p->group) < 0)
		return failed(f, FAIL_CHOWN, "chown", errno, "%s, %d, %d", a->un.sun_path, (int)p->owner,
			      (int)p->group);
	return 0;
}

static int
bind_address(int fd, const struct addr *a, struct socket_fail *f)
{
	char text[ADDR_TEXT];

	if (bind(fd, &a->sa, a->len) < 0)
		return failed(f, FAIL_BIND, "bind", errno, "%d, %s", fd, addr_format(&a->sa, a->len, text));
	return 0;
}

int
socket_open(const struct addr *a, const struct socket_params *p, struct addr *bound, struct socket_file *file,
	    struct socket_fail *f)
{
	int fd;

	*f = (struct socket_fail){ 0 };
	*file = (struct socket_file){ 0 };
	fd = socket(a->sa.sa_family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return failed(f, FAIL_SOCKET, "socket", errno, "%s, %s, %d",
			      addr_family_name(a->sa.sa_family), addr_socktype_name(a->socktype),
			      a->protocol);
	if (set_options(fd, a, &p->options, f) < 0)
		goto fail;
	if (has_file(a) ? bind_file(fd, a, p, file, f) < 0 : bind_address(fd, a, f) < 0)
		goto fail;
	if (a->socktype != SOCK_DGRAM && listen(fd, p->queuesize) < 0) {
		failed(f, FAIL_LISTEN, "listen", errno, "%d, %d", fd, p->queuesize);
		goto fail;
	}
	*bound = *a;
	bound->len = sizeof(bound->storage);
	if (getsockname(fd, &bound->sa, &bound->len) < 0) {
		failed(f, FAIL_BIND, "getsockname", errno, "%d", fd);
		goto fail;
	}
	return fd;

fail:
	socket_unlink(a, file);
	close(fd);
	return -1;
}

bool
socket_params_equal(const struct socket_params *a, const struct socket_params *b)
{
	return a->mode == b->mode && a->owner == b->owner && a->group == b->group &&
	       sockopts_equal(&a->options, &b->options);
}

void
socket_set_options(int fd, const struct addr *a, const struct socket_params *p)
{
	char value[64];

	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (sockopt_applies(r, &p->options, a))
			sockopt_set(r, &p->options, fd, value);
}

void
socket_unlink(const struct addr *bound, const struct socket_file *file)
{
	struct stat st;

	if (!file->made || !has_file(bound) || lstat(bound->un.sun_path, &st) < 0)
		return;
	/* Another server may have taken the path over: then it is not ours to remove. */
	if (st.st_dev == file->dev && st.st_ino == file->ino)
		unlink(bound->un.sun_path);
}
