#include "core/conf/load.h"

#include <confuse.h>
#include <errno.h>
#include <glob.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/conf/adopt.h"
#include "core/conf/scan.h"
#include "core/conf/stanza.h"
#include "core/sys/fd.h"

enum { FILE_MAX_BYTES = 16 << 20, INCLUDE_DEPTH = 16 };

struct loader {
	struct config *config;
	struct stanza *stanzas;
	size_t nstanzas;
	bool defaults_broken; /* no service can know what it would have inherited */
	int depth;
	struct origin item; /* the statement that libconfuse reads just now */
	struct file_id {
		dev_t dev;
		ino_t ino;
	} * read; /* what was read, whatever it was called */
	size_t nread;
	struct strlist arguments;  /* of the call that libconfuse reads just now */
	struct hsearch_data names; /* of services; the data is the stanza */
};

/* libconfuse's callbacks have no argument of ours; a load is never interrupted by another. */
static struct loader *current;

static void load_source(struct loader *, const struct config_source *, struct origin from);

struct setting *
stanza_add(struct stanza *s, const char *section, const char *key, struct origin origin)
{
	struct setting *t;

	s->settings = xrealloc(s->settings, (s->nsettings + 1) * sizeof(*s->settings));
	t = &s->settings[s->nsettings++];
	*t = (struct setting){
		.section = section ? xstrdup(section) : NULL,
		.key = xstrdup(key),
		.origin = origin,
	};
	return t;
}

void
stanza_clear(struct stanza *s)
{
	for (size_t i = 0; i < s->nsettings; i++) {
		free(s->settings[i].section);
		free(s->settings[i].key);
		free(s->settings[i].lines);
		strlist_clear(&s->settings[i].values);
	}
	for (size_t i = 0; i < s->nlisteners; i++)
		stanza_clear(&s->listeners[i]);
	free(s->settings);
	free(s->listeners);
	free(s->title);
}

/* --- values: libconfuse reads them, guided by the outline --- */

static void confuse_error(cfg_t *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));

static void
confuse_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[256];

	(void)cfg;
	vsnprintf(text, sizeof(text), fmt, ap);
	problem_add(&current->config->problems, current->item, NULL, NULL, "%s", text);
}

static cfg_opt_t *make_opts(const struct scan_item *items, size_t n);

static int
call_cb(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)cfg;
	(void)opt;
	for (int i = 0; i < argc; i++)
		strlist_add(&current->arguments, argv[i]);
	return 0;
}

/* The items of all blocks of one name: a key that only the second one has must be known as well. */
static cfg_opt_t *
make_block_opts(const struct scan_item *items, size_t n, const char *name)
{
	struct scan_item *all = NULL;
	size_t nall = 0;
	cfg_opt_t *opts;

	for (size_t i = 0; i < n; i++) {
		if (items[i].type != SCAN_BLOCK || strcmp(items[i].name, name) != 0)
			continue;
		all = xrealloc(all, (nall + items[i].nitems + 1) * sizeof(*all));
		for (size_t j = 0; j < items[i].nitems; j++)
			all[nall++] = items[i].items[j];
	}
	opts = make_opts(all, nall);
	free(all);
	return opts;
}

/* libconfuse's option table for just what the block contains. Everything is read as a list of
 * texts: the rows know better than libconfuse what a value means. */
static cfg_opt_t *
make_opts(const struct scan_item *items, size_t n)
{
	cfg_opt_t *opts = xcalloc(n + 1, sizeof(*opts));
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		const struct scan_item *it = &items[i];
		bool seen = false;

		for (size_t j = 0; j < used && !seen; j++)
			seen = strcmp(opts[j].name, it->name) == 0;
		if (seen)
			continue;
		if (it->type == SCAN_ASSIGN) {
			cfg_opt_t o = CFG_STR_LIST(it->name, NULL, CFGF_NODEFAULT);

			opts[used++] = o;
		} else if (it->type == SCAN_CALL) {
			cfg_opt_t o = CFG_FUNC(it->name, call_cb);

			opts[used++] = o;
		} else {
			cfg_flag_t flags = it->title ? CFGF_MULTI | CFGF_TITLE | CFGF_NODEFAULT
						     : CFGF_MULTI | CFGF_NODEFAULT;
			cfg_opt_t o = CFG_SEC(it->name, make_block_opts(items, n, it->name), flags);

			opts[used++] = o;
		}
	}
	cfg_opt_t end = CFG_END();
	opts[used] = end;
	return opts;
}

