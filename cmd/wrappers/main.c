#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <tcpd.h>
#include <time.h>
#include <unistd.h>

#include "core/net/wrappers.h"

/*
 * evinetd-wrappers: answers evinetd's questions about hosts.allow and hosts.deny. evinetd starts it, with a
 * socket as its standard input. Each message there is the name of a daemon, with two descriptors: the
 * connection, and the pipe for the answer, "+" or "-". About a datagram there is only the second, and the two
 * addresses are in front of the name. A process for each question asks libwrap, which may wait, run commands
 * and end the process as it likes; if it ends without an answer, that is a no.
 */

enum { NAME_MAX_LEN = 255, LIMIT_S = 30 };

/* How libwrap logs; it wants the program to say so. */
int allow_severity = LOG_INFO;
int deny_severity = LOG_WARNING;

struct question {
	char daemon[NAME_MAX_LEN + 1];
	int connection, answer;
	struct wrappers_ends ends; /* of a datagram; then the connection is -1 */
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

static bool
is_ip(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET || ss->ss_family == AF_INET6;
}

/* Nobody that libwrap could know. `fd` is for a program that a rule gives the client to. */
static int
ask_about_nobody(struct question *q, int fd)
{
	struct request_info r;

	request_init(&r, RQ_DAEMON, q->daemon, RQ_FILE, fd, RQ_CLIENT_NAME, STRING_UNKNOWN, RQ_CLIENT_ADDR,
		     STRING_UNKNOWN, 0);
	return hosts_access(&r);
}

static int
ask_about_connection(struct question *q)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	struct request_info r;

	if (getpeername(q->connection, (struct sockaddr *)&peer, &len) < 0)
		return 0;
	if (!is_ip(&peer))
		return ask_about_nobody(q, q->connection);
	request_init(&r, RQ_DAEMON, q->daemon, RQ_FILE, q->connection, 0);
	fromhost(&r);
	return hosts_access(&r);
}

/* Standard input is /dev/null. identd knows of connections only. */
static int
ask_about_datagram(struct question *q)
{
	struct request_info r;

	if (!is_ip(&q->ends.peer))
		return ask_about_nobody(q, STDIN_FILENO);
	request_init(&r, RQ_DAEMON, q->daemon, RQ_FILE, STDIN_FILENO, RQ_USER, STRING_UNKNOWN, RQ_CLIENT_SIN,
		     &q->ends.peer, RQ_SERVER_SIN, &q->ends.local, 0);
	sock_methods(&r);
	return hosts_access(&r);
}

static void
answer(struct question *q)
{
	char verdict;

	/* libwrap waits for its commands. */
	signal(SIGCHLD, SIG_DFL);
	limit_time();
	if (q->connection < 0)
		verdict = ask_about_datagram(q) ? '+' : '-';
	else
		verdict = ask_about_connection(q) ? '+' : '-';
	/* The connection is evinetd's alone when it has the answer. */
	if (q->connection >= 0)
		close(q->connection);
	(void)!write(q->answer, &verdict, 1);
	_exit(0);
}

/* 1, 0 at the end, -1 for what is no question. */
static int
receive(int fd, struct question *q)
{
	char text[NAME_MAX_LEN + sizeof(q->ends)];
	struct iovec iov = { text, sizeof(text) };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *cm;
	int fds[2];
	size_t len, from = 0;
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EMFILE ? -1 : 0;
	cm = CMSG_FIRSTHDR(&m);
	if (!cm || cm->cmsg_type != SCM_RIGHTS)
		return -1;
	if (cm->cmsg_len == CMSG_LEN(sizeof(fds))) {
		memcpy(fds, CMSG_DATA(cm), sizeof(fds));
	} else if (cm->cmsg_len == CMSG_LEN(sizeof(int)) && (size_t)n >= sizeof(q->ends)) {
		fds[0] = -1;
		memcpy(&fds[1], CMSG_DATA(cm), sizeof(int));
		memcpy(&q->ends, text, sizeof(q->ends));
		from = sizeof(q->ends);
	} else {
		return -1;
	}
	len = (size_t)n - from < NAME_MAX_LEN ? (size_t)n - from : NAME_MAX_LEN;
	memcpy(q->daemon, text + from, len);
	q->daemon[len] = '\0';
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
		if (q.connection >= 0)
			close(q.connection);
		close(q.answer);
	}
	return 0;
}
