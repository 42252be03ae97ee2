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

# A program that takes one datagram and adds it to the file "got".
TAKES='wait = true shell = "dd bs=2048 count=1 status=none >>got"'

send_from() {
	echo "$3" | socat -u - "UDP:$(address_of "$2" | sed 's/^udp://'),bind=$1"
}

# A rule that waits for a line in the file "gate", and tells in "asked" who has been asked about.
slow_rule() {
	mkfifo "$PWD/gate"
	echo "$1: ALL: spawn (echo %d %a >>$PWD/asked; read -r line <$PWD/gate)" >>etc/hosts.allow
}

# The sessions of a service and the places that they take, as the daemon counts them.
places() {
	local before
	before=$(log_lines ' dump file=')
	kill -USR1 "$DAEMON"
	wait_for_log ' dump file=' $((before + 1))
	awk -v name="$1" '/^Service = / { on = $3 == name }
		on && $1 == "Sessions" { printf "%s ", $3 } on && $1 == "Places" { print $4 }' dump
}

@test "rules decide by the sender of the first datagram whether a wait program is started" {
	run_with_rules
	echo 'ALL: 127.8.0.5' >etc/hosts.deny
	configure <<END
service "s" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "s" instances = 1 }
END
	start_evinetd --dump-file "$PWD/dump"
	send_from 127.8.0.5 s bad
	wait_for_log 'refuse service=s'
	grep -q 'refuse service=s peer=127\.8\.0\.5:[0-9]* reason=wrappers' "$LOG"
	[ "$(places s)" = "0 0" ]
	[ "$(log_lines 'service=s why=child')" = 0 ]
	# What was refused is gone, and what is not is there for the program.
	send_from 127.8.0.1 s good
	wait_for_log 'end service=s'
	send_from 127.8.0.5 s bad
	send_from 127.8.0.5 s bad
	send_from 127.8.0.1 s better
	wait_for_log 'end service=s' 2
	[ "$(cat got)" = "$(printf 'good\nbetter')" ]
	[ "$(log_lines 'refuse service=s')" = 3 ]
	[ "$(places s)" = "0 0" ]
}

@test "rules know the sender of a datagram by name and by either family, and one on a unix socket not at all" {
	need_ipv6
	run_with_rules
	echo 's: .good.example [::1]' >etc/hosts.allow
	echo 'u: UNKNOWN' >>etc/hosts.allow
	echo 'ALL: ALL' >etc/hosts.deny
	configure <<END
service "s" { listen = "udp6:[::]:0" v6only = false $TAKES directory = "$PWD" tcp_wrappers = "s" }
service "u" { listen = "unix-dgram:$PWD/u" $TAKES directory = "$PWD" tcp_wrappers = "u" }
service "v" { listen = "unix-dgram:$PWD/v" $TAKES directory = "$PWD" tcp_wrappers = "v" }
END
	start_evinetd
	local to
	to=$(port_of s)
	echo two | socat -u - "UDP:127.0.0.1:$to,bind=127.8.0.2"
	wait_for_log 'refuse service=s'
	echo one | socat -u - "UDP:127.0.0.1:$to,bind=127.8.0.1"
	wait_for_log 'end service=s'
	echo six | socat -u - "UDP6:[::1]:$to"
	wait_for_log 'end service=s' 2
	echo unix | socat -u - "UNIX-SENDTO:$PWD/v"
	wait_for_log 'refuse service=v peer=unix reason=wrappers'
	echo unix | socat -u - "UNIX-SENDTO:$PWD/u"
	wait_for_log 'end service=u'
	[ "$(cat got)" = "$(printf 'one\nsix\nunix')" ]
}

@test "while rules are asked about a datagram, others are served, and what comes behind it waits" {
	run_with_rules
	slow_rule slow
	configure <<END
service "slow" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "slow" }
service "quick" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "quick" }
END
	start_evinetd --dump-file "$PWD/dump"
	send_from 127.8.0.5 slow first
	wait_for_file asked
	send_from 127.8.0.6 slow second
	send_from 127.8.0.6 quick quick
	wait_for_log 'end service=quick'
	[ "$(places slow)" = "1 1" ]
	[ "$(log_lines 'start service=slow')" = 0 ]
	: >etc/hosts.allow
	echo >gate
	wait_for_log 'end service=slow' 2
	[ "$(cat got)" = "$(printf 'quick\nfirst\nsecond')" ]
	[ "$(cat asked)" = "slow 127.8.0.5" ]
	[ "$(places slow)" = "0 0" ]
}

@test "a rule that gives a datagram to a program gives it nothing, and the datagram is refused" {
	run_with_rules
	echo "s: 127.8.0.5: twist (cat >$PWD/twisted; echo >>$PWD/twisted)" >etc/hosts.deny
	configure <<END
service "s" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "s" }
END
	start_evinetd
	send_from 127.8.0.5 s bad
	wait_for_log 'refuse service=s'
	grep -q 'reason=wrappers error="TCP Wrappers have not answered"' "$LOG"
	send_from 127.8.0.1 s good
	wait_for_log 'end service=s'
	[ "$(cat got)" = good ]
	wait_for_file twisted
	[ -z "$(cat twisted)" ]
}

@test "if the program that asks dies, the datagram that it is asked about is refused, and the next is served" {
	run_with_rules
	mkfifo "$PWD/gate"
	echo "s: 127.8.0.5: spawn (echo \$PPID >>$PWD/asked; cat $PWD/gate)" >etc/hosts.allow
	configure <<END
service "s" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "s" instances = 1 }
END
	start_evinetd
	send_from 127.8.0.5 s bad
	wait_for_file asked
	kill -KILL "$(cat asked)" "$(helper_pid)"
	wait_for_log 'refuse service=s'
	send_from 127.8.0.6 s good
	wait_for_log 'end service=s'
	[ "$(cat got)" = good ]
	echo >gate
}

