load helper

# Asks from another address of this machine.
ask_from() {
	printf '%s\n' "${3-}" | socat -t "$PATIENCE" - "TCP:${2#tcp:},bind=$1" 2>/dev/null || true
}

@test "a client past the limit waits and is served when a place frees up" {
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 }
END
	start_evinetd
	connect 4 "$(port_of echo)"
	connect 5 "$(port_of echo)"
	say 4 first
	[ "$(hear 4)" = first ]
	wait_for_log 'hold service=echo why=full'
	say 5 second
	[ "$(log_lines 'start service=echo')" = 1 ]
	disconnect 4
	[ "$(hear 5)" = second ]
	wait_for_log 'release service=echo why=full'
	[ "$(log_lines refuse)" = 0 ]
	disconnect 5
}

@test "so does a client of a program" {
	configure <<'END'
service "cat" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } instances = 2 }
END
	start_evinetd
	connect 4 "$(port_of cat)"
	connect 5 "$(port_of cat)"
	connect 6 "$(port_of cat)"
	say 4 one && say 5 two && say 6 three
	[ "$(hear 4)" = one ]
	[ "$(hear 5)" = two ]
	wait_for_log 'hold service=cat why=full'
	[ "$(log_lines 'start service=cat')" = 2 ]
	disconnect 4
	[ "$(hear 6)" = three ]
	disconnect 5
	disconnect 6
}

@test "no more than the limit are served at once, and all are served" {
	configure <<'END'
service "s" { listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.2:0" } shell = "sleep 0.03; echo served" instances = 3 }
END
	start_evinetd --log-format json
	local i pids=()
	for i in $(seq 12); do
		ask "$(address_of s $((i % 2 + 1)))" >"answer.$i" 3>&- &
		pids+=("$!")
	done
	wait "${pids[@]}"
	[ "$(cat answer.* | sort | uniq -c | xargs)" = "12 served" ]
	wait_for_log '"event":"end"' 12
	# The limit is the service's, not that of each address.
	[ "$(jq -s '[.[] | select(.event == "start" or .event == "end")] |
		reduce .[] as $e ({now: 0, most: 0};
			.now += (if $e.event == "start" then 1 else -1 end) | .most = ([.most, .now] | max)) |
		.most' "$LOG")" -le 3 ]
}

@test "when_full = refuse closes at once, and serves again when there is a place" {
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 when_full = "refuse" }
END
	start_evinetd
	connect 4 "$(port_of echo)"
	say 4 first
	[ "$(hear 4)" = first ]
	connect 5 "$(port_of echo)"
	if IFS= read -r -t "$PATIENCE" _ <&5; then
		return 1
	fi
	disconnect 5
	wait_for_log 'reason=instances'
	[ "$(log_lines 'hold service=echo')" = 0 ]
	disconnect 4
	wait_for_log 'end service=echo'
	[ "$(ask "$(address_of echo)" again)" = again ]
}

@test "a full service keeps its socket open, and holds up nobody else" {
	configure <<'END'
service "full" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 }
service "other" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 }
END
	start_evinetd
	connect 4 "$(port_of full)"
	say 4 hi && hear 4
	wait_for_log 'hold service=full why=full'
	connect 5 "$(port_of full)"
	disconnect 5
	local i
	for i in 1 2 3; do
		[ "$(ask "$(address_of other)" hi)" = hi ]
	done
	# A client that gave up in the queue takes no place for good.
	connect 6 "$(port_of full)"
	say 6 last
	disconnect 4
	[ "$(hear 6)" = last ]
	disconnect 6
	[ "$(log_lines 'hold service=other why=full')" -le 3 ]
}

@test "one source gets only its share" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } per_source = 1 }
END
	start_evinetd --log-format json
	connect 4 "$(port_of s)"
	say 4 first
	[ "$(hear 4)" = first ]
	[ -z "$(ask "$(address_of s)" second)" ]
	[ "$(ask_from 127.0.0.2 "$(address_of s)" third)" = third ]
	[ "$(ask_from 127.0.0.3 "$(address_of s)" fourth)" = fourth ]
	wait_for_log '"event":"refuse"'
	[ "$(events refuse | jq -r .reason)" = per_source ]
	disconnect 4
	wait_for_log '"event":"end"' 3
	[ "$(ask "$(address_of s)" fifth)" = fifth ]
}

@test "a source is the same on every family and every address of the service" {
	need_ipv6
	configure <<END
service "s" {
	listen = { "tcp:*:0", "unix:$PWD/s" }
	v6only = false
	handler = "echo"
	per_source = 1
}
END
	start_evinetd
	connect 4 "$(port_of s)" 127.0.0.1
	say 4 first
	[ "$(hear 4)" = first ]
	[ -z "$(ask "tcp:127.0.0.1:$(port_of s)" second)" ]
	[ "$(ask "tcp:[::1]:$(port_of s)" third)" = third ]
	[ "$(ask "unix:s" fourth)" = fourth ]
	disconnect 4
}

