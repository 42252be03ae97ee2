#include "core/sys/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"

enum { QUEUE_MAX = 1 << 20, ASK_AGAIN_MS = 1000 };

enum sink_kind { SINK_STDERR, SINK_FILE, SINK_SYSLOG, SINK_JOURNAL };

enum limit_state { LIMIT_NONE, LIMIT_SOFT, LIMIT_HARD };

/* An open file, whichever sinks write to it. */
struct sink_file {
	struct sink_file *next;
	dev_t dev;
	ino_t ino;
	int refs;
	uint64_t size;          /* with what waits to be written */
	enum limit_state state; /* what it has reached, at which size, and whether that is news */
	uint64_t reached;
	bool news;
	int64_t asked_ms; /* when its real size was last looked at */
};

static struct sink_file *sink_files;

struct sink {
	struct log_sink base; /* first: a log hands it back to us */
	enum sink_kind kind;
	int fd;
	struct sink_file *file;
	bool limited, full;
	uint64_t soft, hard, full_at;
	uint64_t left_out;      /* lines since it is full */
	int facility, priority; /* of syslog; priority -1: the line's own */
	bool poll_first;        /* the descriptor may block: ask before each write */
	char *path;
	struct text queue; /* lines that wait to be written (stderr, file) */
	size_t sent;       /* of the queue */
};

static void stream_put(struct log_sink *, const struct log_record *);
static void syslog_put(struct log_sink *, const struct log_record *);
static void journal_put(struct log_sink *, const struct log_record *);

/* syslog's numbers for our levels, which the journal uses as well. */
static const int priorities[] = { 3, 4, 6, 7 };

/* The names of syslog.conf(5). Those of the kernel are not ours to use. */
static const struct syslog_word {
	const char *word;
	int number;
} facilities[] = {
	{ "user", 1 },    { "mail", 2 },    { "daemon", 3 },  { "auth", 4 },    { "syslog", 5 },
	{ "lpr", 6 },     { "news", 7 },    { "uucp", 8 },    { "cron", 9 },    { "authpriv", 10 },
	{ "ftp", 11 },    { "local0", 16 }, { "local1", 17 }, { "local2", 18 }, { "local3", 19 },
	{ "local4", 20 }, { "local5", 21 }, { "local6", 22 }, { "local7", 23 }, { NULL, 0 },
}, syslog_levels[] = {
	{ "emerg", 0 }, { "alert", 1 },	  { "crit", 2 }, { "err", 3 },	 { "error", 3 },
	{ "warning", 4 }, { "warn", 4 }, { "notice", 5 }, { "info", 6 }, { "debug", 7 }, { NULL, 0 },
};

static int
syslog_number(const struct syslog_word *words, const char *s, size_t len)
{
	for (; words->word; words++)
		if (strlen(words->word) == len && strncmp(words->word, s, len) == 0)
			return words->number;
	return -1;
}

/* "syslog", "syslog:local3", "syslog:local3.notice". 0, or -1 with err. */
static int
parse_syslog(const char *target, int *facility, int *priority, struct error *err)
{
	const char *word = target + strlen("syslog:");
	size_t len;

	*facility = 3;
	*priority = -1;
	if (strcmp(target, "syslog") == 0)
		return 0;
	len = strcspn(word, ".");
	*facility = syslog_number(facilities, word, len);
	if (*facility < 0)
		return error_set(err, 0,
				 "expected a facility of syslog such as daemon, authpriv or local0, not "
				 "\"%.*s\"",
				 (int)(len < 64 ? len : 64), word);
	if (word[len] == '\0')
		return 0;
	word += len + 1;
	*priority = syslog_number(syslog_levels, word, strlen(word));
	if (*priority < 0)
		return error_set(err, 0, "expected a level of syslog such as info or notice, not \"%.64s\"",
				 word);
	return 0;
}

static bool
is_syslog(const char *target)
{
	return strcmp(target, "syslog") == 0 || strncmp(target, "syslog:", 7) == 0;
}

int
sink_check_target(const char *target, struct error *err)
{
	int facility, priority;

	if (strcmp(target, "stderr") == 0 || strcmp(target, "journal") == 0)
		return 0;
	if (is_syslog(target))
		return parse_syslog(target, &facility, &priority, err);
	if (strncmp(target, "file:/", 6) == 0 && target[6])
		return 0;
	return error_set(err, 0, "expected stderr, syslog, syslog:FACILITY.LEVEL, journal or file:/PATH");
}

/* Another process may share our standard error, so its flags are not ours to change: a pipe or a
 * terminal is opened again, as non-blocking, and anything else is asked before each write. */
static void
open_stderr(struct sink *k)
{
	struct stat st;
	int fd = -1;

	/* A descriptor of our own: in the background number 2 becomes /dev/null. */
	k->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (k->fd < 0)
		k->fd = STDERR_FILENO;
	if (fstat(STDERR_FILENO, &st) < 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		k->poll_first = true;
		return;
	}
	if (k->fd > STDERR_FILENO)
		close(k->fd);
	k->fd = fd;
}

