#include "core/conf/schema.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "core/base/log.h"
#include "core/sys/addr.h"
#include "core/sys/sink.h"

#define IN(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)
#define AT(member) IN(service_conf, member)

static const char *const bind_words[] = { "all", "first", NULL };
static const char *const listen_error_words[] = { "skip", "retry", "exit", NULL };
static const char *const close_words[] = { "drain", "leave", NULL };
static const char *const full_words[] = { "wait", "refuse", NULL };
static const char *const daytime_words[] = { "ctime", "xinetd", NULL };
static const char *const ident_words[] = { "off", "log", "require", NULL };
static const char *const redirect_proxy_words[] = { "off", "v1", "v2", NULL };
static const char *const warm_header_words[] = { "none", "proxy-v1", "env-line", NULL };
static const char *const family_words[] = { "unspec", "inet", "inet6", NULL };
static const char *const socktype_words[] = { "stream", "dgram", "seqpacket", NULL };

static const char *const signal_words[] = {
	"TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "ABRT", NULL
};
static const int signal_numbers[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2, SIGABRT };

const char *const schema_log_events[] = { "listen",    "fail",       "listen_error", "resolve_error",
					  "start",     "refuse",     "hold",         "release",
					  "end",       "exec_error", "stderr",       "redirect_error",
					  "warm_exit", "ban",        "ident",        "rpc",
					  "tcpmux",    NULL };

static const struct {
	const char *word;
	int flag;
} ai_flags[] = {
	{ "passive", AI_PASSIVE },       { "numerichost", AI_NUMERICHOST }, { "numericserv", AI_NUMERICSERV },
	{ "addrconfig", AI_ADDRCONFIG }, { "v4mapped", AI_V4MAPPED },       { "all", AI_ALL },
	{ "canonname", AI_CANONNAME },
};

const int schema_limit_resources[LIMITS] = {
	RLIMIT_AS,    RLIMIT_CORE,    RLIMIT_CPU,   RLIMIT_DATA,  RLIMIT_NOFILE,
	RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NPROC, RLIMIT_STACK, RLIMIT_RSS,
};

static int
check_address(const char *s, struct error *err)
{
	struct addr_spec spec;

	return addr_spec_parse(s, &spec, err);
}

static int
check_path(const char *s, struct error *err)
{
	return *s == '/' ? 0 : error_set(err, 0, "expected an absolute path");
}

static int
check_assignment(const char *s, struct error *err)
{
	const char *eq = strchr(s, '=');

	return eq && eq != s ? 0 : error_set(err, 0, "expected NAME=VALUE, not \"%s\"", s);
}

static int
check_variable(const char *s, struct error *err)
{
	return *s && !strchr(s, '=') ? 0
				     : error_set(err, 0, "expected the name of a variable, not \"%s\"", s);
}

static int
check_stderr(const char *s, struct error *err)
{
	if (strcmp(s, "log") == 0 || strcmp(s, "socket") == 0 || strcmp(s, "null") == 0 ||
	    (strncmp(s, "file:/", 6) == 0 && s[6]))
		return 0;
	return error_set(err, 0, "expected log, socket, null or file:/PATH");
}

static int
check_not_empty(const char *s, struct error *err)
{
	return *s ? 0 : error_set(err, 0, "expected a name, not an empty text");
}

/* What a client can ask for, as one line. */
static int
check_tcpmux(const char *s, struct error *err)
{
	if (strcasecmp(s, "help") == 0)
		return error_set(err, 0, "\"%s\" asks for the list of names", s);
	if (!*s || strlen(s) > TCPMUX_NAME_MAX)
		return error_set(err, 0, "expected a name of 1 to %d bytes", TCPMUX_NAME_MAX);
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return error_set(err, 0, "expected a name without control characters");
	return 0;
}

/* Where a connection can be made to. */
static int
check_redirect(const char *s, struct error *err)
{
	struct addr_spec spec;

	if (addr_spec_parse(s, &spec, err) < 0)
		return -1;
	if (spec.socktype == SOCK_DGRAM)
		return error_set(err, 0, "a connection cannot be redirected to a datagram socket");
	if (spec.kind == ADDR_FD)
		return error_set(err, 0, "expected an address to connect to, not an inherited socket");
	if (spec.kind == ADDR_INET && strcmp(spec.port, "0") == 0)
		return error_set(err, 0, "nobody listens on port 0");
	return 0;
}

static int
check_ip(const char *s, struct error *err)
{
	struct in6_addr ip;
	char host[64];

	/* With the interface of a link-local address behind it. */
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(s, "%"), s);
	if (inet_pton(AF_INET, s, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1)
		return 0;
	return error_set(err, 0, "expected an IPv4 or IPv6 address, not \"%s\"", s);
}

