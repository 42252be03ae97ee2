#ifndef CORE_FOREIGN_INETD_ENTRY_H
#define CORE_FOREIGN_INETD_ENTRY_H

#include "core/foreign/foreign.h"

/* One entry of an inetd.conf, whichever of the two notations it was written in. */
struct inetd_entry {
	const char *file;
	int line;
	bool refused; /* a remark says why */

	char *service;        /* without the host in front; NULL: not even that is known */
	int port;             /* 0: unix, RPC, tcpmux */
	struct strlist hosts; /* empty: every address */
	bool dgram, seqpacket, unix_socket, rpc;
	int family;      /* 4, 6, or 0 for both */
	bool any_family; /* "tcp" or "udp" alone: both, unless another line has one of them */
	char *rpc_version;
	char *path, *owner, *group_owner, *mode; /* of a unix socket */
	char *mux;
	bool mux_plus;

	bool wait;
	int64_t rate, max, per_source_rate, per_source; /* 0: no limit; rates are for a minute */
	char *user, *group;
	char *server;
	char *handler;       /* of an internal service */
	struct strlist argv; /* argv[0] is the first */
	char *rcvbuf, *sndbuf;
};

void inetd_entry_clear(struct inetd_entry *);

/* --- the fields, each of which says what is wrong by a remark and marks the entry as refused --- */

/* [HOST,HOST:]SERVICE, where the service may also be NAME/VERSIONS or tcpmux/NAME; the socket type and the
 * protocol are known already. `hosts` are those of the last line that set some. */
void inetd_service(struct foreign *, struct inetd_entry *, const char *text, const struct strlist *hosts);
void inetd_socktype(struct foreign *, struct inetd_entry *, const char *text);
void inetd_protocol(struct foreign *, struct inetd_entry *, const char *text);
void inetd_wait(struct foreign *, struct inetd_entry *, const char *text);
void inetd_user(struct foreign *, struct inetd_entry *, const char *text);
/* A number of some limit. */
void inetd_count(struct foreign *, struct inetd_entry *, const char *field, const char *text, int64_t *out);
/* A size such as 64k. */
void inetd_size(struct foreign *, struct inetd_entry *, const char *field, const char *text, char **out);

/* What can only be said once all fields are known. */
void inetd_complete(struct foreign *, struct inetd_entry *);

/* A comma-separated list of hosts; "*" stands for every address. */
void inetd_hosts(const char *text, size_t len, struct strlist *out);

/* An error about a field; the entry is refused. */
void inetd_bad(struct foreign *, struct inetd_entry *, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void inetd_say(struct foreign *, enum foreign_kind, const struct inetd_entry *, const char *field,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* --- all of them together --- */

/* Makes services of the entries: of those that are the same the last counts, as in inetd. */
void inetd_make_services(struct foreign *, struct inetd_entry *, size_t n);

#endif
