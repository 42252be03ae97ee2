# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

one_service() {
	configure <<END
service "a" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
END
}

# Starts it with -b, and returns when that does.
background_evinetd() {
	status=0
	timeout "$PATIENCE" "$EVINETD" -b -c "$CONF" --pidfile "$PWD/pid" --addr-file "$ADDRS" \
		--log "file:$LOG" </dev/null >out 2>err 3>&- 4>&- || status=$?
}

is_gone() {
	local state
	state=$(ps -o stat= -p "$1") || return 0
	[[ $state == Z* ]]
}

stop_background() {
	local pid
	pid=$(cat pid)
	kill -TERM "$pid"
	wait_until is_gone "$pid"
}

@test "-b returns when clients can connect, twenty times in a row" {
	configure <<END
service "a" { listen = { "tcp:localhost:0", "unix:$PWD/s" } exec = { "/bin/echo", "hello" } }
service "b" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "b" } }
END
	for _ in $(seq 20); do
		background_evinetd
		[ "$status" = 0 ]
		[ "$(ask unix:s)" = hello ]
		connect 5 "$(port_of b)"
		[ "$(hear 5)" = b ]
		disconnect 5
		stop_background
	done
	[ ! -s out ]
	[ ! -s err ]
	[ "$(log_lines ' ready ')" = 20 ]
}

@test "-b lets go of the terminal, the pipe and the session it was started from" {
	one_service
	# A pipe that the daemon kept would keep this waiting.
	timeout "$PATIENCE" bash -c '"$@" | cat' bash "$EVINETD" -b -c "$CONF" --pidfile "$PWD/pid" \
		--log "file:$LOG" 2>&1 3>&- 4>&-
	local pid
	pid=$(cat pid)
	[ "$(readlink /proc/"$pid"/fd/0)" = /dev/null ]
	[ "$(ps -o sid= -p "$pid")" -eq "$pid" ] || [ "$(ps -o sid= -p "$pid")" != "$(ps -o sid= -p $$)" ]
	stop_background
	[ ! -e pid ]
}

@test "-b returns the status of the failure, and says what it was" {
	occupy
	configure <<END
service "a" { listen = "tcp:127.0.0.1:$PORT" handler = "echo" }
END
	background_evinetd
	[ "$status" = 69 ]
	[ ! -e pid ]
	[ ! -e "$ADDRS" ]
	echo 'service "a" { listen = "tcp:127.0.0.1:0" }' >"$CONF"
	background_evinetd
	[ "$status" = 78 ]
	[ ! -e pid ]
	# To whoever stands at the terminal as well.
	EVINET_SYSLOG_SOCKET=$PWD/none timeout "$PATIENCE" "$EVINETD" -b -c "$CONF" >out 2>&1 3>&- 4>&- || status=$?
	[ "$status" = 78 ]
	grep -q "$CONF" out
}

@test "-b is not delayed by a name that does not resolve" {
	own_hosts <<'END'
127.0.0.1 localhost
END
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
service "b" { listen = "tcp:nobody.invalid:0" handler = "echo" }
END
	background_evinetd
	[ "$status" = 0 ]
	[ "$(ask "$(address_of a)")" = hello ]
	# What failed is known by then.
	[ "$(log_lines 'resolve_error service=b')" = 1 ]
	stop_background
}

@test "the pidfile is locked: a second start says who runs, and leaves it alone" {
	one_service
	start_evinetd --pidfile "$PWD/pid"
	[ "$(cat pid)" = "$DAEMON" ]
	status=0
	timeout "$PATIENCE" "$EVINETD" -c "$CONF" --pidfile "$PWD/pid" >out 2>&1 || status=$?
	[ "$status" != 0 ]
	[ "$(wc -l <out)" = 1 ]
	grep -q "$DAEMON" out
	[ "$(cat pid)" = "$DAEMON" ]
	[ "$(ask "$(address_of a)")" = hello ]
	stop_evinetd
	[ "$status" = 0 ]
	[ ! -e pid ]
}

