#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log_xinetd.h"
#include "core/base/text.h"

/* Lines that are remembered for one second, to sum up their repetitions. */
enum { SUMS = 32, SUM_MS = 1000 };

struct sum {
	struct text body; /* the line after time and level, as text */
	enum log_level level;
	int64_t since_ms;
	int64_t repeated;
};

struct log {
	struct log_sink *sink;
	enum log_format format;
	enum log_level least;
	bool echo;
	struct log *const *messages; /* of the xinetd format: where the program's go; NULL: here */
	struct log_xinetd words;
	struct text line; /* reused: no allocation per event after warm-up */
	struct sum sums[SUMS];
};

const char *const log_level_names[] = { "error", "warning", "info", "debug", NULL };
const char *const log_format_names[] = { "text", "json", "xinetd", NULL };

struct log *
log_new(struct log_sink *sink, enum log_format format, enum log_level least)
{
	struct log *log = xcalloc(1, sizeof(*log));

	log->sink = sink;
	log->format = format;
	log->least = least;
	log->words.self = getpid();
	return log;
}

void
log_change(struct log *log, struct log_sink *sink, enum log_format format, enum log_level least)
{
	log_tell_sums(log, true);
	log->sink = sink;
	log->format = format;
	log->least = least;
}

void
log_free(struct log *log)
{
	if (!log)
		return;
	log_tell_sums(log, true);
	for (size_t i = 0; i < SUMS; i++)
		text_clear(&log->sums[i].body);
	text_clear(&log->line);
	log_xinetd_clear(&log->words);
	free(log);
}

void
log_pass_messages(struct log *log, struct log *const *to)
{
	log->messages = to;
}

void
log_echo_errors(struct log *log, bool on)
{
	log->echo = on;
}

bool
log_wants(const struct log *log, enum log_level level)
{
	return log && level <= log->least;
}

static bool
is_present(const struct log_field *f)
{
	return f->number || f->s;
}

/* `event service=… key=value…`: what is compared when lines are summed up, and the text format. */
static void
format_text(struct text *t, const char *event, const char *service, const struct log_field *f)
{
	text_puts(t, event);
	if (service) {
		text_puts(t, " service=");
		text_quote(t, service, strlen(service));
	}
	for (; f && f->key; f++) {
		if (!is_present(f))
			continue;
		text_add(t, " ", 1);
		text_puts(t, f->key);
		text_add(t, "=", 1);
		if (f->number)
			text_number(t, f->i);
		else
			text_quote(t, f->s, strlen(f->s));
	}
}

/* Bytes beyond ASCII become \u00XX: the peer decides what they are, and a line must stay JSON. */
static void
add_json_string(struct text *t, const char *s)
{
	text_add(t, "\"", 1);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			text_printf(t, "\\u%04x", c);
		else
			text_add(t, s, 1);
	}
	text_add(t, "\"", 1);
}

static void
format_json(struct text *t, const struct log_record *r, const char *stamp)
{
	text_printf(t, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", stamp, log_level_names[r->level],
		    r->event);
	if (r->service) {
		text_puts(t, ",\"service\":");
		add_json_string(t, r->service);
	}
	for (const struct log_field *f = r->fields; f && f->key; f++) {
		if (!is_present(f))
			continue;
		text_printf(t, ",\"%s\":", f->key);
		if (f->number)
			text_number(t, f->i);
		else
			add_json_string(t, f->s);
	}
	text_puts(t, "}");
}

static void
echo(const struct log_record *r)
{
	struct text t = { 0 };

	format_text(&t, r->event, r->service, r->fields);
	fprintf(stderr, "evinetd: %s\n", t.s);
	text_clear(&t);
}

static void put(struct log *, struct log_record *);

static void
tell_dropped(struct log *log)
{
	struct log_record r = {
		.level = LOG_LEVEL_WARNING,
		.event = "log_dropped",
		.fields = LOG_FIELDS(LOG_I("lines", (int64_t)log->sink->dropped)),
	};
	uint64_t before = log->sink->dropped;

	log->sink->dropped = 0;
	put(log, &r);
	/* Not even that could be kept: say it with the next. */
	if (log->sink->dropped)
		log->sink->dropped = before;
}

static void
put_line(struct log *log, struct log_record *r)
{
	r->line = log->line.s;
	r->len = log->line.len;
	log->sink->put(log->sink, r);
}

