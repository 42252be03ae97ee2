#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/foreign/foreign.h"
#include "core/foreign/slurp.h"
#include "core/foreign/systemd_conv.h"

/* A socket unit and its service unit: what each of their keys is here. */

static void say(struct conversion *, enum foreign_kind, const struct unit_setting *, const char *fmt, va_list)
	__attribute__((format(printf, 4, 0)));

static void
say(struct conversion *c, enum foreign_kind kind, const struct unit_setting *u, const char *fmt, va_list ap)
{
	char text[600];
	char *clean, *key = u ? one_line(u->key) : NULL;

	vsnprintf(text, sizeof(text), fmt, ap);
	clean = one_line(text);
	foreign_remark(c->out, kind, u ? u->file : c->s->file, u ? u->line : 0, c->s->name, key, "%s", clean);
	free(clean);
	free(key);
	c->s->refused |= kind == FOREIGN_ERROR;
}

void
conv_say(struct conversion *c, enum foreign_kind kind, const struct unit_setting *u, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, kind, u, fmt, ap);
	va_end(ap);
}

void
conv_row(struct conversion *c, const struct unit_setting *u, const char *key, const char *value)
{
	foreign_row1(c->s, NULL, key, u ? u->file : c->s->file, u ? u->line : c->s->line, value);
}

void
conv_rows(struct conversion *c, const struct unit_setting *u, const char *key, const struct strlist *values)
{
	foreign_row(c->s, NULL, key, u ? u->file : c->s->file, u ? u->line : c->s->line, values);
}

/* --- specifiers --- */

static void
add_file_contents(const char *path, struct text *t)
{
	struct text file = { 0 };

	if (slurp(path, &file, NULL) == 0)
		text_add(t, file.s, strcspn(file.s, "\n"));
	text_clear(&file);
}

/* The last part of a name that has dashes. */
static void
add_last_part(const char *name, size_t len, struct text *t)
{
	for (size_t i = len; i-- > 0;) {
		if (name[i] != '-')
			continue;
		text_add(t, name + i + 1, len - i - 1);
		return;
	}
	text_add(t, name, len);
}

static bool
add_specifier(const struct unit *u, char letter, struct text *t)
{
	static const struct {
		char letter;
		const char *text;
	} fixed[] = {
		{ '%', "%" },        { 't', "/run" },    { 'S', "/var/lib" }, { 'C', "/var/cache" },
		{ 'L', "/var/log" }, { 'E', "/etc" },    { 'T', "/tmp" },     { 'V', "/var/tmp" },
		{ 'u', "root" },     { 'U', "0" },       { 'g', "root" },     { 'G', "0" },
		{ 'h', "/root" },    { 's', "/bin/sh" },
	};
	const char *dot = strrchr(u->name, '.');
	size_t whole = dot ? (size_t)(dot - u->name) : strlen(u->name);
	size_t prefix = strcspn(u->name, "@");
	struct utsname uts;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (fixed[i].letter == letter) {
			text_puts(t, fixed[i].text);
			return true;
		}
	}
	if (prefix > whole)
		prefix = whole;
	if (letter == 'n')
		text_puts(t, u->name);
	else if (letter == 'N')
		text_add(t, u->name, whole);
	else if (letter == 'p' || letter == 'P')
		text_add(t, u->name, prefix);
	else if (letter == 'j' || letter == 'J')
		add_last_part(u->name, prefix, t);
	else if ((letter == 'H' || letter == 'l' || letter == 'v') && uname(&uts) == 0)
		text_add(t, letter == 'v' ? uts.release : uts.nodename,
			 letter == 'l' ? strcspn(uts.nodename, ".")
				       : strlen(letter == 'v' ? uts.release : uts.nodename));
	else if (letter == 'm')
		add_file_contents("/etc/machine-id", t);
	else
		return false;
	return true;
}

char *
conv_expand(struct conversion *c, const struct unit *unit, const struct unit_setting *u, const char *value)
{
	struct text t = { 0 };

	text_puts(&t, "");
	while (*value) {
		if (*value != '%') {
			text_add(&t, value++, 1);
			continue;
		}
		if (value[1] == 'i' || value[1] == 'I') {
			conv_say(c, FOREIGN_ERROR, u, "%%%c is only known once a client has come", value[1]);
			text_clear(&t);
			return NULL;
		}
		if (!add_specifier(unit, value[1], &t)) {
			conv_say(c, FOREIGN_ERROR, u, "\"%.2s\" is unknown", value);
			text_clear(&t);
			return NULL;
		}
		value += 2;
	}
	return t.s;
}

