# What a program is given: descriptors, signals, identity, environment, limits; and that it never runs
# with less than was asked for. test/tool/fdreport tells what it finds.

load helper
bats_require_minimum_version 1.5.0

# Programs of other users must be able to reach it.
setup_file() {
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	chmod a+x "$(dirname "$BATS_FILE_TMPDIR")"
	cp "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tool/fdreport" "$BATS_FILE_TMPDIR/fdreport"
	chmod 755 "$BATS_FILE_TMPDIR/fdreport"
}

# serve 'KEY = VALUE' ...   a service "world" with these keys that runs fdreport
serve() {
	{
		echo 'service "world" {'
		echo 'listen = "tcp:127.0.0.1:0"'
		echo "exec = { \"$BATS_FILE_TMPDIR/fdreport\" }"
		printf '%s\n' "$@"
		echo '}'
	} >"$CONF"
	start_evinetd
}

# Fetches the report of a service into the file "report".
fetch() {
	"$TOOL/client" -p "$(address_of "${1:-world}" "${2:-1}")" >report
}

# told LINE...   the report has these lines. all_of KEY: the lines of a key, whole.
told() {
	local line
	for line in "$@"; do
		grep -qxF -- "$line" report || {
			echo "not told: $line" >&2
			cat report >&2
			return 1
		}
	done
}

value() {
	sed -n "s/^$1=//p" report
}

descriptors_are() {
	[ "$(value fd)" = "$(printf '%s\n' "$@")" ] || {
		value fd >&2
		return 1
	}
}

# The environment is this, in any order, and nothing else.
environment_is() {
	diff <(printf '%s\n' "$@" | sort) <(value env | sort) >&2
}

# One key of the start line of a session.
start_key() {
	grep -a " start service=$1 session=$2 " "$LOG" | tr ' ' '\n' | sed -n "s/^$3=//p"
}

default_path=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# --- descriptors, signals, processes ---

clean_world() {
	export EVINET_SPAWN=$1
	run_under "$TOOL/dirty"
	serve
	fetch
	descriptors_are '0 stream-socket blocking' '1 stream-socket blocking' '2 pipe blocking'
	told 'ignored=' 'blocked='
	[ "$(value pgid)" = "$(value pid)" ]
	[ "$(value sid)" = "$SESSION_ID" ]
	[ "$(value ppid)" = "$DAEMON" ]
	[ "$(start_key world 1 pid)" = "$(value pid)" ]
	# An ignored SIGCHLD in the daemon would let no end be seen.
	wait_for_log "end service=world session=1 pid=$(value pid)"
}

@test "a daemon with 20 inherited descriptors, ignored and blocked signals gives its programs a clean world" {
	# Otherwise this shows nothing.
	"$TOOL/dirty" "$TOOL/fdreport" >report 3>&- 4>&-
	[ "$(value fd | wc -l)" -ge 23 ]
	[ "$(value ignored | wc -w)" -ge 6 ]
	[ "$(value blocked | wc -w)" -ge 6 ]
	clean_world ''
}

@test "the world is as clean where programs are started by fork" {
	clean_world fork
}

@test "the three ways to start a program are what the tests of each think they are" {
	local method
	[ -z "$SANITIZED" ] || skip "such a build forks always"
	for method in async vm fork; do
		export EVINET_SPAWN=$method
		EVINETD=$BUILD/evinetd
		run_traced -e trace=clone,clone3,fork,vfork
		serve
		fetch
		stop_evinetd
		grep -a 'CLONE_VFORK' "$TRACE" >"calls.$method" || true
		rm "$TRACE"
	done
	[ -s calls.vm ] || [ "$(uname -m)" != x86_64 ]
	[ ! -s calls.async ]
	[ ! -s calls.fork ]
}

@test "ten programs at once share none of each other's descriptors" {
	run_under "$TOOL/dirty"
	configure <<-CONF
		service "hold" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } }
		service "own" { listen = { "tcp:127.0.0.1:0", "unix:$PWD/own.sock" } wait = true exec = { "/bin/sleep", "60" } }
		service "world" { listen = { "tcp:127.0.0.1:0" } exec = { "$TOOL/fdreport" } }
	CONF
	start_evinetd
	background "$TOOL/client" -n 10 -c 10 -d 60000 -s never "$(address_of hold)"
	wait_for_log 'start service=hold' 10
	connect 5 "$(port_of own)"
	wait_for_log 'start service=own'
	fetch
	descriptors_are '0 stream-socket blocking' '1 stream-socket blocking' '2 pipe blocking'
	disconnect 5
}

