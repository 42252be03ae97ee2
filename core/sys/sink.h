#ifndef CORE_SYS_SINK_H
#define CORE_SYS_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/log.h"

/* Where log lines go: "stderr", "syslog", "syslog:FACILITY", "syslog:FACILITY.LEVEL" (the level of every
 * line), "journal" or "file:PATH". Nothing here ever blocks: what cannot be written yet waits in memory
 * (1 MiB); beyond that lines are dropped and counted. */
struct sink;

/* Opens a target. Returns NULL with err set: an unknown word, or a file that cannot be opened.
 * A syslog or journal that is not there yet is no error: it is tried again with each line. */
struct sink *sink_open(const char *target, struct error *);
void sink_free(struct sink *);

/* For log_new(). */
struct log_sink *sink_for_log(struct sink *);

/* Writes what waits, as far as it goes. True if something is left: call again soon. */
bool sink_flush(struct sink *);

/* Opens a file anew (after rotation). The old one stays in use if that fails. */
int sink_reopen(struct sink *, struct error *);

/* Limits the size of a file, in bytes: at `soft` there is news, at `hard` as well, and then nothing more is
 * written until the file is shorter (or another one); what was left out is counted as dropped. All sinks of
 * a file share one count. The event "log_limit" is always written. No effect on other targets. */
void sink_limit(struct sink *, uint64_t soft, uint64_t hard);

/* A limit that was reached since the last call: "soft" or "hard", or NULL. *size is what was there. */
const char *sink_limit_news(struct sink *, uint64_t *size);

/* Whether `target` is a word or form that sink_open knows. */
int sink_check_target(const char *target, struct error *);

#endif
