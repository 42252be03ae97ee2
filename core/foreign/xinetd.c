#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/foreign/xinetd.h"

/* Which entries become services, and under which name. */

struct conversion {
	struct foreign *out;
	const struct xinetd_entries *entries;
	struct xinetd_settings defaults; /* borrowed: all that a service can inherit, in the order written */
	const char *bad_file;            /* what is wrong with the defaults as a whole, or NULL */
	int bad_line;
	bool has_enabled;
	struct strlist enabled, disabled; /* ids */
	struct enabled_id {
		const struct xinetd_setting *by;
		bool found;
	} * marks;      /* one for each of the enabled */
	bool has_rules; /* libwrap has something to say */
};

/* --- defaults --- */

static void
defaults_remark(struct conversion *c, enum foreign_kind kind, const struct xinetd_setting *t,
		const char *text)
{
	foreign_remark(c->out, kind, t->file, t->line, NULL, t->name, "%s", text);
}

/* What is switched off by a list with commas was meant to be off. */
static void
disabled_ids(struct conversion *c, const struct xinetd_setting *t, const char *word)
{
	char *copy = xstrdup(word), *rest = copy, *id;

	if (strchr(word, ','))
		defaults_remark(c, FOREIGN_WARNING, t, "ends a name at a comma; xinetd takes it as a part");
	while ((id = strsep(&rest, ",")))
		if (*id)
			strlist_add(&c->disabled, id);
	free(copy);
}

/* `-=` takes a service away from those that run, never from those that do not. */
static void
add_ids(struct conversion *c, const struct xinetd_setting *t)
{
	struct strlist *list = t->key == KEY_ENABLED ? &c->enabled : &c->disabled;

	c->has_enabled |= t->key == KEY_ENABLED;
	if (t->op == OP_REMOVE)
		defaults_remark(c, FOREIGN_WARNING, t,
				t->key == KEY_ENABLED ? "-= takes services out; xinetd adds them"
						      : "-= adds to this list, as in xinetd");
	if (t->op == OP_REMOVE)
		list = &c->disabled;
	for (size_t i = 0; i < t->values.n; i++) {
		if (list == &c->disabled) {
			disabled_ids(c, t, t->values.items[i]);
			continue;
		}
		strlist_add(list, t->values.items[i]);
		c->marks = xrealloc(c->marks, list->n * sizeof(*c->marks));
		c->marks[list->n - 1] = (struct enabled_id){ .by = t };
	}
}

static void
bad_defaults(struct conversion *c, const char *file, int line)
{
	if (c->bad_file)
		return;
	c->bad_file = file;
	c->bad_line = line;
}

/* Whether the first value is the word. */
static bool
is_value(const struct xinetd_setting *t, const char *word)
{
	return t && t->values.n == 1 && strcasecmp(t->values.items[0], word) == 0;
}

/* An attribute that nobody knows, or that has no effect in a service. Whether the service would be more open
 * than was meant: then it is an error. */
static bool
unknown(struct foreign *out, const struct xinetd_setting *t, const char *service)
{
	const char *near = xinetd_nearest(t->name);
	enum xinetd_key meant = near ? xinetd_key(near) : KEY_UNKNOWN;
	bool open = xinetd_keeps_out(meant) && (service || xinetd_in_defaults(meant));

	if (service && meant == KEY_ENABLED) {
		near = "disable";
		open = is_value(t, "no");
	}
	foreign_remark(out, open ? FOREIGN_ERROR : FOREIGN_WARNING, t->file, t->line, service, t->name,
		       "is no attribute and has no effect%s%s%s%s", near ? "; did you mean " : "",
		       near ? near : "", near ? "?" : "", open ? " More would be open without it" : "");
	return open;
}

static void
warn_of_comment(struct foreign *out, const struct xinetd_setting *t, const char *service)
{
	if (t->comment)
		foreign_remark(out, FOREIGN_WARNING, t->file, t->line, service, t->name,
			       "what stands behind # is a comment here; xinetd takes it as values");
}

