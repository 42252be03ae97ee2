#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "test/unit/tap.h"

/* A sink that keeps the lines. */
struct fake {
	struct log_sink base;
	struct strlist lines;
	enum log_level last_level;
	const char *last_event;
	const char *last_program;
};

static void
keep(struct log_sink *base, const struct log_record *r)
{
	struct fake *f = (struct fake *)(void *)base;

	strlist_add(&f->lines, r->line);
	f->last_level = r->level;
	f->last_event = r->event;
	f->last_program = r->program;
	if (r->len != strlen(r->line))
		ok(false, "a record's length is that of its line");
}

static void
forget(struct fake *f)
{
	strlist_clear(&f->lines);
}

static const char *
last(const struct fake *f)
{
	return f->lines.n ? f->lines.items[f->lines.n - 1] : NULL;
}

/* The line behind "2026-01-31T08:09:10.123Z level ", or NULL if that is not how it begins. */
static const char *
behind_stamp(const char *line, const char *level)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	size_t n = strlen(shape);

	if (!line || strlen(line) < n)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (shape[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i])
			return NULL;
	line += n;
	if (strncmp(line, level, strlen(level)) != 0 || line[strlen(level)] != ' ')
		return NULL;
	return line + strlen(level) + 1;
}

static void
text_format(void)
{
	struct fake f = { .base = { .put = keep } };
	struct fake stamped = { .base = { .put = keep, .stamped = true } };
	struct log *log = log_new(&f.base, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	struct log *other = log_new(&stamped.base, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);

	log_event(log, LOG_LEVEL_INFO, "start", "echo",
		  LOG_FIELDS(LOG_I("session", 1), LOG_S("peer", "10.0.0.1:1234"), LOG_S("gone", NULL),
			     LOG_I("ms", -5)));
	is(behind_stamp(last(&f), "info"), "start service=echo session=1 peer=10.0.0.1:1234 ms=-5",
	   "an event is told with time, level, service and its keys; absent ones are left out");
	log_event(log, LOG_LEVEL_WARNING, "ready", NULL, NULL);
	is(behind_stamp(last(&f), "warning"), "ready",
	   "an event of the daemon has no service, and may have no key");
	log_event(log, LOG_LEVEL_ERROR, "fail", "a b",
		  LOG_FIELDS(LOG_S("error", "it said \"no\"\nlevel=info")));
	is(behind_stamp(last(&f), "error"), "fail service=\"a b\" error=\"it said \\\"no\\\"\\nlevel=info\"",
	   "values are quoted so that none can pass for a key or a line");
	log_event(other, LOG_LEVEL_INFO, "start", "echo", LOG_FIELDS(LOG_I("session", 1)));
	is(last(&stamped), "start service=echo session=1", "a target that adds time and level gets neither");
	log_free(log);
	log_free(other);
	forget(&f);
	forget(&stamped);
}

static void
json_format(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	const char *p;

	log_event(log, LOG_LEVEL_INFO, "end", "echo",
		  LOG_FIELDS(LOG_I("session", 1), LOG_S("how", "exit"), LOG_S("gone", NULL)));
	p = last(&f);
	ok(strncmp(p, "{\"time\":\"", 9) == 0, "a line begins with the time");
	is(strchr(p, ','),
	   ",\"level\":\"info\",\"event\":\"end\",\"service\":\"echo\",\"session\":1,\"how\":\"exit\"}",
	   "and goes on with level, event, service and the keys; numbers are numbers");
	log_event(log, LOG_LEVEL_INFO, "x", NULL, LOG_FIELDS(LOG_S("v", "\"\\\n\t\x01\x7f\xff/'")));
	is(strstr(last(&f), "\"v\""), "\"v\":\"\\\"\\\\\\u000a\\u0009\\u0001\\u007f\\u00ff/'\"}",
	   "quotes, backslashes, control characters and foreign bytes are escaped");
	log_event(log, LOG_LEVEL_INFO, "x", "we\"ird", NULL);
	ok(strstr(last(&f), "\"service\":\"we\\\"ird\""), "the service's name is escaped as well");
	log_free(log);
	forget(&f);
}

static void
levels(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);

	log_event(log, LOG_LEVEL_INFO, "info", NULL, NULL);
	log_event(log, LOG_LEVEL_DEBUG, "debug", NULL, NULL);
	log_event_summed(log, LOG_LEVEL_INFO, "info", NULL, NULL);
	is_int((long long)f.lines.n, 0, "what is less important than wanted is not told");
	log_event(log, LOG_LEVEL_WARNING, "warning", NULL, NULL);
	log_event(log, LOG_LEVEL_ERROR, "error", NULL, NULL);
	is_int((long long)f.lines.n, 2, "the rest is");
	is_int(f.last_level, LOG_LEVEL_ERROR, "and the sink is told the level");
	is(f.last_event, "error", "and the event");
	ok(log_wants(log, LOG_LEVEL_WARNING) && !log_wants(log, LOG_LEVEL_INFO), "one can ask beforehand");
	log_event(NULL, LOG_LEVEL_ERROR, "error", NULL, NULL);
	log_event_summed(NULL, LOG_LEVEL_ERROR, "error", NULL, NULL);
	ok(!log_wants(NULL, LOG_LEVEL_ERROR), "no log wants nothing");
	is_int(log_tell_sums(NULL, true), -1, "and has nothing to sum up");
	is(log_level_names[LOG_LEVEL_DEBUG], "debug", "levels have names in their order");
	is(log_format_names[LOG_FORMAT_JSON], "json", "formats too");
	log_free(log);
	forget(&f);
}

