#ifndef CMD_COMMON_SOURCES_H
#define CMD_COMMON_SOURCES_H

#include "core/conf/load.h"

/* The files that a command line names. All zero is none; what the entries point at is borrowed. */
struct sources {
	struct config_source *items;
	size_t n;
};

/* The entry is good until the next is added. */
struct config_source *sources_add(struct sources *, enum config_kind, const char *path);
void sources_clear(struct sources *);

#endif
