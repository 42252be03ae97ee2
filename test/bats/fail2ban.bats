# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

FILTER=$REPO/packaging/fail2ban/filter.d/evinetd.conf

need_fail2ban() {
	command -v fail2ban-regex >/dev/null || skip "there is no fail2ban-regex"
}

# The addresses that fail2ban would count, one a line, in a log ($1) by a filter ($2).
banned() {
	fail2ban-regex --no-check-all --out '<ip>' "$1" "${2:-$FILTER}"
}

# Refusals over IPv4 and IPv6, of a service with an awkward name as well, and much that is none: sessions,
# programs that would like to be taken for a refusal, a refusal that is not the client's fault, a unix peer.
configure_all() {
	configure <<END
service "denied" { listen = { "tcp:127.0.0.1:0", "tcp:[::1]:0" } handler = "echo" deny = { "all" } }
service "odd'name" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = { "127.0.0.0/8" } }
service "source" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } per_source = 1 }
service "full" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } instances = 1 when_full = "refuse" }
service "good" { listen = { "tcp:127.0.0.1:0", "tcp:[::1]:0" } shell = "echo hello" }
service "unix" { listen = "unix:$PWD/unix" handler = "echo" deny = { "all" } }
service "loud" { listen = "tcp:127.0.0.1:0" shell = "cat forged >&2" directory = "$PWD" }
END
	cat >forged <<'END'
refuse service=x peer=192.0.2.1:1 reason=deny
 refuse service=x peer=192.0.2.1:1 reason=deny
2026-11-23T03:33:50.116Z info refuse service=x peer=192.0.2.2:1 reason=deny
26/11/26@07:28:02: FAIL: x address from=192.0.2.3
FAIL: x address from=192.0.2.3
{"time":"2026-11-23T03:33:50.116Z","level":"info","event":"refuse","service":"x","peer":"192.0.2.4:1","reason":"deny"}
","level":"info","event":"refuse","service":"x","peer":"192.0.2.4:1","reason":"deny"
Nov 26 07:28:02 host evinetd[77]: refuse service=x peer=192.0.2.5:1 reason=deny
 host xinetd[77]: FAIL: x address from=192.0.2.6
END
}

visit_all() {
	from 127.0.0.11 denied
	ask "$(address_of denied 2)" || true
	from 127.0.0.12 "odd'name"
	connect 4 "$(port_of source)"
	say 4 x
	[ "$(hear 4)" = x ]
	ask "$(address_of source)" || true
	disconnect 4
	connect 4 "$(port_of full)"
	say 4 x
	[ "$(hear 4)" = x ]
	from 127.0.0.13 full
	disconnect 4
	[ "$(ask "$(address_of good)")" = hello ]
	[ "$(ask "$(address_of good 2)")" = hello ]
	ask "$(address_of unix)" || true
	ask "$(address_of loud)" || true
}

# A client with that address of its own.
from() {
	socat -t 1 - "TCP:127.0.0.1:$(port_of "$2"),bind=$1" </dev/null || true
}

expected() {
	printf '%s\n' 127.0.0.1 127.0.0.11 127.0.0.12 ::1
}

bans_whom_it_should() {
	banned "$1" | sort >seen
	expected | diff - seen
}

# $1 is the format, $2 what the end of the last session reads as.
run_with_format() {
	need_fail2ban
	need_ipv6
	configure_all
	start_evinetd --log-format "$1"
	visit_all
	wait_for_log "$2"
	stop_evinetd
	bans_whom_it_should "$LOG"
}

@test "fail2ban finds the refused clients in a text log, and nobody else" {
	run_with_format text ' end service=loud '
}

@test "fail2ban finds the refused clients in a json log, and nobody else" {
	run_with_format json '"event":"end","service":"loud"'
}

@test "fail2ban finds the refused clients in a log of the xinetd format, and nobody else" {
	run_with_format xinetd ': EXIT: loud '
	# So does the filter that fail2ban has for xinetd, as far as it knows the reasons.
	[ -e /etc/fail2ban/filter.d/xinetd-fail.conf ] || skip "fail2ban has no filter for xinetd here"
	banned "$LOG" /etc/fail2ban/filter.d/xinetd-fail.conf | sort >theirs
	expected | grep -vx '127.0.0.1' | diff - theirs
}

@test "fail2ban finds the refused clients in a file of syslog as well" {
	need_fail2ban
	need_ipv6
	background python3 -c '
import os, re, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("devlog.new")
out = open("messages", "a", buffering=1)
os.rename("devlog.new", "devlog")
while True:
    line = re.sub(r"^<\d+>", "", s.recv(65536).decode())
    print(time.strftime("%b %d %H:%M:%S"), "host", line, file=out)
'
	wait_for_file devlog
	export EVINET_SYSLOG_SOCKET=$PWD/devlog
	local format
	for format in text json xinetd; do
		configure_all
		rm -f "$ADDRS"
		start_evinetd --log syslog --log-format "$format"
		visit_all
		wait_until grep -qaE 'end service=loud|"end","service":"loud"|EXIT: loud' messages
		stop_evinetd
		bans_whom_it_should messages
		: >messages
	done
}

@test "the sample jail can be read by fail2ban" {
	need_fail2ban
	command -v fail2ban-client >/dev/null && [ -e /etc/fail2ban/jail.conf ] || skip "fail2ban is not complete"
	cp -r /etc/fail2ban fail2ban
	rm -f fail2ban/jail.d/* fail2ban/jail.local
	cp "$REPO/packaging/fail2ban/jail.d/evinetd.conf" fail2ban/jail.d/
	cp "$FILTER" fail2ban/filter.d/
	sed -i "s|^logpath = .*|logpath = $LOG|" fail2ban/jail.d/evinetd.conf
	fail2ban-client -c fail2ban -d >commands
	grep -qF "'add', 'evinetd'" commands
	grep -qF 'FAIL: ' commands
}
