#include "core/foreign/inetd_entry.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/foreign/ports.h"
#include "core/foreign/slurp.h"

void
inetd_entry_clear(struct inetd_entry *e)
{
	free(e->service);
	free(e->rpc_version);
	free(e->path);
	free(e->owner);
	free(e->group_owner);
	free(e->mode);
	free(e->mux);
	free(e->user);
	free(e->group);
	free(e->server);
	free(e->handler);
	free(e->rcvbuf);
	free(e->sndbuf);
	strlist_clear(&e->hosts);
	strlist_clear(&e->argv);
	*e = (struct inetd_entry){ 0 };
}

static void say(struct foreign *, enum foreign_kind, const struct inetd_entry *, const char *field,
		const char *fmt, va_list) __attribute__((format(printf, 5, 0)));

static void
say(struct foreign *f, enum foreign_kind kind, const struct inetd_entry *e, const char *field,
    const char *fmt, va_list ap)
{
	char *service = e->service ? one_line(e->service) : NULL, *clean;
	char text[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	clean = one_line(text);
	foreign_remark(f, kind, e->file, e->line, service, field, "%s", clean);
	free(clean);
	free(service);
}

void
inetd_say(struct foreign *f, enum foreign_kind kind, const struct inetd_entry *e, const char *field,
	  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(f, kind, e, field, fmt, ap);
	va_end(ap);
}

void
inetd_bad(struct foreign *f, struct inetd_entry *e, const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(f, FOREIGN_ERROR, e, field, fmt, ap);
	va_end(ap);
	e->refused = true;
}

static char *
copy_of(const char *s, size_t len)
{
	return xasprintf("%.*s", (int)len, s);
}

static void
set(char **to, const char *s, size_t len)
{
	free(*to);
	*to = copy_of(s, len);
}

/* @NAME@, <name>, {{name}}, __NAME__ and the like: the file was never meant to be used as it is. */
static bool
is_placeholder(const char *s)
{
	const char *second = *s == '@' ? strchr(s + 1, '@') : NULL;

	return (second && second > s + 1) || (*s == '<' && strchr(s, '>')) || strstr(s, "{{") ||
	       strstr(s, "%{") || strstr(s, "<%") || (strncmp(s, "__", 2) == 0 && strstr(s + 2, "__"));
}

/* --- service --- */

void
inetd_hosts(const char *text, size_t len, struct strlist *out)
{
	struct strlist hosts = { 0 };
	bool every = false;

	while (len) {
		const char *comma = memchr(text, ',', len);
		size_t n = comma ? (size_t)(comma - text) : len;
		const char *host = text;
		size_t size = n;
		char *copy;

		if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
			host++;
			size -= 2;
		}
		copy = copy_of(host, size);
		every |= strcmp(copy, "*") == 0;
		if (*copy)
			strlist_add(&hosts, copy);
		free(copy);
		text += n + (comma != NULL);
		len -= n + (comma != NULL);
	}
	strlist_clear(out);
	if (!every)
		strlist_copy(out, &hosts);
	strlist_clear(&hosts);
}

static int
family_of(const char *host)
{
	struct in6_addr a;
	char bare[128];

	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(host, "%"), host);
	return inet_pton(AF_INET, host, &a) == 1 ? 4 : inet_pton(AF_INET6, bare, &a) == 1 ? 6 : 0;
}

/* Hosts that can be written in an address; those of the other family are left out, as inetd does when it
 * opens the sockets. */
static void
check_hosts(struct foreign *f, struct inetd_entry *e)
{
	struct strlist kept = { 0 };
	size_t n = e->hosts.n;

	for (size_t i = 0; i < n; i++) {
		const char *host = e->hosts.items[i];
		int family = family_of(host);

		if (strlen(host) > 200 || strpbrk(host, " \t\"'/[]") || (!family && strchr(host, ':')))
			inetd_bad(f, e, "service", "\"%s\" is no host and no address", host);
		else if (family && e->family && family != e->family && n == 1)
			inetd_bad(f, e, "service", "%s is no IPv%d address, which the protocol asks for",
				  host, e->family);
		else if (family && e->family && family != e->family)
			inetd_say(f, FOREIGN_NOTE, e, "service", "%s is left out: it is no IPv%d address",
				  host, e->family);
		else
			strlist_add(&kept, host);
	}
	if (n && !kept.n && !e->refused)
		inetd_bad(f, e, "service", "none of its hosts is an IPv%d address", e->family);
	strlist_clear(&e->hosts);
	e->hosts = kept;
}