static void
free_opts(cfg_opt_t *opts)
{
	for (cfg_opt_t *o = opts; o->name; o++)
		if (o->subopts)
			free_opts(o->subopts);
	free(opts);
}

static bool
is_repeated(const struct scan_item *items, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(items[j].name, items[i].name) == 0 &&
		    (items[i].type == SCAN_ASSIGN ? !items[i].append : true))
			return true;
	return false;
}

/* One name as a key and as a block: libconfuse would read the one as the other. Told where the second
 * stands; true if there is such a thing anywhere inside. */
static bool
has_mixed(struct loader *ld, const struct scan_item *block, const char *file, const char *service)
{
	bool mixed = false;

	for (size_t i = 0; i < block->nitems; i++) {
		const struct scan_item *it = &block->items[i];

		for (size_t j = 0; j < i; j++) {
			if (strcmp(block->items[j].name, it->name) != 0 || block->items[j].type == it->type)
				continue;
			problem_add(&ld->config->problems, (struct origin){ file, it->line }, service,
				    it->name, "stands here a second time");
			mixed = true;
			break;
		}
		mixed |= has_mixed(ld, it, file, service);
	}
	return mixed;
}

static struct setting *
find_setting(struct stanza *s, const char *section, const char *key)
{
	for (size_t i = 0; i < s->nsettings; i++) {
		struct setting *t = &s->settings[i];

		if (strcmp(t->key, key) == 0 &&
		    (section ? t->section && strcmp(t->section, section) == 0 : !t->section))
			return t;
	}
	return NULL;
}

/* What libconfuse has read for one assignment. A list that is set and then added to was merged by
 * libconfuse, so its lines are merged as well. */
static void
take_setting(struct stanza *s, const char *section, const struct scan_item *it, cfg_t *cfg)
{
	cfg_opt_t *opt = cfg_getopt(cfg, it->name);
	struct setting *t = find_setting(s, section, it->name);
	unsigned n = opt ? cfg_opt_size(opt) : 0;

	if (!t) {
		t = stanza_add(s, section, it->name, (struct origin){ s->origin.file, it->line });
		t->append = it->append;
		for (unsigned i = 0; i < n; i++)
			strlist_add(&t->values, cfg_opt_getnstr(opt, i));
		t->lines = xcalloc(n, sizeof(*t->lines));
		for (unsigned i = 0; i < n; i++)
			t->lines[i] = it->line;
	}
	for (size_t i = 0; i < it->nvalues && t->placed < t->values.n; i++)
		t->lines[t->placed++] = it->value_lines[i];
}

/* A problem with a statement, whose key is told with the block that it stands in. */
static void
wrong_item(struct loader *ld, struct stanza *s, const char *service, const char *section,
	   const struct scan_item *it, const char *text)
{
	char *name = xasprintf("%s%s%s", section ? section : "", section ? "." : "", it->name);

	problem_add(&ld->config->problems, (struct origin){ s->origin.file, it->line }, service, name, "%s",
		    text);
	free(name);
	s->broken = true;
}

/* A block that is none: a key in the form of a block, or a name that nobody knows. */
static void
unknown_block(struct loader *ld, struct stanza *s, const char *service, const struct scan_item *it)
{
	const char *near = option_nearest(service_rows, NULL, it->name);
	char *text;

	if (option_find(service_rows, NULL, it->name))
		text = xasprintf("takes a value: %s = VALUE", it->name);
	else
		text = xasprintf("unknown key%s%s%s", near ? "; did you mean " : "", near ? near : "",
				 near ? "?" : "");
	wrong_item(ld, s, service, NULL, it, text);
	free(text);
}

