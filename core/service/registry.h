#ifndef CORE_SERVICE_REGISTRY_H
#define CORE_SERVICE_REGISTRY_H

#include "core/service/leftover.h"
#include "core/service/service.h"

struct event_base;
struct sink;

TAILQ_HEAD(service_list, service);

/* What one start of a program takes at most. */
enum { RESERVE = 4 };

struct registry_callbacks {
	/* Everything that was started has been tried once. */
	void (*on_settled)(struct registry *, void *arg);
	/* The last session has ended (after registry_stop or registry_drain). */
	void (*on_idle)(struct registry *, void *arg);
	/* A service with on_listen_error = "exit" has nowhere to listen; status as documented. */
	void (*on_exit)(struct registry *, int status, void *arg);
};

/* All services that run, and what they share. */
struct registry {
	struct event_base *base;
	const struct handler *const *handlers; /* NULL-terminated */
	const struct registry_callbacks *on;
	void *arg;
	struct service_list services;
	struct service_list retired; /* by reloads; they have sessions, or something else to finish */
	struct event *sweeper;       /* while there are any */
	struct leftover_list leftovers;
	bool reloading; /* not all have begun that may want one of them */
	struct log *log;
	struct registry_log {
		struct registry_log *next;
		char *target;
		int format, level;
		struct limit_spec limit;
		struct sink *sink;
		struct log *log;
		size_t users;
	} * logs;               /* those of services with a target of their own */
	const char *log_target; /* of `log`; borrowed */
	enum log_format log_format;
	enum log_level log_level;
	struct limit_spec log_limit; /* of files whose service gives none */
	uint64_t last_session;
	size_t sessions; /* those that are not finished, draining ones included */
	size_t leaving;  /* what else the end waits for: programs without a session, and rpcbind */
	LIST_HEAD(, rpc_farewell) farewells; /* what rpcbind is being told to forget */
	int short_of_files;                  /* services that had to hold for want of a descriptor, lately */
	size_t unsettled;                    /* listeners that have not been tried yet */
	bool checking;                       /* --check: names are looked up at once, nothing is opened */
	bool stopping;                       /* no more connections */
	bool forced;                         /* at once: nothing is waited for */
	bool ending;                         /* sessions are asked to end as well */
	int process_limit;                   /* sessions of all services at once; 0: no limit */
	int pending;                         /* connections that wait for a descriptor */
	int reserve[RESERVE];   /* descriptors for them: without, all could wait for each other */
	unsigned listen_events; /* grows with each socket that begins to listen */
	int failed;             /* exit status of the most telling failure to listen */
	uint8_t *answering;     /* a bit for each port; see registry_answers_on */
	struct rlimit nofile;   /* what programs get: the daemon may have raised its own */
	bool set_nofile;

	/* Bans, and what else admission has for all services. It outlives every one of them. */
	struct admit_shared shared;
};

void registry_init(struct registry *, struct event_base *, const struct handler *const *,
		   const struct registry_callbacks *, void *arg);

/* Prepares all services of a configuration; bad ones are added to the problems and left out. */
void registry_add(struct registry *, struct config *, struct problems *);

void registry_start(struct registry *);

/* No more connections. Sessions go on until they end. */
void registry_drain(struct registry *);

/* No more connections, and all sessions are asked to end; by force after their kill_after, or at
 * once with `force`. */
void registry_stop(struct registry *, bool force);

void registry_free(struct registry *);

/* The log for a target; the registry's own if target is NULL and nothing differs. */
struct log *registry_log_for(struct registry *, const struct log_conf *, struct error *);

/* Says in the daemon's log that a file has reached a limit of its size, if that is news. */
void registry_tell_limit(struct registry *, struct sink *, const char *target);

/* A service needs its log no more. */
void registry_log_done(struct registry *, const struct log *);

/* A service has been replaced or removed: it is freed once nothing needs it. */
void registry_retire(struct registry *, struct service *);

/* Frees those that nothing needs any more. Not from within a callback of one of them. */
void registry_sweep(struct registry *);

/* Flushes all logs. True if something could not be written yet. */
bool registry_flush_logs(struct registry *, int64_t *next_sum_ms);
void registry_reopen_logs(struct registry *);

/* Something that the end waits for is gone. */
void registry_one_less(struct registry *);

/* A descriptor has become free: whoever waits for one may try again. */
void registry_descriptor_free(struct registry *);

/* Opens the reserve of descriptors again, as far as there are any. */
void registry_keep_reserve(struct registry *);

/* Gives the reserve free, for the one who waits. False if it was used up already. */
bool registry_use_reserve(struct registry *);

/* A connection begins (1) or ends (-1) to wait for a descriptor. */
void registry_count_pending(struct registry *, int change);

/* The service that tcpmux handlers offer under this name (in any case of letters), or NULL. */
struct service *registry_offered(struct registry *, const char *name, size_t len);

size_t registry_listening(const struct registry *);

/* Whether a datagram service that answers whatever comes is on that port: one of this daemon, or one
 * of the well-known ones, wherever it is. */
bool registry_answers_on(struct registry *, int port);

/* A socket has begun or ceased to listen. */
void registry_sockets_changed(struct registry *);

#endif
