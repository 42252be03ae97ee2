#ifndef CORE_FOREIGN_SLURP_H
#define CORE_FOREIGN_SLURP_H

#include "core/base/error.h"
#include "core/base/text.h"

/* The whole of a text file, NUL-terminated. 0, or -1 with err: it cannot be read, is larger than
 * anybody writes by hand (8 MiB), or is no text because it holds a zero byte. */
int slurp(const char *path, struct text *out, struct error *);

/* Copies a message without what would break a line or a terminal: control characters become "?". */
char *one_line(const char *message);

#endif
