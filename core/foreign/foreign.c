#include "core/foreign/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
foreign_file(struct foreign *f, const char *path)
{
	strlist_add(&f->files, path);
	return f->files.items[f->files.n - 1];
}

struct foreign_service *
foreign_add_service(struct foreign *f, const char *name, const char *file, int line)
{
	struct foreign_service *s;

	f->services = xrealloc(f->services, (f->nservices + 1) * sizeof(*f->services));
	s = &f->services[f->nservices++];
	*s = (struct foreign_service){ .name = xstrdup(name), .file = file, .line = line };
	return s;
}

void
foreign_row(struct foreign_service *s, const char *section, const char *key, const char *file, int line,
	    const struct strlist *values)
{
	struct foreign_row *r;

	s->rows = xrealloc(s->rows, (s->nrows + 1) * sizeof(*s->rows));
	r = &s->rows[s->nrows++];
	*r = (struct foreign_row){
		.section = section ? xstrdup(section) : NULL,
		.key = xstrdup(key),
		.file = file,
		.line = line,
	};
	strlist_copy(&r->values, values);
}

void
foreign_row1(struct foreign_service *s, const char *section, const char *key, const char *file, int line,
	     const char *value)
{
	struct strlist one = { 0 };

	strlist_add(&one, value);
	foreign_row(s, section, key, file, line, &one);
	strlist_clear(&one);
}

void
foreign_remark(struct foreign *f, enum foreign_kind kind, const char *file, int line, const char *service,
	       const char *key, const char *fmt, ...)
{
	struct foreign_remark *r;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort(); /* out of memory */
	va_end(ap);
	/* A file may have anything in it, and a remark is one line. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	f->remarks = xrealloc(f->remarks, (f->nremarks + 1) * sizeof(*f->remarks));
	r = &f->remarks[f->nremarks++];
	*r = (struct foreign_remark){
		.kind = kind,
		.file = file,
		.line = line,
		.service = service ? xstrdup(service) : NULL,
		.key = key ? xstrdup(key) : NULL,
		.text = text,
	};
}

static void
clear_service(struct foreign_service *s)
{
	for (size_t i = 0; i < s->nrows; i++) {
		free(s->rows[i].section);
		free(s->rows[i].key);
		strlist_clear(&s->rows[i].values);
	}
	free(s->rows);
	free(s->name);
}

void
foreign_clear(struct foreign *f)
{
	for (size_t i = 0; i < f->nservices; i++)
		clear_service(&f->services[i]);
	for (size_t i = 0; i < f->nremarks; i++) {
		free(f->remarks[i].service);
		free(f->remarks[i].key);
		free(f->remarks[i].text);
	}
	free(f->services);
	free(f->remarks);
	strlist_clear(&f->files);
	*f = (struct foreign){ 0 };
}
