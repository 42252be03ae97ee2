#include "core/sys/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
name_process(int pid, char *buf, size_t size)
{
	char path[64], comm[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = '\0';
		fclose(f);
		comm[strcspn(comm, "\n")] = '\0';
	}
	snprintf(buf, size, "%s[%d]", comm, pid);
}

/* Whether a local address in /proc/net's form (hex words of the host's byte order) gets in the
 * way of `a`: the same port, and the same address or a wildcard on either side. */
static bool
clashes(const char *local, const struct addr *a)
{
	char hex[33];
	unsigned port, words[4];
	size_t n;

	if (sscanf(local, "%32[0-9A-Fa-f]:%x", hex, &port) != 2 || (int)port != addr_port(&a->sa))
		return false;
	n = strlen(hex) / 8;
	if (n != 1 && n != 4)
		return false;
	for (size_t i = 0; i < n; i++) {
		char word[9];

		memcpy(word, hex + 8 * i, 8);
		word[8] = '\0';
		words[i] = (unsigned)strtoul(word, NULL, 16);
	}
	if (strspn(hex, "0") == strlen(hex) || addr_is_wildcard(&a->sa))
		return true;
	if (n == 1 && a->sa.sa_family == AF_INET)
		return words[0] == a->in.sin_addr.s_addr;
	return n == 4 && a->sa.sa_family == AF_INET6 && memcmp(words, &a->in6.sin6_addr, sizeof(words)) == 0;
}

/* The inode of the socket that holds the address, from /proc/net/{tcp,udp}{,6}; 0 if unknown. */
static unsigned long
inode_of(const struct addr *a, const char *table)
{
	char line[512], local[80], state[8];
	unsigned long inode, found = 0;
	FILE *f = fopen(table, "re");

	if (!f)
		return 0;
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*[^:]: %79s %*s %7s %*s %*s %*s %*s %*s %lu", local, state, &inode) != 3)
			continue;
		/* 0A is LISTEN; an unconnected datagram socket is in state 07. */
		if ((strcmp(state, "0A") == 0 || a->socktype == SOCK_DGRAM) && clashes(local, a))
			found = inode;
	}
	fclose(f);
	return found;
}

static bool
process_has(int pid, const char *target)
{
	char path[64], link[64];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (n > 0) {
			link[n] = '\0';
			found = strcmp(link, target) == 0;
		}
	}
	closedir(dir);
	return found;
}

/* Descendants of descendants are few where they are looked for; the depth is only a guard. */
static bool
family_has(pid_t pid, const char *target, int depth)
{
	char path[64];
	int child;
	bool found = process_has(pid, target);
	FILE *f;

	if (found || depth == 0)
		return found;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fscanf(f, "%d", &child) == 1)
		found = family_has(child, target, depth - 1);
	fclose(f);
	return found;
}

bool
holder_has_socket(pid_t pid, unsigned long long inode)
{
	char target[64];

	snprintf(target, sizeof(target), "socket:[%llu]", inode);
	return family_has(pid, target, 16);
}

static void
find_process(unsigned long inode, char *buf, size_t size)
{
	char target[64];
	struct dirent *e;
	DIR *proc = opendir("/proc");

	if (!proc)
		return;
	snprintf(target, sizeof(target), "socket:[%lu]", inode);
	while ((e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (process_has(atoi(e->d_name), target)) {
			name_process(atoi(e->d_name), buf, size);
			break;
		}
	}
	closedir(proc);
}

/* Whoever listens on a unix socket tells the kernel its pid; connecting asks for it. */
static void
find_unix_listener(const struct addr *a, char *buf, size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = socket(AF_UNIX, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (connect(fd, &a->sa, a->len) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	    cred.pid > 0)
		name_process(cred.pid, buf, size);
	close(fd);
}

const char *
holder_of(const struct addr *a, char *buf, size_t size)
{
	bool dgram = a->socktype == SOCK_DGRAM;
	unsigned long inode = 0;

	buf[0] = '\0';
	if (a->sa.sa_family == AF_UNIX) {
		find_unix_listener(a, buf, size);
		return buf;
	}
	if (a->sa.sa_family == AF_INET6 || addr_is_wildcard(&a->sa))
		inode = inode_of(a, dgram ? "/proc/net/udp6" : "/proc/net/tcp6");
	if (!inode)
		inode = inode_of(a, dgram ? "/proc/net/udp" : "/proc/net/tcp");
	if (!inode)
		inode = inode_of(a, dgram ? "/proc/net/udp6" : "/proc/net/tcp6");
	if (inode)
		find_process(inode, buf, size);
	return buf;
}