static void
flood(struct log *log, int n, int which)
{
	for (int i = 0; i < n; i++)
		log_event_summed(log, LOG_LEVEL_WARNING, "refuse", "echo", LOG_FIELDS(LOG_I("peer", which)));
}

static int
count(const struct fake *f, const char *text)
{
	int n = 0;

	for (size_t i = 0; i < f->lines.n; i++)
		n += strstr(f->lines.items[i], text) != NULL;
	return n;
}

static void
sums(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	int64_t next;

	is_int(log_tell_sums(log, false), -1, "without floods there is nothing to wait for");
	flood(log, 1000, 1);
	is_int((long long)f.lines.n, 1, "a thousand identical lines are told once at first");
	next = log_tell_sums(log, false);
	ok(next > 0 && next <= 1000, "the rest is due within a second (%lld ms)", (long long)next);
	is_int((long long)f.lines.n, 1, "and not told before");
	log_tell_sums(log, true);
	is_int((long long)f.lines.n, 2, "it can be asked for at once");
	ok(strstr(last(&f), "repeated count=999 ms="), "the sum says how many were left out");
	ok(strstr(last(&f), "line=\"refuse service=echo peer=1\""), "and which line that was");
	is_int(f.last_level, LOG_LEVEL_WARNING, "with the level of the line");
	is_int(log_tell_sums(log, true), -1, "what was told is not told again");
	forget(&f);

	flood(log, 1, 1);
	is_int((long long)f.lines.n, 0, "shortly after a sum the line still counts as repeated");
	log_tell_sums(log, true);
	forget(&f);

	for (int i = 0; i < 500; i++)
		flood(log, 1, 100 + i);
	is_int((long long)f.lines.n, 500, "lines that differ are all told");
	forget(&f);

	flood(log, 5, 7);
	log_event(log, LOG_LEVEL_INFO, "refuse", "echo", LOG_FIELDS(LOG_I("peer", 7)));
	is_int((long long)f.lines.n, 2, "an event that is not to be summed up is told whatever came before");
	for (int i = 0; i < 100; i++)
		flood(log, 3, 1000 + i);
	log_free(log);
	is_int(count(&f, "repeated count=4"), 1, "what is left at the end is told");
	is_int(count(&f, "repeated count=2"), 100, "and no sum is lost, however many lines there are");
	forget(&f);
}

