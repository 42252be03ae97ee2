#include <sys/stat.h>
#include <unistd.h>

#include "core/foreign/unit.h"
#include "test/unit/foreign.h"

/* Reads a pair of units; the sections are added. Accept=no where `socket` says nothing else. */
static void
units(const char *socket, const char *service_text)
{
	char *path = path_of("t.socket"), *text;
	bool accept = strstr(socket, "Accept=yes") != NULL;

	foreign_clear(&read_out);
	text = xasprintf("[Socket]\n%s\n", socket);
	file("t.socket", text);
	free(text);
	text = xasprintf("[Service]\n%s\n", service_text);
	file(accept ? "t@.service" : "t.service", text);
	free(text);
	systemd_read(path, &read_out);
	free(path);
}

/* With Accept=yes, and keys of the service behind the usual ones. */
static void
with(const char *service_text)
{
	char *text = xasprintf("ExecStart=/bin/cat\nStandardInput=socket\n%s", service_text);

	units("ListenStream=9001\nAccept=yes", text);
	free(text);
}

static void
command(const char *line)
{
	char *text =
		xasprintf("StandardInput=socket\nEnvironment=A=one \"B=two words\" C='three'\nExecStart=%s",
			  line);

	units("ListenStream=9001\nAccept=yes", text);
	free(text);
}

static void
test_pair(void)
{
	units("ListenStream=9001\nAccept=yes",
	      "ExecStart=-/usr/bin/git daemon --inetd\nStandardInput=socket\nUser=nobody");
	ok(!is_refused("t"), "a socket and its service are a service");
	is(row("t", "listen"), "tcp:*:9001", "a port is every address");
	is(row("t", "exec"), "/usr/bin/git|daemon|--inetd", "ExecStart");
	is(row("t", "user"), "nobody", "User");
	is(row("t", "wait"), "-", "Accept=yes is a program for each connection");
	is(row("t", "instances"), "64", "as many connections as systemd allows");
	is(row("t", "stderr"), "socket", "standard error follows standard input");
	is(row("t", "umask"), "0022", "the umask of systemd");
	is(row("t", "session"), "true", "a session of its own");
	is(row("t", "directory"), "/", "the root folder");
	is(row("t", "kill_after"), "90s", "the patience of systemd");
	ok(strstr(row("t", "env"), "USER=nobody") != NULL, "a user is told in the environment");
	is_int((long long)remarks(FOREIGN_WARNING), 0, "there is nothing to warn about");

	units("ListenStream=9001", "ExecStart=/usr/bin/srv");
	is(row("t", "wait"), "true", "without Accept the program has the listening socket");
	is(row("t", "v6only"), "false", "one socket is for both families");
	is(row("t", "instances"), "-", "a limit of connections is none of ours then");
	is(row("t", "exec"), "/usr/bin/srv", "the program is started as it stands");
	is(row("t", "stderr"), "log", "its errors go to the log");
}

