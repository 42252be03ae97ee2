/* Prints what the manuals list from the rows that the programs use: a row that is not in the manual
 * cannot exist. What it prints for each argument:
 *
 *	service:GROUP  the service keys of a group, as an mdoc list
 *	listener       the keys of a listener block
 *	global         the keys of the log block of the top level
 *	handlers       the handlers
 *	evinetd        the options of evinetd
 *	xinetd, inetd  those that it takes under these names
 *	config         the path of the default configuration file, as a list item
 *	dump           the path that the state is written to, likewise
 *	groups         the names of the groups, one a line
 *	names          every key, one a line, as "service instances" or "listener host" */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/common/version.h"
#include "cmd/evinetd/options.h"
#include "core/conf/schema.h"
#include "core/service/daemon.h"
#include "handlers/handlers.h"

/* Each sentence begins a line of its own, as mdoc wants it, and with a capital. */
static void
print_sentences(const char *doc)
{
	const char *end;

	putchar(toupper((unsigned char)*doc));
	for (doc += *doc != '\0'; (end = strstr(doc, ". ")); doc = end + 2)
		printf("%.*s.\n", (int)(end - doc), doc);
	printf("%s\n", doc);
}

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
	printf("One of\n");
	for (int i = 0; o->words[i]; i++)
		printf(".Cm %s %s\n", o->words[i], o->words[i + 1] ? "," : ".");
}

static bool
is_in_group(const struct option *o, const char *group, bool before)
{
	return !group || (o->group ? strcmp(o->group, group) == 0 : before);
}

static void
print_rows(const struct option *rows, const char *group)
{
	bool in_group = false;

	printf(".Bl -tag -width Ds\n");
	for (const struct option *o = rows; o->name; o++) {
		in_group = is_in_group(o, group, in_group);
		if (!in_group)
			continue;
		if (o->section && rows == service_rows)
			printf(".It Ic %s No { Ic %s No = Ar %s No }\n", o->section, o->name,
			       option_type_name(o));
		else
			printf(".It Ic %s No = Ar %s\n", o->name, option_type_name(o));
		print_sentences(o->doc);
		if (o->words)
			print_words(o);
		print_range(o);
		if (o->def)
			printf("Default:\n.Cm %s .\n", o->def);
		if (rows == service_rows && !(o->flags & OPTION_DEFAULTS))
			printf("Not in\n.Ic defaults .\n");
	}
	printf(".El\n");
}

static void
print_handlers(void)
{
	printf(".Bl -tag -width discard\n");
	for (const struct handler *const *h = handlers; *h; h++) {
		printf(".It Cm %s\n", (*h)->name);
		printf("%c%s.\n", toupper((unsigned char)*(*h)->doc), (*h)->doc + 1);
	}
	printf(".El\n");
}

static void
print_groups(void)
{
	for (const struct option *o = service_rows; o->name; o++)
		if (o->group)
			printf("%s\n", o->group);
}

static void
print_names(const char *table, const struct option *rows)
{
	for (const struct option *o = rows; o->name; o++)
		printf("%s %s%s%s\n", table, o->section ? o->section : "", o->section ? " " : "", o->name);
}

int
main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strncmp(what, "service:", 8) == 0) {
		print_rows(service_rows, what + 8);
	} else if (strcmp(what, "listener") == 0) {
		print_rows(listener_rows, NULL);
	} else if (strcmp(what, "global") == 0) {
		print_rows(global_rows, NULL);
	} else if (strcmp(what, "handlers") == 0) {
		print_handlers();
	} else if (strcmp(what, "evinetd") == 0) {
		cmdline_mdoc(evinetd_options, stdout);
	} else if (strcmp(what, "xinetd") == 0) {
		cmdline_mdoc_xinetd(xinetd_options, stdout);
	} else if (strcmp(what, "inetd") == 0) {
		cmdline_mdoc(inetd_options, stdout);
	} else if (strcmp(what, "config") == 0) {
		printf(".It Pa %s\n", EVINET_DEFAULT_CONFIG);
	} else if (strcmp(what, "dump") == 0) {
		printf(".It Pa %s\n", DAEMON_DUMP_FILE);
	} else if (strcmp(what, "groups") == 0) {
		print_groups();
	} else if (strcmp(what, "names") == 0) {
		print_names("service", service_rows);
		print_names("listener", listener_rows);
		print_names("global", global_rows);
	} else {
		fprintf(stderr, "mankeys: nothing is known about \"%s\"\n", what);
		return 64;
	}
	return 0;
}
