#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/foreign/foreign.h"
#include "core/foreign/inetd_entry.h"
#include "core/foreign/slurp.h"

/* The grammar of inetd.conf: an entry is a line of words (all inetds) or NAME on KEY = VALUES, …;
 * (NetBSD). What the words mean is the business of inetd_entry.c. */

enum { DEEPEST_INCLUDE = 16 };

struct reader {
	struct foreign *out;
	struct inetd_entry *entries;
	size_t nentries;
	bool told_rate;
};

/* A place in a file. */
struct source {
	struct reader *reader;
	const struct source *parent; /* the file that includes this one */
	const char *file;
	const char *p;
	int line;
	struct strlist hosts; /* of the last line that was a host alone */
	int bad_hosts;        /* a line that was to be such a one; 0 if there is none */
	bool quoted;          /* a word of the entry was in quotes */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static const char *
skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

static bool
is_line_end(const char *p)
{
	return !*p || *p == '\n' || (*p == '\r' && (p[1] == '\n' || !p[1]));
}

static size_t
word_length(const char *p)
{
	size_t n = 0;

	while (!is_blank(p[n]) && !is_line_end(p + n))
		n++;
	return n;
}

static void
skip_line(struct source *s)
{
	while (*s->p && *s->p != '\n')
		s->p++;
	if (*s->p) {
		s->p++;
		s->line++;
	}
}

static void
remark(const struct source *s, enum foreign_kind kind, int line, const char *service, const char *key,
       const char *message)
{
	char *clean = one_line(message), *name = service ? one_line(service) : NULL;

	foreign_remark(s->reader->out, kind, s->file, line, name, key, "%s", clean);
	free(name);
	free(clean);
}

static bool
is_one_of(const char *word, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && strncmp(word, *words, len) == 0)
			return true;
	return false;
}

static bool
is_socktype(const char *word, size_t len)
{
	static const char *const types[] = { "stream", "dgram", "raw",        "rdm",        "seqpacket",
					     "tli",    "xti",   "sunrpc_tcp", "sunrpc_udp", NULL };
	size_t n = 0;

	while (n < len && word[n] != ',' && word[n] != ':')
		n++;
	return is_one_of(word, n, types);
}

static bool
is_switch(const char *word, size_t len)
{
	static const char *const words[] = { "on", "off", NULL };

	return is_one_of(word, len, words);
}

/* Whether an entry of its own begins here: its second word tells. */
static bool
begins_entry(const char *p)
{
	p = skip_blanks(p);
	p = skip_blanks(p + word_length(p));
	return is_socktype(p, word_length(p)) || is_switch(p, word_length(p));
}

/* --- words --- */

/* Whether the entry goes on in the line that begins at p: with a blank, which is how inetd does it. */
static bool
continues(const char *p)
{
	const char *word = skip_blanks(p);

	return word != p && !is_line_end(word) && *word != '#' && !begins_entry(p);
}

/* At the end of a line: goes to the next one if it belongs to the entry. */
static bool
next_line_belongs(struct source *s)
{
	if (*s->p == '\r')
		s->p++;
	if (!*s->p)
		return false;
	s->p++;
	s->line++;
	return continues(s->p);
}

/* A word in quotes, which must end on the same line. */
static bool
quoted_word(struct source *s, struct strlist *words)
{
	char quote = *s->p;
	const char *start = ++s->p;
	char *word;

	while (*s->p != quote && !is_line_end(s->p))
		s->p++;
	if (*s->p != quote)
		return false;
	word = xasprintf("%.*s", (int)(s->p - start), start);
	strlist_add(words, word);
	free(word);
	s->p++;
	s->quoted = true;
	return true;
}

