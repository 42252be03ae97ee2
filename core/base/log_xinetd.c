#include "core/base/log_xinetd.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/error.h"

static const char *const levels[] = { "ERROR", "WARNING", "INFO", "DEBUG" };

/* --- what an event says --- */

static const struct log_field *
field(const struct log_record *r, const char *key)
{
	for (const struct log_field *f = r->fields; f && f->key; f++)
		if (strcmp(f->key, key) == 0)
			return f->number || f->s ? f : NULL;
	return NULL;
}

static const char *
string(const struct log_record *r, const char *key)
{
	const struct log_field *f = field(r, key);

	return f && !f->number ? f->s : NULL;
}

static int64_t
number(const struct log_record *r, const char *key, int64_t otherwise)
{
	const struct log_field *f = field(r, key);

	return f && f->number ? f->i : otherwise;
}

static bool
is(const char *s, const char *word)
{
	return s && strcmp(s, word) == 0;
}

static unsigned
shown(const struct log_record *r)
{
	return r->view ? r->view->show : ~0U;
}

/* --- lines --- */

static struct text *
add_line(struct log_xinetd *x)
{
	struct log_xinetd_line *l = &x->lines[x->n < 2 ? x->n++ : 1];

	*l = (struct log_xinetd_line){ .text = l->text };
	l->text.len = 0;
	return &l->text;
}

static struct text *
message(struct log_xinetd *x, const char *level)
{
	struct text *t = add_line(x);

	x->lines[x->n - 1].level = level;
	return t;
}

struct text *
log_xinetd_message(struct log_xinetd *x, enum log_level level)
{
	return message(x, levels[level]);
}

/* What others may have chosen stays on its line, and what is no ASCII cannot be mistaken. */
static void
add_plain(struct text *t, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < ' ' || c >= 0x7f)
			text_printf(t, "\\x%02x", c);
		else
			text_add(t, s, 1);
	}
}

static void
add_id(struct text *t, const struct log_record *r)
{
	const char *id = r->view && r->view->id ? r->view->id : r->service;

	add_plain(t, id ? id : "-");
}

static struct text *
entry(struct log_xinetd *x, const struct log_record *r, const char *what)
{
	struct text *t = add_line(x);

	x->lines[x->n - 1].is_entry = true;
	text_puts(t, what);
	text_puts(t, ": ");
	add_id(t, r);
	return t;
}

/* The address alone: "127.0.0.1:80" and "[::1]:80" have a port, and nothing else has a number of its own. */
static void
add_address(struct text *t, const char *peer)
{
	const char *end = NULL;

	if (peer && peer[0] == '[') {
		end = strchr(++peer, ']');
	} else if (peer && peer[0] >= '0' && peer[0] <= '9') {
		end = strchr(peer, ':');
		/* An IPv6 address without brackets has no port. */
		if (!end || strchr(end + 1, ':'))
			end = peer + strlen(peer);
	}
	if (end)
		text_add(t, peer, (size_t)(end - peer));
	else
		text_puts(t, "<no address>");
}

static void
add_number(struct text *t, const char *key, int64_t n, const char *unit)
{
	text_puts(t, key);
	text_number(t, n);
	text_puts(t, unit);
}

static void
add_from(struct text *t, const struct log_record *r)
{
	text_puts(t, " from=");
	add_address(t, string(r, "peer"));
}

/* What the daemon serves itself has no process: xinetd says 0. */
static void
add_pid(struct text *t, const struct log_xinetd *x, const struct log_record *r)
{
	int64_t pid = number(r, "pid", 0);

	add_number(t, " pid=", pid == x->self ? 0 : pid, "");
}

/* --- entries --- */

