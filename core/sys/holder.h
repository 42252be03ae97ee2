#ifndef CORE_SYS_HOLDER_H
#define CORE_SYS_HOLDER_H

#include <stddef.h>

#include "core/sys/addr.h"

/* Both read /proc: they are for messages and rare cases, not for anything frequent. */

/* Says who has an address that could not be bound: "sshd[812]", or "" where it cannot be told. */
const char *holder_of(const struct addr *, char *buf, size_t size);

/* Whether a process, or one of its descendants, has the socket with this inode. */
bool holder_has_socket(pid_t, unsigned long long inode);

#endif
