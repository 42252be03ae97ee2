#include "core/service/capture.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/fd.h"

/* A line is cut here: a program must not decide how much memory the daemon uses. */
enum { LINE_MAX_BYTES = 1024, READS_PER_TURN = 16 };

struct capture {
	TAILQ_ENTRY(capture) entry;
	struct service *service;
	struct event *readable; /* NULL: not watched, or nothing more will come */
	int fd;
	uint64_t session;
	pid_t pid;
	bool ended; /* the program has; nobody else refers to this */
	char *line; /* once a part of one has come */
	size_t len;
};

static TAILQ_HEAD(capture_list, capture) all = TAILQ_HEAD_INITIALIZER(all);

/* Kept for the next program: no allocation per session after warm-up. */
static struct capture_list unused = TAILQ_HEAD_INITIALIZER(unused);

static void
capture_free(struct capture *k)
{
	TAILQ_REMOVE(&all, k, entry);
	k->service->users--;
	if (k->readable)
		event_free(k->readable);
	close(k->fd);
	free(k->line);
	TAILQ_INSERT_HEAD(&unused, k, entry);
}

static void
log_line(struct capture *k)
{
	char text[LINE_MAX_BYTES + 1];

	if (k->len && k->line[k->len - 1] == '\r')
		k->len--;
	memcpy(text, k->line, k->len);
	text[k->len] = '\0';
	/* NUL bytes would end the text early. */
	for (size_t i = 0; i < k->len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	service_log_summed(
		k->service, LOG_LEVEL_INFO, "stderr",
		LOG_FIELDS({ .key = "session", .number = k->session != 0, .i = (int64_t)k->session },
			   LOG_I("pid", k->pid), LOG_S("text", text)));
	k->len = 0;
}

/* True at the end of the pipe. */
static bool
read_lines(struct capture *k)
{
	char buf[4096];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = read(k->fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno != EAGAIN;
		if (n == 0) {
			if (k->len)
				log_line(k);
			return true;
		}
		if (!k->line)
			k->line = xcalloc(1, LINE_MAX_BYTES);
		for (ssize_t j = 0; j < n; j++) {
			if (buf[j] == '\n' || k->len == LINE_MAX_BYTES)
				log_line(k);
			if (buf[j] != '\n')
				k->line[k->len++] = buf[j];
		}
	}
	return false;
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct capture *k = arg;

	(void)fd;
	(void)what;
	if (!read_lines(k))
		return;
	if (k->ended) {
		capture_free(k);
		return;
	}
	/* The program closed its standard error and goes on: nothing more will come. */
	event_free(k->readable);
	k->readable = NULL;
}

struct capture *
capture_new(struct service *s, uint64_t session, int *fd, struct error *err)
{
	struct capture *k = TAILQ_FIRST(&unused);
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		error_set(err, errno, "pipe for standard error");
		return NULL;
	}
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	if (k)
		TAILQ_REMOVE(&unused, k, entry);
	else
		k = xcalloc(1, sizeof(*k));
	*k = (struct capture){ .service = s, .session = session, .fd = pipefd[0] };
	TAILQ_INSERT_TAIL(&all, k, entry);
	s->users++;
	*fd = pipefd[1];
	return k;
}

void
capture_set_pid(struct capture *k, pid_t pid)
{
	k->pid = pid;
}

void
capture_set_session(struct capture *k, uint64_t session)
{
	if (k->readable)
		readable_cb(k->fd, 0, k);
	k->session = session;
}

/* Without memory for an event the lines come when the program ends, and it may have to wait. */
void
capture_watch(struct capture *k)
{
	if (!k || k->readable)
		return;
	k->fd = fd_move_up(k->fd, spawn_shared_below());
	k->readable = event_new(k->service->registry->base, k->fd, EV_READ | EV_PERSIST, readable_cb, k);
	if (k->readable)
		event_add(k->readable, NULL);
}

void
capture_end(struct capture *k)
{
	if (!k)
		return;
	k->ended = true;
	if (read_lines(k)) {
		capture_free(k);
		return;
	}
	/* Somebody else still has it. */
	capture_watch(k);
	if (!k->readable)
		capture_free(k);
}

void
capture_free_all(struct service *s)
{
	struct capture *k, *next;

	for (k = TAILQ_FIRST(&all); k; k = next) {
		next = TAILQ_NEXT(k, entry);
		if (k->service == s)
			capture_free(k);
	}
	while (TAILQ_EMPTY(&all) && (k = TAILQ_FIRST(&unused))) {
		TAILQ_REMOVE(&unused, k, entry);
		free(k);
	}
}
