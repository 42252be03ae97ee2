#ifndef CORE_SERVICE_DAEMON_H
#define CORE_SERVICE_DAEMON_H

#include <stdbool.h>

#include "core/service/handler.h"

/* The whole of a running daemon: boot order, loop, signals, end. Exit statuses are those of
 * sysexits(3): 0, 68 a name did not resolve, 69 a socket could not be opened, 71 another system
 * error, 77 not permitted, 78 configuration. */

struct daemon_options {
	const char *config;        /* path */
	bool background;           /* return to the caller's caller only when listening, or failed */
	const char *pidfile;       /* or NULL */
	int ready_fd;              /* -1: none */
	const char *addr_file;     /* or NULL */
	const char *log_target;    /* NULL: as configured, else stderr (syslog in the background) */
	int log_format, log_level; /* -1: as configured */
	int process_limit;         /* sessions of all services at once; 0: no limit */
};

/* Runs until it is told to stop. Returns the exit status. */
int daemon_run(const struct daemon_options *, const struct handler *const *handlers);

/* Reads, resolves and validates everything; prints every problem to standard output as FILE:LINE:
 * text. Returns 0, or 78 if a service would be refused. */
int daemon_check(const char *config, const struct handler *const *handlers);

/* Prints the effective configuration. The same status; problems go to standard error. */
int daemon_dump(const char *config, const struct handler *const *handlers);

#endif
