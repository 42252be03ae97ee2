#include "handlers/handlers.h"

#include <stddef.h>

const struct handler *const handlers[] = {
	&handler_exec,    &handler_redirect, &handler_echo,   &handler_discard, &handler_chargen,
	&handler_daytime, &handler_time,     &handler_tcpmux, &handler_sensor,  NULL,
};