/* The words of an entry, up to and with the end of its last line. False: a quote is not closed. */
static bool
read_words(struct source *s, struct strlist *words)
{
	s->quoted = false;
	for (;;) {
		s->p = skip_blanks(s->p);
		if (*s->p == '\\' && is_line_end(s->p + 1)) {
			s->p++;
			skip_line(s);
			if (!*s->p)
				return true;
		} else if (is_line_end(s->p)) {
			if (!next_line_belongs(s))
				return true;
		} else if ((*s->p == '"' || *s->p == '\'') && words->n) {
			if (!quoted_word(s, words)) {
				skip_line(s);
				return false;
			}
		} else {
			size_t len = word_length(s->p);
			char *word;

			/* A backslash at the end of a line is not a part of the word before it. */
			if (len > 1 && s->p[len - 1] == '\\' && is_line_end(s->p + len))
				len--;
			word = xasprintf("%.*s", (int)len, s->p);
			strlist_add(words, word);
			free(word);
			s->p += len;
		}
	}
}

static struct inetd_entry *
add_entry(struct source *s, int line)
{
	struct reader *r = s->reader;

	r->entries = xrealloc(r->entries, (r->nentries + 1) * sizeof(*r->entries));
	r->entries[r->nentries] = (struct inetd_entry){ .file = s->file, .line = line };
	return &r->entries[r->nentries++];
}

/* Other inetds stop a service that is started too often, without having been told to. */
static void
tell_rate(struct source *s, const struct inetd_entry *e)
{
	struct reader *r = s->reader;

	if (r->told_rate || e->refused || e->rate || e->max || e->wait || e->handler)
		return;
	r->told_rate = true;
	remark(s, FOREIGN_NOTE, e->line, NULL, "wait",
	       "other inetds stop a service for ten minutes that is started more than 40 or 256 times in a minute; "
	       "here there is no limit where none is written, and where one is written clients wait");
}

static void
finish_entry(struct source *s, struct inetd_entry *e)
{
	inetd_complete(s->reader->out, e);
	tell_rate(s, e);
}

/* --- an entry of words --- */

static const char *const field_names[] = { "service", "socket type", "protocol", "wait", "user", "program" };
enum { FIELDS = 6 };

static void
too_short(struct source *s, struct inetd_entry *e, const struct strlist *words)
{
	e->service = xstrdup(words->items[0]);
	inetd_bad(s->reader->out, e, field_names[words->n],
		  "is missing: expected SERVICE SOCKET-TYPE PROTOCOL WAIT USER PROGRAM ARGUMENTS");
}

/* Where a line that says where services listen cannot be read, they do not listen everywhere instead. */
static void
check_place(struct source *s, struct inetd_entry *e, const char *service)
{
	if (s->bad_hosts && *service != '/' && !strchr(service, ':') && strncmp(service, "tcpmux/", 7) != 0)
		inetd_bad(s->reader->out, e, "service", "where it listens is not known: see line %d",
			  s->bad_hosts);
}

static bool
has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ')
			return true;
	return false;
}

static void
read_positional(struct source *s, struct inetd_entry *e, const struct strlist *words)
{
	struct foreign *f = s->reader->out;

	if (words->n < 2 || !is_socktype(words->items[1], strlen(words->items[1]))) {
		remark(s, FOREIGN_ERROR, e->line, NULL, "socket type",
		       "is no entry: expected SERVICE SOCKET-TYPE PROTOCOL WAIT USER PROGRAM ARGUMENTS");
		e->refused = true;
		return;
	}
	/* A path as the fifth word is the program of a system that knew no user. */
	if (words->n < FIELDS && !(words->n > 4 && words->items[4][0] == '/')) {
		too_short(s, e, words);
		return;
	}
	inetd_socktype(f, e, words->items[1]);
	inetd_protocol(f, e, words->items[2]);
	check_place(s, e, words->items[0]);
	inetd_service(f, e, words->items[0], &s->hosts);
	inetd_wait(f, e, words->items[3]);
	inetd_user(f, e, words->items[4]);
	e->server = xstrdup(words->n > 5 ? words->items[5] : words->items[4]);
	for (size_t i = FIELDS; i < words->n; i++)
		strlist_add(&e->argv, words->items[i]);
	/* A text whose lines end with a carriage return alone is one line. */
	for (size_t i = 0; i < words->n; i++)
		if (has_control(words->items[i]))
			inetd_bad(f, e, "arguments", "there is a control character in \"%.60s\"",
				  words->items[i]);
	if (s->quoted)
		inetd_say(f, FOREIGN_NOTE, e, "arguments",
			  "quotes keep a word together, as on FreeBSD and NetBSD; other inetds pass them on");
	finish_entry(s, e);
}

