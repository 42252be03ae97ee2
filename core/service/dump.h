#ifndef CORE_SERVICE_DUMP_H
#define CORE_SERVICE_DUMP_H

#include "core/base/text.h"

struct registry;

/* Adds the state of the daemon as text, for people: every service with its state, addresses, counters and
 * configuration, and every session. Values of environment variables are left out, because they may be
 * secrets. Nothing is looked up. */
void dump_state(const struct registry *, struct text *);

#endif