static void
sums_in_time(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	int64_t next;

	flood(log, 4, 1);
	/* This one is about time itself: it sleeps for as long as the log says. */
	while ((next = log_tell_sums(log, false)) >= 0)
		nanosleep(&(struct timespec){ next / 1000, next % 1000 * 1000000 + 1000000 }, NULL);
	is_int((long long)f.lines.n, 2, "after the time that it named, the sum is told");
	ok(strstr(last(&f), "\"event\":\"repeated\",\"count\":3,"), "in json as in text");
	ok(strstr(last(&f), "\"line\":\"refuse service=echo peer=1\""), "with the line as text");
	log_free(log);
	forget(&f);
}

/* A sink that cannot keep a line counts it; the log tells, before the next line that goes through. */
static void
lost_lines(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_JSON, LOG_LEVEL_INFO);

	f.base.dropped = 3;
	log_event(log, LOG_LEVEL_INFO, "next", NULL, NULL);
	is_int((long long)f.lines.n, 2, "lines that the sink has lost are told with the next one");
	ok(strstr(f.lines.items[0], "\"event\":\"log_dropped\",\"lines\":3}"), "as an event like others");
	ok(strstr(f.lines.items[1], "\"event\":\"next\""), "in front of it");
	log_event(log, LOG_LEVEL_INFO, "next", NULL, NULL);
	is_int((long long)f.lines.n, 3, "and once");
	log_free(log);
	forget(&f);
}

/* --- the words of xinetd --- */

static const struct log_view everything = { .show = ~0U };

/* What an event about the service "ftp" reads as, without stamps; "" for no line, and lines apart by "|". */
static const char *
said(enum log_level level, const char *event, const struct log_view *view, const struct log_field *fields)
{
	static char all[1024];
	struct fake f = { .base = { .put = keep, .stamped = true } };
	struct log *log = log_new(&f.base, LOG_FORMAT_XINETD, LOG_LEVEL_DEBUG);

	log_event_as(log, level, event, "ftp", view, fields);
	all[0] = '\0';
	for (size_t i = 0; i < f.lines.n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "|" : "",
			 f.lines.items[i]);
	log_free(log);
	forget(&f);
	return all;
}

#define said_info(event, view, ...) said(LOG_LEVEL_INFO, event, view, LOG_FIELDS(__VA_ARGS__))

static const char *
start_shown(unsigned show)
{
	struct log_view v = { .show = show };

	return said_info("start", &v, LOG_I("session", 1), LOG_I("pid", 77), LOG_S("peer", "10.0.0.1:1234"));
}

static const char *
start_from(const char *peer)
{
	struct log_view v = { .show = LOG_SHOW_HOST };

	return said_info("start", &v, LOG_I("pid", 77), LOG_S("peer", peer));
}

static void
xinetd_start(void)
{
	is(start_shown(~0U), "START: ftp pid=77 from=10.0.0.1",
	   "xinetd: START has the process and the address");
	is(start_shown(LOG_SHOW_PID), "START: ftp pid=77", "the process alone");
	is(start_shown(LOG_SHOW_HOST), "START: ftp from=10.0.0.1", "the address alone");
	is(start_shown(LOG_SHOW_EXIT), "START: ftp", "or neither, as long as anything of it is shown");
	is(start_shown(LOG_SHOW_FAIL_HOST), "", "no START where only failures are shown");
	is(start_from("[2001:db8::1]:99"), "START: ftp from=2001:db8::1", "IPv6 without brackets and port");
	is(start_from("[fe80::1%eth0]:99"), "START: ftp from=fe80::1%eth0", "and with its interface");
	is(start_from("192.0.2.1"), "START: ftp from=192.0.2.1", "an address that has no port");
	is(start_from("2001:db8::1"), "START: ftp from=2001:db8::1", "of either kind");
	is(start_from(NULL), "START: ftp from=<no address>", "no peer, no address");
	is(start_from("unix:/tmp/1.2.3.4:5"), "START: ftp from=<no address>", "a unix socket has none");
	is(start_from("unix"), "START: ftp from=<no address>", "whether or not it has a name");
	is(start_from("vsock:2:80"), "START: ftp from=<no address>", "nor has another machine's vsock");
	is(said_info("start", &everything, LOG_I("pid", getpid()), LOG_S("peer", "[::1]:1")),
	   "START: ftp pid=0 from=::1", "what the daemon serves itself has process 0");
	is(said_info("start", &((struct log_view){ .id = "ftp-outside", .show = ~0U }), LOG_I("pid", 5)),
	   "START: ftp-outside pid=5 from=<no address>", "a service is called by its id");
	is(said_info("start", NULL, LOG_I("pid", 5)), "START: ftp pid=5 from=<no address>",
	   "without a view everything is shown");
}

