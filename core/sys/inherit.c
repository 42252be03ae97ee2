#include "core/sys/inherit.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/text.h"

enum { FIRST = 3 };

static int npassed;
static char **names; /* npassed entries, "" where there is no name */
static struct strlist taken;
static int *sockets; /* open when inherit_init was called */
static int nsockets;
static char *notify_path;

static void
read_names(const char *list)
{
	names = xcalloc((size_t)npassed + 1, sizeof(*names));
	for (int i = 0; i < npassed; i++) {
		size_t len = list ? strcspn(list, ":") : 0;

		names[i] = xasprintf("%.*s", (int)len, len ? list : "");
		if (list)
			list = list[len] ? list + len + 1 : NULL;
	}
}

static void
note_sockets(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct stat st;
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
			continue;
		sockets = xrealloc(sockets, (size_t)(nsockets + 1) * sizeof(*sockets));
		sockets[nsockets++] = fd;
	}
	if (dir)
		closedir(dir);
}

static bool
is_inherited(int fd)
{
	for (int i = 0; i < nsockets; i++)
		if (sockets[i] == fd)
			return true;
	return false;
}

int
inherit_sockets(int *fds, int max)
{
	int n = nsockets < max ? nsockets : max;

	if (n > 0)
		memcpy(fds, sockets, (size_t)n * sizeof(*fds));
	return n;
}

void
inherit_init(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *notify = getenv("NOTIFY_SOCKET");
	int64_t for_pid, n;

	note_sockets();
	if (fds && pid && parse_int(pid, 1, INT32_MAX, &for_pid, NULL) == 0 && for_pid == getpid() &&
	    parse_int(fds, 0, 4096, &n, NULL) == 0) {
		npassed = (int)n;
		read_names(getenv("LISTEN_FDNAMES"));
	}
	if (notify && (notify[0] == '/' || notify[0] == '@'))
		notify_path = xstrdup(notify);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
}

static bool
is_taken(const char *key)
{
	for (size_t i = 0; i < taken.n; i++)
		if (strcmp(taken.items[i], key) == 0)
			return true;
	return false;
}

static int
take(int fd, struct error *err)
{
	struct stat st;
	char key[16];

	snprintf(key, sizeof(key), "%d", fd);
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "descriptor %d", fd);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ENOTSOCK, "descriptor %d", fd);
	/* One of the daemon's own would be served twice, by rules that are not its own. */
	if (!is_inherited(fd))
		return error_set(err, 0, "descriptor %d was not inherited", fd);
	if (is_taken(key))
		return error_set(err, 0, "descriptor %d is used by another listener", fd);
	strlist_add(&taken, key);
	return fd;
}

int
inherit_take(const char *name, struct error *err)
{
	int64_t n;

	for (int i = 0; i < npassed; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", FIRST + i);
		if (strcmp(names[i], name) == 0 && !is_taken(key))
			return take(FIRST + i, err);
	}
	if (parse_int(name, 0, 1 << 20, &n, NULL) < 0)
		return error_set(err, 0, "no inherited socket has the name \"%s\"", name);
	return take((int)n, err);
}

bool
inherit_is_taken(int fd)
{
	char key[16];

	snprintf(key, sizeof(key), "%d", fd);
	return is_taken(key);
}

void
inherit_give_back(int fd)
{
	struct strlist left = { 0 };
	char key[16];

	snprintf(key, sizeof(key), "%d", fd);
	for (size_t i = 0; i < taken.n; i++)
		if (strcmp(taken.items[i], key) != 0)
			strlist_add(&left, taken.items[i]);
	strlist_clear(&taken);
	taken = left;
}

void
inherit_gone(int fd)
{
	for (int i = 0; i < nsockets; i++)
		if (sockets[i] == fd)
			sockets[i--] = sockets[--nsockets];
}

int
inherit_count(void)
{
	return npassed;
}

int
inherit_untaken(int index)
{
	char key[16];

	snprintf(key, sizeof(key), "%d", FIRST + index);
	return is_taken(key) ? -1 : FIRST + index;
}

void
inherit_notify(const char *message)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len;
	int fd;

	if (!notify_path)
		return;
	len = strlen(notify_path);
	if (len >= sizeof(un.sun_path))
		return;
	memcpy(un.sun_path, notify_path, len + 1);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A manager that does not read must not stop us: the message is advice. */
	(void)!sendto(fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&un,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
