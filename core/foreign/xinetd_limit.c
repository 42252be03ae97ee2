#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/foreign/xinetd.h"

/* Whom a service admits and how many, what a client is told, and what is logged. */

enum { MOST = 1000000, DAY = 86400, LOG_LEAST = 5120, LOG_MOST = 20480 };

/* --- addresses --- */

static int
address_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, struct strlist *out)
{
	const char *odd;
	struct error err;

	if (xinetd_address(word, t->key == KEY_NO_ACCESS, out, &odd, &err) < 0) {
		xinetd_refuse(s, t, "%s", err.text);
		return -1;
	}
	if (odd)
		xinetd_warn(s, t, "%s %s", word, odd);
	return 0;
}

/* The manual wants the longer of two that match to win. xinetd never did that, and it would let in
 * clients that it keeps out. */
static void
warn_of_better_match(struct xinetd_service *s, const struct xinetd_setting *t, const struct strlist *allow,
		     const struct strlist *deny)
{
	for (size_t i = 0; i < allow->n; i++) {
		for (size_t j = 0; j < deny->n; j++) {
			if (!xinetd_is_inside(allow->items[i], deny->items[j]))
				continue;
			xinetd_warn(s, t,
				    "%s stays out, because no_access has %s; the longer one does not win",
				    allow->items[i], deny->items[j]);
			return;
		}
	}
}

static void
access_rows(struct xinetd_service *s, bool nobody)
{
	struct strlist allow = { 0 }, deny = { 0 };
	const struct xinetd_setting *only_from = xinetd_fold(s, KEY_ONLY_FROM, address_word, &allow);
	const struct xinetd_setting *no_access = xinetd_fold(s, KEY_NO_ACCESS, address_word, &deny);

	if (only_from && !nobody) {
		xinetd_row(s, only_from, NULL, "allow", &allow);
		if (!allow.n && !s->to->refused)
			xinetd_note(s, only_from, "the list is empty: nobody may connect");
		warn_of_better_match(s, only_from, &allow, &deny);
	}
	if (deny.n)
		xinetd_row(s, no_access, NULL, "deny", &deny);
	strlist_clear(&allow);
	strlist_clear(&deny);
}

/* "8:00" in minutes; 24:00 is the end of a day. */
static const char *
read_time(const char *s, int *out)
{
	int hours = 0, minutes = 0, n = 0;

	for (; isdigit((unsigned char)*s) && n < 2; n++)
		hours = 10 * hours + *s++ - '0';
	if (!n || *s++ != ':')
		return NULL;
	for (n = 0; isdigit((unsigned char)*s) && n < 2; n++)
		minutes = 10 * minutes + *s++ - '0';
	*out = 60 * hours + minutes;
	return n && minutes < 60 && *out <= 24 * 60 ? s : NULL;
}

static void
hours_row(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_ACCESS_TIMES);
	struct strlist hours = { 0 };

	for (size_t i = 0; t && i < t->values.n; i++) {
		const char *word = t->values.items[i], *p;
		char text[32];
		int from, to;

		p = read_time(word, &from);
		p = p && *p == '-' ? read_time(p + 1, &to) : NULL;
		if (!p || *p) {
			xinetd_refuse(s, t, "expected times such as 8:00-17:30, not \"%.60s\"", word);
			break;
		}
		if (from >= to) {
			xinetd_refuse(s, t,
				      "\"%s\" ends before it begins; write two intervals to go over midnight",
				      word);
			break;
		}
		snprintf(text, sizeof(text), "%02d:%02d-%02d:%02d", from / 60, from % 60, to / 60, to % 60);
		strlist_add(&hours, text);
	}
	if (hours.n)
		xinetd_row(s, t, NULL, "hours", &hours);
	strlist_clear(&hours);
}

/* --- numbers --- */

/* A number, or -1 for UNLIMITED and for what is wrong, which has been told. */
static int64_t
count_of(struct xinetd_service *s, const struct xinetd_setting *t, const char *word)
{
	int64_t n;

	if (strcasecmp(word, "unlimited") == 0)
		return -1;
	if (*word == '+' && isdigit((unsigned char)word[1]))
		word++;
	if (parse_int(word, 0, INT64_MAX, &n, NULL) < 0) {
		xinetd_refuse(s, t, "expected a number or UNLIMITED, not \"%.60s\"", word);
		return -1;
	}
	return n > MOST ? MOST : n;
}