static const char *
end_with(unsigned show, const char *how, int status, int sig, int pid)
{
	struct log_view v = { .show = show };

	return said_info("end", &v, LOG_I("session", 1), LOG_I("pid", pid), LOG_S("peer", "10.0.0.1:1234"),
			 LOG_S("how", how), LOG_I("status", status),
			 { .key = "signal", .number = sig != 0, .i = sig }, LOG_I("ms", 61999));
}

static void
xinetd_exit(void)
{
	is(end_with(~0U, "exit", 3, 0, 77), "EXIT: ftp status=3 pid=77 duration=61(sec)",
	   "xinetd: EXIT has status, process and whole seconds");
	is(end_with(LOG_SHOW_EXIT, "exit", 0, 0, 77), "EXIT: ftp status=0", "the status alone");
	is(end_with(LOG_SHOW_DURATION, "exit", 0, 0, 77), "EXIT: ftp duration=61(sec)", "the time alone");
	is(end_with(LOG_SHOW_DURATION | LOG_SHOW_PID, "exit", 0, 0, 77), "EXIT: ftp pid=77 duration=61(sec)",
	   "the order is xinetd's");
	is(end_with(LOG_SHOW_PID | LOG_SHOW_HOST, "exit", 0, 0, 77), "", "no EXIT without one of these");
	is(end_with(LOG_SHOW_EXIT, "signal", 9, 0, 77), "EXIT: ftp signal=9", "the signal that ended it");
	is(end_with(LOG_SHOW_EXIT, "killed", 15, 15, 77), "EXIT: ftp signal=15", "also if it was ours");
	is(end_with(LOG_SHOW_EXIT, "timeout", 9, 9, 77), "EXIT: ftp signal=9", "for whatever reason");
	is(end_with(LOG_SHOW_EXIT, "killed", 3, 0, 77), "EXIT: ftp status=3",
	   "a program that was asked to end and did has a status");
	is(end_with(LOG_SHOW_EXIT, "error", 127, 0, 77), "EXIT: ftp status=127",
	   "a program that could not be started has not ended well");
	is(end_with(LOG_SHOW_EXIT, "error", 0, 0, 77), "EXIT: ftp status=1", "nor has anything that failed");
	is(end_with(LOG_SHOW_EXIT, "eof", 0, 0, getpid()), "EXIT: ftp status=0", "a built-in service has");
	is(end_with(LOG_SHOW_EXIT, "killed", 0, 0, getpid()), "EXIT: ftp signal=15",
	   "one that was cut off reads as if by a signal");
	is(said_info("end", &everything, LOG_I("pid", 7), LOG_S("how", "eof"), LOG_I("status", 0),
		     LOG_I("ms", 5), LOG_I("in", 10), LOG_I("out", 20)),
	   "TRAFFIC: ftp in=10(bytes) out=20(bytes)|EXIT: ftp status=0 pid=7 duration=0(sec)",
	   "bytes that were passed on are told before");
	is(said_info("end", &((struct log_view){ .show = LOG_SHOW_TRAFFIC }), LOG_I("in", 0),
		     LOG_I("out", 0)),
	   "TRAFFIC: ftp in=0(bytes) out=0(bytes)", "or alone");
}

static const char *
refused(const char *reason)
{
	struct log_view v = { .show = LOG_SHOW_FAIL_HOST };

	return said_info("refuse", &v, LOG_S("peer", "10.0.0.1:1234"), LOG_S("reason", reason));
}

