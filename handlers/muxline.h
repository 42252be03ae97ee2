#ifndef HANDLERS_MUXLINE_H
#define HANDLERS_MUXLINE_H

#include <stddef.h>

/* The one line that a client of tcpmux says before anything else (RFC 1078): the name of a service, or
 * "help". It may come in pieces, and what comes behind it is for the service. */

enum { MUXLINE_MAX = 256 }; /* bytes, without the end */

/* Starts as { 0 }. */
struct muxline {
	char text[MUXLINE_MAX + 2]; /* once it is whole: the name, without the end, and a NUL */
	size_t len;
};

enum muxline_state { MUXLINE_MORE, MUXLINE_WHOLE, MUXLINE_TOO_LONG };

/* How many bytes more may belong to the line; never 0 while it is not whole. */
size_t muxline_room(const struct muxline *);

/* Looks at the next bytes, at most muxline_room() of them. *take is how many belong to the line, its end
 * included. It ends with CR LF or LF. */
enum muxline_state muxline_add(struct muxline *, const char *bytes, size_t n, size_t *take);

#endif
