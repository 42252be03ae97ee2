#include "core/conf/adopt.h"

#include <stdlib.h>
#include <string.h>

#include "core/foreign/foreign.h"
#include "core/sys/addr.h"

/* Origins point at the names of the files, and these stay where they are in memory. */
static void
keep_files(struct config *c, struct foreign *f)
{
	strlist_move(&c->files, &f->files);
}

static void
tell(struct config *c, const struct foreign_remark *r)
{
	struct origin origin = { r->file, r->line };

	switch (r->kind) {
	case FOREIGN_ERROR:
		problem_add(&c->problems, origin, r->service, r->key, "%s", r->text);
		break;
	case FOREIGN_WARNING:
		problem_warn(&c->problems, origin, r->service, r->key, "%s", r->text);
		break;
	case FOREIGN_NOTE:
		problem_add(&c->notes, origin, r->service, r->key, "%s", r->text);
	}
}

/* A listening address with the host that it lacks, or as it is. */
static char *
with_host(const char *text, const char *host)
{
	static const char *const kinds[] = { "tcp:", "tcp4:", "tcp6:", "udp:", "udp4:", "udp6:", NULL };
	bool bare = strchr(host, ':') && host[0] != '[';
	struct addr_spec spec;
	size_t len = 0;

	if (addr_spec_parse(text, &spec, NULL) < 0 || spec.kind != ADDR_INET || *spec.host)
		return xstrdup(text);
	for (const char *const *k = kinds; *k && !len; k++)
		len = strncmp(text, *k, strlen(*k)) == 0 ? strlen(*k) : 0;
	return xasprintf("%.*s%s%s%s:%s", (int)len, text, bare ? "[" : "", host, bare ? "]" : "", spec.port);
}

static void
add_value(struct setting *t, const char *value, int line)
{
	strlist_add(&t->values, value);
	t->lines = xrealloc(t->lines, t->values.n * sizeof(*t->lines));
	t->lines[t->placed++] = line;
}

static void
adopt_row(struct stanza *s, const struct foreign_row *r, const char *host)
{
	struct setting *t = stanza_add(s, r->section, r->key, (struct origin){ r->file, r->line });
	bool listens = host && !r->section && strcmp(r->key, "listen") == 0;

	for (size_t i = 0; i < r->values.n; i++) {
		char *value = listens ? with_host(r->values.items[i], host) : xstrdup(r->values.items[i]);

		add_value(t, value, r->line);
		free(value);
	}
}

static const struct foreign_row *
find_row(const struct foreign_service *s, const char *key)
{
	for (size_t i = 0; i < s->nrows; i++)
		if (!s->rows[i].section && strcmp(s->rows[i].key, key) == 0 && s->rows[i].values.n)
			return &s->rows[i];
	return NULL;
}

/* What hosts.allow calls it: argv[0], or else the program. */
static const char *
wrapped_name(const struct foreign_service *s)
{
	const struct foreign_row *argv0 = find_row(s, "argv0"), *exec = find_row(s, "exec");
	const char *name = argv0 ? argv0->values.items[0] : exec ? exec->values.items[0] : s->name;
	const char *slash = strrchr(name, '/');

	return slash && slash[1] ? slash + 1 : name;
}

/* A client of a `wait` service meets the program first, and a datagram has no connection. */
static bool
can_be_wrapped(const struct foreign_service *s)
{
	const struct foreign_row *listen = find_row(s, "listen"), *wait = find_row(s, "wait");
	struct addr_spec spec;

	if (!listen || (wait && strcmp(wait->values.items[0], "true") == 0))
		return false;
	return addr_spec_parse(listen->values.items[0], &spec, NULL) == 0 && spec.kind == ADDR_INET &&
	       spec.socktype == SOCK_STREAM;
}

static void
adopt_service(struct stanza *s, const struct foreign_service *fs, const struct config_source *src)
{
	*s = (struct stanza){
		.kind = STANZA_SERVICE,
		.title = xstrdup(fs->name),
		.origin = { fs->file, fs->line },
		.broken = fs->refused,
		.yields = src->yields,
	};
	/* First the command line's, so that the file's own words win. */
	for (const struct config_default *d = src->defaults; d && d->key; d++)
		add_value(stanza_add(s, d->section, d->key, (struct origin){ 0 }), d->value, 0);
	if (src->tcp_wrappers && can_be_wrapped(fs))
		add_value(stanza_add(s, NULL, "tcp_wrappers", (struct origin){ 0 }), wrapped_name(fs), 0);
	for (size_t i = 0; i < fs->nrows; i++)
		adopt_row(s, &fs->rows[i], src->address);
}

/* One line about a file that cannot be read, where it was named if that was in a file. */
static void
tell_unreadable(struct config *c, const struct foreign *f, size_t first_file, struct origin from)
{
	const char *file = c->files.n > first_file ? c->files.items[first_file] : NULL;
	const char *why = f->nremarks ? f->remarks[0].text : "cannot be read";

	if (from.file)
		problem_add(&c->problems, from, NULL, NULL, "%s: %s", file ? file : "", why);
	else
		problem_add(&c->problems, (struct origin){ file, 0 }, NULL, NULL, "%s", why);
}

int
adopt_foreign(struct config *c, const struct config_source *src, struct origin from, struct stanza **stanzas,
	      size_t *nstanzas)
{
	size_t first_file = c->files.n;
	struct foreign f = { 0 };
	int r = 0;

	switch (src->kind) {
	case CONFIG_XINETD:
		xinetd_read(src->path, &f);
		break;
	case CONFIG_INETD:
		inetd_read(src->path, &f);
		break;
	default:
		systemd_read(src->path, &f);
	}
	keep_files(c, &f);
	if (f.unreadable) {
		tell_unreadable(c, &f, first_file, from);
		r = -1;
	}
	for (size_t i = 0; !f.unreadable && i < f.nremarks; i++)
		tell(c, &f.remarks[i]);
	*stanzas = xrealloc(*stanzas, (*nstanzas + f.nservices + 1) * sizeof(**stanzas));
	for (size_t i = 0; i < f.nservices; i++)
		adopt_service(&(*stanzas)[(*nstanzas)++], &f.services[i], src);
	foreign_clear(&f);
	return r;
}
