#ifndef CORE_SERVICE_CAPTURE_H
#define CORE_SERVICE_CAPTURE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

struct capture;
struct service;

/* The standard error of one program: each line becomes a `stderr` event with its session and pid. Most
 * programs end at once and say nothing, so their pipe is only read when they end; that of one that lasts
 * is to be watched. */

/* Writes the descriptor for the program to *fd; the caller closes it once the program has it. NULL with
 * err if no pipe can be had. */
struct capture *capture_new(struct service *, uint64_t session, int *fd, struct error *);

void capture_set_pid(struct capture *, pid_t);

/* What is written from now on belongs to this session; 0 at first means that there is none yet. */
void capture_set_session(struct capture *, uint64_t session);

/* From now on the loop watches the pipe, whose descriptor is moved above those that are lent to
 * children. Accepts NULL. */
void capture_watch(struct capture *);

/* The program has ended: what it wrote is logged before this returns. If somebody else still has
 * the pipe, reading goes on until they are done. Accepts NULL. */
void capture_end(struct capture *);

/* Ends all readings, at the end of the service. */
void capture_free_all(struct service *);

#endif
