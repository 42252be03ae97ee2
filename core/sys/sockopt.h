#ifndef CORE_SYS_SOCKOPT_H
#define CORE_SYS_SOCKOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sys/addr.h"

/* Every socket option that is one setsockopt is a row; nothing here is code of its own. */

enum { SOCKOPT_UNSET = -1 }; /* leave what the kernel has */

/* Whole numbers; SOCKOPT_UNSET where nothing was said. Booleans are 0 and 1, times are seconds. */
struct sockopts {
	int reuseaddr, reuseport, v6only;
	int freebind, transparent;
	int keepalive, keepalive_idle, keepalive_interval, keepalive_count;
	int nodelay, defer_accept, fastopen;
	int rcvbuf, sndbuf;
	int tos, mark, priority;
	int pktinfo;                     /* tell the address that a datagram was sent to */
	const char *device, *congestion; /* NULL: unset; borrowed */
};

/* All unset but reuseaddr and v6only, which are on. */
void sockopts_init(struct sockopts *);

struct sockopt_row {
	const char *name;  /* as in the configuration */
	const char *label; /* "IPPROTO_TCP, TCP_NODELAY": for messages */
	int family;        /* AF_UNSPEC: any inet family; AF_UNIX rows do not exist */
	int socktype;      /* 0: any */
	int level, optname;
	size_t offset; /* in struct sockopts */
	bool string;   /* the value is a `const char *`, not an int */
	bool generic;  /* SOL_SOCKET: for unix and vsock sockets too */
};

extern const struct sockopt_row sockopt_rows[]; /* ends with a NULL name */

/* Whether the row is to be set on a socket for this address. */
bool sockopt_applies(const struct sockopt_row *, const struct sockopts *, const struct addr *);

/* Makes an inherited datagram socket tell where each datagram was sent to, as far as it can. */
void sockopt_tell_destination(int fd);

bool sockopts_equal(const struct sockopts *, const struct sockopts *);

/* 0, or -1 with errno. Writes the value as text into `value` either way. */
int sockopt_set(const struct sockopt_row *, const struct sockopts *, int fd, char value[64]);

#endif