static void
xinetd_fail(void)
{
	static const struct {
		const char *reason, *line;
	} cases[] = {
		{ "deny", "FAIL: ftp address from=10.0.0.1" },
		{ "ban", "FAIL: ftp address from=10.0.0.1" },
		{ "hours", "FAIL: ftp time from=10.0.0.1" },
		{ "instances", "FAIL: ftp service_limit from=10.0.0.1" },
		{ "process_limit", "FAIL: ftp process_limit from=10.0.0.1" },
		{ "per_source", "FAIL: ftp per_source_limit from=10.0.0.1" },
		{ "rate", "FAIL: ftp connections per second from=10.0.0.1" },
		{ "fork", "FAIL: ftp fork from=10.0.0.1" },
		{ "memory", "FAIL: ftp memory from=10.0.0.1" },
		{ "load",
		  "FAIL: ftp load from=10.0.0.1|refused connect from 10.0.0.1 due to excessive load" },
		{ "wrappers", "FAIL: ftp libwrap from=10.0.0.1|libwrap refused connection to ftp "
			      "(libwrap=ftp) from 10.0.0.1" },
	};
	struct log_view attempt = { .show = LOG_SHOW_FAIL_ATTEMPT, .wrappers = "in.ftpd" };
	struct log_view none = { .show = LOG_SHOW_PID };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is(refused(cases[i].reason), cases[i].line, cases[i].reason);
	is(said_info("refuse", &attempt, LOG_S("peer", "10.0.0.1:1"), LOG_S("reason", "deny")),
	   "FAIL: ftp address", "without the address, if that is not to be shown");
	is(said_info("refuse", &none, LOG_S("peer", "10.0.0.1:1"), LOG_S("reason", "deny")), "",
	   "no FAIL where only successes are shown");
	is(said_info("refuse", &attempt, LOG_S("peer", "unix"), LOG_S("reason", "wrappers")),
	   "FAIL: ftp libwrap|libwrap refused connection to ftp (libwrap=in.ftpd) from <no address>",
	   "libwrap's own name for the daemon");
}

static void
xinetd_ident(void)
{
	struct log_view some = { .show = LOG_SHOW_FAIL_USERID }, none = { .show = LOG_SHOW_PID };

	is(said_info("ident", &some, LOG_S("peer", "10.0.0.1:1"), LOG_S("os", "UNIX"), LOG_S("user", "jo")),
	   "USERID: ftp UNIX : jo", "xinetd: USERID has what the client's machine says");
	is(said_info("ident", &some, LOG_S("user", "jo\nFAIL: ftp address from=192.0.2.1\xff")),
	   "USERID: ftp OTHER : jo\\x0aFAIL: ftp address from=192.0.2.1\\xff", "and never a second line");
	is(said_info("ident", &none, LOG_S("user", "jo")), "", "no USERID where none is to be shown");
	is(said_info("ident", &some, LOG_S("peer", "10.0.0.1:1"), LOG_S("error", "timeout")), "",
	   "that there is no name is not told");
	is(said_info("refuse", &some, LOG_S("peer", "10.0.0.1:1"), LOG_S("reason", "ident"),
		     LOG_S("errno", "ETIMEDOUT"), LOG_S("error", "x")),
	   "NOID: ftp 10.0.0.1 timeout", "unless nobody gets in without");
	is(said_info("refuse", &some, LOG_S("peer", "10.0.0.1:1"), LOG_S("reason", "ident"),
		     LOG_S("errno", "ECONNREFUSED"), LOG_S("error", "x")),
	   "NOID: ftp 10.0.0.1 no server", "the reasons are xinetd's");
	is(said_info("refuse", &some, LOG_S("peer", "10.0.0.1:1"), LOG_S("reason", "ident"),
		     LOG_S("error", "bad response")),
	   "NOID: ftp 10.0.0.1 bad response", "or ours");
}

