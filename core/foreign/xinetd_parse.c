#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/foreign/xinetd.h"

/* The grammar knows lines only: no quotes, no escapes, no lines that go on. A word ends at a blank. */

enum { DEPTH = 16, FILES = 4096, FILE_SIZE = 16 << 20 };

struct parser {
	struct xinetd_entries *entries;
	struct foreign *out;
	size_t nfiles;
	struct file_id {
		dev_t dev;
		ino_t ino;
	} open[DEPTH]; /* the files that include each other */
	int depth;
};

struct source {
	struct parser *p;
	const char *file;
	char *next; /* the rest of the text, or NULL */
	int line;   /* of what was read last */
	bool again; /* that line is to be read once more */
	char *text; /* of that line, without blanks around it */
	bool odd;   /* there is a control character in it */
	bool told_crlf;
	bool has_defaults;
	bool stray; /* the last line stood outside of all entries, which was told */
};

static void parse_file(struct parser *, const char *path, const struct source *from);

static void
tell(const struct source *s, enum foreign_kind kind, const char *key, const char *text)
{
	foreign_remark(s->p->out, kind, s->file, s->line, NULL, key, "%s", text);
}

/* --- lines and words --- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *
skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static void
trim_end(char *text, size_t len)
{
	while (len && is_blank(text[len - 1]))
		len--;
	text[len] = '\0';
}

static void
drop_return(struct source *s, size_t *len)
{
	if (!*len || s->text[*len - 1] != '\r')
		return;
	s->text[--*len] = '\0';
	if (!s->told_crlf)
		tell(s, FOREIGN_WARNING, NULL,
		     "lines end with a carriage return, which xinetd takes as part of the values");
	s->told_crlf = true;
}

static bool
has_control(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

/* The next line that is not blank and no comment. */
static bool
next_line(struct source *s)
{
	if (s->again) {
		s->again = false;
		return true;
	}
	while (s->next) {
		char *end = s->next + strcspn(s->next, "\n");
		size_t len = (size_t)(end - s->next);

		s->text = s->next;
		s->line++;
		s->next = *end ? end + 1 : NULL;
		*end = '\0';
		drop_return(s, &len);
		trim_end(s->text, len);
		s->text = skip_blanks(s->text);
		s->odd = has_control(s->text);
		/* Some editors leave form feeds between pages. */
		if (s->text[strspn(s->text, "\f\v\r")] && *s->text != '#')
			return true;
	}
	return false;
}

static void
split(const char *text, struct strlist *words)
{
	char *copy = xstrdup(text), *rest = copy, *word;

	while ((word = strsep(&rest, " \t")))
		if (*word)
			strlist_add(words, word);
	free(copy);
}

/* The words of a line that may be the head of an entry: a `{` is one of its own. */
static void
split_head(const char *text, struct strlist *words)
{
	char *last;
	size_t len;

	split(text, words);
	last = words->n ? words->items[words->n - 1] : NULL;
	len = last ? strlen(last) : 0;
	if (len < 2 || last[len - 1] != '{')
		return;
	last[len - 1] = '\0';
	strlist_add(words, "{");
}

/* Drops what stands behind a word that begins with #. */
static bool
drop_comment(struct strlist *words, size_t from)
{
	bool found = false;
	size_t n = words->n;

	for (size_t i = from; i < n; i++) {
		found |= *words->items[i] == '#';
		if (!found)
			continue;
		free(words->items[i]);
		words->items[i] = NULL;
		words->n--;
	}
	return found;
}

/* --- entries --- */

static struct xinetd_entry *
add_entry(const struct source *s, const char *name)
{
	struct xinetd_entries *e = s->p->entries;

	e->items = xrealloc(e->items, (e->n + 1) * sizeof(*e->items));
	e->items[e->n] = (struct xinetd_entry){
		.name = name ? xstrdup(name) : NULL,
		.file = s->file,
		.line = s->line,
	};
	return &e->items[e->n++];
}

static void __attribute__((format(printf, 3, 4)))
bad_entry(const struct source *s, struct xinetd_entry *e, const char *fmt, ...)
{
	va_list ap;

	if (e->bad)
		return;
	va_start(ap, fmt);
	if (vasprintf(&e->bad, fmt, ap) < 0)
		abort(); /* out of memory */
	va_end(ap);
	e->bad_line = s->line;
}

static void
lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static bool
read_op(char **s, enum xinetd_op *op)
{
	char *p = *s;

	*op = *p == '+' ? OP_ADD : *p == '-' ? OP_REMOVE : OP_SET;
	if (*op != OP_SET)
		p++;
	if (*p != '=')
		return false;
	*s = p + 1;
	return true;
}

