#include "core/policy/admit.h"

#include <stddef.h>
#include <stdlib.h>

#include "core/base/text.h"

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

bool
admit_is_banned(struct admission *a, const struct source *src, int64_t now)
{
	return a->shared && a->shared->bans.n > 0 && bans_match(&a->shared->bans, src, now);
}

static struct admit_result
refuse(const char *reason)
{
	return (struct admit_result){ .verdict = ADMIT_REFUSE, .reason = reason };
}

/* Anything but "ban" from a sensor comes before the ban: who is denied there is never banned. */
static struct admit_result
touch_sensor(struct admission *a, const struct source *src, int64_t now)
{
	struct admit_result r = refuse("ban");

	r.banned = bans_add(&a->shared->bans, src, a->extra->ban_ms, now);
	return r;
}

static bool
is_closed(struct admission *a, int64_t now)
{
	return a->extra->has_hours &&
	       !hours_match(&a->extra->hours, machine_minute(&a->shared->machine, now));
}

/* A reason that is about the machine, or NULL. */
static const char *
strained(struct admission *a, int64_t now)
{
	const struct admit_extra *x = a->extra;

	if (x->max_load > 0 && machine_load(&a->shared->machine, now) >= x->max_load)
		return "load";
	if (x->min_memory > 0 && machine_memory(&a->shared->machine, now) < x->min_memory)
		return "memory";
	return NULL;
}

/* What is about the client and the machine; nothing is taken. */
static struct admit_result
may_come(struct admission *a, const struct sockaddr *peer, const struct source *src, int64_t now)
{
	const struct admit_extra *x = a->extra;
	const char *reason;

	if (!(x && x->sensor) && admit_is_banned(a, src, now))
		return refuse("ban");
	if (admit_lists(a, peer) == LISTS_REFUSE)
		return refuse("deny");
	if (!x)
		return (struct admit_result){ .verdict = ADMIT_ALLOW };
	if (is_closed(a, now))
		return refuse("hours");
	if (x->sensor)
		return touch_sensor(a, src, now);
	reason = strained(a, now);
	return reason ? refuse(reason) : (struct admit_result){ .verdict = ADMIT_ALLOW };
}

static bool
too_many_processes(const struct admission *a)
{
	const struct admit_shared *all = a->shared;

	return all && all->process_limit && *all->process_limit > 0 && all->sessions &&
	       *all->sessions >= (size_t)*all->process_limit;
}

/* The reason that there is no place for a client, or NULL. */
static const char *
crowded(const struct admission *a, const struct source *src)
{
	if (slots_source_full(&a->slots, src))
		return "per_source";
	if (slots_prefix_full(&a->slots, src))
		return "per_prefix";
	if (slots_full(&a->slots))
		return "instances";
	return too_many_processes(a) ? "process_limit" : NULL;
}

/* Takes the tokens, all or none. Returns the reason why there is none, or NULL. */
static const char *
take_tokens(struct admission *a, const struct source *src, int64_t now)
{
	struct source_rate *each = a->extra ? &a->extra->source_rate : NULL;

	if (each && !source_rate_has(each, src, now))
		return "per_source_rate";
	if (!rate_take(&a->rate, now))
		return "rate";
	if (each)
		source_rate_take(each, src, now);
	return NULL;
}

struct admit_result
admit(struct admission *a, const struct sockaddr *peer, const struct source *src, int64_t now)
{
	struct admit_result r = may_come(a, peer, src, now);

	if (r.verdict == ADMIT_REFUSE)
		return r;
	r.reason = crowded(a, src);
	if (!r.reason)
		r.reason = take_tokens(a, src, now);
	if (r.reason)
		r.verdict = ADMIT_REFUSE;
	else
		slots_take(&a->slots, src);
	return r;
}

struct admit_result
admit_datagram(struct admission *a, const struct sockaddr *peer, int64_t now)
{
	/* Who sends on a unix socket is not known. */
	struct source src = source_of(peer, UINT32_MAX);
	struct admit_result r = may_come(a, peer, &src, now);

	if (r.verdict == ADMIT_REFUSE)
		return r;
	r.reason = take_tokens(a, &src, now);
	if (r.reason)
		r.verdict = ADMIT_REFUSE;
	return r;
}

struct admit_result
admit_program(struct admission *a, const struct source *nobody, int64_t now)
{
	const char *reason = NULL;

	if (a->extra)
		reason = is_closed(a, now) ? "hours" : strained(a, now);
	if (!reason && slots_full(&a->slots))
		reason = "instances";
	if (!reason && too_many_processes(a))
		reason = "process_limit";
	if (!reason && !rate_take(&a->rate, now))
		reason = "rate";
	if (reason)
		return refuse(reason);
	slots_take(&a->slots, nobody);
	return (struct admit_result){ .verdict = ADMIT_ALLOW };
}

struct admit_extra *
admission_extra(struct admission *a)
{
	if (!a->extra) {
		a->extra = xcalloc(1, sizeof(*a->extra));
		source_rate_init(&a->extra->source_rate, 0, 0);
	}
	return a->extra;
}

void
admission_continue(struct admission *a, struct admission *from)
{
	if (a->rate.ns_per_token == from->rate.ns_per_token && a->rate.burst == from->rate.burst)
		a->rate.full_at = from->rate.full_at;
	if (a->extra && from->extra)
		source_rate_continue(&a->extra->source_rate, &from->extra->source_rate);
}

void
admission_clear(struct admission *a)
{
	acl_clear(&a->allow);
	acl_clear(&a->deny);
	slots_clear(&a->slots);
	if (!a->extra)
		return;
	hours_clear(&a->extra->hours);
	source_rate_clear(&a->extra->source_rate);
	free(a->extra);
	a->extra = NULL;
}
