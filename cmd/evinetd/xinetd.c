#include <errno.h>
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

enum { PROGRAMS_MAX = 1000000 };

struct command {
	struct daemon_options daemon;
	const char *config;
	char *target; /* where messages go, if that was said */
	bool inetd_compat, debug;
	enum { RUN, VERSION, HELP } what;
};

static int
set_target(struct command *c, const char *option, char *target)
{
	struct error err;

	if (c->target) {
		fprintf(stderr, "xinetd: -%s: messages go to one place: -filelog or -syslog, and once\n",
			option);
		free(target);
		return -1;
	}
	c->target = target;
	if (sink_check_target(target, &err) == 0)
		return 0;
	fprintf(stderr, "xinetd: -%s: %s\n", option, err.text);
	return -1;
}

/* Absolute, because the background changes the directory. */
static char *
file_target(const char *path)
{
	char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
	char *target = xasprintf("file:%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path);

	free(cwd);
	return target;
}

static int
set_limit(struct command *c, const char *value)
{
	struct error err;
	int64_t n;

	if (parse_int(value, 0, PROGRAMS_MAX, &n, &err) < 0) {
		fprintf(stderr, "xinetd: -limit %s: %s\n", value, err.text);
		return -1;
	}
	c->daemon.process_limit = (int)n;
	return 0;
}

static int
set_option(void *to, const struct cmdline_option *o, const char *value)
{
	struct command *c = to;

	if (strcmp(o->name, "f") == 0) {
		c->config = value;
	} else if (strcmp(o->name, "dontfork") == 0) {
		c->daemon.background = false;
		c->daemon.stay = true;
	} else if (strcmp(o->name, "d") == 0) {
		c->debug = true;
		c->daemon.background = false;
	} else if (strcmp(o->name, "stayalive") == 0) {
		c->daemon.stay = true;
	} else if (strcmp(o->name, "inetd_compat") == 0) {
		c->inetd_compat = true;
	} else if (strcmp(o->name, "filelog") == 0) {
		return set_target(c, o->name, file_target(value));
	} else if (strcmp(o->name, "syslog") == 0) {
		return set_target(c, o->name, xasprintf("syslog:%s", value));
	} else if (strcmp(o->name, "pidfile") == 0) {
		c->daemon.pidfile = value;
	} else if (strcmp(o->name, "limit") == 0) {
		return set_limit(c, value);
	} else if (strcmp(o->name, "version") == 0) {
		c->what = VERSION;
	} else if (strcmp(o->name, "help") == 0) {
		c->what = HELP;
	}
	return 0;
}

static int
help(void)
{
	printf("usage: xinetd [-f FILE] [options]\n\n"
	       "evinetd, started as xinetd: it serves an xinetd.conf as it stands.\n\n");
	cmdline_help_xinetd(xinetd_options, stdout);
	printf("\nManual: evinetd(8).\n");
	return 0;
}

static int
format_named(const char *name)
{
	for (int i = 0; log_format_names[i]; i++)
		if (strcmp(log_format_names[i], name) == 0)
			return i;
	return -1;
}

static int
run(struct command *c)
{
	struct sources sources = { 0 };
	int status;

	sources_add(&sources, CONFIG_XINETD, c->config);
	/* Start scripts ask for it on every machine, whether there is such a file or not. */
	if (c->inetd_compat && (access(INETD_DEFAULT_CONFIG, F_OK) == 0 || errno != ENOENT))
		sources_add(&sources, CONFIG_INETD, INETD_DEFAULT_CONFIG)->yields = true;
	c->daemon.sources = sources.items;
	c->daemon.nsources = sources.n;
	c->daemon.log_target = c->debug ? "stderr" : c->target ? c->target : "syslog";
	c->daemon.dump_file = "/var/run/xinetd.dump";
	c->daemon.log_format = format_named("xinetd");
	if (c->debug)
		c->daemon.log_level = LOG_LEVEL_DEBUG;
	status = daemon_run(&c->daemon, handlers);
	sources_clear(&sources);
	return status;
}

int
xinetd_main(int argc, char **argv)
{
	struct command c = { .daemon = DAEMON_OPTIONS, .config = XINETD_DEFAULT_CONFIG };
	int first, status = EX_USAGE;

	c.daemon.background = true;
	if (cmdline_parse_xinetd("xinetd", xinetd_options, argc, argv, set_option, &c, &first) < 0) {
		free(c.target);
		return EX_USAGE;
	}
	if (first < argc) {
		fprintf(stderr, "xinetd: unexpected \"%s\": xinetd takes only options (see xinetd -help)\n",
			argv[first]);
	} else if (c.what == VERSION) {
		fprintf(stderr, "xinetd: evinetd %s, started as xinetd\n", EVINET_VERSION);
		status = 0;
	} else {
		status = c.what == HELP ? help() : run(&c);
	}
	free(c.target);
	return status;
}