/* --- keys that are a row --- */

enum value_type { V_TEXT, V_BOOL, V_NUMBER, V_SIZE, V_SPAN, V_LIMIT, V_TIME_LIMIT };

static const struct rule {
	const char *section, *key;
	const char *row_section, *row;
	enum value_type type;
	const char *def; /* what systemd does if it is not given */
} rules[] = {
	{ "Socket", "BindToDevice", NULL, "device", V_TEXT, NULL },
	{ "Socket", "KeepAlive", NULL, "keepalive", V_BOOL, NULL },
	{ "Socket", "KeepAliveTimeSec", NULL, "keepalive_idle", V_SPAN, NULL },
	{ "Socket", "KeepAliveIntervalSec", NULL, "keepalive_interval", V_SPAN, NULL },
	{ "Socket", "KeepAliveProbes", NULL, "keepalive_count", V_NUMBER, NULL },
	{ "Socket", "NoDelay", NULL, "nodelay", V_BOOL, NULL },
	{ "Socket", "DeferAcceptSec", NULL, "defer_accept", V_SPAN, NULL },
	{ "Socket", "ReceiveBuffer", NULL, "rcvbuf", V_SIZE, NULL },
	{ "Socket", "SendBuffer", NULL, "sndbuf", V_SIZE, NULL },
	{ "Socket", "Mark", NULL, "mark", V_NUMBER, NULL },
	{ "Socket", "Priority", NULL, "priority", V_NUMBER, NULL },
	{ "Socket", "ReusePort", NULL, "reuseport", V_BOOL, NULL },
	{ "Socket", "FreeBind", NULL, "freebind", V_BOOL, NULL },
	{ "Socket", "Transparent", NULL, "transparent", V_BOOL, NULL },
	{ "Socket", "TCPCongestion", NULL, "congestion", V_TEXT, NULL },
	{ "Service", "UMask", NULL, "umask", V_TEXT, "0022" },
	{ "Service", "Nice", NULL, "nice", V_NUMBER, NULL },
	{ "Service", "OOMScoreAdjust", NULL, "oom_score_adj", V_NUMBER, NULL },
	{ "Service", "NoNewPrivileges", NULL, "no_new_privs", V_BOOL, NULL },
	{ "Service", "RootDirectory", NULL, "chroot", V_TEXT, NULL },
	{ "Service", "RuntimeMaxSec", NULL, "timeout", V_SPAN, NULL },
	{ "Service", "LimitAS", "rlimit", "as", V_LIMIT, NULL },
	{ "Service", "LimitCORE", "rlimit", "core", V_LIMIT, NULL },
	{ "Service", "LimitCPU", "rlimit", "cpu", V_TIME_LIMIT, NULL },
	{ "Service", "LimitDATA", "rlimit", "data", V_LIMIT, NULL },
	{ "Service", "LimitNOFILE", "rlimit", "files", V_LIMIT, NULL },
	{ "Service", "LimitFSIZE", "rlimit", "fsize", V_LIMIT, NULL },
	{ "Service", "LimitMEMLOCK", "rlimit", "memlock", V_LIMIT, NULL },
	{ "Service", "LimitNPROC", "rlimit", "nproc", V_LIMIT, NULL },
	{ "Service", "LimitSTACK", "rlimit", "stack", V_LIMIT, NULL },
	{ "Service", "LimitRSS", "rlimit", "rss", V_LIMIT, NULL },
};

static const struct unit *
unit_of(const struct conversion *c, const char *section)
{
	return strcmp(section, "Socket") == 0 ? &c->socket : &c->service;
}

/* One side of SOFT:HARD. */
static int
limit_part(const struct rule *r, const char *s, size_t len, struct text *t, struct error *err)
{
	char *part = xasprintf("%.*s", (int)len, s);
	int64_t n = 0;
	int ok = 0;

	if (strcmp(part, "infinity") == 0) {
		text_puts(t, "unlimited");
	} else if (r->type == V_TIME_LIMIT) {
		ok = unit_span(part, 1000, &n, err);
		text_number(t, (n + 999) / 1000);
	} else {
		ok = parse_size(part, &n, err);
		text_puts(t, part);
	}
	free(part);
	return ok;
}

static int
limit_value(const struct rule *r, const char *s, struct text *t, struct error *err)
{
	size_t len = strcspn(s, ":");

	if (limit_part(r, s, len, t, err) < 0)
		return -1;
	if (!s[len])
		return 0;
	text_puts(t, ":");
	return limit_part(r, s + len + 1, strlen(s + len + 1), t, err);
}

