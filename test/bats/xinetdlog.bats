# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

# What follows the stamp of each entry, with every process number as N.
entries() {
	grep -aoE '^[0-9/]+@[0-9:]+: .*' "${1:-$LOG}" | sed -E 's/^[^ ]+ //; s/pid=[1-9][0-9]*/pid=N/'
}

# What follows stamp, program and level of each message.
messages() {
	grep -aE '^[0-9/]+@[0-9:]+ xinetd\[[0-9]+\]: [A-Z]+: ' "${1:-$LOG}" | sed -E 's/^[^ ]+ [^ ]+ //'
}

wait_for_entry() {
	wait_until has_entry "$@"
}

has_entry() {
	entries | grep -qxF -- "$1"
}

wait_for_line() {
	wait_until grep -qaE -- "$1" "${2:-$LOG}"
}

@test "sessions are told in xinetd's words, whatever their fate" {
	configure <<END
service "good" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
service "bad" { listen = "tcp:127.0.0.1:0" shell = "exit 3" }
service "killed" { listen = "tcp:127.0.0.1:0" shell = "kill -KILL \$\$" }
service "slow" { listen = "tcp:127.0.0.1:0" exec = { "/bin/sleep", "60" } timeout = 100ms }
service "polite" {
	listen = "tcp:127.0.0.1:0"
	shell = "trap 'exit 5' TERM; while :; do sleep 0.02; done"
	timeout = 300ms
}
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" }
service "unix" { listen = "unix:$PWD/unix" shell = "echo unix" }
END
	start_evinetd --log-format xinetd
	for name in good bad killed slow polite echo unix; do
		ask "$(address_of "$name")" hi || true
	done
	wait_until has_exits 7
	entries | sort >seen
	diff seen - <<'END'
EXIT: bad status=3 pid=N duration=0(sec)
EXIT: echo status=0 pid=0 duration=0(sec)
EXIT: good status=0 pid=N duration=0(sec)
EXIT: killed signal=9 pid=N duration=0(sec)
EXIT: polite status=5 pid=N duration=0(sec)
EXIT: slow signal=15 pid=N duration=0(sec)
EXIT: unix status=0 pid=N duration=0(sec)
START: bad pid=N from=127.0.0.1
START: echo pid=0 from=127.0.0.1
START: good pid=N from=127.0.0.1
START: killed pid=N from=127.0.0.1
START: polite pid=N from=127.0.0.1
START: slow pid=N from=127.0.0.1
START: unix pid=N from=<no address>
END
	# START and EXIT are joined by the process.
	[ "$(grep -oE '(START|EXIT): good .*pid=[0-9]+' "$LOG" | grep -oE '[0-9]+$' | sort -u | wc -l)" = 1 ]
}

has_exits() {
	[ "$(entries | grep -c '^EXIT')" -ge "$1" ]
}

@test "a session that the end of the daemon cuts off has not ended with status 0 (B32)" {
	configure <<'END'
service "cat" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } }
END
	start_evinetd --log-format xinetd
	connect 4 "$(port_of cat)"
	wait_for_line ': START: cat pid=[0-9]+ from=127.0.0.1$'
	stop_evinetd
	[ "$status" = 0 ]
	has_entry 'EXIT: cat signal=15 pid=N duration=0(sec)'
	disconnect 4
}

@test "a program that cannot be started has not ended with status 0 (B32)" {
	printf 'no program\n' >broken
	chmod +x broken
	configure <<END
service "broken" { listen = "tcp:127.0.0.1:0" exec = { "$PWD/broken" } }
END
	start_evinetd --log-format xinetd
	ask "$(address_of broken)" || true
	wait_for_entry 'EXIT: broken status=127 pid=N duration=0(sec)'
	messages | grep -q '^ERROR: exec_error service=broken .*ENOEXEC'
}

@test "a service shows what log.success and log.failure say, under its id" {
	configure <<'END'
log { success = { "pid" } }
service "host" { listen = "tcp:127.0.0.1:0" shell = "true" id = "the-host" log { success = { "host", "duration" } } }
service "exit" { listen = "tcp:127.0.0.1:0" shell = "true" log { success = { "exit" } } }
service "nothing" { listen = "tcp:127.0.0.1:0" shell = "true" log { success = {} } }
service "global" { listen = "tcp:127.0.0.1:0" shell = "true" }
service "denied" { listen = "tcp:127.0.0.1:0" shell = "true" deny = { "127.0.0.1" } log { failure = { "attempt" } } }
service "silent" { listen = "tcp:127.0.0.1:0" shell = "true" deny = { "127.0.0.1" } log { failure = {} } }
END
	start_evinetd --log-format xinetd
	for name in nothing silent host exit global denied; do
		ask "$(address_of "$name")" || true
	done
	wait_for_entry 'EXIT: the-host duration=0(sec)'
	wait_for_entry 'EXIT: exit status=0'
	wait_for_entry 'START: global pid=N'
	wait_for_entry 'FAIL: denied address'
	stop_evinetd
	entries | sort >seen
	diff seen - <<'END'
EXIT: exit status=0
EXIT: the-host duration=0(sec)
FAIL: denied address
START: exit
START: global pid=N
START: the-host from=127.0.0.1
END
}