/* FreeBSD's :USER:GROUP:MODE:/PATH, or the path alone. */
static void
unix_service(struct foreign *f, struct inetd_entry *e, const char *text)
{
	const char *part[3];
	size_t len[3];
	const char *s = text;

	set(&e->service, text, strlen(text));
	if (*s == ':') {
		for (int i = 0; i < 3; i++) {
			part[i] = ++s;
			len[i] = strcspn(s, ":");
			s += len[i];
			if (*s != ':') {
				inetd_bad(f, e, "service", "expected :USER:GROUP:MODE:/PATH, not \"%s\"",
					  text);
				return;
			}
		}
		s++;
		if (len[0])
			set(&e->owner, part[0], len[0]);
		if (len[1])
			set(&e->group_owner, part[1], len[1]);
		if (len[2])
			set(&e->mode, part[2], len[2]);
	}
	if (*s != '/')
		inetd_bad(f, e, "service", "expected the path of a unix socket, not \"%s\"", s);
	set(&e->path, s, strlen(s));
	set(&e->service, s, strlen(s));
}

static bool
is_version(const char *s)
{
	size_t first = strspn(s, "0123456789"), second;

	if (!first || first > 9)
		return false;
	if (!s[first])
		return true;
	second = s[first] == '-' ? strspn(s + first + 1, "0123456789") : 0;
	return second && second < 10 && !s[first + 1 + second];
}

static void
rpc_service(struct foreign *f, struct inetd_entry *e, const char *text)
{
	const char *slash = strrchr(text, '/');

	if (!slash || slash == text || !is_version(slash + 1)) {
		set(&e->service, text, strlen(text));
		inetd_bad(f, e, "service",
			  "expected NAME/VERSION or NAME/FIRST-LAST of an RPC program, not \"%s\"", text);
		return;
	}
	set(&e->service, text, (size_t)(slash - text));
	set(&e->rpc_version, slash + 1, strlen(slash + 1));
}

static void
mux_service(struct foreign *f, struct inetd_entry *e, const char *name)
{
	e->mux_plus = *name == '+';
	name += e->mux_plus;
	set(&e->service, name, strlen(name));
	set(&e->mux, name, strlen(name));
	if (!*name)
		inetd_bad(f, e, "service", "expected the name of a service behind tcpmux/");
	else if (e->dgram || e->unix_socket || e->rpc)
		inetd_bad(f, e, "protocol", "a tcpmux service is a stream over TCP");
}

static void
port_service(struct foreign *f, struct inetd_entry *e, const char *text)
{
	const char *protocol = e->dgram ? "udp" : "tcp";

	set(&e->service, text, strlen(text));
	if (e->refused) /* the protocol may be what is wrong */
		return;
	if (is_placeholder(text)) {
		inetd_bad(f, e, "service", "\"%s\" is the placeholder of a template", text);
		return;
	}
	e->port = port_of(text, protocol);
	if (!e->port && text[strspn(text, "0123456789")] == '\0')
		inetd_bad(f, e, "service", "expected a port from 1 to 65535, not \"%s\"", text);
	else if (!e->port && strcmp(text, "rpc") == 0)
		inetd_bad(
			f, e, "service",
			"the form of HP-UX for RPC is unknown; NAME/VERSIONS with rpc/udp is the usual one");
	else if (!e->port)
		inetd_bad(f, e, "service", "\"%s/%s\" is not in /etc/services", text, protocol);
}

void
inetd_service(struct foreign *f, struct inetd_entry *e, const char *text, const struct strlist *hosts)
{
	const char *colon;

	if (e->unix_socket) {
		unix_service(f, e, text);
		return;
	}
	colon = *text == '/' ? NULL : strrchr(text, ':');
	if (colon)
		inetd_hosts(text, (size_t)(colon - text), &e->hosts);
	else
		strlist_copy(&e->hosts, hosts);
	if (colon)
		text = colon + 1;
	if (*text == '/')
		inetd_bad(f, e, "protocol", "a service that is a path is a unix socket: expected unix");
	else if (e->rpc)
		rpc_service(f, e, text);
	else if (strncmp(text, "tcpmux/", 7) == 0)
		mux_service(f, e, text + 7);
	else
		port_service(f, e, text);
	check_hosts(f, e);
}

