#ifndef CMD_EVINETD_OPTIONS_H
#define CMD_EVINETD_OPTIONS_H

#include "cmd/common/cmdline.h"

extern const struct cmdline_option evinetd_options[];

#endif
