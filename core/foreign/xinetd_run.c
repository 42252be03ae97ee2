#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/foreign/xinetd.h"

/* Where a service listens and what serves it. */

static const char *const yes_no[] = { "no", "yes", NULL };

/* 1, 0, or -1 where nothing was said. */
static int
truth(struct xinetd_service *s, enum xinetd_key key)
{
	const struct xinetd_setting *t = xinetd_get(s, key);
	int word = t ? xinetd_word(t->values.items[0], yes_no) : -1;

	if (t && word < 0)
		xinetd_refuse(s, t, "expected yes or no, not \"%.60s\"", t->values.items[0]);
	return word;
}

static bool
is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- type and flags --- */

static void
read_types(struct xinetd_service *s)
{
	static const char *const words[] = { "RPC",        "INTERNAL", "UNLISTED", "TCPMUX",
					     "TCPMUXPLUS", "SPECIAL",  NULL };

	const struct xinetd_setting *t = xinetd_get(s, KEY_TYPE);

	for (size_t i = 0; t && i < t->values.n; i++) {
		int word = xinetd_word(t->values.items[i], words);

		if (word < 0)
			xinetd_refuse(s, t, "\"%.60s\" is no type", t->values.items[i]);
		else if (strcmp(words[word], "SPECIAL") == 0)
			xinetd_warn(s, t, "SPECIAL has no effect");
		else
			s->types |= 1U << word;
	}
}

/* Each word with its bit, or 0 and what is to be said of it. */
static const struct {
	const char *word;
	unsigned flag;
	enum foreign_kind kind;
	const char *text;
} flag_words[] = {
	{ "REUSE", 0, FOREIGN_NOTE, "REUSE has no effect: it is always so" },
	{ "NORETRY", 0, FOREIGN_NOTE,
	  "NORETRY has no effect: a program that cannot be started is not tried again" },
	{ "INTERCEPT", 0, FOREIGN_WARNING,
	  "INTERCEPT has no effect: addresses are checked before the program has the socket" },
	{ "LABELED", 0, FOREIGN_WARNING,
	  "LABELED has no effect: the program's SELinux context is not chosen by the peer's" },
	{ "IDONLY", FLAG_IDONLY, 0, NULL },
	{ "NAMEINARGS", FLAG_NAMEINARGS, 0, NULL },
	{ "NODELAY", FLAG_NODELAY, 0, NULL },
	{ "KEEPALIVE", FLAG_KEEPALIVE, 0, NULL },
	{ "NOLIBWRAP", FLAG_NOLIBWRAP, 0, NULL },
	{ "SENSOR", FLAG_SENSOR, 0, NULL },
	{ "IPv4", FLAG_IPV4, 0, NULL },
	{ "IPv6", FLAG_IPV6, 0, NULL },
};

static void
read_flag(struct xinetd_service *s, const struct xinetd_setting *t, const char *word)
{
	size_t i = 0, n = sizeof(flag_words) / sizeof(flag_words[0]);

	while (i < n && strcasecmp(flag_words[i].word, word) != 0)
		i++;
	if (i == n)
		xinetd_refuse(s, t, "\"%.60s\" is no flag", word);
	else if (flag_words[i].flag)
		s->flags |= flag_words[i].flag;
	else if (flag_words[i].kind == FOREIGN_NOTE)
		xinetd_note(s, t, "%s", flag_words[i].text);
	else
		xinetd_warn(s, t, "%s", flag_words[i].text);
}

static void
read_flags(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_FLAGS);

	for (size_t i = 0; t && i < t->values.n; i++)
		read_flag(s, t, t->values.items[i]);
}

/* --- the kind of socket --- */

