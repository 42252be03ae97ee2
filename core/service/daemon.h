#ifndef CORE_SERVICE_DAEMON_H
#define CORE_SERVICE_DAEMON_H

#include <stdbool.h>

#include "core/conf/load.h"
#include "core/service/handler.h"

/* The whole of a running daemon: boot order, loop, signals, end. Exit statuses are those of
 * sysexits(3): 0, 68 a name did not resolve, 69 a socket could not be opened, 71 another system
 * error, 77 not permitted, 78 configuration. */

#ifndef EVINET_RUNSTATEDIR
#define EVINET_RUNSTATEDIR "/run"
#endif

#define DAEMON_DUMP_FILE EVINET_RUNSTATEDIR "/evinetd.dump"

struct daemon_options {
	const struct config_source *sources; /* what to serve: at least one file */
	size_t nsources;
	bool background;           /* return to the caller's caller only when listening, or failed */
	const char *pidfile;       /* or NULL */
	int ready_fd;              /* -1: none */
	const char *addr_file;     /* or NULL */
	const char *dump_file;     /* where USR1 has the state written; NULL: DAEMON_DUMP_FILE */
	const char *log_target;    /* NULL: as configured, else stderr (syslog in the background) */
	int log_format, log_level; /* -1: as configured */
	bool stay;                 /* no service is no reason to end */
	int process_limit;         /* programs at once, of all services; 0: no limit */
};

#define DAEMON_OPTIONS \
	{ \
		.ready_fd = -1, .log_format = -1, .log_level = -1 \
	}

/* Runs until it is told to stop. Returns the exit status. */
int daemon_run(const struct daemon_options *, const struct handler *const *handlers);

/* Reads, resolves and validates everything; prints every problem to standard output as FILE:LINE:
 * text. Returns 0, or 78 if a service would be refused. */
int daemon_check(const struct config_source *, size_t n, const struct handler *const *handlers);

/* Prints the effective configuration. The same status; problems go to standard error. */
int daemon_dump(const struct config_source *, size_t n, const struct handler *const *handlers);

#endif
