#include "core/foreign/inetd_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From entries to services of ours. */

static bool
same_hosts(const struct inetd_entry *a, const struct inetd_entry *b)
{
	return strlist_equal(&a->hosts, &b->hosts);
}

static bool
hosts_meet(const struct inetd_entry *a, const struct inetd_entry *b)
{
	if (!a->hosts.n || !b->hosts.n)
		return true;
	for (size_t i = 0; i < a->hosts.n; i++)
		for (size_t j = 0; j < b->hosts.n; j++)
			if (strcmp(a->hosts.items[i], b->hosts.items[j]) == 0)
				return true;
	return false;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What inetd takes for the same service. */
static bool
same_socket(const struct inetd_entry *a, const struct inetd_entry *b)
{
	if (a->dgram != b->dgram || a->unix_socket != b->unix_socket || a->rpc != b->rpc ||
	    !same_text(a->mux, b->mux))
		return false;
	if (a->unix_socket)
		return same_text(a->path, b->path);
	if (a->mux)
		return true;
	if (a->rpc)
		return strcmp(a->service, b->service) == 0 && a->family == b->family;
	return a->port == b->port && a->family == b->family && same_hosts(a, b);
}

/* "tcp" beside "tcp6" for the same port is the other family, as it is for every inetd that has both. */
static void
leave_other_family(struct foreign *f, struct inetd_entry *e, const struct inetd_entry *entries, size_t n)
{
	bool seen[2] = { false, false };

	for (size_t i = 0; i < n; i++) {
		const struct inetd_entry *o = &entries[i];

		if (o != e && !o->refused && o->family && o->dgram == e->dgram && !o->unix_socket &&
		    o->port == e->port && (e->port || same_text(o->service, e->service)) &&
		    o->rpc == e->rpc && hosts_meet(o, e))
			seen[o->family == 6] = true;
	}
	if (seen[0] == seen[1])
		return;
	e->family = seen[1] ? 4 : 6;
	inetd_say(f, FOREIGN_NOTE, e, "protocol", "is IPv%d only, because another line has the other family",
		  e->family);
}

static void
mark_replaced(struct foreign *f, struct inetd_entry *entries, size_t n, bool *replaced)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n && !replaced[i]; j++) {
			if (entries[i].refused || entries[j].refused ||
			    !same_socket(&entries[i], &entries[j]))
				continue;
			replaced[i] = true;
			inetd_say(
				f, FOREIGN_WARNING, &entries[i], "service",
				"is left out, because %s:%d says something else about the same service, and the last counts",
				entries[j].file, entries[j].line);
		}
	}
}

/* --- names --- */

static bool
is_taken(const struct foreign *f, const char *name)
{
	for (size_t i = 0; i < f->nservices; i++)
		if (strcmp(f->services[i].name, name) == 0)
			return true;
	return false;
}

/* A name that can stand in a configuration of ours and that no other service has. */
static char *
name_of(const struct foreign *f, const struct inetd_entry *e)
{
	char *name = xasprintf("%.50s", e->service && *e->service ? e->service : "unnamed");
	char *other;

	for (char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr(":\"\\=", *c))
			*c = '_';
	if (!is_taken(f, name))
		return name;
	other = xasprintf("%s%s%s", name, e->dgram ? "-udp" : "", e->family == 6 ? "-6" : "");
	for (int i = 2; is_taken(f, other); i++) {
		free(other);
		other = xasprintf("%s-%d", name, i);
	}
	free(name);
	return other;
}

/* --- rows --- */

static void
row(struct foreign_service *s, const struct inetd_entry *e, const char *key, const char *value)
{
	foreign_row1(s, NULL, key, e->file, e->line, value);
}

static void
number_row(struct foreign_service *s, const struct inetd_entry *e, const char *key, int64_t n,
	   const char *unit)
{
	char *text;

	if (!n)
		return;
	text = xasprintf("%lld%s", (long long)n, unit);
	row(s, e, key, text);
	free(text);
}

static void
unix_rows(struct foreign_service *s, const struct inetd_entry *e)
{
	char *address = xasprintf("unix%s:%s",
				  e->dgram       ? "-dgram"
				  : e->seqpacket ? "-seqpacket"
						 : "",
				  e->path);

	row(s, e, "listen", address);
	free(address);
	if (e->owner)
		row(s, e, "owner", e->owner);
	if (e->group_owner)
		row(s, e, "group_owner", e->group_owner);
	if (e->mode)
		row(s, e, "mode", e->mode);
}

static void
inet_rows(struct foreign_service *s, const struct inetd_entry *e)
{
	const char *kind = e->dgram ? "udp" : "tcp";
	const char *family = e->family == 4 ? "4" : e->family == 6 ? "6" : "";
	struct strlist addresses = { 0 };

	for (size_t i = 0; i < (e->hosts.n ? e->hosts.n : 1); i++) {
		const char *host = e->hosts.n ? e->hosts.items[i] : "*";
		bool v6 = strchr(host, ':') != NULL;
		char *a = xasprintf("%s%s:%s%s%s:%d", kind, family, v6 ? "[" : "", host, v6 ? "]" : "",
				    e->port);

		strlist_add(&addresses, a);
		free(a);
	}
	foreign_row(s, NULL, "listen", e->file, e->line, &addresses);
	strlist_clear(&addresses);
}

