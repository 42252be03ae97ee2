#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/foreign/xinetd.h"

/* How many values an attribute has. */
enum { ANY = -1, SOME = -2 };

/* SERVICE, DEFAULTS: the entries that may give it. ADD, REMOVE: the operators beside `=`. */
enum { SERVICE = 1, DEFAULTS = 2, ADD = 4, REMOVE = 8, BOTH = SERVICE | DEFAULTS, LIST = ADD | REMOVE };

static const struct {
	const char *name;
	int values;
	int may;
} attrs[KEY_COUNT] = {
	[KEY_ACCESS_TIMES] = { "access_times", SOME, SERVICE },
	[KEY_BANNER] = { "banner", 1, BOTH },
	[KEY_BANNER_FAIL] = { "banner_fail", 1, BOTH },
	[KEY_BANNER_SUCCESS] = { "banner_success", 1, BOTH },
	[KEY_BIND] = { "bind", 1, BOTH },
	[KEY_CPS] = { "cps", 2, BOTH },
	[KEY_DENY_TIME] = { "deny_time", 1, SERVICE },
	[KEY_DISABLE] = { "disable", 1, SERVICE },
	[KEY_DISABLED] = { "disabled", ANY, DEFAULTS | LIST },
	[KEY_ENABLED] = { "enabled", ANY, DEFAULTS | LIST },
	[KEY_ENV] = { "env", ANY, SERVICE | ADD },
	[KEY_FLAGS] = { "flags", SOME, SERVICE },
	[KEY_GROUP] = { "group", 1, SERVICE },
	[KEY_GROUPS] = { "groups", 1, BOTH },
	[KEY_ID] = { "id", 1, SERVICE },
	[KEY_INSTANCES] = { "instances", 1, BOTH },
	[KEY_INTERFACE] = { "interface", 1, BOTH },
	[KEY_LIBWRAP] = { "libwrap", 1, SERVICE },
	[KEY_LOG_ON_FAILURE] = { "log_on_failure", ANY, BOTH | LIST },
	[KEY_LOG_ON_SUCCESS] = { "log_on_success", ANY, BOTH | LIST },
	[KEY_LOG_TYPE] = { "log_type", SOME, BOTH },
	[KEY_MAX_LOAD] = { "max_load", 1, BOTH },
	[KEY_MDNS] = { "mdns", 1, BOTH },
	[KEY_NICE] = { "nice", 1, SERVICE },
	[KEY_NO_ACCESS] = { "no_access", ANY, BOTH | LIST },
	[KEY_ONLY_FROM] = { "only_from", ANY, BOTH | LIST },
	[KEY_PASSENV] = { "passenv", ANY, BOTH | LIST },
	[KEY_PER_SOURCE] = { "per_source", 1, BOTH },
	[KEY_PORT] = { "port", 1, SERVICE },
	[KEY_PROTOCOL] = { "protocol", 1, SERVICE },
	[KEY_REDIRECT] = { "redirect", 2, SERVICE },
	[KEY_RLIMIT_AS] = { "rlimit_as", 1, SERVICE },
	[KEY_RLIMIT_CPU] = { "rlimit_cpu", 1, SERVICE },
	[KEY_RLIMIT_DATA] = { "rlimit_data", 1, SERVICE },
	[KEY_RLIMIT_FILES] = { "rlimit_files", 1, SERVICE },
	[KEY_RLIMIT_RSS] = { "rlimit_rss", 1, SERVICE },
	[KEY_RLIMIT_STACK] = { "rlimit_stack", 1, SERVICE },
	[KEY_RPC_NUMBER] = { "rpc_number", 1, SERVICE },
	[KEY_RPC_VERSION] = { "rpc_version", 1, SERVICE },
	[KEY_SERVER] = { "server", 1, SERVICE },
	[KEY_SERVER_ARGS] = { "server_args", SOME, SERVICE },
	[KEY_SOCKET_TYPE] = { "socket_type", 1, SERVICE },
	[KEY_TYPE] = { "type", SOME, SERVICE },
	[KEY_UMASK] = { "umask", 1, BOTH },
	[KEY_USER] = { "user", 1, SERVICE },
	[KEY_V6ONLY] = { "v6only", 1, BOTH },
	[KEY_WAIT] = { "wait", 1, SERVICE },
};

