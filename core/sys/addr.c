#include "core/sys/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

struct kind {
	const char *name;
	enum addr_kind kind;
	int family;
	int socktype;
};

/* The order matters for addr_format_url: the first row that fits names an address. */
static const struct kind kinds[] = {
	{ "tcp", ADDR_INET, AF_UNSPEC, SOCK_STREAM },
	{ "tcp4", ADDR_INET, AF_INET, SOCK_STREAM },
	{ "tcp6", ADDR_INET, AF_INET6, SOCK_STREAM },
	{ "udp", ADDR_INET, AF_UNSPEC, SOCK_DGRAM },
	{ "udp4", ADDR_INET, AF_INET, SOCK_DGRAM },
	{ "udp6", ADDR_INET, AF_INET6, SOCK_DGRAM },
	{ "unix", ADDR_UNIX, AF_UNIX, SOCK_STREAM },
	{ "unix-dgram", ADDR_UNIX, AF_UNIX, SOCK_DGRAM },
	{ "unix-seqpacket", ADDR_UNIX, AF_UNIX, SOCK_SEQPACKET },
	{ "vsock", ADDR_VSOCK, AF_VSOCK, SOCK_STREAM },
	{ "fd", ADDR_FD, AF_UNSPEC, SOCK_STREAM },
};

static const struct kind *
find_kind(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, s, len) == 0)
			return &kinds[i];
	return NULL;
}

static int
parse_unix(const char *path, struct addr_spec *spec, struct error *err)
{
	struct addr *a = &spec->addr;
	size_t len = strlen(path);

	if (len == 0 || (path[0] != '/' && path[0] != '@'))
		return error_set(err, 0, "expected unix:/PATH or unix:@NAME");
	if (len >= sizeof(a->un.sun_path))
		return error_set(err, 0, "the path of a unix socket has at most %zu characters",
				 sizeof(a->un.sun_path) - 1);
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, len + 1);
	if (path[0] == '@') { /* abstract: a NUL in front, none behind */
		a->un.sun_path[0] = '\0';
		a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	} else {
		a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	}
	a->socktype = spec->socktype;
	return 0;
}

static int
parse_vsock(const char *text, struct addr_spec *spec, struct error *err)
{
	const char *colon = strchr(text, ':');
	char cid[32];
	int64_t c = VMADDR_CID_ANY, port;

	if (!colon || (size_t)(colon - text) >= sizeof(cid))
		return error_set(err, 0, "expected vsock:CID:PORT");
	memcpy(cid, text, (size_t)(colon - text));
	cid[colon - text] = '\0';
	if (cid[0] && strcmp(cid, "*") != 0 && parse_int(cid, 0, UINT32_MAX, &c, err) < 0)
		return error_prefix(err, "the CID of vsock:CID:PORT");
	if (parse_int(colon + 1, 0, UINT32_MAX, &port, err) < 0)
		return error_prefix(err, "the port of vsock:CID:PORT");
	spec->addr.vm.svm_family = AF_VSOCK;
	spec->addr.vm.svm_cid = (unsigned)c;
	spec->addr.vm.svm_port = port ? (unsigned)port : VMADDR_PORT_ANY;
	spec->addr.len = sizeof(spec->addr.vm);
	spec->addr.socktype = SOCK_STREAM;
	return 0;
}

int
addr_check_port(const char *port, struct error *err)
{
	int64_t number;

	if (!*port || strlen(port) >= sizeof(((struct addr_spec *)0)->port))
		return error_set(err, 0, "expected a port number or service name");
	if (*port == '+' || *port == '-')
		return error_set(err, 0, "expected a port number or service name, not \"%s\"", port);
	for (const char *p = port; *p; p++)
		if (*p <= ' ' || *p == 0x7f || *p == '/' || *p == ':')
			return error_set(err, 0, "expected a port number or service name, not \"%s\"", port);
	/* A number out of range must not become another port, as it does with htons(). */
	if (strspn(port, "0123456789") == strlen(port) && parse_int(port, 0, 65535, &number, err) < 0)
		return error_prefix(err, "the port");
	return 0;
}

