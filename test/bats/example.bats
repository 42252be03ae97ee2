load helper

# test/examples/echo: its addresses are its standard output, its complaints the log.

start_echo() {
	background "$@" >"$ADDRS" 2>>"$LOG"
	wait_for_file "$ADDRS"
}

# Ends it; whatever it still had open is given back, as a build with sanitizers knows.
stop_echo() {
	status=0
	kill -TERM "${HELPERS[-1]}"
	wait "${HELPERS[-1]}" || status=$?
	unset 'HELPERS[-1]'
	[ "$status" = 0 ]
}

addresses() {
	wait_until has_addresses "$1"
	sort "$ADDRS"
}

has_addresses() {
	[ "$(wc -l <"$ADDRS")" -ge "$1" ]
}

# Its hosts file says that HOST stands for the addresses behind it.
with_host() {
	need_namespace m
	printf '%s\n' "${@:2}" | sed "s/\$/ $1/" >hosts
	echo 'hosts: files' >nsswitch
	# shellcheck disable=SC2016
	UNDER=("${NAMESPACE[@]}" sh -c 'mount --bind hosts /etc/hosts &&
		mount --bind nsswitch /etc/nsswitch.conf && exec "$@"' sh)
}

@test "the example prints its address and echoes over IPv4" {
	start_echo "$TOOL/echo" 127.0.0.1 0
	[[ $(cat "$ADDRS") =~ ^tcp:127\.0\.0\.1:[1-9][0-9]*$ ]]
	[ "$(ask "$(cat "$ADDRS")" hello)" = hello ]
	stop_echo
}

@test "the example echoes over IPv6" {
	need_ipv6
	start_echo "$TOOL/echo" ::1 0
	[[ $(cat "$ADDRS") =~ ^tcp:\[::1\]:[1-9][0-9]*$ ]]
	[ "$(ask "$(cat "$ADDRS")" hello)" = hello ]
	stop_echo
}

@test "a name with three addresses gets three sockets on one port" {
	need_ipv6
	with_host three.example 127.0.0.1 127.0.0.2 ::1
	start_echo "${UNDER[@]}" "$TOOL/echo" three.example 0
	addresses 3
	[ "$(addresses 3 | sed 's/:[0-9]*$//' | paste -sd' ')" = 'tcp:127.0.0.1 tcp:127.0.0.2 tcp:[::1]' ]
	[ "$(sed 's/.*://' "$ADDRS" | sort -u | wc -l)" = 1 ]
	while read -r address; do
		[ "$(ask "$address" "to $address")" = "to $address" ]
	done <"$ADDRS"
	stop_echo
}

@test "a port that is taken is told with call, arguments and error, and the other addresses serve" {
	with_host two.example 127.0.0.1 127.0.0.2
	occupy
	start_echo "${UNDER[@]}" "$TOOL/echo" two.example "$PORT"
	[ "$(cat "$ADDRS")" = "tcp:127.0.0.2:$PORT" ]
	[ "$(log_lines bind)" = 1 ]
	grep -E "^echo: tcp:127\.0\.0\.1:$PORT: bind\([0-9]+, 127\.0\.0\.1:$PORT\): Address already in use$" "$LOG"
	[ "$(ask "tcp:127.0.0.2:$PORT" hello)" = hello ]
	stop_echo
}

@test "the example ends when no address is left" {
	occupy
	run "$TOOL/echo" 127.0.0.1 "$PORT"
	[ "$status" = 1 ]
	[[ $output =~ ^echo:\ tcp:127\.0\.0\.1:$PORT:\ bind\([0-9]+,\ 127\.0\.0\.1:$PORT\):\ Address\ already\ in\ use$ ]]
}

@test "a name that does not exist is told, and ends the example" {
	with_host known.example 127.0.0.1
	run "${UNDER[@]}" "$TOOL/echo" unknown.example 0
	[ "$status" = 1 ]
	[[ $output == 'echo: unknown.example port 0: '* ]]
}

@test "a megabyte comes back as it was sent, and the half-closed connection ends cleanly" {
	start_echo "$TOOL/echo" 127.0.0.1 0
	head -c 1048576 /dev/urandom >sent
	socat -t "$PATIENCE" - "TCP:$(sed 's/^tcp://' "$ADDRS")" <sent >got
	cmp sent got
	stop_echo
}

@test "the example ends on TERM, with a client connected" {
	start_echo "$TOOL/echo" 127.0.0.1 0
	connect 5 "$(sed 's/.*://' "$ADDRS")"
	say 5 hello
	[ "$(hear 5)" = hello ]
	stop_echo
	[ -z "$(hear 5)" ]
	disconnect 5
}