enum xinetd_key
xinetd_key(const char *name)
{
	size_t i = 0;

	while (i < KEY_COUNT && strcmp(attrs[i].name, name) != 0)
		i++;
	return (enum xinetd_key)i;
}

const char *
xinetd_nearest(const char *name)
{
	const char *names[KEY_COUNT + 1] = { NULL };

	/* Nothing that long is near. */
	if (strlen(name) > 32)
		return NULL;
	for (size_t i = 0; i < KEY_COUNT; i++)
		names[i] = attrs[i].name;
	return text_nearest(name, names);
}

bool
xinetd_in_defaults(enum xinetd_key key)
{
	return attrs[key].may & DEFAULTS;
}

bool
xinetd_in_service(enum xinetd_key key)
{
	return attrs[key].may & SERVICE;
}

bool
xinetd_keeps_out(enum xinetd_key key)
{
	return key == KEY_ONLY_FROM || key == KEY_NO_ACCESS || key == KEY_ACCESS_TIMES || key == KEY_BIND ||
	       key == KEY_INTERFACE || key == KEY_LIBWRAP || key == KEY_DISABLE;
}

bool
xinetd_is_list(enum xinetd_key key)
{
	return attrs[key].may & ADD;
}

/* An empty value that is no more than a gap in a form: nothing is narrower without it. */
static bool
may_be_empty(enum xinetd_key key)
{
	return key == KEY_SERVER_ARGS || key == KEY_FLAGS || key == KEY_TYPE || key == KEY_LOG_TYPE;
}

int
xinetd_check(const struct xinetd_setting *t, struct error *err)
{
	int may = attrs[t->key].may, values = attrs[t->key].values;

	if (t->op == OP_ADD && !(may & ADD))
		return error_set(err, 0, "does not take +=");
	if (t->op == OP_REMOVE && !(may & REMOVE))
		return error_set(err, 0, "does not take -=");
	if (values == SOME && t->values.n == 0 && !may_be_empty(t->key))
		return error_set(err, 0, "expected a value");
	if (values == 1 && t->values.n != 1)
		return error_set(err, 0, "expected one value, not %zu", t->values.n);
	if (values == 2 && t->values.n != 2)
		return error_set(err, 0, "expected two values, not %zu", t->values.n);
	return 0;
}

/* Both names of the same. */
static enum xinetd_key
same(enum xinetd_key key)
{
	return key == KEY_INTERFACE ? KEY_BIND : key;
}

bool
xinetd_is_repeated(const struct xinetd_settings *all, size_t i)
{
	enum xinetd_key key = all->items[i].key;

	if (key == KEY_UNKNOWN || attrs[key].may & ADD)
		return false;
	for (size_t j = 0; j < i; j++)
		if (same(all->items[j].key) == same(key))
			return true;
	return false;
}

static const struct xinetd_setting *
find(const struct xinetd_settings *all, enum xinetd_key key)
{
	for (size_t i = 0; i < all->n; i++)
		if (same(all->items[i].key) == key)
			return &all->items[i];
	return NULL;
}

const struct xinetd_setting *
xinetd_get(struct xinetd_service *s, enum xinetd_key key)
{
	const struct xinetd_setting *t = find(&s->entry->settings, key);
	struct error err;

	if (t)
		return xinetd_check(t, NULL) == 0 ? t : NULL; /* told already */
	t = find(s->defaults, key);
	if (!t || xinetd_check(t, &err) == 0)
		return t;
	xinetd_refuse(s, t, "%s", err.text);
	return NULL;
}

const char *
xinetd_value(struct xinetd_service *s, enum xinetd_key key)
{
	const struct xinetd_setting *t = xinetd_get(s, key);

	return t && t->values.n ? t->values.items[0] : NULL;
}

static size_t
index_of(const struct strlist *list, const char *word)
{
	size_t i = 0;

	while (i < list->n && strcmp(list->items[i], word) != 0)
		i++;
	return i;
}