/* Only what a socket of ours can be. */
static void
read_protocol(struct xinetd_service *s, const struct xinetd_setting *protocol, bool typed)
{
	const char *name = protocol->values.items[0];
	size_t len = strlen(name);

	if (strcasecmp(name, "tcp") == 0 || strcasecmp(name, "udp") == 0) {
		bool dgram = strcasecmp(name, "udp") == 0;

		if (typed && dgram != s->dgram)
			xinetd_refuse(s, protocol, "%s does not go with socket_type = %s", name,
				      s->dgram ? "dgram" : "stream");
		s->dgram = dgram;
	} else if (len == 4 && (strncasecmp(name, "tcp", 3) == 0 || strncasecmp(name, "udp", 3) == 0) &&
		   (name[3] == '4' || name[3] == '6')) {
		xinetd_refuse(s, protocol,
			      "\"%s\" is not known to xinetd; write protocol = %.3s and flags = IPv%c", name,
			      name, name[3]);
	} else {
		xinetd_refuse(s, protocol,
			      "\"%.60s\" is neither tcp nor udp, and no other protocol can be served", name);
	}
}

static void
read_socket(struct xinetd_service *s)
{
	static const char *const words[] = { "stream", "dgram", "raw", "seqpacket", NULL };
	const struct xinetd_setting *type = xinetd_get(s, KEY_SOCKET_TYPE);
	const struct xinetd_setting *protocol = xinetd_get(s, KEY_PROTOCOL);
	int word = type ? xinetd_word(type->values.items[0], words) : -1;

	if (type && word < 0)
		xinetd_refuse(s, type, "\"%.60s\" is no type of socket", type->values.items[0]);
	else if (word > 1)
		xinetd_refuse(s, type, "%s sockets cannot be served", words[word]);
	else if (!type && !protocol && !s->to->refused)
		xinetd_refuse(s, NULL, "expected socket_type or protocol");
	s->dgram = word == 1;
	if (protocol)
		read_protocol(s, protocol, type != NULL);
}

static void
read_wait(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_WAIT);

	if (!t && !s->to->refused)
		xinetd_refuse(s, NULL, "expected wait = yes or wait = no");
	s->wait = truth(s, KEY_WAIT) == 1;
	if (s->kind != KIND_PROGRAM) {
		if (s->kind == KIND_REDIRECT && s->wait)
			xinetd_refuse(s, t, "redirect needs wait = no");
		else if (t && s->dgram && !s->wait)
			xinetd_warn(s, t, "xinetd wants wait = yes for datagram sockets");
		s->wait = false;
	} else if (t && s->dgram && !s->wait) {
		xinetd_refuse(s, t, "a program on a datagram socket needs wait = yes");
	}
}

/* --- listen --- */

/* The port as a number in text; false if there is none, which has been told. */
static bool
find_port(struct xinetd_service *s, char port[16])
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_PORT);
	const char *protocol = s->dgram ? "udp" : "tcp", *name = s->entry->name;
	const struct servent *se =
		s->types & (TYPE_UNLISTED | TYPE_RPC) ? NULL : getservbyname(name, protocol);
	int64_t n;

	if (t && (!is_number(t->values.items[0]) || parse_int(t->values.items[0], 0, 65535, &n, NULL) < 0)) {
		xinetd_refuse(s, t, "expected a number from 0 to 65535, not \"%.60s\"", t->values.items[0]);
		return false;
	}
	if (t) {
		snprintf(port, 16, "%d", (int)n);
		if (s->types & (TYPE_UNLISTED | TYPE_RPC))
			return true;
		if (!se)
			xinetd_warn(s, t, "%.60s/%s is not in /etc/services, so xinetd wants type = UNLISTED",
				    name, protocol);
		else if (ntohs((uint16_t)se->s_port) != n)
			xinetd_warn(s, t, "%.60s/%s is %d in /etc/services, so xinetd wants type = UNLISTED",
				    name, protocol, ntohs((uint16_t)se->s_port));
		return true;
	}
	snprintf(port, 16, "%d", se ? ntohs((uint16_t)se->s_port) : 0);
	if (se || s->types & TYPE_RPC)
		return true;
	if (s->to->refused)
		return false;
	if (s->types & TYPE_UNLISTED)
		xinetd_refuse(s, xinetd_get(s, KEY_TYPE), "type = UNLISTED needs a port");
	else
		xinetd_refuse(s, NULL, "expected a port: %.60s/%s is not in /etc/services", name, protocol);
	return false;
}

