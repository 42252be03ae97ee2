#include "cmd/evinet/commands.h"

#include <stddef.h>

const struct evinet_command evinet_commands[] = {
	{ "check", "[FILE]", "list every problem of a configuration", evinet_check },
	{ NULL, NULL, NULL, NULL },
};
