#ifndef CORE_NET_PEERNAME_H
#define CORE_NET_PEERNAME_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/base/error.h"

struct event_base;
struct peername;

/*
 * The names of peers, for access lists. Whoever has an address decides what name it has, so a name counts
 * only if it leads back to the address: who owns the name has to agree.
 *
 * Looked up in threads, 8 at once; one look-up serves all who ask for an address. What was found, or that
 * nothing was, is kept for a minute, for the last 1024 addresses.
 */

enum { PEERNAME_MAX = 256 };

/* Looks up the name of an IPv4 or IPv6 address and confirms it. May block. 0, or -1 with err saying why there
 * is none that can be trusted. */
int peername_look_up(const struct sockaddr *, char name[PEERNAME_MAX], struct error *err);

/* True if it is known already, and then name and why are as peername_cb gets them, until the loop goes on. */
bool peername_known(const struct sockaddr *, const char **name, const char **why);

/* name is NULL if there is none that can be trusted, and then `why` says so. */
typedef void (*peername_cb)(const char *name, const char *why, void *arg);

/* For one that is not known. Calls back once, from the loop, after 10 seconds at the latest. NULL with err if
 * it cannot be looked up, and then not at all. */
struct peername *peername_ask(struct event_base *, const struct sockaddr *, peername_cb, void *arg,
			      struct error *);

/* cb will not be called. Accepts NULL. */
void peername_cancel(struct peername *);

/* Forgets what is known. Whoever is still asking is not called. */
void peername_clear(void);

#endif
