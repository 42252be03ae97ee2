#ifndef CORE_CONF_SCHEMA_H
#define CORE_CONF_SCHEMA_H

#include <limits.h>

#include "core/conf/option.h"
#include "core/conf/problem.h"
#include "core/sys/sockopt.h"

enum bind_policy { BIND_ALL, BIND_FIRST };
enum listen_error_policy { LISTEN_ERROR_SKIP, LISTEN_ERROR_RETRY, LISTEN_ERROR_EXIT };
enum close_policy { CLOSE_DRAIN, CLOSE_LEAVE };
enum full_policy { FULL_WAIT, FULL_REFUSE };
enum daytime_form { DAYTIME_CTIME, DAYTIME_XINETD };
enum ident_policy { IDENT_OFF, IDENT_LOG, IDENT_REQUIRE };
enum redirect_proxy { PROXY_OFF, PROXY_V1, PROXY_V2 };
enum warm_header { HEADER_NONE, HEADER_PROXY_V1, HEADER_ENV_LINE };

enum { NUMBER_UNSET = INT_MIN }; /* for numbers that may be negative */

enum { LIMITS = 10 };

enum { TCPMUX_NAME_MAX = 256 }; /* bytes */

/* `listener { … }`: the long form of one listener, in the words of getaddrinfo. */
struct listener_conf {
	struct origin origin;
	char *host, *service;
	struct list_value addrs;
	char *handle;
	int family, socktype; /* indices of the words in the rows */
	char *protocol;
	struct list_value flags;
	bool wrong; /* a value could not be read */
};

struct log_conf {
	char *target;
	int format, level;                  /* -1: as the daemon's */
	struct limit_spec limit;            /* bytes of a file */
	struct list_value success, failure; /* what lines of the xinetd format show */
};

/* What is known about a key that was given. */
struct conf_note {
	const struct option *row;
	struct origin origin; /* of the value that counts */
	bool inherited;       /* it came from `defaults` */
	bool wrong;           /* a value was given and could not be read */
};

/* One service as it was written, defaults included. Nothing is looked up yet. */
struct service_conf {
	char *name;
	struct origin origin;
	bool refused;            /* something about it is wrong: it must not run */
	bool broken;             /* not even all of its keys are known: looking closer would only mislead */
	struct conf_note *notes; /* about the keys that were given: few of many */
	size_t nnotes;
	struct strlist files; /* of a duplicate: the names that its origins point to */

	struct list_value listen;
	struct listener_conf *listeners;
	size_t nlisteners;
	int bind, on_listen_error;
	int64_t retry_interval;
	int queuesize;
	struct sockopts_conf {
		int reuseaddr, reuseport, v6only, freebind, transparent;
		int keepalive, keepalive_idle, keepalive_interval, keepalive_count;
		int nodelay, defer_accept, fastopen, rcvbuf, sndbuf, tos, mark, priority;
		char *device, *congestion;
	} sock;
	int mode; /* -1: unset */
	char *owner, *group_owner;

	char *handler;
	struct list_value exec;
	char *argv0, *shell;
	bool wait;
	char *user, *group;
	struct list_value groups;
	int mask; /* umask, -1: unset */
	char *chroot, *directory;
	int nice, oom_score_adj; /* NUMBER_UNSET: unchanged */
	struct limit_spec limits[LIMITS];
	struct list_value env, pass_env;
	char *stderr_to;
	int64_t timeout, idle_timeout; /* 0: none */
	int kill_signal;               /* index of the word */
	int64_t kill_after;
	bool session;
	int close;
	int64_t drain_timeout;
	bool no_new_privs;
	struct list_value capabilities;
	char *tcpmux; /* the name that tcpmux handlers offer it under */
	bool tcpmux_plus;
	int daytime_form;
	char *rpc_program, *rpc_version;
	char *redirect, *redirect_source;
	int redirect_proxy;
	int64_t connect_timeout;
	int warm, warm_spawn;
	int64_t warm_max_age; /* 0: never */
	int warm_header;

	struct list_value allow, deny;
	struct list_value hours;
	int instances, per_source, per_prefix; /* 0: no limit */
	int prefix_ipv4, prefix_ipv6;          /* bits of a prefix that per_prefix counts */
	struct rate_spec rate, per_source_rate;
	int64_t rate_burst; /* 0: as much as the rate's count */
	int64_t rate_pause; /* 0: until the next token */
	int when_full;
	char *max_load; /* a decimal number */
	int64_t min_memory;
	char *ban; /* a duration, or "forever": the service is a sensor */
	char *tcp_wrappers;
	int ident;
	int64_t ident_timeout;
	char *banner, *banner_allow, *banner_deny;

	struct list_value log_events;
	char *id; /* what xinetd's log lines call it; NULL: its name */
	struct log_conf log;
};

/* What is not a service's. */
struct global_conf {
	struct log_conf log;
};

extern const struct option service_rows[];  /* of struct service_conf */
extern const struct option listener_rows[]; /* of struct listener_conf */
extern const struct option global_rows[];   /* of struct global_conf */

/* RLIMIT_* for each entry of service_conf.limits. */
extern const int schema_limit_resources[LIMITS];

/* Signal numbers for the words of kill_signal. */
int schema_signal(const struct service_conf *);

/* Values of getaddrinfo for the words of a listener block. */
int schema_family(const struct listener_conf *);
int schema_socktype(const struct listener_conf *);
int schema_flags(const struct listener_conf *); /* AI_* */

extern const char *const schema_log_events[]; /* what log_events may name */

void service_conf_init(struct service_conf *);
void service_conf_copy(struct service_conf *to, const struct service_conf *from);
void service_conf_clear(struct service_conf *);

/* All of it, on the heap, and needing nothing of the configuration that it was read with. */
struct service_conf *service_conf_dup(const struct service_conf *);

/* Whether two say the same, wherever they were written. */
bool service_conf_equal(const struct service_conf *, const struct service_conf *);

void listener_conf_clear(struct listener_conf *);

/* Notes where the value of a row was given, or that one could not be read. */
void service_conf_note(struct service_conf *, const struct option *, struct origin);
void service_conf_note_wrong(struct service_conf *, const struct option *);

/* Where the value of a key came from: a file and line, or nowhere. */
struct origin service_conf_origin(const struct service_conf *, const char *section, const char *key);

/* Whether the service itself says something about a key (and does not only inherit it). */
bool service_conf_says(const struct service_conf *, const char *section, const char *key);

/* Whether a value was given for a key that could not be read, which has been told. */
bool service_conf_wrong(const struct service_conf *, const char *key);

#endif
