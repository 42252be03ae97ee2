#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/common/sources.h"
#include "cmd/common/version.h"
#include "cmd/evinetd/options.h"
#include "cmd/evinetd/personality.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/service/daemon.h"
#include "core/sys/sink.h"
#include "handlers/handlers.h"

struct command {
	struct daemon_options daemon;
	const char *config;
	struct sources sources;
	enum { RUN, CHECK, DUMP, VERSION, HELP } what;
};

static int
choose(const char *option, const char *const *words, const char *value, int *out)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], value) == 0) {
			*out = i;
			return 0;
		}
	}
	fprintf(stderr, "evinetd: --%s %s: expected", option, value);
	for (int i = 0; words[i]; i++)
		fprintf(stderr, "%s %s", i ? "," : "", words[i]);
	fprintf(stderr, "\n");
	return -1;
}

static int
set_ready_fd(struct command *c, const char *value)
{
	struct error err;
	int64_t fd;

	if (parse_int(value, 0, 1 << 20, &fd, &err) < 0) {
		fprintf(stderr, "evinetd: --ready-fd %s: %s\n", value, err.text);
		return -1;
	}
	if (fcntl((int)fd, F_GETFD) < 0) {
		fprintf(stderr, "evinetd: --ready-fd %s: the descriptor is not open\n", value);
		return -1;
	}
	c->daemon.ready_fd = (int)fd;
	return 0;
}

static int
set_option(void *to, const struct cmdline_option *o, const char *value)
{
	struct command *c = to;
	struct error err;

	if (strcmp(o->name, "config") == 0) {
		c->config = value;
	} else if (strcmp(o->name, "xinetd") == 0) {
		sources_add(&c->sources, CONFIG_XINETD, value);
	} else if (strcmp(o->name, "inetd") == 0) {
		sources_add(&c->sources, CONFIG_INETD, value);
	} else if (strcmp(o->name, "check") == 0) {
		c->what = CHECK;
	} else if (strcmp(o->name, "dump") == 0) {
		c->what = DUMP;
	} else if (strcmp(o->name, "background") == 0) {
		c->daemon.background = true;
	} else if (strcmp(o->name, "pidfile") == 0) {
		c->daemon.pidfile = value;
	} else if (strcmp(o->name, "ready-fd") == 0) {
		return set_ready_fd(c, value);
	} else if (strcmp(o->name, "addr-file") == 0) {
		c->daemon.addr_file = value;
	} else if (strcmp(o->name, "dump-file") == 0) {
		c->daemon.dump_file = value;
	} else if (strcmp(o->name, "log") == 0) {
		if (sink_check_target(value, &err) < 0) {
			fprintf(stderr, "evinetd: --log %s: %s\n", value, err.text);
			return -1;
		}
		c->daemon.log_target = value;
	} else if (strcmp(o->name, "log-format") == 0) {
		return choose(o->name, log_format_names, value, &c->daemon.log_format);
	} else if (strcmp(o->name, "log-level") == 0) {
		return choose(o->name, log_level_names, value, &c->daemon.log_level);
	} else if (strcmp(o->name, "version") == 0) {
		c->what = VERSION;
	} else {
		c->what = HELP;
	}
	return 0;
}

static int
help(void)
{
	printf("usage: evinetd [-c FILE] [-x XINETD.CONF] [-i INETD.CONF] [options]\n\n"
	       "Listens on every address of each configured service and starts its program\n"
	       "with the connection as standard input and output.\n\n");
	cmdline_help(evinetd_options, stdout);
	printf("\nSignals: HUP reads the configuration again and opens log files anew, USR1\n"
	       "has the state written, TERM and INT end all sessions, QUIT lets them finish.\n"
	       "Manuals: evinetd(8), evinetd.conf(5).\n");
	return 0;
}

static int
run(struct command *c)
{
	const struct config_source *sources = c->daemon.sources = c->sources.items;
	size_t n = c->daemon.nsources = c->sources.n;

	switch (c->what) {
	case CHECK:
		return daemon_check(sources, n, handlers);
	case DUMP:
		return daemon_dump(sources, n, handlers);
	case VERSION:
		printf("evinetd %s\n", EVINET_VERSION);
		return 0;
	case HELP:
		return help();
	default:
		return daemon_run(&c->daemon, handlers);
	}
}

int
main(int argc, char **argv)
{
	struct command c = { .daemon = DAEMON_OPTIONS };
	int (*personality)(int argc, char **argv) = personality_of(argc ? argv[0] : NULL);
	int first, status;

	if (personality)
		return personality(argc, argv);
	if (cmdline_parse("evinetd", evinetd_options, argc, argv, set_option, &c, &first) < 0)
		return EX_USAGE;
	if (first < argc) {
		fprintf(stderr,
			"evinetd: unexpected \"%s\": evinetd takes only options (see evinetd --help)\n",
			argv[first]);
		return EX_USAGE;
	}
	if (c.config || c.sources.n == 0)
		sources_add(&c.sources, CONFIG_NATIVE, c.config ? c.config : EVINET_DEFAULT_CONFIG);
	status = run(&c);
	sources_clear(&c.sources);
	return status;
}