/* One address, or a name: "tcp4:10.0.0.1:80". */
static void
listen_at(struct xinetd_service *s, const struct xinetd_setting *bind, const char *port)
{
	const char *kind = s->dgram ? "udp" : "tcp", *host = bind->values.items[0];
	bool only4 = (s->flags & (FLAG_IPV4 | FLAG_IPV6)) == FLAG_IPV4;
	bool only6 = (s->flags & (FLAG_IPV4 | FLAG_IPV6)) == FLAG_IPV6;
	struct in_addr in;

	if (strchr(host, ':')) {
		char plain[64];
		struct in6_addr in6;

		snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(host, "%"), host);
		if (inet_pton(AF_INET6, plain, &in6) != 1)
			xinetd_refuse(s, bind, "\"%.60s\" is no IPv6 address", host);
		else if (only4)
			xinetd_warn(s, bind, "is an address of IPv6, although flags say IPv4");
		/* On such a socket xinetd has the clients of IPv4 as well. */
		if (strcmp(host, "::") == 0 && !s->v6only)
			xinetd_row1(s, bind, NULL, "listen", "%s:*:%s", kind, port);
		else
			xinetd_row1(s, bind, NULL, "listen", "%s6:[%s]:%s", kind, host, port);
	} else if (host[strspn(host, "0123456789.")] == '\0') {
		if (inet_pton(AF_INET, host, &in) != 1)
			xinetd_refuse(s, bind, "\"%.60s\" is no IPv4 address", host);
		else if (only6)
			xinetd_warn(s, bind, "is an address of IPv4, although flags say IPv6");
		xinetd_row1(s, bind, NULL, "listen", "%s4:%s:%s", kind, host, port);
	} else if (strpbrk(host, "/@{}[]<>$*") || strlen(host) > 253) {
		xinetd_refuse(s, bind, "\"%.60s\" is no address or name", host);
	} else {
		xinetd_row1(s, bind, NULL, "listen", "%s%s:%s:%s", kind,
			    only4   ? "4"
			    : only6 ? "6"
				    : "",
			    host, port);
	}
}

/* xinetd takes any word of a service as yes, and none of the defaults. */
static void
read_v6only(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_V6ONLY);
	int word = truth(s, KEY_V6ONLY);

	s->v6only = word == 1;
	if (t && word == 1 && t->inherited && !(s->flags & FLAG_IPV4))
		xinetd_warn(s, t, "yes counts here; xinetd overlooks it in defaults");
	else if (t && word == 0 && !t->inherited)
		xinetd_warn(s, t, "no means no: IPv4 is served as well; xinetd takes it for yes");
}

static void
listen_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *bind = xinetd_get(s, KEY_BIND), *port_setting = xinetd_get(s, KEY_PORT);
	bool only4 = (s->flags & (FLAG_IPV4 | FLAG_IPV6)) == FLAG_IPV4;
	char port[16];

	read_v6only(s);
	if (!find_port(s, port))
		return;
	if (bind)
		listen_at(s, bind, port);
	else
		xinetd_row1(s, port_setting, NULL, "listen", "%s%s:*:%s", s->dgram ? "udp" : "tcp",
			    only4       ? "4"
			    : s->v6only ? "6"
					: "",
			    port);
	if (s->flags & FLAG_KEEPALIVE && !s->dgram)
		xinetd_row1(s, xinetd_get(s, KEY_FLAGS), NULL, "keepalive", "true");
	if ((s->flags & FLAG_NODELAY || s->kind == KIND_REDIRECT) && !s->dgram)
		xinetd_row1(s, xinetd_get(s, s->flags & FLAG_NODELAY ? KEY_FLAGS : KEY_REDIRECT), NULL,
			    "nodelay", "true");
}

/* A service that tcpmux offers has no address of its own. */
static void
mux_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *type = xinetd_get(s, KEY_TYPE), *port = xinetd_get(s, KEY_PORT);

	if (s->dgram || s->wait || s->types & TYPE_RPC)
		xinetd_refuse(s, type, "tcpmux needs socket_type = stream and wait = no");
	if (port)
		xinetd_note(s, port, "has no effect: the service is reached through tcpmux");
	xinetd_row1(s, type, NULL, "tcpmux", "%s", s->entry->name);
	if (s->types & TYPE_TCPMUXPLUS)
		xinetd_row1(s, type, NULL, "tcpmux_plus", "true");
}