static void
xinetd_messages(void)
{
	struct log_view paced = { .paces = true, .show = ~0U };
	char *ban =
		xasprintf("%d {process_sensor} Adding 10.0.0.1 to the global_no_access list for 5 minutes",
			  (int)getpid());

	is(said_info("hold", NULL, LOG_S("why", "rate"), LOG_I("ms", 10000)),
	   "Deactivating service ftp due to excessive incoming connections.  Restarting in 10 seconds.",
	   "xinetd: a pause");
	is(said_info("release", NULL, LOG_S("why", "rate")), "Activating service ftp", "its end");
	is(said_info("hold", NULL, LOG_S("why", "nofile")),
	   "Deactivating service ftp due to no available descriptors.  Restarting in 1 seconds.",
	   "no descriptors");
	is(said_info("hold", &paced, LOG_S("why", "rate")), "hold service=ftp why=rate",
	   "what only slows clients down is no pause");
	is(said_info("release", &paced, LOG_S("why", "rate")), "release service=ftp why=rate", "nor its end");
	is(said_info("hold", NULL, LOG_S("why", "child")), "hold service=ftp why=child",
	   "what xinetd has no words for reads as in the text format");
	is(said(LOG_LEVEL_INFO, "ready", NULL, LOG_FIELDS(LOG_I("services", 2))),
	   "Started working: 2 available services", "the beginning");
	is(said(LOG_LEVEL_INFO, "ready", NULL, LOG_FIELDS(LOG_I("services", 1))),
	   "Started working: 1 available service", "with one");
	is(said_info("fail", NULL, LOG_S("syscall", "bind"), LOG_S("errno", "EADDRINUSE"),
		     LOG_S("error", "Address already in use")),
	   "bind failed (Address already in use (errno = 98)). service = ftp", "an address that is taken");
	is(said_info("fail", NULL, LOG_S("syscall", "socket"), LOG_S("errno", "EACCES")),
	   "fail service=ftp syscall=socket errno=EACCES", "another call");
	is(said_info("listen_error", NULL, LOG_S("error", "x")),
	   "Service ftp failed to start and is deactivated.", "a service without an address");
	is(said_info("reload", NULL, LOG_I("added", 1), LOG_I("changed", 2), LOG_I("removed", 3),
		     LOG_I("kept", 4)),
	   "Starting reconfiguration|Reconfigured: new=1 old=6 dropped=3 (services)", "a new configuration");
	is(said_info("reload", NULL, LOG_S("what", "log")), "reload service=ftp what=log",
	   "only new log files");
	is(said_info("ban", NULL, LOG_S("peer", "10.0.0.1:1"), LOG_I("ms", 300000)), ban, "a ban");
	is(said_info("stop", NULL, LOG_S("signal", "TERM")), "Exiting...", "the end");
	is(said_info("config_error", NULL, LOG_S("file", "/etc/x"), LOG_I("line", 7), LOG_S("key", "user"),
		     LOG_S("error", "no such user")),
	   "service ftp: user: no such user [file=/etc/x] [line=7]", "a line of the configuration");
	free(ban);
}

