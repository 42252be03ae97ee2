#include <inttypes.h>
#include <stdlib.h>

#include "core/policy/rate.h"
#include "test/unit/tap.h"

enum { MS = 1000000 };
static const int64_t second = 1000000000;

static int
take_all(struct rate *r, int64_t now)
{
	int n = 0;

	while (n < 100000 && rate_take(r, now))
		n++;
	return n;
}

/* What a bucket is, said as simply as can be. */
struct naive {
	double tokens, burst, per_ns;
	int64_t last;
};

static bool
naive_take(struct naive *b, int64_t now)
{
	b->tokens += (double)(now - b->last) * b->per_ns;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
	b->last = now;
	if (b->tokens < 1 - 1e-6)
		return false;
	b->tokens -= 1;
	return true;
}

static void
against_naive(int64_t count, int64_t interval_ms, int64_t burst)
{
	struct naive b = { (double)burst, (double)burst, (double)count / ((double)interval_ms * MS),
			   5 * second };
	int64_t now = 5 * second, ns_per_token = interval_ms * MS / count;
	int takes = 0, differ = 0;
	struct rate r;

	rate_init(&r, count, interval_ms, burst);
	for (int i = 0; i < 20000; i++) {
		bool mine, theirs;

		/* On the grid of whole tokens, so that rounding cannot decide. */
		now += (rand() % 4 == 0) * (rand() % 5) * ns_per_token;
		mine = rate_take(&r, now);
		theirs = naive_take(&b, now);
		takes += mine;
		differ += mine != theirs;
	}
	ok(differ == 0 && takes > 0,
	   "%" PRId64 " in %" PRId64 " ms, burst %" PRId64 ": 20000 steps agree with a naive bucket", count,
	   interval_ms, burst);
}

int
main(void)
{
	struct rate r;
	int64_t now = 100 * second, start = now;
	int n = 0;

	rate_init(&r, 0, 0, 0);
	is_int(take_all(&r, now), 100000, "without a rate there is always a token");
	is_int(rate_delay(&r, now), 0, "and nothing to wait for");

	rate_init(&r, 5, 1000, 0);
	is_int(rate_delay(&r, now), 0, "a bucket starts full");
	is_int(take_all(&r, now), 5, "with as many tokens as the count");
	is_int(rate_delay(&r, now), 200 * MS, "the next comes after its part of the interval");
	ok(!rate_take(&r, now + 200 * MS - 1), "not a nanosecond earlier");
	ok(rate_take(&r, now + 200 * MS), "but then");
	ok(!rate_take(&r, now + 200 * MS), "and only one");
	is_int(take_all(&r, now + 10 * second), 5,
	       "after a long quiet time the bucket is full, and no fuller");
	is_int(rate_delay(&r, now), 10 * second + 200 * MS, "the delay counts from the time it is asked at");

	rate_init(&r, 5, 1000, 20);
	is_int(take_all(&r, now), 20, "a burst of its own");
	is_int(take_all(&r, now + second), 5, "comes back at the rate");
	rate_init(&r, 50, 1000, 1);
	is_int(take_all(&r, now), 1, "a burst of one means one by one");
	is_int(rate_delay(&r, now), 20 * MS, "at even distances");

	rate_init(&r, 10, 1000, 0);
	for (int64_t t = 0; t < 100 * second; t += 7 * MS)
		n += rate_take(&r, start + t);
	ok(n >= 1005 && n <= 1010, "over 100 s, 10 a second are %d: the rate and the first burst", n);

	rate_init(&r, 3, 1000, 0);
	n = 0;
	for (int64_t t = 0; t < 1000; t++)
		n += rate_take(&r, start + t * second);
	is_int(n, 1000, "who comes less often than the rate never waits");

	rate_init(&r, 1000000000, 1, 1);
	ok(rate_take(&r, now) && rate_delay(&r, now) >= 1, "a rate faster than the clock still counts");

	rate_init(&r, 1, 86400000, 1000000);
	ok(rate_take(&r, now), "a slow rate with a large burst starts full");
	ok(rate_take(&r, now) && rate_take(&r, now + 1), "and lets the burst through");
	rate_init(&r, 1, 365 * 86400000LL, 1000000);
	ok(rate_take(&r, now) && rate_take(&r, now), "the slowest one with the largest burst too");

	srand(3);
	against_naive(5, 1000, 5);
	against_naive(50, 1000, 200);
	against_naive(1, 60000, 1);
	against_naive(100, 500, 7);
	return tap_done();
}
