# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
# shellcheck disable=SC2153 # HELPER is set by the helper
load helper

# Writes each datagram that comes to the socket $1 as one line of json to the file $2.
receive() {
	background python3 -c '
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1] + ".new")
out = open(sys.argv[2], "w", buffering=1)
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    print(json.dumps(s.recv(65536).decode("utf-8", "backslashreplace")), file=out)
' "$1" "$2"
	wait_for_file "$1"
}

wait_for_text() {
	wait_until has_text "$@"
}

has_text() {
	[ "$(grep -acF -- "$2" "$1")" -ge "${3:-1}" ]
}

# A program of each fate, and a client of each.
every_fate() {
	configure <<END
service "good" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
service "bad" { listen = "tcp:127.0.0.1:0" shell = "exit 3" }
service "killed" { listen = "tcp:127.0.0.1:0" shell = "kill -KILL \$\$" }
service "slow" { listen = "tcp:127.0.0.1:0" exec = { "/bin/sleep", "60" } timeout = 100ms }
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" }
service "unix" { listen = "unix:$PWD/unix" shell = "echo unix" }
service "denied" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = { "127.0.0.1" } }
END
}

visit_every_fate() {
	[ "$(ask "$(address_of good)")" = hello ]
	ask "$(address_of bad)"
	ask "$(address_of killed)" || true
	ask "$(address_of slow)" || true
	[ "$(ask "$(address_of echo)" 12345)" = 12345 ]
	[ "$(ask "$(address_of unix)")" = unix ]
	ask "$(address_of denied)" || true
}

@test "a session has one start and one end, with all that the manual promises" {
	every_fate
	start_evinetd --log-format json
	visit_every_fate
	wait_for_log '"event":"end"' 6
	[[ $(events start '.service == "good"' | jq -r .local) == "127.0.0.1:$(port_of good)" ]]
	[[ $(events start '.service == "good"' | jq -r .peer) == 127.0.0.1:* ]]
	stop_evinetd
	[ "$(event_count start)" = 6 ]
	[ "$(event_count end)" = 6 ]
	[ "$(events start | jq .session | sort)" = "$(events end | jq .session | sort)" ]
	[ "$(events start | jq .session | sort -u | wc -l)" = 6 ]
	# The two lines of a session tell of the same one.
	local what
	what='[.session, .service, .peer, .pid] | @csv'
	[ "$(events start | jq -r "$what" | sort)" = "$(events end | jq -r "$what" | sort)" ]
	[ "$(event_count start '.pid and .peer and .local and .session')" = 6 ]
	[ "$(event_count end '(.ms | type) == "number" and .peer')" = 6 ]
	[ "$(event_count end '.service != "echo" and (.cpu_ms | type) == "number" and .maxrss_kb > 0')" = 5 ]
	end() {
		events end ".service == \"$1\"" | jq -r '[.how, .status] | join(" ")'
	}
	[ "$(end good)" = "exit 0" ]
	[ "$(end bad)" = "exit 3" ]
	[ "$(end killed)" = "signal 9" ]
	[[ "$(end slow)" == "timeout "* ]]
	[[ "$(end echo)" == "eof"* ]]
	[ "$(end unix)" = "exit 0" ]
	[ "$(events end '.service == "slow"' | jq '.ms >= 90 and .ms < 5000')" = true ]
}

@test "text and json say the same, and every line can be read by a machine" {
	every_fate
	start_evinetd
	visit_every_fate
	wait_for_log ' end service=' 6
	stop_evinetd
	mv "$LOG" text
	: >"$LOG"
	start_evinetd --log-format json
	visit_every_fate
	wait_for_log '"event":"end"' 6
	stop_evinetd
	python3 - text log <<'END'
import json, re, sys
time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
def text(line):
    head, event, rest = re.fullmatch(rf"({time} (?:error|warning|info|debug)) (\w+)((?: .*)?)", line).groups()
    keys = []
    while rest:
        m = re.match(r' (\w+)=("(?:[^"\\]|\\.)*"|[^\s"]+)', rest)
        assert m, (line, rest)
        keys.append(m[1])
        rest = rest[m.end():]
    return event, keys
def of_json(line):
    o = json.loads(line)
    assert list(o)[:3] == ["time", "level", "event"], line
    assert re.fullmatch(time, o["time"]), line
    return o["event"], list(o)[3:]
def read(path, parse):
    with open(path, "rb") as f:
        return sorted(parse(line.decode("utf-8")) for line in f.read().splitlines())
a, b = read(sys.argv[1], text), read(sys.argv[2], of_json)
assert len(a) > 20, a
assert a == b, [x for x in a + b if a.count(x) != b.count(x)]
assert all(len(set(keys)) == len(keys) for _, keys in a)
END
}

