#include "core/foreign/unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/foreign/slurp.h"

static void
remark(struct foreign *f, enum foreign_kind kind, const char *file, int line, const char *key,
       const char *message)
{
	char *clean = one_line(message), *clean_key = key ? one_line(key) : NULL;

	foreign_remark(f, kind, file, line, NULL, clean_key, "%s", clean);
	free(clean_key);
	free(clean);
}

/* --- lines --- */

/* Cuts blanks off both ends. */
static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	len = strlen(s);
	while (len && strchr(" \t\r", s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

/* The next line of a text, as the text's own memory; NULL at the end. */
static char *
next_line(char **p)
{
	char *line = *p, *end = strchr(line, '\n');

	if (!*line)
		return NULL;
	*p = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	line[strcspn(line, "\r")] = '\0';
	return line;
}

static bool
is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';';
}

static bool
takes_off_backslash(char *line)
{
	size_t len = strlen(line);

	if (!len || line[len - 1] != '\\')
		return false;
	line[len - 1] = '\0';
	return true;
}

/* A line with those that a backslash joins to it: the backslash becomes a blank, and comments in
 * between are skipped. The caller frees it. */
static char *
joined_line(char **p, int *line)
{
	char *first = next_line(p);
	struct text t = { 0 };
	bool more;

	if (!first)
		return NULL;
	++*line;
	more = !is_comment(first) && takes_off_backslash(first);
	text_puts(&t, first);
	while (more) {
		char *next = next_line(p);

		if (!next)
			break;
		++*line;
		if (is_comment(next))
			continue;
		more = takes_off_backslash(next);
		text_puts(&t, " ");
		text_puts(&t, next);
	}
	return t.s;
}

static void
add_setting(struct unit *u, const char *section, const char *key, const char *value, const char *file,
	    int line)
{
	u->settings = xrealloc(u->settings, (u->n + 1) * sizeof(*u->settings));
	u->settings[u->n++] = (struct unit_setting){
		.section = xstrdup(section),
		.key = xstrdup(key),
		.value = xstrdup(value),
		.file = file,
		.line = line,
	};
}

static void
parse_line(struct foreign *f, struct unit *u, char *line, char **section, const char *file, int number)
{
	char *s = trim(line), *eq;
	size_t len = strlen(s);

	if (!len || is_comment(s))
		return;
	if (*s == '[') {
		free(*section);
		*section = NULL;
		if (s[len - 1] != ']') {
			remark(f, FOREIGN_WARNING, file, number, NULL,
			       "expected [SECTION]; what follows is not read");
			return;
		}
		*section = xasprintf("%.*s", (int)(len - 2), s + 1);
		return;
	}
	eq = strchr(s, '=');
	if (!*section) {
		remark(f, FOREIGN_WARNING, file, number, NULL, "is in no section and therefore not read");
	} else if (!eq) {
		remark(f, FOREIGN_WARNING, file, number, NULL, "expected KEY=VALUE; this line is not read");
	} else {
		*eq = '\0';
		add_setting(u, *section, trim(s), trim(eq + 1), file, number);
	}
}

static int
read_one(struct foreign *f, struct unit *u, const char *path)
{
	const char *file = foreign_file(f, path);
	struct text t = { 0 };
	struct error err;
	char *p, *section = NULL, *line;
	int number = 0, first;

	if (!u->file)
		u->file = file;
	if (slurp(path, &t, &err) < 0) {
		remark(f, FOREIGN_ERROR, file, 0, NULL, err.text);
		text_clear(&t);
		return -1;
	}
	p = strncmp(t.s, "\xef\xbb\xbf", 3) == 0 ? t.s + 3 : t.s;
	for (first = 1; (line = joined_line(&p, &number)); first = number + 1) {
		parse_line(f, u, line, &section, file, first);
		free(line);
	}
	free(section);
	text_clear(&t);
	return 0;
}

/* --- files --- */

static int
is_drop_in(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(strrchr(*(char *const *)a, '/'), strrchr(*(char *const *)b, '/'));
}

static bool
has_name(const struct strlist *paths, const char *name)
{
	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(strrchr(paths->items[i], '/') + 1, name) == 0)
			return true;
	return false;
}

/* The files of one folder; one of the same name in a folder before it hides a file. */
static void
find_drop_ins(const char *folder, const char *unit, struct strlist *paths)
{
	char *path = xasprintf("%s/%s.d", folder, unit);
	struct dirent **names;
	int n = scandir(path, &names, is_drop_in, alphasort);

	for (int i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, names[i]->d_name);

		if (!has_name(paths, names[i]->d_name))
			strlist_add(paths, file);
		free(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(path);
}

static bool
is_masked(const char *path)
{
	struct stat st, null;

	return stat(path, &st) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == null.st_rdev;
}

int
unit_read(struct foreign *f, const char *path, const struct strlist *folders, struct unit *u)
{
	const char *slash = strrchr(path, '/');
	struct strlist paths = { 0 };
	int r;

	u->name = xstrdup(slash ? slash + 1 : path);
	if (is_masked(path)) {
		u->file = foreign_file(f, path);
		remark(f, FOREIGN_ERROR, u->file, 0, NULL, "is masked: it stands for nothing");
		return -1;
	}
	r = read_one(f, u, path);
	for (size_t i = 0; i < folders->n && r == 0; i++)
		find_drop_ins(folders->items[i], u->name, &paths);
	if (paths.n)
		qsort(paths.items, paths.n, sizeof(*paths.items), by_name);
	/* One that cannot be read may have been the one that closes the service. */
	for (size_t i = 0; i < paths.n && r == 0; i++)
		if (!is_masked(paths.items[i]))
			r = read_one(f, u, paths.items[i]);
	strlist_clear(&paths);
	return r;
}

void
unit_clear(struct unit *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->settings[i].section);
		free(u->settings[i].key);
		free(u->settings[i].value);
	}
	free(u->settings);
	free(u->name);
	*u = (struct unit){ 0 };
}

