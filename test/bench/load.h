/* The load generator: what to do, and what each kind of load is given. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The words NAME=VALUE of the command line; load.c says what they mean. */
struct load {
	const char *host, *answer, *ask;
	int port, clients, sink, bytes, gap, rate, sources;
	double seconds, patience;
};

/* Each prints one line of NAME=VALUE; the status is that of the process. */
int load_connections(const struct load *);
int load_hold(const struct load *);
int load_echo(const struct load *);
int load_stream(const struct load *);
int load_udp(const struct load *);

/* The end of a measurement, in microseconds after its begin. */
int64_t load_duration(const struct load *);

/* What a client may be waiting for at most, in microseconds. */
int64_t load_patience(const struct load *);

/* Whether something of `events` comes to the descriptor in time. */
bool load_wait(const struct load *, int fd, short events);

#endif