@test "the log says what is listened on, that it is ready, and that it stops" {
	configure <<END
service "a" { listen = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0", "unix:$PWD/s" } handler = "echo" queuesize = 9 }
END
	start_evinetd --log-format json
	wait_for_log '"event":"ready"'
	[ "$(events listen | jq -r '[.service, .address, .family, .socktype] | join(" ")')" = "a $(address_of a 1) inet stream
a $(address_of a 2) inet dgram
a unix:$PWD/s unix stream" ]
	stop_evinetd
	[ "$(events listen | jq -c .queuesize | xargs)" = "9 null 9" ]
	[ "$(events ready | jq -c '[.services, .addresses]')" = "[1,3]" ]
	[ "$(events stop | jq -r .signal)" = TERM ]
}

@test "a refusal is one line with the peer and the reason" {
	configure <<END
service "deny" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = { "127.0.0.0/8" } }
service "allow" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { } }
service "full" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 when_full = "refuse" }
service "source" { listen = "tcp:127.0.0.1:0" handler = "echo" per_source = 1 }
service "rate" { listen = "tcp:127.0.0.1:0" handler = "echo" rate = "1/1h" when_full = "refuse" }
END
	start_evinetd --log-format json
	ask "$(address_of deny)" || true
	ask "$(address_of allow)" || true
	connect 5 "$(port_of full)"
	say 5 hi && hear 5
	ask "$(address_of full)" || true
	connect 6 "$(port_of source)"
	say 6 hi && hear 6
	ask "$(address_of source)" || true
	ask "$(address_of rate)"
	ask "$(address_of rate)" || true
	wait_for_log '"event":"refuse"' 5
	[ "$(events refuse | jq -r '[.service, .reason] | join(" ")')" = "deny deny
allow deny
full instances
source per_source
rate rate" ]
	[ "$(event_count refuse '.peer | startswith("127.0.0.1:")')" = 5 ]
	[ "$(event_count start)" = 3 ]
	disconnect 5
	disconnect 6
}

@test "--log-level leaves out what is less important" {
	configure <<'END'
service "bad" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = -1 }
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd --log-level error
	ask "$(address_of a)" hi
	stop_evinetd
	[ "$(log_lines ' config_error ')" = 1 ]
	[ "$(grep -cv ' error ' "$LOG")" = 0 ]
	: >"$LOG"
	start_evinetd --log-level info
	ask "$(address_of a)" hi
	wait_for_log ' end service=a'
	stop_evinetd
	[ "$(log_lines ' debug ')" = 0 ]
	[ "$(log_lines ' info listen service=a')" = 1 ]
}

@test "the log block is heeded, and options win over it" {
	configure <<END
log { target = "file:$PWD/file" format = "json" level = "warning" }
service "bad" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = -1 }
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	stop_evinetd
	[ "$(jq -r .event file)" = config_error ]
	[ ! -s "$LOG" ]
	rm file
	start_evinetd --log stderr --log-format text --log-level info
	stop_evinetd
	[ ! -e file ]
	wait_for_log ' info ready '
}

@test "a log file is appended to, and opened anew on HUP" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	echo 'what was there before' >file
	start_evinetd --log "file:$PWD/file"
	ask "$(address_of a)"
	wait_for_text file 'end service=a'
	grep -q 'what was there before' file
	mv file file.1
	ask "$(address_of a)"
	# Until it is told, it goes on with the file that it has.
	wait_for_text file.1 'end service=a' 2
	[ ! -e file ]
	kill -HUP "$DAEMON"
	wait_until test -e file
	ask "$(address_of a)"
	wait_for_text file 'end service=a'
	[ "$(grep -c 'end service=a' file.1)" = 2 ]
	[ "$(ask "$(address_of a)")" = hello ]
}

@test "a log file that cannot be opened anew: the old one stays in use" {
	mkdir logs
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	start_evinetd --log "file:$PWD/logs/file"
	mv logs old
	kill -HUP "$DAEMON"
	[ "$(ask "$(address_of a)")" = hello ]
	wait_for_text old/file 'end service=a'
	grep -q 'error.*logs/file' old/file
}

