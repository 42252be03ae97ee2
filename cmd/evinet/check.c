#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/common/version.h"
#include "cmd/evinet/commands.h"
#include "core/service/daemon.h"
#include "handlers/handlers.h"

int
evinet_check(int argc, char **argv)
{
	struct config_source source = { .path = EVINET_DEFAULT_CONFIG };

	if (argc > 2 || (argc == 2 && argv[1][0] == '-' && argv[1][1])) {
		fprintf(stderr, "usage: evinet check [FILE]\n");
		return EX_USAGE;
	}
	if (argc == 2)
		source.path = argv[1];
	return daemon_check(&source, 1, handlers);
}