static void
test_listen(void)
{
	units("Accept=yes\nListenStream=9001\nListenStream=127.0.0.1:9002\nListenStream=[::1]:9003\n"
	      "ListenStream=/tmp/x.sock\nListenStream=@abstract\nListenSequentialPacket=/tmp/y.sock\n"
	      "ListenStream=vsock:2:1234\nListenStream=[::]:9004",
	      "ExecStart=/bin/cat\nStandardInput=socket");
	is(row("t", "listen"),
	   "tcp:*:9001|tcp:127.0.0.1:9002|tcp:[::1]:9003|unix:/tmp/x.sock|unix:@abstract|unix-seqpacket:/tmp/y.sock|"
	   "vsock:2:1234|tcp:*:9004",
	   "all forms of addresses");
	ok(loads(), "a configuration of ours can say all of that");
	is(row("t", "mode"), "0666", "the mode of a unix socket is systemd's");

	units("Accept=yes\nListenStream=9001\nListenDatagram=\nListenStream=9002\nBindIPv6Only=ipv6-only",
	      "ExecStart=/bin/cat\nStandardInput=socket");
	is(row("t", "listen"), "tcp6:*:9002", "an empty setting undoes what stands before it; IPv6 alone");

	units("ListenDatagram=9001\nListenStream=9001", "ExecStart=/usr/bin/srv");
	is(row("t", "listen"), "udp:*:9001|tcp:*:9001", "datagrams");
	ok(said(FOREIGN_WARNING, 0, "each of the 2 sockets gets a program of its own"), "which is told");

	units("Accept=yes\nListenDatagram=9001", "ExecStart=/bin/cat");
	ok(is_refused("t"), "datagrams with Accept=yes");
	units("Accept=yes\nListenStream=localhost:9001", "ExecStart=/bin/cat");
	ok(is_refused("t") && said(FOREIGN_ERROR, 3, "ListenStream: expected an IPv4 address"),
	   "a name is no address");
	units("Accept=yes\nListenStream=telnet", "ExecStart=/bin/cat");
	ok(is_refused("t"), "a service's name is no port");
	units("Accept=yes\nListenFIFO=/tmp/f\nListenStream=9001", "ExecStart=/bin/cat");
	ok(is_refused("t"), "a fifo");
	units("Accept=yes", "ExecStart=/bin/cat");
	ok(is_refused("t") && said(FOREIGN_ERROR, 0, "no address to listen on"), "no address");
}

static void
test_socket_keys(void)
{
	units("Accept=yes\nListenStream=/tmp/x\nBacklog=7\nBindToDevice=lo\nSocketUser=root\nSocketGroup=adm\nSocketMode=0600\n"
	      "KeepAlive=1\nKeepAliveTimeSec=2min\nKeepAliveIntervalSec=10\nKeepAliveProbes=3\nNoDelay=yes\nPriority=2\n"
	      "DeferAcceptSec=5s\nReceiveBuffer=64K\nSendBuffer=1M\nIPTOS=low-delay\nMark=9\nReusePort=true\nFreeBind=on\n"
	      "Transparent=no\nTCPCongestion=cubic\nMaxConnections=3\nMaxConnectionsPerSource=2\n"
	      "TriggerLimitBurst=50\nTriggerLimitIntervalSec=10s",
	      "ExecStart=/bin/cat\nStandardInput=socket");
	is(row("t", "queuesize"), "7", "Backlog");
	is(row("t", "device"), "lo", "BindToDevice");
	is(row("t", "owner"), "root", "SocketUser");
	is(row("t", "group_owner"), "adm", "SocketGroup");
	is(row("t", "mode"), "0600", "SocketMode");
	is(row("t", "keepalive"), "true", "KeepAlive");
	is(row("t", "keepalive_idle"), "2m", "KeepAliveTimeSec");
	is(row("t", "keepalive_interval"), "10s", "KeepAliveIntervalSec");
	is(row("t", "keepalive_count"), "3", "KeepAliveProbes");
	is(row("t", "nodelay"), "true", "NoDelay");
	is(row("t", "priority"), "2", "Priority");
	is(row("t", "defer_accept"), "5s", "DeferAcceptSec");
	is(row("t", "rcvbuf"), "64K", "ReceiveBuffer");
	is(row("t", "sndbuf"), "1M", "SendBuffer");
	is(row("t", "tos"), "16", "IPTOS");
	is(row("t", "mark"), "9", "Mark");
	is(row("t", "reuseport"), "true", "ReusePort");
	is(row("t", "freebind"), "true", "FreeBind");
	is(row("t", "transparent"), "false", "Transparent");
	is(row("t", "congestion"), "cubic", "TCPCongestion");
	is(row("t", "instances"), "3", "MaxConnections");
	is(row("t", "per_source"), "2", "MaxConnectionsPerSource");
	is(row("t", "rate"), "50/10s", "TriggerLimit");
	ok(loads(), "a configuration of ours can say all of that");

	units("Accept=yes\nListenStream=9001\nNoDelay=perhaps", "ExecStart=/bin/cat");
	ok(is_refused("t") && said(FOREIGN_ERROR, 4, "NoDelay: expected yes or no"),
	   "a value that cannot be read");
	units("Accept=yes\nListenStream=9001\nColour=red\nPassCredentials=yes", "ExecStart=/bin/cat");
	ok(!is_refused("t") && said(FOREIGN_WARNING, 4, "Colour: is unknown"),
	   "an unknown key is warned about");
	ok(said(FOREIGN_WARNING, 5, "is not set on the socket"), "so is an option that is not set");
	units("Accept=yes\nListenStream=9001\nIPAddresAllow=10.0.0.0/8", "ExecStart=/bin/cat");
	ok(is_refused("t") && said(FOREIGN_ERROR, 4, "did you mean IPAddressAllow?"),
	   "without a key that keeps clients out, whose name is wrong, nothing runs");
	units("Accept=yes\nListenStream=9001", "ExecStart=/bin/cat\nuser=nobody");
	ok(is_refused("t") && said(FOREIGN_ERROR, 0, "did you mean User?"), "nor as root instead of a user");
	units("Accept=yes\nListenStream=9001\nMaxConnections=0", "ExecStart=/bin/cat");
	ok(is_refused("t"), "no connection at all");
	units("ListenStream=9001\nFileDescriptorName=web", "ExecStart=/bin/cat");
	ok(said(FOREIGN_WARNING, 3, "LISTEN_FDNAMES"), "and another name of the descriptor");
}