static void
say_start(struct log_xinetd *x, const struct log_record *r)
{
	unsigned show = shown(r);
	struct text *t;

	if (!(show & (LOG_SHOW_PID | LOG_SHOW_HOST | LOG_SHOW_USERID | LOG_SHOW_EXIT | LOG_SHOW_DURATION |
		      LOG_SHOW_TRAFFIC)))
		return;
	t = entry(x, r, "START");
	if (show & LOG_SHOW_PID)
		add_pid(t, x, r);
	if (show & LOG_SHOW_HOST)
		add_from(t, r);
}

/* A status of 0 means that all went well, and nothing else. */
static void
add_end(struct text *t, const struct log_xinetd *x, const struct log_record *r)
{
	const char *how = string(r, "how");
	int64_t status = number(r, "status", 0), sig = number(r, "signal", 0);
	bool cut_off = is(how, "killed") || is(how, "timeout");

	if (is(how, "signal"))
		sig = status;
	else if (cut_off && sig == 0 && number(r, "pid", 0) == x->self)
		sig = 15;
	if (sig)
		add_number(t, " signal=", sig, "");
	else
		add_number(t, " status=", status == 0 && is(how, "error") ? 1 : status, "");
}

static void
say_end(struct log_xinetd *x, const struct log_record *r)
{
	unsigned show = shown(r);
	struct text *t;

	if (show & LOG_SHOW_TRAFFIC && field(r, "in") && field(r, "out")) {
		t = entry(x, r, "TRAFFIC");
		add_number(t, " in=", number(r, "in", 0), "(bytes)");
		add_number(t, " out=", number(r, "out", 0), "(bytes)");
	}
	if (!(show & (LOG_SHOW_EXIT | LOG_SHOW_DURATION)))
		return;
	t = entry(x, r, "EXIT");
	if (show & LOG_SHOW_EXIT)
		add_end(t, x, r);
	if (show & LOG_SHOW_PID)
		add_pid(t, x, r);
	if (show & LOG_SHOW_DURATION)
		add_number(t, " duration=", number(r, "ms", 0) / 1000, "(sec)");
}