static void
rpc_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *number = xinetd_get(s, KEY_RPC_NUMBER),
				    *version = xinetd_get(s, KEY_RPC_VERSION);
	const struct xinetd_setting *type = xinetd_get(s, KEY_TYPE);
	int64_t from, to;
	char *dash, *text;

	if (!xinetd_get(s, KEY_PROTOCOL) && !s->to->refused)
		xinetd_refuse(s, type, "type = RPC needs a protocol");
	if (s->types & TYPE_UNLISTED && !number && !s->to->refused)
		xinetd_refuse(s, type, "type = RPC UNLISTED needs an rpc_number");
	if (number && !is_number(number->values.items[0]))
		xinetd_refuse(s, number, "expected a number, not \"%.60s\"", number->values.items[0]);
	if (number && !(s->types & TYPE_UNLISTED))
		xinetd_warn(s, number, "has no effect without type = UNLISTED");
	if (number && s->types & TYPE_UNLISTED)
		xinetd_row1(s, number, NULL, "rpc_program", "%s", number->values.items[0]);
	else
		xinetd_row1(s, type, NULL, "rpc_program", "%s", s->entry->name);
	if (!version) {
		if (!s->to->refused)
			xinetd_refuse(s, type, "type = RPC needs an rpc_version");
		return;
	}
	text = xstrdup(version->values.items[0]);
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (!is_number(text) || parse_int(text, 0, UINT32_MAX, &from, NULL) < 0 ||
	    (dash && (!is_number(dash + 1) || parse_int(dash + 1, from, UINT32_MAX, &to, NULL) < 0)))
		xinetd_refuse(s, version, "expected a number or a range such as 2-4, not \"%.60s\"",
			      version->values.items[0]);
	xinetd_row1(s, version, NULL, "rpc_version", "%s", version->values.items[0]);
	free(text);
}

/* --- what serves --- */

static void
internal_rows(struct xinetd_service *s)
{
	static const char *const names[] = {
		"echo", "discard", "chargen", "daytime", "time", "tcpmux", NULL
	};
	const struct xinetd_setting *type = xinetd_get(s, KEY_TYPE);
	const char *name = s->entry->name;
	int i = xinetd_word(name, names);

	if (strcasecmp(name, "servers") == 0 || strcasecmp(name, "services") == 0 ||
	    strcasecmp(name, "xadmin") == 0)
		xinetd_refuse(
			s, type,
			"xinetd has no internal service \"%s\" any more: it told strangers what runs here",
			name);
	else if (i < 0 || (s->dgram && strcasecmp(name, "tcpmux") == 0))
		xinetd_refuse(s, type, "there is no internal service \"%.60s\" for %s sockets", name,
			      s->dgram ? "dgram" : "stream");
	else
		xinetd_row1(s, type, NULL, "handler", "%s", names[i]);
	if (i >= 0 && strcmp(names[i], "daytime") == 0)
		xinetd_row1(s, type, NULL, "daytime_form", "xinetd");
}

static void
sensor_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *flags = xinetd_get(s, KEY_FLAGS), *t = xinetd_get(s, KEY_DENY_TIME);
	int64_t minutes;

	if (!(s->types & TYPE_INTERNAL))
		xinetd_warn(s, flags, "xinetd wants type = INTERNAL for a sensor");
	xinetd_row1(s, flags, NULL, "handler", "discard");
	if (!t || strcasecmp(t->values.items[0], "never") == 0)
		xinetd_row1(s, t ? t : flags, NULL, "ban", "0");
	else if (strcasecmp(t->values.items[0], "forever") == 0 || strcmp(t->values.items[0], "-1") == 0)
		xinetd_row1(s, t, NULL, "ban", "forever");
	else if (parse_int(t->values.items[0], 0, INT32_MAX, &minutes, NULL) == 0)
		xinetd_row1(s, t, NULL, "ban", minutes ? "%dm" : "%d", (int)minutes);
	else
		xinetd_refuse(s, t, "expected minutes, FOREVER or NEVER, not \"%.60s\"", t->values.items[0]);
}

