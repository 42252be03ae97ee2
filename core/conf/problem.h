#ifndef CORE_CONF_PROBLEM_H
#define CORE_CONF_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/text.h"

/* Where something was written. The file name is borrowed from the configuration. */
struct origin {
	const char *file; /* NULL: nowhere, it is a default */
	int line;
};

/* One thing that is wrong, or looks wrong, in the configuration. */
struct problem {
	char *file;
	int line;
	char *service; /* or NULL */
	char *key;     /* or NULL */
	char *text;
	bool warning; /* the service runs all the same */
};

struct problems {
	struct problem *items;
	size_t n;
	size_t errors; /* those that are no warnings */
};

/* Adds one; service and key may be NULL, as may origin's file. */
void problem_add(struct problems *, struct origin, const char *service, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void problem_warn(struct problems *, struct origin, const char *service, const char *key, const char *fmt,
		  ...) __attribute__((format(printf, 5, 6)));

/* By file (in the order they came up) and line. */
void problems_sort(struct problems *);
void problems_clear(struct problems *);

/* `FILE:LINE: service "x": key: text`, without a newline. */
void problem_format(const struct problem *, struct text *);

#endif
