/* Prints what the manuals list from the rows that the programs use: a row that is not in the manual
 * cannot exist. Usage: mankeys service|listener|global|handlers|evinetd */
#include <stdio.h>
#include <string.h>

#include "cmd/evinetd/options.h"
#include "core/conf/schema.h"
#include "handlers/handlers.h"

static void
print_range(const struct option *o)
{
	char low[32], high[32];
	int64_t scale = o->type == OPT_DURATION && o->width == sizeof(int) ? 1000 : 1;

	if (o->max == 0 || o->type == OPT_OCTAL)
		return;
	if (o->type == OPT_DURATION) {
		format_duration_ms(o->min * scale, low, sizeof(low));
		format_duration_ms(o->max * scale, high, sizeof(high));
	} else {
		snprintf(low, sizeof(low), "%lld", (long long)o->min);
		snprintf(high, sizeof(high), "%lld", (long long)o->max);
	}
	printf("From %s to %s%s%s.\n", low, high, o->unit ? " " : "", o->unit ? o->unit : "");
}

static void
print_words(const struct option *o)
{
	printf("One of");
	for (int i = 0; o->words[i]; i++)
		printf("%s %s", i ? "," : "", o->words[i]);
	printf(".\n");
}

static void
print_rows(const struct option *rows, const char *group)
{
	bool in_group = !group;

	printf(".Bl -tag -width Ds\n");
	for (const struct option *o = rows; o->name; o++) {
		if (group && o->group)
			in_group = strcmp(o->group, group) == 0;
		if (!in_group)
			continue;
		if (o->section && rows == service_rows)
			printf(".It Ic %s Brq Ic %s Ns Cm =\\& Ar %s\n", o->section, o->name, option_type_name(o));
		else
			printf(".It Ic %s Cm = Ar %s\n", o->name, option_type_name(o));
		printf("%s\n", o->doc);
		if (o->words)
			print_words(o);
		print_range(o);
		if (o->def)
			printf("Default: %s.\n", o->def);
		if (rows == service_rows && !(o->flags & OPTION_DEFAULTS))
			printf("Not in\n.Ic defaults .\n");
	}
	printf(".El\n");
}

static void
print_handlers(void)
{
	printf(".Bl -tag -width discard\n");
	for (const struct handler *const *h = handlers; *h; h++)
		printf(".It Cm %s\n%s.\n", (*h)->name, (*h)->doc);
	printf(".El\n");
}

int
main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strncmp(what, "service:", 8) == 0)
		print_rows(service_rows, what + 8);
	else if (strcmp(what, "listener") == 0)
		print_rows(listener_rows, NULL);
	else if (strcmp(what, "global") == 0)
		print_rows(global_rows, NULL);
	else if (strcmp(what, "handlers") == 0)
		print_handlers();
	else if (strcmp(what, "evinetd") == 0)
		cmdline_mdoc(evinetd_options, stdout);
	else
		return 64;
	return 0;
}
