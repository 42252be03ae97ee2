#ifndef TEST_FUZZ_FOREIGN_H
#define TEST_FUZZ_FOREIGN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/schema.h"
#include "core/foreign/foreign.h"

/* What has to hold of everything that a reader of foreign files says. */

static inline int
lines_of(const uint8_t *data, size_t len)
{
	int lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	return lines;
}

static inline void
require(bool good, const char *what, const char *about)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, about ? about : "");
	abort();
}

static inline bool
is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static inline void
check_name(const struct foreign *f, size_t i)
{
	const char *name = f->services[i].name;

	require(*name && strlen(name) <= 64 && is_printable(name) && !strpbrk(name, " :\"\\="), "a bad name",
		name);
	for (size_t j = 0; j < i; j++)
		require(strcmp(f->services[j].name, name) != 0, "a name that another service has", name);
}

static inline void
check_row(const struct foreign_row *r, int lines)
{
	const struct option *o = service_rows;

	while (o->name && !option_is(o, r->section, r->key))
		o++;
	require(o->name, "a row that is none of ours", r->key);
	require(o->type == OPT_LIST || r->values.n == 1, "a row without its one value", r->key);
	require(r->file && r->line >= 1 && r->line <= lines, "a row without a true line", r->key);
}

static inline void
check_foreign(const struct foreign *f, int lines)
{
	bool error = false;

	for (size_t i = 0; i < f->nremarks; i++) {
		const struct foreign_remark *r = &f->remarks[i];

		require(r->file && r->line >= 0 && r->line <= lines, "a remark without a true line", r->text);
		require(is_printable(r->text), "a remark that is not on one line", r->text);
		error |= r->kind == FOREIGN_ERROR;
	}
	for (size_t i = 0; i < f->nservices; i++) {
		check_name(f, i);
		require(error || !f->services[i].refused, "a service that is refused without a word",
			f->services[i].name);
		for (size_t j = 0; j < f->services[i].nrows; j++)
			check_row(&f->services[i].rows[j], lines);
	}
}

#endif