@test "clients past the rate wait and are all served" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "daytime" rate = "10/1s" rate_burst = 3 }
END
	start_evinetd
	local i pids=() before after
	before=${EPOCHREALTIME/./}
	for i in $(seq 10); do
		head -n 1 </dev/tcp/127.0.0.1/"$(port_of s)" >"answer.$i" 3>&- &
		pids+=("$!")
	done
	wait "${pids[@]}"
	after=${EPOCHREALTIME/./}
	[ "$(cat answer.* | wc -l)" = 10 ]
	# Three at once, then seven more at ten a second.
	[ "$((after - before))" -ge 600000 ]
	wait_for_log 'hold service=s why=rate'
	wait_for_log 'release service=s why=rate'
	wait_for_log 'end service=s' 10
	[ "$(log_lines refuse)" = 0 ]
}

@test "a rate without a burst allows its own count at once" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "daytime" rate = "4/1h" when_full = "refuse" }
END
	start_evinetd
	local i
	for i in 1 2 3 4; do
		[ -n "$(ask "$(address_of s)")" ]
	done
	[ -z "$(ask "$(address_of s)")" ]
	[ -z "$(ask "$(address_of s)")" ]
	wait_for_log 'reason=rate' 2
	[ "$(log_lines 'start service=s')" = 4 ]
}

@test "who is refused uses up neither a place nor the rate" {
	configure <<'END'
service "s" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	deny = { "127.0.0.2" }
	instances = 1
	rate = "1/1h"
	when_full = "refuse"
}
END
	start_evinetd
	local i
	for i in 1 2 3; do
		[ -z "$(ask_from 127.0.0.2 "$(address_of s)" denied)" ]
	done
	wait_for_log 'reason=deny' 3
	[ "$(ask "$(address_of s)" allowed)" = allowed ]
}

@test "allow and deny take addresses and prefixes, and deny wins" {
	need_ipv6
	configure <<'END'
service "address" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { "127.0.0.1" } }
service "prefix" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { "192.0.2.0/24", "127.0.0.2/31" } }
service "deny" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { "127.0.0.0/8" } deny = { "127.0.0.2" } }
service "only-deny" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = { "127.0.0.2/32", "::1" } }
service "six" { listen = "tcp:[::1]:0" handler = "echo" allow = { "::1" } }
service "six-prefix" { listen = "tcp:[::1]:0" handler = "echo" allow = { "::/127" } }
service "six-deny" { listen = "tcp:[::1]:0" handler = "echo" deny = { "::/0" } }
service "four-only" { listen = "tcp:[::1]:0" handler = "echo" allow = { "0.0.0.0/0" } }
service "zero" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { "0.0.0.0/0" } }
service "nobody" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { } }
END
	start_evinetd
	local wrong=0
	# SOURCE SERVICE ANSWER
	expect() {
		local answer
		answer=$(ask_from "$1" "$(address_of "$2")" yes)
		[ "${answer:-no}" = "$3" ] || { echo "$1 $2: ${answer:-no}, not $3" && wrong=1; }
	}
	expect 127.0.0.1 address yes
	expect 127.0.0.2 address no
	expect 127.0.0.1 prefix no
	expect 127.0.0.2 prefix yes
	expect 127.0.0.3 prefix yes
	expect 127.0.0.4 prefix no
	expect 127.0.0.1 deny yes
	expect 127.0.0.2 deny no
	expect 127.0.0.1 only-deny yes
	expect 127.0.0.2 only-deny no
	expect '[::1]' six yes
	expect '[::1]' six-prefix yes
	expect '[::1]' six-deny no
	expect '[::1]' four-only no
	expect 127.9.9.9 zero yes
	expect 127.0.0.1 nobody no
	[ "$wrong" = 0 ]
	wait_for_log 'refuse ' 8
	[ "$(log_lines 'reason=deny')" = 8 ]
}

