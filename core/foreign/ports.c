#include "core/foreign/ports.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"

/* What small systems and containers without /etc/services are asked for. Those with a protocol are
 * another service with the other one. */
static const struct {
	const char *name, *protocol;
	int port;
} well_known[] = {
	{ "tcpmux", "tcp", 1 },    { "echo", NULL, 7 },          { "discard", NULL, 9 },
	{ "systat", "tcp", 11 },   { "daytime", NULL, 13 },      { "netstat", "tcp", 15 },
	{ "chargen", NULL, 19 },   { "ftp", "tcp", 21 },         { "ssh", "tcp", 22 },
	{ "telnet", "tcp", 23 },   { "smtp", "tcp", 25 },        { "time", NULL, 37 },
	{ "bootps", "udp", 67 },   { "tftp", "udp", 69 },        { "gopher", "tcp", 70 },
	{ "finger", "tcp", 79 },   { "http", "tcp", 80 },        { "pop3", "tcp", 110 },
	{ "auth", "tcp", 113 },    { "ident", "tcp", 113 },      { "nntp", "tcp", 119 },
	{ "imap", "tcp", 143 },    { "imap2", "tcp", 143 },      { "biff", "udp", 512 },
	{ "comsat", "udp", 512 },  { "exec", "tcp", 512 },       { "login", "tcp", 513 },
	{ "shell", "tcp", 514 },   { "printer", "tcp", 515 },    { "talk", "udp", 517 },
	{ "ntalk", "udp", 518 },   { "uucp", "tcp", 540 },       { "rsync", "tcp", 873 },
	{ "svn", "tcp", 3690 },    { "cvspserver", NULL, 2401 }, { "gds_db", NULL, 3050 },
	{ "nrpe", "tcp", 5666 },   { "sane-port", "tcp", 6566 }, { "git", "tcp", 9418 },
	{ "amanda", NULL, 10080 },
};

int
port_of(const char *service, const char *protocol)
{
	const struct servent *se;
	int64_t port;

	if (*service >= '0' && *service <= '9')
		return parse_int(service, 1, 65535, &port, NULL) == 0 ? (int)port : 0;
	se = getservbyname(service, protocol);
	if (se)
		return ntohs((uint16_t)se->s_port);
	if (access("/etc/services", F_OK) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++)
		if (strcmp(well_known[i].name, service) == 0 &&
		    (!well_known[i].protocol || strcmp(well_known[i].protocol, protocol) == 0))
			return well_known[i].port;
	return 0;
}
