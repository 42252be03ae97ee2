#ifndef CORE_SYS_INHERIT_H
#define CORE_SYS_INHERIT_H

#include <stdbool.h>

#include "core/base/error.h"

/* What the parent process handed over: sockets (LISTEN_FDS, LISTEN_FDNAMES) and the address of a
 * service manager that wants to be told (NOTIFY_SOCKET). */

/* Call it before anything is opened: only sockets that are there now can be taken. Reads the
 * environment and removes the variables from it, so that no child sees them. */
void inherit_init(void);

/* The descriptor for `fd:NAME` or `fd:NUMBER`: a name as given in LISTEN_FDNAMES, or a number.
 * It stays open and is handed out once; -1 if there is none, it is not a socket, or it is taken. */
int inherit_take(const char *name_or_number, struct error *);

/* All sockets that were inherited, passed as LISTEN_FDS or not: writes at most `max`, returns how
 * many. */
int inherit_sockets(int *fds, int max);
bool inherit_is_taken(int fd);

/* Nobody listens on it any more, but it stays open: it can be taken again. */
void inherit_give_back(int fd);

/* It was closed: whatever has its number later is another. */
void inherit_gone(int fd);

/* The passed descriptors (LISTEN_FDS) that nobody has taken yet: their number, and each one. */
int inherit_count(void);
int inherit_untaken(int index); /* -1 if taken */

/* Tells the service manager ("READY=1", "STATUS=…"); does nothing where there is none. */
void inherit_notify(const char *message);

#endif