static void
read_setting(const struct source *s, struct xinetd_entry *e)
{
	size_t len = strcspn(s->text, " \t");
	char *rest = skip_blanks(s->text + len);
	struct xinetd_setting t = { .file = s->file, .line = s->line, .inherited = !e->name };

	if (s->odd)
		bad_entry(s, e, "there is a control character in the line");
	if (!read_op(&rest, &t.op)) {
		if (memchr(s->text, '=', len))
			bad_entry(s, e, "expected a blank in front of the operator: \"%.60s\"", s->text);
		else
			bad_entry(s, e, "expected ATTRIBUTE = VALUES, not \"%.60s\"", s->text);
		return;
	}
	t.name = xstrdup(s->text);
	t.name[len] = '\0';
	lower(t.name);
	t.key = xinetd_key(t.name);
	split(rest, &t.values);
	/* There, xinetd has always passed such words on to the program. */
	if (t.key != KEY_SERVER_ARGS)
		t.comment = drop_comment(&t.values, 0);
	e->settings.items = xrealloc(e->settings.items, (e->settings.n + 1) * sizeof(t));
	e->settings.items[e->settings.n++] = t;
}

static bool
is_word(const struct strlist *words, size_t i, const char *word)
{
	return i < words->n && strcasecmp(words->items[i], word) == 0;
}

/* What is nothing for xinetd, so that who is kept out by it would not be. */
static bool
is_nearly_defaults(const struct strlist *words)
{
	static const char *const near[] = { "default", "default:", "defaults:", NULL };

	return words->n && xinetd_word(words->items[0], near) >= 0 &&
	       (words->n == 1 || strcmp(words->items[1], "{") == 0);
}

static bool
is_defaults(const struct strlist *words)
{
	return is_word(words, 0, "defaults") || is_nearly_defaults(words);
}

/* Whether a line in an entry is the head of another one. */
static bool
is_head(const struct strlist *words)
{
	char none[] = "", *second = words->n > 1 ? words->items[1] : none;
	enum xinetd_op op;

	if (is_defaults(words))
		return !*second || strcmp(second, "{") == 0;
	return is_word(words, 0, "service") && words->n > 1 && !read_op(&second, &op);
}

/* `}` and nothing else. */
static void
close_entry(const struct source *s, struct xinetd_entry *e)
{
	char *rest = skip_blanks(s->text + 1);

	if (*rest == '#' && rest > s->text + 1)
		tell(s, FOREIGN_WARNING, NULL,
		     "a comment behind } is one here; xinetd does not know such comments");
	else if (*rest)
		bad_entry(s, e, "expected } alone in its line, not \"%.60s\"", s->text);
}

/* The `{` in a line of its own. */
static void
open_entry(struct source *s, struct xinetd_entry *e)
{
	char *rest;

	if (!next_line(s)) {
		bad_entry(s, e, "expected { in the next line");
		return;
	}
	if (*s->text != '{') {
		bad_entry(s, e, "expected { in a line of its own, not \"%.60s\"", s->text);
		s->again = true;
		return;
	}
	rest = skip_blanks(s->text + 1);
	if (*rest == '#' && rest > s->text + 1)
		tell(s, FOREIGN_WARNING, NULL,
		     "a comment behind { is one here; xinetd does not know such comments");
	else if (*rest)
		bad_entry(s, e, "expected { alone in its line, not \"%.60s\"", s->text);
}

static struct xinetd_entry *begin_entry(struct source *s, const struct strlist *words, bool *opened);

/* A `}` is missing: xinetd drops everything up to the next one, which is that of the second entry. */
static struct xinetd_entry *
nested_entry(struct source *s, size_t outer, const struct strlist *words)
{
	struct xinetd_entries *all = s->p->entries;
	struct xinetd_entry *e;
	bool opened;

	bad_entry(s, &all->items[outer], "expected } in front of \"%.60s\"", s->text);
	e = begin_entry(s, words, &opened);
	bad_entry(s, e, "begins within the entry of line %d, which has no }", all->items[outer].line);
	if (opened)
		return e;
	if (next_line(s) && *s->text != '{')
		s->again = true;
	return e;
}

static void
read_entry(struct source *s, const struct strlist *head)
{
	struct xinetd_entries *all = s->p->entries;
	bool opened;
	struct xinetd_entry *e = begin_entry(s, head, &opened);

	if (!opened)
		open_entry(s, e);
	while (next_line(s)) {
		struct strlist words = { 0 };

		if (*s->text == '}') {
			close_entry(s, e);
			return;
		}
		split_head(s->text, &words);
		if (is_head(&words))
			e = nested_entry(s, (size_t)(e - all->items), &words);
		else
			read_setting(s, e);
		strlist_clear(&words);
	}
	if (e->bad)
		return;
	bad_entry(s, e, "has no } at its end");
	e->bad_line = e->line;
}