static const char *
fail_reason(const char *reason)
{
	static const struct {
		const char *ours, *theirs;
	} words[] = {
		{ "deny", "address" },
		{ "ban", "address" },
		{ "hours", "time" },
		{ "instances", "service_limit" },
		{ "per_source", "per_source_limit" },
		{ "rate", "connections per second" },
		{ "wrappers", "libwrap" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is(reason, words[i].ours))
			return words[i].theirs;
	return reason ? reason : "UNKNOWN";
}

/* Why the client's machine did not name its user, in one of xinetd's few words. */
static const char *
ident_reason(const struct log_record *r)
{
	const char *name = string(r, "errno"), *error = string(r, "error");

	if (is(name, "ETIMEDOUT"))
		return "timeout";
	if (is(name, "ECONNREFUSED") || is(name, "EHOSTUNREACH") || is(name, "ENETUNREACH"))
		return "no server";
	return name || !error ? "system error" : error;
}

static void
say_no_user(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t = entry(x, r, "NOID");

	text_add(t, " ", 1);
	add_address(t, string(r, "peer"));
	text_add(t, " ", 1);
	add_plain(t, ident_reason(r));
}

static void
say_fail(struct log_xinetd *x, const struct log_record *r)
{
	unsigned show = shown(r);
	struct text *t;

	if (!(show & (LOG_SHOW_FAIL_HOST | LOG_SHOW_FAIL_USERID | LOG_SHOW_FAIL_ATTEMPT)))
		return;
	t = entry(x, r, "FAIL");
	text_add(t, " ", 1);
	add_plain(t, fail_reason(string(r, "reason")));
	if (show & LOG_SHOW_FAIL_HOST)
		add_from(t, r);
}

static void
say_load(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t = message(x, "ERROR");

	text_puts(t, "refused connect from ");
	add_address(t, string(r, "peer"));
	text_puts(t, " due to excessive load");
}

static void
say_wrappers(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t = message(x, "WARNING");

	text_puts(t, "libwrap refused connection to ");
	add_id(t, r);
	text_puts(t, " (libwrap=");
	if (r->view && r->view->wrappers)
		add_plain(t, r->view->wrappers);
	else
		add_id(t, r);
	text_puts(t, ") from ");
	add_address(t, string(r, "peer"));
}

static void
say_refuse(struct log_xinetd *x, const struct log_record *r)
{
	const char *reason = string(r, "reason");

	if (is(reason, "ident")) {
		say_no_user(x, r);
		return;
	}
	say_fail(x, r);
	if (is(reason, "load"))
		say_load(x, r);
	else if (is(reason, "wrappers"))
		say_wrappers(x, r);
}

/* The answer as it is behind the ports and USERID: the system, and the user. That there was none is told
 * only where it is a refusal. */
static void
say_ident(struct log_xinetd *x, const struct log_record *r)
{
	const char *user = string(r, "user"), *os = string(r, "os");
	struct text *t;

	if (!user || !(shown(r) & (LOG_SHOW_USERID | LOG_SHOW_FAIL_USERID)))
		return;
	t = entry(x, r, "USERID");
	text_add(t, " ", 1);
	add_plain(t, os ? os : "OTHER");
	text_puts(t, " : ");
	add_plain(t, user);
}

/* --- messages --- */

/* Whether a hold switches the service off, as xinetd would have it: one that only slows it down does not. */
static bool
is_pause(const struct log_record *r)
{
	const char *why = string(r, "why");

	return is(why, "nofile") || (is(why, "rate") && !(r->view && r->view->paces));
}

static bool
say_hold(struct log_xinetd *x, const struct log_record *r)
{
	int64_t ms = number(r, "ms", 1000); /* descriptors are looked for once a second */
	struct text *t;

	if (!is_pause(r))
		return false;
	t = message(x, "ERROR");
	text_puts(t, "Deactivating service ");
	add_id(t, r);
	text_puts(t, is(string(r, "why"), "rate") ? " due to excessive incoming connections."
						  : " due to no available descriptors.");
	add_number(t, "  Restarting in ", (ms + 999) / 1000, " seconds.");
	return true;
}

static bool
say_release(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t;

	if (!is_pause(r))
		return false;
	t = message(x, "ERROR");
	text_puts(t, "Activating service ");
	add_id(t, r);
	return true;
}

static void
say_ready(struct log_xinetd *x, const struct log_record *r)
{
	int64_t n = number(r, "services", 0);

	add_number(message(x, "NOTICE"), "Started working: ", n,
		   n == 1 ? " available service" : " available services");
}

static int
errno_of(const char *name)
{
	for (int i = 1; name && i < 134; i++)
		if (strcmp(error_name(i), name) == 0)
			return i;
	return 0;
}

static bool
say_bind(struct log_xinetd *x, const struct log_record *r)
{
	const char *error = string(r, "error");
	struct text *t;

	if (!is(string(r, "syscall"), "bind"))
		return false;
	t = message(x, "ERROR");
	text_puts(t, "bind failed (");
	add_plain(t, error ? error : "");
	add_number(t, " (errno = ", errno_of(string(r, "errno")), ")). service = ");
	add_id(t, r);
	return true;
}

static void
say_listen_error(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t = message(x, "ERROR");

	text_puts(t, "Service ");
	add_id(t, r);
	text_puts(t, " failed to start and is deactivated.");
}

/* Log files that were opened anew are no reconfiguration. */
static bool
say_reload(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t;

	if (is(string(r, "what"), "configuration") && field(r, "error")) {
		text_puts(message(x, "NOTICE"), "Starting reconfiguration");
		text_puts(message(x, "ERROR"), "reconfiguration failed");
		return true;
	}
	if (!field(r, "added"))
		return false;
	text_puts(message(x, "NOTICE"), "Starting reconfiguration");
	t = message(x, "NOTICE");
	add_number(t, "Reconfigured: new=", number(r, "added", 0), "");
	add_number(t, " old=", number(r, "kept", 0) + number(r, "changed", 0), "");
	add_number(t, " dropped=", number(r, "removed", 0), " (services)");
	return true;
}

/* A critical message has the process and the place in the code, for whatever reason. */
static void
say_ban(struct log_xinetd *x, const struct log_record *r)
{
	struct text *t = message(x, "CRITICAL");
	int64_t ms = number(r, "ms", -1);

	add_number(t, "", x->self, " {process_sensor} Adding ");
	add_address(t, string(r, "peer"));
	add_number(t, " to the global_no_access list for ", ms < 0 ? -1 : (ms + 59999) / 60000, " minutes");
}

static bool
say_stop(struct log_xinetd *x, const struct log_record *r)
{
	if (!field(r, "signal"))
		return false;
	text_puts(message(x, "WARNING"), "Exiting...");
	return true;
}

static void
say_config_error(struct log_xinetd *x, const struct log_record *r)
{
	const char *key = string(r, "key"), *file = string(r, "file"), *error = string(r, "error");
	struct text *t = log_xinetd_message(x, r->level);

	if (r->service) {
		text_puts(t, "service ");
		add_id(t, r);
		text_puts(t, ": ");
	}
	if (key) {
		add_plain(t, key);
		text_puts(t, ": ");
	}
	add_plain(t, error ? error : "");
	if (file) {
		text_puts(t, " [file=");
		add_plain(t, file);
		text_puts(t, "]");
	}
	if (field(r, "line"))
		add_number(t, " [line=", number(r, "line", 0), "]");
}

bool
log_xinetd_say(struct log_xinetd *x, const struct log_record *r)
{
	x->n = 0;
	if (is(r->event, "start"))
		say_start(x, r);
	else if (is(r->event, "end"))
		say_end(x, r);
	else if (is(r->event, "refuse"))
		say_refuse(x, r);
	else if (is(r->event, "ident"))
		say_ident(x, r);
	else if (is(r->event, "hold"))
		return say_hold(x, r);
	else if (is(r->event, "release"))
		return say_release(x, r);
	else if (is(r->event, "ready"))
		say_ready(x, r);
	else if (is(r->event, "fail"))
		return say_bind(x, r);
	else if (is(r->event, "listen_error"))
		say_listen_error(x, r);
	else if (is(r->event, "reload"))
		return say_reload(x, r);
	else if (is(r->event, "ban"))
		say_ban(x, r);
	else if (is(r->event, "stop"))
		return say_stop(x, r);
	else if (is(r->event, "config_error"))
		say_config_error(x, r);
	else
		return false;
	return true;
}

/* --- as it is written --- */

/* "26/11/2@21:41:06": local time, and neither month nor day is padded. */
static void
add_stamp(struct text *t)
{
	/* The calendar part changes once a second; formatting it costs more than the rest. */
	static time_t formatted = -1;
	static char stamp[64];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != formatted) {
		localtime_r(&ts.tv_sec, &tm);
		snprintf(stamp, sizeof(stamp), "%02d/%d/%d@%02d:%02d:%02d", tm.tm_year % 100, tm.tm_mon + 1,
			 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		formatted = ts.tv_sec;
	}
	text_puts(t, stamp);
}

void
log_xinetd_format(const struct log_xinetd *x, const struct log_xinetd_line *l, bool stamped, struct text *t)
{
	if (!stamped) {
		add_stamp(t);
		if (!l->is_entry) {
			add_number(t, " xinetd[", x->self, "]: ");
			text_puts(t, l->level);
		}
		text_puts(t, ": ");
	}
	if (l->text.len)
		text_add(t, l->text.s, l->text.len);
}

void
log_xinetd_clear(struct log_xinetd *x)
{
	for (size_t i = 0; i < 2; i++)
		text_clear(&x->lines[i].text);
}
