# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

# Two addresses that need no look-up, so that the calls come in the order of the list.
two_addresses() {
	configure <<'END'
service "s" {
	listener { addrs = { "tcp:127.0.0.2:0", "tcp:127.0.0.3:0" } }
	exec = { "/bin/echo", "hello" }
}
service "other" { listen = "tcp:127.0.0.4:0" exec = { "/bin/echo", "other" } }
END
}

# The how-manieth call of its name, of those of the daemon itself, is the Nth that fits. strace
# counts all of them, those of the C library too.
call_number() {
	awk -v name="$1(" -v what="$2" -v nth="$3" '
		NR == 1 { daemon = $1 }
		$1 == daemon && index($2, name) == 1 { calls++; if (index($0, what) && ++fit == nth) { print calls; exit } }' trace
}

# Starts once to see the calls, and once more with one of them failing.
#   with_failing SYSCALL ERRNO PATTERN N
with_failing() {
	local plain=$EVINETD number
	run_traced -e "trace=$1"
	start_evinetd
	stop_evinetd
	nothing_is_left
	number=$(call_number "$1" "$3" "$4")
	[ -n "$number" ] || { cat trace >&2 && return 1; }
	EVINETD=$plain
	: >"$LOG"
	run_traced -e "trace=$1" -e "inject=$1:error=$2:when=$number"
	start_evinetd --log-format json
	[ "$(grep -c INJECTED trace)" = 1 ]
}

# What one failed call must leave behind: one event that names it, and everybody else served.
one_failure() {
	local call=$1 errno=$2 args=$3
	[ "$(event_count fail)" = 1 ]
	[ "$(events fail | jq -r '[.service, .syscall, .errno] | join(" ")')" = "s $call $errno" ]
	events fail | jq -e '.error | length > 0'
	events fail | jq -e --arg a "$args" '.args | contains($a)'
	events fail | jq -e '.address | startswith("tcp:127.0.0.3:")'
	[ "$(event_count listen_error)" = 0 ]
	[ "$(cut -f 1 "$ADDRS")" = "s
other" ]
	[ "$(ask "$(address_of s)")" = hello ]
	[[ $(address_of s) == tcp:127.0.0.2:* ]]
	[ "$(ask "$(address_of other)")" = other ]
	nobody_listens "tcp:127.0.0.3:$(port_of s)"
}

@test "a failing socket() is told once, and the other addresses are served" {
	two_addresses
	with_failing socket ENFILE 'socket(AF_INET, SOCK_STREAM' 2
	one_failure socket ENFILE inet
}

@test "a failing setsockopt() is told once, with the option, and the other addresses are served" {
	two_addresses
	with_failing setsockopt ENOMEM SO_REUSEADDR 2
	one_failure setsockopt ENOMEM SO_REUSEADDR
}

@test "a failing bind() is told once, and the other addresses are served" {
	two_addresses
	with_failing bind EADDRNOTAVAIL 'inet_addr("127.0.0.3")' 1
	one_failure bind EADDRNOTAVAIL 127.0.0.3
}

@test "a failing listen() is told once, and the other addresses are served" {
	two_addresses
	with_failing listen EOPNOTSUPP , 2
	one_failure listen EOPNOTSUPP 128
}

@test "each address that fails is told, and that all of them failed is told once" {
	configure <<'END'
service "s" {
	listener { addrs = { "tcp:203.0.113.7:0", "tcp:203.0.113.8:0" } }
	handler = "echo"
}
service "other" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "other" } }
END
	start_evinetd --log-format json
	[ "$(events fail | jq -r '[.service, .syscall, .errno] | join(" ")')" = "s bind EADDRNOTAVAIL
s bind EADDRNOTAVAIL" ]
	[ "$(event_count fail '.args | contains("203.0.113.7")')" = 1 ]
	[ "$(event_count fail '.args | contains("203.0.113.8")')" = 1 ]
	[ "$(event_count listen_error)" = 1 ]
	[ "$(events listen_error | jq -r '[.service, .syscall] | join(" ")')" = "s bind" ]
	[ "$(cut -f 1 "$ADDRS")" = other ]
	[ "$(ask "$(address_of other)")" = other ]
}

