#ifndef CORE_POLICY_ACL_H
#define CORE_POLICY_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* A list of addresses, prefixes and names. An entry that cannot be read makes the whole list one that
 * nobody passes: it never falls back to something wider. */
struct acl {
	struct acl_entry {
		uint8_t bytes[16]; /* IPv4 as v4-mapped */
		uint8_t bits;      /* of the 128 */
		enum acl_kind { ACL_ALL, ACL_UNIX, ACL_IPV4, ACL_IPV6 } kind;
	} * entries;
	size_t n;
	struct strlist names; /* of hosts; with a dot in front: of domains */
};

/* "127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "all", "unix", "host.example.org", ".example.org".
 * Bits behind the prefix must be zero: 10.1.2.3/8 is more likely a slip than a wish. -1 with err saying
 * what was expected. */
int acl_add(struct acl *, const char *entry, struct error *);

/* Whether an address is on the list. v4-mapped addresses are IPv4 and never match an IPv6 prefix,
 * not even ::/0; peers that are neither IP nor unix are matched by "all" only. */
bool acl_match(const struct acl *, const struct sockaddr *);

/* Whether the name of a peer is on the list: as it is, or within a domain (the domain itself is not).
 * Letters may be of either case, and a dot at the end means nothing. */
bool acl_match_name(const struct acl *, const char *name);

void acl_clear(struct acl *);

#endif
