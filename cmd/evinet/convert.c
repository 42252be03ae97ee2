#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/common/sources.h"
#include "cmd/evinet/commands.h"
#include "core/base/text.h"
#include "core/conf/load.h"

static const char *const kind_names[] = { "xinetd", "inetd", "systemd", NULL };
static const enum config_kind kinds[] = { CONFIG_XINETD, CONFIG_INETD, CONFIG_SYSTEMD };

static int
usage(const char *word)
{
	const char *near = word ? text_nearest(word, kind_names) : NULL;

	if (word)
		fprintf(stderr, "evinet convert: \"%s\" is unknown%s%s%s\n", word,
			near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	fprintf(stderr, "usage: evinet convert xinetd|inetd|systemd FILE...\n");
	return EX_USAGE;
}

/* A comment of one line, whatever is in the text: what a foreign file says must not become a statement. */
static void
comment(struct text *out, const char *prefix, const struct problem *p)
{
	struct text t = { 0 };

	problem_format(p, &t);
	for (char *c = t.s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	text_printf(out, "# %s%s\n", prefix, t.s);
	text_clear(&t);
}

static const struct service_conf *
find_service(const struct config *c, const char *name)
{
	for (size_t i = 0; name && i < c->nservices; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return NULL;
}

/* The remarks about one service; with NULL, those that are about none of them. */
static void
remarks(struct text *out, const struct config *c, const struct problems *list, const char *prefix,
	const struct service_conf *about)
{
	for (size_t i = 0; i < list->n; i++)
		if (find_service(c, list->items[i].service) == about)
			comment(out, prefix, &list->items[i]);
}

static void
all_remarks(struct text *out, const struct config *c, const struct service_conf *about)
{
	remarks(out, c, &c->problems, "", about);
	remarks(out, c, &c->notes, "note: ", about);
}

static void
convert(const struct config *c, struct text *out)
{
	config_dump_global(c, out);
	all_remarks(out, c, NULL);
	for (size_t i = 0; i < c->nservices; i++) {
		const struct service_conf *sc = &c->services[i];

		if (out->len)
			text_puts(out, "\n");
		all_remarks(out, c, sc);
		if (sc->refused)
			text_printf(out, "# This service is refused: nothing of it is here.\n");
		config_dump_service(sc, out);
	}
}

static void
print_problems(const struct problems *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct text t = { 0 };

		problem_format(&list->items[i], &t);
		fprintf(stderr, "%s\n", t.s);
		text_clear(&t);
	}
}

static int
print(const struct text *t)
{
	if ((!t->len || fputs(t->s, stdout) != EOF) && fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "evinet convert: cannot write: %s\n", strerror(errno));
	return EX_OSERR;
}

int
evinet_convert(int argc, char **argv)
{
	struct sources sources = { 0 };
	struct text out = { 0 };
	struct config *c;
	int status, kind = 0;

	if (argc < 3)
		return usage(NULL);
	while (kind_names[kind] && strcmp(kind_names[kind], argv[1]) != 0)
		kind++;
	if (!kind_names[kind])
		return usage(argv[1]);
	for (int i = 2; i < argc; i++)
		sources_add(&sources, kinds[kind], argv[i]);
	c = config_load_sources(sources.items, sources.n);
	problems_sort(&c->problems);
	problems_sort(&c->notes);
	print_problems(&c->problems);
	if (!c->unreadable)
		convert(c, &out);
	status = print(&out);
	if (!status && c->problems.errors)
		status = EX_CONFIG;
	text_clear(&out);
	config_unref(c);
	sources_clear(&sources);
	return status;
}
