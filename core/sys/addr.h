#ifndef CORE_SYS_ADDR_H
#define CORE_SYS_ADDR_H

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/error.h"

/* A socket address with what socket() needs beside it. */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
		struct sockaddr_storage storage;
	};
	socklen_t len;
	int socktype; /* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET */
	int protocol; /* for socket(); mostly 0 */
};

/* `[KIND:][HOST:]PORT` taken apart, as users write it. Nothing has been looked up yet. */
struct addr_spec {
	enum addr_kind { ADDR_INET, ADDR_UNIX, ADDR_VSOCK, ADDR_FD } kind;
	int family; /* AF_UNSPEC, AF_INET, AF_INET6 for ADDR_INET */
	int socktype;
	char host[256];   /* "" = every address (ADDR_INET); the CID (ADDR_VSOCK) */
	char port[64];    /* number or service name; the name or number for ADDR_FD */
	struct addr addr; /* filled for ADDR_UNIX and ADDR_VSOCK */
};

int addr_spec_parse(const char *text, struct addr_spec *, struct error *);

/* Whether a text can be the port or the host of an address. 0, or -1 with err. */
int addr_check_port(const char *, struct error *);
int addr_check_host(const char *, struct error *);

/* Whether a text can be the name of a host: labels of letters, digits, "-" and "_" with dots between them,
 * the last of which is not a number (that would be an address). One dot may follow. */
bool addr_is_name(const char *);

/* "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name", "unix" (unnamed), "vsock:2:80". */
enum { ADDR_TEXT = 192 };
const char *addr_format(const struct sockaddr *, socklen_t len, char buf[ADDR_TEXT]);

/* The same with the kind in front, so that addr_spec_parse reads it back: "tcp:127.0.0.1:80". */
const char *addr_format_url(const struct addr *, char buf[ADDR_TEXT]);

/* Address alone ("127.0.0.1", "::1"), "" for other families. A v4-mapped address reads as v4. */
const char *addr_ip(const struct sockaddr *, char buf[64]);

/* The port of an inet or vsock address in host order; -1 for others. */
int addr_port(const struct sockaddr *);
void addr_set_port(struct addr *, int port);

/* Turns ::ffff:a.b.c.d into a.b.c.d in place, so that lists and logs see one form. */
void addr_unmap(struct sockaddr_storage *, socklen_t *len);

bool addr_is_wildcard(const struct sockaddr *);
bool addr_equal(const struct addr *, const struct addr *);

/* "inet", "inet6", "unix", "vsock", and "stream", "dgram", "seqpacket". */
const char *addr_family_name(int family);
const char *addr_socktype_name(int socktype);

#endif
