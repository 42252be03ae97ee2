#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/common/version.h"
#include "cmd/evinet/commands.h"
#include "core/base/text.h"

static int
help(FILE *out)
{
	fprintf(out, "usage: evinet COMMAND [ARGUMENTS]\n\n");
	for (const struct evinet_command *c = evinet_commands; c->name; c++)
		fprintf(out, "  %-8s %-12s %s\n", c->name, c->operands, c->doc);
	fprintf(out, "\n  --version         print the version\n  --help            print this help\n\n"
		     "Manual: evinet(1).\n");
	return 0;
}

static int
unknown(const char *word)
{
	const char *names[16];
	const char *near;
	size_t n = 0;

	for (const struct evinet_command *c = evinet_commands; c->name; c++)
		names[n++] = c->name;
	names[n] = NULL;
	near = text_nearest(word, names);
	fprintf(stderr, "evinet: unknown command \"%s\"%s%s%s (see evinet --help)\n", word,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return help(stdout);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("evinet %s\n", EVINET_VERSION);
		return 0;
	}
	for (const struct evinet_command *c = evinet_commands; c->name; c++)
		if (strcmp(c->name, argv[1]) == 0)
			return c->run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
