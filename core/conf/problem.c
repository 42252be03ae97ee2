#include "core/conf/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct problems *, bool warning, struct origin, const char *service, const char *key,
		const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));

static void
add(struct problems *l, bool warning, struct origin o, const char *service, const char *key, const char *fmt,
    va_list ap)
{
	struct problem *p;
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	l->items = xrealloc(l->items, (l->n + 1) * sizeof(*l->items));
	p = &l->items[l->n++];
	l->errors += !warning;
	*p = (struct problem){
		.file = o.file ? xstrdup(o.file) : NULL,
		.line = o.line,
		.service = service ? xstrdup(service) : NULL,
		.key = key ? xstrdup(key) : NULL,
		.text = xstrdup(text),
		.warning = warning,
	};
}

void
problem_add(struct problems *l, struct origin o, const char *service, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, false, o, service, key, fmt, ap);
	va_end(ap);
}

void
problem_warn(struct problems *l, struct origin o, const char *service, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, true, o, service, key, fmt, ap);
	va_end(ap);
}

/* An insertion sort: stable, and the lists are short and nearly sorted. */
void
problems_sort(struct problems *l)
{
	for (size_t i = 1; i < l->n; i++) {
		struct problem p = l->items[i];
		size_t j = i;

		while (j > 0 && p.file && l->items[j - 1].file && strcmp(l->items[j - 1].file, p.file) == 0 &&
		       l->items[j - 1].line > p.line) {
			l->items[j] = l->items[j - 1];
			j--;
		}
		l->items[j] = p;
	}
}

void
problems_clear(struct problems *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].file);
		free(l->items[i].service);
		free(l->items[i].key);
		free(l->items[i].text);
	}
	free(l->items);
	*l = (struct problems){ 0 };
}

void
problem_format(const struct problem *p, struct text *t)
{
	if (p->file && p->line)
		text_printf(t, "%s:%d: ", p->file, p->line);
	else if (p->file)
		text_printf(t, "%s: ", p->file);
	if (p->warning)
		text_puts(t, "warning: ");
	if (p->service)
		text_printf(t, "service \"%s\": ", p->service);
	if (p->key)
		text_printf(t, "%s: ", p->key);
	text_puts(t, p->text);
}
