#ifndef HANDLERS_HANDLERS_H
#define HANDLERS_HANDLERS_H

#include "core/service/handler.h"

/* All handlers there are, for the registry. NULL-terminated. */
extern const struct handler *const handlers[];

extern const struct handler handler_exec;
extern const struct handler handler_echo;
extern const struct handler handler_discard;
extern const struct handler handler_chargen;
extern const struct handler handler_daytime;
extern const struct handler handler_time;
extern const struct handler handler_redirect;
extern const struct handler handler_sensor;
extern const struct handler handler_tcpmux;

/* What exec becomes with `warm`. */
extern const struct handler handler_warm;

#endif