static int
span_value(const char *s, struct text *t, struct error *err)
{
	int64_t ms;
	char buf[32];

	if (unit_span(s, 1000, &ms, err) < 0)
		return -1;
	format_duration_ms(ms < 0 ? 0 : ms, buf, sizeof(buf));
	text_puts(t, buf);
	return 0;
}

/* The value as it is written in a configuration of ours. */
static int
rule_value(const struct rule *r, const char *s, struct text *t, struct error *err)
{
	int64_t n;
	bool b;

	switch (r->type) {
	case V_BOOL:
		if (unit_bool(s, &b, err) < 0)
			return -1;
		text_puts(t, b ? "true" : "false");
		return 0;
	case V_NUMBER:
		text_puts(t, s);
		return parse_int(s, INT_MIN, INT_MAX, &n, err);
	case V_SIZE:
		text_puts(t, s);
		return parse_size(s, &n, err);
	case V_SPAN:
		return span_value(s, t, err);
	case V_LIMIT:
	case V_TIME_LIMIT:
		return limit_value(r, s, t, err);
	default:
		text_puts(t, s);
		return 0;
	}
}

static void
apply_rule(struct conversion *c, const struct rule *r)
{
	const struct unit *unit = unit_of(c, r->section);
	const struct unit_setting *u = unit_get(unit, r->section, r->key);
	char *value = u ? conv_expand(c, unit, u, u->value) : r->def ? xstrdup(r->def) : NULL;
	struct text t = { 0 };
	struct error err;

	if (!value)
		return;
	if (rule_value(r, value, &t, &err) < 0)
		conv_say(c, FOREIGN_ERROR, u, "%s", err.text);
	else
		foreign_row1(c->s, r->row_section, r->row, u ? u->file : c->s->file, u ? u->line : c->s->line,
			     t.s);
	text_clear(&t);
	free(value);
}

/* --- keys that are not kept --- */

static bool
has(const struct strlist *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], word) == 0)
			return true;
	return false;
}

enum fate {
	FATE_QUIET,
	FATE_PROTECTION,
	FATE_RESOURCE,
	FATE_COMMAND,
	FATE_FOLDER,
	FATE_CONDITION,
	FATE_SOCKET,
	FATES
};

/* What becomes of a key that no row stands for. A "*" at the end is for whatever follows. */
static const struct {
	enum fate fate;
	const char *keys;
} fates[] = {
	/* Looked at elsewhere, or of no consequence here. */
	{ FATE_QUIET,
	  " ListenStream ListenDatagram ListenSequentialPacket BindIPv6Only Backlog SocketUser SocketGroup SocketMode "
	  "Accept MaxConnections MaxConnectionsPerSource IPTOS Service FileDescriptorName TriggerLimitIntervalSec "
	  "TriggerLimitBurst PollLimitIntervalSec PollLimitBurst IPAddressAllow IPAddressDeny RemoveOnStop "
	  "TimeoutSec Writable ExecStart User Group SupplementaryGroups DynamicUser Environment EnvironmentFile "
	  "PassEnvironment UnsetEnvironment WorkingDirectory StandardInput StandardOutput StandardError KillSignal "
	  "KillMode TimeoutStopSec CapabilityBoundingSet AmbientCapabilities Type RemainAfterExit GuessMainPID PIDFile "
	  "BusName NotifyAccess Restart* StartLimit* SuccessExitStatus ExecReload Sockets TimeoutStartSec "
	  "TimeoutAbortSec TimeoutStartFailureMode TimeoutStopFailureMode WatchdogSec WatchdogSignal Syslog* LogLevelMax "
	  "LogRateLimit* LogExtraFields LogNamespace IgnoreSIGPIPE FinalKillSignal SendSIGKILL SendSIGHUP TTY* "
	  "OOMPolicy DirectoryMode ExecCondition RootImage* ExitType Delegate* " },
	{ FATE_PROTECTION,
	  " Protect* Private* Restrict* SystemCall* ReadOnlyPaths ReadWritePaths InaccessiblePaths ReadOnlyDirectories "
	  "ReadWriteDirectories InaccessibleDirectories ExecPaths NoExecPaths BindPaths BindReadOnlyPaths "
	  "TemporaryFileSystem MemoryDenyWriteExecute LockPersonality RemoveIPC SecureBits SELinuxContext* AppArmorProfile "
	  "Smack* KeyringMode Mount* DevicePolicy DeviceAllow ProcSubset NetworkNamespacePath SocketBind* "
	  "IPIngressFilterPath IPEgressFilterPath NFTSet UtmpIdentifier UtmpMode PAMName LoadCredential* SetCredential* " },
	{ FATE_RESOURCE,
	  " CPU* Memory* Tasks* IO* BlockIO* Slice Startup* AllowedCPUs AllowedMemoryNodes NUMA* ManagedOOM* LimitLOCKS "
	  "LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME TimerSlackNSec CoredumpFilter Personality "
	  "DisableControllers " },
	{ FATE_COMMAND, " ExecStartPre ExecStartPost ExecStop ExecStopPost ExecStopPre " },
	{ FATE_FOLDER,
	  " RuntimeDirectory* StateDirectory* CacheDirectory* LogsDirectory* ConfigurationDirectory* Symlinks " },
	{ FATE_CONDITION, " Condition* Assert* " },
	{ FATE_SOCKET,
	  " IPTTL PassCredentials PassSecurity PassPacketInfo PassPIDFD PassFileDescriptorsToExec AcceptFileDescriptors "
	  "Timestamping Broadcast FlushPending PipeSize MessageQueueMaxMessages MessageQueueMessageSize DeferTrigger* " },
};