static void
take_items(struct loader *ld, struct stanza *s, const char *section, const struct scan_item *items, size_t n,
	   cfg_t *cfg, const char *service)
{
	for (size_t i = 0; i < n; i++) {
		const struct scan_item *it = &items[i];
		size_t nth = 0;

		if (it->type == SCAN_ASSIGN) {
			if (is_repeated(items, i))
				wrong_item(ld, s, service, section, it, "stands here a second time");
			else
				take_setting(s, section, it, cfg);
			continue;
		}
		for (size_t j = 0; j < i; j++)
			nth += strcmp(items[j].name, it->name) == 0;
		if (it->type == SCAN_BLOCK && !section && !it->title && strcmp(it->name, "listener") == 0 &&
		    s->kind == STANZA_SERVICE) {
			struct stanza *l;

			s->listeners = xrealloc(s->listeners, (s->nlisteners + 1) * sizeof(*s->listeners));
			l = &s->listeners[s->nlisteners++];
			*l = (struct stanza){ .origin = { s->origin.file, it->line } };
			take_items(ld, l, NULL, it->items, it->nitems,
				   cfg_getnsec(cfg, it->name, (unsigned)nth), service);
			s->broken |= l->broken;
		} else if (it->type == SCAN_BLOCK && !section && !it->title) {
			if (!option_has_section(service_rows, it->name))
				unknown_block(ld, s, service, it);
			else if (nth)
				wrong_item(ld, s, service, section, it, "stands here a second time");
			else
				take_items(ld, s, it->name, it->items, it->nitems,
					   cfg_getnsec(cfg, it->name, 0), service);
		} else {
			wrong_item(ld, s, service, section, it, "has no place here");
		}
	}
}

/* --- files --- */

/* A pattern relative to the file it stands in. Marks in the folder's own name are no marks. */
static char *
beside(const char *file, size_t len, const char *pattern)
{
	struct text t = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (strchr("*?[\\", file[i]))
			text_add(&t, "\\", 1);
		text_add(&t, &file[i], 1);
	}
	text_printf(&t, "/%s", pattern);
	return t.s;
}

/* A folder that may not be read is not an empty one. */
static int
glob_error(const char *path, int errnum)
{
	(void)path;
	return errnum != ENOENT && errnum != ENOTDIR;
}

/* The call that reads files of each kind. */
static const char *const call_names[] = {
	[CONFIG_NATIVE] = "include",
	[CONFIG_XINETD] = "xinetd",
	[CONFIG_INETD] = "inetd",
	[CONFIG_SYSTEMD] = "systemd",
};

/* Whether it is a call; which one, if so. */
static bool
find_call(const char *name, enum config_kind *kind)
{
	for (size_t i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++) {
		if (strcmp(call_names[i], name) == 0) {
			*kind = (enum config_kind)i;
			return true;
		}
	}
	return false;
}

static void
include_one(struct loader *ld, enum config_kind kind, const char *pattern, struct origin from)
{
	const char *call = call_names[kind];
	const char *slash = strrchr(from.file, '/');
	char *path;
	glob_t g;
	int r;

	if (*pattern == '/' || !slash)
		path = xstrdup(pattern);
	else
		path = beside(from.file, (size_t)(slash - from.file), pattern);
	r = glob(path, GLOB_NOSORT, glob_error, &g);
	if (r == GLOB_NOMATCH && !strpbrk(pattern, "*?["))
		problem_add(&ld->config->problems, from, NULL, call, "%s does not exist", pattern);
	else if (r && r != GLOB_NOMATCH)
		problem_add(&ld->config->problems, from, NULL, call, "cannot read %s", pattern);
	if (r == 0) {
		struct strlist found = { 0 };

		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *name = strrchr(g.gl_pathv[i], '/');
			size_t len = strlen(g.gl_pathv[i]);
			size_t at = found.n;

			name = name ? name + 1 : g.gl_pathv[i];
			if (*name == '.' || g.gl_pathv[i][len - 1] == '~')
				continue;
			/* By bytes, so that the order does not depend on the language of the day. */
			strlist_add(&found, g.gl_pathv[i]);
			for (; at > 0 && strcmp(found.items[at - 1], found.items[at]) > 0; at--) {
				char *s = found.items[at];

				found.items[at] = found.items[at - 1];
				found.items[at - 1] = s;
			}
		}
		for (size_t i = 0; i < found.n; i++)
			load_source(ld, &(struct config_source){ .kind = kind, .path = found.items[i] },
				    from);
		strlist_clear(&found);
		globfree(&g);
	}
	free(path);
}

