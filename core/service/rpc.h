#ifndef CORE_SERVICE_RPC_H
#define CORE_SERVICE_RPC_H

#include "core/conf/problem.h"

struct registry;
struct service;

/* Services that rpcbind knows: registered when they listen, again if it was not there yet, and taken out
 * when they cease to listen. Nothing waits for rpcbind but the end of the daemon, and that not for long. */

/* Reads rpc_program and rpc_version; does nothing if there are none. What is wrong is added to the
 * problems. */
void rpc_prepare(struct service *, struct problems *);

/* The sockets of a service have changed. Does nothing for services without a program, as all of these. */
void rpc_update(struct service *);

/* It listens no more. */
void rpc_withdraw(struct service *);

void rpc_free(struct service *);

/* What has been withdrawn is not waited for any more. */
void rpc_forget(struct registry *);

#endif
