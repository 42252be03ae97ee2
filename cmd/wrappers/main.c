#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <tcpd.h>
#include <time.h>
#include <unistd.h>

/*
 * evinetd-wrappers: answers evinetd's questions about hosts.allow and hosts.deny. evinetd starts it, with a
 * socket as its standard input. Each message there is the name of a daemon, with two descriptors: the
 * connection, and the pipe for the answer, "+" or "-". A process for each question asks libwrap, which
 * may wait, run commands and end the process as it likes; if it ends without an answer, that is a no.
 */

enum { NAME_MAX_LEN = 255, LIMIT_S = 30 };

/* How libwrap logs; it wants the program to say so. */
int allow_severity = LOG_INFO;
int deny_severity = LOG_WARNING;

struct question {
	char daemon[NAME_MAX_LEN + 1];
	int connection, answer;
};

/* Whatever libwrap waits for ends some time. A timer of its own, because libwrap uses alarm(); exec removes
 * it, so that a program which a rule has given the connection to may take its time. */
static void
limit_time(void)
{
	struct sigevent end = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
	struct itimerspec limit = { .it_value.tv_sec = LIMIT_S };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &end, &timer) < 0 || timer_settime(timer, 0, &limit, NULL) < 0)
		_exit(EX_OSERR);
}

static int
ask_libwrap(struct question *q)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	struct request_info r;

	if (getpeername(q->connection, (struct sockaddr *)&peer, &len) < 0)
		return 0;
	if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) {
		request_init(&r, RQ_DAEMON, q->daemon, RQ_FILE, q->connection, 0);
		fromhost(&r);
	} else {
		/* Nobody that libwrap could know. */
		request_init(&r, RQ_DAEMON, q->daemon, RQ_FILE, q->connection, RQ_CLIENT_NAME, STRING_UNKNOWN,
			     RQ_CLIENT_ADDR, STRING_UNKNOWN, 0);
	}
	return hosts_access(&r);
}

static void
answer(struct question *q)
{
	char verdict;

	/* libwrap waits for its commands. */
	signal(SIGCHLD, SIG_DFL);
	limit_time();
	verdict = ask_libwrap(q) ? '+' : '-';
	/* The connection is evinetd's alone when it has the answer. */
	close(q->connection);
	(void)!write(q->answer, &verdict, 1);
	_exit(0);
}

/* 1, 0 at the end, -1 for what is no question. */
static int
receive(int fd, struct question *q)
{
	struct iovec iov = { q->daemon, NAME_MAX_LEN };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *cm;
	int fds[2];
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EMFILE ? -1 : 0;
	cm = CMSG_FIRSTHDR(&m);
	if (!cm || cm->cmsg_type != SCM_RIGHTS || cm->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -1;
	memcpy(fds, CMSG_DATA(cm), sizeof(fds));
	q->daemon[n] = '\0';
	q->connection = fds[0];
	q->answer = fds[1];
	return 1;
}

int
main(void)
{
	int type = 0, r, fd, null;
	socklen_t len = sizeof(type);
	struct question q;

	if (getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "evinetd-wrappers: evinetd starts this, see evinetd.conf(5)\n");
		return EX_USAGE;
	}
	/* Commands must not find the socket. */
	fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0 || null < 0 || dup2(null, 0) < 0)
		return EX_OSERR;
	openlog("evinetd", LOG_PID, LOG_DAEMON);
	/* Nobody waits for those that answer. */
	signal(SIGCHLD, SIG_IGN);
	while ((r = receive(fd, &q)) != 0) {
		if (r < 0)
			continue;
		if (fork() == 0)
			answer(&q);
		close(q.connection);
		close(q.answer);
	}
	return 0;
}