/* A stamp as xinetd writes it, of now or of the second before. */
static bool
begins_with_stamp(const char *line, const char **rest)
{
	time_t now = time(NULL);

	for (time_t t = now - 1; t <= now; t++) {
		struct tm tm;
		char stamp[64];

		localtime_r(&t, &tm);
		snprintf(stamp, sizeof(stamp), "%02d/%d/%d@%02d:%02d:%02d", tm.tm_year % 100, tm.tm_mon + 1,
			 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		*rest = line + strlen(stamp);
		if (strncmp(line, stamp, strlen(stamp)) == 0)
			return true;
	}
	return false;
}

static void
xinetd_stamps(void)
{
	struct fake f = { .base = { .put = keep } };
	struct log *log = log_new(&f.base, LOG_FORMAT_XINETD, LOG_LEVEL_INFO);
	char *message = xasprintf(" xinetd[%d]: ERROR: Activating service ftp", (int)getpid());
	char *other = xasprintf(" xinetd[%d]: WARNING: stderr service=ftp text=x", (int)getpid());
	const char *rest = NULL;

	log_event(log, LOG_LEVEL_INFO, "start", "ftp",
		  LOG_FIELDS(LOG_I("pid", 5), LOG_S("peer", "1.2.3.4:5")));
	ok(begins_with_stamp(last(&f), &rest), "xinetd: an entry in a file begins with its stamp: %s",
	   last(&f));
	is(rest, ": START: ftp pid=5 from=1.2.3.4", "then comes the entry");
	is(f.last_program, "xinetd", "syslog is told that it is xinetd's");
	log_event(log, LOG_LEVEL_INFO, "release", "ftp", LOG_FIELDS(LOG_S("why", "rate")));
	ok(begins_with_stamp(last(&f), &rest), "so does a message: %s", last(&f));
	is(rest, message, "with the program and xinetd's own level");
	log_event(log, LOG_LEVEL_WARNING, "stderr", "ftp", LOG_FIELDS(LOG_S("text", "x")));
	begins_with_stamp(last(&f), &rest);
	is(rest, other, "and with ours where xinetd has no words");
	log_event(log, LOG_LEVEL_DEBUG, "start", "ftp", NULL);
	is_int((long long)f.lines.n, 3, "what is not important enough is not told");
	log_free(log);
	forget(&f);
	free(message);
	free(other);
}

/* The log of a service has its entries, as with xinetd, and the daemon's has the rest. */
static void
xinetd_two_logs(enum log_format format, const char *activating)
{
	struct fake f = { .base = { .put = keep, .stamped = true } };
	struct fake d = { .base = { .put = keep, .stamped = true } };
	struct log *log = log_new(&f.base, LOG_FORMAT_XINETD, LOG_LEVEL_INFO);
	struct log *daemon = log_new(&d.base, format, LOG_LEVEL_INFO);

	log_pass_messages(log, &daemon);
	log_event(log, LOG_LEVEL_INFO, "start", "ftp", LOG_FIELDS(LOG_I("pid", 5)));
	is(last(&f), "START: ftp pid=5 from=<no address>", "a service's log has its entries");
	ok(!last(&d), "which the daemon's has not");
	log_event(log, LOG_LEVEL_INFO, "release", "ftp", LOG_FIELDS(LOG_S("why", "rate")));
	is(last(&d), activating, "messages go to the daemon's, in its format");
	log_event(log, LOG_LEVEL_INFO, "hold", "ftp", LOG_FIELDS(LOG_S("why", "full")));
	is(last(&d), "hold service=ftp why=full", "and so does what xinetd has no words for");
	log_event(log, LOG_LEVEL_INFO, "refuse", "ftp",
		  LOG_FIELDS(LOG_S("peer", "1.2.3.4:5"), LOG_S("reason", "load")));
	is(last(&f), "FAIL: ftp load from=1.2.3.4", "a refusal is an entry");
	is(last(&d),
	   format == LOG_FORMAT_XINETD ? "refused connect from 1.2.3.4 due to excessive load"
				       : "hold service=ftp why=full",
	   "and is not told twice in the same words");
	is_int((long long)f.lines.n, 2, "a service's log has nothing else");
	log_free(log);
	log_free(daemon);
	forget(&f);
	forget(&d);
}

static void
changing(void)
{
	struct fake first = { .base = { .put = keep } }, second = { .base = { .put = keep } };
	struct log *log = log_new(&first.base, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);

	log_event_summed(log, LOG_LEVEL_INFO, "again", NULL, NULL);
	log_event_summed(log, LOG_LEVEL_INFO, "again", NULL, NULL);
	log_change(log, &second.base, LOG_FORMAT_JSON, LOG_LEVEL_WARNING);
	is_int((long long)first.lines.n, 2, "what was summed up is told where it belongs");
	log_event(log, LOG_LEVEL_INFO, "less", NULL, NULL);
	log_event(log, LOG_LEVEL_WARNING, "more", NULL, NULL);
	is_int((long long)first.lines.n, 2, "after a change nothing goes to the old sink");
	is_int((long long)second.lines.n, 1, "what is important enough goes to the new one");
	ok(second.lines.n && strstr(second.lines.items[0], "\"event\":\"more\""), "in the new form");
	log_free(log);
	forget(&first);
	forget(&second);
}

int
main(void)
{
	changing();
	text_format();
	json_format();
	levels();
	lost_lines();
	sums();
	sums_in_time();
	xinetd_start();
	xinetd_exit();
	xinetd_fail();
	xinetd_ident();
	xinetd_messages();
	xinetd_stamps();
	xinetd_two_logs(LOG_FORMAT_XINETD, "Activating service ftp");
	xinetd_two_logs(LOG_FORMAT_TEXT, "release service=ftp why=rate");
	return tap_done();
}
