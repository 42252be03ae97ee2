#include "core/policy/source_rate.h"

#include <stdlib.h>

#include "core/base/text.h"

struct source_bucket {
	struct source_bucket *next; /* in the table */
	TAILQ_ENTRY(source_bucket) entry;
	struct source source;
	int64_t full_at;
};

void
source_rate_init(struct source_rate *sr, int64_t count, int64_t interval_ms)
{
	*sr = (struct source_rate){ 0 };
	rate_init(&sr->rate, count, interval_ms, 0);
	TAILQ_INIT(&sr->used);
}

void
source_rate_clear(struct source_rate *sr)
{
	struct source_bucket *b;

	while (sr->n > 0 && (b = TAILQ_FIRST(&sr->used))) {
		TAILQ_REMOVE(&sr->used, b, entry);
		free(b);
	}
	free(sr->table);
	*sr = (struct source_rate){ 0 };
}

void
source_rate_continue(struct source_rate *sr, struct source_rate *from)
{
	if (!from->table || sr->table || sr->rate.ns_per_token != from->rate.ns_per_token ||
	    sr->rate.burst != from->rate.burst)
		return;
	sr->table = from->table;
	sr->buckets = from->buckets;
	sr->n = from->n;
	TAILQ_CONCAT(&sr->used, &from->used, entry);
	from->table = NULL;
	from->buckets = from->n = 0;
}

static struct source_bucket **
find(const struct source_rate *sr, const struct source *src)
{
	struct source_bucket **b = &sr->table[source_hash(src) & (sr->buckets - 1)];

	while (*b && !source_equal(&(*b)->source, src))
		b = &(*b)->next;
	return b;
}

static void
grow(struct source_rate *sr)
{
	struct source_bucket *b;

	sr->buckets = sr->buckets ? sr->buckets * 2 : 64;
	free(sr->table);
	sr->table = xcalloc(sr->buckets, sizeof(struct source_bucket *));
	TAILQ_FOREACH(b, &sr->used, entry) {
		struct source_bucket **place = &sr->table[source_hash(&b->source) & (sr->buckets - 1)];

		b->next = *place;
		*place = b;
	}
}

static void
forget(struct source_rate *sr, struct source_bucket *b)
{
	*find(sr, &b->source) = b->next;
	TAILQ_REMOVE(&sr->used, b, entry);
	sr->n--;
	free(b);
}

/* Two for each that is added: so those that are full go sooner than new ones come. */
static void
sweep(struct source_rate *sr, int64_t now)
{
	struct source_bucket *b, *next = TAILQ_FIRST(&sr->used);

	for (int i = 0; (b = next) && i < 2; i++) {
		next = TAILQ_NEXT(b, entry);
		if (b->full_at <= now || sr->n >= SOURCE_RATE_MAX)
			forget(sr, b);
	}
}

bool
source_rate_has(const struct source_rate *sr, const struct source *src, int64_t now)
{
	const struct source_bucket *b = sr->table ? *find(sr, src) : NULL;
	struct rate r = sr->rate;

	if (!b)
		return true;
	r.full_at = b->full_at;
	return rate_delay(&r, now) == 0;
}

void
source_rate_take(struct source_rate *sr, const struct source *src, int64_t now)
{
	struct source_bucket **place, *b;
	struct rate r = sr->rate;

	if (r.ns_per_token == 0)
		return;
	if (sr->n >= sr->buckets)
		grow(sr);
	b = *find(sr, src);
	if (!b) {
		sweep(sr, now);
		b = xcalloc(1, sizeof(*b));
		b->source = *src;
		place = &sr->table[source_hash(src) & (sr->buckets - 1)];
		b->next = *place;
		*place = b;
		sr->n++;
	} else {
		TAILQ_REMOVE(&sr->used, b, entry);
	}
	TAILQ_INSERT_TAIL(&sr->used, b, entry);
	r.full_at = b->full_at;
	rate_take(&r, now);
	b->full_at = r.full_at;
}
