/* The yardsticks: servers without anything that a server needs beyond the one thing measured. */
#ifndef BENCH_YARD_H
#define BENCH_YARD_H

/* Each listens on `fd` for ever. `argv` are the words after the kind. */
void yard_echo(int fd, char **argv);
void yard_splice(int fd, char **argv);
void yard_warm(int fd, char **argv);
void yard_udp_echo(int fd, char **argv);
void yard_udp_daytime(int fd, char **argv);

#endif
