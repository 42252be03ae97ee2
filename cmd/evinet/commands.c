#include "cmd/evinet/commands.h"

#include <stddef.h>

const struct evinet_command evinet_commands[] = {
	{ "check", "[FILE]", "list every problem of a configuration", evinet_check },
	{ "convert", "KIND FILE...", "print xinetd, inetd or systemd files as configuration",
	  evinet_convert },
	{ NULL, NULL, NULL, NULL },
};
