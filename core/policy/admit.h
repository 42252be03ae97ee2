#ifndef CORE_POLICY_ADMIT_H
#define CORE_POLICY_ADMIT_H

#include "core/policy/acl.h"
#include "core/policy/rate.h"
#include "core/policy/slots.h"

/* Decides about one connection, in one fixed order, before anything is forked:
 * deny, allow, per_source, instances, rate. A slot and a token are taken only by ADMIT_ALLOW, so a
 * refused client uses up nothing that others need. */

enum admit_verdict { ADMIT_ALLOW, ADMIT_REFUSE };

struct admission {
	bool has_allow; /* false: everyone who is not denied */
	bool nobody;    /* an entry could not be read: everyone is refused */
	struct acl allow, deny;
	struct slots slots;
	struct rate rate;
};

struct admit_result {
	enum admit_verdict verdict;
	const char *reason; /* of a refusal: as in the `refuse` event */
};

struct admit_result admit(struct admission *, const struct sockaddr *peer, const struct source *,
			  int64_t now_ns);

/* What the lists say about an address. LISTS_ASK: the name of the peer decides, and admit_name() has to be
 * asked once it is known. admit() lets such a peer in. */
enum admit_lists { LISTS_REFUSE, LISTS_ALLOW, LISTS_ASK };

enum admit_lists admit_lists(const struct admission *, const struct sockaddr *peer);

/* What they say about a peer with LISTS_ASK. name is NULL if it has none, or none could be found: it may be
 * one that is to be denied, and is none that is allowed. */
bool admit_name(const struct admission *, const struct sockaddr *peer, const char *name);

/* Only the lists: for datagrams, which take no slot. Refused if the name would have to be known. */
bool admit_address(const struct admission *, const struct sockaddr *peer);

void admission_clear(struct admission *);

#endif
