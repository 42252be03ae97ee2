#include "core/policy/slots.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

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
slots_clear(struct slots *s)
{
	for (size_t i = 0; i < s->buckets; i++) {
		while (s->table[i]) {
			struct slot_count *c = s->table[i];

			s->table[i] = c->next;
			free(c);
		}
	}
	while (s->unused) {
		struct slot_count *c = s->unused;

		s->unused = c->next;
		free(c);
	}
	free(s->table);
	*s = (struct slots){ 0 };
}

struct source
source_of(const struct sockaddr *sa, uint32_t uid)
{
	struct source src = { .family = (uint8_t)sa->sa_family };

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(src.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		break;
	case AF_INET6:
		memcpy(src.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		break;
	case AF_UNIX:
		memcpy(src.bytes, &uid, sizeof(uid));
		break;
	default:
		src.family = 0;
	}
	return src;
}

static bool
source_equal(const struct source *a, const struct source *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* FNV-1a. */
static size_t
hash(const struct source *src)
{
	uint64_t h = 14695981039346656037ULL ^ src->family;

	for (size_t i = 0; i < sizeof(src->bytes); i++)
		h = (h ^ src->bytes[i]) * 1099511628211ULL;
	return (size_t)(h ^ (h >> 32));
}

static struct slot_count **
find(const struct slots *s, const struct source *src)
{
	struct slot_count **c = &s->table[hash(src) & (s->buckets - 1)];

	while (*c && !source_equal(&(*c)->source, src))
		c = &(*c)->next;
	return c;
}

static void
grow(struct slots *s)
{
	struct slot_count **old = s->table;
	size_t n = s->buckets;

	s->buckets = n ? n * 2 : 64;
	s->table = xcalloc(s->buckets, sizeof(struct slot_count *));
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct slot_count *c = old[i];
			struct slot_count **place;

			old[i] = c->next;
			place = &s->table[hash(&c->source) & (s->buckets - 1)];
			c->next = *place;
			*place = c;
		}
	}
	free(old);
}

bool
slots_full(const struct slots *s)
{
	return s->max > 0 && s->taken >= s->max;
}

bool
slots_source_full(const struct slots *s, const struct source *src)
{
	const struct slot_count *c;

	if (s->per_source == 0 || !s->table)
		return false;
	c = *find(s, src);
	return c && c->taken >= s->per_source;
}

static struct slot_count *
new_count(struct slots *s, const struct source *src)
{
	struct slot_count *c = s->unused;

	if (c)
		s->unused = c->next;
	else
		c = xcalloc(1, sizeof(*c));
	*c = (struct slot_count){ .source = *src };
	return c;
}

void
slots_take(struct slots *s, const struct source *src)
{
	struct slot_count **place;

	s->taken++;
	if (s->per_source == 0)
		return;
	if (s->sources >= s->buckets)
		grow(s);
	place = find(s, src);
	if (!*place) {
		*place = new_count(s, src);
		s->sources++;
	}
	(*place)->taken++;
}

void
slots_give_back(struct slots *s, const struct source *src)
{
	struct slot_count **place, *c;

	s->taken--;
	if (s->per_source == 0)
		return;
	place = find(s, src);
	c = *place;
	if (c && --c->taken == 0) {
		*place = c->next;
		c->next = s->unused;
		s->unused = c;
		s->sources--;
	}
}
