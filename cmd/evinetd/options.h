#ifndef CMD_EVINETD_OPTIONS_H
#define CMD_EVINETD_OPTIONS_H

#include "cmd/common/cmdline.h"

extern const struct cmdline_option evinetd_options[];

/* What evinetd takes when it is started as one of these. */
extern const struct cmdline_option xinetd_options[]; /* long names behind one dash */
extern const struct cmdline_option inetd_options[];

#endif
