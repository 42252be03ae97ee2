#ifndef CMD_COMMON_CMDLINE_H
#define CMD_COMMON_CMDLINE_H

#include <stdbool.h>
#include <stdio.h>

/* Command lines from rows: one row is an option's name, letter, argument and help, and the manual
 * prints the same rows. */

struct cmdline_option {
	const char *name; /* without the dashes; NULL ends a table */
	char letter;      /* 0: none */
	const char *arg;  /* the word for its argument, in [ ] if it may be missing; NULL if it takes none */
	const char *doc;
};

/* Keeps one option. Returns 0, or -1 after printing what is wrong. */
typedef int (*cmdline_set)(void *to, const struct cmdline_option *, const char *value);

/* Reads the options; *first is the index of the first operand. 0, or -1 after one line on standard
 * error that says what is wrong and what might have been meant. */
int cmdline_parse(const char *program, const struct cmdline_option *, int argc, char **argv, cmdline_set,
		  void *to, int *first);

/* The same for command lines as xinetd has them: long names behind a single dash, no letters, and the
 * argument is always the next word. */
int cmdline_parse_xinetd(const char *program, const struct cmdline_option *, int argc, char **argv,
			 cmdline_set set, void *to, int *first);

/* One line an option. */
void cmdline_help(const struct cmdline_option *, FILE *);

/* The same as an mdoc list, for the manual. */
void cmdline_mdoc(const struct cmdline_option *, FILE *);

/* Both for names behind a single dash. */
void cmdline_help_xinetd(const struct cmdline_option *, FILE *);
void cmdline_mdoc_xinetd(const struct cmdline_option *, FILE *);

#endif