static bool
remove_word(struct strlist *list, const char *word)
{
	size_t i = index_of(list, word);

	if (i == list->n)
		return false;
	free(list->items[i]);
	memmove(&list->items[i], &list->items[i + 1], (list->n - i) * sizeof(*list->items));
	list->n--;
	return true;
}

/* What one setting does to the list. */
static void
fold_setting(struct xinetd_service *s, const struct xinetd_setting *t, xinetd_word_fn *word,
	     struct strlist *out)
{
	if (t->op == OP_SET && !t->inherited)
		strlist_clear(out);
	for (size_t i = 0; i < t->values.n; i++) {
		struct strlist entries = { 0 };

		if (word(s, t, t->values.items[i], &entries) < 0)
			strlist_clear(&entries);
		for (size_t j = 0; j < entries.n; j++) {
			if (t->op != OP_REMOVE && index_of(out, entries.items[j]) == out->n)
				strlist_add(out, entries.items[j]);
			else if (t->op == OP_REMOVE && !remove_word(out, entries.items[j]))
				xinetd_warn(s, t, "%s is not in the list, so it cannot be taken out",
					    entries.items[j]);
		}
		strlist_clear(&entries);
	}
}

const struct xinetd_setting *
xinetd_fold(struct xinetd_service *s, enum xinetd_key key, xinetd_word_fn *word, struct strlist *out)
{
	const struct xinetd_settings *both[] = { s->defaults, &s->entry->settings };
	const struct xinetd_setting *last = NULL;

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < both[i]->n; j++) {
			const struct xinetd_setting *t = &both[i]->items[j];

			if (t->key != key || xinetd_check(t, NULL) < 0)
				continue;
			fold_setting(s, t, word, out);
			last = t;
		}
	}
	return last;
}

int
xinetd_word(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcasecmp(words[i], word) == 0)
			return i;
	return -1;
}

/* --- what is made of them --- */

static bool
was_told(const struct foreign *out, const struct xinetd_setting *t, const char *text)
{
	for (size_t i = 0; i < out->nremarks; i++) {
		const struct foreign_remark *r = &out->remarks[i];

		if (!r->service && r->line == t->line && r->file == t->file && strcmp(r->text, text) == 0)
			return true;
	}
	return false;
}

/* A warning about defaults is told once, not for each service that inherits them. */
static void
remark(struct xinetd_service *s, enum foreign_kind kind, const struct xinetd_setting *t, const char *fmt,
       va_list ap)
{
	bool once = t && t->inherited && kind == FOREIGN_WARNING;
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort(); /* out of memory */
	if (!once || !was_told(s->out, t, text))
		foreign_remark(s->out, kind, t ? t->file : s->entry->file, t ? t->line : s->entry->line,
			       once ? NULL : s->to->name, t ? t->name : NULL, "%s", text);
	free(text);
}

void
xinetd_refuse(struct xinetd_service *s, const struct xinetd_setting *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	remark(s, FOREIGN_ERROR, t, fmt, ap);
	va_end(ap);
	s->to->refused = true;
}

void
xinetd_warn(struct xinetd_service *s, const struct xinetd_setting *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	remark(s, FOREIGN_WARNING, t, fmt, ap);
	va_end(ap);
}

void
xinetd_note(struct xinetd_service *s, const struct xinetd_setting *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	remark(s, FOREIGN_NOTE, t, fmt, ap);
	va_end(ap);
}

void
xinetd_row(struct xinetd_service *s, const struct xinetd_setting *t, const char *section, const char *key,
	   const struct strlist *values)
{
	foreign_row(s->to, section, key, t ? t->file : s->entry->file, t ? t->line : s->entry->line, values);
}

void
xinetd_row1(struct xinetd_service *s, const struct xinetd_setting *t, const char *section, const char *key,
	    const char *fmt, ...)
{
	struct strlist one = { 0 };
	char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		abort(); /* out of memory */
	va_end(ap);
	strlist_add(&one, value);
	xinetd_row(s, t, section, key, &one);
	strlist_clear(&one);
	free(value);
}
