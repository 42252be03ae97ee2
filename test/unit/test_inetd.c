#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/foreign.h"

/* Reads a text as an inetd.conf. */
static void
conf(const char *text)
{
	char *path = path_of("inetd.conf");

	foreign_clear(&read_out);
	file("inetd.conf", text);
	inetd_read(path, &read_out);
	free(path);
}

static void
test_plain_entries(void)
{
	conf("# a comment\n"
	     "\n"
	     "9001\tstream tcp  nowait\tnobody /usr/bin/git git daemon --inetd\n"
	     "9002 dgram udp4 wait root /usr/sbin/in.tftpd in.tftpd -s /srv/tftp\n"
	     "telnet stream tcp6 nowait root /usr/sbin/telnetd telnetd\n"
	     "9003 stream tcp4 wait root /usr/sbin/identd /usr/sbin/identd\n"
	     "9004 stream tcp46 nowait root ls ls\r\n"
	     "9005 stream tcp6only nowait root /bin/cat cat");
	is_int((long long)read_out.nservices, 6,
	       "every line is a service, the last one without a newline too");
	is_int((long long)remarks(FOREIGN_WARNING) + (long long)remarks(FOREIGN_ERROR), 0,
	       "nothing is wrong with any");
	is(row("9001", "listen"), "tcp:*:9001", "tcp is both families");
	is(row("9001", "exec"), "/usr/bin/git|daemon|--inetd",
	   "the program, and its arguments behind argv[0]");
	is(row("9001", "argv0"), "git", "argv[0] is a field of its own");
	is(row("9001", "user"), "nobody", "user");
	is(row("9001", "wait"), "-", "nowait");
	is(row("9001", "stderr"), "socket", "standard error goes to the client, as with inetd");
	is(row("9001", "session"), "true", "a session of its own, as with inetd");
	is(row("9001", "directory"), "/", "the working directory is the root");
	is(row("9001", "pass_env"), "*", "the environment is passed on");
	is(row("9002", "listen"), "udp4:*:9002", "udp4 is IPv4 alone");
	is(row("9002", "wait"), "true", "wait");
	is(row("telnet", "listen"), "tcp6:*:23", "a name is the port of /etc/services, tcp6 is IPv6 alone");
	is(row("9003", "argv0"), "-", "an argv[0] that is the path needs no row");
	is(row("9004", "listen"), "tcp:*:9004", "tcp46 is both families");
	is(row("9004", "exec"), "ls", "a line may end as on Windows");
	is(row("9005", "listen"), "tcp6:*:9005", "tcp6only is IPv6");
	is(row("9005", "exec"), "/bin/cat", "no argument");
	is_int(service("9005")->line, 8, "a service knows its line");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_internal(void)
{
	conf("echo stream tcp nowait root internal\n"
	     "echo dgram udp wait root internal\n"
	     "discard stream tcp6 nowait root internal\n"
	     "19 stream tcp nowait root internal\n"
	     "daytime stream tcp nowait nobody internal daytime\n"
	     "tcpmux stream tcp nowait root internal\n"
	     "auth stream tcp nowait root internal\n"
	     "9999 stream tcp nowait root internal\n");
	is(row("echo", "handler"), "echo", "an internal service is a handler");
	is(row("echo", "exec"), "-", "and no program");
	is(row("echo", "user"), "-", "so it has no user");
	is(row("echo-udp", "listen"), "udp:*:7", "the same name again gets a suffix");
	is(row("echo-udp", "wait"), "-", "wait means nothing for an internal service");
	is(row("discard", "handler"), "discard", "discard");
	is(row("19", "handler"), "chargen", "a number stands for the service with that port");
	ok(said(FOREIGN_WARNING, 5, "takes no arguments"),
	   "arguments of an internal service are warned about");
	is(row("tcpmux", "handler"), "tcpmux", "tcpmux");
	is(row("tcpmux", "listen"), "tcp:*:1", "tcpmux has a port");
	ok(is_refused("auth") && said(FOREIGN_ERROR, 7, "no internal service \"auth\""), "auth is not there");
	ok(is_refused("9999"), "nor is 9999");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_hosts(void)
{
	conf("127.0.0.1:9001 stream tcp nowait root /bin/cat cat\n"
	     "127.0.0.1,::1:9002 stream tcp nowait root /bin/cat cat\n"
	     "[::1]:9003 stream tcp nowait root /bin/cat cat\n"
	     "*:9004 stream tcp nowait root /bin/cat cat\n"
	     "127.0.0.1,localhost:\n"
	     "9005 stream tcp nowait root /bin/cat cat\n"
	     "*:9006 stream tcp nowait root /bin/cat cat\n"
	     "*:\n"
	     "9007 stream tcp nowait root /bin/cat cat\n"
	     "::1:9008 stream tcp6 nowait root /bin/cat cat\n"
	     "127.0.0.1:9009 stream tcp6 nowait root /bin/cat cat\n"
	     "127.0.0.1,::1:9010 stream tcp4 nowait root /bin/cat cat\n"
	     "a/b:9011 stream tcp nowait root /bin/cat cat\n");
	is(row("9001", "listen"), "tcp:127.0.0.1:9001", "a host in front of the service");
	is(row("9002", "listen"), "tcp:127.0.0.1:9002|tcp:[::1]:9002", "several hosts");
	is(row("9003", "listen"), "tcp:[::1]:9003", "an IPv6 address in brackets");
	is(row("9004", "listen"), "tcp:*:9004", "a star is every address");
	is(row("9005", "listen"), "tcp:127.0.0.1:9005|tcp:localhost:9005",
	   "a host alone is for the lines below it");
	is(row("9006", "listen"), "tcp:*:9006", "except for those that have one");
	is(row("9007", "listen"), "tcp:*:9007", "until the next such line");
	is(row("9008", "listen"), "tcp6:[::1]:9008", "an IPv6 address without brackets");
	ok(is_refused("9009") && said(FOREIGN_ERROR, 11, "127.0.0.1 is no IPv6 address"),
	   "an address of the other family");
	is(row("9010", "listen"), "tcp4:127.0.0.1:9010", "of several addresses those of the family stay");
	ok(is_refused("9011"), "what cannot be a host is refused");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_families(void)
{
	conf("9001 stream tcp nowait root /bin/cat cat\n"
	     "9001 stream tcp6 nowait root /bin/cat cat\n"
	     "9002 stream tcp nowait root /bin/cat cat\n"
	     "9002 stream tcp4 nowait root /bin/ls ls\n"
	     "9003 stream tcp nowait root /bin/cat cat\n"
	     "9003 stream tcp nowait root /bin/ls ls\n"
	     "9003 dgram udp wait root /bin/ls ls\n"
	     "127.0.0.1:9003 stream tcp nowait root /bin/ls ls\n");
	is(row("9001", "listen"), "tcp4:*:9001", "tcp beside tcp6 is IPv4");
	is(row("9001-6", "listen"), "tcp6:*:9001", "tcp6 beside tcp");
	is(row("9002", "listen"), "tcp6:*:9002", "tcp beside tcp4 is IPv6");
	is(row("9003", "exec"), "/bin/ls", "of two lines for the same service the last counts");
	ok(said(FOREIGN_WARNING, 5, "inetd.conf:6"), "the first is warned about");
	is(row("9003-udp", "listen"), "udp:*:9003", "another protocol is another service");
	is(row("9003-2", "listen"), "tcp:127.0.0.1:9003", "so is another host");
}

static void
test_limits(void)
{
	conf("9001 stream tcp nowait.400 root /bin/cat cat\n"
	     "9002 stream tcp nowait:600 root /bin/cat cat\n"
	     "9003 stream tcp nowait/3/10/2 root /bin/cat cat\n"
	     "9004 stream tcp nowait/0/0/2 root /bin/cat cat\n"
	     "9005 dgram udp wait.50 root /bin/cat cat\n"
	     "9006 dgram udp wait/1/10/2 root /bin/cat cat\n"
	     "9007 stream tcp nowait.x root /bin/cat cat\n"
	     "9008 stream tcp nowait/1/2/3/4 root /bin/cat cat\n"
	     "9009 stream tcp swait root /bin/cat cat\n"
	     "9010 stream,7:httpready tcp nowait root /bin/cat cat\n"
	     "9011 dgram udp nowait root /bin/cat cat\n"
	     "9001 dgram udp wait/1/2 root /bin/cat cat\n");
	is(row("9001", "rate"), "400/1m", "nowait.N is a rate for a minute");
	is(row("9002", "rate"), "600/1m", "nowait:N is the same");
	is(row("9003", "instances"), "3", "nowait/MAX is how many run at once");
	is(row("9003", "per_source_rate"), "10/1m", "the next is a rate for each address");
	is(row("9003", "per_source"), "2", "the last is how many run at once for each address");
	is(row("9003", "rate"), "-", "none of them is a rate for all");
	is(row("9004", "instances"), "-", "0 is no limit");
	is(row("9004", "per_source"), "2", "a limit behind two that are none");
	is(row("9005", "rate"), "50/1m", "wait.N is a rate too");
	ok(said(FOREIGN_WARNING, 6, "cannot be kept with wait"), "limits for an address need nowait");
	is(row("9006", "per_source"), "-", "and are left out");
	ok(is_refused("9007") && said(FOREIGN_ERROR, 7, "wait: expected a number"),
	   "a limit that is no number");
	ok(is_refused("9008"), "too many numbers");
	ok(is_refused("9009") && said(FOREIGN_ERROR, 9, "expected wait or nowait"), "another word than wait");
	is(row("9010", "instances"), "7", "stream,N is how many run at once");
	ok(said(FOREIGN_WARNING, 10, "httpready"), "an accept filter is warned about");
	is(row("9011", "wait"), "true", "nowait with datagrams is wait");
	ok(said(FOREIGN_WARNING, 11, "taken as wait"), "and warned about");
	ok(said(FOREIGN_WARNING, 12, "9001-udp: wait: a rate"),
	   "a remark names the service that the entry becomes");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_users(void)
{
	conf("9001 stream tcp nowait nobody:tty /bin/cat cat\n"
	     "9002 stream tcp nowait nobody.tty /bin/cat cat\n"
	     "9003 stream tcp nowait nobody:tty/daemon /bin/cat cat\n"
	     "9004 stream tcp nowait root/daemon /bin/cat cat\n"
	     "9005 stream tcp nowait : /bin/cat cat\n"
	     "9006 stream tcp nowait @USER@ /bin/cat cat\n"
	     "9007 stream tcp nowait /bin/cat cat\n");
	is(row("9001", "user"), "nobody", "user:group");
	is(row("9001", "group"), "tty", "its group");
	is(row("9002", "user"), "nobody", "user.group");
	is(row("9002", "group"), "tty", "its group");
	is(row("9003", "group"), "tty", "user:group/class");
	ok(said(FOREIGN_WARNING, 3, "login class \"daemon\""), "a login class is warned about");
	is(row("9004", "user"), "root", "user/class");
	ok(is_refused("9005"), "no user at all");
	ok(is_refused("9006") && said(FOREIGN_ERROR, 6, "placeholder"), "a template is told apart");
	ok(is_refused("9007") && said(FOREIGN_ERROR, 7, "user: expected a user, not the path"),
	   "a user that was left out");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_unix(void)
{
	conf("/run/a.sock stream unix nowait root /bin/cat cat\n"
	     ":www:adm:660:/run/b.sock stream unix nowait root /bin/cat cat\n"
	     ":::640:/run/c.sock dgram unix wait root /bin/cat cat\n"
	     "/run/d.sock seqpacket unix nowait root /bin/cat cat\n"
	     "relative stream unix nowait root /bin/cat cat\n"
	     "/run/e.sock stream tcp nowait root /bin/cat cat\n"
	     ":a:/run/f.sock stream unix nowait root /bin/cat cat\n"
	     "9001 seqpacket tcp nowait root /bin/cat cat\n");
	is(row("/run/a.sock", "listen"), "unix:/run/a.sock", "a path");
	is(row("/run/b.sock", "listen"), "unix:/run/b.sock", "user, group, mode and path");
	is(row("/run/b.sock", "owner"), "www", "its owner");
	is(row("/run/b.sock", "group_owner"), "adm", "its group");
	is(row("/run/b.sock", "mode"), "660", "its mode");
	is(row("/run/c.sock", "listen"), "unix-dgram:/run/c.sock", "datagrams, with only a mode");
	is(row("/run/c.sock", "owner"), "-", "no owner");
	is(row("/run/d.sock", "listen"), "unix-seqpacket:/run/d.sock", "sequenced packets");
	ok(is_refused("relative"), "a relative path");
	is_int((long long)remarks(FOREIGN_ERROR), 4,
	       "a path with tcp, half of the form, and seqpacket with tcp as well");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_rpc_and_tcpmux(void)
{
	conf("rstatd/1-3 dgram rpc/udp wait root /usr/sbin/rpc.rstatd rpc.rstatd\n"
	     "100068/2 stream rpc/tcp4 wait root /usr/sbin/rpc.cmsd rpc.cmsd\n"
	     "walld dgram rpc/udp wait root /usr/sbin/rpc.walld rpc.walld\n"
	     "tcpmux/date stream tcp nowait nobody /bin/date date\n"
	     "tcpmux/+who stream tcp nowait nobody /usr/bin/who who\n"
	     "tcpmux/x dgram udp wait nobody /usr/bin/who who\n");
	is(row("rstatd", "rpc_program"), "rstatd", "an RPC program");
	is(row("rstatd", "rpc_version"), "1-3", "its versions");
	is(row("rstatd", "listen"), "udp:*:0", "any port");
	is(row("100068", "listen"), "tcp4:*:0", "a number, over TCP");
	ok(is_refused("walld") && said(FOREIGN_ERROR, 3, "NAME/VERSION"), "without a version it is refused");
	is(row("date", "tcpmux"), "date", "tcpmux/NAME");
	is(row("date", "tcpmux_plus"), "-", "the program says + itself");
	is(row("date", "listen"), "-", "it has no port");
	is(row("who", "tcpmux"), "who", "tcpmux/+NAME");
	is(row("who", "tcpmux_plus"), "true", "tcpmux says + for it");
	ok(is_refused("x"), "tcpmux with datagrams");
	ok(loads(), "a configuration of ours can say all of that");
}

static void
test_argv0(void)
{
	conf("9001 stream tcp nowait root /usr/sbin/nrpe -c /etc/nrpe.cfg\n"
	     "9002 stream tcp nowait root /usr/bin/python3 /srv/script.py\n"
	     "9003 stream tcp nowait root /bin/cat\n"
	     "9004 stream tcp nowait root /bin/cat /etc/motd\n"
	     "9005 stream tcp nowait root /bin/sh script.sh\n"
	     "9006 stream tcp nowait root /usr/bin/rsync rsyncd --daemon\n"
	     "9007 stream tcp nowait root /bin/busybox ftpd -w\n"
	     "9008 stream tcp nowait root /bin/sh -sh\n"
	     "9009 dgram udp wait root /usr/sbin/tftpd in.tftpd\n"
	     "9010 stream tcp nowait root /bin/cat cat # a comment\n"
	     "9011 stream tcp nowait root /bin/sh sh -c \"cat; sleep 1\" 'x y'\n"
	     "9012 stream tcp nowait root /bin/sh sh -c \"cat\n"
	     "nosuchservice stream tcp nowait root /usr/sbin/x -c y\n");
	ok(said(FOREIGN_WARNING, 1, "argv[0] looks forgotten"), "an option in the place of argv[0]");
	is(row("9001", "argv0"), "-c", "which is run as it stands");
	ok(said(FOREIGN_WARNING, 2, "argv[0] looks forgotten"), "a script in the place of argv[0]");
	ok(said(FOREIGN_WARNING, 3, "argv[0] is missing"), "no argv[0]");
	is(row("9003", "exec"), "/bin/cat", "the path is taken for it");
	ok(said(FOREIGN_WARNING, 4, "argv[0] looks forgotten"), "a file in the place of argv[0]");
	ok(said(FOREIGN_WARNING, 5, "argv[0] is \"script.sh\""), "another word as argv[0]");
	for (int line = 6; line <= 9; line++)
		ok(!said(FOREIGN_WARNING, line, ""), "argv[0] of line %d is a usual one", line);
	ok(said(FOREIGN_WARNING, 10, "no comments at the end of a line"), "a comment behind an entry");
	is(row("9010", "exec"), "/bin/cat|#|a|comment", "is arguments");
	is(row("9011", "exec"), "/bin/sh|-c|cat; sleep 1|x y", "quotes keep blanks together");
	ok(said(FOREIGN_NOTE, 11, "as on FreeBSD and NetBSD"), "which not every inetd does");
	ok(is_refused("9012") && said(FOREIGN_ERROR, 12, "quote"), "a quote that is not closed");
	ok(said(FOREIGN_WARNING, 13, "argv[0] looks forgotten"), "of a refused entry argv[0] is told too");
	ok(loads(), "a configuration of ours can say all of that");
}

/* Lines that say where the services below listen. */
static void
test_places(void)
{
	conf("127.0.0.1: # here only\n"
	     "9001 stream tcp nowait root /bin/cat cat\n"
	     "127.0.0.2 :\n"
	     "9002 stream tcp nowait root /bin/cat cat\n"
	     "127.0.0.3: if at all\n"
	     "9003 stream tcp nowait root /bin/cat cat\n"
	     "9004 on protocol=tcp, wait=no, user=root, exec=/bin/cat;\n"
	     "127.0.0.4:9005 stream tcp nowait root /bin/cat cat\n"
	     "9006 on protocol=tcp, bind=127.0.0.5, wait=no, user=root, exec=/bin/cat;\n"
	     "/tmp/s stream unix nowait root /bin/cat cat\n"
	     "*:\n"
	     "9007 stream tcp nowait root /bin/cat cat\n");
	is(row("9001", "listen"), "tcp:127.0.0.1:9001", "a comment may stand behind it");
	is(row("9002", "listen"), "tcp:127.0.0.2:9002", "the colon may stand apart");
	ok(is_refused("9003") && is_refused("9004") && said(FOREIGN_ERROR, 6, "see line 5"),
	   "where it cannot be read, nobody listens everywhere instead");
	is(row("9005", "listen"), "tcp:127.0.0.4:9005", "who has a host of its own does not need it");
	is(row("9006", "listen"), "tcp:127.0.0.5:9006", "in either notation");
	ok(!is_refused("/tmp/s"), "nor does a unix socket");
	is(row("9007", "listen"), "tcp:*:9007", "up to the next such line");

	conf("9001 stream tcp nowait root /bin/cat cat\r9002 stream tcp nowait root /bin/cat cat\r");
	ok(is_refused("9001") && said(FOREIGN_ERROR, 1, "control character"),
	   "lines that end with a carriage return alone are one line, and no arguments of a program");
}

static void
test_keyed(void)
{
	conf("127.0.0.1:\n"
	     "5432 on\n"
	     "\tprotocol = udp, # a comment\n"
	     "\twait = yes, user = root:adm,\n"
	     "\tservice_max = 5,\n"
	     "\texec = /usr/bin/srv,\n"
	     "\targs = srv 'a b' \"c\\x41\\t\" d\"e f\"g;\n"
	     "5433 on protocol=tcp6, bind=::1, wait=no, user=nobody, group=tty, ip_max=3, accept_max=2,\n"
	     "   sndbuf=12k, recvbuf = 1m, exec=/bin/cat, args=cat; daytime on protocol=tcp, user=root;\n"
	     "5434 off protocol=nonsense;\n"
	     "5435 on protocol=tcp, wait=no, user=root, exec=/bin/cat, args=cat, colour=red;\n"
	     "5436 on protocol=tcp, wait=no, exec=/bin/cat, args=cat;\n"
	     "5437 on protocol=tcp wait;\n"
	     "5438 stream tcp nowait root /bin/cat cat\n"
	     "5439 on protocol=tcp, user=root, wait=no, wait=no, exec=/bin/cat;\n"
	     "5440 on protocol=tcp, user=root, wait=no, ipsec=\"in bypass\", exec=/bin/cat;\n");
	is(row("5432", "listen"), "udp:127.0.0.1:5432", "keys and values, with the host of a line above");
	is(row("5432", "wait"), "true", "wait = yes");
	is(row("5432", "rate"), "5/1m", "service_max");
	is(row("5432", "group"), "adm", "user = user:group");
	is(row("5432", "exec"), "/usr/bin/srv|a b|cA\t|de fg", "args with quotes and escapes");
	is(row("5432", "argv0"), "srv", "args begin with argv[0]");
	is(row("5433", "listen"), "tcp6:[::1]:5433", "bind");
	is(row("5433", "group"), "tty", "group");
	is(row("5433", "per_source_rate"), "3/1m", "ip_max");
	is(row("5433", "instances"), "2", "accept_max");
	is(row("5433", "sndbuf"), "12K", "sndbuf");
	is(row("5433", "rcvbuf"), "1M", "recvbuf");
	is(row("daytime", "handler"), "daytime", "no program is an internal service; two entries on a line");
	ok(!service("5434") && said(FOREIGN_NOTE, 10, "5434: : is switched off"), "off");
	ok(is_refused("5435") && said(FOREIGN_ERROR, 11, "colour: is unknown"), "an unknown key");
	ok(is_refused("5436") && said(FOREIGN_ERROR, 12, "user: is missing"), "a key that is missing");
	ok(is_refused("5437"), "a value too many");
	is(row("5438", "listen"), "tcp:127.0.0.1:5438", "both notations in one file");
	ok(is_refused("5439") && said(FOREIGN_ERROR, 15, "wait: is given twice"), "a key twice");
	ok(is_refused("5440"), "a policy that would not be kept");

	ok(loads(), "a configuration of ours can say all of that");

	conf("5432 on protocol = tcp,\n"
	     "5433 stream tcp nowait root /bin/cat cat\n"
	     "5434 on protocol = tcp, user = \"root\n");
	ok(is_refused("5432"), "an entry without its end is refused");
	is(row("5433", "listen"), "tcp:*:5433", "and the next one read");
	ok(is_refused("5434"), "a quote that is not closed");
}

static void
test_lines(void)
{
	conf("9001 stream tcp nowait root /bin/cat cat \\\n"
	     "  one\\\n"
	     " two\n"
	     "9002 stream tcp nowait root /bin/cat cat\n"
	     "\tthree\n"
	     "9003 stream tcp nowait root /bin/cat cat\n"
	     "  9004 stream tcp nowait root /bin/cat cat\n"
	     "nonsense here\n"
	     "9005 stream tcp\n"
	     "#<off># shell stream tcp nowait root /usr/sbin/in.rshd in.rshd\n"
	     "#@ in ipsec esp/transport//require\n"
	     "#@\n"
	     "  # indented\n"
	     "9006 stream tcp,sndbuf=12k,rcvbuf=24k nowait root /bin/cat cat\n"
	     "9007 stream tcp,colour=red nowait root /bin/cat cat\n"
	     "9008 stream sctp nowait root /bin/cat cat\n"
	     "9009 stream udp nowait root /bin/cat cat\n"
	     "9010 raw tcp nowait root /bin/cat cat\n"
	     "70000 stream tcp nowait root /bin/cat cat\n"
	     "9011 stream tcp nowait root bin/cat cat\n"
	     "rstatd sunrpc_udp udp wait root /usr/sbin/rpc.rstatd rstatd 100001 1-3\n");
	is(row("9001", "exec"), "/bin/cat|one|two", "a backslash goes on in the next line");
	is(row("9002", "exec"), "/bin/cat|three", "so does a blank in front");
	is(row("9003", "exec"), "/bin/cat", "except where an entry begins");
	is(row("9004", "listen"), "tcp:*:9004", "which is read");
	ok(said(FOREIGN_WARNING, 7, "begins with a blank"), "and warned about");
	ok(said(FOREIGN_ERROR, 8, "is no entry"), "a line that is no entry");
	ok(is_refused("9005") && said(FOREIGN_ERROR, 9, "9005: wait: is missing"),
	   "a field that is missing is named");
	ok(said(FOREIGN_NOTE, 10, "shell: : is switched off"), "a line of update-inetd that is off");
	ok(said(FOREIGN_WARNING, 11, "IPsec"), "an IPsec policy is warned about");
	is(row("9006", "sndbuf"), "12K", "sndbuf");
	is(row("9006", "rcvbuf"), "24K", "rcvbuf");
	ok(is_refused("9007"), "another option of the protocol");
	ok(is_refused("9008") && said(FOREIGN_ERROR, 16, "protocol: expected tcp"), "another protocol");
	ok(is_refused("9009"), "a stream over udp");
	ok(is_refused("9010"), "a raw socket");
	ok(is_refused("70000"), "a port that is none");
	ok(is_refused("rstatd") && said(FOREIGN_ERROR, 21, "sunrpc_udp sockets are not supported"),
	   "AIX's form of RPC");
	ok(is_refused("9011") && said(FOREIGN_ERROR, 20, "absolute path"), "a relative path");
}

static void
test_files(void)
{
	char *path = path_of("d");

	mkdir(path, 0755);
	file("d/b", "9002 stream tcp nowait root /bin/cat cat\n");
	file("d/a", "127.0.0.1:\n9001 stream tcp nowait root /bin/cat cat\n");
	file("d/.hidden", "9003 stream tcp nowait root /bin/cat cat\n");
	file("d/c~", "9004 stream tcp nowait root /bin/cat cat\n");
	foreign_clear(&read_out);
	inetd_read(path, &read_out);
	is_int((long long)read_out.nservices, 2,
	       "a folder is all of its files, except for hidden and saved ones");
	is(read_out.services[0].name, "9001", "sorted by name");
	is(row("9002", "listen"), "tcp:*:9002", "a host of one file is not for the next");
	free(path);

	file("more.conf", "9011 stream tcp nowait root /bin/cat cat\n.include \"inetd.conf\"\n");
	conf("127.0.0.1:\n.include \"mor*.conf\"\n.include \"nothing\"\n.nonsense\n"
	     "9012 stream tcp nowait root /bin/cat cat\n");
	is(row("9011", "listen"), "tcp:127.0.0.1:9011", "an included file takes the host over");
	ok(said(FOREIGN_ERROR, 0, "includes itself"), "a file that includes itself is read once");
	ok(said(FOREIGN_ERROR, 3, "no such file"), "an include of nothing");
	ok(said(FOREIGN_ERROR, 4, "expected .include"), "another directive");
	is(row("9012", "listen"), "tcp:127.0.0.1:9012", "what follows is read");

	foreign_clear(&read_out);
	path = path_of("absent");
	inetd_read(path, &read_out);
	ok(read_out.unreadable, "a file that is not there");
	free(path);
}

static void
test_tcpd(void)
{
	conf("9001 stream tcp nowait root /nowhere/tcpd /bin/cat -n\n"
	     "9002 stream tcp nowait root /nowhere/tcpd in.nosuchd\n"
	     "9003 dgram udp wait nobody /nowhere/tcpd /usr/sbin/in.tftpd -s /srv\n");
	is(row("9001", "exec"), "/bin/cat|-n", "without tcpd, its program is started directly");
	is(row("9001", "tcp_wrappers"), "cat", "and hosts.allow asked about it");
	ok(said(FOREIGN_WARNING, 1, "is not installed"), "which is told");
	is(row("9002", "exec"), "/usr/sbin/in.nosuchd",
	   "a program without a path is where tcpd looks for it");
	is(row("9002", "argv0"), "in.nosuchd", "with its argv[0]");
	is(row("9003", "exec"), "/usr/sbin/in.tftpd|-s|/srv", "a program for datagrams likewise");
	is(row("9003", "tcp_wrappers"), "in.tftpd", "which hosts.allow is asked about");
	is(row("9003", "wait"), "true", "and which gets the socket");
	ok(loads(), "a configuration of ours can say all of that");
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		puts("Bail out! no folder for the tests");
		return 1;
	}
	test_plain_entries();
	test_internal();
	test_hosts();
	test_families();
	test_limits();
	test_users();
	test_unix();
	test_rpc_and_tcpmux();
	test_argv0();
	test_places();
	test_keyed();
	test_lines();
	test_files();
	test_tcpd();
	forget_files();
	return tap_done();
}
