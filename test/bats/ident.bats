# ident: the client's machine is asked who its user is (RFC 1413). The daemon and the clients have a network of
# their own, where each address has another kind of identd on port 113.

load helper

run_beside_identd() {
	need_root
	need_namespace n
	cat >identd.py <<'END'
import os, re, select, socket
open("server", "w").write("%d\n" % os.getpid())
ports = re.compile(rb"^(\d+) , (\d+)\r\n$")

def says(answer):
    return lambda s, theirs, ours: s.sendall(answer % (theirs, ours)) or s.close()

def trickle(s, theirs, ours):
    waiting.append([s, b"%d,%d:USERID:UNIX:%s" % (theirs, ours, b"x" * 400)])

def silent(s, theirs, ours):
    waiting.append([s, b""])

kinds = {
    1: says(b"%d, %d : USERID : UNIX : alice\r\n"),
    2: says(b"%d, %d : ERROR : NO-USER\r\n"),
    3: silent,
    4: says(b"%d, %d : USERID : UNIX : " + b"x" * 3000),
    6: says(b"%d, %d : USERID : UNIX : \033[2J\x07evil reason=none\r\n"),
    7: trickle,
    8: lambda s, theirs, ours: s.sendall(b"%d, %d : USERID : UNIX : root\r\n" % (theirs + 1, ours)) or s.close(),
    9: lambda s, theirs, ours: s.close(),
}
waiting = []
listeners = {}
for n in kinds:
    l = socket.create_server(("127.9.0.%d" % n, 113))
    listeners[l] = kinds[n]
open("bound", "w").close()
while True:
    for l in select.select(list(listeners), [], [], 0.1)[0]:
        s, peer = l.accept()
        m = ports.match(s.recv(1000))
        assert m and peer[0] == "127.0.0.1"
        open("asked", "a").write("x\n")
        try:
            listeners[l](s, int(m[1]), int(m[2]))
        except OSError:
            pass
    for w in list(waiting):
        try:
            w[0].send(w[1][:1])
            w[1] = w[1][1:]
        except OSError:
            waiting.remove(w)
END
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up &&
		{ python3 identd.py </dev/null >/dev/null 2>&1 9>&- & } && until [ -e bound ]; do sleep 0.02; done &&
		exec "$@"' sh
}

start_it() {
	start_evinetd "$@"
	HELPERS+=("$(cat server)")
}

# The answer to a client whose source address ends in $1; none if it is refused.
from() {
	nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - \
		"TCP:$(address_of "$2" | sed 's/^tcp://'),bind=127.9.0.$1" </dev/null 2>/dev/null || true
}