static void
test_command(void)
{
	command("/bin/echo \"a b\" 'c d' e\\x41f \"g\\\"h\" i\"j k\"l \\tm %% %p %n %N");
	is(row("t", "exec"), "/bin/echo|a b|c d|eAf|g\"h|ij kl|\tm|%|t|t@.service|t@",
	   "quotes, escapes and specifiers");
	command("/bin/echo $A $B ${B} x${C}y $$HOME ${D} $D z");
	ok(loads(), "a configuration of ours can say all of that");
	is(row("t", "exec"), "/bin/echo|one|two|words|two words|xthreey|$HOME||z", "variables");
	ok(said(FOREIGN_NOTE, 4, "the variable D is not set"), "one that is not set is told");
	command("/bin/echo $REMOTE_ADDR");
	ok(said(FOREIGN_WARNING, 4, "only known once a client has come"),
	   "one of the connection is warned about");
	command(":/bin/echo $A ${B}");
	is(row("t", "exec"), "/bin/echo|$A|${B}", "a colon in front leaves them alone");
	command("-@/bin/sh mysh -c 'cat'");
	is(row("t", "exec"), "/bin/sh|-c|cat", "an @ in front is for");
	is(row("t", "argv0"), "mysh", "an argv[0]");
	command("+/bin/cat");
	ok(!is_refused("t") && said(FOREIGN_WARNING, 4, "\"+\" is not kept"),
	   "more privileges are not given");
	command("/bin/echo a \\\n  b \\\n# a comment\n  c");
	is(row("t", "exec"), "/bin/echo|a|b|c", "a backslash joins lines");
	command("/bin/echo %i");
	ok(is_refused("t") && said(FOREIGN_ERROR, 4, "%i is only known"), "the instance is not known");
	command("/bin/echo %q");
	ok(is_refused("t"), "an unknown specifier");
	command("/bin/echo \"a");
	ok(is_refused("t") && said(FOREIGN_ERROR, 4, "quote"), "a quote that is not closed");
	command("/bin/echo a ; /bin/echo b");
	ok(is_refused("t"), "two commands in one");
	command("/bin/true\nExecStart=/bin/false");
	ok(is_refused("t") && said(FOREIGN_ERROR, 5, "expected one ExecStart, not 2"), "two commands");
	command("/bin/true\nExecStart=\nExecStart=/bin/false");
	is(row("t", "exec"), "/bin/false", "an empty one undoes what stands before it");
	command("");
	ok(is_refused("t"), "no command");
	command("@libexecdir@/foo");
	ok(is_refused("t") && said(FOREIGN_ERROR, 4, "placeholder"), "a template is told apart");
	command("bin/foo");
	ok(is_refused("t"), "a relative path");
}