/* Whether it is 0: nobody may connect. */
static bool
count_row(struct xinetd_service *s, enum xinetd_key key, const char *row)
{
	const struct xinetd_setting *t = xinetd_get(s, key);
	int64_t n = t ? count_of(s, t, t->values.items[0]) : -1;
	static const struct strlist none = { 0 };

	if (n == 0) {
		xinetd_warn(s, t, "0 lets nobody connect");
		xinetd_row(s, t, NULL, "allow", &none);
		return true;
	}
	/* One program serves them all, one client after the other as far as can be seen from here. */
	if (n > 0 && s->wait && key == KEY_PER_SOURCE)
		xinetd_note(s, t, "has no effect with wait = yes");
	else if (n > 0)
		xinetd_row1(s, t, NULL, row, "%d", (int)n);
	if (n > 0 && key == KEY_INSTANCES)
		xinetd_row1(s, t, NULL, "when_full", "refuse");
	return false;
}

static void
cps_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_CPS);
	int64_t n, pause;

	if (!t)
		return;
	if (strcasecmp(t->values.items[0], "unlimited") == 0 ||
	    parse_int(t->values.items[0], 0, INT64_MAX, &n, NULL) < 0 ||
	    parse_int(t->values.items[1], 0, INT64_MAX, &pause, NULL) < 0) {
		xinetd_refuse(s, t,
			      "expected a number of connections and one of seconds, not \"%.30s %.30s\"",
			      t->values.items[0], t->values.items[1]);
		return;
	}
	if (n == 0) {
		xinetd_note(s, t, "0 is no limit");
		return;
	}
	n = n > MOST ? MOST : n;
	if (pause > DAY)
		xinetd_warn(s, t, "nobody is kept waiting for longer than a day");
	xinetd_row1(s, t, NULL, "rate", "%d/1s", (int)n);
	xinetd_row1(s, t, NULL, "rate_burst", "%d", (int)n);
	if (pause)
		xinetd_row1(s, t, NULL, "rate_pause", "%ds", pause > DAY ? DAY : (int)pause);
}

static void
load_row(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_MAX_LOAD);
	char *end;
	double load;

	if (!t)
		return;
	load = strtod(t->values.items[0], &end);
	if (*end || t->values.items[0][strspn(t->values.items[0], "0123456789.")] || load < 0 || load >= MOST)
		xinetd_refuse(s, t, "expected a number above 0, such as 2.5, not \"%.60s\"",
			      t->values.items[0]);
	else if (load == 0)
		xinetd_warn(s, t, "0 is no limit");
	else
		xinetd_row1(s, t, NULL, "max_load", "%.*s%s", t->values.items[0][0] == '.', "0",
			    t->values.items[0]);
}

/* --- what a client is sent, and asked --- */

static void
banner_row(struct xinetd_service *s, enum xinetd_key key, const char *row)
{
	const struct xinetd_setting *t = xinetd_get(s, key);

	if (!t)
		return;
	if (s->dgram || s->wait)
		xinetd_note(s, t, "has no effect without a connection that is accepted for the program");
	else if (t->values.items[0][0] == '/')
		xinetd_row1(s, t, NULL, row, "%s", t->values.items[0]);
	else
		xinetd_warn(s, t, "expected an absolute path, not \"%.60s\"; nothing is sent",
			    t->values.items[0]);
}

static const char *
wrappers_name(struct xinetd_service *s)
{
	const char *name = xinetd_value(s, KEY_LIBWRAP), *slash;

	if (name)
		return name;
	if (s->kind != KIND_PROGRAM)
		return s->entry->name;
	name = xinetd_value(s, s->flags & FLAG_NAMEINARGS ? KEY_SERVER_ARGS : KEY_SERVER);
	slash = name ? strrchr(name, '/') : NULL;
	return slash ? slash + 1 : name;
}