@test "with require, clients whose machine tells a user are served, and nobody else" {
	run_beside_identd
	printf 'No.\n' >out
	configure <<END
service "s" {
	listen = "tcp:127.0.0.1:0"
	shell  = "echo hello"
	ident  = "require"
	ident_timeout = 700ms
	banner_deny = "$PWD/out"
}
END
	start_it --log-format json
	[ "$(from 1 s)" = hello ]
	for n in 2 3 4 5 7 8 9; do
		[ "$(from "$n" s)" = No. ]
	done
	wait_for_log '"event":"refuse"' 7
	[ "$(event_count refuse '.reason == "ident"')" = 7 ]
	events refuse | jq -r '(.peer | sub(":.*"; "")) + " " + .error' | sort >reasons
	cat reasons
	[ "$(cut -d ' ' -f 2- reasons)" = "NO-USER
no answer in time
the answer is too long
connect to port 113: Connection refused
no answer in time
the answer is about ports $(sed -n 's/.*127\.9\.0\.8 the answer is about ports //p' reasons)
there is no answer" ]
	wait_for_log '"event":"end"'
	[ "$(event_count start)" = 1 ]
	[ "$(event_count ident '.user == "alice" and .session > 0')" = 1 ]
	[ "$(event_count ident)" = 1 ]
	[ "$(events ident | jq .session)" = "$(events start | jq .session)" ]
}

@test "with log, nobody waits for an answer, and one event for each session tells it" {
	run_beside_identd
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" ident = "log" ident_timeout = 1s }
END
	start_it --log-format json
	for n in 1 2 3 4 5 6 7 8 9; do
		[ "$(from "$n" s)" = hello ]
	done
	wait_for_log '"event":"ident"' 9
	wait_for_log '"event":"end"' 9
	[ "$(event_count refuse)" = 0 ]
	[ "$(event_count ident '.user == "alice" and (.peer | startswith("127.9.0.1:"))')" = 1 ]
	[ "$(event_count ident '.error and .session > 0')" = 7 ]
	[ "$(events ident | jq .session | sort -u | wc -l)" = 9 ]
	# The silent one had its session long before.
	[ "$(events end '.peer | startswith("127.9.0.3:")' | jq '.ms < 900')" = true ]
}

@test "what an identd says never reaches the log raw" {
	run_beside_identd
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" ident = "log" }
END
	start_it
	[ "$(from 6 s)" = hello ]
	wait_for_log ' ident service=s'
	grep -aqF 'user="\x1b[2J\x07evil reason=none"' "$LOG"
	[ "$(LC_ALL=C grep -ac $'[\x01-\x08\x0b-\x1f]' "$LOG")" = 0 ]
}

@test "a client that is being asked about has a place, and is refused when the daemon stops" {
	run_beside_identd
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" ident = "require" instances = 1 }
END
	for signal in TERM QUIT; do
		rm -f asked bound
		: >"$LOG"
		start_it
		background from 3 s
		wait_for_file asked
		wait_for_log 'hold service=s why=full'
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		[ "$(log_lines 'refuse service=s')" = 1 ]
		grep -q 'reason=stopping' "$LOG"
		[ "$(log_lines 'start service=s')" = 0 ]
		kill "$(cat server)"
	done
}

@test "a client that leaves while it is being asked about is refused, and nothing is started for it" {
	run_beside_identd
	printf 'No.\n' >out
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" ident = "require" ident_timeout = 2s instances = 1 }
END
	start_it
	cat >leave.py <<'END'
import os, socket, struct, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=("127.9.0.7", 0))
while not os.path.exists("asked"):
    time.sleep(0.02)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
END
	nsenter -t "$DAEMON" -n python3 leave.py "$(port_of s)"
	wait_for_log 'release service=s why=full'
	[ "$(log_lines 'refuse service=s')" = 1 ]
	[ "$(log_lines 'start service=s')" = 0 ]
}

@test "a question that is still open when the daemon ends is told as well" {
	run_beside_identd
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" ident = "log" }
END
	start_it
	[ "$(from 3 s)" = hello ]
	wait_for_log 'end service=s'
	wait_for_file asked
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines ' ident service=s session=1')" = 1 ]
	grep -q 'error="the service ends before the answer"' "$LOG"
}

@test "of a unix socket the kernel knows the user, and nobody is asked" {
	configure <<END
service "require" { listen = "unix:$PWD/a" shell = "echo hello" ident = "require" }
service "log" { listen = "unix:$PWD/b" shell = "echo hello" ident = "log" }
END
	start_evinetd
	[ "$(ask "unix:$PWD/a")" = hello ]
	[ "$(ask "unix:$PWD/b")" = hello ]
	wait_for_log ' end ' 2
	[ "$(log_lines " peer_uid=$(id -u)")" = 2 ]
	[ "$(log_lines ' ident ')" = 0 ]
}

@test "ident is refused where it could not be kept" {
	configure <<'END'
defaults { ident = "log" }
service "wait" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true ident = "require" }
service "wait2" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true ident = "log" }
service "wait3" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true }
service "dgram" { listen = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0" } handler = "echo" ident = "require" }
service "dgram2" { listen = "udp:127.0.0.1:0" handler = "echo" }
END
	run "$EVINETD" --check -c "$CONF"
	echo "$output"
	[ "$status" = 78 ]
	[[ $output == *':2: service "wait": ident: cannot be kept with wait = true'* ]]
	[[ $output == *':3: service "wait2": ident: cannot be kept with wait = true'* ]]
	[[ $output == *':1: warning: service "wait3": ident: has no effect with wait = true'* ]]
	[[ $output == *':5: service "dgram": ident: cannot be kept for datagrams'* ]]
	[ "${#lines[@]}" = 4 ]
}
