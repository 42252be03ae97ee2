#ifndef CORE_POLICY_SOURCE_H
#define CORE_POLICY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What counts as one source: an address without its port, or a user on unix sockets. */
struct source {
	uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX; 0: unknown, counted as one */
	uint8_t bytes[16];
};

/* uid is that of a unix peer. A v4-mapped address is the IPv4 one. */
struct source source_of(const struct sockaddr *, uint32_t uid);

/* The network that a source is in: only the first bits are kept. A user is a network of his own. */
struct source source_network(const struct source *, int ipv4_bits, int ipv6_bits);

bool source_equal(const struct source *, const struct source *);

/* Different in each process, so that nobody can choose addresses that collide. */
size_t source_hash(const struct source *);

#endif
