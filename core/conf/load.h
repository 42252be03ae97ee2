#ifndef CORE_CONF_LOAD_H
#define CORE_CONF_LOAD_H

#include "core/conf/schema.h"

/* The kinds of files that a configuration is made of. Each but the first is another super-server's. */
enum config_kind { CONFIG_NATIVE, CONFIG_XINETD, CONFIG_INETD, CONFIG_SYSTEMD };

/* What a command line says about all services of a foreign file. */
struct config_default {
	const char *section, *key, *value; /* section: NULL outside of blocks */
};

/* A file to read. Only `kind` and `path` mean something for a native one. */
struct config_source {
	enum config_kind kind;
	const char *path;
	bool yields; /* a service that is there already hides one of its own, and that is no problem */
	const char *address; /* where those services listen that name no host; NULL: on every address */
	bool tcp_wrappers;   /* its programs on TCP are under tcp_wrappers, each with its own name */
	const struct config_default *defaults; /* ends with a NULL key; what the file says wins; or NULL */
};

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
	struct problems notes; /* what was left out of foreign files, and is worth no warning */
	bool unreadable;       /* a source could not be read at all */
};

/* Never fails as a whole: what is wrong is in `problems`, and the services concerned are marked
 * as refused. The caller owns the one reference. */
struct config *config_load_sources(const struct config_source *, size_t n);

/* The same with one native file. */
struct config *config_load(const char *path);

struct config *config_ref(struct config *);
void config_unref(struct config *); /* accepts NULL */

/* The effective configuration, defaults folded in; reading it back gives the same text. */
void config_dump(const struct config *, struct text *);

/* Its parts: what is not a service's, and one service (nothing about one that is refused). */
void config_dump_global(const struct config *, struct text *);
void config_dump_service(const struct service_conf *, struct text *);

#endif