static int
check_event(const char *s, struct error *err)
{
	for (const char *const *e = schema_log_events; *e; e++)
		if (strcmp(*e, s) == 0)
			return 0;
	return error_set(err, 0, "no service event is called \"%s\"", s);
}

static int
check_word(const char *s, const char *const *words, struct error *err)
{
	struct text t = { 0 };

	for (const char *const *w = words; *w; w++)
		if (strcmp(*w, s) == 0)
			return 0;
	for (const char *const *w = words; *w; w++)
		text_printf(&t, "%s%s", w == words ? "" : ", ", *w);
	error_set(err, 0, "expected one of %s, not \"%s\"", t.s, s);
	text_clear(&t);
	return -1;
}

static int
check_success(const char *s, struct error *err)
{
	static const char *const words[] = { "pid", "host", "userid", "exit", "duration", "traffic", NULL };

	return check_word(s, words, err);
}

static int
check_failure(const char *s, struct error *err)
{
	static const char *const words[] = { "host", "userid", "attempt", NULL };

	return check_word(s, words, err);
}

static int
check_load(const char *s, struct error *err)
{
	char *end;
	double d = strtod(s, &end);

	if (*s >= '0' && *s <= '9' && !*end && d > 0 && d < 1e6)
		return 0;
	return error_set(err, 0, "expected a number above 0, such as 2.5, not \"%s\"", s);
}

static int
check_ban(const char *s, struct error *err)
{
	int64_t ms;

	if (strcmp(s, "forever") == 0)
		return 0;
	return parse_duration_ms(s, &ms, err);
}

static int
check_ai_flag(const char *s, struct error *err)
{
	for (size_t i = 0; i < sizeof(ai_flags) / sizeof(ai_flags[0]); i++)
		if (strcmp(ai_flags[i].word, s) == 0)
			return 0;
	return error_set(
		err, 0,
		"expected passive, numerichost, numericserv, addrconfig, v4mapped, all or canonname, "
		"not \"%s\"",
		s);
}

