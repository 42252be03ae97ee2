#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* A text that grows. All zero is an empty one. Running out of memory ends the program. */
struct text {
	char *s; /* always NUL-terminated once something was added; NULL before */
	size_t len;
	size_t size;
};

void text_add(struct text *, const char *s, size_t len);
void text_puts(struct text *, const char *s);
void text_printf(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_number(struct text *, int64_t);
void text_clear(struct text *);

/* Digits and a NUL behind them; returns where the NUL is. At most 21 bytes. Much quicker than printf, for
 * what is written for each session. */
char *text_put_number(char *out, int64_t);

/* Copies a text; returns where the NUL behind it is. */
char *text_put(char *out, const char *s);

/* Memory or the end of the program, with one line that says so. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An owned list of owned strings; items[n] is always NULL (so it can serve as an argv). */
struct strlist {
	char **items;
	size_t n;
};

void strlist_add(struct strlist *, const char *s);
void strlist_copy(struct strlist *to, const struct strlist *from);
void strlist_clear(struct strlist *);
/* Moves all of `from` behind what is in `to`; the strings stay where they are in memory. */
void strlist_move(struct strlist *to, struct strlist *from);
bool strlist_equal(const struct strlist *, const struct strlist *);

/* Adds `value` so that it stays on one line: as it is if it is plain, quoted and escaped if not. */
void text_quote(struct text *, const char *value, size_t len);

/* The entry of `words` (NULL-terminated) closest to `word`, or NULL if none is near. */
const char *text_nearest(const char *word, const char *const *words);

/* Whole texts only; surrounding blanks are not accepted. Each returns 0, or -1 with err saying
 * what was expected. */
int parse_int(const char *s, int64_t min, int64_t max, int64_t *out, struct error *);
int parse_bool(const char *s, bool *out, struct error *);
int parse_octal(const char *s, int64_t max, int64_t *out, struct error *);
int parse_duration_ms(const char *s, int64_t *out, struct error *); /* 500ms 2s 5m 1h 1d; "2" = 2 s */
int parse_size(const char *s, int64_t *out, struct error *);        /* 10 64K 10M 1G */

/* "50/1s", "50/s", "3000/m": an amount per interval. */
struct rate_spec {
	int64_t count;
	int64_t interval_ms;
};
int parse_rate(const char *s, struct rate_spec *out, struct error *);

/* The shortest text that the parser of the same kind reads back as the same value. */
void format_duration_ms(int64_t ms, char *buf, size_t size);
void format_size(int64_t bytes, char *buf, size_t size);
void format_rate(const struct rate_spec *, char *buf, size_t size);

#endif
