#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Events as `event key=value…` (text), as one object a line (json), or in the words of another
 * super-server (xinetd; core/base/log_xinetd.h). A log only formats and sums up; where the line goes is
 * the sink's business (core/sys/sink.h). */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_XINETD };

extern const char *const log_level_names[];  /* NULL-terminated, in the order of the enum */
extern const char *const log_format_names[]; /* likewise */

/* One key of an event. A field whose key is NULL ends a list; one with an absent string is left
 * out. */
struct log_field {
	const char *key;
	const char *s; /* the value, if `number` is false */
	int64_t i;     /* the value, if `number` is true */
	bool number;
};

#define LOG_S(k, v) \
	{ \
		.key = (k), .s = (v) \
	}
#define LOG_I(k, v) \
	{ \
		.key = (k), .i = (v), .number = true \
	}
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { .key = NULL } })

/* What the xinetd format shows of a service, and what it calls it. The other formats show everything. */
enum log_show {
	LOG_SHOW_PID = 1 << 0,
	LOG_SHOW_HOST = 1 << 1,
	LOG_SHOW_USERID = 1 << 2,
	LOG_SHOW_EXIT = 1 << 3,
	LOG_SHOW_DURATION = 1 << 4,
	LOG_SHOW_TRAFFIC = 1 << 5,
	LOG_SHOW_FAIL_HOST = 1 << 6,
	LOG_SHOW_FAIL_USERID = 1 << 7,
	LOG_SHOW_FAIL_ATTEMPT = 1 << 8,
};

struct log_view {
	const char *id;       /* NULL: the service's name */
	const char *wrappers; /* what libwrap calls it; NULL: nothing */
	unsigned show;        /* of enum log_show */
	bool paces;           /* its rate slows clients down and never switches it off for a while */
};

struct log_record {
	enum log_level level;
	const char *event;
	const char *service;         /* NULL: the event is the daemon's */
	const struct log_view *view; /* NULL: everything, by the service's name */
	const struct log_field *fields;
	const char *program; /* who says it: "evinetd", or "xinetd" in that format */
	const char *line;    /* formatted, without a newline */
	size_t len;
};

/* Where lines go. `put` must not block and copies what it keeps. */
struct log_sink {
	void (*put)(struct log_sink *, const struct log_record *);
	bool stamped;     /* the target adds time and level itself */
	uint64_t dropped; /* lines that `put` could not keep; the log tells, and begins anew */
};

struct log;

/* The sink stays the caller's and must outlive the log. */
struct log *log_new(struct log_sink *, enum log_format, enum log_level least);
void log_free(struct log *);

/* In the xinetd format this log gets the entries about sessions and refusals only, and *to all the rest, in
 * the format of that one. */
void log_pass_messages(struct log *, struct log *const *to);

/* From now on it writes there, in that way. */
void log_change(struct log *, struct log_sink *, enum log_format, enum log_level least);

/* Errors also go to standard error, as text: while somebody waits there for us to get ready. */
void log_echo_errors(struct log *, bool on);

bool log_wants(const struct log *, enum log_level);

/* Writes one event. Control characters in values are escaped. log may be NULL. */
void log_event(struct log *, enum log_level, const char *event, const char *service,
	       const struct log_field *fields);

/* The same about a service that is to be shown in a certain way. */
void log_event_as(struct log *, enum log_level, const char *event, const char *service,
		  const struct log_view *, const struct log_field *fields);

/* The same for events that can come in floods: an identical line within one second is only
 * counted, and told afterwards by one `repeated` event with `count`, `ms` and the `line`. */
void log_event_summed(struct log *, enum log_level, const char *event, const char *service,
		      const struct log_field *fields);
void log_event_summed_as(struct log *, enum log_level, const char *event, const char *service,
			 const struct log_view *, const struct log_field *fields);

/* Tells what has been summed up and is due; `all` ignores the second. Returns the milliseconds
 * until the next is due, or -1 if nothing is waiting. */
int64_t log_tell_sums(struct log *, bool all);

#endif
