#include "core/policy/admit.h"
#include <stddef.h>

bool
admit_address(const struct admission *a, const struct sockaddr *peer)
{
	if (a->nobody || acl_match(&a->deny, peer))
		return false;
	return !a->has_allow || acl_match(&a->allow, peer);
}

struct admit_result
admit(struct admission *a, const struct sockaddr *peer, const struct source *src, int64_t now_ns)
{
	if (!admit_address(a, peer))
		return (struct admit_result){ ADMIT_REFUSE, "deny" };
	if (slots_source_full(&a->slots, src))
		return (struct admit_result){ ADMIT_REFUSE, "per_source" };
	if (slots_full(&a->slots))
		return (struct admit_result){ ADMIT_REFUSE, "instances" };
	if (!rate_take(&a->rate, now_ns))
		return (struct admit_result){ ADMIT_REFUSE, "rate" };
	slots_take(&a->slots, src);
	return (struct admit_result){ ADMIT_ALLOW, NULL };
}

void
admission_continue(struct admission *a, const struct admission *from)
{
	if (a->rate.ns_per_token == from->rate.ns_per_token && a->rate.burst == from->rate.burst)
		a->rate.full_at = from->rate.full_at;
}

void
admission_clear(struct admission *a)
{
	acl_clear(&a->allow);
	acl_clear(&a->deny);
	slots_clear(&a->slots);
}