@test "syslog gets priority, name, process id and the line" {
	receive "$PWD/syslog" got
	export EVINET_SYSLOG_SOCKET=$PWD/syslog
	configure <<'END'
service "bad" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = -1 }
service "a" { listen = "tcp:127.0.0.1:0" shell = "echo 'a b' >&2" }
END
	start_evinetd --log syslog
	ask "$(address_of a)"
	wait_for_text got 'end service=a'
	# daemon.err and daemon.info
	jq -r . got | grep -qE "^<27>.*evinetd\[$DAEMON\]: config_error service=bad "
	jq -r . got | grep -qE "^<30>.*evinetd\[$DAEMON\]: listen service=a "
	jq -r . got | grep -qE "^<30>.*evinetd\[$DAEMON\]: start service=a "
	jq -r . got | grep -qE 'stderr service=a .*text="a b"$'
	[ ! -s "$LOG" ]
}

@test "the journal gets its fields" {
	receive "$PWD/journal" got
	export EVINET_JOURNAL_SOCKET=$PWD/journal
	configure <<'END'
service "bad" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = -1 }
service "a" { listen = "tcp:127.0.0.1:0" shell = "printf 'one\nMESSAGE=two\n' >&2" }
END
	start_evinetd --log journal
	ask "$(address_of a)"
	wait_for_text got 'end service=a'
	jq -r 'select(contains("listen service=a"))' got >entry
	grep -qx 'PRIORITY=6' entry
	grep -qx 'SYSLOG_IDENTIFIER=evinetd' entry
	grep -qE '^MESSAGE=listen service=a ' entry
	jq -r 'select(contains("config_error"))' got | grep -qx 'PRIORITY=3'
	# What a program says cannot add a field.
	[ "$(jq -r . got | grep -c '^MESSAGE=two')" = 0 ]
	jq -r . got | grep -qE '^MESSAGE=stderr service=a .*MESSAGE=two'
}

@test "a syslog that is not there, goes away and comes back stops nobody" {
	export EVINET_SYSLOG_SOCKET=$PWD/syslog
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	start_evinetd --log syslog
	[ "$(ask "$(address_of a)")" = hello ]
	receive "$PWD/syslog" got
	[ "$(ask "$(address_of a)")" = hello ]
	wait_for_text got 'end service=a'
	kill -KILL "$HELPER"
	wait "$HELPER" || true
	[ "$(ask "$(address_of a)")" = hello ]
	rm syslog
	receive "$PWD/syslog" got2
	[ "$(ask "$(address_of a)")" = hello ]
	wait_for_text got2 'start service=a'
}

@test "control characters, quotes and bytes that are no text never reach the log raw" {
	cat >noise.py <<'END'
import os
os.write(2, b"esc \x1b[31mred\x1b[0m bell \x07 cr \r tab \t nul \0 del \x7f c1 \xc2\x9b31m bad \xff\xfe quote \" back \\ end\n")
os.write(2, b'x" event=start service=forged\n')
os.write(2, b"no newline at the end")
END
	cat >client.py <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(b"\0evil\n2026-01-01T00:00:00.000Z info start service=forged \x1b[31m" + sys.argv[2].encode())
s.connect(sys.argv[1])
s.shutdown(socket.SHUT_WR)
s.recv(1)
END
	configure <<END
service "noise" { listen = "tcp:127.0.0.1:0" exec = { "$(type -P python3)", "$PWD/noise.py" } }
service "unix" { listen = "unix:$PWD/s" shell = "true" }
END
	local format
	for format in text json; do
		: >"$LOG"
		start_evinetd --log-format "$format"
		ask "$(address_of noise)"
		python3 client.py s "$$.$RANDOM"
		wait_for_log 'no newline at the end'
		wait_for_log 'evil'
		stop_evinetd
		[ "$(LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f]' "$LOG")" = 0 ]
		[ "$(LC_ALL=C grep -acP '\xc2[\x80-\x9f]' "$LOG")" = 0 ]
		[ "$(LC_ALL=C grep -acE '^[0-9TZ:.-]+ info start service=forged' "$LOG")" = 0 ]
		iconv -f UTF-8 -t UTF-8 "$LOG" >/dev/null
		# All of it is still there to be read.
		grep -aq 'red.*bell.*tab.*nul.*del.*c1.*bad.*quote.*back.*end' "$LOG"
	done
	[ "$(event_count stderr)" = 3 ]
	[ "$(event_count start '.service == "forged"')" = 0 ]
	[ "$(event_count stderr '.text == "x\" event=start service=forged"')" = 1 ]
}

@test "a log that nobody reads never stops the service, and is whole once it is read" {
	mkfifo pipe
	exec 7<>pipe
	# The smallest pipe there is, full after some twenty lines.
	perl -e 'open(F, "+<&=7") or die; fcntl(F, 1031, 4096) or die'
	run_under sh -c 'exec "$@" 2>pipe 7>&-' sh
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "daytime" }
END
	start_evinetd
	for _ in $(seq 100); do
		[ -n "$(head -n 1 </dev/tcp/127.0.0.1/"$(port_of a)")" ]
	done
	cat <&7 >seen 3>&- 4>&- &
	HELPERS+=("$!")
	wait_for_text seen 'end service=a' 100
	[ "$(grep -c 'start service=a' seen)" = 100 ]
	stop_evinetd
	[ "$status" = 0 ]
	wait_for_text seen 'stop signal=TERM'
}

