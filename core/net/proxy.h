#ifndef CORE_NET_PROXY_H
#define CORE_NET_PROXY_H

#include <stddef.h>
#include <sys/socket.h>

/* The header of the PROXY protocol: a server behind a relay reads from it who the client is and whom
 * it has called. */

enum { PROXY_HEADER_MAX = 232 };

/* Writes the header of version 1 (a line) or 2 (binary) and returns its length. Where the protocol
 * has no form for the addresses, the header says that they are unknown. */
size_t proxy_header(int version, const struct sockaddr *peer, const struct sockaddr *local,
		    char buf[PROXY_HEADER_MAX]);

#endif