@test "a daemon started with its standard descriptors closed gives 0, 1 and 2 to its programs all the same" {
	run_under sh -c 'exec "$@" --log "file:$0" <&- >&- 2>&-' "$LOG"
	serve
	fetch
	descriptors_are '0 stream-socket blocking' '1 stream-socket blocking' '2 pipe blocking'
	wait_for_log 'end service=world'
	# What is said there must not end up in a socket.
	[ "$(readlink "/proc/$DAEMON/fd/"{0,1,2} | sort -u)" = /dev/null ]
}

@test "session = true gives the program a session of its own" {
	local method
	for method in async vm fork; do
		export EVINET_SPAWN=$method
		serve 'session = true'
		fetch
		[ "$(value sid)" = "$(value pid)" ]
		[ "$(value pgid)" = "$(value pid)" ]
		stop_evinetd
	done
}

@test "a program with wait = true has the listening socket as 0, 1 and 3, and LISTEN_FDS says so" {
	local method
	run_under "$TOOL/dirty"
	for method in async vm fork; do
		export EVINET_SPAWN=$method
		configure <<-CONF
			service "world" {
				listen = "tcp:127.0.0.1:0"
				wait = true
				exec = { "$TOOL/fdreport", "-a" }
			}
		CONF
		start_evinetd
		fetch
		descriptors_are '0 listening-socket blocking' '1 listening-socket blocking' '2 pipe blocking' \
			'3 listening-socket blocking'
		environment_is "$default_path" PROTO=TCP TCPLOCALIP=127.0.0.1 "TCPLOCALPORT=$(port_of world)" \
			LISTEN_FDS=1 "LISTEN_PID=$(value pid)" LISTEN_FDNAMES=world EVINET_SERVICE=world EVINET_SESSION=1
		told 'ignored=' 'blocked='
		stop_evinetd
	done
}

@test "a datagram program has the socket as 0, 1 and 3 with the datagram still in it" {
	configure <<-CONF
		service "world" { listen = "udp:127.0.0.1:0" wait = true exec = { "$TOOL/fdreport", "-a" } }
	CONF
	start_evinetd
	"$TOOL/client" -p -s question "$(address_of world)" >report
	descriptors_are '0 dgram-socket blocking' '1 dgram-socket blocking' '2 pipe blocking' '3 dgram-socket blocking'
	local peer
	peer=$(grep -a ' start service=world ' "$LOG" | grep -o 'peer=127.0.0.1:[0-9]*')
	environment_is "$default_path" PROTO=UDP UDPLOCALIP=127.0.0.1 "UDPLOCALPORT=$(port_of world)" \
		UDPREMOTEIP=127.0.0.1 "UDPREMOTEPORT=${peer##*:}" \
		REMOTE_ADDR=127.0.0.1 "REMOTE_PORT=${peer##*:}" REMOTE_HOST=127.0.0.1 \
		LISTEN_FDS=1 "LISTEN_PID=$(value pid)" LISTEN_FDNAMES=world EVINET_SERVICE=world EVINET_SESSION=1
}

@test "a datagram program is told who sent the first datagram, on IPv6 and unix sockets too" {
	need_ipv6
	configure <<-CONF
		service "inet6" { listen = "udp:[::1]:0" wait = true exec = { "$TOOL/fdreport", "-a" } }
		service "unix" { listen = "unix-dgram:$PWD/sock" wait = true exec = { "$TOOL/fdreport", "-a" } }
	CONF
	start_evinetd --log-format json
	python3 - "$(port_of inet6)" <<-'END'
		import socket, sys
		first = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		first.sendto(b"x", ("::1", int(sys.argv[1])))
		open("report", "wb").write(first.recv(65536))
		print("tell UDPREMOTEPORT=%d" % first.getsockname()[1], file=open("port", "w"))
		named = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		named.bind("named")
		named.sendto(b"x", "sock")
		open("report.unix", "wb").write(named.recv(65536))
	END
	value env | grep -qx "$(sed 's/tell //' port)"
	value env | grep -qx UDPREMOTEIP=::1
	value env | grep -qx REMOTE_HOST=::1
	[ "$(event_count start '.service == "inet6" and (.peer | startswith("[::1]:"))')" = 1 ]
	[ "$(event_count start '.service == "unix" and .peer == "unix:named"')" = 1 ]
	if grep -E 'REMOTE' report.unix; then return 1; fi
}

@test "B17: datagrams that a program leaves in the queue are there for the next one" {
	cat >one.py <<-'END'
		import socket
		s = socket.socket(fileno=0)
		data, peer = s.recvfrom(100)
		s.sendto(b"got " + data, peer)
	END
	configure <<-CONF
		service "one" { listen = "udp:127.0.0.1:0" wait = true exec = { "$(command -v python3)", "$PWD/one.py" } }
	CONF
	start_evinetd --log-format json
	python3 - "$(port_of one)" <<-'END'
		import socket, sys
		senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(5)]
		for i, s in enumerate(senders):
		    s.settimeout(20)
		    s.sendto(b"%d" % i, ("127.0.0.1", int(sys.argv[1])))
		for i, s in enumerate(senders):
		    assert s.recv(100) == b"got %d" % i
	END
	starts_equal_ends
	# Each was started for the one who was first then.
	wait_until eval '[ "$(events end | wc -l)" = 5 ]'
	[ "$(events start | jq -r .peer | sort -u | wc -l)" = 5 ]
}

