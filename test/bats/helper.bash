# shellcheck disable=SC2034,SC2119,SC2120 # what is set and passed here is used by the tests
# What the tests share: a daemon with a configuration of their own, found through its address file,
# waited for through its log, and gone, with everything it started, when the test ends.
#
#   configure <<'END'        writes evinetd.conf in the test's folder
#   start_evinetd [OPTION]   returns when it says that it is ready; without -c if CONF is empty
#   address_of NAME [N]      the Nth address of a service, as "tcp:127.0.0.1:40123"
#   port_of NAME [N]         its port
#   wait_for_log TEXT [N]    until the log has N lines (1) with the text
#   log_lines TEXT           how many lines have it
#   stop_evinetd [SIGNAL]    asks it to end and waits; its exit status is in $status
#   events NAME [FILTER]     the events of a json log, one a line, that fit the jq filter
#   ask ADDRESS [TEXT]       one question to an address as the address file has it, all of the answer
#   nobody_listens ADDRESS   nobody takes a connection there
#   start_fails [OPTION]     the daemon ends instead of getting ready; its exit status is in $status
#   background COMMAND...    a helper that runs until the test ends; its process id is in $HELPER
#   wait_until COMMAND...    until it succeeds
#   wait_for_file FILE       until there is a socket, or something in the file
#   occupy                   another program has a port: $PORT, its process $HELPER
#   run_under WORDS...       has the daemon started by these words: strace, unshare, setpriv
#
# BUILD is the folder with the programs; test/run.sh sets it.

BUILD=${BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}
REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
EVINETD=$BUILD/evinetd
EVINET=$BUILD/evinet
TOOL=$BUILD/tool
# What a test may take at most while it waits for a sign: long enough for a slow, loaded machine.
PATIENCE=${PATIENCE:-20}

# No test may hang the suite on a leak report, and every report must be seen.
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:abort_on_error=0:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export LC_ALL=C
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	LOG=$BATS_TEST_TMPDIR/log
	ADDRS=$BATS_TEST_TMPDIR/addrs
	CONF=$BATS_TEST_TMPDIR/evinetd.conf
	DAEMON=
	HELPERS=()
	: >"$LOG"
}

teardown() {
	local failed=0
	[ "${#HELPERS[@]}" = 0 ] || kill -KILL "${HELPERS[@]}" 2>/dev/null || true
	if [ -n "$DAEMON" ]; then
		stop_evinetd
		[ "$status" != 137 ] || failed=1
	fi
	[ -z "$SESSION_ID" ] || nothing_is_left || failed=1
	if [ "$failed" = 1 ] || [ -z "$BATS_TEST_COMPLETED" ]; then
		echo "--- log" >&2
		tail -n 60 "$LOG" >&2
	fi
	# A sanitizer's report is a failure wherever it comes up.
	if grep -qE '(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:' "$LOG"; then
		grep -aE -A 30 'Sanitizer|runtime error:' "$LOG" | head -60 >&2
		failed=1
	fi
	return "$failed"
}

configure() {
	cat >"$CONF"
}

# Runs it in a session of its own, so that whatever stays behind can be found. FDs of bats are
# closed: a daemon that kept them would keep bats waiting.
start_evinetd() {
	local ready=$BATS_TEST_TMPDIR/ready.$RANDOM deadline=$((SECONDS + PATIENCE))
	# A file, not a fifo: read -t has been seen to lose the newline when the machine stood still.
	: >"$ready"
	setsid "$EVINETD" ${CONF:+-c "$CONF"} --addr-file "$ADDRS" --ready-fd 9 "$@" 9>"$ready" \
		</dev/null >>"$LOG" 2>&1 3>&- 4>&- &
	DAEMON=$!
	SESSION_ID=$DAEMON
	until [ -s "$ready" ]; do
		if ! kill -0 "$DAEMON" 2>/dev/null; then
			status=0
			wait "$DAEMON" || status=$?
			DAEMON=
			return 1
		fi
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "evinetd never gets ready" >&2
			return 1
		fi
		sleep 0.01
	done
	rm -f "$ready"
}

stop_evinetd() {
	local deadline=$((SECONDS + PATIENCE))
	status=0
	kill "-${1:-TERM}" "$DAEMON" 2>/dev/null || true
	# One that does not end must not keep the suite: it is killed, and the test has failed.
	while kill -0 "$DAEMON" 2>/dev/null; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "evinetd does not end" >&2
			kill -KILL "$DAEMON" 2>/dev/null || true
		fi
		sleep 0.01
	done
	wait "$DAEMON" || status=$?
	DAEMON=
}

nothing_is_left() {
	local i left
	for i in $(seq 1 100); do
		# What has ended and only waits to be reaped by process 1 is gone.
		left=$(ps -o pid=,stat= -s "$SESSION_ID" | awk '$2 !~ /^Z/ { print $1 }')
		[ -n "$left" ] || return 0
		sleep 0.05
	done
	echo "processes are left behind: $(ps -o pid=,args= -p "$(echo "$left" | paste -sd,)")" >&2
	# shellcheck disable=SC2086
	kill -KILL $left
	return 1
}

address_of() {
	awk -F '\t' -v name="$1" -v n="${2:-1}" '$1 == name && ++i == n { print $2 }' "$ADDRS"
}

port_of() {
	local address
	address=$(address_of "$@")
	echo "${address##*:}"
}

log_lines() {
	grep -acF -- "$1" "$LOG" || true
}