/* `service NAME` or `defaults`; *opened: with the { behind it. */
static struct xinetd_entry *
begin_entry(struct source *s, const struct strlist *words, bool *opened)
{
	bool is_service = is_word(words, 0, "service");
	struct strlist w = { 0 };
	struct xinetd_entry *e;
	size_t n = is_service ? 2 : 1;

	strlist_copy(&w, words);
	if (is_nearly_defaults(&w))
		tell(s, FOREIGN_WARNING, NULL, "is taken for defaults; xinetd does not read it");
	if (drop_comment(&w, 1))
		tell(s, FOREIGN_WARNING, NULL,
		     "what stands behind # is a comment here; xinetd does not know such comments");
	*opened = w.n > 1 && strcmp(w.items[w.n - 1], "{") == 0;
	if (*opened) {
		tell(s, FOREIGN_WARNING, NULL, "xinetd wants { in a line of its own and drops this entry");
		w.n--;
	}
	e = add_entry(s, !is_service ? NULL : w.n > 1 ? w.items[1] : "unnamed");
	if (w.n < n)
		bad_entry(s, e, "expected the name of a service");
	else if (w.n > n)
		bad_entry(s, e, "expected nothing more than \"%s%s%s\" in this line", w.items[0],
			  is_service ? " " : "", is_service ? w.items[1] : "");
	if (s->odd)
		bad_entry(s, e, "there is a control character in the line");
	w.n += *opened;
	strlist_clear(&w);
	return e;
}

/* --- what stands outside of entries --- */

/* To the `}`, or to the head of an entry: if that is lost as well, so may be who is kept out. */
static void
skip_block(struct source *s)
{
	while (!s->again && next_line(s)) {
		struct strlist words = { 0 };

		if (*s->text == '}')
			return;
		split_head(s->text, &words);
		s->again = is_head(&words);
		strlist_clear(&words);
	}
}

static void
stray_text(struct source *s)
{
	if (!s->stray)
		foreign_remark(s->p->out, FOREIGN_ERROR, s->file, s->line, NULL, NULL,
			       "expected service, defaults, include or includedir, not \"%.60s\"", s->text);
	s->stray = true;
	if (*s->text == '{') {
		skip_block(s);
		s->stray = false;
	}
}

static char *
beside(const struct source *s, const char *path)
{
	const char *slash = strrchr(s->file, '/');

	if (*path == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - s->file), s->file, path);
}

/* Of the names in a folder, those that are read: the others are packages' and editors' copies. */
static int
is_read(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return !strchr(d->d_name, '.') && d->d_name[len - 1] != '~';
}

