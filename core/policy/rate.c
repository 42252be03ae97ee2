#include "core/policy/rate.h"

void
rate_init(struct rate *r, int64_t count, int64_t interval_ms, int64_t burst)
{
	*r = (struct rate){ 0 };
	if (count <= 0)
		return;
	r->ns_per_token = interval_ms * 1000000 / count;
	if (r->ns_per_token == 0)
		r->ns_per_token = 1;
	r->burst = burst > 0 ? burst : count;
	/* So many that their time does not fit a number is as good as no end. */
	if (r->burst > INT64_MAX / 4 / r->ns_per_token)
		r->burst = INT64_MAX / 4 / r->ns_per_token;
}

/* The bucket is full at `full_at`; every token that is missing is one ns_per_token before it. */
int64_t
rate_delay(const struct rate *r, int64_t now)
{
	int64_t first;

	if (r->ns_per_token == 0)
		return 0;
	first = r->full_at - (r->burst - 1) * r->ns_per_token;
	return first > now ? first - now : 0;
}

bool
rate_take(struct rate *r, int64_t now)
{
	if (r->ns_per_token == 0)
		return true;
	if (rate_delay(r, now) > 0)
		return false;
	r->full_at = (r->full_at > now ? r->full_at : now) + r->ns_per_token;
	return true;
}