@test "a pidfile that a dead daemon left behind is taken over" {
	one_service
	start_evinetd --pidfile "$PWD/pid"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	[ -e pid ]
	start_evinetd --pidfile "$PWD/pid"
	[ "$(cat pid)" = "$DAEMON" ]
}

@test "--ready-fd gets one newline and is closed" {
	one_service
	mkfifo ready
	"$EVINETD" -c "$CONF" --addr-file "$ADDRS" --ready-fd 9 9>ready >>"$LOG" 2>&1 3>&- 4>&- &
	DAEMON=$!
	timeout "$PATIENCE" cat ready >got
	[ "$(od -An -tx1 got | xargs)" = 0a ]
	[ "$(ask "$(address_of a)")" = hello ]
}

@test "--addr-file has every address in the order configured, and is written whole" {
	need_ipv6
	configure <<END
service "one" { listen = { "tcp:127.0.0.2:0", "unix:$PWD/s", "tcp:127.0.0.1:0", "udp:127.0.0.1:0" } handler = "echo" }
service "two" {
	listener { addrs = { "tcp:[::1]:0", "tcp:127.0.0.1:0" } }
	handler = "echo"
}
service "three" { listen = "unix:@evinet-$$-$RANDOM" handler = "echo" }
END
	echo old >"$ADDRS"
	ln "$ADDRS" old
	start_evinetd
	sed -E 's/:[0-9]+$//; s/@evinet.*/@/' "$ADDRS" >got
	printf '%s\t%s\n' one tcp:127.0.0.2 one "unix:$PWD/s" one tcp:127.0.0.1 one udp:127.0.0.1 \
		two 'tcp:[::1]' two tcp:127.0.0.1 three unix:@ | diff - got
	# A reader of the old file sees the old file, and nothing half.
	[ "$(cat old)" = old ]
	[ "$(find . -newer "$CONF" -name '*addrs*' | wc -l)" = 1 ]
	stop_evinetd
	[ ! -e "$ADDRS" ]
}

@test "systemd is told when it is ready and when it stops" {
	cat >receive.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\0" + name[1:] if name[0] == "@" else name)
out = open("notified", "wb", buffering=0)
open("bound", "w").write("yes")
while True:
    out.write(s.recv(4096) + b"\n--\n")
END
	one_service
	local name
	for name in "$PWD/notify" "@evinet-$$-$RANDOM"; do
		rm -f bound
		background python3 receive.py "$name"
		wait_for_file bound
		NOTIFY_SOCKET=$name start_evinetd
		wait_until grep -qx READY=1 notified
		[ "$(grep -cx STOPPING=1 notified)" = 0 ]
		stop_evinetd
		wait_until grep -qx STOPPING=1 notified
		[ "$(grep -cx READY=1 notified)" = 1 ]
	done
}