int
addr_check_host(const char *host, struct error *err)
{
	if (strcmp(host, "*") == 0)
		return 0;
	if (strlen(host) >= sizeof(((struct addr_spec *)0)->host))
		return error_set(err, 0, "the name is too long");
	for (const char *p = host; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/' || *p == '*')
			return error_set(err, 0, "expected a host name or an address, not \"%s\"", host);
	return 0;
}

static bool
is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool
addr_is_name(const char *s)
{
	size_t len = strlen(s);
	bool number;

	if (len == 0 || len > 254)
		return false;
	do {
		size_t label = 0;

		for (number = true; is_name_character(*s); s++, label++)
			number &= *s >= '0' && *s <= '9';
		if (label == 0 || label > 63)
			return false;
	} while (*s == '.' && *++s);
	return !*s && !number;
}

static int
parse_inet(const char *text, struct addr_spec *spec, struct error *err)
{
	const char *port = strrchr(text, ':');
	const char *host = text;
	size_t hostlen = port ? (size_t)(port - text) : 0;

	port = port ? port + 1 : text;
	if (hostlen && host[0] == '[') {
		if (host[hostlen - 1] != ']')
			return error_set(err, 0, "expected [ADDRESS]:PORT");
		host++;
		hostlen -= 2;
		if (hostlen == 0)
			return error_set(err, 0, "expected an address between [ and ]");
		if (spec->family == AF_INET)
			return error_set(err, 0, "an IPv6 address cannot be used with a 4");
		spec->family = AF_INET6;
	} else if (memchr(host, ':', hostlen)) {
		return error_set(err, 0, "write an IPv6 address in brackets: [ADDRESS]:PORT");
	}
	if (hostlen >= sizeof(spec->host))
		return error_set(err, 0, "the name is too long");
	if (!*port)
		return error_set(err, 0, "expected a port behind the last ':'");
	memcpy(spec->host, host, hostlen);
	spec->host[hostlen] = '\0';
	if (addr_check_port(port, err) < 0 || addr_check_host(spec->host, err) < 0)
		return -1;
	if (strcmp(spec->host, "*") == 0)
		spec->host[0] = '\0';
	memcpy(spec->port, port, strlen(port) + 1);
	return 0;
}

int
addr_spec_parse(const char *text, struct addr_spec *spec, struct error *err)
{
	const char *colon = strchr(text, ':');
	const struct kind *k = NULL;
	const char *rest = text;
	int r;

	memset(spec, 0, sizeof(*spec));
	if (colon)
		k = find_kind(text, (size_t)(colon - text));
	if (k)
		rest = colon + 1;
	else
		k = &kinds[0];
	spec->kind = k->kind;
	spec->family = k->family;
	spec->socktype = k->socktype;
	switch (k->kind) {
	case ADDR_UNIX:
		r = parse_unix(rest, spec, err);
		break;
	case ADDR_VSOCK:
		r = parse_vsock(rest, spec, err);
		break;
	case ADDR_FD:
		if (!*rest || strlen(rest) >= sizeof(spec->port))
			r = error_set(err, 0, "expected fd:NUMBER or fd:NAME");
		else
			r = (memcpy(spec->port, rest, strlen(rest) + 1), 0);
		break;
	default:
		r = parse_inet(rest, spec, err);
	}
	return r < 0 ? error_prefix(err, "address \"%s\"", text) : 0;
}

static void
format_unix(const struct sockaddr_un *un, socklen_t len, char buf[ADDR_TEXT])
{
	size_t n = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path)
								: 0;

	if (n == 0)
		snprintf(buf, ADDR_TEXT, "unix");
	else if (un->sun_path[0] == '\0')
		snprintf(buf, ADDR_TEXT, "unix:@%.*s", (int)(n - 1), un->sun_path + 1);
	else
		snprintf(buf, ADDR_TEXT, "unix:%.*s", (int)n, un->sun_path);
}

static void
put_ip_port(const struct sockaddr *sa, char buf[ADDR_TEXT])
{
	char ip[64], *p = text_put(buf, addr_ip(sa, ip));

	*p++ = ':';
	text_put_number(p, addr_port(sa));
}

/* Four numbers, without the format string that inet_ntop has. */
static void
put_ipv4(const uint8_t bytes[4], char *buf)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*buf++ = '.';
		buf = text_put_number(buf, bytes[i]);
	}
}

