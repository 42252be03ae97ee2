/* Starts a command in an untidy world, as careless parents do:
 *
 *   dirty COMMAND [ARG...]   with 20 more descriptors, some signals ignored, others blocked */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGCHLD, SIGTTOU };
	static const int blocked[] = { SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGHUP };
	int fd = open("/dev/null", O_RDWR);
	sigset_t set;

	if (argc < 2 || fd < 0)
		return 2;
	/* Low ones, and a few far away that a loop with a guessed end would miss. */
	for (int i = 0; i < 15; i++)
		if (dup(fd) < 0)
			return 2;
	for (int i = 0; i < 4; i++)
		if (fcntl(fd, F_DUPFD, 250 + 200 * i) < 0)
			return 2;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