static void
default_setting(struct conversion *c, const struct xinetd_settings *from, size_t i)
{
	const struct xinetd_setting *t = &from->items[i];
	struct xinetd_settings *all = &c->defaults;

	warn_of_comment(c->out, t, NULL);
	if (t->key == KEY_UNKNOWN) {
		if (unknown(c->out, t, NULL))
			bad_defaults(c, t->file, t->line);
	} else if (!xinetd_in_defaults(t->key)) {
		defaults_remark(c, FOREIGN_WARNING, t, "has no effect in defaults");
	} else if (!xinetd_in_service(t->key)) {
		add_ids(c, t);
	} else {
		all->items = xrealloc(all->items, (all->n + 1) * sizeof(*t));
		all->items[all->n++] = *t;
		if (xinetd_is_repeated(all, all->n - 1))
			defaults_remark(c, FOREIGN_WARNING, t, "was given before, and the first one counts");
		if (t->key == KEY_MDNS)
			defaults_remark(c, FOREIGN_WARNING, t, "has no effect");
		if (!t->values.n && !xinetd_is_list(t->key) && xinetd_check(t, NULL) == 0)
			defaults_remark(c, FOREIGN_WARNING, t,
					"has no value, which is as if it were not there");
	}
}

static void
gather_defaults(struct conversion *c)
{
	for (size_t i = 0; i < c->entries->n; i++) {
		const struct xinetd_entry *e = &c->entries->items[i];

		if (e->name || e->skipped)
			continue;
		for (size_t j = 0; j < e->settings.n; j++)
			default_setting(c, &e->settings, j);
		if (!e->bad)
			continue;
		foreign_remark(c->out, FOREIGN_ERROR, e->file, e->bad_line, NULL, NULL, "defaults: %s",
			       e->bad);
		bad_defaults(c, e->file, e->bad_line);
	}
}

/* --- which services run --- */

static const struct xinetd_setting *
find_setting(const struct xinetd_entry *e, enum xinetd_key key)
{
	for (size_t i = 0; i < e->settings.n; i++)
		if (e->settings.items[i].key == key)
			return &e->settings.items[i];
	return NULL;
}

static const char *
id_of(const struct xinetd_entry *e)
{
	const struct xinetd_setting *id = find_setting(e, KEY_ID);

	return id && id->values.n == 1 ? id->values.items[0] : e->name;
}

static size_t
index_of(const struct strlist *ids, const char *id)
{
	size_t i = 0;

	while (i < ids->n && strcasecmp(ids->items[i], id) != 0)
		i++;
	return i;
}

/* Why an entry is no service at all, or NULL. */
static const char *
why_off(struct conversion *c, const struct xinetd_entry *e)
{
	const char *id = id_of(e);
	size_t i = index_of(&c->enabled, id);

	if (i < c->enabled.n)
		c->marks[i].found = true;
	if (is_value(find_setting(e, KEY_DISABLE), "yes"))
		return "is off: disable = yes";
	if (c->has_enabled && i == c->enabled.n)
		return "is off: it is not in the list of enabled services";
	if (index_of(&c->disabled, id) < c->disabled.n)
		return "is off: it is in the list of disabled services";
	return NULL;
}

static void
note_off(struct conversion *c, const struct xinetd_entry *e, const char *why)
{
	const struct xinetd_setting *disable = find_setting(e, KEY_DISABLE);

	if (disable)
		warn_of_comment(c->out, disable, id_of(e));
	if (disable && disable->op != OP_SET)
		foreign_remark(c->out, FOREIGN_WARNING, disable->file, disable->line, id_of(e), disable->name,
			       "is taken as disable = yes; xinetd overlooks such an operator");
	foreign_remark(c->out, FOREIGN_NOTE, e->file, e->line, id_of(e), NULL, "%s", why);
	if (e->bad)
		foreign_remark(c->out, FOREIGN_WARNING, e->file, e->bad_line, id_of(e), NULL, "%s", e->bad);
}

/* --- names --- */

enum { NAME_MAX_LENGTH = 64 };

/* As the names of services have to be. */
static void
good_name(const char *id, char *name, size_t size)
{
	size_t i = 0;

	for (; i < size - 1 && id[i]; i++) {
		unsigned char b = (unsigned char)id[i];

		name[i] = id[i];
		if (b <= ' ' || b >= 0x7f || strchr(":\"\\=", b))
			name[i] = '_';
	}
	name[i] = '\0';
}

static bool
is_taken(const struct foreign *out, const char *name)
{
	for (size_t i = 0; i < out->nservices; i++)
		if (strcmp(out->services[i].name, name) == 0)
			return true;
	return false;
}

