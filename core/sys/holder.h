#ifndef CORE_SYS_HOLDER_H
#define CORE_SYS_HOLDER_H

#include <stddef.h>

#include "core/sys/addr.h"

/* Says who has an address that could not be bound: "sshd[812]", or "" where it cannot be told.
 * Reads /proc, so it is for messages about failures, not for anything frequent. */
const char *holder_of(const struct addr *, char *buf, size_t size);

#endif
