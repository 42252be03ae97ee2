#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Events as `event key=value…` (text) or as one object a line (json). A log only formats and
 * sums up; where the line goes is the sink's business (core/sys/sink.h). */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

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

struct log_record {
	enum log_level level;
	const char *event;
	const char *service; /* NULL: the event is the daemon's */
	const struct log_field *fields;
	const char *line; /* formatted, without a newline */
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

/* From now on it writes there, in that way. */
void log_change(struct log *, struct log_sink *, enum log_format, enum log_level least);

/* Errors also go to standard error, as text: while somebody waits there for us to get ready. */
void log_echo_errors(struct log *, bool on);

bool log_wants(const struct log *, enum log_level);

/* Writes one event. Control characters in values are escaped. log may be NULL. */
void log_event(struct log *, enum log_level, const char *event, const char *service,
	       const struct log_field *fields);

/* The same for events that can come in floods: an identical line within one second is only
 * counted, and told afterwards by one `repeated` event with `count`, `ms` and the `line`. */
void log_event_summed(struct log *, enum log_level, const char *event, const char *service,
		      const struct log_field *fields);

/* Tells what has been summed up and is due; `all` ignores the second. Returns the milliseconds
 * until the next is due, or -1 if nothing is waiting. */
int64_t log_tell_sums(struct log *, bool all);

#endif