@test "each entry of listen has a listen_error of its own" {
	configure <<'END'
service "s" { listen = { "tcp:203.0.113.7:0", "tcp:127.0.0.1:0", "tcp:203.0.113.8:0" } handler = "echo" }
END
	start_evinetd --log-format json
	[ "$(event_count fail)" = 2 ]
	[ "$(event_count listen_error)" = 2 ]
	[ "$(cut -f 1 "$ADDRS")" = s ]
}

@test "an option that the kernel refuses keeps the socket closed" {
	configure <<'END'
service "device" { listen = "tcp:127.0.0.1:0" device = "evinet-none0" handler = "echo" }
service "congestion" { listen = "tcp:127.0.0.1:0" congestion = "nosuch" handler = "echo" }
service "good" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "good" } }
END
	start_evinetd --log-format json
	[ "$(event_count fail)" = 2 ]
	[ "$(event_count fail '.service == "device" and .syscall == "setsockopt" and .errno == "ENODEV"')" = 1 ]
	events fail '.service == "device"' | jq -e '.args | contains("SO_BINDTODEVICE") and contains("evinet-none0")'
	[ "$(event_count fail '.service == "congestion" and .syscall == "setsockopt" and .errno == "ENOENT"')" = 1 ]
	events fail '.service == "congestion"' | jq -e '.args | contains("TCP_CONGESTION") and contains("nosuch")'
	[ "$(event_count listen_error)" = 2 ]
	[ "$(cut -f 1 "$ADDRS")" = good ]
	[ "$(ask "$(address_of good)")" = good ]
}

@test "who has the port is told" {
	occupy
	configure <<END
service "s" { listen = { "tcp:127.0.0.1:$PORT", "tcp:127.0.0.1:0" } handler = "echo" }
END
	start_evinetd --log-format json
	[ "$(event_count fail)" = 1 ]
	[ "$(events fail | jq -r '[.syscall, .errno, .holder] | join(" ")')" = "bind EADDRINUSE $(cat "/proc/$HELPER/comm")[$HELPER]" ]
}

@test "who has a port on every address, or as a datagram socket, is told" {
	need_ipv6
	configure <<'END'
service "a" { listen = { "tcp:*:0", "udp:*:0" } handler = "echo" }
END
	start_evinetd
	local first=$DAEMON
	cat >second <<END
service "b" {
	listen = { "tcp:127.0.0.1:$(port_of a 1)", "tcp:[::1]:$(port_of a 1)", "udp:127.0.0.1:$(port_of a 3)" }
	handler = "echo"
}
END
	status=0
	timeout 10 "$EVINETD" -c second --log-format json >second.log 2>&1 || status=$?
	[ "$status" = 69 ]
	[ "$(jq -r 'select(.event == "fail") | .holder' second.log | sort -u)" = "evinetd[$first]" ]
	[ "$(grep -c '"event":"fail"' second.log)" = 3 ]
}

@test "a listening port without root is refused with status 77" {
	run_as_nobody
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:7" handler = "echo" }
END
	start_fails --log-format json
	[ "$status" = 77 ]
	[ "$(event_count fail)" = 1 ]
	[ "$(events fail | jq -r '[.service, .syscall, .errno] | join(" ")')" = "s bind EACCES" ]
}

@test "without root the ports that need none are served" {
	run_as_nobody
	configure <<'END'
service "low" { listen = "tcp:127.0.0.1:7" handler = "echo" }
service "high" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	wait_for_log 'errno=EACCES'
	cut -f 1 "$ADDRS" >names
	stop_evinetd
	[ "$(cat names)" = high ]
	[ "$status" = 0 ]
}

@test "a user that an unprivileged daemon cannot become is a clear refusal" {
	run_as_nobody
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" user = "root" exec = { "/bin/echo", "as root" } }
END
	status=0
	timeout 10 "$EVINETD" -c "$CONF" >"$LOG" 2>&1 || status=$?
	[ "$status" = 77 ] || [ "$status" = 78 ]
	grep -q 'service=s .*user' "$LOG"
	grep -qi 'root\|permi\|privileg' "$LOG"
}