@test "a daemon whose log is full ends when it is told to" {
	mkfifo pipe
	exec 7<>pipe
	perl -e 'open(F, "+<&=7") or die; fcntl(F, 1031, 4096) or die; print F "x" x 4000'
	run_under sh -c 'exec "$@" 2>pipe 7>&-' sh
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "daytime" }
END
	start_evinetd
	[ -n "$(head -n 1 </dev/tcp/127.0.0.1/"$(port_of a)")" ]
	stop_evinetd
	[ "$status" = 0 ]
}

@test "a log whose reader is gone never stops the service" {
	run_under sh -c 'exec "$@" 2> >(exec true)' sh
	sed -i 's/sh -c/bash -c/' "$EVINETD"
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "daytime" }
END
	start_evinetd
	for _ in 1 2 3; do
		[ -n "$(head -n 1 </dev/tcp/127.0.0.1/"$(port_of a)")" ]
	done
	stop_evinetd
	[ "$status" = 0 ]
}

@test "a line that repeats is counted, not repeated" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" shell = "yes again | head -n 500 >&2" }
END
	start_evinetd --log-format json
	ask "$(address_of a)"
	wait_for_log '"event":"end"'
	stop_evinetd
	[ "$(event_count stderr)" -le 20 ]
	[ "$(event_count stderr)" -ge 1 ]
	[ "$(($(events repeated | jq -s 'map(.count) | add') + $(event_count stderr)))" = 500 ]
	events repeated | jq -e 'select(.line | contains("again"))' >/dev/null
}

@test "a program that floods its standard error still serves, and loses no line of the log of others" {
	configure <<'END'
service "flood" { listen = "tcp:127.0.0.1:0" shell = "seq 20000 >&2; head -c 300000 /dev/zero | tr '\\0' x >&2; echo served" }
service "other" { listen = "tcp:127.0.0.1:0" shell = "echo other" }
END
	start_evinetd
	[ "$(ask "$(address_of flood)")" = served ]
	[ "$(ask "$(address_of other)")" = other ]
	wait_for_log 'end service=flood'
	wait_for_log 'end service=other'
	[ "$(log_lines 'start service=other')" = 1 ]
}

@test "log_events says which events of a service are logged" {
	configure <<'END'
service "some" { listen = "tcp:127.0.0.1:0" shell = "echo err >&2" log_events = { "end" } }
service "none" { listen = "tcp:127.0.0.1:0" shell = "echo err >&2" log_events = { } }
service "all" { listen = "tcp:127.0.0.1:0" shell = "echo err >&2" }
END
	start_evinetd --log-format json
	ask "$(address_of none)"
	ask "$(address_of some)"
	ask "$(address_of all)"
	wait_for_log '"event":"end"' 2
	wait_for_log '"event":"stderr"'
	stop_evinetd
	[ "$(grep -a '"service":"some"' "$LOG" | jq -r .event | xargs)" = end ]
	[ "$(grep -a '"service":"none"' "$LOG" | jq -r .event | xargs)" = "" ]
	[ "$(grep -a '"service":"all"' "$LOG" | jq -r .event | grep -v hold | sort | xargs)" = "end listen start stderr" ]
}

@test "a service may have a log of its own" {
	configure <<END
service "own" {
	listen = "tcp:127.0.0.1:0" shell = "echo own"
	log { target = "file:$PWD/own.log" format = "json" }
}
service "quiet" { listen = "tcp:127.0.0.1:0" shell = "echo quiet" log { level = "warning" } }
service "main" { listen = "tcp:127.0.0.1:0" shell = "echo main" }
END
	start_evinetd
	ask "$(address_of own)"
	ask "$(address_of quiet)"
	ask "$(address_of main)"
	wait_for_text own.log '"event":"end"'
	wait_for_log 'end service=main'
	[ "$(log_lines 'service=own')" = 0 ]
	[ "$(log_lines 'service=quiet')" = 0 ]
	[ "$(jq -r '[.event, .service] | join(" ")' own.log | xargs)" = "listen own start own end own" ]
	# HUP opens this one anew, too.
	mv own.log own.log.1
	kill -HUP "$DAEMON"
	wait_until test -e own.log
	ask "$(address_of own)"
	wait_for_text own.log '"event":"end"'
}
