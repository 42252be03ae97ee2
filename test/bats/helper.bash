# What the tests share: a daemon with a configuration of their own, found through its address file,
# waited for through its log, and gone, with everything it started, when the test ends.
#
#   configure <<'END'        writes evinetd.conf in the test's folder
#   start_evinetd [OPTION]   returns when it says that it is ready
#   address_of NAME [N]      the Nth address of a service, as "tcp:127.0.0.1:40123"
#   port_of NAME [N]         its port
#   wait_for_log TEXT [N]    until the log has N lines (1) with the text
#   log_lines TEXT           how many lines have it
#   stop_evinetd [SIGNAL]    asks it to end and waits; its exit status is in $status
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
	: >"$LOG"
}

teardown() {
	local failed=0
	if [ -n "$DAEMON" ]; then
		stop_evinetd
	fi
	[ -z "$SESSION_ID" ] || nothing_is_left || failed=1
	if [ "$failed" = 1 ] || [ -z "$BATS_TEST_COMPLETED" ]; then
		echo "--- log" >&2
		tail -n 60 "$LOG" >&2
	fi
	# A sanitizer's report is a failure wherever it comes up.
	if grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$LOG"; then
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
	local ready=$BATS_TEST_TMPDIR/ready.$RANDOM line=
	mkfifo "$ready"
	setsid "$EVINETD" -c "$CONF" --addr-file "$ADDRS" --ready-fd 9 "$@" 9<>"$ready" \
		</dev/null >>"$LOG" 2>&1 3>&- 4>&- &
	DAEMON=$!
	SESSION_ID=$DAEMON
	exec 8<>"$ready"
	while ! IFS= read -r -t 0.1 line <&8; do
		if ! kill -0 "$DAEMON" 2>/dev/null; then
			exec 8>&-
			status=0
			wait "$DAEMON" || status=$?
			DAEMON=
			return 1
		fi
	done
	exec 8>&-
	rm -f "$ready"
}

stop_evinetd() {
	status=0
	kill "-${1:-TERM}" "$DAEMON" 2>/dev/null || true
	wait "$DAEMON" || status=$?
	DAEMON=
}

nothing_is_left() {
	local i left
	for i in $(seq 1 100); do
		left=$(pgrep -s "$SESSION_ID") || return 0
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
