#ifndef CORE_FOREIGN_FOREIGN_H
#define CORE_FOREIGN_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/text.h"

/* What the configuration files of other super-servers say, in evinetd's own words: services with rows,
 * and remarks about what is wrong or could not be kept. The readers know nothing of how a
 * configuration is kept, checked or run. */

/* One `KEY = VALUES`, where it was written. The key is one of evinetd.conf(5); a section such as
 * "log" or "rlimit" is the block it stands in. */
struct foreign_row {
	char *section; /* or NULL */
	char *key;
	struct strlist values;
	const char *file; /* borrowed from foreign.files */
	int line;
};

struct foreign_service {
	char *name;
	const char *file; /* where its entry begins */
	int line;
	bool refused; /* an error remark says why; it must not run */
	struct foreign_row *rows;
	size_t nrows;
};

/* What a reader has to say. A `note` is not worth a warning: it becomes a comment of what is
 * converted. A warning's service runs all the same. */
enum foreign_kind { FOREIGN_ERROR, FOREIGN_WARNING, FOREIGN_NOTE };

struct foreign_remark {
	enum foreign_kind kind;
	const char *file;
	int line;      /* 0: the whole file */
	char *service; /* or NULL */
	char *key;     /* the foreign attribute or field, or NULL */
	char *text;
};

/* All zero is an empty one. */
struct foreign {
	struct strlist files; /* every file that was read, in that order */
	struct foreign_service *services;
	size_t nservices;
	struct foreign_remark *remarks;
	size_t nremarks;
	bool unreadable; /* the file that was named could not be read at all */
};

/* Reads a file, and those that it includes, and adds to *out. Never fails as a whole: what is wrong is a
 * remark, and the services concerned are marked as refused. */
void xinetd_read(const char *path, struct foreign *out);
void inetd_read(const char *path, struct foreign *out);
/* A NAME.socket; its service unit is looked for beside it, in /etc/systemd/system and in
 * /lib/systemd/system. */
void systemd_read(const char *path, struct foreign *out);

void foreign_clear(struct foreign *);

/* --- for the readers --- */

/* Keeps a file's name for as long as *out. */
const char *foreign_file(struct foreign *, const char *path);

/* The pointer is good until the next service is added. */
struct foreign_service *foreign_add_service(struct foreign *, const char *name, const char *file, int line);

/* A row; values are copied. */
void foreign_row(struct foreign_service *, const char *section, const char *key, const char *file, int line,
		 const struct strlist *values);
/* A row with one value. */
void foreign_row1(struct foreign_service *, const char *section, const char *key, const char *file, int line,
		  const char *value);

void foreign_remark(struct foreign *, enum foreign_kind, const char *file, int line, const char *service,
		    const char *key, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
