#include <arpa/inet.h>
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
#include "core/sys/addr.h"
#include "handlers/handlers.h"

enum { DEFAULTS_MAX = 8, NUMBER_MAX = 1000000 };

/* Options of several inetds. Where they clash, OpenBSD's (which is Debian's) wins, then GNU's. */
struct command {
	struct daemon_options daemon;
	struct config_default defaults[DEFAULTS_MAX + 1]; /* a NULL key behind the last */
	char *values[DEFAULTS_MAX];                       /* owned; theirs */
	size_t n;
	const char *address;
	bool wrappers, debug;
	enum { RUN, VERSION, HELP } what;
};

static void
clear(struct command *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->values[i]);
}

/* The last one of a key counts. */
static void
set_default(struct command *c, const char *key, char *value)
{
	size_t i = 0;

	while (i < c->n && strcmp(c->defaults[i].key, key) != 0)
		i++;
	if (i == c->n)
		c->n++;
	else
		free(c->values[i]);
	c->values[i] = value;
	c->defaults[i] = (struct config_default){ .key = key, .value = value };
}

/* `suffix` makes a rate of the number. 0 means no limit, as everywhere. */
static int
set_number(struct command *c, const struct cmdline_option *o, const char *value, const char *key,
	   const char *suffix)
{
	struct error err;
	int64_t n;

	if (parse_int(value, 0, NUMBER_MAX, &n, &err) < 0) {
		fprintf(stderr, "inetd: -%c %s: %s\n", o->letter, value, err.text);
		return -1;
	}
	if (n)
		set_default(c, key, xasprintf("%lld%s", (long long)n, suffix));
	return 0;
}

static int
set_rate(struct command *c, const struct cmdline_option *o, const char *value)
{
	size_t before = c->n;

	if (set_number(c, o, value, "rate", "/1m") < 0)
		return -1;
	if (c->n > before)
		set_default(c, "rate_pause", xstrdup("10m"));
	return 0;
}

static int
set_address(struct command *c, const char *value)
{
	struct in6_addr ip;
	struct error err;

	if (strchr(value, ':') && inet_pton(AF_INET6, value, &ip) != 1)
		error_set(&err, 0, "expected an address or a name");
	else if (addr_check_host(value, &err) == 0)
		return c->address = value, 0;
	fprintf(stderr, "inetd: -a %s: %s\n", value, err.text);
	return -1;
}

static int
set_option(void *to, const struct cmdline_option *o, const char *value)
{
	struct command *c = to;

	switch (o->letter) {
	case 'd':
		c->debug = true;
		/* fallthrough */
	case 'i':
	case 'f':
		c->daemon.background = false;
		return 0;
	case 'E':
		set_default(c, "pass_env", xstrdup("*"));
		return 0;
	case 'l':
	case 'w':
	case 'W':
		c->wrappers = true;
		return 0;
	case 'q':
		return set_number(c, o, value, "queuesize", "");
	case 'R':
		return set_rate(c, o, value);
	case 'c':
		return set_number(c, o, value, "instances", "");
	case 's':
		return set_number(c, o, value, "per_source", "");
	case 'C':
		return set_number(c, o, value, "per_source_rate", "/1m");
	case 'a':
		return set_address(c, value);
	case 'p':
		c->daemon.pidfile = value ? value : INETD_DEFAULT_PIDFILE;
		return 0;
	case 'V':
		c->what = VERSION;
		return 0;
	case 'h':
		c->what = HELP;
		return 0;
	default:
		return 0; /* what needs nothing done */
	}
}

static int
help(void)
{
	printf("usage: inetd [options] [FILE...]\n\n"
	       "evinetd, started as inetd: it serves an inetd.conf as it stands,\n" INETD_DEFAULT_CONFIG
	       " if none is named.\n\n");
	cmdline_help(inetd_options, stdout);
	printf("\nManual: evinetd(8).\n");
	return 0;
}

static int
run(struct command *c, char **files)
{
	static char *default_files[] = { (char *)INETD_DEFAULT_CONFIG, NULL };
	struct sources sources = { 0 };
	int status;

	for (char **f = *files ? files : default_files; *f; f++) {
		struct config_source *s = sources_add(&sources, CONFIG_INETD, *f);

		s->defaults = c->defaults;
		s->address = c->address;
		s->tcp_wrappers = c->wrappers;
	}
	c->daemon.sources = sources.items;
	c->daemon.nsources = sources.n;
	if (c->debug) {
		c->daemon.log_target = "stderr";
		c->daemon.log_level = LOG_LEVEL_DEBUG;
	}
	if (c->daemon.background && !c->daemon.pidfile && geteuid() == 0)
		c->daemon.pidfile = INETD_DEFAULT_PIDFILE;
	status = daemon_run(&c->daemon, handlers);
	sources_clear(&sources);
	return status;
}

int
inetd_main(int argc, char **argv)
{
	struct command c = { .daemon = DAEMON_OPTIONS };
	int first, status = EX_USAGE;

	c.daemon.background = true;
	c.daemon.stay = true; /* a file where all lines are comments is nothing unusual */
	if (cmdline_parse("inetd", inetd_options, argc, argv, set_option, &c, &first) == 0) {
		if (c.what == VERSION)
			printf("inetd: evinetd %s, started as inetd\n", EVINET_VERSION);
		status = c.what == VERSION ? 0 : c.what == HELP ? help() : run(&c, argv + first);
	}
	clear(&c);
	return status;
}
