#ifndef CORE_SERVICE_BANNER_H
#define CORE_SERVICE_BANNER_H

#include <sys/stat.h>

#include "core/base/error.h"
#include "core/net/deliver.h"

/* A file that clients are sent. It is read when it is first asked for, and again after it has changed. */
struct banner {
	const char *path; /* borrowed; NULL: there is none */
	struct letter *letter;
	struct stat seen;
};

enum { BANNER_MAX = 65536 };

/* The text as it is now, which stays the banner's; NULL if there is nothing to send. Then err->text says why,
 * or is empty if that is as it should be. EFBIG: more than BANNER_MAX bytes. */
struct letter *banner_text(struct banner *, struct error *err);

void banner_clear(struct banner *);

#endif