/* --- socket type and protocol --- */

/* NetBSD: TYPE[,LIMIT][:FILTER]. */
void
inetd_socktype(struct foreign *f, struct inetd_entry *e, const char *text)
{
	size_t len = strcspn(text, ",:");
	const char *rest = text + len;
	char *type = copy_of(text, len), *limit;

	e->dgram = strcmp(type, "dgram") == 0;
	e->seqpacket = strcmp(type, "seqpacket") == 0;
	if (strcmp(type, "raw") == 0 || strcmp(type, "rdm") == 0 || strcmp(type, "tli") == 0 ||
	    strcmp(type, "xti") == 0 || strncmp(type, "sunrpc_", 7) == 0)
		inetd_bad(f, e, "socket type", "%s sockets are not supported", type);
	else if (!e->dgram && !e->seqpacket && strcmp(type, "stream") != 0)
		inetd_bad(f, e, "socket type", "expected stream or dgram, not \"%s\"", type);
	free(type);
	if (*rest == ',') {
		len = strcspn(++rest, ":");
		limit = copy_of(rest, len);
		inetd_count(f, e, "socket type", limit, &e->max);
		free(limit);
		rest += len;
	}
	if (*rest == ':')
		inetd_say(f, FOREIGN_WARNING, e, "socket type",
			  "the accept filter \"%s\" is not kept; defer_accept is what comes closest",
			  rest + 1);
}

/* The part in front of the first comma. */
static void
protocol_word(struct foreign *f, struct inetd_entry *e, const char *text)
{
	const char *word = text;
	const char *end;
	size_t n;

	if (strncmp(word, "rpc/", 4) == 0) {
		e->rpc = true;
		word += 4;
	}
	if (strcmp(word, "unix") == 0 || strcmp(word, "local") == 0) {
		e->unix_socket = true;
		if (e->rpc)
			inetd_bad(f, e, "protocol", "RPC over unix sockets is not supported");
		return;
	}
	n = strncmp(word, "tcp", 3) == 0 || strncmp(word, "udp", 3) == 0 ? 3 : 0;
	end = word + n;
	if (strcmp(end, "4") == 0)
		e->family = 4;
	else if (strncmp(end, "6", 1) == 0 && (!end[1] || strcmp(end, "6only") == 0))
		e->family = 6;
	else if (strcmp(end, "/ttcp") == 0)
		inetd_say(f, FOREIGN_WARNING, e, "protocol", "ttcp is not kept: it is plain TCP here");
	else if (*end && strcmp(end, "46") != 0)
		n = 0;
	e->any_family = !*end;
	if (!n)
		inetd_bad(f, e, "protocol",
			  "expected tcp, udp or unix, with 4, 6 or 46 behind the former, not \"%s\"", text);
	else if ((*word == 'u') != e->dgram && !e->refused)
		inetd_bad(f, e, "protocol", "%s does not go with a %s socket", word,
			  e->dgram       ? "dgram"
			  : e->seqpacket ? "seqpacket"
					 : "stream");
}

void
inetd_protocol(struct foreign *f, struct inetd_entry *e, const char *text)
{
	size_t len = strcspn(text, ",");
	char *part = copy_of(text, len);

	protocol_word(f, e, part);
	free(part);
	for (text += len; *text == ','; text += len) {
		len = strcspn(++text, ",");
		part = copy_of(text, len);
		if (strncmp(part, "rcvbuf=", 7) == 0)
			inetd_size(f, e, "protocol", part + 7, &e->rcvbuf);
		else if (strncmp(part, "sndbuf=", 7) == 0)
			inetd_size(f, e, "protocol", part + 7, &e->sndbuf);
		else
			inetd_bad(f, e, "protocol", "expected rcvbuf=SIZE or sndbuf=SIZE, not \"%s\"", part);
		free(part);
	}
}

/* --- limits, user --- */

void
inetd_count(struct foreign *f, struct inetd_entry *e, const char *field, const char *text, int64_t *out)
{
	if (parse_int(text, 0, 1000000, out, NULL) < 0)
		inetd_bad(f, e, field, "expected a number from 0 to 1000000, not \"%s\"", text);
}