@test "a refused client is told once, and as xinetd names the reason (B35)" {
	configure <<'END'
service "denied" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } deny = { "127.0.0.1" } }
service "full" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } instances = 1 when_full = "refuse" }
service "source" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } per_source = 1 }
service "rate" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } rate = "1/1h" when_full = "refuse" }
END
	start_evinetd --log-format xinetd
	ask "$(address_of denied)" || true
	for name in full source rate; do
		connect 4 "$(port_of "$name")"
		wait_for_line ": START: $name pid="
		ask "$(address_of "$name")" || true
		disconnect 4
	done
	wait_for_line 'FAIL: rate'
	entries | grep FAIL | sort >fails
	diff fails - <<'END'
FAIL: denied address from=127.0.0.1
FAIL: full service_limit from=127.0.0.1
FAIL: rate connections per second from=127.0.0.1
FAIL: source per_source_limit from=127.0.0.1
END
	# Nothing was started for it.
	[ "$(entries | grep -c '^START: denied')" = 0 ]
}

@test "an IPv6 client is told without brackets and port, and IPv4 on the same socket as IPv4" {
	need_ipv6
	configure <<'END'
service "six" { listen = "tcp6:[::1]:0" handler = "echo" }
service "both" { listen = "tcp6:[::]:0" v6only = false handler = "echo" }
END
	start_evinetd --log-format xinetd
	ask "$(address_of six)" hi
	ask "tcp:127.0.0.1:$(port_of both)" hi
	wait_for_entry 'START: six pid=0 from=::1'
	wait_for_entry 'START: both pid=0 from=127.0.0.1'
}

@test "a redirection tells what passed through" {
	configure <<END
service "behind" { listen = "unix:$PWD/behind" handler = "echo" }
service "front" { listen = "tcp:127.0.0.1:0" handler = "redirect" redirect = "unix:$PWD/behind" }
END
	start_evinetd --log-format xinetd
	[ "$(ask "$(address_of front)" 1234567)" = 1234567 ]
	wait_for_entry 'TRAFFIC: front in=8(bytes) out=8(bytes)'
	wait_until has_exits 2
}

@test "the program's messages are those that people look for" {
	occupy
	configure <<END
service "good" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
service "taken" { listen = "tcp:127.0.0.1:$PORT" shell = "true" }
service "wrong" { listen = "tcp:127.0.0.1:0" shell = "true" user = "no such user" }
END
	start_evinetd --log-format xinetd
	stop_evinetd
	messages >seen
	grep -qxF 'ERROR: bind failed (Address already in use (errno = 98)). service = taken' seen
	grep -qxF 'ERROR: Service taken failed to start and is deactivated.' seen
	grep -qxF 'NOTICE: Started working: 1 available service' seen
	grep -qxF 'WARNING: Exiting...' seen
	grep -qxE "ERROR: service wrong: user: .* \[file=$CONF\] \[line=3\]" seen
	# Every line has one of the two forms.
	[ "$(grep -cvE '^[0-9]{2}/[0-9]{1,2}/[0-9]{1,2}@[0-9]{2}:[0-9]{2}:[0-9]{2}(: (START|EXIT|FAIL): | xinetd\[[0-9]+\]: (ERROR|WARNING|NOTICE|INFO): )' "$LOG")" = 0 ]
}

@test "the log of a service has its entries only, and the daemon's log the rest" {
	configure <<END
service "own" {
	listen = "tcp:127.0.0.1:0"
	shell = "echo noise >&2"
	log { target = "file:$PWD/own" format = "xinetd" }
}
service "other" { listen = "tcp:127.0.0.1:0" shell = "true" }
END
	start_evinetd
	ask "$(address_of own)" || true
	ask "$(address_of other)" || true
	wait_for_line '^.*: EXIT: own status=0 pid=[0-9]+ duration=0\(sec\)$' own
	wait_for_log ' end service=other '
	wait_for_log ' stderr service=own '
	stop_evinetd
	[ "$(entries own | wc -l)" = 2 ]
	[ "$(wc -l <own)" = 2 ]
	[ "$(log_lines 'service=own')" = "$(grep -cE ' (listen|stderr|hold) service=own' "$LOG")" ]
	[ "$(log_lines ' start service=other ')" = 1 ]
}