static void
redirect_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_REDIRECT);
	const char *host, *port;
	struct in6_addr in6;
	int64_t n;

	if (!t)
		return;
	host = t->values.items[0];
	port = t->values.items[1];
	if (s->dgram)
		xinetd_refuse(s, t, "only stream sockets can be redirected");
	if (s->flags & FLAG_NAMEINARGS)
		xinetd_refuse(s, t, "does not go with flags = NAMEINARGS");
	if (is_number(port) && parse_int(port, 1, 65535, &n, NULL) < 0)
		xinetd_refuse(s, t, "expected a port from 1 to 65535, not \"%.60s\"", port);
	else if (!is_number(port) && !getservbyname(port, "tcp"))
		xinetd_refuse(s, t, "%.60s/tcp is not in /etc/services", port);
	if (strchr(host, ':') ? inet_pton(AF_INET6, host, &in6) != 1
			      : strpbrk(host, "/@{}[]<>$*") != NULL || strlen(host) > 253)
		xinetd_refuse(s, t, "\"%.60s\" is no address or name", host);
	xinetd_row1(s, t, NULL, "redirect", strchr(host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

static bool
has_quotes(const struct xinetd_setting *t)
{
	for (size_t i = 0; i < t->values.n; i++)
		if (strpbrk(t->values.items[i], "\"'") == t->values.items[i])
			return true;
	return false;
}

/* What is strange about arguments, and is passed on all the same. */
static void
warn_of_args(struct xinetd_service *s, const struct xinetd_setting *t)
{
	if (has_quotes(t))
		xinetd_warn(s, t, "quotes are a part of the arguments: each ends at a blank");
	for (size_t i = 0; i < t->values.n; i++) {
		if (t->values.items[i][0] != '#')
			continue;
		xinetd_warn(s, t,
			    "what stands behind # is passed to the program, as by xinetd: it is no comment");
		break;
	}
}

static bool
stands_behind(const struct xinetd_setting *a, const struct xinetd_setting *b)
{
	return a && b && a->line > b->line && a->file == b->file;
}

static void
exec_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *server = xinetd_get(s, KEY_SERVER),
				    *args = xinetd_get(s, KEY_SERVER_ARGS);
	bool named = s->flags & FLAG_NAMEINARGS;
	struct strlist argv = { 0 };

	if (!server) {
		if (!s->to->refused)
			xinetd_refuse(s, NULL, "expected a server");
		return;
	}
	if (server->values.items[0][0] != '/' || !*base_name(server->values.items[0])) {
		xinetd_refuse(s, server, "expected the absolute path of a program, not \"%.60s\"",
			      server->values.items[0]);
		return;
	}
	if (named && (!args || !args->values.n)) {
		xinetd_refuse(s, xinetd_get(s, KEY_FLAGS), "NAMEINARGS needs server_args");
		return;
	}
	if (args)
		warn_of_args(s, args);
	if (named && stands_behind(xinetd_get(s, KEY_FLAGS), args))
		xinetd_warn(
			s, xinetd_get(s, KEY_FLAGS),
			"NAMEINARGS stands behind server_args and counts all the same; in xinetd the program "
			"has no name then");
	strlist_add(&argv, server->values.items[0]);
	for (size_t i = named; args && i < args->values.n; i++)
		strlist_add(&argv, args->values.items[i]);
	xinetd_row(s, server, NULL, "exec", &argv);
	xinetd_row1(s, named ? args : server, NULL, "argv0", "%s",
		    named ? args->values.items[0] : base_name(server->values.items[0]));
	if (s->wait)
		xinetd_row1(s, xinetd_get(s, KEY_WAIT), NULL, "wait", "true");
	strlist_clear(&argv);
}

/* A number of a user is not one of a group: xinetd takes it for both. */
static void
user_rows(struct xinetd_service *s)
{
	const struct xinetd_setting *user = xinetd_get(s, KEY_USER), *group = xinetd_get(s, KEY_GROUP);
	const struct xinetd_setting *groups = xinetd_get(s, KEY_GROUPS);
	static const struct strlist none = { 0 };
	const struct passwd *pw = NULL;
	bool own_groups = truth(s, KEY_GROUPS) == 1;
	const char *name;

	if (!user) {
		if (!s->to->refused)
			xinetd_refuse(s, NULL, "expected a user");
		return;
	}
	name = user->values.items[0];
	if (strchr(name, ':'))
		xinetd_refuse(s, user, "\"%.60s\" is no user; a group goes into an attribute of its own",
			      name);
	if (is_number(name)) {
		int64_t uid;

		if (parse_int(name, 0, UINT32_MAX - 1, &uid, NULL) < 0)
			xinetd_refuse(s, user, "\"%.60s\" is no user", name);
		else
			pw = getpwuid((uid_t)uid);
		if (!pw && !group)
			xinetd_refuse(
				s, user,
				"user %.60s has no account: a group is needed (xinetd takes the same number)",
				name);
		else if (!pw && own_groups)
			xinetd_refuse(s, groups, "user %.60s has no account and therefore no groups", name);
		if (pw && !group && pw->pw_gid != pw->pw_uid)
			xinetd_warn(s, user,
				    "the group is that of %s; xinetd takes the same number as the user's",
				    pw->pw_name);
	}
	xinetd_row1(s, user, NULL, "user", "%s", pw ? pw->pw_name : name);
	if (group)
		xinetd_row1(s, group, NULL, "group", "%s", group->values.items[0]);
	if (!own_groups)
		xinetd_row(s, groups, NULL, "groups", &none);
}

/* --- the program's world --- */

static void
umask_row(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_UMASK);
	int64_t mask = 022;

	if (t && parse_octal(t->values.items[0], 0777, &mask, NULL) < 0)
		xinetd_refuse(s, t, "expected an octal number up to 777, not \"%.60s\"", t->values.items[0]);
	xinetd_row1(s, t, NULL, "umask", "%03o", (unsigned)mask);
}

