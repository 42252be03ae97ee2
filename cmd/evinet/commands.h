#ifndef CMD_EVINET_COMMANDS_H
#define CMD_EVINET_COMMANDS_H

/* The sub-commands of evinet; one file each. */
struct evinet_command {
	const char *name;
	const char *operands;
	const char *doc;
	int (*run)(int argc, char **argv); /* argv[0] is the sub-command; returns the exit status */
};

extern const struct evinet_command evinet_commands[]; /* ends with a NULL name */

int evinet_check(int argc, char **argv);
int evinet_convert(int argc, char **argv);

#endif
