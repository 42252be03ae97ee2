#include <stdlib.h>
#include <string.h>

#include "core/policy/source_rate.h"
#include "test/unit/tap.h"

static const int64_t second = 1000000000;

static struct source
numbered(uint32_t n)
{
	struct source src = { .family = AF_INET };

	memcpy(src.bytes, &n, sizeof(n));
	return src;
}

static bool
take(struct source_rate *sr, uint32_t who, int64_t now)
{
	struct source src = numbered(who);

	if (!source_rate_has(sr, &src, now))
		return false;
	source_rate_take(sr, &src, now);
	return true;
}

static void
each_has_its_own(void)
{
	struct source_rate sr;
	struct source src = numbered(1);
	int64_t now = 1000 * second;
	int n = 0;

	source_rate_init(&sr, 0, 0);
	for (int i = 0; i < 1000; i++)
		n += take(&sr, 1, now);
	ok(n == 1000 && sr.n == 0, "without a limit nothing is kept");
	source_rate_clear(&sr);

	source_rate_init(&sr, 3, 1000);
	n = 0;
	for (int i = 0; i < 10; i++)
		n += take(&sr, 1, now);
	is_int(n, 3, "a source has so many at once");
	ok(take(&sr, 2, now), "another one has its own");
	for (int i = 0; i < 100; i++)
		source_rate_has(&sr, &src, now);
	now += second / 3 + 1;
	ok(take(&sr, 1, now) && !take(&sr, 1, now), "asking takes nothing, and time gives one back");
	now += 10 * second;
	n = 0;
	for (int i = 0; i < 10; i++)
		n += take(&sr, 1, now);
	is_int(n, 3, "a long time does not give more than at first");
	source_rate_clear(&sr);
	ok(sr.table == NULL, "clearing leaves nothing");
}

/* The same questions to the table and to an array of buckets. */
static void
against_plain(uint32_t nsources, int steps)
{
	struct rate *plain = calloc(nsources, sizeof(*plain));
	struct source_rate sr;
	int64_t now = second;
	int wrong = 0, taken = 0;

	source_rate_init(&sr, 2, 1000);
	for (uint32_t i = 0; i < nsources; i++)
		rate_init(&plain[i], 2, 1000, 0);
	for (int i = 0; i < steps; i++) {
		uint32_t who = (uint32_t)rand() % nsources;
		bool expected = rate_take(&plain[who], now);

		wrong += take(&sr, who, now) != expected;
		taken += expected;
		now += rand() % (2 * (int)(second / nsources));
	}
	ok(wrong == 0, "%u sources: %d steps agree with a bucket for each (%d taken)", nsources, steps,
	   taken);
	ok(sr.n <= nsources, "those that are full again are forgotten: %zu are kept", sr.n);
	source_rate_clear(&sr);
	free(plain);
}

static void
bounded(void)
{
	struct source_rate sr;
	int64_t now = second;

	source_rate_init(&sr, 1, 3600000);
	for (uint32_t i = 0; i < 2 * SOURCE_RATE_MAX; i++)
		take(&sr, i, now);
	is_int((long long)sr.n, SOURCE_RATE_MAX, "a crowd of sources does not take all memory");
	ok(!take(&sr, 2 * SOURCE_RATE_MAX - 1, now), "the newest are remembered");
	now += 2 * 3600 * second;
	for (uint32_t i = 0; i < SOURCE_RATE_MAX; i++)
		take(&sr, 10000000 + i, now);
	for (uint32_t i = 0; i < 10; i++)
		ok(!take(&sr, 10000000 + i * 5000, now), "those of now are all remembered (%u)", i);
	now += 2 * 3600 * second;
	for (uint32_t i = 0; i < SOURCE_RATE_MAX; i++)
		take(&sr, 20000000, now += 3600 * second);
	for (uint32_t i = 0; i < SOURCE_RATE_MAX; i++)
		take(&sr, 30000000 + i, now += 3600 * second);
	ok(sr.n < 10, "what is full is given back: %zu are kept", sr.n);
	source_rate_clear(&sr);
}

int
main(void)
{
	each_has_its_own();
	srand(5);
	against_plain(1, 10000);
	against_plain(30, 30000);
	against_plain(3000, 60000);
	bounded();
	return tap_done();
}
