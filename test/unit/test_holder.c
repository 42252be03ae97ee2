#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/holder.h"
#include "test/unit/tap.h"

static char me[64]; /* how this process is told */

static int
hold(struct addr *a)
{
	int fd = socket(a->sa.sa_family, a->socktype, 0), one = 1;

	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	a->len = a->sa.sa_family == AF_UNIX ? a->len : sizeof(a->storage);
	if (bind(fd, &a->sa,
		 a->sa.sa_family == AF_INET    ? sizeof(a->in)
		 : a->sa.sa_family == AF_INET6 ? sizeof(a->in6)
					       : a->len) < 0 ||
	    (a->socktype != SOCK_DGRAM && listen(fd, 1) < 0) || getsockname(fd, &a->sa, &a->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct addr
loopback(int family, int socktype)
{
	struct addr a = { .socktype = socktype };

	a.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.in6.sin6_addr = in6addr_loopback;
	return a;
}

static void
inet(int family, int socktype, const char *what)
{
	struct addr a = loopback(family, socktype), other;
	char buf[128];
	int fd = hold(&a);

	is(holder_of(&a, buf, sizeof(buf)), me, what);
	other = a;
	if (family == AF_INET)
		other.in.sin_addr.s_addr = INADDR_ANY;
	else
		other.in6.sin6_addr = in6addr_any;
	is(holder_of(&other, buf, sizeof(buf)), me, "  it is in the way of every address as well");
	other = a;
	if (family == AF_INET)
		other.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	else
		other.in6.sin6_addr.s6_addr[15] = 2;
	is(holder_of(&other, buf, sizeof(buf)), "", "  but not of another one");
	close(fd);
	is(holder_of(&a, buf, sizeof(buf)), "", "  and when it is closed, nobody has it");
}

static void
unix_socket(void)
{
	char dir[] = "/tmp/evinet-holder.XXXXXX", path[64], buf[128];
	struct addr a = { .un = { .sun_family = AF_UNIX },
			  .socktype = SOCK_STREAM,
			  .len = sizeof(struct sockaddr_un) };
	int fd;

	if (!mkdtemp(dir))
		return;
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", path);
	fd = hold(&a);
	is(holder_of(&a, buf, sizeof(buf)), me, "whoever listens on a unix socket is told");
	close(fd);
	is(holder_of(&a, buf, sizeof(buf)), "", "and nobody when the server is gone");
	unlink(path);
	is(holder_of(&a, buf, sizeof(buf)), "", "nor when the file is");
	rmdir(dir);
}

static void
socket_of(void)
{
	struct addr a = loopback(AF_INET, SOCK_STREAM);
	int fd = hold(&a);
	struct stat st;

	fstat(fd, &st);
	ok(holder_has_socket(getpid(), st.st_ino), "a process has the socket that it has");
	ok(holder_has_socket(getppid(), st.st_ino), "a descendant's counts as its own");
	close(fd);
	ok(!holder_has_socket(getpid(), st.st_ino), "one that is closed it does not have");
	ok(!holder_has_socket(999999999, st.st_ino), "nor has a process that there is not");
}

int
main(void)
{
	char comm[32] = "";
	FILE *f = fopen("/proc/self/comm", "re");

	if (!f || !fgets(comm, sizeof(comm), f)) {
		printf("Bail out! no /proc\n");
		return 1;
	}
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(me, sizeof(me), "%s[%d]", comm, (int)getpid());
	inet(AF_INET, SOCK_STREAM, "whoever listens on an IPv4 port is told");
	inet(AF_INET6, SOCK_STREAM, "on an IPv6 port too");
	inet(AF_INET, SOCK_DGRAM, "datagram sockets alike");
	inet(AF_INET6, SOCK_DGRAM, "of both families");
	unix_socket();
	socket_of();
	return tap_done();
}