@test "IPv4 clients of an IPv6 socket match IPv4 entries" {
	need_ipv6
	configure <<'END'
service "s" { listen = "tcp:*:0" v6only = false handler = "echo" allow = { "127.0.0.0/30", "::1" } deny = { "127.0.0.2" } }
service "six" { listen = "tcp:*:0" v6only = false handler = "echo" allow = { "::/0" } }
END
	start_evinetd
	local port
	port=$(port_of s)
	[ "$(ask_from 127.0.0.1 "tcp:127.0.0.1:$port" hi)" = hi ]
	[ -z "$(ask_from 127.0.0.2 "tcp:127.0.0.1:$port" hi)" ]
	[ "$(ask_from 127.0.0.3 "tcp:127.0.0.1:$port" hi)" = hi ]
	[ -z "$(ask_from 127.0.0.4 "tcp:127.0.0.1:$port" hi)" ]
	[ "$(ask "tcp:[::1]:$port" hi)" = hi ]
	# An entry for all of IPv6 is none for IPv4.
	[ "$(ask "tcp:[::1]:$(port_of six)" hi)" = hi ]
	[ -z "$(ask "tcp:127.0.0.1:$(port_of six)" hi)" ]
}

@test "unix clients are let in only by an entry for them" {
	configure <<END
service "open" { listen = "unix:$PWD/open" handler = "echo" }
service "net" { listen = "unix:$PWD/net" handler = "echo" allow = { "127.0.0.1", "0.0.0.0/0", "::/0" } }
service "unix" { listen = { "unix:$PWD/unix", "tcp:127.0.0.1:0" } handler = "echo" allow = { "unix" } }
service "all" { listen = "unix:$PWD/all" handler = "echo" allow = { "all" } }
service "deny" { listen = "unix:$PWD/deny" handler = "echo" deny = { "unix" } }
service "deny-all" { listen = "unix:$PWD/deny-all" handler = "echo" deny = { "all" } }
service "nobody" { listen = "unix:$PWD/nobody" handler = "echo" allow = { } }
END
	start_evinetd
	[ "$(ask unix:open hi)" = hi ]
	[ -z "$(ask unix:net hi)" ]
	[ "$(ask unix:unix hi)" = hi ]
	[ -z "$(ask "$(address_of unix 2)" hi)" ]
	[ "$(ask unix:all hi)" = hi ]
	[ -z "$(ask unix:deny hi)" ]
	[ -z "$(ask unix:deny-all hi)" ]
	[ -z "$(ask unix:nobody hi)" ]
}

@test "a refusal is decided before anything is forked" {
	configure <<END
service "deny" { listen = "tcp:127.0.0.1:0" exec = { "/bin/sh", "-c", "echo ran >>$PWD/ran" } deny = { "all" } }
service "full" {
	listen = "tcp:127.0.0.1:0" exec = { "/bin/sh", "-c", "echo ran >>$PWD/ran; echo in; cat" }
	instances = 1 when_full = "refuse"
}
END
	run_traced -e trace=%process
	start_evinetd
	local i
	for i in 1 2 3; do
		ask "$(address_of deny)" || true
	done
	connect 4 "$(port_of full)"
	[ "$(hear 4)" = in ]
	for i in 1 2 3; do
		ask "$(address_of full)" || true
	done
	wait_for_log 'refuse service=deny' 3
	wait_for_log 'refuse service=full' 3
	disconnect 4
	wait_for_log 'end service=full'
	stop_evinetd
	nothing_is_left
	[ "$(cat ran)" = ran ]
	[ "$(log_lines ' start ')" = 1 ]
	# The daemon's own, the shell that was admitted and the cat in it.
	[ "$(grep -c 'execve(' trace)" = 3 ]
	[ "$(grep -c 'execve("/bin/sh"' trace)" = 1 ]
	[ "$(grep -E '^[0-9]+ +(clone3?|v?fork)\(' trace | grep -c "^$(head -n 1 trace | cut -d ' ' -f 1) ")" = 1 ]
}

@test "a refused client that sent something sees an end, not silence" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { } }
END
	start_evinetd
	python3 - "$(port_of s)" <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
try:
    s.sendall(b"hello")
    assert s.recv(1) == b""
except ConnectionError:
    pass
END
}

@test "datagrams are let in by the same lists" {
	configure <<'END'
service "s" { listen = "udp:127.0.0.1:0" handler = "echo" allow = { "127.0.0.0/30" } deny = { "127.0.0.2" } }
END
	start_evinetd
	python3 - "$(port_of s)" <<'END'
import socket, sys
def socket_of(source):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    return s
denied, outside, allowed = map(socket_of, ("127.0.0.2", "127.0.0.9", "127.0.0.3"))
denied.send(b"denied")
outside.send(b"outside")
# Answered after the two others: they have been looked at by now.
allowed.settimeout(20)
allowed.send(b"allowed")
assert allowed.recv(100) == b"allowed"
for s in denied, outside:
    s.setblocking(False)
    try:
        s.recv(100)
        sys.exit("answered")
    except BlockingIOError:
        pass
END
	wait_for_log 'reason=deny' 2
}
