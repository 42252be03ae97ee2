#ifndef CORE_NET_SOCKET_H
#define CORE_NET_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/sys/addr.h"
#include "core/sys/sockopt.h"

/* Opens one listening socket step by step, so that the step that was refused can be named. */

struct sock_fprog;

struct socket_params {
	int queuesize;
	struct sockopts options;
	/* The file of a unix socket. */
	int mode;    /* -1: as the umask has it */
	uid_t owner; /* (uid_t)-1: unchanged */
	gid_t group; /* (gid_t)-1: unchanged */
	/* What the kernel asks about each packet to an inet socket, from the very first. NULL: nothing;
	 * borrowed. */
	const struct sock_fprog *filter;
};

/* The refused call. The ranks follow the order of the calls: the highest is the most telling. */
struct socket_fail {
	enum { FAIL_NONE, FAIL_SOCKET, FAIL_SETSOCKOPT, FAIL_BIND, FAIL_CHOWN, FAIL_JOIN, FAIL_LISTEN } rank;
	const char *syscall; /* "socket", "setsockopt", "bind", "chown", "listen" */
	char args[256];      /* as one would write them: "7, SOL_SOCKET, SO_MARK, 3" */
	int errnum;
};

/* The file that a unix socket made, so that nobody else's is ever removed. */
struct socket_file {
	bool made;
	dev_t dev;
	ino_t ino;
};

/* Returns a close-on-exec descriptor that listens (streams) or is bound (datagrams; a member of the group
 * if the address is one of a multicast group) and writes its real address to *bound and its file, if it has one, to *file; or -1 with *fail filled in and nothing
 * left open or created. A unix socket's file that nobody listens on is replaced; one that is in use, or
 * is no socket, is not. */
int socket_open(const struct addr *, const struct socket_params *, struct addr *bound,
		struct socket_file *file, struct socket_fail *fail);

/* Whether a socket that was opened for one is as good for the other. The queue does not count: it can be
 * changed while a socket listens. */
bool socket_params_equal(const struct socket_params *, const struct socket_params *);

/* Sets the options on a socket that is open already, as far as the kernel lets it. */
void socket_set_options(int fd, const struct addr *, const struct socket_params *);

/* Removes the file of a unix socket that socket_open has made, if it is still the same one. */
void socket_unlink(const struct addr *bound, const struct socket_file *);

#endif
