#include "core/policy/slots.h"

#include <stdlib.h>

#include "core/base/text.h"

struct slot_count {
	struct slot_count *next;
	struct source source;
	int taken;
};

void
slots_init(struct slots *s, int max, int per_source)
{
	*s = (struct slots){ .max = max, .per_source = per_source };
}

void
slots_limit_prefixes(struct slots *s, int per_prefix, int ipv4_bits, int ipv6_bits)
{
	s->per_prefix = per_prefix;
	s->prefix_ipv4 = ipv4_bits;
	s->prefix_ipv6 = ipv6_bits;
}

static void
free_list(struct slot_count *c)
{
	while (c) {
		struct slot_count *next = c->next;

		free(c);
		c = next;
	}
}

static void
clear_table(struct slot_table *t)
{
	for (size_t i = 0; i < t->buckets; i++)
		free_list(t->table[i]);
	free_list(t->unused);
	free(t->table);
}

void
slots_clear(struct slots *s)
{
	clear_table(&s->by_source);
	clear_table(&s->by_prefix);
	*s = (struct slots){ 0 };
}

static struct slot_count **
find(const struct slot_table *t, const struct source *src)
{
	struct slot_count **c = &t->table[source_hash(src) & (t->buckets - 1)];

	while (*c && !source_equal(&(*c)->source, src))
		c = &(*c)->next;
	return c;
}

static void
grow(struct slot_table *t)
{
	struct slot_count **old = t->table;
	size_t n = t->buckets;

	t->buckets = n ? n * 2 : 64;
	t->table = xcalloc(t->buckets, sizeof(struct slot_count *));
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct slot_count *c = old[i];
			struct slot_count **place;

			old[i] = c->next;
			place = &t->table[source_hash(&c->source) & (t->buckets - 1)];
			c->next = *place;
			*place = c;
		}
	}
	free(old);
}

static int
taken_by(const struct slot_table *t, const struct source *src)
{
	const struct slot_count *c = t->table ? *find(t, src) : NULL;

	return c ? c->taken : 0;
}

static struct slot_count *
new_count(struct slot_table *t, const struct source *src)
{
	struct slot_count *c = t->unused;

	if (c)
		t->unused = c->next;
	else
		c = xcalloc(1, sizeof(*c));
	*c = (struct slot_count){ .source = *src };
	return c;
}

static void
count(struct slot_table *t, const struct source *src)
{
	struct slot_count **place;

	if (t->sources >= t->buckets)
		grow(t);
	place = find(t, src);
	if (!*place) {
		*place = new_count(t, src);
		t->sources++;
	}
	(*place)->taken++;
}

static void
count_down(struct slot_table *t, const struct source *src)
{
	struct slot_count **place, *c;

	if (!t->table)
		return;
	place = find(t, src);
	c = *place;
	if (c && --c->taken == 0) {
		*place = c->next;
		c->next = t->unused;
		t->unused = c;
		t->sources--;
	}
}

bool
slots_full(const struct slots *s)
{
	return s->max > 0 && s->taken >= s->max;
}

bool
slots_source_full(const struct slots *s, const struct source *src)
{
	return s->per_source > 0 && taken_by(&s->by_source, src) >= s->per_source;
}

static struct source
network(const struct slots *s, const struct source *src)
{
	return source_network(src, s->prefix_ipv4, s->prefix_ipv6);
}

bool
slots_prefix_full(const struct slots *s, const struct source *src)
{
	struct source net;

	if (s->per_prefix == 0)
		return false;
	net = network(s, src);
	return taken_by(&s->by_prefix, &net) >= s->per_prefix;
}

void
slots_take(struct slots *s, const struct source *src)
{
	s->taken++;
	if (s->per_source > 0)
		count(&s->by_source, src);
	if (s->per_prefix > 0) {
		struct source net = network(s, src);

		count(&s->by_prefix, &net);
	}
}

void
slots_give_back(struct slots *s, const struct source *src)
{
	s->taken--;
	if (s->per_source > 0)
		count_down(&s->by_source, src);
	if (s->per_prefix > 0) {
		struct source net = network(s, src);

		count_down(&s->by_prefix, &net);
	}
}
