#ifndef CORE_SERVICE_CONN_H
#define CORE_SERVICE_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include "core/base/log.h"
#include "core/net/drain.h"
#include "core/policy/slots.h"
#include "core/sys/addr.h"
#include "core/sys/spawn.h"

struct capture;
struct event;
struct gate;
struct letter;
struct listener_socket;
struct relay;
struct service;
struct stream;

/* One session: from the accepted connection (or the socket handed to a wait program) to its one
 * `end` line. Every way out goes through conn_done(). */
struct conn {
	TAILQ_ENTRY(conn) entry;
	struct service *service;
	uint64_t session;
	int fd;    /* -1: a wait session, or only the program has it (close = "leave") */
	bool wait; /* a program has the listening or datagram socket */
	struct listener_socket *wait_socket; /* which one; NULL: nobody listens on it any more */
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct addr local;
	struct source source;
	uid_t peer_uid; /* of a unix peer */
	gid_t peer_gid;
	pid_t peer_pid;
	int64_t started_ms, ended_ms;

	/* the handler's */
	pid_t pid; /* of a program; 0: none */
	struct spawn_child child;
	TAILQ_ENTRY(conn) young; /* among the programs that have just been started */
	bool is_young;
	struct stream *stream; /* of a built-in handler */
	int64_t active_ms;     /* when it last moved a byte */
	struct capture *capture;
	void *data;          /* of a handler that keeps more than fits here */
	struct relay *relay; /* of a handler that passes bytes on */
	int64_t queued;      /* what waited on a wait socket when the program got it */

	struct event *timer; /* timeout, then kill_after; or idle_timeout */
	struct event *idle;
	const char *how; /* the end, once it is decided */
	int status;
	int signal; /* that ended the program, whatever `how` says; 0: none */
	bool has_usage;
	struct rusage usage;
	bool relayed; /* bytes were counted: from the client, and to it */
	uint64_t in, out;
	/* Of one that was handed over: what the client is told before it is served, or instead. */
	const char *hello, *sorry;
	struct gate *gate; /* while it is not certain whether it may start */
	bool pending;      /* waits for a descriptor */
	bool close_only;   /* a drain is needless, or somebody else has the connection */
	struct drain drain;
};

TAILQ_HEAD(conn_list, conn);

/* A new connection that has been admitted. Takes over fd. */
struct conn *conn_new(struct service *, struct listener_socket *, int fd, const struct sockaddr *, socklen_t);

/* The connection of a session of another service, which is left without; what is said to the client is
 * borrowed, and may be NULL. */
struct conn *conn_new_from(struct service *, struct conn *from, const char *hello, const char *sorry);

/* Serves it: `start` is logged, or the reason why not. The connection may be gone afterwards. */
void conn_start(struct conn *);

/* Decides how the session ended, if that has not been decided yet: "exit", "signal", "timeout",
 * "eof", "error", "killed", "handed_over". */
void conn_set_end(struct conn *, const char *how, int status);

/* The end: drain, `end` line, slot and reference given back. Exactly once for each session. */
void conn_done(struct conn *);

/* Asks the session to end as `how`: politely first, by force after kill_after. */
void conn_kill(struct conn *, const char *how);

/* Tells one that was handed over that it is let in, where that is to be told. Once. */
void conn_say_hello(struct conn *);

/* The client will not be served: what is said to one that was handed over, then the letter (or NULL) is sent
 * to it. It is closed when it has got that; the session has no descriptor any more. */
void conn_say_goodbye(struct conn *, struct letter *);

/* One that has not started never will: one `refuse` is logged and its slot given back. The descriptor is closed,
 * if it still has one. */
void conn_refuse(struct conn *, const char *reason, enum log_level, const struct error *);

/* One that has not started is forgotten without a word: its slot is given back. It has no descriptor. */
void conn_withdraw(struct conn *);

/* Drops one that waits for a descriptor: it never started, so the log says that it was refused. */
void conn_abandon(struct conn *);

/* The socket of a wait session is no listener's any more. False if its program had not been started yet:
 * then the session is gone. */
bool conn_lose_socket(struct conn *);

/* Ends a drain that is under way at once. */
void conn_cut(struct conn *);

/* Frees connections kept for reuse. */
void conn_free_unused(void);

#endif