static void
wrappers_row(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_LIBWRAP);
	const char *name = wrappers_name(s);

	if (s->flags & FLAG_NOLIBWRAP || (s->types & TYPE_RPC && !s->dgram) || !name)
		return;
	if (!s->has_rules) {
		if (t)
			xinetd_note(s, t,
				    "neither hosts.allow nor hosts.deny has a rule, so nobody asks them");
	} else if (s->wait && !s->dgram) {
		xinetd_refuse(
			s, t,
			"hosts.allow and hosts.deny cannot be asked with wait = yes on a stream socket, where "
			"the program accepts the clients; flags = NOLIBWRAP if they have nothing to do with "
			"it");
	} else {
		xinetd_row1(s, t, NULL, "tcp_wrappers", "%s", name);
	}
}

/* --- the log --- */

/* A log that is not as it should be opens nothing: in defaults it is no reason to stop services. */
static void __attribute__((format(printf, 3, 4)))
wrong_log(struct xinetd_service *s, const struct xinetd_setting *t, const char *fmt, ...)
{
	char *said = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&said, fmt, ap) < 0)
		abort(); /* out of memory */
	va_end(ap);
	if (t->inherited)
		xinetd_warn(s, t, "%s; it has no effect", said);
	else
		xinetd_refuse(s, t, "%s", said);
	free(said);
}

/* The names of bits of what START, EXIT and FAIL lines tell. */
static int
log_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, const char *const *words,
	 struct strlist *out)
{
	int i = xinetd_word(word, words);

	if (i >= 0) {
		strlist_add(out, words[i]);
		return 0;
	}
	if (strcasecmp(word, "RECORD") == 0)
		xinetd_warn(s, t, "RECORD has no effect: xinetd does not know it any more");
	else
		wrong_log(s, t, "\"%.60s\" cannot be logged", word);
	return -1;
}

static int
success_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, struct strlist *out)
{
	static const char *const words[] = { "pid", "host", "userid", "exit", "duration", "traffic", NULL };

	if (strcasecmp(word, "TRAFFIC") == 0 && s->kind != KIND_REDIRECT) {
		/* In defaults it is meant for those that can. */
		if (!t->inherited && t->op != OP_REMOVE)
			xinetd_refuse(s, t, "TRAFFIC is known for redirected connections only");
		return -1;
	}
	return log_word(s, t, word, words, out);
}

static int
failure_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, struct strlist *out)
{
	static const char *const words[] = { "host", "userid", "attempt", NULL };

	return log_word(s, t, word, words, out);
}

static bool
has_word(const struct strlist *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i], word) == 0)
			return true;
	return false;
}

static bool
read_log_size(const char *s, int64_t *out)
{
	return !strpbrk(s, "gG") && parse_size(s, out, NULL) == 0 && *out < INT64_MAX / 4;
}

/* Behind the path: where a warning is due, and where nothing more is written: if it is not said, a hundredth
 * later, within limits. */
static void
limit_row(struct xinetd_service *s, const struct xinetd_setting *t)
{
	const struct strlist *v = &t->values;
	int64_t soft, hard, more;

	if (v->n < 3)
		return;
	if (v->n > 4 || !read_log_size(v->items[2], &soft) ||
	    (v->n > 3 && !read_log_size(v->items[3], &hard))) {
		wrong_log(s, t, "expected two sizes at most behind the file, such as 8M 10M");
		return;
	}
	more = soft / 100;
	more = more < LOG_LEAST ? LOG_LEAST : more > LOG_MOST ? LOG_MOST : more;
	if (v->n == 3)
		hard = soft + more;
	if (hard < soft)
		wrong_log(s, t, "the second size is less than the first");
	else if (soft == 0)
		xinetd_warn(s, t, "0 is no limit");
	else
		xinetd_row1(s, t, "log", "limit", "%lld:%lld", (long long)soft, (long long)hard);
}

