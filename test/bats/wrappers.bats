# tcp_wrappers: hosts.allow and hosts.deny decide, as libwrap reads them, in a program of its own. The daemon
# has a copy of /etc in which these files are the test's.

load helper

run_with_rules() {
	need_root
	need_namespace m
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	cp -a /etc etc
	: >etc/hosts.allow
	: >etc/hosts.deny
	echo '127.8.0.1 one.good.example' >>etc/hosts
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind etc /etc && exec "$@"' sh
}

# The answer to a client with this source address; none if it is refused.
from() {
	socat -t "$PATIENCE" - "TCP:$(address_of "$2" | sed 's/^tcp://'),bind=$1" </dev/null 2>/dev/null || true
}

helper_pid() {
	pgrep -P "$DAEMON" -f evinetd-wrappers
}

@test "hosts.allow and hosts.deny decide, by the name of the daemon and by address, name and network" {
	run_with_rules
	cat >etc/hosts.allow <<'END'
first: .good.example 127.8.0.2
second: 127.8.1.
END
	echo 'ALL: ALL' >etc/hosts.deny
	configure <<'END'
service "one" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "first" }
service "two" { listen = "tcp:127.0.0.1:0" handler = "daytime" tcp_wrappers = "second" }
service "free" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "off" }
END
	start_evinetd
	[ "$(from 127.8.0.1 one)" = hello ]
	[ "$(from 127.8.0.2 one)" = hello ]
	[ -z "$(from 127.8.1.1 one)" ]
	[ -n "$(from 127.8.1.1 two)" ]
	[ -z "$(from 127.8.0.1 two)" ]
	[ "$(from 127.8.9.9 free)" = hello ]
	wait_for_log 'reason=wrappers' 2
	[ "$(log_lines refuse)" = 2 ]
	# Rules are read anew for each client.
	: >etc/hosts.deny
	[ "$(from 127.8.1.1 one)" = hello ]
}

@test "IPv4 clients of an IPv6 socket are IPv4 clients to the rules, and IPv6 clients are IPv6 clients" {
	need_ipv6
	run_with_rules
	echo 'mixed: 127.8.0.2 [::1]' >etc/hosts.allow
	echo 'ALL: ALL' >etc/hosts.deny
	configure <<'END'
service "mixed" { listen = "tcp6:[::]:0" v6only = false shell = "echo hello" tcp_wrappers = "mixed" }
END
	start_evinetd
	local port
	port=$(port_of mixed)
	[ "$(socat - "TCP:127.0.0.1:$port,bind=127.8.0.2" </dev/null)" = hello ]
	[ -z "$(socat - "TCP:127.0.0.1:$port,bind=127.8.0.3" </dev/null 2>/dev/null)" ]
	[ "$(socat - "TCP6:[::1]:$port" </dev/null)" = hello ]
	wait_for_log 'reason=wrappers'
}

@test "who comes by a unix socket is unknown to the rules" {
	run_with_rules
	echo 'two: ALL' >etc/hosts.allow
	echo 'one: UNKNOWN' >etc/hosts.deny
	configure <<END
service "one" { listen = "unix:$PWD/one" shell = "echo hello" tcp_wrappers = "one" }
service "two" { listen = "unix:$PWD/two" shell = "echo hello" tcp_wrappers = "two" }
END
	start_evinetd
	[ -z "$(ask "unix:$PWD/one")" ]
	[ "$(ask "unix:$PWD/two")" = hello ]
}

@test "a rule's command runs without holding up others, and the refused get the deny banner" {
	run_with_rules
	mkfifo "$PWD/gate"
	cat >etc/hosts.deny <<END
slow: ALL: spawn (echo asked %d %a >>$PWD/asked; cat $PWD/gate)
END
	printf 'No.\n' >out
	configure <<END
service "slow" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "slow" banner_deny = "$PWD/out" }
service "quick" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "quick" }
END
	start_evinetd
	background from 127.8.0.5 slow >answer
	wait_for_file asked
	[ "$(cat asked)" = "asked slow 127.8.0.5" ]
	for _ in 1 2 3; do
		[ "$(from 127.8.0.5 quick)" = hello ]
	done
	[ "$(log_lines refuse)" = 0 ]
	echo >gate
	wait_for_log 'refuse service=slow'
	wait_until grep -q No. answer
	[ "$(log_lines 'start service=slow')" = 0 ]
}

