#ifndef TEST_UNIT_FOREIGN_H
#define TEST_UNIT_FOREIGN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/conf/load.h"
#include "core/foreign/foreign.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

/* What the tests of readers of foreign files share: files in a folder of their own, and short texts
 * for what a reader said. */

static char dir[] = "/tmp/evinet-foreign.XXXXXX";
static struct foreign read_out;

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
file(const char *name, const char *text)
{
	char *path = path_of(name);
	struct error err;

	if (fd_replace_file(path, 0644, text, strlen(text), &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	free(path);
}

static const struct foreign_service *
service(const char *name)
{
	for (size_t i = 0; i < read_out.nservices; i++)
		if (strcmp(read_out.services[i].name, name) == 0)
			return &read_out.services[i];
	return NULL;
}

static void
forget_files(void)
{
	char *command = xasprintf("rm -rf '%s'", dir);

	foreign_clear(&read_out);
	if (system(command) != 0)
		puts("# the folder of the test is still there");
	free(command);
}

/* The values of a row, with "|" between them; "-" if there is none. Good until the next call. */
static const char *
row(const char *name, const char *key)
{
	static struct text t;
	const struct foreign_service *s = service(name);

	text_clear(&t);
	for (size_t i = 0; s && i < s->nrows; i++) {
		const struct foreign_row *r = &s->rows[i];
		char *full = r->section ? xasprintf("%s.%s", r->section, r->key) : xstrdup(r->key);

		if (strcmp(full, key) == 0) {
			text_puts(&t, "");
			for (size_t j = 0; j < r->values.n; j++)
				text_printf(&t, "%s%s", j ? "|" : "", r->values.items[j]);
		}
		free(full);
	}
	return t.s ? t.s : "-";
}

/* Whether a remark has all of this. */
static bool
said(enum foreign_kind kind, int line, const char *part)
{
	for (size_t i = 0; i < read_out.nremarks; i++) {
		const struct foreign_remark *r = &read_out.remarks[i];
		char *all =
			xasprintf("%s: %s: %s", r->service ? r->service : "", r->key ? r->key : "", r->text);
		bool found = r->kind == kind && (!line || r->line == line) && strstr(all, part);

		free(all);
		if (found)
			return true;
	}
	return false;
}

static size_t
remarks(enum foreign_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < read_out.nremarks; i++)
		n += read_out.remarks[i].kind == kind;
	return n;
}

static bool
is_list(const struct foreign_row *r)
{
	for (const struct option *o = service_rows; o->name; o++)
		if (option_is(o, r->section, r->key))
			return o->type == OPT_LIST;
	return false;
}

static void
put_quoted(struct text *t, const char *s)
{
	text_puts(t, "\"");
	for (; *s; s++)
		text_printf(t, "%s%c", strchr("\"\\", *s) ? "\\" : "", *s);
	text_puts(t, "\"");
}

static bool
same_section(const struct foreign_row *a, const struct foreign_row *b)
{
	return a && b && a->section && b->section && strcmp(a->section, b->section) == 0;
}

/* Rows of a section stand in one block. */
static void
put_row(struct text *t, const struct foreign_row *before, const struct foreign_row *r,
	const struct foreign_row *after)
{
	if (r->section && !same_section(before, r))
		text_printf(t, "%s {\n", r->section);
	text_printf(t, "%s = %s", r->key, is_list(r) ? "{ " : "");
	for (size_t i = 0; i < r->values.n; i++) {
		text_puts(t, i ? ", " : "");
		put_quoted(t, r->values.items[i]);
	}
	text_puts(t, is_list(r) ? " }\n" : "\n");
	if (r->section && !same_section(r, after))
		text_puts(t, "}\n");
}

/* Whether all services that were not refused are a configuration without a problem; tells those that
 * there are. */
static bool
loads(void)
{
	struct text t = { 0 };
	struct config *c;
	char *path = path_of("evinetd.conf");
	bool good;

	text_puts(&t, "");
	for (size_t i = 0; i < read_out.nservices; i++) {
		const struct foreign_service *s = &read_out.services[i];

		if (s->refused)
			continue;
		text_printf(&t, "service \"%s\" {\n", s->name);
		for (size_t j = 0; j < s->nrows; j++)
			put_row(&t, j ? &s->rows[j - 1] : NULL, &s->rows[j],
				j + 1 < s->nrows ? &s->rows[j + 1] : NULL);
		text_puts(&t, "}\n");
	}
	file("evinetd.conf", t.s);
	c = config_load(path);
	good = c->problems.n == 0;
	for (size_t i = 0; i < c->problems.n; i++)
		printf("# %s: %s: %s\n", c->problems.items[i].service, c->problems.items[i].key,
		       c->problems.items[i].text);
	config_unref(c);
	text_clear(&t);
	free(path);
	return good;
}

static bool
is_refused(const char *name)
{
	const struct foreign_service *s = service(name);

	return s && s->refused;
}

#endif