const char *
addr_format(const struct sockaddr *sa, socklen_t len, char buf[ADDR_TEXT])
{
	char ip[64], scope[IF_NAMESIZE + 1] = "";
	uint32_t id;

	switch (sa->sa_family) {
	case AF_INET:
		put_ip_port(sa, buf);
		break;
	case AF_INET6:
		id = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_scope_id;
		if (IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr)) {
			put_ip_port(sa, buf);
			break;
		}
		if (id) {
			scope[0] = '%';
			if (!if_indextoname(id, scope + 1))
				snprintf(scope + 1, sizeof(scope) - 1, "%u", id);
		}
		snprintf(buf, ADDR_TEXT, "[%s%s]:%d", addr_ip(sa, ip), scope, addr_port(sa));
		break;
	case AF_UNIX:
		format_unix((const struct sockaddr_un *)(const void *)sa, len, buf);
		break;
	case AF_VSOCK:
		snprintf(buf, ADDR_TEXT, "vsock:%u:%u",
			 ((const struct sockaddr_vm *)(const void *)sa)->svm_cid,
			 ((const struct sockaddr_vm *)(const void *)sa)->svm_port);
		break;
	default:
		snprintf(buf, ADDR_TEXT, "family:%d", sa->sa_family);
	}
	return buf;
}

const char *
addr_format_url(const struct addr *a, char buf[ADDR_TEXT])
{
	char plain[ADDR_TEXT];
	const char *rest;

	addr_format(&a->sa, a->len, plain);
	if (a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6) {
		snprintf(buf, ADDR_TEXT, "%s:%.*s", a->socktype == SOCK_DGRAM ? "udp" : "tcp", ADDR_TEXT - 8,
			 plain);
		return buf;
	}
	rest = strncmp(plain, "unix", 4) == 0 ? plain + 4 : NULL;
	for (size_t i = 0; rest && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == ADDR_UNIX && kinds[i].socktype == a->socktype) {
			snprintf(buf, ADDR_TEXT, "%s%.*s", kinds[i].name, ADDR_TEXT - 20, rest);
			return buf;
		}
	memcpy(buf, plain, ADDR_TEXT);
	return buf;
}

const char *
addr_ip(const struct sockaddr *sa, char buf[64])
{
	const struct in6_addr *a6;

	buf[0] = '\0';
	if (sa->sa_family == AF_INET) {
		put_ipv4((const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr, buf);
	} else if (sa->sa_family == AF_INET6) {
		a6 = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(a6))
			put_ipv4(&a6->s6_addr[12], buf);
		else
			inet_ntop(AF_INET6, a6, buf, 64);
	}
	return buf;
}

int
addr_port(const struct sockaddr *sa)
{
	switch (sa->sa_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	case AF_VSOCK:
		return (int)((const struct sockaddr_vm *)(const void *)sa)->svm_port;
	default:
		return -1;
	}
}

void
addr_set_port(struct addr *a, int port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons((uint16_t)port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons((uint16_t)port);
	else if (a->sa.sa_family == AF_VSOCK)
		a->vm.svm_port = (unsigned)port;
}

void
addr_unmap(struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (ss->ss_family != AF_INET6)
		return;
	memcpy(&in6, ss, sizeof(in6));
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	in.sin_port = in6.sin6_port;
	memcpy(&in.sin_addr, &in6.sin6_addr.s6_addr[12], 4);
	memcpy(ss, &in, sizeof(in));
	*len = sizeof(in);
}

bool
addr_is_wildcard(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr == INADDR_ANY;
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return false;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->socktype == b->socktype && a->protocol == b->protocol && a->len == b->len &&
	       memcmp(&a->storage, &b->storage, a->len) == 0;
}

const char *
addr_family_name(int family)
{
	switch (family) {
	case AF_INET:
		return "inet";
	case AF_INET6:
		return "inet6";
	case AF_UNIX:
		return "unix";
	case AF_VSOCK:
		return "vsock";
	default:
		return "unspec";
	}
}

const char *
addr_socktype_name(int socktype)
{
	switch (socktype) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_SEQPACKET:
		return "seqpacket";
	default:
		return "unknown";
	}
}
