#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/fd.h"
#include "core/sys/sink.h"
#include "test/unit/tap.h"

static char dir[] = "/tmp/evinet-sink.XXXXXX";

static char *
in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
put(struct sink *k, const char *line)
{
	struct log_sink *base = sink_for_log(k);

	base->put(base,
		  &(struct log_record){
			  .level = LOG_LEVEL_INFO, .event = "event", .line = line, .len = strlen(line) });
}

static char *
contents(const char *path)
{
	struct error err;
	char *s;
	size_t len;

	if (fd_read_file(path, 16 << 20, &s, &len, &err) < 0)
		return xstrdup(err.text);
	return s;
}

static void
targets(void)
{
	static const char *const bad[] = { "",
					   "Stderr",
					   "stdout",
					   "file",
					   "file:",
					   "file:relative",
					   "file:/",
					   "syslog:x",
					   "/var/log/x",
					   "journald",
					   "syslog:",
					   "syslog:kern",
					   "syslog:local0.",
					   "syslog:local0.loud",
					   "syslog:Local0",
					   "syslog:local0.info.x",
					   NULL };
	struct error err;

	ok(sink_check_target("stderr", &err) == 0 && sink_check_target("syslog", &err) == 0 &&
		   sink_check_target("journal", &err) == 0 && sink_check_target("file:/x", &err) == 0,
	   "there are four kinds of targets");
	for (const char *const *s = bad; *s; s++)
		ok(sink_check_target(*s, &err) == -1 && sink_open(*s, &err) == NULL, "\"%s\" is none: %s", *s,
		   err.text);
	ok(sink_check_target("syslog:authpriv", &err) == 0 && sink_check_target("syslog:local7", &err) == 0 &&
		   sink_check_target("syslog:local0.notice", &err) == 0 &&
		   sink_check_target("syslog:daemon.err", &err) == 0,
	   "syslog may have a facility and a level");
	sink_free(NULL);
	ok(true, "no sink can be freed");
}

static void
files(void)
{
	char *path = in_dir("log"), *old = in_dir("log.1"), *sub = in_dir("sub"), *deep = in_dir("sub/log");
	char *target = xasprintf("file:%s", path), *deep_target = xasprintf("file:%s", deep), *s;
	struct error err;
	struct stat st;
	struct sink *k;

	umask(022);
	k = sink_open(target, &err);
	ok(k != NULL, "a file can be opened");
	put(k, "one");
	put(k, "two");
	ok(!sink_flush(k), "a file takes all");
	s = contents(path);
	is(s, "one\ntwo\n", "lines are written in their order");
	free(s);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640, "not everyone may read it");
	rename(path, old);
	put(k, "three");
	sink_flush(k);
	put(k, "four");
	ok(sink_reopen(k, &err) == 0, "it can be opened anew");
	put(k, "five");
	sink_free(k);
	s = contents(old);
	is(s, "one\ntwo\nthree\nfour\n", "what came before is in the file that was renamed");
	free(s);
	s = contents(path);
	is(s, "five\n", "what came after is in the new one");
	free(s);
	k = sink_open(target, &err);
	put(k, "six");
	sink_free(k);
	s = contents(path);
	is(s, "five\nsix\n", "a file that is there is added to, also at the end");
	free(s);

	mkdir(sub, 0755);
	k = sink_open(deep_target, &err);
	put(k, "one");
	sink_flush(k);
	rename(deep, old);
	rmdir(sub);
	ok(sink_reopen(k, &err) == -1 && strstr(err.text, "open log file"), "a folder that is gone: %s",
	   err.text);
	put(k, "two");
	sink_free(k);
	s = contents(old);
	is(s, "one\ntwo\n", "the old file stays in use");
	free(s);
	ok(sink_open(deep_target, &err) == NULL && err.errnum == ENOENT, "a file that cannot be opened: %s",
	   err.text);

	unlink(path);
	mkfifo(path, 0600);
	ok(sink_open(target, &err) == NULL && err.errnum == ENXIO,
	   "a pipe without a reader is not waited for: %s", err.text);
	unlink(path);
	unlink(old);
	free(path);
	free(old);
	free(sub);
	free(deep);
	free(target);
	free(deep_target);
}

/* --- standard error --- */