/* --- an entry of keys and values --- */

struct keyed {
	struct strlist seen; /* keys */
	char *service, *socktype, *protocol;
	bool has_wait;
};

/* Blanks, ends of lines and comments. */
static void
skip_space(struct source *s)
{
	for (;;) {
		s->p = skip_blanks(s->p);
		if (*s->p != '#' && !is_line_end(s->p))
			return;
		if (!*s->p)
			return;
		skip_line(s);
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Behind a backslash. */
static bool
escape(struct source *s, struct text *t)
{
	static const char codes[] = "\\\\n\nt\tr\r''\"\"";
	char c;

	if (*s->p == 'x' && hex_digit(s->p[1]) >= 0 && hex_digit(s->p[2]) >= 0) {
		c = (char)(hex_digit(s->p[1]) << 4 | hex_digit(s->p[2]));
		if (!c)
			return false;
		text_add(t, &c, 1);
		s->p += 3;
		return true;
	}
	for (const char *code = codes; *code; code += 2) {
		if (*code != *s->p)
			continue;
		text_add(t, code + 1, 1);
		s->p++;
		return true;
	}
	return false;
}

static bool
quoted_part(struct source *s, struct text *t)
{
	char quote = *s->p++;

	while (*s->p != quote) {
		if (is_line_end(s->p))
			return false;
		if (*s->p == '\\') {
			s->p++;
			if (!escape(s, t))
				return false;
		} else {
			text_add(t, s->p++, 1);
		}
	}
	s->p++;
	return true;
}

/* The values behind a "=", up to the "," or ";" that ends them. False: they never end. */
static bool
read_values(struct source *s, struct strlist *values)
{
	for (;;) {
		struct text t = { 0 };
		bool good = true;

		skip_space(s);
		if (!*s->p)
			return false;
		if (*s->p == ',' || *s->p == ';')
			return true;
		text_puts(&t, "");
		while (good && !is_blank(*s->p) && !is_line_end(s->p) && !strchr("#,;", *s->p)) {
			if (*s->p == '"' || *s->p == '\'')
				good = quoted_part(s, &t);
			else
				text_add(&t, s->p++, 1);
		}
		strlist_add(values, t.s);
		text_clear(&t);
		if (!good)
			return false;
	}
}

static bool
has(const struct strlist *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], word) == 0)
			return true;
	return false;
}

static void
yes_or_no(struct foreign *f, struct inetd_entry *e, struct keyed *k, const char *value)
{
	k->has_wait = true;
	e->wait = strcmp(value, "yes") == 0;
	if (!e->wait && strcmp(value, "no") != 0)
		inetd_bad(f, e, "wait", "expected yes or no, not \"%s\"", value);
}