@test "a rule may give the connection to a program of its own, which has it alone" {
	run_with_rules
	cat >etc/hosts.deny <<'END'
s: ALL: twist (echo twisted; read -r x; echo "$x $x")
END
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "s" }
END
	start_evinetd
	connect 5 "$(port_of s)"
	[ "$(hear 5)" = twisted ]
	wait_for_log 'refuse service=s'
	grep -q 'reason=wrappers error="TCP Wrappers have not answered"' "$LOG"
	say 5 word
	[ "$(hear 5)" = "word word" ]
	disconnect 5
	[ "$(log_lines 'start service=s')" = 0 ]
}

@test "if the program that asks dies, those who are asked about are refused, and the next client is served" {
	run_with_rules
	mkfifo "$PWD/gate"
	echo "s: 127.8.0.5: spawn (echo \$PPID >>$PWD/asked; cat $PWD/gate)" >etc/hosts.allow
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "s" instances = 1 }
END
	start_evinetd
	background from 127.8.0.5 s >answer
	wait_for_file asked
	wait_for_log 'hold service=s why=full'
	# The one for this client, and then the one that starts them.
	kill -KILL "$(cat asked)"
	wait_for_log 'refuse service=s'
	wait_for_log 'release service=s why=full'
	[ "$(from 127.8.0.6 s)" = hello ]
	local before
	before=$(helper_pid)
	kill -KILL "$before"
	[ "$(from 127.8.0.6 s)" = hello ]
	[ "$(helper_pid)" != "$before" ]
	[ ! -s answer ]
	echo >gate &
	wait_for_log 'end service=s' 2
	[ "$(log_lines 'start service=s')" = 2 ]
}

@test "many clients at once are all judged, however few are asked about at a time" {
	run_with_rules
	echo 's: 127.0.0.1: spawn (sleep 0.05)' >etc/hosts.allow
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" queuesize = 200 handler = "daytime" tcp_wrappers = "s" }
END
	start_evinetd
	"$TOOL/client" -n 100 -c 100 "$(address_of s)" >result || true
	cat result
	wait_for_log 'end service=s' 100
	[ "$(log_lines 'start service=s')" = 100 ]
	[ "$(log_lines refuse)" = 0 ]
}

@test "a client that is asked about when the daemon stops is refused, and nothing is left behind" {
	run_with_rules
	mkfifo "$PWD/gate"
	echo "s: ALL: spawn echo \$\$ >>$PWD/asked; exec cat $PWD/gate" >etc/hosts.allow
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" tcp_wrappers = "s" }
END
	start_evinetd
	background from 127.8.0.5 s
	wait_for_file asked
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines 'refuse service=s')" = 1 ]
	grep -q 'reason=stopping' "$LOG"
	kill "$(cat asked)"
}

@test "tcp_wrappers is refused where it could not be kept, or where libwrap is not there" {
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	configure <<'END'
defaults { tcp_wrappers = "all" }
service "wait" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true }
service "wait2" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true tcp_wrappers = "off" }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" tcp_wrappers = "dgram" }
END
	run "$EVINETD" --check -c "$CONF"
	echo "$output"
	[ "$status" = 78 ]
	[[ $output == *':1: service "wait": tcp_wrappers: cannot be kept with wait = true'* ]]
	[[ $output == *':4: service "dgram": tcp_wrappers: cannot be kept for datagrams'* ]]
	[ "${#lines[@]}" = 2 ]

	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } tcp_wrappers = "s" }
END
	# The tool finds it as the daemon does.
	"$EVINET" check "$CONF"
	mkdir alone
	cp "$EVINETD" alone/
	run alone/evinetd --check -c "$CONF"
	echo "$output"
	# Unless it is installed on this machine.
	[ "$status" = 78 ] || [ -z "$output" ]
	[ -z "$output" ] ||
		[[ $output == *':1: service "s": tcp_wrappers: cannot be asked: '*'/evinetd-wrappers, which is built where libwrap is: No such file'* ]]
}

@test "evinetd-wrappers says so if somebody else starts it" {
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	run "$BUILD/evinetd-wrappers" </dev/null
	[ "$status" = 64 ]
	[[ $output == *"evinetd starts this"* ]]
}
