#ifndef CORE_FOREIGN_PORTS_H
#define CORE_FOREIGN_PORTS_H

/* The port of a service that is given by its name in /etc/services or by its number; protocol is "tcp" or
 * "udp". 0 if there is none. Where the machine has no such file at all, the best-known names are
 * known all the same. */
int port_of(const char *service, const char *protocol);

#endif