static void
test_streams(void)
{
	units("ListenStream=9001\nAccept=yes", "ExecStart=/bin/cat -n");
	is(row("t", "exec"),
	   "/bin/sh|-c|export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=connection; exec \"$0\" \"$@\" 3<&0 </dev/null >&2|"
	   "/bin/cat|-n",
	   "without StandardInput=socket the connection is descriptor 3");
	is(row("t", "stderr"), "log", "and the output goes to the log");
	with("StandardOutput=journal");
	is(row("t", "exec"), "/bin/sh|-c|exec \"$0\" \"$@\" >&2|/bin/cat",
	   "an output that goes to the journal");
	with("StandardOutput=null\nStandardError=journal");
	is(row("t", "exec"), "/bin/sh|-c|exec \"$0\" \"$@\" >/dev/null|/bin/cat",
	   "an output that goes nowhere");
	with("StandardError=journal");
	is(row("t", "exec"), "/bin/cat", "the usual one needs no shell");
	is(row("t", "stderr"), "log", "StandardError=journal");
	with("StandardError=null");
	is(row("t", "stderr"), "null", "StandardError=null");
	with("StandardError=append:/tmp/err.log");
	is(row("t", "stderr"), "file:/tmp/err.log", "StandardError=append");
	units("ListenStream=9001\nAccept=yes", "ExecStart=/bin/cat\nStandardInput=tty");
	ok(is_refused("t"), "a terminal");
}

static void
test_world(void)
{
	with("User=root\nGroup=adm\nSupplementaryGroups=tty\nWorkingDirectory=-/tmp\nRootDirectory=/srv\nUMask=077\nNice=5\n"
	     "OOMScoreAdjust=-10\nNoNewPrivileges=yes\nPassEnvironment=LANG TZ\nRuntimeMaxSec=1h 30min\n"
	     "LimitNOFILE=1024:infinity\nLimitCORE=0\nLimitCPU=1min\nLimitAS=1G\nKillSignal=SIGINT\nTimeoutStopSec=5");
	is(row("t", "group"), "adm", "Group");
	ok(strstr(row("t", "groups"), "tty") && strstr(row("t", "groups"), "root"),
	   "SupplementaryGroups beside the user's own");
	is(row("t", "directory"), "/tmp", "WorkingDirectory");
	is(row("t", "chroot"), "/srv", "RootDirectory");
	is(row("t", "umask"), "077", "UMask");
	is(row("t", "nice"), "5", "Nice");
	is(row("t", "oom_score_adj"), "-10", "OOMScoreAdjust");
	is(row("t", "no_new_privs"), "true", "NoNewPrivileges");
	is(row("t", "pass_env"), "LANG|TZ", "PassEnvironment");
	is(row("t", "timeout"), "90m", "RuntimeMaxSec");
	is(row("t", "rlimit.files"), "1024:unlimited", "LimitNOFILE");
	is(row("t", "rlimit.core"), "0", "LimitCORE");
	is(row("t", "rlimit.cpu"), "60", "LimitCPU");
	is(row("t", "rlimit.as"), "1G", "LimitAS");
	is(row("t", "kill_signal"), "INT", "KillSignal");
	is(row("t", "kill_after"), "5s", "TimeoutStopSec");
	ok(loads(), "a configuration of ours can say all of that");

	with("DynamicUser=yes");
	ok(is_refused("t"), "a user that systemd makes");
	with("User=nobody\nAmbientCapabilities=CAP_NET_RAW");
	is(row("t", "capabilities"), "CAP_NET_RAW", "capabilities of a user");
	with("User=nobody\nCapabilityBoundingSet=CAP_NET_RAW");
	ok(said(FOREIGN_WARNING, 5, "is not kept for another user"),
	   "what limits those of a user is warned about");
	with("CapabilityBoundingSet=CAP_CHOWN CAP_KILL");
	is(row("t", "capabilities"), "CAP_CHOWN|CAP_KILL", "capabilities of root");
	with("CapabilityBoundingSet=");
	is(row("t", "capabilities"), "", "an empty list of capabilities takes all away");
	with("CapabilityBoundingSet=~CAP_CHOWN");
	ok(is_refused("t"), "what to take away from root is not kept");
	with("ProtectSystem=strict\nPrivateTmp=yes\nMemoryMax=1G\nTasksMax=5\nExecStartPre=/bin/true\nStateDirectory=x");
	ok(said(FOREIGN_WARNING, 4, "ProtectSystem, PrivateTmp: protects the program"),
	   "what protects is one warning");
	ok(said(FOREIGN_WARNING, 6, "MemoryMax, TasksMax: limits resources"), "what limits is one");
	ok(said(FOREIGN_WARNING, 8, "ExecStartPre: is not run"), "what is not run");
	ok(said(FOREIGN_WARNING, 9, "StateDirectory: is not made"), "what is not made");
	with("ExecCondition=/bin/false");
	ok(is_refused("t"), "a condition that would have to be run");
	with("Type=forking\nRestart=always\nSyslogIdentifier=x\nSuccessExitStatus=1");
	is_int((long long)remarks(FOREIGN_WARNING), 0, "what does not matter is not warned about");
}

