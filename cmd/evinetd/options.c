#include "cmd/evinetd/options.h"

#include "cmd/common/version.h"
#include "core/service/daemon.h"

const struct cmdline_option evinetd_options[] = {
	{ "config", 'c', "FILE", "configuration; default " EVINET_DEFAULT_CONFIG },
	{ "check", 't', NULL, "list every problem of the configuration, and exit" },
	{ "dump", 'T', NULL, "print the effective configuration, and exit" },
	{ "background", 'b', NULL, "return once every service listens or has failed" },
	{ "pidfile", 'p', "FILE", "write the process id to FILE and lock it" },
	{ "ready-fd", 0, "N", "write a newline to descriptor N when listening" },
	{ "addr-file", 0, "FILE", "write SERVICE<TAB>ADDRESS lines when listening" },
	{ "dump-file", 0, "FILE", "where signal USR1 has the state written; default " DAEMON_DUMP_FILE },
	{ "log", 'l', "TARGET", "log to stderr, syslog[:FACILITY[.LEVEL]], journal or file:PATH" },
	{ "log-format", 0, "FORMAT", "form of an event: text, json or xinetd" },
	{ "log-level", 0, "LEVEL", "least level: error, warning, info or debug" },
	{ "version", 'V', NULL, "print the version" },
	{ "help", 'h', NULL, "print this help" },
	{ .name = NULL },
};