static void
replace(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

static void
use_value(struct source *s, struct inetd_entry *e, struct keyed *k, const char *key, const char *value)
{
	static const char *const keys[] = { "bind",       "socktype", "acceptfilter", "protocol",
					    "sndbuf",     "recvbuf",  "wait",         "service_max",
					    "user",       "group",    "exec",         "ip_max",
					    "accept_max", "args",     "ipsec",        NULL };
	struct foreign *f = s->reader->out;
	const char *near;

	if (strcmp(key, "bind") == 0) {
		inetd_hosts(value, strlen(value), &e->hosts);
		if (!e->hosts.n)
			strlist_add(&e->hosts, "*");
	} else if (strcmp(key, "socktype") == 0) {
		replace(&k->socktype, value);
	} else if (strcmp(key, "protocol") == 0) {
		replace(&k->protocol, value);
	} else if (strcmp(key, "sndbuf") == 0) {
		inetd_size(f, e, key, value, &e->sndbuf);
	} else if (strcmp(key, "recvbuf") == 0) {
		inetd_size(f, e, key, value, &e->rcvbuf);
	} else if (strcmp(key, "wait") == 0) {
		yes_or_no(f, e, k, value);
	} else if (strcmp(key, "service_max") == 0) {
		inetd_count(f, e, key, value, &e->rate);
	} else if (strcmp(key, "ip_max") == 0) {
		inetd_count(f, e, key, value, &e->per_source_rate);
	} else if (strcmp(key, "accept_max") == 0) {
		inetd_count(f, e, key, value, &e->max);
	} else if (strcmp(key, "user") == 0) {
		char *group = e->group;

		e->group = NULL;
		inetd_user(f, e, value);
		if (group && !e->group)
			e->group = group;
		else
			free(group);
	} else if (strcmp(key, "group") == 0) {
		replace(&e->group, value);
	} else if (strcmp(key, "exec") == 0) {
		replace(&e->server, value);
	} else if (strcmp(key, "acceptfilter") == 0) {
		inetd_say(f, FOREIGN_WARNING, e, key, "is not kept; defer_accept is what comes closest");
	} else {
		near = text_nearest(key, keys);
		inetd_bad(f, e, key, "is unknown%s%s%s", near ? "; did you mean " : "", near ? near : "",
			  near ? "?" : "");
	}
}

static void
use_key(struct source *s, struct inetd_entry *e, struct keyed *k, const char *key,
	const struct strlist *values)
{
	struct foreign *f = s->reader->out;

	if (has(&k->seen, key)) {
		inetd_bad(f, e, key, "is given twice");
		return;
	}
	strlist_add(&k->seen, key);
	if (strcmp(key, "args") == 0)
		strlist_copy(&e->argv, values);
	else if (strcmp(key, "ipsec") == 0 && values->n)
		inetd_bad(f, e, key,
			  "IPsec policies are not set by evinetd; without it the service would be open");
	else if (strcmp(key, "ipsec") == 0)
		; /* switches it off */
	else if (values->n != 1)
		inetd_bad(f, e, key, "expected one value, not %zu", values->n);
	else
		use_value(s, e, k, key, values->items[0]);
}

/* KEY = VALUES and the "," or ";" behind it. False: the entry cannot be read any further. */
static bool
read_key(struct source *s, struct inetd_entry *e, struct keyed *k, bool *last)
{
	struct strlist values = { 0 };
	const char *start;
	char *key;
	bool good;

	skip_space(s);
	for (start = s->p; (*s->p >= 'a' && *s->p <= 'z') || (*s->p >= 'A' && *s->p <= 'Z') || *s->p == '_';)
		s->p++;
	key = xasprintf("%.*s", (int)(s->p - start), start);
	skip_space(s);
	good = *key && *s->p == '=';
	if (good) {
		s->p++;
		good = read_values(s, &values);
	}
	if (good) {
		use_key(s, e, k, key, &values);
		*last = *s->p++ == ';';
	}
	strlist_clear(&values);
	free(key);
	return good;
}

/* After what cannot be read: to the ";" that ends the entry, or to where the next one begins, if
 * it was forgotten. */
static void
skip_keyed(struct source *s)
{
	if (s->p[-1] == '\n' && begins_entry(s->p))
		return;
	while (*s->p) {
		if (*s->p == ';') {
			s->p++;
			return;
		}
		if (*s->p == '\n') {
			skip_line(s);
			if (!is_blank(*s->p) && begins_entry(s->p))
				return;
			continue;
		}
		s->p++;
	}
}

static void
complete_keyed(struct source *s, struct inetd_entry *e, struct keyed *k)
{
	struct foreign *f = s->reader->out;
	struct strlist bound = { 0 };
	bool internal = !e->server || strcmp(e->server, "internal") == 0;

	if (!k->protocol)
		inetd_bad(f, e, "protocol", "is missing");
	if (!k->has_wait && !internal)
		inetd_bad(f, e, "wait", "is missing");
	if (!e->user)
		inetd_bad(f, e, "user", "is missing");
	if (!k->protocol)
		return;
	inetd_socktype(f, e,
		       k->socktype                          ? k->socktype
		       : strstr(k->protocol, "udp") != NULL ? "dgram"
							    : "stream");
	inetd_protocol(f, e, k->protocol);
	bound = e->hosts;
	e->hosts = (struct strlist){ 0 };
	if (!bound.n)
		check_place(s, e, k->service);
	free(e->service);
	e->service = NULL;
	inetd_service(f, e, k->service, bound.n ? &bound : &s->hosts);
	strlist_clear(&bound);
	if (!e->server)
		e->server = xstrdup("internal");
	finish_entry(s, e);
}

/* NAME on|off KEY = VALUES, …; */
static void
read_keyed(struct source *s)
{
	struct inetd_entry *e = add_entry(s, s->line);
	size_t len = word_length(s->p);
	struct keyed k = { .service = xasprintf("%.*s", (int)len, s->p) };
	bool on, last = false;

	e->service = xstrdup(k.service);
	s->p = skip_blanks(s->p + len);
	on = word_length(s->p) == 2;
	s->p += word_length(s->p);
	while (!last && read_key(s, e, &k, &last))
		;
	if (!last) {
		inetd_bad(s->reader->out, e, NULL,
			  "expected KEY = VALUE, ... and a \";\" at the end, see line %d", s->line);
		skip_keyed(s);
	} else if (on) {
		complete_keyed(s, e, &k);
	}
	if (!on) {
		inetd_say(s->reader->out, FOREIGN_NOTE, e, NULL, "is switched off");
		inetd_entry_clear(e);
		s->reader->nentries--;
	}
	strlist_clear(&k.seen);
	free(k.service);
	free(k.socktype);
	free(k.protocol);
}

/* --- lines --- */

static void read_file(struct reader *, const char *path, const struct source *parent);

/* Debian's update-inetd switches an entry off this way; "#@" is an IPsec policy for what follows. */
static void
read_comment(struct source *s)
{
	static const char off[] = "#<off>#";
	const char *word;
	char *name;

	if (strncmp(s->p, off, strlen(off)) == 0) {
		word = skip_blanks(s->p + strlen(off));
		name = xasprintf("%.*s", (int)word_length(word), word);
		if (*name)
			remark(s, FOREIGN_NOTE, s->line, name, NULL, "is switched off");
		free(name);
	} else if (s->p[1] == '@' && !is_line_end(skip_blanks(s->p + 2))) {
		remark(s, FOREIGN_WARNING, s->line, NULL, "IPsec",
		       "this policy is not set by evinetd: the services below it are as open as the machine is");
	}
	skip_line(s);
}

static void
include_matches(struct source *s, int line, const char *pattern)
{
	const char *slash = strrchr(s->file, '/');
	char *path = *pattern == '/' || !slash
			     ? xstrdup(pattern)
			     : xasprintf("%.*s/%s", (int)(slash - s->file), s->file, pattern);
	glob_t g;

	if (glob(path, 0, NULL, &g) != 0) {
		remark(s, FOREIGN_ERROR, line, NULL, ".include", "there is no such file");
	} else {
		for (size_t i = 0; i < g.gl_pathc; i++)
			read_file(s->reader, g.gl_pathv[i], s);
		globfree(&g);
	}
	free(path);
}

/* NetBSD: .include "PATTERN" */
static void
read_directive(struct source *s)
{
	struct strlist words = { 0 };
	int line = s->line;

	if (!read_words(s, &words))
		remark(s, FOREIGN_ERROR, line, NULL, ".include", "a quote is not closed");
	else if (!words.n || strcmp(words.items[0], ".include") != 0)
		remark(s, FOREIGN_ERROR, line, NULL, NULL, "expected .include \"FILE\"");
	else if (words.n != 2)
		remark(s, FOREIGN_ERROR, line, NULL, ".include", "expected one file, or a pattern of files");
	else
		include_matches(s, line, words.items[1]);
	strlist_clear(&words);
}

/* HOST,HOST: for the services below. False: it is another line. */
static bool
read_hosts(struct source *s, int line, const struct strlist *words)
{
	const char *word = words->items[0];
	bool apart = words->n > 1 && strcmp(words->items[1], ":") == 0;
	size_t len = strlen(word), used = apart ? 2 : 1;

	if (!apart && (len < 2 || word[len - 1] != ':'))
		return false;
	if (words->n > used && *words->items[used] != '#') {
		s->bad_hosts = line;
		return false;
	}
	if (words->n > used)
		remark(s, FOREIGN_WARNING, line, NULL, NULL,
		       "what stands behind # is a comment here; inetd does not know such comments");
	s->bad_hosts = 0;
	inetd_hosts(word, apart ? len : len - 1, &s->hosts);
	return true;
}

static void
read_line(struct source *s)
{
	struct strlist words = { 0 };
	int line = s->line;
	struct inetd_entry *e;

	if (!read_words(s, &words)) {
		e = add_entry(s, line);
		e->service = xstrdup(words.items[0]);
		inetd_bad(s->reader->out, e, "arguments", "a quote is not closed");
		strlist_clear(&words);
		return;
	}
	if (words.n && !read_hosts(s, line, &words)) {
		e = add_entry(s, line);
		read_positional(s, e, &words);
	}
	strlist_clear(&words);
}

static void
read_source(struct source *s)
{
	bool entry_before = false;

	while (*s->p) {
		const char *word = skip_blanks(s->p);
		const char *second = skip_blanks(word + word_length(word));
		bool indented = word != s->p;

		s->p = word;
		if (is_line_end(word)) {
			skip_line(s);
			entry_before = false;
			continue;
		}
		if (*word == '#') {
			read_comment(s);
			entry_before = false;
			continue;
		}
		if (indented && entry_before)
			remark(s, FOREIGN_WARNING, s->line, NULL, NULL,
			       "is taken for an entry of its own; inetd takes a line that begins with a blank for the rest "
			       "of the one before");
		if (*word == '.')
			read_directive(s);
		else if (is_switch(second, word_length(second)))
			read_keyed(s);
		else
			read_line(s);
		entry_before = true;
	}
}

/* --- files --- */

static bool
is_open_already(const struct source *parent, const char *path)
{
	char real[PATH_MAX], other[PATH_MAX];

	if (!realpath(path, real))
		return false;
	for (; parent; parent = parent->parent)
		if (realpath(parent->file, other) && strcmp(real, other) == 0)
			return true;
	return false;
}

static int
depth_of(const struct source *s)
{
	int depth = 0;

	for (; s; s = s->parent)
		depth++;
	return depth;
}

static void
read_file(struct reader *r, const char *path, const struct source *parent)
{
	struct source s = { .reader = r, .parent = parent, .file = foreign_file(r->out, path), .line = 1 };
	struct text t = { 0 };
	struct error err;

	if (is_open_already(parent, path)) {
		remark(&s, FOREIGN_ERROR, 0, NULL, ".include", "includes itself");
	} else if (depth_of(parent) >= DEEPEST_INCLUDE) {
		remark(&s, FOREIGN_ERROR, 0, NULL, ".include", "is included too deeply");
	} else if (slurp(path, &t, &err) < 0) {
		remark(&s, FOREIGN_ERROR, 0, NULL, NULL, err.text);
		r->out->unreadable |= !parent;
	} else {
		if (parent) {
			strlist_copy(&s.hosts, &parent->hosts);
			s.bad_hosts = parent->bad_hosts;
		}
		/* Some editors leave a mark at the beginning. */
		s.p = strncmp(t.s, "\xef\xbb\xbf", 3) == 0 ? t.s + 3 : t.s;
		read_source(&s);
	}
	strlist_clear(&s.hosts);
	text_clear(&t);
}

static int
no_hidden(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && d->d_name[len - 1] != '~';
}

/* GNU inetd: all files of a folder. */
static void
read_folder(struct reader *r, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, no_hidden, alphasort);
	struct stat st;

	foreign_file(r->out, path);
	r->out->unreadable |= n < 0;
	for (int i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, names[i]->d_name);

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			read_file(r, file, NULL);
		free(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

void
inetd_read(const char *path, struct foreign *out)
{
	struct reader r = { .out = out };
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		read_folder(&r, path);
	else
		read_file(&r, path, NULL);
	inetd_make_services(out, r.entries, r.nentries);
	for (size_t i = 0; i < r.nentries; i++)
		inetd_entry_clear(&r.entries[i]);
	free(r.entries);
}