void
inetd_size(struct foreign *f, struct inetd_entry *e, const char *field, const char *text, char **out)
{
	char *upper = xstrdup(text);
	size_t len = strlen(text);
	int64_t bytes;

	if (len && (upper[len - 1] == 'k' || upper[len - 1] == 'm'))
		upper[len - 1] = (char)(upper[len - 1] - 'a' + 'A');
	if (parse_size(upper, &bytes, NULL) < 0 || bytes > INT32_MAX / 2)
		inetd_bad(f, e, field, "expected a size such as 64k, not \"%s\"", text);
	else if (bytes)
		set(out, upper, len);
	free(upper);
}

/* nowait, nowait.RATE, nowait:RATE (NetBSD), nowait/MAX/RATE-PER-ADDRESS/PER-ADDRESS (FreeBSD). */
void
inetd_wait(struct foreign *f, struct inetd_entry *e, const char *text)
{
	int64_t *const limits[] = { &e->max, &e->per_source_rate, &e->per_source };
	size_t len = strcspn(text, ".:/");
	const char *rest = text + len;
	size_t i = 0;

	e->wait = len == 4 && strncmp(text, "wait", 4) == 0;
	if (!e->wait && !(len == 6 && strncmp(text, "nowait", 6) == 0)) {
		inetd_bad(f, e, "wait", "expected wait or nowait, not \"%s\"", text);
		return;
	}
	if (*rest == '.' || *rest == ':') {
		inetd_count(f, e, "wait", rest + 1, &e->rate);
		return;
	}
	while (*rest == '/') {
		char *number;

		len = strcspn(++rest, "/");
		number = copy_of(rest, len);
		if (i < 3)
			inetd_count(f, e, "wait", number, limits[i++]);
		else
			inetd_bad(f, e, "wait", "expected at most three numbers: %s", text);
		free(number);
		rest += len;
	}
}

void
inetd_user(struct foreign *f, struct inetd_entry *e, const char *text)
{
	size_t len = strcspn(text, "/");
	char *name = copy_of(text, len);
	char *separator = strchr(name, ':');

	if (text[len] && *text != '/')
		inetd_say(f, FOREIGN_WARNING, e, "user",
			  "the login class \"%s\" is not kept; rlimit and umask set what "
			  "such a class sets",
			  text + len + 1);
	/* A dot may also be part of a user's name. */
	if (!separator && (separator = strchr(name, '.')) && getpwnam(name))
		separator = NULL;
	if (*text == '/')
		inetd_bad(f, e, "user", "expected a user, not the path \"%s\": a field is missing", text);
	else if (is_placeholder(text))
		inetd_bad(f, e, "user", "\"%s\" is the placeholder of a template", text);
	else if (!*name || separator == name || (separator && !separator[1]))
		inetd_bad(f, e, "user", "expected USER or USER:GROUP, not \"%s\"", text);
	else if (separator)
		set(&e->group, separator + 1, strlen(separator + 1));
	set(&e->user, name, separator ? (size_t)(separator - name) : strlen(name));
	free(name);
}

/* --- all fields together --- */