@test "syslog gets xinetd's entries as xinetd's, with the facility and level that are asked for" {
	background python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("devlog.new")
out = open("got", "w", buffering=1)
os.rename("devlog.new", "devlog")
while True:
    print(s.recv(65536).decode(), file=out)
'
	wait_for_file devlog
	configure <<'END'
service "some" {
	listen = "tcp:127.0.0.1:0"
	shell = "true"
	log { target = "syslog:authpriv.notice" format = "xinetd" }
}
END
	export EVINET_SYSLOG_SOCKET=$PWD/devlog
	start_evinetd
	ask "$(address_of some)" || true
	wait_for_line 'EXIT: some' got
	# 10 is authpriv, 5 is notice.
	grep -qxE "<85>xinetd\[$DAEMON\]: START: some pid=[0-9]+ from=127.0.0.1" got
	grep -qxE "<85>xinetd\[$DAEMON\]: EXIT: some status=0 pid=[0-9]+ duration=0\(sec\)" got
}

@test "what a client's program says cannot pass for an entry" {
	configure <<'END'
service "loud" {
	listen = "tcp:127.0.0.1:0"
	shell = "printf '26/1/1@00:00:00: FAIL: loud address from=192.0.2.1\\n' >&2"
}
END
	start_evinetd --log-format xinetd
	ask "$(address_of loud)" || true
	wait_for_entry 'EXIT: loud status=0 pid=N duration=0(sec)'
	wait_for_line ' stderr service=loud '
	[ "$(entries | grep -c FAIL)" = 0 ]
}

@test "a log file with a limit is not written beyond it, which is said once, and services go on (B26)" {
	configure <<END
service "date" {
	listen = "tcp:127.0.0.1:0"
	shell = "echo hello"
	log { target = "file:$PWD/own" format = "xinetd" limit = "200:400" }
}
service "same" {
	listen = "tcp:127.0.0.1:0"
	shell = "echo hello"
	log { target = "file:$PWD/own" format = "xinetd" limit = "200:400" }
}
END
	start_evinetd
	for i in $(seq 1 10); do
		[ "$(ask "$(address_of date)")" = hello ]
		[ "$(ask "$(address_of same)")" = hello ]
	done
	wait_for_log ' log_limit ' 2
	[ "$(stat -c %s own)" -le 400 ]
	[ "$(stat -c %s own)" -gt 300 ]
	grep -qE " warning log_limit target=file:$PWD/own limit=soft bytes=" "$LOG"
	grep -qE " error log_limit target=file:$PWD/own limit=hard bytes=" "$LOG"
	# After rotation it is written again.
	mv own own.1
	kill -HUP "$DAEMON"
	wait_for_log ' reload what=log'
	[ "$(ask "$(address_of date)")" = hello ]
	wait_for_line 'EXIT: date' own
	stop_evinetd
	[ "$(log_lines ' log_limit ')" = 2 ]
	[ "$(stat -c %s own.1)" -le 400 ]
}

@test "the daemon's own log may have a limit, and its last line says that it is reached" {
	configure <<END
log { target = "file:$PWD/all" limit = "1K:1500" }
service "date" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	start_evinetd
	for i in $(seq 1 12); do
		[ "$(ask "$(address_of date)")" = hello ]
	done
	wait_for_line 'log_limit .*limit=hard' all
	stop_evinetd
	[ "$(stat -c %s all)" -le 1700 ]
	tail -n 1 all | grep -q ' log_limit '
	[ "$(grep -c ' log_limit ' all)" = 2 ]
}

@test "a limit where there is no file is warned about" {
	configure <<'END'
service "date" {
	listen = "tcp:127.0.0.1:0"
	shell = "date"
	log { target = "syslog:local3" limit = "1M:2M" }
}
service "wrong" { listen = "tcp:127.0.0.1:0" shell = "date" log { target = "syslog:local9" } }
service "loud" { listen = "tcp:127.0.0.1:0" shell = "date" log { success = { "loud" } } }
END
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ "$output" == *"$CONF:4: warning: service \"date\": limit: has no effect on a target that is no file"* ]]
	[[ "$output" == *"$CONF:6: service \"wrong\": log.target: "*'a facility of syslog such as daemon, authpriv or local0, not "local9"'* ]]
	[[ "$output" == *"$CONF:7: service \"loud\": log.success: "*"\"loud\""* ]]
}