static int
env_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, struct strlist *out)
{
	const char *eq = strchr(word, '=');

	if (!eq || eq == word) {
		xinetd_refuse(s, t, "expected NAME=VALUE, not \"%.60s\"", word);
		return -1;
	}
	strlist_add(out, word);
	return 0;
}

static int
passenv_word(struct xinetd_service *s, const struct xinetd_setting *t, const char *word, struct strlist *out)
{
	/* Nothing is passed then. */
	if (strchr(word, '=') || strcmp(word, "*") == 0) {
		xinetd_warn(s, t, "expected the name of a variable, not \"%.60s\"", word);
		return -1;
	}
	strlist_add(out, word);
	return 0;
}

static void
environment_rows(struct xinetd_service *s)
{
	struct strlist env = { 0 }, pass = { 0 };
	const struct xinetd_setting *t = xinetd_fold(s, KEY_ENV, env_word, &env);

	if (t)
		xinetd_row(s, t, NULL, "env", &env);
	if (t && has_quotes(t))
		xinetd_warn(s, t, "quotes are a part of the name or the value");
	t = xinetd_fold(s, KEY_PASSENV, passenv_word, &pass);
	if (!t)
		strlist_add(&pass, "*");
	xinetd_row(s, t, NULL, "pass_env", &pass);
	strlist_clear(&env);
	strlist_clear(&pass);
}

static void
nice_row(struct xinetd_service *s)
{
	const struct xinetd_setting *t = xinetd_get(s, KEY_NICE);
	const char *word;
	int64_t n;

	if (!t)
		return;
	word = t->values.items[0];
	if (*word == '+' && is_number(word + 1))
		word++;
	if (parse_int(word, INT32_MIN, INT32_MAX, &n, NULL) < 0) {
		xinetd_refuse(s, t, "expected a whole number, not \"%.60s\"", t->values.items[0]);
		return;
	}
	if (n < -20 || n > 19)
		xinetd_warn(s, t, "priorities go from -20 to 19");
	xinetd_row1(s, t, NULL, "nice", "%d", n < -20 ? -20 : n > 19 ? 19 : (int)n);
}