static const char *const fate_texts[FATES] = {
	[FATE_PROTECTION] = "protects the program or what is around it and is not kept",
	[FATE_RESOURCE] = "limits resources and is not kept; rlimit is what there is here",
	[FATE_COMMAND] = "is not run",
	[FATE_FOLDER] = "is not made; it has to be there",
	[FATE_CONDITION] = "is not looked at",
	[FATE_SOCKET] = "is not set on the socket",
};

static bool
is_in_list(const char *keys, const char *key)
{
	size_t len = strlen(key);

	for (const char *k = keys + 1; *k;) {
		size_t n = strcspn(k, " ");

		if (k[n - 1] == '*' ? strncmp(key, k, n - 1) == 0 : n == len && strncmp(key, k, n) == 0)
			return true;
		k += n + strspn(k + n, " ");
	}
	return false;
}

static int
fate_of(const struct unit_setting *u)
{
	bool generic = strcmp(u->section, "Unit") == 0 || strcmp(u->section, "Install") == 0 ||
		       strncmp(u->section, "X-", 2) == 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!generic && strcmp(rules[i].key, u->key) == 0)
			return FATE_QUIET;
	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++)
		if (is_in_list(fates[i].keys, u->key) && (!generic || fates[i].fate == FATE_CONDITION))
			return (int)fates[i].fate;
	return generic ? FATE_QUIET : -1;
}

/* One warning for all keys of a kind, at the first of them. */
static void
tell_fate(struct conversion *c, const struct unit *unit, enum fate fate)
{
	const struct unit_setting *first = NULL;
	struct strlist keys = { 0 };
	struct text list = { 0 };

	for (size_t i = 0; i < unit->n; i++) {
		const struct unit_setting *u = &unit->settings[i];

		if (!*u->value || fate_of(u) != (int)fate || has(&keys, u->key))
			continue;
		strlist_add(&keys, u->key);
		first = first ? first : u;
	}
	for (size_t i = 0; i < keys.n; i++)
		text_printf(&list, "%s%s", i ? ", " : "", keys.items[i]);
	if (first)
		conv_say(c, FOREIGN_WARNING, first, "%s: %s", list.s, fate_texts[fate]);
	text_clear(&list);
	strlist_clear(&keys);
}

/* A slip of the pen in what keeps clients out, or root away, is no reason to do without it. */
static void
tell_unknown(struct conversion *c, const struct unit_setting *u)
{
	static const char *const closing[] = {
		"IPAddressAllow", "IPAddressDeny", "SocketMode", "BindToDevice", "User", "Group", NULL
	};
	const char *near = strlen(u->key) < 32 ? text_nearest(u->key, closing) : NULL;

	if (near)
		conv_say(c, FOREIGN_ERROR, u, "is unknown; did you mean %s? More would be open without it",
			 near);
	else
		conv_say(c, FOREIGN_WARNING, u, "is unknown and not kept");
}

static void
tell_fates(struct conversion *c, const struct unit *unit)
{
	for (size_t i = 0; i < unit->n; i++)
		if (*unit->settings[i].value && fate_of(&unit->settings[i]) < 0)
			tell_unknown(c, &unit->settings[i]);
	for (int fate = FATE_QUIET + 1; fate < FATES; fate++)
		tell_fate(c, unit, (enum fate)fate);
}