static bool
syslog_row(struct xinetd_service *s, const struct xinetd_setting *t)
{
	static const char *const facilities[] = { "auth",   "authpriv", "cron",   "daemon", "ftp",
						  "kern",   "local0",   "local1", "local2", "local3",
						  "local4", "local5",   "local6", "local7", "lpr",
						  "mail",   "news",     "user",   "uucp",   NULL };
	static const char *const levels[] = { "emerg",  "alert", "crit",  "err", "warning",
					      "notice", "info",  "debug", NULL };
	const struct strlist *v = &t->values;
	int facility = v->n > 1 ? xinetd_word(v->items[1], facilities) : -1;
	int level = v->n > 2 ? xinetd_word(v->items[2], levels) : 6;

	if (facility < 0 || level < 0 || v->n > 3) {
		wrong_log(s, t, "expected SYSLOG, a facility and a level of syslog");
		return false;
	}
	xinetd_row1(s, t, "log", "target", "syslog:%s.%s", facilities[facility], levels[level]);
	return true;
}

static bool
file_row(struct xinetd_service *s, const struct xinetd_setting *t)
{
	if (t->values.n < 2) {
		wrong_log(s, t, "expected FILE and a path");
		return false;
	}
	if (t->values.items[1][0] != '/') {
		xinetd_warn(s, t, "expected an absolute path, not \"%.60s\"; the daemon's own log is used",
			    t->values.items[1]);
		return false;
	}
	xinetd_row1(s, t, "log", "target", "file:%s", t->values.items[1]);
	limit_row(s, t);
	return true;
}

/* Whether the service has a log of its own. */
static bool
log_type_rows(struct xinetd_service *s)
{
	static const char *const words[] = { "FILE", "SYSLOG", NULL };
	const struct xinetd_setting *t = xinetd_get(s, KEY_LOG_TYPE);
	int word = t && t->values.n ? xinetd_word(t->values.items[0], words) : -1;

	if (!t || !t->values.n)
		return false;
	if (word < 0)
		wrong_log(s, t, "expected FILE or SYSLOG, not \"%.60s\"", t->values.items[0]);
	if (word < 0 || !(word == 0 ? file_row(s, t) : syslog_row(s, t)))
		return false;
	xinetd_row1(s, t, "log", "format", "xinetd");
	return true;
}

/* Nobody waits for the answer unless it is required. */
static void
ident_row(struct xinetd_service *s, const struct xinetd_setting *asked)
{
	const struct xinetd_setting *flags = xinetd_get(s, KEY_FLAGS);
	bool required = s->flags & FLAG_IDONLY;

	if (required && (s->dgram || s->wait))
		xinetd_refuse(s, flags, "IDONLY needs socket_type = stream and wait = no");
	else if (required)
		xinetd_row1(s, flags, NULL, "ident", "require");
	else if (asked && !s->dgram && !s->wait)
		xinetd_row1(s, asked, NULL, "ident", "log");
}

static void
log_rows(struct xinetd_service *s)
{
	struct strlist success = { 0 }, failure = { 0 };
	bool own = log_type_rows(s);
	const struct xinetd_setting *t = xinetd_fold(s, KEY_LOG_ON_SUCCESS, success_word, &success);
	const struct xinetd_setting *f = xinetd_fold(s, KEY_LOG_ON_FAILURE, failure_word, &failure);

	if (t || own)
		xinetd_row(s, t, "log", "success", &success);
	if (f || own)
		xinetd_row(s, f, "log", "failure", &failure);
	ident_row(s, has_word(&success, "userid") ? t : has_word(&failure, "userid") ? f : NULL);
	strlist_clear(&success);
	strlist_clear(&failure);
}

void
xinetd_limit_rows(struct xinetd_service *s)
{
	bool nobody = count_row(s, KEY_INSTANCES, "instances");

	if (!nobody)
		nobody = count_row(s, KEY_PER_SOURCE, "per_source");
	access_rows(s, nobody);
	hours_row(s);
	cps_rows(s);
	load_row(s);
	banner_row(s, KEY_BANNER, "banner");
	banner_row(s, KEY_BANNER_SUCCESS, "banner_allow");
	banner_row(s, KEY_BANNER_FAIL, "banner_deny");
	wrappers_row(s);
	log_rows(s);
}
