#include "core/policy/admit.h"
#include <stddef.h>

enum admit_lists
admit_lists(const struct admission *a, const struct sockaddr *peer)
{
	/* Nobody else has a name. */
	bool ip = peer->sa_family == AF_INET || peer->sa_family == AF_INET6;
	bool allowed;

	if (a->nobody || acl_match(&a->deny, peer))
		return LISTS_REFUSE;
	allowed = !a->has_allow || acl_match(&a->allow, peer);
	if (!allowed && (!ip || a->allow.names.n == 0))
		return LISTS_REFUSE;
	return ip && (!allowed || a->deny.names.n > 0) ? LISTS_ASK : LISTS_ALLOW;
}

bool
admit_name(const struct admission *a, const struct sockaddr *peer, const char *name)
{
	if (a->deny.names.n > 0 && (!name || acl_match_name(&a->deny, name)))
		return false;
	if (!a->has_allow || acl_match(&a->allow, peer))
		return true;
	return name && acl_match_name(&a->allow, name);
}

bool
admit_address(const struct admission *a, const struct sockaddr *peer)
{
	return admit_lists(a, peer) == LISTS_ALLOW;
}

struct admit_result
admit(struct admission *a, const struct sockaddr *peer, const struct source *src, int64_t now_ns)
{
	if (admit_lists(a, peer) == LISTS_REFUSE)
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
admission_clear(struct admission *a)
{
	acl_clear(&a->allow);
	acl_clear(&a->deny);
	slots_clear(&a->slots);
}