/* What would make the service more open, or another one, if it were left out. */
static void
refuse_fatal(struct conversion *c)
{
	static const struct {
		const char *section, *key, *why;
	} fatal[] = {
		{ "Socket", "ListenFIFO", "a fifo is no socket" },
		{ "Socket", "ListenSpecial", "a device is no socket" },
		{ "Socket", "ListenNetlink", "netlink sockets are not supported" },
		{ "Socket", "ListenMessageQueue", "a message queue is no socket" },
		{ "Socket", "ListenUSBFunction", "a USB function is no socket" },
		{ "Socket", "SocketProtocol", "another protocol than TCP and UDP is not supported" },
		{ "Socket", "SELinuxContextFromNet", "is not supported" },
		{ "Service", "ExecCondition", "decides whether a client is served, and is not run" },
		{ "Service", "RootImage", "is not supported" },
	};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		const struct unit_setting *u =
			unit_get(unit_of(c, fatal[i].section), fatal[i].section, fatal[i].key);

		if (u)
			conv_say(c, FOREIGN_ERROR, u, "%s", fatal[i].why);
	}
}

/* --- where it listens --- */

/* "[v6]:port" or "v4:port" taken apart. */
static char *
inet_address(struct conversion *c, const struct unit_setting *u, const char *value, const char *kind)
{
	const struct unit_setting *only = unit_get(&c->socket, "Socket", "BindIPv6Only");
	bool v6_only = only && strcmp(only->value, "ipv6-only") == 0;
	const char *colon = strrchr(value, ':');
	const char *port = colon ? colon + 1 : value;
	size_t host = colon ? (size_t)(colon - value) : 0;
	int64_t number;

	if (parse_int(port, 1, 65535, &number, NULL) < 0 || (colon && !host)) {
		conv_say(c, FOREIGN_ERROR, u, "expected PORT, ADDRESS:PORT, /PATH or @NAME, not \"%s\"",
			 value);
		return NULL;
	}
	if (!host || (host == 4 && strncmp(value, "[::]", 4) == 0))
		return xasprintf("%s%s:*:%s", kind, v6_only ? "6" : "", port);
	if (*value != '[' && strspn(value, "0123456789.") != host) {
		conv_say(c, FOREIGN_ERROR, u,
			 "expected an IPv4 address, or an IPv6 address in brackets, not \"%s\"", value);
		return NULL;
	}
	return xasprintf("%s:%s", kind, value);
}

static char *
address(struct conversion *c, const struct unit_setting *u, const char *value, int socktype)
{
	static const char *const unix_kinds[] = { "unix", "unix-dgram", "unix-seqpacket" };

	if (*value == '/' || *value == '@')
		return xasprintf("%s:%s", unix_kinds[socktype], value);
	if (socktype == 2) {
		conv_say(c, FOREIGN_ERROR, u, "sequenced packets are for unix sockets");
		return NULL;
	}
	if (strncmp(value, "vsock:", 6) == 0 && socktype == 0)
		return xstrdup(value);
	if (strncmp(value, "vsock", 5) == 0) {
		conv_say(c, FOREIGN_ERROR, u, "of vsock there are streams only");
		return NULL;
	}
	return inet_address(c, u, value, socktype == 1 ? "udp" : "tcp");
}

/* systemd makes the folders above a socket. */
static void
check_folder(struct conversion *c, const struct unit_setting *u, const char *path)
{
	char *folder = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	struct stat st;

	if (*folder && stat(folder, &st) < 0)
		conv_say(c, FOREIGN_WARNING, u, "the folder %s is not made; it has to be there", folder);
	free(folder);
}

static void
add_address(struct conversion *c, const struct unit_setting *u, int socktype, struct strlist *addresses)
{
	char *value = conv_expand(c, &c->socket, u, u->value);
	char *a = value ? address(c, u, value, socktype) : NULL;

	if (a)
		strlist_add(addresses, a);
	if (a && *value == '/')
		check_folder(c, u, value);
	if (socktype == 1 && c->accept)
		conv_say(c, FOREIGN_ERROR, u, "datagrams need Accept=no");
	free(a);
	free(value);
}