static int
open_file(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0)
		return error_set(err, errno, "open log file %s", path);
	return fd;
}

/* --- the size of files --- */

static void
forget_file(struct sink *k)
{
	struct sink_file **p = &sink_files, *f = k->file;

	k->file = NULL;
	if (!f || --f->refs > 0)
		return;
	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	free(f);
}

/* Its real size: somebody may have made it shorter, or written to it as well. */
static void
measure_file(struct sink *k)
{
	struct stat st;

	if (k->file && fstat(k->fd, &st) == 0)
		k->file->size = (uint64_t)st.st_size + (k->queue.len - k->sent);
}

/* A sink of a file keeps to the one entry that all sinks of that file share. */
static void
note_file(struct sink *k)
{
	struct sink_file *f;
	struct stat st;

	forget_file(k);
	if (fstat(k->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	for (f = sink_files; f; f = f->next)
		if (f->dev == st.st_dev && f->ino == st.st_ino)
			break;
	if (!f) {
		f = xcalloc(1, sizeof(*f));
		f->dev = st.st_dev;
		f->ino = st.st_ino;
		f->next = sink_files;
		sink_files = f;
	}
	f->refs++;
	k->file = f;
	k->full = false;
	measure_file(k);
}

void
sink_limit(struct sink *k, uint64_t soft, uint64_t hard)
{
	k->limited = true;
	k->soft = soft;
	k->hard = hard;
}

const char *
sink_limit_news(struct sink *k, uint64_t *size)
{
	struct sink_file *f = k->file;

	if (!f || !f->news)
		return NULL;
	f->news = false;
	*size = f->size;
	return f->state == LIMIT_HARD ? "hard" : "soft";
}

static enum limit_state
state_with(const struct sink *k, size_t len)
{
	uint64_t size = k->file->size + len;

	return size > k->hard ? LIMIT_HARD : size > k->soft ? LIMIT_SOFT : LIMIT_NONE;
}

/* Before a limit is believed to be reached the real size is looked at, and then once a second. */
static void
look_at_size(struct sink *k, enum limit_state state)
{
	struct sink_file *f = k->file;
	int64_t now = clock_monotonic_ms();

	if (state <= f->state && now - f->asked_ms < ASK_AGAIN_MS)
		return;
	f->asked_ms = now;
	measure_file(k);
	if (f->size < f->reached) {
		f->state = LIMIT_NONE;
		f->reached = 0;
	}
}

/* What was left out meanwhile is told by the log, with the next line. */
static bool
let_in(struct sink *k)
{
	k->full = false;
	k->base.dropped += k->left_out;
	k->left_out = 0;
	return true;
}

/* Whether a line of that length goes into the file. */
static bool
file_takes(struct sink *k, size_t len)
{
	struct sink_file *f = k->file;
	enum limit_state state = state_with(k, len);

	if (state == LIMIT_NONE && !k->full)
		return let_in(k);
	look_at_size(k, state);
	state = state_with(k, len);
	if (state > f->state) {
		f->state = state;
		f->reached = f->size;
		f->news = true;
	}
	/* A short line may fit where a longer one did not: full is full until the file is shorter. */
	if (state == LIMIT_HARD || (k->full && f->size >= k->full_at)) {
		k->full_at = k->full ? k->full_at : f->size;
		k->full = true;
		k->left_out++;
		return false;
	}
	return let_in(k);
}

struct sink *
sink_open(const char *target, struct error *err)
{
	struct sink *k;

	if (sink_check_target(target, err) < 0)
		return NULL;
	k = xcalloc(1, sizeof(*k));
	k->fd = -1;
	k->base.put = stream_put;
	if (strcmp(target, "stderr") == 0) {
		k->kind = SINK_STDERR;
		open_stderr(k);
	} else if (is_syslog(target)) {
		k->kind = SINK_SYSLOG;
		parse_syslog(target, &k->facility, &k->priority, err);
		k->base = (struct log_sink){ .put = syslog_put, .stamped = true };
	} else if (strcmp(target, "journal") == 0) {
		k->kind = SINK_JOURNAL;
		k->base = (struct log_sink){ .put = journal_put, .stamped = true };
	} else {
		k->kind = SINK_FILE;
		k->path = xstrdup(target + strlen("file:"));
		k->fd = open_file(k->path, err);
		if (k->fd < 0) {
			free(k->path);
			free(k);
			return NULL;
		}
		note_file(k);
	}
	return k;
}

void
sink_free(struct sink *k)
{
	if (!k)
		return;
	sink_flush(k);
	forget_file(k);
	if (k->fd > STDERR_FILENO)
		close(k->fd);
	free(k->path);
	text_clear(&k->queue);
	free(k);
}

struct log_sink *
sink_for_log(struct sink *k)
{
	return &k->base;
}

static void
stream_put(struct log_sink *base, const struct log_record *r)
{
	struct sink *k = (struct sink *)(void *)base;

	if (k->limited && k->file && strcmp(r->event, "log_limit") != 0 && !file_takes(k, r->len + 1))
		return;
	/* Thousands of sessions may end in one turn of the loop, before anybody flushes. */
	if (k->queue.len - k->sent + r->len > QUEUE_MAX)
		sink_flush(k);
	if (k->queue.len - k->sent + r->len > QUEUE_MAX) {
		k->base.dropped++;
		return;
	}
	text_add(&k->queue, r->line, r->len);
	text_add(&k->queue, "\n", 1);
	if (k->file)
		k->file->size += r->len + 1;
}

/* A pipe takes PIPE_BUF bytes without blocking whenever poll says it can be written to. */
static ssize_t
write_some(struct sink *k, const char *p, size_t len)
{
	struct pollfd pfd = { .fd = k->fd, .events = POLLOUT };
	ssize_t n;

	if (!k->poll_first)
		return write(k->fd, p, len);
	n = send(k->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	return write(k->fd, p, len > 4096 ? 4096 : len);
}

bool
sink_flush(struct sink *k)
{
	int errnum = 0;

	if (k->kind != SINK_STDERR && k->kind != SINK_FILE)
		return false;
	while (k->sent < k->queue.len) {
		ssize_t n = write_some(k, k->queue.s + k->sent, k->queue.len - k->sent);

		if (n > 0)
			k->sent += (size_t)n;
		else if (n == 0 || (errnum = errno) != EINTR)
			break;
	}
	if (k->sent == k->queue.len) {
		k->sent = k->queue.len = 0;
		return false;
	}
	/* A reader that went away is final: keeping the lines would only fill the memory. */
	if (errnum == EPIPE || errnum == EBADF) {
		k->sent = k->queue.len = 0;
		return false;
	}
	if (k->sent > QUEUE_MAX / 2) {
		memmove(k->queue.s, k->queue.s + k->sent, k->queue.len - k->sent + 1);
		k->queue.len -= k->sent;
		k->sent = 0;
	}
	return true;
}

int
sink_reopen(struct sink *k, struct error *err)
{
	int fd;

	if (k->kind == SINK_SYSLOG || k->kind == SINK_JOURNAL) {
		if (k->fd >= 0)
			close(k->fd);
		k->fd = -1;
		return 0;
	}
	if (k->kind != SINK_FILE)
		return 0;
	sink_flush(k);
	fd = open_file(k->path, err);
	if (fd < 0)
		return -1;
	close(k->fd);
	k->fd = fd;
	note_file(k);
	return 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Sends one datagram; a daemon that was restarted needs a new connection. A full one drops the
 * line: it is counted and told when the next goes through. */
static bool
send_datagram(struct sink *k, const char *path, const struct text *t)
{
	for (int try = 0; try < 2; try++) {
		if (k->fd < 0)
			k->fd = connect_to(path);
		if (k->fd < 0)
			return false;
		if (send(k->fd, t->s, t->len, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
			return false;
		close(k->fd);
		k->fd = -1;
	}
	return false;
}

static const char *
env_or(const char *name, const char *fallback)
{
	const char *value = secure_getenv(name);

	return value && *value == '/' ? value : fallback;
}

static void
syslog_put(struct log_sink *base, const struct log_record *r)
{
	struct sink *k = (struct sink *)(void *)base;
	const char *path = env_or("EVINET_SYSLOG_SOCKET", "/dev/log");
	struct text t = { 0 };

	text_printf(&t, "<%d>%s[%d]: ",
		    k->facility << 3 | (k->priority >= 0 ? k->priority : priorities[r->level]), r->program,
		    (int)getpid());
	text_add(&t, r->line, r->len);
	if (!send_datagram(k, path, &t))
		k->base.dropped++;
	text_clear(&t);
}

/* The journal's own datagram format: FIELD=value lines. Values are already free of newlines, as
 * far as they come from the formatted line; raw ones are left out if they have any. */
static void
journal_put(struct log_sink *base, const struct log_record *r)
{
	struct sink *k = (struct sink *)(void *)base;
	struct text t = { 0 };

	text_printf(&t, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nEVINET_EVENT=%s\n", priorities[r->level],
		    r->program, r->event);
	if (r->service && !strchr(r->service, '\n'))
		text_printf(&t, "EVINET_SERVICE=%s\n", r->service);
	for (const struct log_field *f = r->fields; f && f->key; f++) {
		if (!f->number && (!f->s || strchr(f->s, '\n')))
			continue;
		text_puts(&t, "EVINET_");
		for (const char *p = f->key; *p; p++)
			text_printf(&t, "%c", *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
		if (f->number)
			text_printf(&t, "=%lld\n", (long long)f->i);
		else
			text_printf(&t, "=%s\n", f->s);
	}
	text_puts(&t, "MESSAGE=");
	text_add(&t, r->line, r->len);
	text_puts(&t, "\n");
	if (!send_datagram(k, env_or("EVINET_JOURNAL_SOCKET", "/run/systemd/journal/socket"), &t))
		k->base.dropped++;
	text_clear(&t);
}