@test "a datagram that is asked about when the daemon stops is refused once, politely or not" {
	run_with_rules
	slow_rule s
	configure <<END
service "s" { listen = "udp:127.0.0.1:0" $TAKES directory = "$PWD" tcp_wrappers = "s" instances = 1 }
END
	local signal
	for signal in TERM QUIT; do
		rm -f asked
		: >"$LOG"
		start_evinetd
		send_from 127.8.0.5 s one
		wait_for_file asked
		stop_evinetd "$signal"
		echo "$signal: $status"
		[ "$(log_lines 'refuse service=s')" = 1 ]
		grep -q 'refuse service=s peer=127\.8\.0\.5:.* reason=stopping' "$LOG"
		[ "$(log_lines 'service=s why=child')" = 0 ]
		echo >gate
	done
	[ ! -e got ]
}

@test "a reload while a datagram is asked about: it is kept, asked about anew, or refused, as its service is" {
	run_with_rules
	slow_rule slow
	local conf='listen = "udp:127.0.0.1:0" instances = 1 '"$TAKES directory = \"$PWD\""
	configure <<END
service "kept" { $conf tcp_wrappers = "slow" }
service "changed" { $conf tcp_wrappers = "slow" }
service "stricter" { $conf tcp_wrappers = "slow" }
service "removed" { $conf tcp_wrappers = "slow" }
END
	echo 'strict: ALL' >etc/hosts.deny
	start_evinetd --dump-file "$PWD/dump"
	local s
	for s in kept changed stricter removed; do
		send_from 127.8.0.5 "$s" "$s"
	done
	wait_until eval '[ "$(grep -c slow asked)" = 4 ]'
	configure <<END
service "kept" { $conf tcp_wrappers = "slow" }
service "changed" { $conf tcp_wrappers = "other" }
service "stricter" { $conf tcp_wrappers = "strict" }
END
	kill -HUP "$DAEMON"
	wait_for_log 'refuse service=removed'
	grep -q 'refuse service=removed peer=127\.8\.0\.5:.* reason=stopping' "$LOG"
	wait_for_log 'end service=changed'
	wait_for_log 'refuse service=stricter'
	grep -q 'refuse service=stricter peer=127\.8\.0\.5:.* reason=wrappers' "$LOG"
	[ "$(places kept)" = "1 1" ]
	printf '\n\n\n\n' >gate
	wait_for_log 'end service=kept'
	[ "$(cat got)" = "$(printf 'changed\nkept')" ]
	[ "$(log_lines 'refuse service=')" = 2 ]
	[ "$(log_lines ' start service=')" = 2 ]
	for s in kept changed stricter; do
		[ "$(places "$s")" = "0 0" ]
	done
}

@test "in.tftpd of an inetd.conf that has it under a tcpd which is not installed serves whom the rules let" {
	command -v in.tftpd tftp >/dev/null || skip "there is no in.tftpd or no tftp"
	run_with_rules
	local host=127.83.9.1
	mkdir boot
	# One block: in.tftpd need not answer from the address that was asked.
	head -c 400 /dev/urandom >boot/file
	chmod -R a+rX boot "$PWD"
	CONF=
	cat >inetd.conf <<END
$host:6969 dgram udp wait root /nowhere/tcpd $(command -v in.tftpd) -s -t 60 $PWD/boot
END
	echo 'in.tftpd: 127.8.0.5' >etc/hosts.deny
	start_evinetd -i inetd.conf
	# A request for the file.
	printf '\0\1file\0octet\0' | socat -u - "UDP:$host:6969,bind=127.8.0.5"
	wait_for_log 'reason=wrappers'
	timeout "$PATIENCE" tftp -m binary "$host" 6969 -c get file got
	cmp boot/file got
	[ "$(log_lines ' start service=')" = 1 ]
	[ "$(log_lines 'refuse service=')" = 1 ]
}

@test "an xinetd service with wait = yes takes datagrams of those whom the rules let" {
	run_with_rules
	local host=127.83.9.2
	CONF=
	printf '#!/bin/sh\nexec dd bs=2048 count=1 status=none >>%s/got\n' "$PWD" >taker
	chmod +x taker
	cat >xinetd.conf <<END
service taker
{
	type = UNLISTED
	socket_type = dgram
	protocol = udp
	wait = yes
	user = root
	bind = $host
	port = 6970
	server = $PWD/taker
}
END
	echo 'taker: 127.8.0.5' >etc/hosts.deny
	start_evinetd -x xinetd.conf
	echo bad | socat -u - "UDP:$host:6970,bind=127.8.0.5"
	wait_until grep -q wrappers "$LOG"
	echo good | socat -u - "UDP:$host:6970,bind=127.8.0.6"
	wait_until grep -qx good got
	[ "$(cat got)" = good ]
}

@test "an inherited socket of connections is no socket for a wait program with tcp_wrappers" {
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	inherit_two one:two
	configure <<'END'
service "s" { listen = "fd:one" exec = { "/bin/cat" } wait = true tcp_wrappers = "s" }
service "t" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd || true
	wait_for_log 'listen_error service=s'
	grep -q 'tcp_wrappers cannot be kept with wait = true: the program accepts the clients itself' "$LOG"
}

@test "tcp_wrappers is refused where it could not be kept, or where libwrap is not there" {
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	configure <<'END'
defaults { tcp_wrappers = "all" }
service "wait" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true }
service "wait2" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true tcp_wrappers = "off" }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" tcp_wrappers = "dgram" }
service "good" { listen = "udp:127.0.0.1:0" exec = { "/bin/cat" } wait = true }
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