static void
listen_rows(struct foreign_service *s, const struct inetd_entry *e)
{
	if (e->unix_socket)
		unix_rows(s, e);
	else if (!e->mux)
		inet_rows(s, e);
	if (e->mux)
		row(s, e, "tcpmux", e->mux);
	if (e->mux_plus)
		row(s, e, "tcpmux_plus", "true");
	if (e->rpc) {
		row(s, e, "rpc_program", e->service);
		row(s, e, "rpc_version", e->rpc_version);
	}
	if (e->rcvbuf)
		row(s, e, "rcvbuf", e->rcvbuf);
	if (e->sndbuf)
		row(s, e, "sndbuf", e->sndbuf);
}

/* Where tcpd looks for a program without a path, and where it may be on this machine. */
static char *
find_program(const char *name)
{
	static const char *const folders[] = { "/usr/sbin",          "/usr/libexec", "/usr/local/sbin",
					       "/usr/local/libexec", "/sbin",        "/usr/bin",
					       "/usr/local/bin",     "/bin",         NULL };

	if (*name == '/')
		return xstrdup(name);
	for (const char *const *folder = folders; *folder; folder++) {
		char *path = xasprintf("%s/%s", *folder, name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xasprintf("/usr/sbin/%s", name);
}

/* tcpd asks hosts.allow and runs the program that its argv[0] names. Where it is not installed, we ask. */
static char *
without_tcpd(struct foreign *f, struct foreign_service *s, const struct inetd_entry *e)
{
	const char *slash = strrchr(e->server, '/');
	const char *daemon;
	char *program;
	bool installed;

	if (strcmp(slash ? slash + 1 : e->server, "tcpd") != 0 || !e->argv.n)
		return NULL;
	program = find_program(e->server);
	installed = access(program, X_OK) == 0;
	free(program);
	if (installed)
		return NULL;
	slash = strrchr(e->argv.items[0], '/');
	daemon = slash ? slash + 1 : e->argv.items[0];
	if (!*daemon)
		return NULL;
	program = find_program(e->argv.items[0]);
	row(s, e, "tcp_wrappers", daemon);
	inetd_say(f, FOREIGN_WARNING, e, "program",
		  "%s is not installed: evinetd asks /etc/hosts.allow and /etc/hosts.deny itself and runs %s",
		  e->server, program);
	return program;
}

static void
program_rows(struct foreign *f, struct foreign_service *s, const struct inetd_entry *e)
{
	char *program = without_tcpd(f, s, e);
	struct strlist exec = { 0 };

	strlist_add(&exec, program ? program : e->server);
	for (size_t i = 1; i < e->argv.n; i++)
		strlist_add(&exec, e->argv.items[i]);
	foreign_row(s, NULL, "exec", e->file, e->line, &exec);
	if (e->argv.n && strcmp(e->argv.items[0], exec.items[0]) != 0)
		row(s, e, "argv0", e->argv.items[0]);
	strlist_clear(&exec);
	free(program);
	row(s, e, "user", e->user);
	if (e->group)
		row(s, e, "group", e->group);
	if (e->wait)
		row(s, e, "wait", "true");
	/* The world of a program that inetd starts. */
	row(s, e, "directory", "/");
	row(s, e, "session", "true");
	row(s, e, "stderr", "socket");
	row(s, e, "pass_env", "*");
}

/* What was said about an entry before it had its name is about the service of that name. */
static void
rename_remarks(struct foreign *f, const struct inetd_entry *e, const char *name)
{
	for (size_t i = 0; i < f->nremarks; i++) {
		struct foreign_remark *r = &f->remarks[i];

		if (r->line != e->line || !r->service || strcmp(r->file, e->file) != 0 ||
		    strcmp(r->service, e->service) != 0)
			continue;
		free(r->service);
		r->service = xstrdup(name);
	}
}

static void
add_service(struct foreign *f, const struct inetd_entry *e)
{
	char *name = name_of(f, e);
	struct foreign_service *s = foreign_add_service(f, name, e->file, e->line);

	if (e->service && strcmp(name, e->service) != 0)
		rename_remarks(f, e, name);
	free(name);
	s->refused = e->refused;
	if (e->refused)
		return;
	listen_rows(s, e);
	if (e->handler)
		row(s, e, "handler", e->handler);
	else
		program_rows(f, s, e);
	number_row(s, e, "rate", e->rate, "/1m");
	number_row(s, e, "instances", e->max, "");
	number_row(s, e, "per_source_rate", e->per_source_rate, "/1m");
	number_row(s, e, "per_source", e->per_source, "");
}

void
inetd_make_services(struct foreign *f, struct inetd_entry *entries, size_t n)
{
	bool *replaced = xcalloc(n + 1, sizeof(*replaced));

	mark_replaced(f, entries, n, replaced);
	for (size_t i = 0; i < n; i++)
		if (entries[i].any_family && !entries[i].refused && !entries[i].mux && !replaced[i])
			leave_other_family(f, &entries[i], entries, n);
	for (size_t i = 0; i < n; i++)
		if (!replaced[i] && (entries[i].service || !entries[i].refused))
			add_service(f, &entries[i]);
	free(replaced);
}
