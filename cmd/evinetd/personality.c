#include "cmd/evinetd/personality.h"

#include <stddef.h>
#include <string.h>

int (*personality_of(const char *argv0))(int argc, char **argv)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	if (name && strcmp(name, "xinetd") == 0)
		return xinetd_main;
	if (name && strcmp(name, "inetd") == 0)
		return inetd_main;
	return NULL;
}
