#ifndef CORE_SERVICE_SERVICE_H
#define CORE_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/log.h"
#include "core/conf/load.h"
#include "core/net/listener.h"
#include "core/policy/admit.h"
#include "core/service/conn.h"
#include "core/service/handler.h"

struct event;
struct registry;

/* One entry of `listen`, or one `listener { }`. */
struct service_listener {
	struct service *service;
	struct listener *listener;
	struct listener_params params;
	struct addr *addrs; /* what params.addrs points to */
	char *host, *port;  /* likewise */
	char *handle;       /* fd:NAME, taken at the start */
	char *text;         /* as configured, for messages */
	struct origin origin;
	struct event *retry;
	bool begun; /* to listen */
	bool settled;
	int failed; /* exit status that describes why nothing listens; 0: something does */
};

/* A configured service, ready to run or running. */
struct service {
	TAILQ_ENTRY(service) entry;
	struct registry *registry;
	const struct service_conf *conf;
	struct service_conf *own_conf; /* what conf points to, but for --check */
	const char *name;
	const struct handler *handler;
	void *handler_data; /* the handler's, set by prepare */
	struct log *log;
	uint32_t log_events; /* bit N: schema_log_events[N] is logged */
	struct admission admission;
	struct service_listener *listeners;
	size_t nlisteners;
	struct conn_list conns;
	size_t nconns;
	int untouched;  /* wait programs in a row that ended without taking anything */
	unsigned holds; /* those that concern all of its listeners */
	struct event *rate_timer;
	struct event *nofile_calm; /* runs while a nofile hold has been told */

	/* A reload has replaced or removed it: its sessions go on, and it is freed after the last one. */
	bool retired;
	struct service *successor; /* who counts its sessions; NULL: it does so itself */
	bool fresh;                /* a reload has made it: sessions from before are not counted yet */
	bool needed;               /* a mark of registry_sweep */
	int users;                 /* what refers to it beside its sessions */
};

/* Checks a service and looks up all it needs. NULL after adding to the problems. It does not
 * listen yet. */
struct service *service_prepare(struct registry *, const struct service_conf *, struct problems *);

/* The one that counts the sessions of this one. */
struct service *service_current(struct service *);

/* Makes the listeners, which do not listen yet. */
void service_create_listeners(struct service *);

/* Listens. The registry is told when everything has been tried. */
void service_start(struct service *);

/* Stops listening for good. Sessions go on. */
void service_stop_listening(struct service *);

/* --- a reload: see reload.c --- */

/* Takes over the listeners that are the same in both, open as they are. */
void service_take_listeners(struct service *, struct service *from);

/* Gives up all listeners that it still has. Their sockets stay open for a while, for whoever wants the
 * same address: `heir`, or (NULL) another service. */
void service_let_sockets_go(struct service *, struct service *heir);

/* Carries on with what another service of the same name has counted, but for its sessions. */
void service_continue(struct service *, struct service *from);

/* Sets and releases its holds as its limits ask for, after the sessions have been counted. */
void service_review_holds(struct service *);

/* Listens where it does not yet: what is new is begun, what has failed is tried again. */
void service_begin(struct service *);

/* The service must have no sessions. */
void service_free(struct service *);

/* Whether a listener that failed is tried again. */
bool service_retries(const struct service_listener *);

size_t service_listening(const struct service *);

/* A session of the service has ended: its slot is free. Called by conn_done. */
void service_conn_gone(struct service *, struct conn *);

/* Holds if the rate is used up and clients are to wait for it; true if it does. */
bool service_holds_for_rate(struct service *);

/* How much waits on a socket that is handed to a program: bytes of datagrams, or connections; -1
 * where the kernel does not tell. */
int64_t service_queued(const struct listener_socket *);

/* A wait session has ended; whoever listens on the socket now watches it again, at once or after a pause
 * if the program did not take anything. */
void service_release_socket(struct listener_socket *, bool pause);

/* Descriptors ran out while a connection was being started: hold, and try again later. */
void service_hold_nofile(struct service *);
void service_hold_pending(struct service *, bool on);
bool service_retry_pending(struct service *); /* false if none is left */

/* Whether an event would be logged: what is only said there need not be put together otherwise. */
bool service_logs(const struct service *, enum log_level, const char *event);

/* Logs an event of this service, unless its log_events leaves it out. */
void service_log(struct service *, enum log_level, const char *event, const struct log_field *);
void service_log_summed(struct service *, enum log_level, const char *event, const struct log_field *);

#endif
