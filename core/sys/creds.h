#ifndef CORE_SYS_CREDS_H
#define CORE_SYS_CREDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* Who a program runs as. Looked up before any fork, so that the child only makes system calls. */
struct creds {
	bool set; /* false: as whoever the daemon is; the rest means nothing then */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* owned */
	size_t ngroups;
};

/* user and group are names or numbers and may be NULL. groups == NULL: the user's own
 * supplementary groups; otherwise exactly those. Never falls back to something wider: an unknown
 * name, or a number without an account and without a group, is an error. Where this process may
 * not take the identity, that is an error too; one that it has already is left as it is. */
int creds_lookup(struct creds *, const char *user, const char *group, const struct strlist *groups,
		 struct error *);
void creds_clear(struct creds *);

/* A user or group by name or number, for owners of files. */
int creds_user(const char *user, uid_t *, struct error *);
int creds_group(const char *group, gid_t *, struct error *);

#endif