/* Entries are this log's. What the program has to say may be another's, which puts it in its own way. */
static void
put_xinetd(struct log *log, struct log_record *r)
{
	struct log *other = log->messages && *log->messages ? *log->messages : log;
	struct log_xinetd *x = &log->words;
	bool foreign = other->format != LOG_FORMAT_XINETD;

	if (!log_xinetd_say(x, r))
		format_text(log_xinetd_message(x, r->level), r->event, r->service, r->fields);
	if (foreign && x->n > 0 && !x->lines[0].is_entry) {
		if (log_wants(other, r->level))
			put(other, r);
		return;
	}
	r->program = "xinetd";
	for (size_t i = 0; i < x->n; i++) {
		const struct log_xinetd_line *l = &x->lines[i];
		struct log *to = l->is_entry ? log : other;

		if (to != log && (foreign || !log_wants(to, r->level)))
			continue;
		to->line.len = 0;
		log_xinetd_format(x, l, to->sink->stamped, &to->line);
		put_line(to, r);
	}
}

static void
put(struct log *log, struct log_record *r)
{
	struct text *t = &log->line;
	char stamp[CLOCK_STAMP];

	if (log->sink->dropped)
		tell_dropped(log);
	if (log->echo && r->level == LOG_LEVEL_ERROR)
		echo(r);
	if (log->format == LOG_FORMAT_XINETD) {
		put_xinetd(log, r);
		return;
	}

	t->len = 0;
	if (log->format == LOG_FORMAT_JSON) {
		clock_stamp(stamp);
		format_json(t, r, stamp);
	} else {
		if (!log->sink->stamped) {
			clock_stamp(stamp);
			text_puts(t, stamp);
			text_add(t, " ", 1);
			text_puts(t, log_level_names[r->level]);
			text_add(t, " ", 1);
		}
		format_text(t, r->event, r->service, r->fields);
	}
	r->program = "evinetd";
	put_line(log, r);
}

void
log_event_as(struct log *log, enum log_level level, const char *event, const char *service,
	     const struct log_view *view, const struct log_field *fields)
{
	struct log_record r = {
		.level = level, .event = event, .service = service, .view = view, .fields = fields
	};

	if (log_wants(log, level))
		put(log, &r);
}

void
log_event(struct log *log, enum log_level level, const char *event, const char *service,
	  const struct log_field *fields)
{
	log_event_as(log, level, event, service, NULL, fields);
}

/* The sum is told as text in either format: its fields are not kept, only how it read. */
static void
tell(struct log *log, struct sum *s, int64_t now)
{
	if (s->repeated)
		log_event(log, s->level, "repeated", NULL,
			  LOG_FIELDS(LOG_I("count", s->repeated), LOG_I("ms", now - s->since_ms),
				     LOG_S("line", s->body.s)));
	s->repeated = 0;
}

void
log_event_summed(struct log *log, enum log_level level, const char *event, const char *service,
		 const struct log_field *fields)
{
	log_event_summed_as(log, level, event, service, NULL, fields);
}

void
log_event_summed_as(struct log *log, enum log_level level, const char *event, const char *service,
		    const struct log_view *view, const struct log_field *fields)
{
	struct sum *oldest;
	struct text body = { 0 };
	int64_t now;

	if (!log_wants(log, level))
		return;
	now = clock_monotonic_ms();
	oldest = &log->sums[0];
	format_text(&body, event, service, fields);
	for (struct sum *s = log->sums; s < log->sums + SUMS; s++) {
		if (s->body.len && strcmp(s->body.s, body.s) == 0) {
			if (now - s->since_ms < SUM_MS) {
				s->repeated++;
				text_clear(&body);
				return;
			}
			oldest = s;
			break;
		}
		if (s->since_ms < oldest->since_ms)
			oldest = s;
	}
	tell(log, oldest, now);
	text_clear(&oldest->body);
	oldest->body = body;
	oldest->level = level;
	oldest->since_ms = now;
	log_event_as(log, level, event, service, view, fields);
}

int64_t
log_tell_sums(struct log *log, bool all)
{
	int64_t now = 0, next = -1;

	if (!log)
		return -1;
	for (struct sum *s = log->sums; s < log->sums + SUMS; s++) {
		int64_t left;

		if (!s->repeated)
			continue;
		if (!now)
			now = clock_monotonic_ms();
		left = s->since_ms + SUM_MS - now;
		if (all || left <= 0) {
			tell(log, s, now);
			s->since_ms = now;
			left = -1;
		}
		if (left > 0 && (next < 0 || left < next))
			next = left;
	}
	return next;
}
