#include "cmd/common/cmdline.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

enum { OPTIONS_MAX = 64, LONG_BASE = 256 };

static size_t
count(const struct cmdline_option *rows)
{
	size_t n = 0;

	while (n < OPTIONS_MAX && rows[n].name)
		n++;
	return n;
}

static bool
is_optional(const struct cmdline_option *row)
{
	return row->arg && row->arg[0] == '[';
}

static const struct cmdline_option *
by_letter(const struct cmdline_option *rows, int letter)
{
	for (; rows->name; rows++)
		if (rows->letter == letter)
			return rows;
	return NULL;
}

static void
complain(const char *program, const struct cmdline_option *rows, const char *word, int letter, bool missing)
{
	const char *names[OPTIONS_MAX + 1];
	const char *near = NULL;
	size_t n = count(rows);

	if (missing) {
		fprintf(stderr, "%s: option %s needs an argument (see %s --help)\n", program, word, program);
		return;
	}
	for (size_t i = 0; i < n; i++)
		names[i] = rows[i].name;
	names[n] = NULL;
	if (strncmp(word, "--", 2) == 0) {
		char *name = xasprintf("%.*s", (int)strcspn(word + 2, "="), word + 2);

		near = text_nearest(name, names);
		free(name);
		fprintf(stderr, "%s: unknown option %s%s%s%s (see %s --help)\n", program, word,
			near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", program);
	} else {
		fprintf(stderr, "%s: unknown option -%c (see %s --help)\n", program, letter, program);
	}
}

int
cmdline_parse(const char *program, const struct cmdline_option *rows, int argc, char **argv, cmdline_set set,
	      void *to, int *first)
{
	struct option longs[OPTIONS_MAX + 1] = { 0 };
	char shorts[3 * OPTIONS_MAX + 3] = "+:";
	size_t n = count(rows), len = 2;
	int c;

	for (size_t i = 0; i < n; i++) {
		int arg = is_optional(&rows[i]) ? optional_argument
			  : rows[i].arg         ? required_argument
						: no_argument;

		longs[i] = (struct option){ rows[i].name, arg, NULL, (int)(LONG_BASE + i) };
		if (!rows[i].letter)
			continue;
		shorts[len++] = rows[i].letter;
		if (rows[i].arg)
			shorts[len++] = ':';
		if (is_optional(&rows[i]))
			shorts[len++] = ':';
	}
	shorts[len] = '\0';
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct cmdline_option *row = c >= LONG_BASE ? &rows[c - LONG_BASE] : by_letter(rows, c);

		if (c == '?' || c == ':' || !row) {
			complain(program, rows, argv[optind - 1], optopt, c == ':');
			return -1;
		}
		if (set(to, row, optarg) < 0)
			return -1;
	}
	*first = optind;
	return 0;
}

/* NULL if there is none. */
static const struct cmdline_option *
by_name(const struct cmdline_option *rows, const char *name)
{
	for (; rows->name; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

static void
complain_xinetd(const char *program, const struct cmdline_option *rows, const char *name)
{
	const char *names[OPTIONS_MAX + 1];
	const char *near;
	size_t n = count(rows);

	for (size_t i = 0; i < n; i++)
		names[i] = rows[i].name;
	names[n] = NULL;
	near = text_nearest(name, names);
	fprintf(stderr, "%s: unknown option -%s%s%s%s (see %s -help)\n", program, name,
		near ? "; did you mean -" : "", near ? near : "", near ? "?" : "", program);
}

int
cmdline_parse_xinetd(const char *program, const struct cmdline_option *rows, int argc, char **argv,
		     cmdline_set set, void *to, int *first)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
		const struct cmdline_option *row = by_name(rows, name);

		if (!row) {
			complain_xinetd(program, rows, name);
			return -1;
		}
		if (row->arg && i + 1 == argc) {
			fprintf(stderr, "%s: option -%s needs an argument (see %s -help)\n", program, name,
				program);
			return -1;
		}
		i += row->arg != NULL;
		if (set(to, row, row->arg ? argv[i] : NULL) < 0)
			return -1;
	}
	*first = i;
	return 0;
}

void
cmdline_help(const struct cmdline_option *rows, FILE *out)
{
	for (; rows->name; rows++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s %s", rows->letter ? '-' : ' ',
			 rows->letter ? rows->letter : ' ', rows->letter ? "," : " ", rows->name,
			 rows->arg ? rows->arg : "");
		fprintf(out, "  %-26s %s\n", left, rows->doc);
	}
}

void
cmdline_help_xinetd(const struct cmdline_option *rows, FILE *out)
{
	for (; rows->name; rows++) {
		char left[64];

		snprintf(left, sizeof(left), "-%s %s", rows->name, rows->arg ? rows->arg : "");
		fprintf(out, "  %-26s %s\n", left, rows->doc);
	}
}

/* A sentence: a capital in front, a full stop behind. */
static void
print_doc(const struct cmdline_option *row, FILE *out)
{
	fprintf(out, "\n%c%s.\n", toupper((unsigned char)row->doc[0]), row->doc + 1);
}

/* An argument that may be missing stands right behind the option. */
static void
print_arg(const struct cmdline_option *row, FILE *out)
{
	if (is_optional(row))
		fprintf(out, " Ns Op Ar %.*s", (int)strcspn(row->arg + 1, "]"), row->arg + 1);
	else if (row->arg)
		fprintf(out, " Ar %s", row->arg);
}

void
cmdline_mdoc(const struct cmdline_option *rows, FILE *out)
{
	fprintf(out, ".Bl -tag -width Ds\n");
	for (; rows->name; rows++) {
		fprintf(out, ".It ");
		if (rows->letter)
			fprintf(out, "Fl %c , ", rows->letter);
		fprintf(out, "Fl -%s", rows->name);
		print_arg(rows, out);
		print_doc(rows, out);
	}
	fprintf(out, ".El\n");
}

void
cmdline_mdoc_xinetd(const struct cmdline_option *rows, FILE *out)
{
	fprintf(out, ".Bl -tag -width Ds\n");
	for (; rows->name; rows++) {
		fprintf(out, ".It Fl %s", rows->name);
		print_arg(rows, out);
		print_doc(rows, out);
	}
	fprintf(out, ".El\n");
}
