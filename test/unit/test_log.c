#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "test/unit/tap.h"

/* A sink that keeps the lines. */
struct fake {
	struct log_sink base;
	struct strlist lines;
	enum log_level last_level;
	const char *last_event;
};

static void
keep(struct log_sink *base, const struct log_record *r)
{
	struct fake *f = (struct fake *)(void *)base;

	strlist_add(&f->lines, r->line);
	f->last_level = r->level;
	f->last_event = r->event;
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
	return tap_done();
}