/* Runs with descriptor 2 replaced and gives back what was told by `tell`. */
#define tell(good, what) tap_tell((good), "%s", (what))

struct stderr_case {
	int fd; /* -1: closed */
	void (*run)(int other);
	int other;
};

static void
run_with_stderr(void *arg)
{
	const struct stderr_case *c = arg;
	int keep = dup(2);

	signal(SIGPIPE, SIG_IGN);
	if (c->fd >= 0)
		dup2(c->fd, 2);
	else
		close(2);
	if (c->fd >= 0)
		close(c->fd);
	c->run(c->other);
	dup2(keep, 2); /* a sanitizer may want to say something */
	close(keep);
}

static void
with_stderr(int fd, void (*run)(int other), int other)
{
	struct stderr_case c = { fd, run, other };

	tap_in_child(run_with_stderr, &c);
}

static struct text got;

/* Whatever can be read without waiting, added to `got`. */
static void
read_all(int fd)
{
	char buf[65536];
	ssize_t n;

	fd_set_nonblocking(fd, true);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		text_add(&got, buf, (size_t)n);
}

/* So many lines that begin with their numbers, from 0 on, and then "end". */
static bool
is_complete(const char *s, int lines)
{
	int n = 0;

	while (*s >= '0' && *s <= '9') {
		if (atoi(s) != n++)
			return false;
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	return strcmp(s, "end\n") == 0 && n == lines;
}

static void
unread(int other)
{
	enum { LINES = 60000 };
	struct error err;
	struct sink *k = sink_open("stderr", &err);
	bool left = false;
	char line[64];
	int dropped;

	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "%d %40s", i, "x");
		put(k, line);
		if (i % 100 == 0)
			left = sink_flush(k);
	}
	tell(left, "when nobody reads, lines wait and nothing blocks");
	do
		read_all(other);
	while (sink_flush(k));
	put(k, "end");
	while (sink_flush(k))
		read_all(other);
	read_all(other);
	dropped = (int)sink_for_log(k)->dropped;
	tell(is_complete(got.s, LINES - dropped),
	     "when somebody reads again, every line is there or was counted");
	tell(dropped > 0 && dropped < LINES / 2 + LINES / 4, "about a mebibyte is kept");
	tell(!sink_flush(k), "then nothing is left to write");
	tell(!(fcntl(2, F_GETFL) & O_NONBLOCK), "the descriptor, which others may share, is as it was");
	sink_free(k);
	text_clear(&got);
}

