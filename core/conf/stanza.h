#ifndef CORE_CONF_STANZA_H
#define CORE_CONF_STANZA_H

#include "core/conf/load.h"

/* What the files say, before it meets the rows: between reading and assembling. */

/* A key as it was written, before its default is known. */
struct setting {
	char *section, *key; /* section: NULL outside of blocks */
	struct strlist values;
	int *lines;    /* one for each value */
	size_t placed; /* values whose lines are known */
	bool append;
	struct origin origin;
};

/* A block of the top level, or an entry of a foreign file. */
struct stanza {
	enum { STANZA_SERVICE, STANZA_DEFAULTS, STANZA_LOG } kind;
	char *title;
	struct origin origin;
	bool broken;
	bool yields; /* makes way for a service of the same name */
	struct setting *settings;
	size_t nsettings;
	struct stanza *listeners;
	size_t nlisteners;
};

/* Adds an empty setting. The pointer is good until the next is added. */
struct setting *stanza_add(struct stanza *, const char *section, const char *key, struct origin);

void stanza_clear(struct stanza *);

#endif
