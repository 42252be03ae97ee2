#ifndef CORE_CONF_LOAD_H
#define CORE_CONF_LOAD_H

#include "core/conf/schema.h"

/* One set of configuration files as read. Immutable once loaded, and reference-counted. What runs has
 * copies of what it needs (service_conf_dup), so that one service that stays for long does not keep all
 * that was read with it. */
struct config {
	int references;
	struct strlist files; /* every file that was read; origins point into it */
	struct global_conf global;
	struct service_conf *services; /* in the order of the files; refused ones included */
	size_t nservices;
	struct problems problems;
	bool unreadable; /* the main file could not be read at all */
};

/* Never fails as a whole: what is wrong is in `problems`, and the services concerned are marked
 * as refused. The caller owns the one reference. */
struct config *config_load(const char *path);

struct config *config_ref(struct config *);
void config_unref(struct config *); /* accepts NULL */

/* The effective configuration, defaults folded in; reading it back gives the same text. */
void config_dump(const struct config *, struct text *);

#endif
