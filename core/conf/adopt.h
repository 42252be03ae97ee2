#ifndef CORE_CONF_ADOPT_H
#define CORE_CONF_ADOPT_H

#include "core/conf/stanza.h"

/* Reads the file of another super-server and adds its services to *stanzas; what the reader has to say
 * goes to the problems and notes of the configuration, which keeps the names of the files. `from` is
 * where the file was named, or nowhere. Returns 0, or -1 if it could not be read at all, which has been
 * told then. */
int adopt_foreign(struct config *, const struct config_source *, struct origin from, struct stanza **stanzas,
		  size_t *nstanzas);

#endif