/* An empty setting of any of the three undoes all that stand before it. */
static const struct unit_setting *
read_addresses(struct conversion *c, struct strlist *addresses)
{
	static const char *const keys[] = { "ListenStream", "ListenDatagram", "ListenSequentialPacket" };
	const struct unit_setting *first = NULL;

	for (size_t i = 0; i < c->socket.n; i++) {
		const struct unit_setting *u = &c->socket.settings[i];

		for (int k = 0; k < 3; k++) {
			if (strcmp(u->section, "Socket") != 0 || strcmp(u->key, keys[k]) != 0)
				continue;
			if (!*u->value) {
				strlist_clear(addresses);
				first = NULL;
				continue;
			}
			first = first ? first : u;
			add_address(c, u, k, addresses);
		}
	}
	return first;
}

static void
unix_rows(struct conversion *c)
{
	static const struct {
		const char *key, *row, *def;
	} keys[] = {
		{ "SocketUser", "owner", NULL },
		{ "SocketGroup", "group_owner", NULL },
		{ "SocketMode", "mode", "0666" },
	};

	for (size_t i = 0; i < 3; i++) {
		const struct unit_setting *u = unit_get(&c->socket, "Socket", keys[i].key);
		char *value = u             ? conv_expand(c, &c->socket, u, u->value)
			      : keys[i].def ? xstrdup(keys[i].def)
					    : NULL;

		if (value)
			conv_row(c, u, keys[i].row, value);
		free(value);
	}
}

static void
listen_rows(struct conversion *c)
{
	struct strlist addresses = { 0 };
	const struct unit_setting *u = read_addresses(c, &addresses), *only, *backlog;
	bool has_unix = false;
	int64_t n;

	if (!addresses.n)
		conv_say(c, FOREIGN_ERROR, u, "there is no address to listen on");
	else
		conv_rows(c, u, "listen", &addresses);
	for (size_t i = 0; i < addresses.n; i++)
		has_unix |= strncmp(addresses.items[i], "unix", 4) == 0;
	if (has_unix)
		unix_rows(c);
	only = unit_get(&c->socket, "Socket", "BindIPv6Only");
	/* One program for one socket, so both families have to be one. */
	if (!c->accept && addresses.n && !(only && strcmp(only->value, "ipv6-only") == 0))
		conv_row(c, only, "v6only", "false");
	if (!c->accept && addresses.n > 1)
		conv_say(c, FOREIGN_WARNING, u,
			 "each of the %zu sockets gets a program of its own, instead of one for all",
			 addresses.n);
	backlog = unit_get(&c->socket, "Socket", "Backlog");
	if (backlog && parse_int(backlog->value, 1, UINT32_MAX, &n, NULL) == 0 && n <= 65535)
		conv_row(c, backlog, "queuesize", backlog->value);
	else if (backlog)
		conv_row(c, backlog, "queuesize", "65535");
	strlist_clear(&addresses);
}

/* --- admission --- */

static void
count_row(struct conversion *c, const char *key, const char *row, const char *def)
{
	const struct unit_setting *u = unit_get(&c->socket, "Socket", key);
	const char *value = u ? u->value : def;
	int64_t n;

	if (!value)
		return;
	if (parse_int(value, 0, 1000000, &n, NULL) < 0)
		conv_say(c, FOREIGN_ERROR, u, "expected a number from 0 to 1000000, not \"%s\"", value);
	else if (n)
		conv_row(c, u, row, value);
}

/* TriggerLimit and PollLimit: how often a program may be started. */
static bool
rate_row(struct conversion *c, const char *burst, const char *interval)
{
	const struct unit_setting *b = unit_get(&c->socket, "Socket", burst);
	const struct unit_setting *i = unit_get(&c->socket, "Socket", interval);
	int64_t n = c->accept ? 200 : 20, ms = 2000;
	struct error err;
	char buf[64], *rate;

	if (!b && !i)
		return false;
	if (b && parse_int(b->value, 0, 1000000, &n, &err) < 0)
		conv_say(c, FOREIGN_ERROR, b, "%s", err.text);
	else if (i && unit_span(i->value, 1000, &ms, &err) < 0)
		conv_say(c, FOREIGN_ERROR, i, "%s", err.text);
	if (n == 0 || ms <= 0)
		return true;
	format_duration_ms(ms, buf, sizeof(buf));
	rate = xasprintf("%lld/%s", (long long)n, buf);
	conv_row(c, b ? b : i, "rate", rate);
	conv_say(c, FOREIGN_NOTE, b ? b : i, "clients past the limit wait; nothing is switched off");
	free(rate);
	return true;
}

