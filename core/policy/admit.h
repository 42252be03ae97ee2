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

/* Only the lists: for datagrams, which take no slot. */
bool admit_address(const struct admission *, const struct sockaddr *peer);

/* Carries on where another admission of the same service was, as far as the limits are the same. Slots
 * are not among it: they are taken anew for each session. */
void admission_continue(struct admission *, const struct admission *from);

void admission_clear(struct admission *);

#endif