static const char *const top_words[] = { "service", "defaults", "log",     "include",
					 "xinetd",  "inetd",    "systemd", NULL };

static void
unknown_top_word(struct loader *ld, const struct scan_item *it, const char *file)
{
	const char *near = text_nearest(it->name, top_words);

	problem_add(&ld->config->problems, (struct origin){ file, it->line }, NULL, it->name, "unknown%s%s%s",
		    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	/* Whatever is no service may have been meant for all of them: an access list, for instance. */
	if (it->type != SCAN_BLOCK || !it->title || !near || strcmp(near, "service") != 0)
		ld->defaults_broken = true;
}

static cfg_t *
read_values(struct loader *ld, const struct scan_item *it, const char *file, cfg_opt_t **opts)
{
	cfg_t *cfg;

	*opts = make_opts(it, 1);
	current = ld;
	ld->item = (struct origin){ file, it->line };
	strlist_clear(&ld->arguments);
	cfg = cfg_init(*opts, CFGF_NONE);
	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, confuse_error);
	if (cfg_parse_buf(cfg, it->text) != CFG_SUCCESS) {
		cfg_free(cfg);
		return NULL;
	}
	return cfg;
}

static void
take_block(struct loader *ld, const struct scan_item *it, const char *file, cfg_t *cfg)
{
	struct origin origin = { file, it->line };
	struct stanza s = { .origin = origin, .broken = it->broken || !cfg };
	cfg_t *sec = cfg ? cfg_getnsec(cfg, it->name, 0) : NULL;

	if (strcmp(it->name, "service") == 0)
		s.kind = STANZA_SERVICE;
	else
		s.kind = strcmp(it->name, "log") == 0 ? STANZA_LOG : STANZA_DEFAULTS;
	if (s.kind == STANZA_SERVICE && !it->title) {
		problem_add(&ld->config->problems, origin, NULL, "service",
			    "expected a name: service \"NAME\" {");
		return;
	}
	if (s.kind != STANZA_SERVICE && it->title) {
		problem_add(&ld->config->problems, origin, NULL, it->name, "takes no name");
		s.broken = true;
	}
	if (it->title)
		s.title = xstrdup(it->title);
	/* A block `log { … }` of the top level is the section "log" of the global rows. */
	if (sec)
		take_items(ld, &s, s.kind == STANZA_LOG ? "log" : NULL, it->items, it->nitems, sec, s.title);
	ld->stanzas = xrealloc(ld->stanzas, (ld->nstanzas + 1) * sizeof(*ld->stanzas));
	ld->stanzas[ld->nstanzas++] = s;
}

static void
take_item(struct loader *ld, const struct scan_item *it, const char *file)
{
	const char *word = NULL;
	enum config_kind kind = CONFIG_NATIVE;
	bool is_call = find_call(it->name, &kind);
	cfg_opt_t *opts;
	cfg_t *cfg;

	for (const char *const *w = top_words; *w && !word; w++)
		word = strcmp(*w, it->name) == 0 ? *w : NULL;
	if (!word || is_call != (it->type == SCAN_CALL) || (!is_call && it->type != SCAN_BLOCK)) {
		unknown_top_word(ld, it, file);
		return;
	}
	if (!it->text || has_mixed(ld, it, file, it->title)) {
		take_block(ld, it, file, NULL);
		return;
	}
	cfg = read_values(ld, it, file, &opts);
	if (is_call) {
		struct strlist args = ld->arguments;

		ld->arguments = (struct strlist){ 0 };
		for (size_t i = 0; i < args.n; i++)
			include_one(ld, kind, args.items[i], (struct origin){ file, it->line });
		strlist_clear(&args);
	} else {
		take_block(ld, it, file, cfg);
	}
	if (cfg)
		cfg_free(cfg);
	free_opts(opts);
}