static void
test_environment(void)
{
	char *text, *path = path_of("vars");

	file("vars", "# a comment\nOPTIONS=\"-a  -b\"\nA = from file\nB='q'\nnonsense\n");
	text = xasprintf(
		"Environment=A=1 B=2\nEnvironment=\"C=x y\" D=%%p\nEnvironmentFile=%s\nUnsetEnvironment=B\n"
		"EnvironmentFile=-/nowhere/vars",
		path);
	with(text);
	is(row("t", "env"), "C=x y|D=t|OPTIONS=-a  -b|A=from file", "variables of the unit and of a file");
	free(text);
	free(path);
	with("EnvironmentFile=/nowhere/vars");
	ok(is_refused("t"), "a file that is not there");
	with("Environment=A=1\nEnvironment=\nEnvironment=nonsense B=2");
	is(row("t", "env"), "B=2", "an empty setting undoes what stands before it");
}

static void
test_access(void)
{
	with("IPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8");
	is(row("t", "allow"), "127.0.0.0/8|::1|10.0.0.0/8", "only those that are allowed");
	ok(loads(), "a configuration of ours can say all of that");
	is(row("t", "deny"), "-", "nobody needs to be denied then");
	with("IPAddressDeny=any");
	is(row("t", "deny"), "all", "nobody");
	with("IPAddressDeny=10.0.0.0/8");
	is(row("t", "deny"), "10.0.0.0/8", "all but some");
	is(row("t", "allow"), "-", "the others may");
	with("IPAddressDeny=10.0.0.0/8\nIPAddressAllow=10.1.0.0/16");
	ok(said(FOREIGN_WARNING, 5, "makes no exceptions"), "exceptions are closed");
	is(row("t", "allow"), "-", "and do not shut out the rest");
}

