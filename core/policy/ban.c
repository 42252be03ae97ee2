#include "core/policy/ban.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

enum { BUCKETS = 16384 };

struct ban {
	struct ban *next; /* in the table */
	TAILQ_ENTRY(ban) entry;
	struct source source;
	int64_t until; /* monotonic nanoseconds */
};

void
bans_clear(struct bans *bans)
{
	struct ban *b;

	while (bans->table && (b = TAILQ_FIRST(&bans->order))) {
		TAILQ_REMOVE(&bans->order, b, entry);
		free(b);
	}
	free(bans->table);
	*bans = (struct bans){ 0 };
}

static struct ban **
find(const struct bans *bans, const struct source *src)
{
	struct ban **b = &bans->table[source_hash(src) & (BUCKETS - 1)];

	while (*b && !source_equal(&(*b)->source, src))
		b = &(*b)->next;
	return b;
}

static void
forget(struct bans *bans, struct ban *b)
{
	*find(bans, &b->source) = b->next;
	TAILQ_REMOVE(&bans->order, b, entry);
	bans->n--;
	free(b);
}

static bool
is_known(const struct source *src)
{
	uint32_t uid;

	memcpy(&uid, src->bytes, sizeof(uid));
	return src->family != 0 && (src->family != AF_UNIX || uid != UINT32_MAX);
}

static int64_t
end_of(int64_t ms, int64_t now)
{
	return ms > (INT64_MAX - now) / 1000000 ? BAN_FOREVER : now + ms * 1000000;
}

static struct ban *
new_ban(struct bans *bans, const struct source *src)
{
	struct ban *b, **place;

	if (!bans->table) {
		bans->table = xcalloc(BUCKETS, sizeof(struct ban *));
		TAILQ_INIT(&bans->order);
	} else if (bans->n >= BAN_MAX) {
		forget(bans, TAILQ_FIRST(&bans->order));
	}
	b = xcalloc(1, sizeof(*b));
	b->source = *src;
	place = &bans->table[source_hash(src) & (BUCKETS - 1)];
	b->next = *place;
	*place = b;
	bans->n++;
	return b;
}

bool
bans_add(struct bans *bans, const struct source *src, int64_t ms, int64_t now)
{
	struct ban *b = bans->table ? *find(bans, src) : NULL;
	int64_t until = end_of(ms, now);
	bool is_new = !b || b->until <= now;

	if (ms <= 0 || !is_known(src))
		return false;
	if (b)
		TAILQ_REMOVE(&bans->order, b, entry);
	else
		b = new_ban(bans, src);
	TAILQ_INSERT_TAIL(&bans->order, b, entry);
	if (until > b->until)
		b->until = until;
	return is_new;
}

bool
bans_match(struct bans *bans, const struct source *src, int64_t now)
{
	struct ban *b = bans->n > 0 ? *find(bans, src) : NULL;

	if (!b)
		return false;
	if (b->until > now)
		return true;
	forget(bans, b);
	return false;
}
