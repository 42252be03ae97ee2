/*
 * A load, bounded in number and time, and what came of it.
 *
 *	load connections WORDS  clients at once, each read to its end and followed by the next
 *	load hold WORDS         idle connections, as many as there can be in time; prints "held=N" and
 *	                        keeps them until its input ends
 *	load echo WORDS         round trips on connections that stay
 *	load stream WORDS       bytes through a relay that leads to the sink port
 *	load udp WORDS          datagrams and their answers
 *	load ready COMMAND...   milliseconds until the command writes to descriptor 9; ends it then
 *	load port               a port that is free just now
 *
 *	host=127.0.0.1  port=N     the server
 *	clients=1                  connections at once; datagrams on their way
 *	seconds=1                  how long
 *	patience=5                 seconds without any answer after which those that wait are lost
 *	answer=TEXT                connections: what has to come, with a line end; udp: any answer will do
 *	ask=TEXT                   connections: a line to send first
 *	gap=0                      connections: milliseconds from an end to the next begin
 *	sink=N                     hold, stream: the port that the server connects to
 *	bytes=64                   size of a message
 *	sources=200                addresses that clients come from, 127.0.0.1 being the first
 *	rate=0                     udp: datagrams a second to send, whatever comes back
 *
 * Only right answers count. Everything else is told apart and counted as wrong, reset or lost.
 */
#include "test/bench/load.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/bench/net.h"

enum { READY_FD = 9, READY_MS = 20000 };
enum word_type { WORD_TEXT, WORD_INT, WORD_SECONDS };

static const struct {
	const char *name;
	enum word_type type;
	size_t offset;
} words[] = {
	{ "host", WORD_TEXT, offsetof(struct load, host) },
	{ "port", WORD_INT, offsetof(struct load, port) },
	{ "clients", WORD_INT, offsetof(struct load, clients) },
	{ "seconds", WORD_SECONDS, offsetof(struct load, seconds) },
	{ "patience", WORD_SECONDS, offsetof(struct load, patience) },
	{ "answer", WORD_TEXT, offsetof(struct load, answer) },
	{ "ask", WORD_TEXT, offsetof(struct load, ask) },
	{ "gap", WORD_INT, offsetof(struct load, gap) },
	{ "sink", WORD_INT, offsetof(struct load, sink) },
	{ "bytes", WORD_INT, offsetof(struct load, bytes) },
	{ "rate", WORD_INT, offsetof(struct load, rate) },
	{ "sources", WORD_INT, offsetof(struct load, sources) },
};

static const struct {
	const char *name;
	int (*run)(const struct load *);
} loads[] = {
	{ "connections", load_connections }, { "hold", load_hold }, { "echo", load_echo },
	{ "stream", load_stream },           { "udp", load_udp },
};

int64_t
load_duration(const struct load *l)
{
	return (int64_t)(l->seconds * 1e6);
}

int64_t
load_patience(const struct load *l)
{
	return (int64_t)(l->patience * 1e6);
}

bool
load_wait(const struct load *l, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, (int)(load_patience(l) / 1000)) == 1;
}

static bool
take_word(struct load *l, const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].name);
		const char *value = word + len + 1;
		char *at = (char *)l + words[i].offset;

		if (strncmp(word, words[i].name, len) != 0 || word[len] != '=')
			continue;
		switch (words[i].type) {
		case WORD_TEXT:
			memcpy(at, &value, sizeof(value));
			break;
		case WORD_INT:
			*(int *)(void *)at = atoi(value);
			break;
		case WORD_SECONDS:
			*(double *)(void *)at = atof(value);
			break;
		}
		return true;
	}
	return false;
}

static int
print_free_port(void)
{
	int fd = net_listen(SOCK_STREAM, 0);

	printf("%d\n", net_port(fd));
	close(fd);
	return 0;
}

static int
measure_ready(char **command)
{
	int64_t begin = net_now(), ms;
	struct pollfd pfd = { .events = POLLIN };
	int ends[2];
	bool ready;
	char c;
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		err(1, "fork");
	if (pid == 0) {
		if (ends[1] != READY_FD) {
			dup2(ends[1], READY_FD);
			close(ends[1]);
		}
		close(ends[0]);
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	close(ends[1]);
	pfd.fd = ends[0];
	ready = poll(&pfd, 1, READY_MS) == 1 && read(ends[0], &c, 1) == 1;
	ms = net_now() - begin;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (!ready)
		errx(1, "%s does not get ready", command[0]);
	printf("ms=%.2f\n", (double)ms / 1000);
	return 0;
}

int
main(int argc, char **argv)
{
	struct load l = { .host = "127.0.0.1",
			  .answer = "ok",
			  .clients = 1,
			  .seconds = 1,
			  .patience = 5,
			  .bytes = 64,
			  .sources = net_sources };
	int (*run)(const struct load *) = NULL;

	net_raise_files();
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "port") == 0)
		return print_free_port();
	if (argc > 2 && strcmp(argv[1], "ready") == 0)
		return measure_ready(argv + 2);
	for (size_t i = 0; argc > 2 && i < sizeof(loads) / sizeof(loads[0]); i++)
		if (strcmp(argv[1], loads[i].name) == 0)
			run = loads[i].run;
	if (!run)
		errx(64,
		     "usage: load connections|hold|echo|stream|udp NAME=VALUE..., load ready COMMAND..., load port");
	for (int i = 2; i < argc; i++)
		if (!take_word(&l, argv[i]))
			errx(64, "%s: not a word known here", argv[i]);
	if (l.port < 1 || l.clients < 1 || l.clients > 100000 || l.bytes < 8 || l.bytes > 65507)
		errx(64, "expected a port, 1 to 100000 clients and 8 to 65507 bytes");
	net_sources = l.sources > 0 ? l.sources : 1;
	return run(&l);
}
