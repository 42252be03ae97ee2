#ifndef CORE_POLICY_ACL_FILTER_H
#define CORE_POLICY_ACL_FILTER_H

#include <linux/filter.h>

#include "core/policy/acl.h"

/* The lists as a program that the kernel runs for each packet to a socket (SO_ATTACH_FILTER): what does
 * not pass is dropped before anybody sees it, be it a datagram or the first packet of a TCP connection.
 * For where a program takes what comes from the socket itself. It fits sockets of either family, and
 * IPv6 sockets that take IPv4 as well. It decides as acl_match does. */

struct acl_filter {
	struct sock_filter *insns;
	size_t n;
};

/* allow NULL: everyone who is not denied. -1 with err if the kernel would not take so long a program. */
int acl_filter_compile(struct acl_filter *, const struct acl *allow, const struct acl *deny, struct error *);

void acl_filter_clear(struct acl_filter *);

#endif
