/* What the load generator and the yardsticks share: sockets on the loopback, time, limits. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stddef.h>
#include <stdint.h>

/* As many descriptors as this process can get. */
void net_raise_files(void);

/* Microseconds of the monotonic clock. */
int64_t net_now(void);

/* A socket on a port of 127.0.0.1; 0 lets the kernel choose. Ends the process if it cannot be had. */
int net_listen(int type, int port);

/* The port of a bound socket. */
int net_port(int fd);

/* The next connection; -1 if there is none. `flags` are those of accept4(), beside SOCK_CLOEXEC. */
int net_accept(int fd, int flags);

/* A non-blocking socket that is connected or about to be. Each comes from the next of so many
 * addresses of the loopback, so that ports that linger after a connection do not run out. */
extern int net_sources;
int net_connect(int type, const char *host, int port);

#endif
