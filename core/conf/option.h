#ifndef CORE_CONF_OPTION_H
#define CORE_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* One row is everything about an option: the parser, --dump, --check, the comparison of two
 * configurations and the manual page all read it. */

enum option_type {
	OPT_BOOL,     /* bool or int */
	OPT_INT,      /* int or int64_t */
	OPT_OCTAL,    /* int or int64_t */
	OPT_DURATION, /* int64_t milliseconds, or int seconds */
	OPT_SIZE,     /* int or int64_t bytes */
	OPT_RATE,     /* struct rate_spec; count 0: unset */
	OPT_LIMIT,    /* struct limit_spec */
	OPT_ENUM,     /* int: the index in `words` */
	OPT_STRING,   /* char *, NULL: unset */
	OPT_LIST,     /* struct list_value */
};

/* A list that remembers whether it was given: `allow = {}` is not the same as nothing. */
struct list_value {
	bool set;
	struct strlist list;
};

/* "64M", "soft:hard", "unlimited". */
struct limit_spec {
	bool set;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

enum option_flags {
	OPTION_DEFAULTS = 1, /* may stand in `defaults` */
};

struct option {
	const char *name;
	const char *section; /* the block it stands in, or NULL */
	const char *group;   /* heading in the manual; set on the first row of a group */
	enum option_type type;
	size_t offset, width; /* where the value is kept */
	const char *def;      /* as a user would write it; NULL: unset */
	const char *const *words;
	int64_t min, max; /* of numbers, in the unit they are kept in; both 0: not negative */
	const char *unit;
	unsigned flags;
	int (*check)(const char *value, struct error *); /* each string, before it is kept */
	const char *doc;                                 /* mdoc text: one or more sentences */
};

bool option_is(const struct option *, const char *section, const char *name);

/* NULL if there is none. */
const struct option *option_find(const struct option *rows, const char *section, const char *name);

/* Whether a block of that name has keys of its own. */
bool option_has_section(const struct option *rows, const char *section);

/* The nearest known name in the section, or NULL. */
const char *option_nearest(const struct option *rows, const char *section, const char *name);

/* Puts the default into place; the memory must be zero or cleared. */
void option_default(const struct option *, void *base);

/* Parses and keeps. `append` adds to a list. On an error (-1) the old value stays, and *bad is the
 * index of the value that was wrong. */
int option_set(const struct option *, void *base, char *const *values, size_t n, bool append, size_t *bad,
	       struct error *);

void option_copy(const struct option *, void *to, const void *from); /* `to` is zero or cleared */
void option_clear(const struct option *, void *base);
bool option_equal(const struct option *, const void *a, const void *b);

/* Adds the value in configuration syntax; nothing if it is unset. False if it is unset. */
bool option_print(const struct option *, const void *base, struct text *);

/* What kind of value a row takes, for the manual: "whole number", "list of strings"… */
const char *option_type_name(const struct option *);

/* The same for all rows of a table (which ends with a NULL name). */
void options_default(const struct option *rows, void *base);
void options_copy(const struct option *rows, void *to, const void *from);
void options_clear(const struct option *rows, void *base);

/* A string in configuration syntax. */
void option_quote(struct text *, const char *);

#endif