wait_for_log() {
	local deadline=$((SECONDS + PATIENCE))
	while [ "$(log_lines "$1")" -lt "${2:-1}" ]; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "the log never said ${2:-1} times: $1" >&2
			return 1
		fi
		sleep 0.02
	done
}

# The sessions in the log: every start has its end.
starts_equal_ends() {
	local deadline=$((SECONDS + PATIENCE))
	until [ "$(log_lines ' start service=')" = "$(log_lines ' end service=')" ]; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

# A conversation over numbered descriptors: connect FD PORT, say FD TEXT, hear FD, disconnect FD.
connect() {
	eval "exec $1<>/dev/tcp/${3:-127.0.0.1}/$2"
}

say() {
	eval "printf '%s\n' \"\$2\" >&$1"
}

hear() {
	local line=
	eval "IFS= read -r -t $PATIENCE line <&$1" || return 1
	printf '%s\n' "$line"
}

disconnect() {
	eval "exec $1>&-"
}

# As text, a line of the log is for people; as json, each key can be asked for.
events() {
	grep -a '^{' "$LOG" | jq -c "select(.event == \"$1\") | select(${2:-true})"
}

event_count() {
	events "$@" | wc -l
}

ask() {
	local to=
	case $1 in
	tcp:*) to=TCP:${1#tcp:} ;;
	unix:@*) to=ABSTRACT-CONNECT:${1#unix:@} ;;
	unix:*) to=UNIX-CONNECT:${1#unix:} ;;
	unix-seqpacket:*) to=UNIX-CONNECT:${1#unix-seqpacket:},type=5 ;;
	esac
	printf '%s\n' "${2-}" | socat -t "$PATIENCE" - "$to" 2>/dev/null
}

nobody_listens() {
	if ask "$1"; then
		echo "somebody listens on $1" >&2
		return 1
	fi
}

start_fails() {
	if start_evinetd "$@"; then
		echo "it started" >&2
		return 1
	fi
}

background() {
	"$@" </dev/null 3>&- 4>&- &
	HELPER=$!
	HELPERS+=("$HELPER")
}

wait_until() {
	local deadline=$((SECONDS + PATIENCE))
	until "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "it never came true: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

is_there() {
	[ -S "$1" ] || [ -s "$1" ]
}

wait_for_file() {
	wait_until is_there "$1"
}

occupy() {
	# shellcheck disable=SC2016 # it is perl that expands
	background perl -MSocket -e '
		socket(S, PF_INET, SOCK_STREAM, 0) or die;
		bind(S, pack_sockaddr_in(0, inet_aton("127.0.0.1"))) && listen(S, 5) or die;
		open(F, ">", "port.new"); print F +(unpack_sockaddr_in(getsockname(S)))[0]; close F;
		rename("port.new", "port");
		sleep 60'
	wait_for_file port
	PORT=$(cat port)
}

run_under() {
	local wrapper=$BATS_TEST_TMPDIR/evinetd.$RANDOM
	{
		echo '#!/usr/bin/env bash'
		printf 'exec'
		printf ' %q' "$@" "$EVINETD"
		echo ' "$@"'
	} >"$wrapper"
	chmod +x "$wrapper"
	EVINETD=$wrapper
}

# Namespaces (m: mounts, n: network) for run_under, in NAMESPACE. The test is skipped where there are none.
need_namespace() {
	if [ "$(id -u)" = 0 ]; then
		NAMESPACE=(unshare "-$1")
	else
		NAMESPACE=(unshare "-Ur$1")
	fi
	"${NAMESPACE[@]}" true 2>/dev/null || skip "this system allows no namespaces"
}

# The daemon sees these hosts (standard input) and asks nobody else about names.
own_hosts() {
	need_namespace m
	cat >hosts
	printf '%s: files\n' passwd group hosts services protocols >nsswitch
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind hosts /etc/hosts &&
		mount --bind nsswitch /etc/nsswitch.conf && exec "$@"' sh
}

need_ipv6() {
	grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || skip "this system has no ::1"
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "only root can do this"
}

# What the daemon asks of the kernel, in $TRACE. It stays the parent of nobody: its process id is its own.
# A tracer is in the way of the leak detector.
run_traced() {
	strace -o /dev/null true 2>/dev/null || skip "this system allows no strace"
	TRACE=$BATS_TEST_TMPDIR/trace
	run_under env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -D -f -o "$TRACE" "$@"
}

# A daemon without privileges, in a folder that it may enter, in a network of its own where low
# ports are for root.
run_as_nobody() {
	need_root
	need_namespace n
	mkdir nobody
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
	cp "$EVINETD" nobody/evinetd
	chown -R nobody nobody
	cd nobody || return 1
	EVINETD=$PWD/evinetd
	CONF=$PWD/conf
	ADDRS=$PWD/addrs
	local nobody=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups --inh-caps=-all)
	"${nobody[@]}" test -x "$EVINETD" || skip "nobody may not enter $PWD"
	run_under "${nobody[@]}"
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && exec "$@"' sh
}

# Starts the daemon with two listening sockets as descriptors 3 and 4, as a service manager does.
inherit_two() {
	cat >inherit.py <<'END'
import os, socket, sys
socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
with open("inherited", "w") as f:
    f.write(" ".join(str(s.getsockname()[1]) for s in socks) + "\n")
# Out of the way first, so that neither lands on the other.
spare = [os.dup2(s.fileno(), 20 + i) for i, s in enumerate(socks)]
for i, fd in enumerate(spare):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
END
	run_under python3 inherit.py "$1"
}