/* One object a line, whatever happens. */
static void
unread_json(int other)
{
	struct error err;
	struct sink *k = sink_open("stderr", &err);
	struct log *log = log_new(sink_for_log(k), LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	bool good = true;

	for (int i = 0; i < 40000; i++)
		log_event(log, LOG_LEVEL_INFO, "flood", "echo", NULL);
	while (sink_flush(k))
		read_all(other);
	log_event(log, LOG_LEVEL_INFO, "after", NULL, NULL);
	while (sink_flush(k))
		read_all(other);
	read_all(other);
	tell(strstr(got.s, "log_dropped") != NULL, "the count of dropped lines is told");
	for (const char *s = got.s; *s; s += strcspn(s, "\n") + 1)
		good &= s[0] == '{' && s[strcspn(s, "\n") - 1] == '}';
	tell(good, "a json log has objects only, that count included");
	log_free(log);
	sink_free(k);
	text_clear(&got);
}

static void
reader_gone(int other)
{
	struct error err;
	struct sink *k = sink_open("stderr", &err);

	close(other);
	put(k, "one");
	tell(!sink_flush(k), "lines for a reader that is gone do not wait");
	for (int i = 0; i < 100000; i++)
		put(k, "a line that is a little longer than others");
	tell(!sink_flush(k), "nor pile up");
	tell(sink_reopen(k, &err) == 0, "there is nothing to open anew");
	sink_free(k);
}

static void
plain_file(int other)
{
	struct error err;
	struct sink *k = sink_open("stderr", &err);
	char *path = in_dir("stderr"), *s;

	(void)other;
	put(k, "one");
	sink_flush(k);
	put(k, "two");
	sink_free(k);
	s = contents(path);
	tell(strcmp(s, "one\ntwo\n") == 0, "a file as standard error gets all lines");
	free(s);
	free(path);
}

static void
closed(int other)
{
	struct error err;
	struct sink *k = sink_open("stderr", &err);

	(void)other;
	tell(k != NULL, "a closed standard error is no error");
	put(k, "one");
	tell(!sink_flush(k), "lines for it do not wait");
	sink_free(k);
}

static void
standard_error(void)
{
	char *path = in_dir("stderr");
	int fds[2], fd;

	if (pipe(fds) == 0)
		with_stderr(fds[1], unread, fds[0]), close(fds[0]), close(fds[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0)
		with_stderr(fds[1], unread, fds[0]), close(fds[0]), close(fds[1]);
	if (pipe(fds) == 0)
		with_stderr(fds[1], unread_json, fds[0]), close(fds[0]), close(fds[1]);
	if (pipe(fds) == 0) {
		close(fds[0]);
		with_stderr(fds[1], reader_gone, -1);
		close(fds[1]);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
		close(fds[0]);
		with_stderr(fds[1], reader_gone, -1);
		close(fds[1]);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	with_stderr(fd, plain_file, -1);
	close(fd);
	unlink(path);
	with_stderr(-1, closed, -1);
	free(path);
}

/* --- syslog and journal --- */

static int
receiver(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The next datagram, "" if there is none. */
static const char *
next(int fd)
{
	static char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
syslog_target(void)
{
	char *path = in_dir("devlog"), *expected;
	struct error err;
	struct sink *k;
	struct log *log;
	int fd, told = 0, dropped = 0;
	const char *s;

	setenv("EVINET_SYSLOG_SOCKET", path, 1);
	k = sink_open("syslog", &err);
	ok(k != NULL, "a syslog that is not there yet is no error");
	log = log_new(sink_for_log(k), LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_event(log, LOG_LEVEL_INFO, "lost", NULL, NULL);
	log_event(log, LOG_LEVEL_INFO, "lost", NULL, NULL);
	fd = receiver(path);
	log_event(log, LOG_LEVEL_INFO, "start", "echo", LOG_FIELDS(LOG_S("peer", "a\nb")));
	expected = xasprintf("<28>evinetd[%d]: log_dropped lines=2", (int)getpid());
	is(next(fd), expected, "when it is there, it is told how many lines were lost");
	free(expected);
	expected = xasprintf("<30>evinetd[%d]: start service=echo peer=\"a\\nb\"", (int)getpid());
	is(next(fd), expected, "a line has priority, name and pid, no time of its own, and is one line");
	free(expected);
	log_event(log, LOG_LEVEL_ERROR, "x", NULL, NULL);
	ok(strncmp(next(fd), "<27>", 4) == 0, "an error has the priority of one");
	log_event(log, LOG_LEVEL_WARNING, "x", NULL, NULL);
	ok(strncmp(next(fd), "<28>", 4) == 0, "a warning too");
	log_event(log, LOG_LEVEL_DEBUG, "x", NULL, NULL);
	ok(strncmp(next(fd), "<31>", 4) == 0, "and a debug line");
	is(next(fd), "", "nothing else was sent");

	close(fd);
	fd = receiver(path);
	log_event(log, LOG_LEVEL_INFO, "again", NULL, NULL);
	ok(strstr(next(fd), ": again"), "a syslog that was restarted gets the next line");

	alarm(30);
	for (int i = 0; i < 5000; i++)
		log_event(log, LOG_LEVEL_INFO, "flood", NULL, NULL);
	for (s = next(fd); *s; s = next(fd))
		told += strstr(s, ": flood") != NULL;
	log_event(log, LOG_LEVEL_INFO, "after", NULL, NULL);
	s = strstr(next(fd), "lines=");
	dropped = s ? atoi(s + 6) : 0;
	ok(told > 0 && told + dropped == 5000, "one that does not read blocks nothing: %d told, %d counted",
	   told, dropped);
	ok(strstr(next(fd), ": after"), "and gets the next line");
	alarm(0);
	ok(!sink_flush(k) && sink_reopen(k, &err) == 0,
	   "there is nothing to write later; it can be opened anew");
	log_event(log, LOG_LEVEL_INFO, "anew", NULL, NULL);
	ok(strstr(next(fd), ": anew"), "and goes on");
	log_free(log);
	sink_free(k);
	close(fd);
	unlink(path);
	free(path);
}

static void
syslog_facility(void)
{
	char *path = in_dir("devlog"), *expected;
	struct error err;
	struct sink *k = sink_open("syslog:local3", &err), *quiet = sink_open("syslog:authpriv.notice", &err);
	struct log *log = log_new(sink_for_log(k), LOG_FORMAT_XINETD, LOG_LEVEL_INFO);
	struct log *other = log_new(sink_for_log(quiet), LOG_FORMAT_XINETD, LOG_LEVEL_INFO);
	int fd;

	setenv("EVINET_SYSLOG_SOCKET", path, 1);
	fd = receiver(path);
	log_event(log, LOG_LEVEL_INFO, "start", "ftp",
		  LOG_FIELDS(LOG_I("pid", 5), LOG_S("peer", "1.2.3.4:5")));
	expected = xasprintf("<158>xinetd[%d]: START: ftp pid=5 from=1.2.3.4", (int)getpid());
	is(next(fd), expected, "a facility, and xinetd's entry as xinetd's");
	free(expected);
	log_event(log, LOG_LEVEL_ERROR, "release", "ftp", LOG_FIELDS(LOG_S("why", "rate")));
	expected = xasprintf("<155>xinetd[%d]: Activating service ftp", (int)getpid());
	is(next(fd), expected, "without a level each line has its own");
	free(expected);
	log_event(other, LOG_LEVEL_ERROR, "release", "ftp", LOG_FIELDS(LOG_S("why", "rate")));
	expected = xasprintf("<85>xinetd[%d]: Activating service ftp", (int)getpid());
	is(next(fd), expected, "with one it has that");
	free(expected);
	log_free(log);
	log_free(other);
	sink_free(k);
	sink_free(quiet);
	close(fd);
	unlink(path);
	free(path);
}

/* Whether a datagram of the journal has exactly this line. */
static bool
has_line(const char *s, const char *line)
{
	size_t len = strlen(line);

	for (; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
		if (strncmp(s, line, len) == 0 && s[len] == '\n')
			return true;
	return false;
}

static void
journal_target(void)
{
	char *path = in_dir("journal");
	struct error err;
	struct sink *k;
	struct log *log;
	const char *s;
	int fd;

	setenv("EVINET_JOURNAL_SOCKET", path, 1);
	k = sink_open("journal", &err);
	log = log_new(sink_for_log(k), LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_event(log, LOG_LEVEL_INFO, "lost", NULL, NULL);
	fd = receiver(path);
	log_event(log, LOG_LEVEL_INFO, "x", NULL, NULL);
	s = next(fd);
	ok(has_line(s, "EVINET_EVENT=log_dropped") && has_line(s, "EVINET_LINES=1"),
	   "the journal is told how many lines were lost");
	next(fd);
	log_event(log, LOG_LEVEL_WARNING, "end", "echo",
		  LOG_FIELDS(LOG_I("session", 5), LOG_S("how", "exit"), LOG_S("gone", NULL),
			     LOG_S("evil", "x\nPRIORITY=0"), LOG_S("error", "a=b")));
	s = next(fd);
	ok(has_line(s, "PRIORITY=4"), "and gets the priority of an event");
	ok(has_line(s, "SYSLOG_IDENTIFIER=evinetd"), "the name");
	ok(has_line(s, "EVINET_EVENT=end") && has_line(s, "EVINET_SERVICE=echo"),
	   "the event and the service");
	ok(has_line(s, "EVINET_SESSION=5") && has_line(s, "EVINET_HOW=exit") &&
		   has_line(s, "EVINET_ERROR=a=b"),
	   "each key as a field");
	ok(!strstr(s, "EVINET_GONE"), "but absent ones");
	ok(!has_line(s, "PRIORITY=0") && !strstr(s, "EVINET_EVIL"), "and none that would forge another");
	ok(has_line(s, "MESSAGE=end service=echo session=5 how=exit evil=\"x\\nPRIORITY=0\" error=\"a=b\""),
	   "and the line, without a time of its own");
	is(next(fd), "", "and nothing else");
	log_free(log);
	sink_free(k);
	close(fd);
	unlink(path);
	free(path);
}

/* Nobody flushes while much is said in one go: a file takes it all the same. */
static void
much_at_once(void)
{
	char *path = in_dir("much"), *target = xasprintf("file:%s", path), *s;
	char line[201];
	struct error err;
	struct sink *k = sink_open(target, &err);

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 20000; i++)
		put(k, line);
	is_int((int64_t)sink_for_log(k)->dropped, 0, "of four megabytes at once no line is dropped");
	sink_free(k);
	s = contents(path);
	is_int((int64_t)strlen(s), 20000 * (int64_t)sizeof(line), "and a file has all of them");
	unlink(path);
	free(s);
	free(target);
	free(path);
}

/* --- limits --- */

static const char *
news(struct sink *k)
{
	uint64_t size;
	const char *limit = sink_limit_news(k, &size);

	return limit ? limit : "";
}

static long long
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

/* Writes so many lines of ten bytes, and looks for news after each. Returns how often there was some. */
static int
tens(struct sink *k, int lines, const char **last_news)
{
	int n = 0;

	for (int i = 0; i < lines; i++) {
		const char *s;

		put(k, "123456789");
		s = news(k);
		sink_flush(k);
		if (*s) {
			*last_news = s;
			n++;
		}
	}
	return n;
}

static void
limits(void)
{
	char *path = in_dir("log"), *old = in_dir("log.1"), *target = xasprintf("file:%s", path);
	const char *what = "";
	struct error err;
	struct sink *k = sink_open(target, &err), *other;

	sink_limit(k, 50, 100);
	is_int(tens(k, 5, &what), 0, "up to its soft limit nothing is said about a file");
	is_int(tens(k, 5, &what), 1, "then it is said once");
	is(what, "soft", "which limit it was");
	is_int(size_of(path), 100, "and the file goes on");
	is_int(tens(k, 1000, &what), 1, "at the hard limit it is said once as well");
	is(what, "hard", "which one it was");
	is_int(size_of(path), 100, "and nothing is written any more");
	put(k, "1");
	sink_flush(k);
	is_int(size_of(path), 100, "not even a short line");
	is_int((long long)sink_for_log(k)->dropped, 0, "nor is each of them a loss to tell of");
	sink_for_log(k)->put(sink_for_log(k),
			     &(struct log_record){ .event = "log_limit", .line = "full", .len = 4 });
	sink_flush(k);
	is_int(size_of(path), 105, "but that it is full can be said in the file itself");

	rename(path, old);
	ok(sink_reopen(k, &err) == 0, "after rotation");
	is_int(tens(k, 3, &what), 0, "it goes on");
	is_int(size_of(path), 30, "in the new file");
	is_int((long long)sink_for_log(k)->dropped, 1001, "and what was left out is to be told");
	sink_for_log(k)->dropped = 0;
	sink_free(k);

	k = sink_open(target, &err);
	sink_limit(k, 50, 100);
	is_int(tens(k, 3, &what), 1, "what a file has already counts");
	is_int(tens(k, 100, &what), 1, "up to the hard limit");
	is_int(size_of(path), 100, "which holds");
	ok(truncate(path, 0) == 0, "a file that is made shorter");
	poll(NULL, 0, 1100); /* its real size is looked at once a second */
	is_int(tens(k, 4, &what), 0, "takes lines again");
	is_int(size_of(path), 40, "without being opened anew");
	ok(truncate(path, 0) == 0, "one that is made shorter before it is full");
	is_int(tens(k, 4, &what), 0, "is not believed to be longer than it is");

	other = sink_open(target, &err);
	sink_limit(other, 50, 100);
	is_int(tens(other, 3, &what), 1, "sinks of one file share the count");
	is_int(tens(k, 2, &what), 0, "and the news");
	is_int(size_of(path), 90, "and what is left");
	is_int(tens(k, 3, &what) + tens(other, 3, &what), 1, "to the end");
	is_int(size_of(path), 100, "of the file");
	sink_free(other);
	sink_free(k);

	k = sink_open(target, &err);
	is_int(tens(k, 100, &what), 0, "without a limit there is none");
	is_int(size_of(path), 1100, "and a file takes all");
	sink_free(k);
	unlink(path);
	unlink(old);
	free(path);
	free(old);
	free(target);
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	targets();
	much_at_once();
	files();
	limits();
	standard_error();
	syslog_target();
	syslog_facility();
	journal_target();
	ok(rmdir(dir) == 0, "nothing is left behind");
	return tap_done();
}
