#include "cmd/evinetd/options.h"

#include "cmd/common/version.h"
#include "core/service/daemon.h"

const struct cmdline_option evinetd_options[] = {
	{ "config", 'c', "FILE", "configuration; default " EVINET_DEFAULT_CONFIG },
	{ "xinetd", 'x', "FILE", "serve an xinetd.conf as it stands; may be repeated" },
	{ "inetd", 'i', "FILE", "serve an inetd.conf as it stands; may be repeated" },
	{ "check", 't', NULL, "list every problem of the configuration, and exit" },
	{ "dump", 'T', NULL, "print the effective configuration, and exit" },
	{ "background", 'b', NULL, "return once every service listens or has failed" },
	{ "pidfile", 'p', "FILE", "write the process id to FILE and lock it" },
	{ "ready-fd", 0, "N", "write a newline to descriptor N when listening" },
	{ "addr-file", 0, "FILE", "write SERVICE<TAB>ADDRESS lines when listening" },
	{ "dump-file", 0, "FILE", "for the state at USR1; default " DAEMON_DUMP_FILE },
	{ "log", 'l', "TARGET", "stderr, syslog[:FACILITY.LEVEL], journal, file:PATH" },
	{ "log-format", 0, "FORMAT", "form of an event: text, json or xinetd" },
	{ "log-level", 0, "LEVEL", "least level: error, warning, info or debug" },
	{ "version", 'V', NULL, "print the version" },
	{ "help", 'h', NULL, "print this help" },
	{ .name = NULL },
};

const struct cmdline_option xinetd_options[] = {
	{ "f", 0, "FILE", "configuration; default " XINETD_DEFAULT_CONFIG },
	{ "dontfork", 0, NULL, "stay in the foreground; implies -stayalive" },
	{ "d", 0, NULL, "stay in the foreground, log all to standard error" },
	{ "stayalive", 0, NULL, "keep running without a single service" },
	{ "inetd_compat", 0, NULL, "serve " INETD_DEFAULT_CONFIG " as well, if there is one" },
	{ "filelog", 0, "FILE", "log to a file" },
	{ "syslog", 0, "FACILITY", "log to syslog with this facility; default daemon" },
	{ "pidfile", 0, "FILE", "write the process id to FILE and lock it" },
	{ "limit", 0, "N", "programs at once, of all services; 0 for no limit" },
	{ "version", 0, NULL, "print the version on standard error" },
	{ "help", 0, NULL, "print this help" },
	{ "logprocs", 0, "N", "accepted, and not needed" },
	{ "cc", 0, "SECONDS", "accepted, and not needed" },
	{ "shutdownprocs", 0, "N", "accepted, and not needed" },
	{ "reuse", 0, NULL, "accepted, and not needed" },
	{ "loop", 0, "RATE", "accepted, and not needed" },
	{ "pid", 0, NULL, "accepted, and not needed" },
	{ "inetd_ipv6", 0, NULL, "accepted, and not needed" },
	{ .name = NULL },
};

const struct cmdline_option inetd_options[] = {
	{ "debug", 'd', NULL, "stay in the foreground, log all to standard error" },
	{ "foreground", 'i', NULL, "stay in the foreground" },
	{ "no-fork", 'f', NULL, "the same" },
	{ "keep-environment", 'E', NULL, "programs get the whole environment of the daemon" },
	{ "libwrap", 'l', NULL, "hosts.allow and hosts.deny decide about clients" },
	{ "wrap", 'w', NULL, "the same" },
	{ "wrap-internal", 'W', NULL, "the same" },
	{ "queue", 'q', "LENGTH", "connections that may wait at each socket" },
	{ "rate", 'R', "N", "starts of a service within a minute" },
	{ "source-rate", 'C', "N", "the same, from one address" },
	{ "max", 'c', "N", "sessions of a service at once" },
	{ "max-source", 's', "N", "the same, from one address" },
	{ "address", 'a', "ADDRESS", "where services listen that name no address" },
	{ "pidfile", 'p', "[FILE]", "write the process id to FILE and lock it" },
	{ "environment", 'e', NULL, "accepted: programs always have the addresses" },
	{ "resolve", 0, NULL, "accepted: names of clients are not looked up" },
	{ "version", 'V', NULL, "print the version" },
	{ "help", 'h', NULL, "print this help" },
	{ .name = NULL },
};