static void
test_files(void)
{
	char *path = path_of("u.socket"), *folder = path_of("u.socket.d"), *other = path_of("u@.service.d");
	char *masked = path_of("m.socket");

	mkdir(folder, 0755);
	mkdir(other, 0755);
	file("u.socket",
	     "junk\n[Unit]\nDescription=x\nConditionPathExists=/x\n[Socket]\r\nListenStream=9001\r\nAccept=yes\r\nnonsense\n"
	     "[Install]\nWantedBy=x\n");
	file("u.socket.d/20.conf", "[Socket]\nMaxConnections=4\n");
	file("u.socket.d/10.conf", "[Socket]\nMaxConnections=3\nListenStream=\nListenStream=9002\n");
	file("u@.service.d/a.conf", "[Service]\nUser=nobody\n");
	file("u@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\nUser=root\n");
	foreign_clear(&read_out);
	systemd_read(path, &read_out);
	is(row("u", "listen"), "tcp:*:9002", "drop-ins of the socket");
	is(row("u", "instances"), "4", "in the order of their names");
	is(row("u", "user"), "nobody", "drop-ins of the service");
	ok(said(FOREIGN_WARNING, 1, "in no section"), "a line in no section");
	ok(said(FOREIGN_WARNING, 8, "KEY=VALUE"), "a line that is nothing");
	ok(said(FOREIGN_WARNING, 4, "is not looked at"), "a condition is not looked at");
	is_int(read_out.services[0].rows[0].line, 4, "a row knows its line");
	ok(strstr(read_out.services[0].rows[0].file, "10.conf") != NULL, "and its file");

	file("u.socket", "[Socket]\nListenStream=9001\nAccept=yes\nService=other.service\n");
	foreign_clear(&read_out);
	systemd_read(path, &read_out);
	ok(is_refused("u"), "Service with Accept=yes");
	file("u.socket", "[Socket]\nListenStream=9001\nService=other.service\n");
	file("other.service", "[Service]\nExecStart=/usr/bin/srv\n");
	foreign_clear(&read_out);
	systemd_read(path, &read_out);
	is(row("u", "exec"), "/usr/bin/srv", "Service names another unit");
	file("u.socket", "[Socket]\nListenStream=9001\n");
	foreign_clear(&read_out);
	systemd_read(path, &read_out);
	ok(is_refused("u") && said(FOREIGN_ERROR, 0, "there is no u.service"), "a service that is not there");

	foreign_clear(&read_out);
	ok(symlink("/dev/null", masked) == 0, "a masked unit");
	systemd_read(masked, &read_out);
	ok(is_refused("m") && said(FOREIGN_ERROR, 0, "masked"), "is refused");
	foreign_clear(&read_out);
	systemd_read("/nowhere/x.socket", &read_out);
	ok(read_out.unreadable, "a file that is not there");
	foreign_clear(&read_out);
	systemd_read("/nowhere/x.service", &read_out);
	ok(is_refused("x"), "a file that is no socket unit");
	free(path);
	free(folder);
	free(other);
	free(masked);
}

static void
test_spans(void)
{
	static const struct {
		const char *text;
		long long ms;
	} spans[] = {
		{ "5", 5000 },    { "5min 20s", 320000 }, { "5min20s", 320000 }, { "500ms", 500 },
		{ "1.5s", 1500 }, { "2h", 7200000 },      { "infinity", -1 },    { "1 week", 604800000 },
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		ok(unit_span(spans[i].text, 1000, &ms, NULL) == 0, "%s is a time", spans[i].text);
		is_int(ms, spans[i].ms, spans[i].text);
	}
	ok(unit_span("", 1000, &ms, NULL) < 0, "nothing is no time");
	ok(unit_span("5 fortnights", 1000, &ms, NULL) < 0, "an unknown unit");
	ok(unit_span("-1", 1000, &ms, NULL) < 0, "a negative time");
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		puts("Bail out! no folder for the tests");
		return 1;
	}
	test_pair();
	test_listen();
	test_socket_keys();
	test_command();
	test_streams();
	test_world();
	test_environment();
	test_access();
	test_files();
	test_spans();
	forget_files();
	return tap_done();
}