/* --- settings --- */

static bool
is_setting(const struct unit_setting *s, const char *section, const char *key)
{
	return strcmp(s->section, section) == 0 && strcmp(s->key, key) == 0;
}

const struct unit_setting *
unit_get(const struct unit *u, const char *section, const char *key)
{
	for (size_t i = u->n; i-- > 0;)
		if (is_setting(&u->settings[i], section, key))
			return *u->settings[i].value ? &u->settings[i] : NULL;
	return NULL;
}

const struct unit_setting *
unit_next(const struct unit *u, const char *section, const char *key, const struct unit_setting *after)
{
	size_t i = after ? (size_t)(after - u->settings) + 1 : 0;

	for (size_t j = i; !after && j < u->n; j++)
		if (is_setting(&u->settings[j], section, key) && !*u->settings[j].value)
			i = j + 1;
	for (; i < u->n; i++)
		if (is_setting(&u->settings[i], section, key) && *u->settings[i].value)
			return &u->settings[i];
	return NULL;
}

/* --- values --- */

static int
digit(char c, int base)
{
	int v = c >= '0' && c <= '9'   ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : base;

	return v < base ? v : -1;
}

/* Behind a backslash: \n, \x41, \101 and the like. */
static int
escape(const char **p, struct text *t, struct error *err)
{
	static const char codes[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"''s ;;";
	int base = **p == 'x' ? 16 : 8, digits = base == 16 ? 2 : 3, v = 0;
	const char *s = *p + (base == 16);
	char c;

	for (const char *code = codes; *code; code += 2) {
		if (*code != **p)
			continue;
		text_add(t, code + 1, 1);
		++*p;
		return 0;
	}
	for (; digits; digits--, s++) {
		if (digit(*s, base) < 0)
			return error_set(err, 0, "\"\\%c\" is no escape that is known here", **p ? **p : ' ');
		v = v * base + digit(*s, base);
	}
	if (v == 0 || v > 255)
		return error_set(err, 0, "an escape stands for no character");
	c = (char)v;
	text_add(t, &c, 1);
	*p = s;
	return 0;
}

/* One word, which may have parts in quotes. */
static int
one_word(const char **p, struct text *t, struct error *err)
{
	char quote = '\0';

	text_puts(t, "");
	for (;; ++*p) {
		char c = **p;

		if (!c && quote)
			return error_set(err, 0, "a quote is not closed");
		if (!c || (!quote && strchr(" \t", c)))
			return 0;
		if (c == '\\') {
			++*p;
			if (escape(p, t, err) < 0)
				return -1;
			--*p;
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = (char)(quote ? '\0' : c);
		} else {
			text_add(t, &c, 1);
		}
	}
}

int
unit_words(const char *value, struct strlist *words, struct error *err)
{
	for (;;) {
		struct text t = { 0 };
		int r;

		value += strspn(value, " \t");
		if (!*value)
			return 0;
		r = one_word(&value, &t, err);
		if (r == 0)
			strlist_add(words, t.s);
		text_clear(&t);
		if (r < 0)
			return -1;
	}
}

int
unit_bool(const char *value, bool *out, struct error *err)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on", NULL };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off", NULL };

	for (size_t i = 0; yes[i]; i++) {
		if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
			*out = strcasecmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return error_set(err, 0, "expected yes or no, not \"%s\"", value);
}

static int64_t
span_unit(const char *word, size_t len, int64_t bare_ms)
{
	static const struct {
		const char *words;
		int64_t ms;
	} units[] = {
		{ " us usec ", 0 },
		{ " ms msec ", 1 },
		{ " s sec second seconds ", 1000 },
		{ " m min minute minutes ", 60000 },
		{ " h hr hour hours ", 3600000 },
		{ " d day days ", 86400000 },
		{ " w week weeks ", 604800000 },
	};
	char *name = xasprintf(" %.*s ", (int)len, word);
	int64_t ms = len ? -1 : bare_ms;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && len; i++)
		if (strstr(units[i].words, name))
			ms = units[i].ms;
	free(name);
	return ms;
}

int
unit_span(const char *value, int64_t bare_ms, int64_t *ms, struct error *err)
{
	const char *s = value;

	*ms = 0;
	if (strcmp(s, "infinity") == 0) {
		*ms = -1;
		return 0;
	}
	while (*s) {
		char *end;
		double n = strtod(s, &end);
		size_t len;
		int64_t unit;

		if (*s < '0' || *s > '9' || n > 1e9)
			return error_set(err, 0, "expected a time such as 5min 20s, not \"%s\"", value);
		s = end + strspn(end, " ");
		len = strspn(s, "abcdefghijklmnopqrstuvwxyz");
		unit = span_unit(s, len, bare_ms);
		if (unit < 0)
			return error_set(err, 0, "expected a time such as 5min 20s, not \"%s\"", value);
		*ms += (int64_t)(n * (double)unit);
		if (*ms > INT64_C(100) * 365 * 86400000)
			return error_set(err, 0, "expected less than a hundred years, not \"%s\"", value);
		s += len;
		s += strspn(s, " ");
	}
	return *value ? 0 : error_set(err, 0, "expected a time");
}
