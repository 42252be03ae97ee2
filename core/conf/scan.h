#ifndef CORE_CONF_SCAN_H
#define CORE_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/conf/problem.h"

/* The outline of a configuration file: which statements there are, and on which lines. libconfuse
 * reads the values; this is why a problem can name its true line whatever comments stand above it,
 * why one bad stanza does not take the others with it, and why an unknown key can be told. */

enum scan_type { SCAN_ASSIGN, SCAN_BLOCK, SCAN_CALL };

struct scan_item {
	enum scan_type type;
	char *name;
	int line;
	/* SCAN_ASSIGN */
	bool append; /* += */
	int *value_lines;
	size_t nvalues;
	/* SCAN_BLOCK */
	char *title; /* or NULL; as written, without quotes */
	struct scan_item *items;
	size_t nitems;
	bool broken; /* a syntax error inside: what could be read is there */
	/* Top level only: the text for libconfuse, without comments. */
	char *text;
};

struct scan {
	struct scan_item *items;
	size_t nitems;
	bool lost; /* a syntax error has taken a `defaults` or an `include` with it */
};

/* Syntax errors go to `problems`; the statement they are in is left out, or is a broken block. */
void scan_text(struct scan *, const char *file, const char *text, size_t len, struct problems *);
void scan_clear(struct scan *);

#endif
