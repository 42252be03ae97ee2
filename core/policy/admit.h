#ifndef CORE_POLICY_ADMIT_H
#define CORE_POLICY_ADMIT_H

#include "core/policy/acl.h"
#include "core/policy/ban.h"
#include "core/policy/hours.h"
#include "core/policy/rate.h"
#include "core/policy/slots.h"
#include "core/policy/source_rate.h"
#include "core/sys/machine.h"

/* Decides about one connection, in one fixed order, before anything is forked. The reasons are those of
 * the `refuse` event:
 *
 *	ban              the client has touched a sensor, of any service
 *	deny             the lists
 *	hours
 *	ban              the service is a sensor itself: the client is banned
 *	load, memory     of the machine
 *	per_source, per_prefix, instances, process_limit
 *	per_source_rate, rate
 *
 * What is about the client comes first: it stays true when the machine is quiet again. What is about
 * places comes before what is about time. Slots and tokens are taken only by ADMIT_ALLOW, so a refused
 * client uses up nothing that others need. */

enum admit_verdict { ADMIT_ALLOW, ADMIT_REFUSE };

/* What all services of a daemon share. All zero: nobody is banned, and there is no limit. */
struct admit_shared {
	struct bans bans;
	struct machine machine;
	const int *process_limit; /* sessions of all services; 0, or no pointer: no limit */
	const size_t *sessions;   /* how many there are */
};

/* What few services ask for. */
struct admit_extra {
	bool has_hours;
	struct hours hours;
	double max_load;    /* 0: no limit */
	int64_t min_memory; /* 0: no limit */
	bool sensor;
	int64_t ban_ms; /* of a sensor; 0: refused only; BAN_FOREVER */
	struct source_rate source_rate;
};

struct admission {
	bool has_allow; /* false: everyone who is not denied */
	bool nobody;    /* an entry could not be read: everyone is refused */
	struct acl allow, deny;
	struct slots slots;
	struct rate rate;
	struct admit_extra *extra;   /* owned; NULL: none of that */
	struct admit_shared *shared; /* NULL: on its own; needed with extra */
};

struct admit_result {
	enum admit_verdict verdict;
	const char *reason; /* of a refusal: as in the `refuse` event */
	bool banned;        /* by this very connection */
};

struct admit_result admit(struct admission *, const struct sockaddr *peer, const struct source *,
			  int64_t now_ns);

/* The same for a datagram, which takes no slot. */
struct admit_result admit_datagram(struct admission *, const struct sockaddr *peer, int64_t now_ns);

/* The same for a program that accepts the clients itself, when there is something for it to accept: only
 * what is not about the client. Takes the slot (of `nobody`) and the token. */
struct admit_result admit_program(struct admission *, const struct source *nobody, int64_t now_ns);

/* What the lists say about an address. LISTS_ASK: the name of the peer decides, and admit_name() has to be
 * asked once it is known. admit() lets such a peer in. */
enum admit_lists { LISTS_REFUSE, LISTS_ALLOW, LISTS_ASK };

enum admit_lists admit_lists(const struct admission *, const struct sockaddr *peer);

/* What they say about a peer with LISTS_ASK. name is NULL if it has none, or none could be found: it may be
 * one that is to be denied, and is none that is allowed. */
bool admit_name(const struct admission *, const struct sockaddr *peer, const char *name);

/* Only the lists: for datagrams, which take no slot. Refused if the name would have to be known. */
bool admit_address(const struct admission *, const struct sockaddr *peer);

/* Whether the source is banned, by a sensor of any service. */
bool admit_is_banned(struct admission *, const struct source *, int64_t now_ns);

/* The extra part of an admission, made at the first call. */
struct admit_extra *admission_extra(struct admission *);

/* Carries on where another admission of the same service was, as far as the limits are the same. Slots
 * are not among it: they are taken anew for each session. */
void admission_continue(struct admission *, struct admission *from);

void admission_clear(struct admission *);

#endif