/* The id, made good and unique. */
static void
choose_name(const struct foreign *out, const char *id, char name[NAME_MAX_LENGTH + 1])
{
	char base[NAME_MAX_LENGTH - 8];
	unsigned n = 1;

	good_name(id, name, NAME_MAX_LENGTH + 1);
	good_name(id, base, sizeof(base));
	while (is_taken(out, name))
		snprintf(name, NAME_MAX_LENGTH + 1, "%s-%u", base, ++n);
}

/* --- a service --- */

static void
check_setting(struct xinetd_service *s, size_t i)
{
	const struct xinetd_setting *t = &s->entry->settings.items[i];
	struct error err;

	warn_of_comment(s->out, t, s->to->name);
	if (t->key == KEY_UNKNOWN)
		s->to->refused |= unknown(s->out, t, s->to->name);
	else if ((t->key == KEY_DISABLED && !is_value(t, "no")) ||
		 (t->key == KEY_ENABLED && is_value(t, "no")))
		xinetd_refuse(s, t, "has an effect in defaults only; did you mean disable = yes?");
	else if (!xinetd_in_service(t->key))
		xinetd_warn(s, t, "has an effect in defaults only");
	else if (xinetd_is_repeated(&s->entry->settings, i))
		xinetd_warn(s, t, "was given before, and the first one counts");
	else if (xinetd_check(t, &err) < 0)
		xinetd_refuse(s, t, "%s", err.text);
	else if (t->key == KEY_MDNS)
		xinetd_warn(s, t, "has no effect");
	else if (!t->values.n && !xinetd_is_list(t->key))
		xinetd_warn(s, t, "has no value, which is as if it were not there");
}

static void
add_service(struct conversion *c, const struct xinetd_entry *e)
{
	struct xinetd_service s = {
		.out = c->out, .entry = e, .defaults = &c->defaults, .has_rules = c->has_rules
	};
	const struct xinetd_setting *disable = find_setting(e, KEY_DISABLE);
	char name[NAME_MAX_LENGTH + 1];

	choose_name(c->out, id_of(e), name);
	s.to = foreign_add_service(c->out, name, e->file, e->line);
	if (strcmp(name, id_of(e)) != 0)
		xinetd_row1(&s, find_setting(e, KEY_ID), NULL, "id", "%s", id_of(e));
	if (e->bad) {
		foreign_remark(c->out, FOREIGN_ERROR, e->file, e->bad_line, name, NULL, "%s", e->bad);
		s.to->refused = true;
	}
	if (c->bad_file)
		xinetd_refuse(&s, NULL,
			      "is refused, because the defaults it would inherit are not right (%s:%d)",
			      c->bad_file, c->bad_line);
	for (size_t i = 0; i < e->settings.n; i++)
		check_setting(&s, i);
	if (disable && disable->values.n == 1 && strcasecmp(disable->values.items[0], "no") != 0)
		xinetd_refuse(&s, disable, "expected yes or no, not \"%.60s\"", disable->values.items[0]);
	xinetd_run_rows(&s);
	xinetd_limit_rows(&s);
}

static void
tell_unknown_ids(struct conversion *c)
{
	for (size_t i = 0; i < c->enabled.n; i++)
		if (!c->marks[i].found)
			foreign_remark(c->out, FOREIGN_WARNING, c->marks[i].by->file, c->marks[i].by->line,
				       NULL, "enabled", "there is no service \"%.60s\"", c->enabled.items[i]);
}

static void
add_services(struct conversion *c)
{
	size_t before = c->out->nservices;

	for (size_t i = 0; i < c->entries->n; i++) {
		const struct xinetd_entry *e = &c->entries->items[i];
		const char *off = e->name ? why_off(c, e) : NULL;

		if (off)
			note_off(c, e, off);
		else if (e->name)
			add_service(c, e);
	}
	tell_unknown_ids(c);
	if (c->out->nservices > before)
		foreign_remark(c->out, FOREIGN_NOTE, c->out->services[before].file,
			       c->out->services[before].line, NULL, "cps",
			       "xinetd's own limit, 50 connections a second, holds only where cps is given");
	free(c->marks);
}

void
xinetd_read(const char *path, struct foreign *out)
{
	struct xinetd_entries entries = { 0 };
	struct conversion c = { .out = out, .entries = &entries };

	xinetd_parse(path, &entries, out);
	c.has_rules = xinetd_has_rules();
	setservent(1); /* /etc/services stays open */
	gather_defaults(&c);
	add_services(&c);
	endservent();
	free(c.defaults.items);
	strlist_clear(&c.enabled);
	strlist_clear(&c.disabled);
	xinetd_entries_clear(&entries);
}