# --- environment ---

@test "the environment of an IPv4 client is complete, right, and holds nothing of the daemon's own" {
	local port
	run_under env SECRET=1 HOME=/nowhere TCPREMOTEIP=9.9.9.9 REMOTE_USER=root
	serve
	fetch
	port=$(start_key world 1 peer)
	port=${port##*:}
	environment_is "$default_path" PROTO=TCP TCPREMOTEIP=127.0.0.1 "TCPREMOTEPORT=$port" TCPLOCALIP=127.0.0.1 \
		"TCPLOCALPORT=$(port_of world)" REMOTE_ADDR=127.0.0.1 "REMOTE_PORT=$port" REMOTE_HOST=127.0.0.1 \
		EVINET_SERVICE=world EVINET_SESSION=1
	fetch
	told env=EVINET_SESSION=2
}

@test "the environment of an IPv6 client is complete and right" {
	need_ipv6
	local port
	configure <<-CONF
		service "six" { listen = "tcp:[::1]:0" exec = { "$TOOL/fdreport" } }
	CONF
	start_evinetd
	fetch six
	port=$(start_key six 1 peer)
	port=${port##*:}
	environment_is "$default_path" PROTO=TCP TCPREMOTEIP=::1 "TCPREMOTEPORT=$port" TCPLOCALIP=::1 \
		"TCPLOCALPORT=$(port_of six)" REMOTE_ADDR=::1 "REMOTE_PORT=$port" REMOTE_HOST=::1 \
		EVINET_SERVICE=six EVINET_SESSION=1
}

@test "an IPv4 client of an IPv6 wildcard socket looks like any IPv4 client, and an IPv6 one like an IPv6 one" {
	need_ipv6
	need_namespace n
	command -v ip >/dev/null || skip "there is no ip command"
	local port in
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && exec "$@"' sh
	configure <<-CONF
		service "both" { listen = "tcp6:[::]:0" v6only = false exec = { "$TOOL/fdreport" } }
	CONF
	start_evinetd
	in=(nsenter -t "$DAEMON" -n)
	[ "$(id -u)" = 0 ] || in=(nsenter -t "$DAEMON" -U -n --preserve-credentials)
	"${in[@]}" "$TOOL/client" -p "tcp:127.0.0.1:$(port_of both)" >report
	port=$(start_key both 1 peer)
	[ "${port%:*}" = 127.0.0.1 ]
	port=${port##*:}
	environment_is "$default_path" PROTO=TCP TCPREMOTEIP=127.0.0.1 "TCPREMOTEPORT=$port" TCPLOCALIP=127.0.0.1 \
		"TCPLOCALPORT=$(port_of both)" REMOTE_ADDR=127.0.0.1 "REMOTE_PORT=$port" REMOTE_HOST=127.0.0.1 \
		EVINET_SERVICE=both EVINET_SESSION=1
	"${in[@]}" "$TOOL/client" -p "tcp:[::1]:$(port_of both)" >report
	told env=TCPREMOTEIP=::1 env=TCPLOCALIP=::1 env=REMOTE_HOST=::1
}

@test "the environment of a unix client names the path and who the client is" {
	local pid
	configure <<-CONF
		service "near" { listen = "unix:$PWD/near.sock" exec = { "$TOOL/fdreport" } }
	CONF
	start_evinetd
	"$TOOL/client" -p "unix:$PWD/near.sock" >report 3>&- &
	pid=$!
	wait "$pid"
	environment_is "$default_path" PROTO=UNIX "UNIXLOCALPATH=$PWD/near.sock" "UNIXREMOTEEUID=$(id -u)" \
		"UNIXREMOTEEGID=$(id -g)" "UNIXREMOTEPID=$pid" EVINET_SERVICE=near EVINET_SESSION=1
	descriptors_are '0 stream-socket blocking' '1 stream-socket blocking' '2 pipe blocking'
}

@test "a unix client with a path of its own is told by it, and one of another user by that user" {
	need_root
	local name="@evinetd-world-$$-$RANDOM"
	configure <<-CONF
		service "near" { listen = "unix:$name" exec = { "$TOOL/fdreport" } }
	CONF
	start_evinetd
	cat >ask.py <<-'SCRIPT'
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(20)
		s.bind(sys.argv[2])
		if len(sys.argv) > 3:
		    os.setgid(int(sys.argv[4]))
		    os.setuid(int(sys.argv[3]))
		s.connect("\0" + sys.argv[1][1:])
		print(s.makefile().read())
	SCRIPT
	python3 ask.py "$name" "$PWD/own.sock" >report
	told "env=UNIXREMOTEPATH=$PWD/own.sock" "env=REMOTE_ADDR=$PWD/own.sock" "env=UNIXLOCALPATH=$name"
	python3 ask.py "$name" "$PWD/other.sock" 4711 4712 >report
	told env=UNIXREMOTEEUID=4711 env=UNIXREMOTEEGID=4712
}

@test "env sets variables, pass_env hands on those of the daemon, and the later word wins" {
	run_under env ONE=1 TWO=2 SECRET=3 LISTEN_PID=4 'LONG=a b=c'
	serve 'env = { "TWO=deux", "PATH=/bin", "EMPTY=", "WORDS=two words" }' \
		'pass_env = { "ONE", "TWO", "LONG", "MISSING", "LISTEN_PID", "TCPREMOTEIP" }'
	fetch
	told env=ONE=1 env=TWO=deux env=PATH=/bin env=EMPTY= 'env=WORDS=two words' 'env=LONG=a b=c' \
		env=TCPREMOTEIP=127.0.0.1
	[ "$(value env | wc -l)" = 16 ]
}

@test "pass_env = * hands on everything but what was meant for the daemon, and env still wins" {
	run_under env -i PATH=/usr/bin:/bin ONE=1 TWO=2 EMPTY= 'LONG=a b=c' NOTIFY_SOCKET=/nowhere LISTEN_PID=4 \
		LISTEN_FDNAMES=x WATCHDOG_USEC=1 EVINET_SPAWN=clone TCPREMOTEIP=9.9.9.9 LISTENER=3
	serve 'pass_env = "*"' 'env = { "TWO=deux" }'
	fetch
	told env=ONE=1 env=TWO=deux env=EMPTY= 'env=LONG=a b=c' env=LISTENER=3 env=PATH=/usr/bin:/bin \
		env=TCPREMOTEIP=127.0.0.1
	value env >passed
	if grep -E '^(NOTIFY_SOCKET|LISTEN_|WATCHDOG_|EVINET_SPAWN|TWO=2|TCPREMOTEIP=9)' passed; then return 1; fi
	[ "$(grep -c '^PATH=' passed)" = 1 ]
}

# --- identity ---

identity() {
	export EVINET_SPAWN=$1
	serve 'user = "nobody"'
	fetch
	local uid gid
	uid=$(id -u nobody)
	gid=$(id -g nobody)
	told "uid=$uid $uid $uid" "gid=$gid $gid $gid" "groups=$(id -G nobody)"
	told CapPrm=0 CapEff=0 CapAmb=0
}

@test "user: the program runs as that user, with that user's groups, and with no way back" {
	need_root
	identity ''
}

@test "user: the same where programs are started by fork" {
	need_root
	identity fork
}

@test "user, group and groups by number need no account" {
	need_root
	serve 'user = "54321"' 'group = "54322"' 'groups = { "54323", "54324" }'
	fetch
	told 'uid=54321 54321 54321' 'gid=54322 54322 54322' 'groups=54323 54324'
}

@test "group replaces the user's own group, groups = {} leaves none" {
	need_root
	serve 'user = "nobody"' 'group = "daemon"' 'groups = {}'
	fetch
	told "uid=65534 65534 65534" "gid=$(getent group daemon | cut -d: -f3)$(printf ' %s' \
		"$(getent group daemon | cut -d: -f3)" "$(getent group daemon | cut -d: -f3)")" 'groups='
}

@test "nothing is changed about a program without user, and the daemon stays who it is" {
	serve
	fetch
	told "uid=$(id -u) $(id -u) $(id -u)" "gid=$(id -g) $(id -g) $(id -g)" no_new_privs=0
	[ "$(value groups)" = "$(sed -n 's/^Groups:[[:space:]]*//p' "/proc/$DAEMON/status" | sed 's/ *$//')" ]
}

@test "no_new_privs is set when asked for" {
	serve 'no_new_privs = true'
	fetch
	told no_new_privs=1
}

@test "capabilities: exactly these, in every set, for a user without privileges" {
	need_root
	local method
	for method in async vm fork; do
		export EVINET_SPAWN=$method
		serve 'user = "nobody"' 'capabilities = { "net_bind_service", "CAP_CHOWN" }'
		fetch
		told CapInh=401 CapPrm=401 CapEff=401 CapBnd=401 CapAmb=401
		stop_evinetd
	done
}

@test "capabilities = {} leaves root without any, for good" {
	need_root
	serve 'capabilities = {}'
	fetch
	told 'uid=0 0 0' CapInh=0 CapPrm=0 CapEff=0 CapBnd=0 CapAmb=0
}

# --- place, limits ---

# cage FOLDER   a root directory in which fdreport can run
cage() {
	local lib
	mkdir -p "$1/bin" "$1/home/me"
	cp "$TOOL/fdreport" "$1/bin/"
	ldd "$TOOL/fdreport" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$1$(dirname "$lib")"
		cp -L "$lib" "$1$lib"
	done
	chmod -R a+rX "$1"
}

@test "chroot: exec is looked up inside, and the program sees nothing else" {
	need_root
	local method
	cage "$BATS_FILE_TMPDIR/cage"
	for method in async vm fork; do
		export EVINET_SPAWN=$method
		configure <<-CONF
			service "world" {
				listen = "tcp:127.0.0.1:0"
				chroot = "$BATS_FILE_TMPDIR/cage"
				user   = "nobody"
				exec   = { "/bin/fdreport" }
			}
		CONF
		start_evinetd
		fetch
		told cwd=/ "uid=65534 65534 65534"
		[ "$(value root | xargs)" = "$(cd "$BATS_FILE_TMPDIR/cage" && printf '%s\n' * | LC_ALL=C sort | xargs)" ]
		descriptors_are '0 stream-socket blocking' '1 stream-socket blocking' '2 pipe blocking'
		stop_evinetd
	done
}

@test "directory is inside of chroot, and a program is found by its name there" {
	need_root
	cage "$BATS_FILE_TMPDIR/cage2"
	configure <<-CONF
		service "world" {
			listen    = "tcp:127.0.0.1:0"
			chroot    = "$BATS_FILE_TMPDIR/cage2"
			directory = "/home/me"
			exec      = { "fdreport" }
		}
	CONF
	start_evinetd
	fetch
	told cwd=/home/me argv=/bin/fdreport
}

@test "directory and umask are the program's own" {
	umask 022
	serve 'directory = "/usr/bin"' 'umask = 0137'
	fetch
	told cwd=/usr/bin umask=0137
	stop_evinetd
	serve
	fetch
	told "cwd=$PWD" umask=0022
	[ "$(readlink "/proc/$DAEMON/cwd")" = "$PWD" ]
}

@test "directory is entered as the program's user, not as root" {
	need_root
	mkdir -m 700 "$BATS_FILE_TMPDIR/private"
	serve 'user = "nobody"' "directory = \"$BATS_FILE_TMPDIR/private\""
	run "$TOOL/client" -s 'hello\n' "$(address_of world)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'step=chdir errno=EACCES'
}

@test "nice and oom_score_adj are set, and before the user changes" {
	serve 'nice = 7' 'oom_score_adj = 345'
	fetch
	told nice=7 oom_score_adj=345
	[ "$(cat "/proc/$DAEMON/oom_score_adj")" != 345 ]
	stop_evinetd
	# Upwards needs privileges that the program's user has not, and even root may lack some.
	[ "$(id -u)" = 0 ] || return 0
	if [ "$(nice -n -7 nice 2>/dev/null)" = -7 ]; then
		serve 'nice = -7' 'user = "nobody"'
		fetch
		told nice=-7
		stop_evinetd
	fi
	if sh -c 'echo -345 >/proc/self/oom_score_adj' 2>/dev/null; then
		serve 'oom_score_adj = -345' 'user = "nobody"'
		fetch
		told oom_score_adj=-345
	fi
}

@test "rlimit sets soft and hard limits, all of them at once" {
	configure <<-'CONF'
		service "limits" {
			listen = "tcp:127.0.0.1:0"
			exec   = { "/bin/cat", "/proc/self/limits" }
			rlimit {
				as      = "200M:300M"
				core    = 0
				cpu     = "30:60"
				data    = "100M"
				files   = "64:128"
				fsize   = "1M:2M"
				memlock = "16K"
				nproc   = "50:60"
				rss     = "3M:4M"
				stack   = "1M:2M"
			}
		}
	CONF
	start_evinetd
	fetch limits
	sed 's/  */ /g' report >squeezed
	local line
	while IFS= read -r line; do
		grep -q "^$line" squeezed || {
			cat squeezed >&2
			echo "missing: $line" >&2
			return 1
		}
	done <<-'LINES'
		Max address space 209715200 314572800 bytes
		Max core file size 0 0 bytes
		Max cpu time 30 60 seconds
		Max data size 104857600 104857600 bytes
		Max open files 64 128 files
		Max file size 1048576 2097152 bytes
		Max locked memory 16384 16384 bytes
		Max processes 50 60 processes
		Max resident set 3145728 4194304 bytes
		Max stack size 1048576 2097152 bytes
	LINES
}

@test "programs get the limit of open files that the daemon was started with" {
	local hard
	hard=$(ulimit -Hn)
	run_under sh -c 'ulimit -Sn 64 && exec "$@"' sh
	configure <<-CONF
		service "limits" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat", "/proc/self/limits" } }
	CONF
	start_evinetd
	fetch limits
	grep -q "^Max open files  *64  *$hard " report
	grep -q "^Max open files  *$hard  *$hard " "/proc/$DAEMON/limits"
}

# --- what is run ---

@test "exec is an argument vector, argv0 replaces its first word" {
	configure <<-CONF
		service "plain" { listen = "tcp:127.0.0.1:0" exec = { "$TOOL/fdreport", "two words", "", "\$HOME;*" } }
		service "named" { listen = "tcp:127.0.0.1:0" argv0 = "-login" exec = { "$TOOL/fdreport", "x" } }
	CONF
	start_evinetd
	fetch plain
	[ "$(value argv)" = "$(printf '%s\n' "$TOOL/fdreport" 'two words' '' '$HOME;*')" ]
	fetch named
	[ "$(value argv)" = "$(printf '%s\n' -login x)" ]
}

@test "shell runs a line with /bin/sh" {
	configure <<-'CONF'
		service "line" {
			listen = "tcp:127.0.0.1:0"
			env    = { "WHO=world" }
			shell  = "read -r a b; echo \"$b $a, $WHO\" | tr a-z A-Z; echo $0 $#"
		}
	CONF
	start_evinetd
	[ "$("$TOOL/client" -p -s 'one two\n' "$(address_of line)")" = "TWO ONE, WORLD
/bin/sh 0" ]
}

# --- standard error ---

@test "stderr: to the log by lines, to the client, to nothing, or to the end of a file" {
	echo before >file
	configure <<-CONF
		service "log" { listen = "tcp:127.0.0.1:0" stderr = "log" shell = "echo out; printf 'one\ntwo\nno end' >&2" }
		service "socket" { listen = "tcp:127.0.0.1:0" stderr = "socket" shell = "echo out; echo err >&2" }
		service "null" { listen = "tcp:127.0.0.1:0" stderr = "null" shell = "echo out; echo err >&2" }
		service "file" { listen = "tcp:127.0.0.1:0" stderr = "file:$PWD/file" shell = "echo out; echo err >&2" }
	CONF
	sed -i 's/\\n/\\\\n/g' "$CONF"
	start_evinetd
	fetch log
	[ "$(cat report)" = out ]
	wait_for_log 'end service=log'
	[ "$(grep -ao 'stderr service=log session=1 .*' "$LOG" | sed 's/.* text=//')" = "$(printf '%s\n' one two '"no end"')" ]
	fetch socket
	[ "$(cat report)" = "out
err" ]
	fetch null
	[ "$(cat report)" = out ]
	fetch file
	fetch file
	[ "$(cat report)" = out ]
	wait_for_log 'end service=file' 2
	[ "$(cat file)" = "before
err
err" ]
	[ "$(grep -ac 'stderr service=' "$LOG")" = 3 ]
}

@test "what a program writes to its standard error reaches the log without control characters" {
	configure <<-'CONF'
		service "rude" {
			listen = "tcp:127.0.0.1:0"
			shell  = "printf '\\033[31mred\\033[0m\\000\\r\\n2026-01-01T00:00:00.000Z info start service=forged\\n' >&2"
		}
	CONF
	start_evinetd
	fetch rude
	wait_for_log 'end service=rude'
	run ! grep -q "$(printf '\033')" "$LOG"
	run ! grep -aqE '^2026-01-01' "$LOG"
	[ "$(log_lines 'stderr service=rude')" = 2 ]
}

@test "a program that floods its standard error neither stops nor fills the log's memory" {
	configure <<-'CONF'
		service "flood" { listen = "tcp:127.0.0.1:0" shell = "yes 'the same line' | head -n 200000 >&2; echo done" }
	CONF
	start_evinetd
	fetch flood
	[ "$(cat report)" = 'done' ]
	wait_for_log 'end service=flood'
	[ "$(log_lines 'stderr service=flood')" -lt 20 ]
}

# --- timeouts ---

@test "timeout: the whole process group gets kill_signal and can end in its own way" {
	configure <<-CONF
		service "slow" {
			listen = "tcp:127.0.0.1:0"
			timeout = "300ms"
			kill_signal = "USR1"
			kill_after = "20s"
			directory = "$PWD"
			exec = { "sh", "parent.sh" }
		}
	CONF
	cat >parent.sh <<-'SCRIPT'
		trap 'wait; echo cut off; exit 4' USR1
		sh child.sh &
		wait
	SCRIPT
	cat >child.sh <<-'SCRIPT'
		trap 'echo and the child; exit' USR1
		echo here
		while :; do sleep 0.05; done
	SCRIPT
	start_evinetd
	run "$TOOL/client" -s 'unread\n' -a 'here\nand the child\ncut off\n' "$(address_of slow)"
	echo "$output"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'how=timeout status=4'
	[ "$(log_lines 'end service=slow')" = 1 ]
}

@test "timeout: what is left of the process group is killed with the program, and the client's end is clean" {
	configure <<-CONF
		service "slow" {
			listen = "tcp:127.0.0.1:0"
			timeout = "2s"
			kill_after = "20s"
			shell = "trap 'echo cut off; exit 4' TERM; (trap '' TERM; exec sleep 100) & echo here; wait"
		}
	CONF
	start_evinetd
	run "$TOOL/client" -n 40 -c 40 -s 'unread\n' -a 'here\ncut off\n' "$(address_of slow)"
	echo "$output"
	[ "$output" = 'ok=40 reset=0 short=0 error=0' ]
	wait_for_log 'how=timeout status=4' 40
}

@test "timeout: a program that ignores TERM is killed kill_after later, its children too" {
	configure <<-CONF
		service "deaf" {
			listen = "tcp:127.0.0.1:0"
			timeout = "200ms"
			kill_after = "300ms"
			shell = "trap '' TERM; echo here; sleep 100; sleep 100"
		}
	CONF
	start_evinetd
	run "$TOOL/client" -a 'here\n' "$(address_of deaf)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'how=timeout status=9'
	# Its end comes neither before kill_after nor much later; the children are looked for at the end of the test.
	local ms
	ms=$(grep -ao 'how=timeout .*' "$LOG" | grep -o ' ms=[0-9]*' | cut -d= -f2)
	echo "# killed after $ms ms of 500" >&3
	[ "$ms" -ge 495 ]
}

@test "timeout: a stopped program is woken up to end" {
	configure <<-'CONF'
		service "stopped" {
			listen = "tcp:127.0.0.1:0"
			timeout = "200ms"
			kill_after = "20s"
			shell = "kill -STOP $$"
		}
	CONF
	start_evinetd
	run "$TOOL/client" "$(address_of stopped)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'how=timeout status=15'
}

@test "a program that ends in time is not touched by timeout" {
	configure <<-CONF
		service "quick" { listen = "tcp:127.0.0.1:0" timeout = "20s" exec = { "$TOOL/answer", "hi" } }
	CONF
	start_evinetd
	run "$TOOL/client" -a 'hi\n' "$(address_of quick)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'how=exit status=0'
}

@test "idle_timeout ends a silent session, and not one in which something moves now and then" {
	local i
	configure <<-CONF
		service "idle" { listen = "tcp:127.0.0.1:0" idle_timeout = "2s" drain_timeout = "50ms" exec = { "/bin/cat" } }
	CONF
	start_evinetd
	connect 5 "$(port_of idle)"
	# Longer than idle_timeout on the whole, but never without a byte for so long.
	for i in 1 2 3 4 5 6; do
		say 5 "$i"
		[ "$(hear 5)" = "$i" ]
		sleep 0.4
	done
	say 5 last
	[ "$(hear 5)" = last ]
	[ "$(log_lines 'end service=idle')" = 0 ]
	wait_for_log 'end service=idle'
	grep -aq 'end service=idle .* how=timeout status=15' "$LOG"
	disconnect 5
}

# --- what fails ---

# One step of the child is refused by the kernel: the program must not run, one line must say so, and
# the client must see a clean end. $1: the system call and how it fails (nothing: by itself), $2: the step,
# $3: errno, then keys.
refused_step() {
	local inject=$1 step=$2 errno=$3
	shift 3
	rm -f ran
	[ -z "$inject" ] || run_traced -e trace="${inject%%:*}" -e inject="$inject"
	{
		echo 'service "careful" {'
		echo 'listen = "tcp:127.0.0.1:0"'
		echo "shell = \"echo > $PWD/ran; echo answer\""
		printf '%s\n' "$@"
		echo '}'
	} >"$CONF"
	start_evinetd
	run "$TOOL/client" -s 'a question\n' "$(address_of careful)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'end service=careful'
	stop_evinetd
	[ "$status" = 0 ]
	[ ! -e ran ]
	[ "$(log_lines 'start service=careful session=1 ')" = 1 ]
	[ "$(log_lines 'exec_error service=careful session=1 ')" = 1 ]
	[ "$(log_lines 'end service=careful session=1 ')" = 1 ]
	grep -aq "exec_error .* step=$step errno=$errno " "$LOG"
	grep -aq 'end service=careful .* how=error ' "$LOG"
	EVINETD=$BUILD/evinetd
	: >"$LOG"
}

@test "a refused change of identity never runs the program: setgroups, setresgid, setresuid" {
	need_root
	refused_step setgroups:error=EPERM setgroups EPERM 'user = "nobody"'
	refused_step setresgid:error=EPERM setresgid EPERM 'user = "nobody"'
	refused_step setresuid:error=EAGAIN setresuid EAGAIN 'user = "nobody"'
}

@test "a refused change of identity never runs the program where programs are started by fork" {
	need_root
	export EVINET_SPAWN=fork
	refused_step setgroups:error=EPERM setgroups EPERM 'user = "nobody"'
	refused_step setresuid:error=EPERM setresuid EPERM 'user = "nobody"'
	refused_step capset:error=EPERM capabilities EPERM 'capabilities = {}'
}

@test "refused capabilities never run the program: bounding set, sets, ambient set" {
	need_root
	local last
	last=$(cat /proc/sys/kernel/cap_last_cap)
	# The first call of each process is let through: the daemon needs it.
	refused_step prctl:error=EPERM:when=2 capabilities EPERM 'capabilities = {}'
	refused_step capset:error=EPERM capabilities EPERM 'capabilities = { "net_raw" }' 'user = "nobody"'
	# The calls before it drop all but one, find the end of the list, and keep the rest across setresuid.
	refused_step "prctl:error=EPERM:when=$((last + 3))" capabilities EPERM 'capabilities = { "net_raw" }' \
		'user = "nobody"'
}

@test "a refused no_new_privs never runs the program" {
	need_root
	local last
	last=$(cat /proc/sys/kernel/cap_last_cap)
	refused_step "prctl:error=EINVAL:when=$((last + 4))" no_new_privs EINVAL 'capabilities = {}' 'no_new_privs = true'
}

@test "a refused chroot, directory, priority or limit never runs the program" {
	# More than any kernel allows.
	refused_step '' setrlimit EPERM 'rlimit { files = 3000000000 }'
	refused_step setpriority:error=EACCES setpriority EACCES 'nice = 5'
	refused_step chdir:error=EACCES chdir EACCES 'directory = "/usr"'
	[ "$(id -u)" = 0 ] || return 0
	refused_step chroot:error=EPERM chroot EPERM 'chroot = "/"'
}

@test "a refused process group, session or descriptor never runs the program" {
	refused_step setpgid:error=EPERM setpgid EPERM
	refused_step setsid:error=EPERM setsid EPERM 'session = true'
	refused_step dup2:error=EBUSY dup2 EBUSY
}

@test "when the kernel has no process left, the client is refused with a clean end and the daemon goes on" {
	run_traced -e trace=clone3,clone -e inject=clone3,clone:error=EAGAIN:when=1
	configure <<-CONF
		service "answer" { listen = "tcp:127.0.0.1:0" exec = { "$TOOL/answer", "hi" } }
	CONF
	start_evinetd
	run "$TOOL/client" "$(address_of answer)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'refuse service=answer'
	grep -aq 'refuse service=answer .* reason=fork errno=EAGAIN' "$LOG"
	run "$TOOL/client" -a 'hi\n' "$(address_of answer)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	[ "$(log_lines 'start service=answer')" = 1 ]
}

program_gone() {
	export EVINET_SPAWN=$1
	cp "$TOOL/answer" program
	configure <<-CONF
		service "gone" { listen = "tcp:127.0.0.1:0" exec = { "$PWD/program", "hi" } }
	CONF
	start_evinetd
	run "$TOOL/client" -s 'question\n' -a 'hi\n' "$(address_of gone)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	rm program
	run "$TOOL/client" -s 'question\n' "$(address_of gone)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'end service=gone session=2'
	[ "$(log_lines 'start service=gone session=2 ')" = 1 ]
	[ "$(log_lines 'exec_error service=gone session=2 ')" = 1 ]
	[ "$(log_lines 'end service=gone session=2 ')" = 1 ]
	grep -aq 'exec_error .* step=exec errno=ENOENT ' "$LOG"
	# And the service is there again when the program is.
	cp "$TOOL/answer" program
	run "$TOOL/client" -s 'question\n' -a 'hi\n' "$(address_of gone)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
}

@test "a program deleted after the start is one exec_error, one start and one end, and a clean end for the client" {
	program_gone ''
}

@test "a deleted program is told the same where programs are started by fork" {
	program_gone fork
}

@test "a program that is no program for this machine is told by its errno" {
	printf 'neither a script nor a program\n' >strange
	chmod +x strange
	configure <<-CONF
		service "strange" { listen = "tcp:127.0.0.1:0" exec = { "$PWD/strange" } }
	CONF
	start_evinetd
	run "$TOOL/client" -s 'question\n' "$(address_of strange)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
	wait_for_log 'step=exec errno=ENOEXEC'
}