@test "an inherited socket that nobody listens on is told" {
	inherit_two web:spare
	configure <<'END'
service "a" { listen = "fd:web" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	[ "$(ask "$(address_of a)")" = hello ]
	grep -a warning "$LOG" | grep -qE 'fd=4|spare'
	local ports
	read -r -a ports <inherited
	nobody_listens "tcp:127.0.0.1:${ports[1]}"
}

# A program that ignores TERM, with a child that does, too; one that is alone; and a polite one. Their
# clients stay: "close" says that nobody waits for them.
#   stubborn KILL_AFTER [KEYS]
stubborn() {
	local keys=${2-close = leave}
	configure <<END
service "family" {
	listen = "tcp:127.0.0.1:0"
	shell = "trap '' TERM INT; sleep 300 & echo ready; sleep 300; sleep 300"
	kill_after = $1
	$keys
}
service "lone" {
	listen = "tcp:127.0.0.1:0"
	shell = "trap '' TERM INT; echo ready; exec sleep 300"
	kill_after = $1
	$keys
}
service "polite" {
	listen = "tcp:127.0.0.1:0"
	shell = "echo ready; sleep 300; true"
	kill_after = $1
	close = leave
}
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" close = leave }
END
}

connect_to_stubborn() {
	connect 4 "$(port_of family)"
	[ "$(hear 4)" = ready ]
	connect 5 "$(port_of lone)"
	[ "$(hear 5)" = ready ]
	connect 6 "$(port_of polite)"
	[ "$(hear 6)" = ready ]
	connect 7 "$(port_of echo)"
	say 7 hi
	[ "$(hear 7)" = hi ]
}

@test "TERM and INT end the programs too, with KILL for those that do not listen" {
	local signal
	for signal in TERM INT; do
		: >"$LOG"
		stubborn 300ms
		start_evinetd --log-format json
		connect_to_stubborn
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		nothing_is_left
		[ "$(events stop | jq -r .signal)" = "$signal" ]
		[ "$(event_count start)" = 4 ]
		[ "$(event_count end)" = 4 ]
		[ "$(events end '.service == "family"' | jq -r '[.how, .status] | join(" ")')" = "killed 9" ]
		[ "$(events end '.service == "lone"' | jq -r '[.how, .status] | join(" ")')" = "killed 9" ]
		[ "$(events end '.service == "polite"' | jq -r '[.how, .status] | join(" ")')" = "killed 15" ]
		[ "$(events end '.service == "echo"' | jq -r .how)" = killed ]
	done
}

@test "a second TERM ends everything at once" {
	stubborn 1h 'drain_timeout = 10m'
	start_evinetd
	connect_to_stubborn
	kill -TERM "$DAEMON"
	wait_for_log 'end service=polite'
	[ "$(log_lines 'end service=lone')" = 0 ]
	kill -0 "$DAEMON"
	kill -TERM "$DAEMON"
	# Neither the program nor its client is waited for.
	PATIENCE=5 wait_until is_gone "$DAEMON"
	stop_evinetd
	[ "$status" = 0 ]
	nothing_is_left
	[ "$(log_lines 'end service=lone')" = 1 ]
	[ "$(log_lines 'end service=family')" = 1 ]
}

@test "QUIT drains: sessions may finish, new clients find nobody" {
	configure <<END
service "a" { listen = { "tcp:127.0.0.1:0", "unix:$PWD/s" } exec = { "/bin/cat" } }
service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	local a b
	a=$(address_of a)
	b=$(address_of b)
	connect 5 "$(port_of a)"
	say 5 one
	[ "$(hear 5)" = one ]
	connect 6 "$(port_of b)"
	say 6 one
	[ "$(hear 6)" = one ]
	kill -QUIT "$DAEMON"
	wait_for_log 'stop signal=QUIT'
	wait_until nobody_listens "$a"
	nobody_listens "$b"
	nobody_listens "unix:$PWD/s"
	say 5 two
	[ "$(hear 5)" = two ]
	say 6 two
	[ "$(hear 6)" = two ]
	disconnect 6
	wait_for_log 'end service=b'
	kill -0 "$DAEMON"
	say 5 three
	[ "$(hear 5)" = three ]
	disconnect 5
	status=0
	wait "$DAEMON" || status=$?
	DAEMON=
	[ "$status" = 0 ]
	[ "$(grep -a 'end service=a' "$LOG" | grep -c 'how=exit')" = 1 ]
	[ ! -e s ]
}

@test "QUIT ends an idle daemon at once, and TERM one that drains" {
	one_service
	start_evinetd
	stop_evinetd QUIT
	[ "$status" = 0 ]
	stubborn 300ms
	start_evinetd
	connect_to_stubborn
	kill -QUIT "$DAEMON"
	wait_for_log 'stop signal=QUIT sessions=4'
	kill -0 "$DAEMON"
	stop_evinetd TERM
	[ "$status" = 0 ]
	nothing_is_left
}

@test "what it made is gone when it ends: socket files, pidfile, address file" {
	configure <<END
service "a" { listen = { "unix:$PWD/a", "unix-seqpacket:$PWD/b", "unix-dgram:$PWD/c" } handler = "echo" }
END
	local signal
	for signal in TERM INT QUIT; do
		start_evinetd --pidfile "$PWD/pid"
		[ -S a ] && [ -S b ] && [ -S c ] && [ -e pid ] && [ -e "$ADDRS" ]
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		[ "$(find . -type s -o -name pid -o -name 'addrs*')" = "" ]
	done
}

@test "it runs without privileges" {
	run_as_nobody
	configure <<END
service "a" { listen = "unix:$PWD/s" mode = "0666" exec = { "$(type -P id)", "-un" } }
service "b" { listen = "tcp:127.0.0.1:0" user = "nobody" exec = { "/bin/echo", "hello" } }
END
	start_evinetd --pidfile "$PWD/pid" --log "file:$PWD/log"
	[ "$(ask unix:s)" = nobody ]
	grep -q 'end service=a .*how=exit status=0' log || wait_until grep -q 'end service=a .*how=exit status=0' log
	stop_evinetd
	[ "$status" = 0 ]
	[ ! -e s ]
	[ ! -e pid ]
}

# One clear line, and the status of a wrong call.
wrong_call() {
	local says=$1
	shift
	status=0
	timeout "$PATIENCE" "$@" >out 2>err || status=$?
	if [ "$status" = 64 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$says" err; then
		return 0
	fi
	echo "$*: status $status" >&2
	cat out err >&2
	return 1
}

@test "a wrong option is one clear line" {
	one_service
	wrong_call 'did you mean --check' "$EVINETD" --chekc
	wrong_call '--xyzzy' "$EVINETD" --xyzzy
	wrong_call '-y' "$EVINETD" -y
	wrong_call '-c' "$EVINETD" -c
	wrong_call '--pidfile' "$EVINETD" --pidfile
	wrong_call 'operand' "$EVINETD" -c "$CONF" operand
	wrong_call '--check' "$EVINETD" --check=yes -c "$CONF"
	wrong_call 'yaml' "$EVINETD" -c "$CONF" --log-format yaml
	wrong_call 'loud' "$EVINETD" -c "$CONF" --log-level loud
	wrong_call 'pigeon' "$EVINETD" -c "$CONF" --log pigeon
	wrong_call 'three' "$EVINETD" -c "$CONF" --ready-fd three
	wrong_call '77' "$EVINETD" -c "$CONF" --ready-fd 77
	wrong_call '-1' "$EVINETD" -c "$CONF" --ready-fd -1
	wrong_call 'did you mean check' "$EVINET" chekc
	wrong_call 'usage' "$EVINET" check one two
}

@test "options may be written in each of the usual ways" {
	one_service
	"$EVINETD" --check --config="$CONF"
	"$EVINETD" --check --config "$CONF"
	"$EVINETD" -t -c"$CONF"
	"$EVINETD" -tc "$CONF"
	"$EVINETD" -tc "$CONF" --
	# One that says more about the same: the last counts, as everywhere.
	"$EVINETD" -t -c no/such/file -c "$CONF"
}

@test "--help fits a terminal, and --version says which it is" {
	local program
	for program in "$EVINETD" "$EVINET"; do
		"$program" --help >help 2>err
		[ ! -s err ]
		[ "$(wc -l <help)" -le 24 ]
		[ "$(awk 'length > 80' help | wc -l)" = 0 ] || { awk 'length > 80' help && return 1; }
		"$program" -h | diff help -
		"$program" --version >version
		grep -qE '^evinetd? [0-9]+\.[0-9]+\.[0-9]+$' version
		"$program" -V | diff version -
	done
	status=0
	"$EVINET" >out 2>err || status=$?
	[ "$status" = 64 ]
	[ -s err ]
}

@test "the help names every option of the manual" {
	"$EVINETD" --help >help
	local option
	for option in --config --check --dump --background --pidfile --ready-fd --addr-file --log --log-format \
		--log-level --version --help; do
		grep -qF -- "$option" help
	done
}
