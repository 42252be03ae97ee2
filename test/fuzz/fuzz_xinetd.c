/* An xinetd.conf: whatever is in it, every remark has a line and a text, every name is good and unique,
 * a service that is refused has been told why, and each row of one that runs is one that evinetd takes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/conf/schema.h"
#include "core/foreign/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char input[64]; /* the path of the file */
static bool reading;

/* An include finds nothing but the file itself: those of this machine are no part of the input. */
int
open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (reading && strcmp(path, input) != 0)
		path = "/nowhere";
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
scandir(const char *dir, struct dirent ***names, int (*filter)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	(void)dir;
	(void)filter;
	(void)compare;
	*names = NULL;
	return -1;
}

static void __attribute__((format(printf, 1, 2), noreturn)) wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

static void
check_remarks(const struct foreign *f, int lines)
{
	for (size_t i = 0; i < f->nremarks; i++) {
		const struct foreign_remark *r = &f->remarks[i];

		if (!r->file || r->line < 0 || r->line > lines || !r->text[0])
			wrong("no true line in: %s", r->text);
		for (const char *c = r->text; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				wrong("not one plain line: %s", r->text);
	}
}

static bool
has_error(const struct foreign *f, const char *service)
{
	for (size_t i = 0; i < f->nremarks; i++)
		if (f->remarks[i].kind == FOREIGN_ERROR && f->remarks[i].service &&
		    strcmp(f->remarks[i].service, service) == 0)
			return true;
	return false;
}

/* What only the log knows. */
static bool
is_of_log(const struct foreign_row *r)
{
	return r->section && strcmp(r->section, "log") == 0 &&
	       (strcmp(r->key, "target") == 0 || strcmp(r->key, "format") == 0);
}

static void
check_row(const struct foreign_row *r)
{
	const struct option *o = option_find(service_rows, r->section, r->key);
	struct service_conf conf = { 0 };
	struct error err = { 0 };
	size_t bad;

	if (!o || (o->type != OPT_LIST && r->values.n != 1))
		wrong("no such row: %s, or too many values", r->key);
	if (option_set(o, &conf, r->values.items, r->values.n, false, &bad, &err) < 0 && !is_of_log(r))
		wrong("%s: %s: %s", r->key, r->values.items[bad], err.text);
	options_clear(service_rows, &conf);
}

static void
check_service(const struct foreign *f, size_t i)
{
	const struct foreign_service *s = &f->services[i];

	if (!*s->name || strlen(s->name) > 64)
		wrong("no good name: %s", s->name);
	for (const char *c = s->name; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr(":\"\\=", *c))
			wrong("no good name: %s", s->name);
	for (size_t j = 0; j < i; j++)
		if (strcmp(f->services[j].name, s->name) == 0)
			wrong("two services are called %s", s->name);
	if (s->refused != has_error(f, s->name))
		wrong("%s is refused without a reason, or runs in spite of one", s->name);
	for (size_t j = 0; !s->refused && j < s->nrows; j++) {
		check_row(&s->rows[j]);
		for (size_t k = 0; k < j; k++)
			if (strcmp(s->rows[j].key, s->rows[k].key) == 0 &&
			    s->rows[j].section == s->rows[k].section)
				wrong("%s has two rows %s", s->name, s->rows[j].key);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd = memfd_create("xinetd", MFD_CLOEXEC), lines = 1;
	struct foreign f = { 0 };

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	snprintf(input, sizeof(input), "/proc/self/fd/%d", fd);
	reading = true;
	xinetd_read(input, &f);
	reading = false;
	close(fd);
	check_remarks(&f, lines);
	for (size_t i = 0; i < f.nservices; i++)
		check_service(&f, i);
	foreign_clear(&f);
	return 0;
}