static void
rlimit_row(struct xinetd_service *s, enum xinetd_key key, const char *name, bool units)
{
	const struct xinetd_setting *t = xinetd_get(s, key);
	int64_t n;

	if (!t)
		return;
	if (strcasecmp(t->values.items[0], "unlimited") == 0) {
		xinetd_row1(s, t, "rlimit", name, "unlimited");
		return;
	}
	if ((!units && !is_number(t->values.items[0])) || strpbrk(t->values.items[0], "gG") ||
	    parse_size(t->values.items[0], &n, NULL) < 0) {
		xinetd_refuse(
			s, t,
			units ? "expected a number, with K or M behind it if need be, or UNLIMITED, not \"%.60s\""
			      : "expected a number or UNLIMITED, not \"%.60s\"",
			t->values.items[0]);
		return;
	}
	if (n == 0)
		xinetd_warn(s, t, "0 is no limit");
	else
		xinetd_row1(s, t, "rlimit", name, "%s:%s", t->values.items[0], t->values.items[0]);
}

static void
program_rows(struct xinetd_service *s)
{
	exec_rows(s);
	user_rows(s);
	xinetd_row1(s, NULL, NULL, "session", "true");
	xinetd_row1(s, NULL, NULL, "stderr", "socket");
	xinetd_row1(s, NULL, NULL, "directory", "/");
	umask_row(s);
	environment_rows(s);
	nice_row(s);
	rlimit_row(s, KEY_RLIMIT_AS, "as", true);
	rlimit_row(s, KEY_RLIMIT_CPU, "cpu", false);
	rlimit_row(s, KEY_RLIMIT_DATA, "data", true);
	rlimit_row(s, KEY_RLIMIT_FILES, "files", false);
	rlimit_row(s, KEY_RLIMIT_RSS, "rss", true);
	rlimit_row(s, KEY_RLIMIT_STACK, "stack", true);
}

/* What only a program has a use for. */
static void
note_useless(struct xinetd_service *s)
{
	static const enum xinetd_key keys[] = { KEY_SERVER,      KEY_SERVER_ARGS,  KEY_ENV,
						KEY_NICE,        KEY_RLIMIT_AS,    KEY_RLIMIT_CPU,
						KEY_RLIMIT_DATA, KEY_RLIMIT_FILES, KEY_RLIMIT_RSS,
						KEY_RLIMIT_STACK };

	for (size_t i = 0; i < s->entry->settings.n; i++)
		for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++)
			if (s->entry->settings.items[i].key == keys[j])
				xinetd_note(s, &s->entry->settings.items[i],
					    "has no effect: no program is started for this service");
	if (s->kind == KIND_REDIRECT && !xinetd_get(s, KEY_USER))
		xinetd_warn(s, NULL, "xinetd wants a user for redirect");
	if (s->flags & FLAG_NAMEINARGS && s->kind == KIND_INTERNAL)
		xinetd_refuse(s, xinetd_get(s, KEY_FLAGS), "NAMEINARGS does not go with type = INTERNAL");
}

static void
choose_kind(struct xinetd_service *s)
{
	if (s->flags & FLAG_SENSOR)
		s->kind = KIND_SENSOR;
	else if (s->types & TYPE_INTERNAL)
		s->kind = KIND_INTERNAL;
	else
		for (size_t i = 0; i < s->entry->settings.n; i++)
			if (s->entry->settings.items[i].key == KEY_REDIRECT)
				s->kind = KIND_REDIRECT;
	if (xinetd_get(s, KEY_DENY_TIME) && s->kind != KIND_SENSOR)
		xinetd_warn(s, xinetd_get(s, KEY_DENY_TIME), "has no effect without flags = SENSOR");
}

void
xinetd_run_rows(struct xinetd_service *s)
{
	const unsigned mux = TYPE_TCPMUX | TYPE_TCPMUXPLUS;

	read_types(s);
	read_flags(s);
	choose_kind(s);
	read_socket(s);
	read_wait(s);
	if (s->types & mux && s->types & TYPE_UNLISTED) {
		mux_rows(s);
	} else {
		if (s->types & mux)
			xinetd_warn(s, xinetd_get(s, KEY_TYPE),
				    "tcpmux offers only services that are UNLISTED as well");
		listen_rows(s);
	}
	if (s->types & TYPE_RPC)
		rpc_rows(s);
	if (s->kind == KIND_PROGRAM)
		program_rows(s);
	else
		note_useless(s);
	if (s->kind == KIND_INTERNAL)
		internal_rows(s);
	else if (s->kind == KIND_SENSOR)
		sensor_rows(s);
	else if (s->kind == KIND_REDIRECT)
		redirect_rows(s);
}