/* "any", "localhost" and the like, or an address or prefix. */
static void
add_addresses(const char *word, struct strlist *out)
{
	static const struct {
		const char *word, *addresses[3];
	} known[] = {
		{ "any", { "all" } },
		{ "localhost", { "127.0.0.0/8", "::1" } },
		{ "link-local", { "169.254.0.0/16", "fe80::/64" } },
		{ "multicast", { "224.0.0.0/4", "ff00::/8" } },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].word, word) != 0)
			continue;
		for (const char *const *a = known[i].addresses; *a; a++)
			strlist_add(out, *a);
		return;
	}
	strlist_add(out, word);
}

static const struct unit_setting *
read_access(struct conversion *c, const struct unit *unit, const char *section, const char *key,
	    struct strlist *out)
{
	const struct unit_setting *u = NULL, *last = NULL;

	while ((u = unit_next(unit, section, key, u))) {
		struct strlist words = { 0 };

		if (unit_words(u->value, &words, NULL) < 0)
			conv_say(c, FOREIGN_ERROR, u, "a quote is not closed");
		for (size_t i = 0; i < words.n; i++)
			add_addresses(words.items[i], out);
		strlist_clear(&words);
		last = u;
	}
	return last;
}

/* For systemd an allowed address is allowed whatever is denied, and one that no list names is too. */
static void
access_rows(struct conversion *c)
{
	struct strlist allow = { 0 }, deny = { 0 };
	const struct unit_setting *d = read_access(c, &c->socket, "Socket", "IPAddressDeny", &deny);
	const struct unit_setting *a = read_access(c, &c->socket, "Socket", "IPAddressAllow", &allow), *u;

	u = read_access(c, &c->service, "Service", "IPAddressDeny", &deny);
	d = d ? d : u;
	u = read_access(c, &c->service, "Service", "IPAddressAllow", &allow);
	a = a ? a : u;
	if (has(&deny, "all") || has(&deny, "0.0.0.0/0")) {
		if (allow.n)
			conv_rows(c, a, "allow", &allow);
		else
			conv_row(c, d, "deny", "all");
	} else if (deny.n) {
		conv_rows(c, d, "deny", &deny);
		if (allow.n)
			conv_say(c, FOREIGN_WARNING, a,
				 "makes no exceptions from IPAddressDeny here, which wins");
	}
	strlist_clear(&allow);
	strlist_clear(&deny);
}

/* --- the end of a program --- */

static void
end_rows(struct conversion *c)
{
	static const char *const words[] = { "TERM", "HUP",  "INT",  "QUIT", "KILL",
					     "USR1", "USR2", "ABRT", NULL };
	const struct unit_setting *mode = unit_get(&c->service, "Service", "KillMode");
	const struct unit_setting *signal = unit_get(&c->service, "Service", "KillSignal");
	const struct unit_setting *stop = unit_get(&c->service, "Service", "TimeoutStopSec");
	const char *name = signal ? signal->value : "SIGTERM";
	const char *const *word = words;
	int64_t ms = 90000;
	struct error err;
	char buf[32];

	if (!stop)
		stop = unit_get(&c->service, "Service", "TimeoutSec");
	name += strncmp(name, "SIG", 3) == 0 ? 3 : 0;
	while (*word && strcmp(*word, name) != 0)
		word++;
	if (!*word)
		conv_say(c, FOREIGN_WARNING, signal, "\"%s\" is not supported: SIGTERM is sent",
			 signal->value);
	else if (signal)
		conv_row(c, signal, "kill_signal", name);
	if (mode && (strcmp(mode->value, "process") == 0 || strcmp(mode->value, "none") == 0))
		conv_say(c, FOREIGN_WARNING, mode, "is not kept: the program's whole process group is ended");
	if (stop && unit_span(stop->value, 1000, &ms, &err) < 0)
		conv_say(c, FOREIGN_ERROR, stop, "%s", err.text);
	if (ms < 0 || ms > 86400000)
		ms = 86400000;
	format_duration_ms(ms, buf, sizeof(buf));
	conv_row(c, stop, "kill_after", buf);
}

/* --- both units --- */

static const char *const system_folders[] = {
	"/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system", NULL,
};

/* Beside the socket first, unless that is one of systemd's own folders, which have an order. */
static void
find_folders(const char *path, struct strlist *folders)
{
	const char *slash = strrchr(path, '/');
	char *beside = slash ? xasprintf("%.*s", (int)(slash - path), path) : xstrdup(".");
	bool of_system = false;

	for (const char *const *f = system_folders; *f; f++)
		of_system |= strcmp(*f, beside) == 0;
	if (!of_system)
		strlist_add(folders, *beside ? beside : "/");
	for (const char *const *f = system_folders; *f; f++)
		strlist_add(folders, *f);
	free(beside);
}