/* Remembers a file; true if it is known already, under whatever name. */
static bool
was_read(struct loader *ld, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	for (size_t i = 0; i < ld->nread; i++)
		if (ld->read[i].dev == st.st_dev && ld->read[i].ino == st.st_ino)
			return true;
	ld->read = xrealloc(ld->read, (ld->nread + 1) * sizeof(*ld->read));
	ld->read[ld->nread++] = (struct file_id){ st.st_dev, st.st_ino };
	return false;
}

static void
load_file(struct loader *ld, const char *path, struct origin from)
{
	struct problems *problems = &ld->config->problems;
	struct error err;
	struct scan scan;
	const char *file;
	char *text;
	size_t len;

	strlist_add(&ld->config->files, path);
	file = ld->config->files.items[ld->config->files.n - 1];
	if (fd_read_file(path, FILE_MAX_BYTES, &text, &len, &err) < 0) {
		if (from.file)
			problem_add(problems, from, NULL, "include", "%s", err.text);
		else
			problem_add(problems, (struct origin){ file, 0 }, NULL, NULL, "%s",
				    strerror(err.errnum));
		ld->config->unreadable |= !from.file;
		return;
	}
	ld->depth++;
	scan_text(&scan, file, text, len, problems);
	ld->defaults_broken |= scan.lost;
	for (size_t i = 0; i < scan.nitems; i++)
		take_item(ld, &scan.items[i], file);
	ld->depth--;
	scan_clear(&scan);
	free(text);
}

static void
load_source(struct loader *ld, const struct config_source *src, struct origin from)
{
	struct config *c = ld->config;

	if (ld->depth >= INCLUDE_DEPTH || was_read(ld, src->path)) {
		problem_add(&c->problems, from, NULL, call_names[src->kind], "%s is included %s", src->path,
			    ld->depth >= INCLUDE_DEPTH ? "too deeply" : "a second time");
		return;
	}
	if (src->kind == CONFIG_NATIVE)
		load_file(ld, src->path, from);
	else if (adopt_foreign(c, src, from, &ld->stanzas, &ld->nstanzas) < 0)
		c->unreadable |= !from.file;
}

/* --- rows --- */

static struct origin
value_origin(const struct setting *t, size_t i)
{
	return (struct origin){ t->origin.file, i < t->values.n ? t->lines[i] : t->origin.line };
}

/* Applies one setting to `base`; -1 if it is wrong, which has been told then. */
static int
apply(struct loader *ld, const struct option *rows, void *base, const struct setting *t, const char *block,
      const char *service, bool in_defaults)
{
	struct problems *problems = &ld->config->problems;
	const struct option *o = option_find(rows, t->section, t->key);
	struct error err;
	const char *section = t->section ? t->section : block;
	char *name = section ? xasprintf("%s.%s", section, t->key) : xstrdup(t->key);
	size_t bad;
	int r = -1;

	if (!o) {
		const char *near = option_nearest(rows, t->section, t->key);

		problem_add(problems, t->origin, service, name, "unknown key%s%s%s",
			    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	} else if (in_defaults && !(o->flags & OPTION_DEFAULTS)) {
		problem_add(problems, t->origin, service, name,
			    "is a matter of each service: it has no place in defaults");
	} else if (option_set(o, base, t->values.items, t->values.n, t->append, &bad, &err) < 0) {
		problem_add(problems, value_origin(t, bad), service, name, "%s%s%s%s",
			    t->values.n && o->type != OPT_LIST ? "\"" : "",
			    t->values.n && o->type != OPT_LIST ? t->values.items[bad] : "",
			    t->values.n && o->type != OPT_LIST ? "\": " : "", err.text);
	} else {
		r = 0;
	}
	free(name);
	return r;
}

static void
apply_to_service(struct loader *ld, struct service_conf *sc, const struct stanza *s, const char *service)
{
	if (s->broken)
		sc->refused = sc->broken = true;
	for (size_t i = 0; i < s->nsettings; i++) {
		const struct setting *t = &s->settings[i];
		const struct option *o = option_find(service_rows, t->section, t->key);

		if (apply(ld, service_rows, sc, t, NULL, service, !service) < 0) {
			const char *near = o ? NULL : option_nearest(service_rows, t->section, t->key);

			/* A misspelt key is not missing as well. */
			o = near ? option_find(service_rows, t->section, near) : o;
			sc->refused = true;
			if (o)
				service_conf_note_wrong(sc, o);
			continue;
		}
		service_conf_note(sc, o, t->origin);
	}
}

static void
add_listener(struct loader *ld, struct service_conf *sc, const struct stanza *s)
{
	struct listener_conf *l;

	sc->listeners = xrealloc(sc->listeners, (sc->nlisteners + 1) * sizeof(*sc->listeners));
	l = &sc->listeners[sc->nlisteners++];
	*l = (struct listener_conf){ .origin = s->origin };
	options_default(listener_rows, l);
	for (size_t i = 0; i < s->nsettings; i++)
		if (apply(ld, listener_rows, l, &s->settings[i], "listener", sc->name, false) < 0)
			sc->refused = l->wrong = true;
}

static bool
is_good_name(const char *s)
{
	if (!*s || strlen(s) > 64)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr(":\"\\=", *s))
			return false;
	return true;
}