static int
has_a_dot(const struct dirent *d)
{
	return *d->d_name != '.' && strchr(d->d_name, '.') != NULL;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
tell_skipped(const struct source *s, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, has_a_dot, by_bytes);

	for (int i = 0; i < n; i++) {
		foreign_remark(s->p->out, FOREIGN_NOTE, s->file, s->line, NULL, "includedir",
			       "%s/%s is not read, because its name has a dot", dir, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void
include_dir(struct source *s, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_read, by_bytes);

	if (n < 0) {
		foreign_remark(s->p->out, FOREIGN_WARNING, s->file, s->line, NULL, "includedir", "%s: %s",
			       dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		struct stat st;

		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
			foreign_remark(s->p->out, FOREIGN_WARNING, s->file, s->line, NULL, "includedir",
				       "%s is not read, because it is no plain file", path);
		else
			parse_file(s->p, path, s);
		free(path);
		free(names[i]);
	}
	free(names);
	tell_skipped(s, dir);
}

static void
include(struct source *s, const struct strlist *words)
{
	struct strlist w = { 0 };
	char *path = NULL;

	strlist_copy(&w, words);
	if (drop_comment(&w, 1))
		tell(s, FOREIGN_WARNING, NULL,
		     "what stands behind # is a comment here; xinetd does not know such comments");
	if (w.n != 2 || s->odd) {
		tell(s, FOREIGN_ERROR, NULL, "expected one path");
	} else {
		path = beside(s, w.items[1]);
		if (is_word(&w, 0, "include"))
			parse_file(s->p, path, s);
		else
			include_dir(s, path);
	}
	free(path);
	strlist_clear(&w);
}

static void
defaults_entry(struct source *s, const struct strlist *words)
{
	struct xinetd_entries *all = s->p->entries;
	size_t i = all->n;

	read_entry(s, words);
	all->items[i].skipped = s->has_defaults;
	if (s->has_defaults)
		foreign_remark(s->p->out, FOREIGN_ERROR, s->file, all->items[i].line, NULL, NULL,
			       "a second defaults entry in a file is not read; move it into the first one");
	s->has_defaults = true;
}

static void
parse_text(struct source *s)
{
	while (next_line(s)) {
		struct strlist words = { 0 };

		split_head(s->text, &words);
		if (is_word(&words, 0, "service"))
			read_entry(s, &words);
		else if (is_defaults(&words))
			defaults_entry(s, &words);
		else if (is_word(&words, 0, "include") || is_word(&words, 0, "includedir"))
			include(s, &words);
		else
			stray_text(s);
		strlist_clear(&words);
	}
}

/* --- files --- */

/* The text with a NUL behind it, or NULL with errno set. */
static char *
read_whole(int fd, size_t *len)
{
	size_t size = 4096;
	char *text = xrealloc(NULL, size);
	ssize_t n;

	*len = 0;
	while ((n = read(fd, text + *len, size - *len - 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || *len + (size_t)n > FILE_SIZE) {
			errno = n < 0 ? errno : EFBIG;
			free(text);
			return NULL;
		}
		*len += (size_t)n;
		if (size - *len < 2)
			text = xrealloc(text, size *= 2);
	}
	text[*len] = '\0';
	return text;
}

/* What is included must be a plain file: a pipe would never end. */
static char *
read_file(const char *path, bool included, struct file_id *id, size_t *len, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (included ? O_NONBLOCK : 0));
	struct stat st;
	char *text = NULL;

	if (fd < 0 || fstat(fd, &st) < 0) {
		*why = strerror(errno);
	} else if (included && !S_ISREG(st.st_mode)) {
		*why = "no plain file";
	} else {
		*id = (struct file_id){ st.st_dev, st.st_ino };
		text = read_whole(fd, len);
		if (!text)
			*why = strerror(errno);
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static const char *
why_not_again(const struct parser *p, const struct file_id *id)
{
	for (int i = 0; i < p->depth; i++)
		if (p->open[i].dev == id->dev && p->open[i].ino == id->ino)
			return "includes itself";
	if (p->depth == DEPTH)
		return "too many files include each other";
	return p->nfiles == FILES ? "too many files" : NULL;
}

static void
cannot_read(struct parser *p, const char *path, const struct source *from, const char *why)
{
	if (from) {
		foreign_remark(p->out, FOREIGN_ERROR, from->file, from->line, NULL, "include", "%s: %s", path,
			       why);
		return;
	}
	p->out->unreadable = true;
	foreign_remark(p->out, FOREIGN_ERROR, foreign_file(p->out, path), 0, NULL, NULL, "%s", why);
}

/* A byte order mark, as some editors put it in front, and zero bytes, which would end a line. */
static char *
clean(struct source *s, char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '\001'; /* as odd as that */
	if (strncmp(text, "\xef\xbb\xbf", 3) != 0)
		return text;
	s->line = 1;
	tell(s, FOREIGN_WARNING, NULL, "the byte order mark at the beginning is no part of the text");
	s->line = 0;
	return text + 3;
}

static void
parse_file(struct parser *p, const char *path, const struct source *from)
{
	struct source s = { .p = p };
	struct file_id id = { 0 };
	const char *why = NULL;
	size_t len = 0;
	char *text = read_file(path, from != NULL, &id, &len, &why);

	if (text)
		why = why_not_again(p, &id);
	if (why) {
		cannot_read(p, path, from, why);
		free(text);
		return;
	}
	p->nfiles++;
	p->open[p->depth++] = id;
	s.file = foreign_file(p->out, path);
	s.next = clean(&s, text, len);
	parse_text(&s);
	p->depth--;
	free(text);
}

void
xinetd_parse(const char *path, struct xinetd_entries *entries, struct foreign *out)
{
	struct parser p = { .entries = entries, .out = out };

	parse_file(&p, path, NULL);
}

void
xinetd_entries_clear(struct xinetd_entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		for (size_t j = 0; j < e->items[i].settings.n; j++) {
			free(e->items[i].settings.items[j].name);
			strlist_clear(&e->items[i].settings.items[j].values);
		}
		free(e->items[i].settings.items);
		free(e->items[i].name);
		free(e->items[i].bad);
	}
	free(e->items);
	*e = (struct xinetd_entries){ 0 };
}
