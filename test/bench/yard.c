/*
 * What a server that starts a program for each connection cannot be faster than: accept, start,
 * nothing else. No limits, no log, no look at who connects.
 *
 *	yard fork|vfork PROGRAM    prints the port it listens on
 */
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
child(int fd, char **argv, char **envp)
{
	dup2(fd, 0);
	dup2(fd, 1);
	execve(argv[0], argv, envp);
	_exit(127);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char *envp[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };
	socklen_t len = sizeof(in);
	bool share;
	int l;

	if (argc < 3)
		errx(64, "usage: yard fork|vfork PROGRAM");
	share = strcmp(argv[1], "vfork") == 0;
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
	l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l < 0 || bind(l, (struct sockaddr *)&in, len) < 0 || listen(l, 128) < 0 ||
	    getsockname(l, (struct sockaddr *)&in, &len) < 0)
		err(1, "listen");
	printf("%d\n", ntohs(in.sin_port));
	fflush(stdout);
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t peerlen = sizeof(peer);
		int fd = accept4(l, (struct sockaddr *)&peer, &peerlen, SOCK_CLOEXEC);
		pid_t pid;

		if (fd < 0)
			continue;
		pid = share ? vfork() : fork(); /* NOLINT: it is vfork that is measured */
		if (pid == 0)
			child(fd, argv + 2, envp);
		if (pid < 0)
			warn("fork");
		close(fd);
	}
}