/* The first service of that name, which is this one unless there was another. */
static const struct stanza *
first_of_name(struct loader *ld, const struct stanza *s)
{
	ENTRY entry = { s->title, (void *)s }, *found;

	return hsearch_r(entry, ENTER, &found, &ld->names) ? found->data : s;
}

static void
add_service(struct loader *ld, const struct stanza *s, const struct service_conf *defaults)
{
	struct config *c = ld->config;
	const struct stanza *first = first_of_name(ld, s);
	struct service_conf *sc;

	if (first != s && s->yields) {
		problem_add(&c->notes, s->origin, s->title, NULL, "is hidden by the one at %s:%d",
			    first->origin.file, first->origin.line);
		return;
	}
	if (first != s) {
		problem_add(&c->problems, s->origin, s->title, NULL, "is already defined at %s:%d",
			    first->origin.file, first->origin.line);
		return;
	}
	c->services = xrealloc(c->services, (c->nservices + 1) * sizeof(*c->services));
	sc = &c->services[c->nservices++];
	service_conf_copy(sc, defaults);
	sc->name = xstrdup(s->title);
	sc->origin = s->origin;
	if (!is_good_name(s->title)) {
		problem_add(&c->problems, s->origin, s->title, NULL,
			    "a name has 1 to 64 printable characters without blanks and : \" \\ =");
		sc->refused = true;
	}
	if (ld->defaults_broken) {
		problem_add(&c->problems, s->origin, s->title, NULL,
			    "is refused, because the defaults it would inherit are not right");
		sc->refused = true;
	}
	apply_to_service(ld, sc, s, s->title);
	for (size_t i = 0; i < s->nlisteners; i++)
		add_listener(ld, sc, &s->listeners[i]);
}

/* A key may stand in one block of a kind only, whichever file it is in: the later one would undo the
 * earlier one without a word. */
static bool
is_set_before(struct loader *ld, size_t stanza, const struct setting *t)
{
	for (size_t i = 0; i < stanza; i++) {
		struct stanza *s = &ld->stanzas[i];
		const struct setting *first =
			s->kind == ld->stanzas[stanza].kind ? find_setting(s, t->section, t->key) : NULL;

		if (!first || t->append)
			continue;
		problem_add(&ld->config->problems, t->origin, NULL, t->key, "is already set at %s:%d",
			    first->origin.file, first->origin.line);
		return true;
	}
	return false;
}

