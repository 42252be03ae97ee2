#ifndef CORE_BASE_LOG_XINETD_H
#define CORE_BASE_LOG_XINETD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/log.h"
#include "core/base/text.h"

/* Events in the words of xinetd, byte for byte, so that filters and scripts that were made for its logs go
 * on working. There are two kinds of lines: entries about one session or refusal (START, EXIT, TRAFFIC,
 * FAIL, USERID, NOID), and messages of the program. */

struct log_xinetd_line {
	bool is_entry;
	const char *level; /* of a message, as xinetd spells it */
	struct text text;  /* without stamp and level */
};

/* All zero but `self` is a good start. */
struct log_xinetd {
	pid_t self;                      /* the daemon's own, which serves what has no program */
	struct log_xinetd_line lines[2]; /* those of the last event */
	size_t n;
};

/* Puts an event into xinetd's words. False if it has none for it: then there are no lines. There may be none
 * as well because the service is not to be shown. */
bool log_xinetd_say(struct log_xinetd *, const struct log_record *);

/* Adds a message of one's own and returns where its text goes. At most two lines an event. */
struct text *log_xinetd_message(struct log_xinetd *, enum log_level);

/* Adds a line as it is written: `stamped` if the target knows time, program and level itself. */
void log_xinetd_format(const struct log_xinetd *, const struct log_xinetd_line *, bool stamped,
		       struct text *);

void log_xinetd_clear(struct log_xinetd *);

#endif
