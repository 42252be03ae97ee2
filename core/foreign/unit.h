#ifndef CORE_FOREIGN_UNIT_H
#define CORE_FOREIGN_UNIT_H

#include "core/foreign/foreign.h"

/* The syntax of systemd's unit files, and of the values that stand in them. */

struct unit_setting {
	char *section, *key, *value;
	const char *file; /* borrowed from foreign.files */
	int line;
};

/* A unit with its drop-ins, in the order that counts: later settings win. */
struct unit {
	struct unit_setting *settings;
	size_t n;
	char *name; /* "git.socket", "git@.service" */
	const char *file;
};

/* Reads a unit file and its drop-ins, which are looked for in `folders`. 0, or -1 after an error
 * remark: the file cannot be read. What is wrong in a line is a warning, as it is for systemd. */
int unit_read(struct foreign *, const char *path, const struct strlist *folders, struct unit *);
void unit_clear(struct unit *);

/* The setting of a key that counts, or NULL: where the last one is empty, there is none. */
const struct unit_setting *unit_get(const struct unit *, const char *section, const char *key);

/* The next setting of a key that may be given several times, NULL to begin with. An empty one has
 * undone what stood before it. */
const struct unit_setting *unit_next(const struct unit *, const char *section, const char *key,
				     const struct unit_setting *after);

/* --- values; each returns 0, or -1 with err --- */

/* Words with quotes and backslashes. */
int unit_words(const char *value, struct strlist *, struct error *);
int unit_bool(const char *value, bool *, struct error *);
/* A time span such as "5min 20s"; a bare number counts `bare_ms` milliseconds. -1 is "infinity". */
int unit_span(const char *value, int64_t bare_ms, int64_t *ms, struct error *);

#endif
