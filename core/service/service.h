#ifndef CORE_SERVICE_SERVICE_H
#define CORE_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/log.h"
#include "core/conf/load.h"
#include "core/net/listener.h"
#include "core/policy/acl_filter.h"
#include "core/policy/admit.h"
#include "core/service/conn.h"
#include "core/service/handler.h"

struct client;
struct event;
struct gate_plan;
struct registry;
struct rpc;

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

/* Somebody with a connection for a service that has no place for it yet. */
struct service_waiter {
	TAILQ_ENTRY(service_waiter) entry;
	struct service *service; /* NULL: does not wait */
	bool is_first;           /* whoever has had its turn in vain does not lose it */
	void (*again)(void *arg);
	void *arg;
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
	struct log_view log_view;
	bool waits; /* a program takes over the sockets: wait = true, and there is a program */
	struct admission admission;
	struct acl_filter filter; /* the lists again, where the kernel has to keep them */
	struct sock_fprog filter_program;
	struct gate_plan *gate; /* NULL: who is admitted starts at once */
	struct service_listener *listeners;
	size_t nlisteners;
	struct conn_list conns;
	size_t nconns;
	int untouched;  /* wait programs in a row that ended without taking anything */
	unsigned holds; /* those that concern all of its listeners */
	struct event *rate_timer;
	int64_t pause_ms;                     /* of the pause that began last; 0 without rate_pause */
	int64_t pause_left_ns;                /* of one that began before a reload */
	struct client *parked;                /* the one that came when the rate was exceeded */
	TAILQ_HEAD(, service_waiter) waiters; /* for a place, with a connection that was accepted elsewhere */
	struct rpc *rpc;                      /* NULL: rpcbind does not know it */
	struct event *wake;                   /* them; made for the first */
	struct event *nofile_calm;            /* runs while a nofile hold has been told */

	/* A reload has replaced or removed it: its sessions go on, and it is freed after the last one. */
	bool retired;
	struct service *successor; /* who counts its sessions; NULL: it does so itself */
	bool fresh;                /* a reload has made it: sessions from before are not counted yet */
	bool needed;               /* a mark of registry_sweep */
	int users;                 /* what refers to it beside its sessions */
};

/* Checks a service and looks up all it needs. NULL after adding to the problems. It does not
 * listen yet. */
struct service *service_prepare(struct registry *, const struct config *, const struct service_conf *,
				struct problems *);

/* Which parts lines of the xinetd format have, after the global settings may have changed. */
void service_set_log_view(struct service *, const struct global_conf *);

/* The one that counts the sessions of this one. */
struct service *service_current(struct service *);

/* Makes the listeners, which do not listen yet. */
void service_create_listeners(struct service *);

/* Listens. The registry is told when everything has been tried. */
void service_start(struct service *);

/* Stops listening for good. Sessions go on; those that wait for it are still to be sent away. */
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

/* "full", "rate"…: what hold and release events call it. */
const char *service_hold_name(enum listener_hold);
/* Makes the connection of another service's session one of this service, which decides about it as if it
 * had accepted it. DONE: the session that had it has ended as "handed_over", and is gone. LATER: there is
 * no place or token, and clients are to wait for one. REFUSED: that has been logged. `hello` is what the
 * client is told once it is let in, `sorry` if it cannot be served after all; both may be NULL. */
enum hand_over { HAND_OVER_DONE, HAND_OVER_LATER, HAND_OVER_REFUSED };
enum hand_over service_hand_over(struct service *, struct conn *from, const char *hello, const char *sorry);

/* Calls `again` (from the loop) when it is this one's turn to try once more; also when the service ends.
 * The waiter does not wait any more by then. */
void service_wait(struct service *, struct service_waiter *);

/* Waits no more. Does nothing if it did not. */
void service_wait_no_more(struct service_waiter *);

/* Nobody may go on waiting for a service that is gone or replaced: all try again at once. */
void service_send_waiters_away(struct service *);

/* It has waited for too long, which is logged as a refusal. */
void service_wait_in_vain(struct service_waiter *, const struct conn *);

/* Whether tcpmux handlers offer it now. */
bool service_is_offered(const struct service *);

/* A session of the service has ended: its slot is free. Called by conn_done. */
void service_conn_gone(struct service *, struct conn *);

/* Whether the next datagram has to wait because the rate is used up; holds then. With rate_pause only
 * somebody who waits already begins a pause: without one it is true, and nothing is held. */
bool service_holds_for_rate(struct service *, bool somebody_waits);

/* Tells that a sensor has banned a client. */
void service_log_ban(struct service *, const struct sockaddr *, socklen_t);

/* How much waits on a socket that is handed to a program: bytes of datagrams, or connections; -1
 * where the kernel does not tell. */
int64_t service_queued(const struct listener_socket *);

/* Whether a datagram of the session's peer (still) waits first on its wait socket. */
bool service_sender_waits(const struct conn *);

/* --- what the gate asks about the first datagram of a wait service --- */

/* The session begins: from now on its program has the socket. */
void service_lend_socket(struct conn *);

/* The session is none: its datagram is taken away, and there is one `refuse`. The socket is watched again. */
void service_refuse_sender(struct conn *, const char *reason, const struct error *);

/* Nothing has been decided: the datagram stays, nothing is said, and the socket is watched again. */
void service_withdraw_sender(struct conn *);

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
