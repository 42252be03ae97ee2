#include "core/net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
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

static int
set_filter(int fd, const struct addr *a, const struct sock_fprog *filter, struct socket_fail *f)
{
	if (!filter || (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6))
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
		return failed(f, FAIL_SETSOCKOPT, "setsockopt", errno,
			      "%d, SOL_SOCKET, SO_ATTACH_FILTER, %u instructions", fd, (unsigned)filter->len);
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

static bool
is_group(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(a->in.sin_addr.s_addr));
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
}

static int
join(int fd, int level, int option, const void *group, socklen_t len, const char *label, const struct addr *a,
     struct socket_fail *f)
{
	char ip[64];

	if (setsockopt(fd, level, option, group, len) < 0)
		return failed(f, FAIL_JOIN, "setsockopt", errno, "%d, %s, %s", fd, label,
			      addr_ip(&a->sa, ip));
	return 0;
}

/* Being bound to the address of a group is not enough: the machine takes in only what somebody has
 * joined. On `device` if there is one, otherwise on the interface that the routes say. */
static int
join_group(int fd, const struct addr *a, const char *device, struct socket_fail *f)
{
	struct ipv6_mreq group;
	unsigned interface;

	if (a->socktype != SOCK_DGRAM || !is_group(a))
		return 0;
	interface = device ? if_nametoindex(device) : 0;
	if (a->sa.sa_family == AF_INET) {
		struct ip_mreqn group4 = { .imr_multiaddr = a->in.sin_addr, .imr_ifindex = (int)interface };

		return join(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group4, sizeof(group4),
			    "IPPROTO_IP, IP_ADD_MEMBERSHIP", a, f);
	}
	group.ipv6mr_multiaddr = a->in6.sin6_addr;
	group.ipv6mr_interface = interface ? interface : a->in6.sin6_scope_id;
	return join(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group), "IPPROTO_IPV6, IPV6_JOIN_GROUP",
		    a, f);
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
	if (set_options(fd, a, &p->options, f) < 0 || set_filter(fd, a, p->filter, f) < 0)
		goto fail;
	if (has_file(a) ? bind_file(fd, a, p, file, f) < 0 : bind_address(fd, a, f) < 0)
		goto fail;
	if (join_group(fd, a, p->options.device, f) < 0)
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

static bool
filters_equal(const struct sock_fprog *a, const struct sock_fprog *b)
{
	if (!a || !b)
		return a == b;
	return a->len == b->len && memcmp(a->filter, b->filter, a->len * sizeof(*a->filter)) == 0;
}

bool
socket_params_equal(const struct socket_params *a, const struct socket_params *b)
{
	return a->mode == b->mode && a->owner == b->owner && a->group == b->group &&
	       sockopts_equal(&a->options, &b->options) && filters_equal(a->filter, b->filter);
}

void
socket_set_options(int fd, const struct addr *a, const struct socket_params *p)
{
	struct socket_fail fail;
	char value[64];
	int none = 0;

	for (const struct sockopt_row *r = sockopt_rows; r->name; r++)
		if (sockopt_applies(r, &p->options, a))
			sockopt_set(r, &p->options, fd, value);
	/* One that was there is replaced at once: there is no moment without. */
	if (p->filter)
		set_filter(fd, a, p->filter, &fail);
	else
		setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
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