/* Whatever the order of the files: first all defaults, then the services. */
static void
assemble(struct loader *ld)
{
	struct config *c = ld->config;
	struct service_conf defaults;

	service_conf_init(&defaults);
	c->global.log.format = c->global.log.level = -1;
	for (size_t i = 0; i < ld->nstanzas; i++) {
		const struct stanza *s = &ld->stanzas[i];

		if (s->kind == STANZA_SERVICE)
			continue;
		for (size_t j = 0; j < s->nsettings; j++)
			defaults.refused |=
				is_set_before(ld, i, &s->settings[j]) && s->kind == STANZA_DEFAULTS;
		if (s->kind == STANZA_DEFAULTS)
			apply_to_service(ld, &defaults, s, NULL);
		for (size_t j = 0; s->kind == STANZA_LOG && j < s->nsettings; j++)
			apply(ld, global_rows, &c->global, &s->settings[j], NULL, NULL, false);
	}
	ld->defaults_broken |= defaults.refused;
	if (!hcreate_r(ld->nstanzas + 1, &ld->names))
		abort(); /* out of memory */
	for (size_t i = 0; i < ld->nstanzas; i++)
		if (ld->stanzas[i].kind == STANZA_SERVICE)
			add_service(ld, &ld->stanzas[i], &defaults);
	hdestroy_r(&ld->names);
	service_conf_clear(&defaults);
}

struct config *
config_load_sources(const struct config_source *sources, size_t n)
{
	struct config *c = xcalloc(1, sizeof(*c));
	struct loader ld = { .config = c };

	c->references = 1;
	for (size_t i = 0; i < n; i++)
		load_source(&ld, &sources[i], (struct origin){ 0 });
	assemble(&ld);
	for (size_t i = 0; i < ld.nstanzas; i++)
		stanza_clear(&ld.stanzas[i]);
	free(ld.stanzas);
	free(ld.read);
	strlist_clear(&ld.arguments);
	return c;
}

struct config *
config_load(const char *path)
{
	return config_load_sources(&(struct config_source){ .path = path }, 1);
}

struct config *
config_ref(struct config *c)
{
	c->references++;
	return c;
}

void
config_unref(struct config *c)
{
	if (!c || --c->references > 0)
		return;
	for (size_t i = 0; i < c->nservices; i++)
		service_conf_clear(&c->services[i]);
	free(c->services);
	options_clear(global_rows, &c->global);
	problems_clear(&c->problems);
	problems_clear(&c->notes);
	strlist_clear(&c->files);
	free(c);
}

/* --- dump --- */

/* The values that are not the default's, sections as blocks. */
static void
dump_rows(const struct option *rows, const void *base, const void *defaults, const char *indent,
	  struct text *t)
{
	const char *section = NULL;

	for (const struct option *o = rows; o->name; o++) {
		struct text value = { 0 };

		if (!option_equal(o, base, defaults) && option_print(o, base, &value)) {
			if (section && (!o->section || strcmp(section, o->section) != 0)) {
				text_printf(t, "%s}\n", indent);
				section = NULL;
			}
			if (o->section && !section) {
				section = o->section;
				text_printf(t, "%s%s {\n", indent, section);
			}
			text_printf(t, "%s%s%s = %s\n", indent, section ? "\t" : "", o->name, value.s);
		}
		text_clear(&value);
	}
	if (section)
		text_printf(t, "%s}\n", indent);
}

void
config_dump_global(const struct config *c, struct text *t)
{
	const struct global_conf no_global = { .log = { .format = -1, .level = -1 } };

	dump_rows(global_rows, &c->global, &no_global, "", t);
}

void
config_dump_service(const struct service_conf *sc, struct text *t)
{
	struct listener_conf no_listener = { 0 };
	struct service_conf defaults;

	if (sc->refused)
		return;
	service_conf_init(&defaults);
	options_default(listener_rows, &no_listener);
	text_puts(t, "service ");
	option_quote(t, sc->name);
	text_puts(t, " {\n");
	for (size_t j = 0; j < sc->nlisteners; j++) {
		text_puts(t, "\tlistener {\n");
		dump_rows(listener_rows, &sc->listeners[j], &no_listener, "\t\t", t);
		text_puts(t, "\t}\n");
	}
	dump_rows(service_rows, sc, &defaults, "\t", t);
	text_puts(t, "}\n");
	service_conf_clear(&defaults);
}

void
config_dump(const struct config *c, struct text *t)
{
	config_dump_global(c, t);
	for (size_t i = 0; i < c->nservices; i++) {
		if (c->services[i].refused)
			continue;
		if (t->len)
			text_puts(t, "\n");
		config_dump_service(&c->services[i], t);
	}
}