static bool
is_internal(const struct inetd_entry *e)
{
	return e->server && strcmp(e->server, "internal") == 0;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "in.tftpd" → "tftpd". */
static const char *
bare_name(const char *name)
{
	return strncmp(name, "in.", 3) == 0 ? name + 3 : strncmp(name, "rpc.", 4) == 0 ? name + 4 : name;
}

static bool
are_alike(const char *argv0, const char *server)
{
	const char *a = bare_name(base_name(argv0)), *b = bare_name(base_name(server));

	/* A shell that reads the profile is called with a "-" in front of its name. */
	if (*a == '-' && strcmp(a + 1, b) == 0)
		return true;
	if (strlen(b) < 3) /* "sh" is a part of too many words */
		return strcasecmp(a, b) == 0;
	return strcasestr(a, b) || (strlen(a) > 2 && strcasestr(b, a)) || strncasecmp(a, b, 3) == 0;
}

/* Programs that look at argv[0] to know what to do. */
static bool
is_many_programs(const char *server)
{
	static const char *const names[] = { "busybox", "toybox", "tcpd", NULL };

	for (const char *const *n = names; *n; n++)
		if (strcmp(base_name(server), *n) == 0)
			return true;
	return false;
}

/* argv[0] is a field of its own, and the most common mistake is to leave it out. The entry is run
 * as it stands, as inetd runs it. */
static void
check_argv0(struct foreign *f, const struct inetd_entry *e)
{
	const char *argv0 = e->argv.n ? e->argv.items[0] : NULL;

	if (!argv0)
		inetd_say(f, FOREIGN_WARNING, e, "arguments",
			  "argv[0] is missing behind the program; its path is taken");
	else if (*argv0 == '-' && !are_alike(argv0, e->server))
		inetd_say(
			f, FOREIGN_WARNING, e, "arguments",
			"argv[0] looks forgotten: the program takes \"%s\" for its name and never sees it as an option",
			argv0);
	else if (is_many_programs(e->server) || are_alike(argv0, e->server))
		;
	else if (strchr(argv0, '/'))
		inetd_say(
			f, FOREIGN_WARNING, e, "arguments",
			"argv[0] looks forgotten: the program takes \"%s\" for its name, not for its first argument",
			argv0);
	else
		inetd_say(
			f, FOREIGN_WARNING, e, "arguments",
			"argv[0] is \"%s\": if that was meant as the first argument, put the program's name in front",
			argv0);
}

static void
check_arguments(struct foreign *f, const struct inetd_entry *e)
{
	for (size_t i = 0; i < e->argv.n; i++) {
		if (e->argv.items[i][0] != '#')
			continue;
		inetd_say(f, FOREIGN_WARNING, e, "arguments",
			  "\"%s\" and what follows are arguments: there are no comments at the end of a line",
			  e->argv.items[i]);
		return;
	}
}

static void
check_server(struct foreign *f, struct inetd_entry *e)
{
	if (!*e->server)
		inetd_bad(f, e, "program", "is empty");
	else if (is_placeholder(e->server))
		inetd_bad(f, e, "program", "\"%s\" is the placeholder of a template", e->server);
	else if (*e->server != '/' && strchr(e->server, '/'))
		inetd_bad(f, e, "program", "expected an absolute path, not \"%s\"", e->server);
	else if (*e->server != '/')
		inetd_say(f, FOREIGN_NOTE, e, "program", "\"%s\" has no path and is looked for in PATH",
			  e->server);
	check_argv0(f, e);
	check_arguments(f, e);
}

static void
check_internal(struct foreign *f, struct inetd_entry *e)
{
	static const struct {
		const char *name;
		int port;
	} handlers[] = {
		{ "echo", 7 },     { "discard", 9 }, { "daytime", 13 },
		{ "chargen", 19 }, { "time", 37 },   { "tcpmux", 1 },
	};
	const char *name = NULL;

	/* By the port, because /etc/services has other names for them as well. */
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].port == e->port)
			name = handlers[i].name;
	if (!name || e->unix_socket || (e->dgram && strcmp(name, "tcpmux") == 0))
		inetd_bad(f, e, "program", "there is no internal service \"%s\"%s", e->service,
			  e->port == 113 ? "; a program such as oidentd answers as well" : "");
	else
		set(&e->handler, name, strlen(name));
	if (e->argv.n && strcmp(e->argv.items[0], "internal") != 0)
		inetd_say(f, FOREIGN_WARNING, e, "arguments", "an internal service takes no arguments");
	strlist_clear(&e->argv);
}

static void
drop_limit(struct foreign *f, const struct inetd_entry *e, int64_t *limit, const char *what)
{
	if (*limit)
		inetd_say(f, FOREIGN_WARNING, e, "wait",
			  "%s cannot be kept with wait: the program takes the clients itself", what);
	*limit = 0;
}

void
inetd_complete(struct foreign *f, struct inetd_entry *e)
{
	if (e->seqpacket && !e->unix_socket && !e->refused)
		inetd_bad(f, e, "socket type", "seqpacket is for unix sockets");
	if (is_internal(e) && !e->refused)
		check_internal(f, e);
	else if (!is_internal(e))
		check_server(f, e);
	if (e->refused || e->handler) {
		e->wait = false; /* what is written there says nothing for the internal ones */
		return;
	}
	if (e->mux && e->wait)
		inetd_bad(f, e, "wait", "a tcpmux service is nowait");
	if (e->dgram && !e->wait) {
		inetd_say(f, FOREIGN_WARNING, e, "wait",
			  "datagrams go to one program after the other: nowait is taken as wait");
		e->wait = true;
	}
	if (!e->wait)
		return;
	/* The program is the only one anyway. */
	e->max = 0;
	drop_limit(f, e, &e->per_source_rate, "a rate for each address");
	drop_limit(f, e, &e->per_source, "a limit for each address");
}