/* clang-format off */
#define D .flags = OPTION_DEFAULTS
#define SOCK(n, t, lo, hi, u, d) \
	{ .name = #n, .type = (t), AT(sock.n), .min = (lo), .max = (hi), .unit = (u), D, .doc = (d) }
#define LIMIT(n, i, d) \
	{ .name = #n, .section = "rlimit", .type = OPT_LIMIT, AT(limits[i]), D, .doc = (d) }

const struct option service_rows[] = {
	{ .name = "listen", .group = "Listening", .type = OPT_LIST, AT(listen), .check = check_address,
	  .doc = "Addresses to listen on, as in ADDRESSES. Each entry is a listener of its own; a name "
		 "gets a socket on every address it stands for." },
	{ .name = "bind", .type = OPT_ENUM, AT(bind), .def = "all", .words = bind_words, D,
	  .doc = "Whether a name is bound on all of its addresses or on the first that works." },
	{ .name = "on_listen_error", .type = OPT_ENUM, AT(on_listen_error), .def = "skip",
	  .words = listen_error_words, D,
	  .doc = "What to do about addresses that cannot be listened on: go on without them, try them "
		 "again every retry_interval, or, if a listener is left with none, end the daemon." },
	{ .name = "retry_interval", .type = OPT_DURATION, AT(retry_interval), .def = "10s", .min = 100,
	  .max = 86400000, D, .doc = "Time between two tries with on_listen_error = retry." },
	{ .name = "queuesize", .type = OPT_INT, AT(queuesize), .def = "128", .unit = "connections", .min = 1,
	  .max = 65535, D, .doc = "Connections that may wait to be accepted, for each socket." },
	{ .name = "reuseaddr", .type = OPT_BOOL, AT(sock.reuseaddr), .def = "true", D,
	  .doc = "Listen although old connections linger on the port (SO_REUSEADDR). For streams only: "
		 "datagram sockets would share the port." },
	{ .name = "reuseport", .type = OPT_BOOL, AT(sock.reuseport), D,
	  .doc = "Share the port with other sockets that ask for it (SO_REUSEPORT)." },
	{ .name = "v6only", .type = OPT_BOOL, AT(sock.v6only), .def = "true", D,
	  .doc = "Keep IPv4 away from IPv6 sockets (IPV6_V6ONLY, always set one way or the other). If "
		 "false, the IPv6 wildcard takes IPv4 clients as well and 0.0.0.0 is not bound." },
	{ .name = "device", .type = OPT_STRING, AT(sock.device), D,
	  .doc = "Only take traffic from this network interface (SO_BINDTODEVICE)." },
	{ .name = "freebind", .type = OPT_BOOL, AT(sock.freebind), D,
	  .doc = "Bind addresses that this machine does not have yet (IP_FREEBIND)." },
	{ .name = "transparent", .type = OPT_BOOL, AT(sock.transparent), D,
	  .doc = "Bind addresses of other machines, for transparent proxies (IP_TRANSPARENT)." },
	{ .name = "keepalive", .type = OPT_BOOL, AT(sock.keepalive), D,
	  .doc = "Probe idle connections (SO_KEEPALIVE)." },
	SOCK(keepalive_idle, OPT_DURATION, 1, 32767, NULL,
	  "Idle time before the first probe (TCP_KEEPIDLE, whole seconds)."),
	SOCK(keepalive_interval, OPT_DURATION, 1, 32767, NULL,
	  "Time between probes (TCP_KEEPINTVL, whole seconds)."),
	SOCK(keepalive_count, OPT_INT, 1, 127,
	  "probes", "Unanswered probes before a connection is given up (TCP_KEEPCNT)."),
	{ .name = "nodelay", .type = OPT_BOOL, AT(sock.nodelay), D,
	  .doc = "Send small pieces at once (TCP_NODELAY)." },
	SOCK(defer_accept, OPT_DURATION, 0, 32767, NULL,
	  "Accept a connection only once it has sent something, at most this much later "
		 "(TCP_DEFER_ACCEPT, whole seconds)."),
	SOCK(fastopen, OPT_INT, 0, 65535,
	  "connections", "Take data with the first packet, for this many connections at once (TCP_FASTOPEN)."),
	SOCK(rcvbuf, OPT_SIZE, 0, INT32_MAX / 2, "bytes", "Receive buffer (SO_RCVBUF)."),
	SOCK(sndbuf, OPT_SIZE, 0, INT32_MAX / 2, "bytes", "Send buffer (SO_SNDBUF)."),
	SOCK(tos, OPT_INT, 0, 255, NULL, "Type of service or traffic class (IP_TOS, IPV6_TCLASS)."),
	SOCK(mark, OPT_INT, 0, INT32_MAX, NULL, "Firewall mark (SO_MARK)."),
	SOCK(priority, OPT_INT, 0, 6, NULL, "Queueing priority (SO_PRIORITY)."),
	{ .name = "congestion", .type = OPT_STRING, AT(sock.congestion), D,
	  .doc = "Congestion control, by its name in the kernel (TCP_CONGESTION)." },
	{ .name = "mode", .type = OPT_OCTAL, AT(mode), .max = 0777, D,
	  .doc = "Permissions of the file of a unix socket; the umask decides if not given." },
	{ .name = "owner", .type = OPT_STRING, AT(owner), D, .doc = "Owner of the file of a unix socket." },
	{ .name = "group_owner", .type = OPT_STRING, AT(group_owner), D,
	  .doc = "Group of the file of a unix socket." },

	{ .name = "handler", .group = "Running", .type = OPT_STRING, AT(handler), .def = "exec",
	  .doc = "What serves a connection: exec starts a program; redirect passes it on to another server, "
		 "tcpmux to another service; the others are built in." },
	{ .name = "exec", .type = OPT_LIST, AT(exec),
	  .doc = "The program and its arguments. A name without a slash is looked for in PATH." },
	{ .name = "argv0", .type = OPT_STRING, AT(argv0),
	  .doc = "What the program finds as argv[0], if not its path." },
	{ .name = "shell", .type = OPT_STRING, AT(shell),
	  .doc = "A line for /bin/sh -c, instead of exec." },
	{ .name = "wait", .type = OPT_BOOL, AT(wait), .def = "false",
	  .doc = "The program gets the listening socket (or the datagram socket) itself and serves all "
		 "that comes until it ends; then the next client starts it again. Datagram services with a "
		 "program need it." },
	{ .name = "user", .type = OPT_STRING, AT(user), D,
	  .doc = "Whom the program runs as: a name, or a number together with group." },
	{ .name = "group", .type = OPT_STRING, AT(group), D, .doc = "Group, if not the user's own." },
	{ .name = "groups", .type = OPT_LIST, AT(groups), .check = check_not_empty, D,
	  .doc = "Supplementary groups, if not the user's own; {} for none." },
	{ .name = "umask", .type = OPT_OCTAL, AT(mask), .max = 0777, D,
	  .doc = "File mode mask of the program." },
	{ .name = "chroot", .type = OPT_STRING, AT(chroot), .check = check_path, D,
	  .doc = "Root directory of the program; exec is looked up inside." },
	{ .name = "directory", .type = OPT_STRING, AT(directory), .check = check_path, D,
	  .doc = "Working directory, entered as the program's user." },
	{ .name = "nice", .type = OPT_INT, AT(nice), .min = -20, .max = 19, D,
	  .doc = "Scheduling priority; applied before the user changes, so that negative values work." },
	{ .name = "oom_score_adj", .type = OPT_INT, AT(oom_score_adj), .min = -1000, .max = 1000, D,
	  .doc = "Preference of the out-of-memory killer." },
	LIMIT(as, 0, "Address space, in bytes."),
	LIMIT(core, 1, "Size of a core file, in bytes."),
	LIMIT(cpu, 2, "Processor time, in seconds."),
	LIMIT(data, 3, "Data segment, in bytes."),
	LIMIT(files, 4, "Open files."),
	LIMIT(fsize, 5, "Size of a written file, in bytes."),
	LIMIT(memlock, 6, "Locked memory, in bytes."),
	LIMIT(nproc, 7, "Processes of the user."),
	LIMIT(stack, 8, "Stack, in bytes."),
	LIMIT(rss, 9, "Resident memory, in bytes; Linux takes it and does nothing about it."),
	{ .name = "env", .type = OPT_LIST, AT(env), .check = check_assignment, D,
	  .doc = "Variables for the program, as NAME=VALUE." },
	{ .name = "pass_env", .type = OPT_LIST, AT(pass_env), .check = check_variable, D,
	  .doc = "Names of variables that the program gets from the daemon's environment; * for all of them but "
		 "those that are meant for the daemon alone." },
	{ .name = "stderr", .type = OPT_STRING, AT(stderr_to), .def = "log", .check = check_stderr, D,
	  .doc = "Where the program's standard error goes: log (a stderr event for each line), socket (to "
		 "the client), null, or file:PATH." },
	{ .name = "timeout", .type = OPT_DURATION, AT(timeout), .def = "0", D,
	  .doc = "Longest time of a session; 0 for no limit." },
	{ .name = "idle_timeout", .type = OPT_DURATION, AT(idle_timeout), .def = "0", D,
	  .doc = "Longest time without a byte in either direction; 0 for no limit. For programs it needs "
		 "TCP, where the kernel tells." },
	{ .name = "kill_signal", .type = OPT_ENUM, AT(kill_signal), .def = "TERM", .words = signal_words, D,
	  .doc = "Signal that asks the program's process group to end." },
	{ .name = "kill_after", .type = OPT_DURATION, AT(kill_after), .def = "5s", .max = 86400000, D,
	  .doc = "Time between kill_signal and KILL." },
	{ .name = "session", .type = OPT_BOOL, AT(session), .def = "false", D,
	  .doc = "A session of its own (setsid) instead of only a process group." },
	{ .name = "close", .type = OPT_ENUM, AT(close), .def = "drain", .words = close_words, D,
	  .doc = "How a connection ends when the program does: drain makes sure that the answer arrives "
		 "even if the client sent more than was read, leave does what the kernel does. A program "
		 "that closes the connection and goes on working needs leave, because with drain the "
		 "client sees the end only when the program ends." },
	{ .name = "drain_timeout", .type = OPT_DURATION, AT(drain_timeout), .def = "2s", .max = 3600000, D,
	  .doc = "Longest wait for the client to end its side." },
	{ .name = "no_new_privs", .type = OPT_BOOL, AT(no_new_privs), .def = "false", D,
	  .doc = "The program cannot gain privileges, not even by set-user-id files." },
	{ .name = "capabilities", .type = OPT_LIST, AT(capabilities), .check = check_not_empty, D,
	  .doc = "Exactly these capabilities, whatever the user; {} for none. Unchanged if not given." },

	{ .name = "daytime_form", .type = OPT_ENUM, AT(daytime_form), .def = "ctime", .words = daytime_words, D,
	  .doc = "How daytime says the time: as ctime(3) does, or as xinetd did, such as 24 DEC 2026 18:00:00 CET." },
	{ .name = "tcpmux", .type = OPT_STRING, AT(tcpmux), .check = check_tcpmux,
	  .doc = "Name under which services with handler = tcpmux offer this one (RFC 1078). Such a service "
		 "needs no address of its own." },
	{ .name = "tcpmux_plus", .type = OPT_BOOL, AT(tcpmux_plus), .def = "false",
	  .doc = "tcpmux says +Go to the client; otherwise the service itself says so." },
	{ .name = "rpc_program", .type = OPT_STRING, AT(rpc_program), .check = check_not_empty,
	  .doc = "ONC RPC program, a name or a number, that is registered with rpcbind." },
	{ .name = "rpc_version", .type = OPT_STRING, AT(rpc_version), .check = check_not_empty,
	  .doc = "Its versions: one number, or a range such as 2-4." },

	{ .name = "redirect", .type = OPT_STRING, AT(redirect), .check = check_redirect,
	  .doc = "Where connections are passed on to: an address of any kind that takes connections. Without "
		 "a host it is localhost. Implies handler = redirect." },
	{ .name = "redirect_source", .type = OPT_STRING, AT(redirect_source), .check = check_ip, D,
	  .doc = "Address of this machine that connections are passed on from; addresses of another family "
		 "are not tried then." },
	{ .name = "redirect_proxy", .type = OPT_ENUM, AT(redirect_proxy), .def = "off",
	  .words = redirect_proxy_words, D,
	  .doc = "Tells the server in front of everything else who the client is, by a header of the PROXY "
		 "protocol of this version." },
	{ .name = "connect_timeout", .type = OPT_DURATION, AT(connect_timeout), .def = "10s", .min = 10,
	  .max = 86400000, D, .doc = "Longest wait for each address that a connection is passed on to." },
	{ .name = "warm", .type = OPT_INT, AT(warm), .def = "0", .unit = "programs", .max = 10000,
	  .doc = "Programs that are started ahead and wait for a client." },
	{ .name = "warm_spawn", .type = OPT_INT, AT(warm_spawn), .def = "2", .unit = "programs", .min = 1,
	  .max = 1000, D, .doc = "Programs that are started ahead at the same time." },
	{ .name = "warm_max_age", .type = OPT_DURATION, AT(warm_max_age), .def = "0", D,
	  .doc = "Age at which a program that waits is replaced by a new one; 0 for never." },
	{ .name = "warm_header", .type = OPT_ENUM, AT(warm_header), .def = "none", .words = warm_header_words, D,
	  .doc = "What tells a program that was started ahead who its client is, as the first line of its "
		 "standard input: nothing, a header of the PROXY protocol, or variables." },

	{ .name = "allow", .group = "Admission", .type = OPT_LIST, AT(allow), .check = check_not_empty, D,
	  .doc = "Addresses, prefixes, names and .domains of hosts that may connect; everyone if not given, "
		 "nobody if {}." },
	{ .name = "deny", .type = OPT_LIST, AT(deny), .check = check_not_empty, D,
	  .doc = "Addresses, prefixes, names and .domains of hosts that may not connect; wins over allow." },
	{ .name = "hours", .type = OPT_LIST, AT(hours), .check = check_not_empty, D,
	  .doc = "When clients may connect, such as 08:00-17:30, by the machine's local time. An interval may "
		 "go over midnight; the minute that it ends with is part of it, and 24:00 is the end of a day." },
	{ .name = "instances", .type = OPT_INT, AT(instances), .def = "0", .unit = "sessions", .max = 1000000, D,
	  .doc = "Sessions at once; further clients wait in the queue. 0 for no limit." },
	{ .name = "per_source", .type = OPT_INT, AT(per_source), .def = "0", .unit = "sessions", .max = 1000000, D,
	  .doc = "Sessions at once from one address (one user on unix sockets); further ones are refused. "
		 "0 for no limit." },
	{ .name = "per_prefix", .type = OPT_INT, AT(per_prefix), .def = "0", .unit = "sessions", .max = 1000000, D,
	  .doc = "Sessions at once from one network, as prefix_ipv4 and prefix_ipv6 divide them; further ones "
		 "are refused. 0 for no limit." },
	{ .name = "prefix_ipv4", .type = OPT_INT, AT(prefix_ipv4), .def = "24", .unit = "bits", .max = 32, D,
	  .doc = "Length of the IPv4 prefixes that per_prefix counts." },
	{ .name = "prefix_ipv6", .type = OPT_INT, AT(prefix_ipv6), .def = "64", .unit = "bits", .max = 128, D,
	  .doc = "Length of the IPv6 prefixes that per_prefix counts." },
	{ .name = "rate", .type = OPT_RATE, AT(rate), D,
	  .doc = "Sessions started per time, such as 50/1s; further clients wait in the queue." },
	{ .name = "rate_burst", .type = OPT_INT, AT(rate_burst), .def = "0", .unit = "sessions", .max = 1000000, D,
	  .doc = "Sessions that may start at once after a quiet time; 0 for the count of rate." },
	{ .name = "rate_pause", .type = OPT_DURATION, AT(rate_pause), .def = "0", .max = 86400000, D,
	  .doc = "How long nobody is accepted once rate is exceeded; 0: until the next session may start." },
	{ .name = "per_source_rate", .type = OPT_RATE, AT(per_source_rate), D,
	  .doc = "Sessions started per time from one address, such as 10/1m; further ones are refused." },
	{ .name = "when_full", .type = OPT_ENUM, AT(when_full), .def = "wait", .words = full_words, D,
	  .doc = "What instances and rate do to further clients: let them wait in the queue, or refuse them." },
	{ .name = "max_load", .type = OPT_STRING, AT(max_load), .check = check_load, D,
	  .doc = "Clients are refused while the machine's load average of one minute is this high, such as "
		 "2.5." },
	{ .name = "min_memory", .type = OPT_SIZE, AT(min_memory), .def = "0", .unit = "bytes", .max = INT64_MAX, D,
	  .doc = "Clients are refused while less memory than this is available; 0 for no limit." },
	{ .name = "ban", .type = OPT_STRING, AT(ban), .check = check_ban,
	  .doc = "A sensor: whoever connects is refused, and by all services for this long; forever is until "
		 "the daemon ends, 0 is not at all." },
	{ .name = "tcp_wrappers", .type = OPT_STRING, AT(tcp_wrappers), .check = check_not_empty, D,
	  .doc = "Asks /etc/hosts.allow and /etc/hosts.deny, with this name of a daemon (libwrap, where it is "
		 "built in); off for not at all." },
	{ .name = "ident", .type = OPT_ENUM, AT(ident), .def = "off", .words = ident_words, D,
	  .doc = "Whether the client's machine is asked for the name of its user (RFC 1413): log tells it by "
		 "an event, require refuses clients whose machine does not answer." },
	{ .name = "ident_timeout", .type = OPT_DURATION, AT(ident_timeout), .def = "30s", .min = 10,
	  .max = 3600000, D, .doc = "Longest wait for that answer." },
	{ .name = "banner", .type = OPT_STRING, AT(banner), .check = check_path, D,
	  .doc = "File that every client is sent before anything else." },
	{ .name = "banner_allow", .type = OPT_STRING, AT(banner_allow), .check = check_path, D,
	  .doc = "File that clients are sent before they are served." },
	{ .name = "banner_deny", .type = OPT_STRING, AT(banner_deny), .check = check_path, D,
	  .doc = "File that clients are sent when they are refused." },

	{ .name = "log_events", .group = "Logging", .type = OPT_LIST, AT(log_events), .check = check_event, D,
	  .doc = "The events of this service that are logged; all if not given." },
	{ .name = "id", .type = OPT_STRING, AT(id), .check = check_not_empty,
	  .doc = "What lines of the xinetd format call the service, if not its name." },
	{ .name = "target", .section = "log", .type = OPT_STRING, AT(log.target), .check = sink_check_target, D,
	  .doc = "Where this service's events go: stderr, syslog, syslog:FACILITY.LEVEL, journal or file:PATH." },
	{ .name = "format", .section = "log", .type = OPT_ENUM, AT(log.format), .words = log_format_names, D,
	  .doc = "Form of an event." },
	{ .name = "level", .section = "log", .type = OPT_ENUM, AT(log.level), .words = log_level_names, D,
	  .doc = "The least important events that are logged: error, warning, info or debug." },
	{ .name = "limit", .section = "log", .type = OPT_LIMIT, AT(log.limit), D,
	  .doc = "Size of a log file, soft:hard: past the first a warning is logged, past the second nothing more "
		 "is written to it." },
	{ .name = "success", .section = "log", .type = OPT_LIST, AT(log.success), .check = check_success, D,
	  .doc = "What START and EXIT lines of the xinetd format tell: pid, host, userid, exit, duration, "
		 "traffic; none of these lines if {}, everything if not given." },
	{ .name = "failure", .section = "log", .type = OPT_LIST, AT(log.failure), .check = check_failure, D,
	  .doc = "What FAIL lines of the xinetd format tell: host, userid, attempt; none of these lines if {}, everything if not given." },
	{ .name = NULL },
};

const struct option listener_rows[] = {
	{ .name = "host", .type = OPT_STRING, IN(listener_conf, host), .check = addr_check_host,
	  .doc = "Name or address; every address if not given, or *." },
	{ .name = "service", .type = OPT_STRING, IN(listener_conf, service), .check = addr_check_port,
	  .doc = "Port number or name; 0 for one that the kernel chooses." },
	{ .name = "addrs", .type = OPT_LIST, IN(listener_conf, addrs), .check = check_address,
	  .doc = "Addresses that need no look-up, as one listener: with port 0 they share a port." },
	{ .name = "handle", .type = OPT_STRING, IN(listener_conf, handle),
	  .doc = "An inherited listening socket: its number, or its name in LISTEN_FDNAMES." },
	{ .name = "family", .type = OPT_ENUM, IN(listener_conf, family), .def = "unspec", .words = family_words,
	  .doc = "Family of the addresses: IPv4 (inet), IPv6 (inet6) or both." },
	{ .name = "socktype", .type = OPT_ENUM, IN(listener_conf, socktype), .def = "stream", .words = socktype_words,
	  .doc = "Type of socket." },
	{ .name = "protocol", .type = OPT_STRING, IN(listener_conf, protocol),
	  .doc = "Name or number of a protocol, if not the usual one of the socktype." },
	{ .name = "flags", .type = OPT_LIST, IN(listener_conf, flags), .check = check_ai_flag,
	  .doc = "Flags of the look-up: passive, numerichost, numericserv, addrconfig, v4mapped, all, canonname." },
	{ .name = NULL },
};

const struct option global_rows[] = {
	{ .name = "target", .section = "log", .type = OPT_STRING, IN(global_conf, log.target), .check = sink_check_target,
	  .doc = "Where events go: stderr, syslog, syslog:FACILITY.LEVEL, journal or file:PATH." },
	{ .name = "format", .section = "log", .type = OPT_ENUM, IN(global_conf, log.format), .words = log_format_names,
	  .doc = "Form of an event." },
	{ .name = "level", .section = "log", .type = OPT_ENUM, IN(global_conf, log.level), .words = log_level_names,
	  .doc = "The least important events that are logged: error, warning, info or debug." },
	{ .name = "limit", .section = "log", .type = OPT_LIMIT, IN(global_conf, log.limit),
	  .doc = "Size of a log file, soft:hard: past the first a warning is logged, past the second nothing more "
		 "is written to it." },
	{ .name = "success", .section = "log", .type = OPT_LIST, IN(global_conf, log.success), .check = check_success,
	  .doc = "What START and EXIT lines of the xinetd format tell: pid, host, userid, exit, duration, "
		 "traffic; none of these lines if {}, everything if not given." },
	{ .name = "failure", .section = "log", .type = OPT_LIST, IN(global_conf, log.failure), .check = check_failure,
	  .doc = "What FAIL lines of the xinetd format tell: host, userid, attempt; none of these lines if {}, everything if not given." },
	{ .name = NULL },
};
/* clang-format on */

int
schema_signal(const struct service_conf *s)
{
	return signal_numbers[s->kill_signal];
}

int
schema_family(const struct listener_conf *l)
{
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };

	return families[l->family];
}

int
schema_socktype(const struct listener_conf *l)
{
	static const int socktypes[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	return socktypes[l->socktype];
}

int
schema_flags(const struct listener_conf *l)
{
	int flags = 0;

	for (size_t i = 0; i < l->flags.list.n; i++)
		for (size_t j = 0; j < sizeof(ai_flags) / sizeof(ai_flags[0]); j++)
			if (strcmp(ai_flags[j].word, l->flags.list.items[i]) == 0)
				flags |= ai_flags[j].flag;
	return flags;
}

void
service_conf_init(struct service_conf *s)
{
	*s = (struct service_conf){
		.mode = -1, .mask = -1, .nice = NUMBER_UNSET, .oom_score_adj = NUMBER_UNSET
	};
	s->log.format = s->log.level = -1;
	/* All of the ints in there. */
	memset(&s->sock, 0xff, offsetof(struct sockopts_conf, device));
	options_default(service_rows, s);
}

void
service_conf_copy(struct service_conf *to, const struct service_conf *from)
{
	*to = (struct service_conf){ 0 };
	options_copy(service_rows, to, from);
	for (size_t i = 0; i < from->nnotes; i++) {
		if (!from->notes[i].origin.file)
			continue;
		service_conf_note(to, from->notes[i].row, from->notes[i].origin);
		to->notes[to->nnotes - 1].inherited = true;
	}
}

void
listener_conf_clear(struct listener_conf *l)
{
	options_clear(listener_rows, l);
}

void
service_conf_clear(struct service_conf *s)
{
	options_clear(service_rows, s);
	for (size_t i = 0; i < s->nlisteners; i++)
		listener_conf_clear(&s->listeners[i]);
	free(s->listeners);
	free(s->notes);
	free(s->name);
	strlist_clear(&s->files);
	*s = (struct service_conf){ 0 };
}

/* Files are few: mostly that of the defaults and that of the service. */
static struct origin
own_origin(struct service_conf *s, struct origin from)
{
	if (!from.file)
		return from;
	for (size_t i = 0; i < s->files.n; i++)
		if (strcmp(s->files.items[i], from.file) == 0)
			return (struct origin){ s->files.items[i], from.line };
	strlist_add(&s->files, from.file);
	return (struct origin){ s->files.items[s->files.n - 1], from.line };
}

static void
dup_listeners(struct service_conf *to, const struct service_conf *from)
{
	to->nlisteners = from->nlisteners;
	if (from->nlisteners)
		to->listeners = xcalloc(from->nlisteners, sizeof(*to->listeners));
	for (size_t i = 0; i < from->nlisteners; i++) {
		options_copy(listener_rows, &to->listeners[i], &from->listeners[i]);
		to->listeners[i].origin = own_origin(to, from->listeners[i].origin);
		to->listeners[i].wrong = from->listeners[i].wrong;
	}
}

struct service_conf *
service_conf_dup(const struct service_conf *from)
{
	struct service_conf *to = xcalloc(1, sizeof(*to));

	options_copy(service_rows, to, from);
	to->name = xstrdup(from->name);
	to->origin = own_origin(to, from->origin);
	to->refused = from->refused;
	to->broken = from->broken;
	dup_listeners(to, from);
	to->nnotes = from->nnotes;
	if (from->nnotes)
		to->notes = xcalloc(from->nnotes, sizeof(*to->notes));
	for (size_t i = 0; i < from->nnotes; i++) {
		to->notes[i] = from->notes[i];
		to->notes[i].origin = own_origin(to, from->notes[i].origin);
	}
	return to;
}

static bool
rows_equal(const struct option *rows, const void *a, const void *b)
{
	for (; rows->name; rows++)
		if (!option_equal(rows, a, b))
			return false;
	return true;
}

static size_t
count_said(const struct service_conf *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nnotes; i++)
		n += s->notes[i].origin.file && !s->notes[i].inherited;
	return n;
}

/* What a service says itself can mean more than the same value by default. */
static bool
say_the_same(const struct service_conf *a, const struct service_conf *b)
{
	if (count_said(a) != count_said(b))
		return false;
	for (size_t i = 0; i < a->nnotes; i++) {
		const struct conf_note *n = &a->notes[i];

		if (n->origin.file && !n->inherited && !service_conf_says(b, n->row->section, n->row->name))
			return false;
	}
	return true;
}

bool
service_conf_equal(const struct service_conf *a, const struct service_conf *b)
{
	if (a->nlisteners != b->nlisteners || !say_the_same(a, b))
		return false;
	for (size_t i = 0; i < a->nlisteners; i++)
		if (!rows_equal(listener_rows, &a->listeners[i], &b->listeners[i]))
			return false;
	return rows_equal(service_rows, a, b);
}

static struct conf_note *
note_of(struct service_conf *s, const struct option *row)
{
	for (size_t i = 0; i < s->nnotes; i++)
		if (s->notes[i].row == row)
			return &s->notes[i];
	s->notes = xrealloc(s->notes, (s->nnotes + 1) * sizeof(*s->notes));
	s->notes[s->nnotes] = (struct conf_note){ .row = row };
	return &s->notes[s->nnotes++];
}

void
service_conf_note(struct service_conf *s, const struct option *row, struct origin origin)
{
	struct conf_note *note = note_of(s, row);

	note->origin = origin;
	note->inherited = false;
}

void
service_conf_note_wrong(struct service_conf *s, const struct option *row)
{
	note_of(s, row)->wrong = true;
}

static const struct conf_note *
find_note(const struct service_conf *s, const char *section, const char *key)
{
	for (size_t i = 0; i < s->nnotes; i++)
		if (option_is(s->notes[i].row, section, key))
			return &s->notes[i];
	return NULL;
}

struct origin
service_conf_origin(const struct service_conf *s, const char *section, const char *key)
{
	const struct conf_note *note = find_note(s, section, key);

	return note && note->origin.file ? note->origin : s->origin;
}

bool
service_conf_says(const struct service_conf *s, const char *section, const char *key)
{
	const struct conf_note *note = find_note(s, section, key);

	return note && note->origin.file && !note->inherited;
}

bool
service_conf_wrong(const struct service_conf *s, const char *key)
{
	const struct conf_note *note = find_note(s, NULL, key);

	return note && note->wrong;
}