@test "a user that an unprivileged daemon is already is none that it has to become" {
	run_as_nobody
	local group
	group=$(id -gn nobody)
	configure <<END
service "none" { listen = "tcp:127.0.0.1:0" user = "nobody" groups = {} exec = { "/usr/bin/id", "-nG" } }
service "own" { listen = "tcp:127.0.0.1:0" user = "nobody" groups = "$group" exec = { "/usr/bin/id", "-nG" } }
service "more" { listen = "tcp:127.0.0.1:0" user = "nobody" groups = "root" exec = { "/usr/bin/id", "-nG" } }
END
	run "$EVINETD" --check -c "$CONF"
	[[ $output == "$CONF:3: service \"more\": user: only root can run a program with other groups than its own"* ]]
	start_evinetd
	[ "$(cut -f 1 "$ADDRS" | xargs)" = 'none own' ]
}

@test "a name that does not resolve is told once, and ends with 68 if there is nothing else" {
	own_hosts <<'END'
127.0.0.1 localhost
END
	configure <<'END'
service "s" { listen = "tcp:no-such-host.invalid:0" handler = "echo" }
END
	start_fails --log-format json
	[ "$status" = 68 ]
	[ "$(event_count resolve_error)" = 1 ]
	[ "$(events resolve_error | jq -r .service)" = s ]
	events resolve_error | jq -e '(.address | contains("no-such-host.invalid")) and (.error | length > 0)'
	[ "$(event_count fail)" = 0 ]
}

@test "services go on when the name of another does not resolve" {
	own_hosts <<'END'
127.0.0.1 localhost
END
	configure <<'END'
service "s" { listen = { "tcp:no-such-host.invalid:0", "tcp:127.0.0.2:0" } exec = { "/bin/echo", "s" } }
service "other" { listen = "tcp:localhost:0" exec = { "/bin/echo", "other" } }
END
	start_evinetd
	[ "$(log_lines 'resolve_error service=s')" = 1 ]
	[ "$(ask "$(address_of s)")" = s ]
	[ "$(ask "$(address_of other)")" = other ]
}

@test "all ports taken ends with 69" {
	occupy
	configure <<END
service "a" { listen = "tcp:127.0.0.1:$PORT" handler = "echo" }
service "b" { listen = "tcp:203.0.113.7:0" handler = "echo" }
END
	start_fails
	[ "$status" = 69 ]
	[ "$(log_lines ' fail service=')" = 2 ]
}

@test "a configuration without one good service ends with 78" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = -1 }
END
	start_fails
	[ "$status" = 78 ]
	rm "$CONF"
	start_fails
	[ "$status" = 78 ]
	wait_for_log "$CONF"
	: >"$CONF"
	start_fails
	[ "$status" = 78 ]
	mkdir folder
	CONF=folder
	start_fails
	[ "$status" = 78 ]
}

@test "a file that cannot be written at the start ends it with one clear line" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	local option
	for option in --addr-file --pidfile; do
		status=0
		timeout 5 "$EVINETD" -c "$CONF" "$option" no/such/file >"$LOG" 2>&1 || status=$?
		grep -q 'error .*no/such/file.*No such file' "$LOG"
		[ "$status" = 71 ]
	done
	status=0
	timeout 5 "$EVINETD" -c "$CONF" --log "file:$PWD/no/such/file" >"$LOG" 2>&1 || status=$?
	grep -q 'no/such/file.*No such file' "$LOG"
	[ "$status" = 71 ]
}

@test "a program that is gone since the start is an exec_error, and the service goes on" {
	printf '#!/bin/sh\necho here\n' >program
	chmod +x program
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" exec = { "$PWD/program" } }
END
	start_evinetd --log-format json
	[ "$(ask "$(address_of s)")" = here ]
	mv program away
	[ -z "$(ask "$(address_of s)")" ]
	wait_for_log '"event":"exec_error"'
	[ "$(events exec_error | jq -r '[.service, .step, .errno] | join(" ")')" = "s exec ENOENT" ]
	mv away program
	[ "$(ask "$(address_of s)")" = here ]
	wait_for_log '"event":"end"' 3
	[ "$(event_count start)" = 3 ]
	# Both events of a session that never ran belong together.
	[ "$(events exec_error | jq .session)" = 2 ]
}