static char *
find_unit(const struct strlist *folders, const char *name)
{
	for (size_t i = 0; i < folders->n; i++) {
		char *path = xasprintf("%s/%s", folders->items[i], name);

		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static void
read_service(struct conversion *c, const struct strlist *folders, const char *prefix)
{
	const struct unit_setting *service = unit_get(&c->socket, "Socket", "Service");
	char *name = !service    ? xasprintf("%s%s.service", prefix, c->accept ? "@" : "")
		     : c->accept ? NULL
				 : conv_expand(c, &c->socket, service, service->value);
	char *path = name && !strchr(name, '/') ? find_unit(folders, name) : NULL;

	if (service && c->accept)
		conv_say(c, FOREIGN_ERROR, service, "does not go with Accept=yes, which starts %s@.service",
			 prefix);
	else if (name && !path)
		conv_say(c, FOREIGN_ERROR, service, "there is no %s, which the socket is for", name);
	if (path && unit_read(c->out, path, folders, &c->service) < 0)
		c->s->refused = true;
	free(path);
	free(name);
}

static char *
service_name(const char *prefix)
{
	char *name = xasprintf("%.60s", prefix);

	for (char *p = name; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr(":\"\\=", *p))
			*p = '_';
	return name;
}

static void
convert(struct conversion *c)
{
	const struct unit_setting *name = unit_get(&c->socket, "Socket", "FileDescriptorName");

	refuse_fatal(c);
	listen_rows(c);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		apply_rule(c, &rules[i]);
	if (c->accept) {
		const struct unit_setting *max = unit_get(&c->socket, "Socket", "MaxConnections");

		count_row(c, "MaxConnections", "instances", "64");
		if (max && strcmp(max->value, "0") == 0)
			conv_say(c, FOREIGN_ERROR, max, "lets nobody in");
		count_row(c, "MaxConnectionsPerSource", "per_source", NULL);
	} else {
		conv_row(c, unit_get(&c->socket, "Socket", "Accept"), "wait", "true");
		if (name)
			conv_say(c, FOREIGN_WARNING, name, "LISTEN_FDNAMES is the service's name, %s",
				 c->s->name);
	}
	if (!rate_row(c, "TriggerLimitBurst", "TriggerLimitIntervalSec"))
		rate_row(c, "PollLimitBurst", "PollLimitIntervalSec");
	access_rows(c);
	conv_program(c);
	end_rows(c);
	tell_fates(c, &c->socket);
	tell_fates(c, &c->service);
}

static void
tos_row(struct conversion *c)
{
	static const struct {
		const char *word, *tos;
	} words[] = {
		{ "low-delay", "16" },
		{ "throughput", "8" },
		{ "reliability", "4" },
		{ "low-cost", "2" },
	};
	const struct unit_setting *u = unit_get(&c->socket, "Socket", "IPTOS");
	const char *value = u ? u->value : NULL;

	for (size_t i = 0; u && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, u->value) == 0)
			value = words[i].tos;
	if (value)
		conv_row(c, u, "tos", value);
}

void
systemd_read(const char *path, struct foreign *out)
{
	struct conversion c = { .out = out };
	struct strlist folders = { 0 };
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	char *prefix = xasprintf("%.*s", dot ? (int)(dot - base) : (int)strlen(base), base);
	char *name = service_name(prefix);
	const struct unit_setting *accept;
	struct error err;

	find_folders(path, &folders);
	c.s = foreign_add_service(out, *name ? name : "unnamed", foreign_file(out, path), 1);
	if (!dot || strcmp(dot, ".socket") != 0) {
		conv_say(&c, FOREIGN_ERROR, NULL,
			 "expected the path of a NAME.socket; its service unit is found from there");
	} else if (unit_read(out, path, &folders, &c.socket) < 0) {
		c.s->refused = true;
		out->unreadable = access(path, R_OK) != 0;
	} else {
		accept = unit_get(&c.socket, "Socket", "Accept");
		if (accept && unit_bool(accept->value, &c.accept, &err) < 0)
			conv_say(&c, FOREIGN_ERROR, accept, "%s", err.text);
		read_service(&c, &folders, prefix);
		/* Without a service unit there is no more to say. */
		if (c.service.n) {
			convert(&c);
			tos_row(&c);
		} else if (!c.s->refused) {
			conv_say(&c, FOREIGN_ERROR, NULL, "the service unit is empty");
		}
	}
	unit_clear(&c.socket);
	unit_clear(&c.service);
	strlist_clear(&folders);
	free(name);
	free(prefix);
}
