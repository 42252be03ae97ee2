# Who is let in, how many at once, how many a second; and that a refusal starts nothing and is told once.

load helper

# What the clients written in Python share. A client of its own source address is beyond bash.
setup_file() {
	cat >"$BATS_FILE_TMPDIR/clients.py" <<'END'
import os, socket, time

PATIENCE = float(os.environ.get("PATIENCE", 20))

class Client:
    """A connection to an address as in the address file; to a port, from a source address."""
    def __init__(self, address, source=None):
        if address.startswith("unix:"):
            path = address[5:]
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(PATIENCE)
            self.s.connect("\0" + path[1:] if path[0] == "@" else path)
            return
        host, port = address[4:].rsplit(":", 1)
        self.s = socket.create_connection((host.strip("[]"), int(port)), PATIENCE,
                                          (source, 0) if source else None)
        name = self.s.getsockname()
        self.name = ("[%s]:%d" if ":" in name[0] else "%s:%d") % name[:2]

    def answers(self, text=b"are you there\n"):
        """True with an answer, False with an end; a silent server is an error."""
        try:
            self.s.sendall(text)
            return self.s.recv(100) == text
        except (ConnectionResetError, BrokenPipeError):
            return False

    def close(self):
        self.s.close()

def wait_for_log(text, n=1):
    end = time.monotonic() + PATIENCE
    while open("log").read().count(text) < n:
        assert time.monotonic() < end, "the log never said %d times: %s" % (n, text)
        time.sleep(0.02)
END
}

# python_clients <<END     standard input is the script; ONE, TWO... are the addresses of the services
python_clients() {
	local name address
	while IFS=$'\t' read -r name address; do
		[ -n "$(printenv "${name^^}")" ] || export "${name^^}=$address"
	done <"$ADDRS"
	{
		echo 'from clients import *'
		echo 'globals().update({k: v for k, v in os.environ.items() if v.startswith(("tcp:", "unix:"))})'
		cat
	} >script.py
	PYTHONPATH=$BATS_FILE_TMPDIR PYTHONDONTWRITEBYTECODE=1 PATIENCE=$PATIENCE python3 script.py
}

# The answer to a client with this source address. A refused one has none.
from() {
	socat -t "$PATIENCE" - "TCP:${2#tcp:},bind=$1" </dev/null 2>/dev/null || true
}

# After the end of the daemon nothing can be added: this many refusals are in the (json) log, all
# of them with their peer, and no other.
refusals_are() {
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(event_count refuse "${2:-true}")" = "$1" ] || { echo "not $1 refusals: ${2-}" >&2 && return 1; }
	[ "$(event_count refuse '(.peer // "") == "" or (.reason // "") == ""')" = 0 ]
}

# The most sessions that any moment had.
most_at_once() {
	grep -aoE '"event":"(start|end)"' "$LOG" |
		awk '/start/ { if (++n > most) most = n } /end/ { n-- } END { print most + 0 }'
}

# --- how many at once ---

@test "a client past the limit waits and is served when a place frees up" {
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 }
END
	start_evinetd
	connect 5 "$(port_of echo)"
	connect 6 "$(port_of echo)"
	say 5 first
	[ "$(hear 5)" = first ]
	say 6 second
	wait_for_log 'hold service=echo why=full'
	# The connection of the second has been there all the time, and nothing came of it.
	say 5 again
	[ "$(hear 5)" = again ]
	[ "$(log_lines 'start service=echo')" = 1 ]
	disconnect 5
	[ "$(hear 6)" = second ]
	disconnect 6
	wait_for_log 'end service=echo' 2
	wait_for_log 'release service=echo why=full'
	[ "$(log_lines refuse)" = 0 ]
}

@test "no moment has more sessions than the limit, and every client is served" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "sleep 0.02; echo hello" instances = 5 }
END
	start_evinetd --log-format json
	[ "$("$TOOL/client" -n 60 -c 60 -a 'hello\n' "$(address_of s)")" = "ok=60 reset=0 short=0 error=0" ]
	refusals_are 0
	[ "$(event_count start)" = 60 ]
	[ "$(event_count end)" = 60 ]
	[ "$(most_at_once)" = 5 ]
}

@test "a full service keeps its listening socket, and the others are served" {
	configure <<'END'
defaults { instances = 1 }
service "full" { listen = "tcp:127.0.0.1:0" handler = "echo" }
service "other" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "other" } }
END
	start_evinetd
	python_clients <<'END'
kept = Client(FULL)
assert kept.answers()
wait_for_log("hold service=full why=full")
waiting = [Client(FULL) for _ in range(8)]
for _ in range(3):
    assert Client(OTHER).s.recv(100) == b"other\n"
assert kept.answers()
assert open("log").read().count(" start service=full") == 1
# One after the other gets the place.
kept.close()
for c in waiting:
    assert c.answers()
    c.close()
END
	wait_for_log 'end service=full' 9
	[ "$(log_lines 'start service=full')" = 9 ]
	[ "$(log_lines ' refuse ')" = 0 ]
}

@test "the limit counts the sessions of all addresses of a service together" {
	configure <<END
service "s" { listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.2:0", "unix:$PWD/s" } handler = "echo" instances = 1 }
END
	start_evinetd
	connect 5 "$(port_of s)"
	say 5 here
	[ "$(hear 5)" = here ]
	connect 6 "$(port_of s 2)" 127.0.0.2
	say 6 waiting
	background socat -u OPEN:/dev/null UNIX-CONNECT:s
	wait "$HELPER"
	say 5 still
	[ "$(hear 5)" = still ]
	[ "$(log_lines 'start service=s')" = 1 ]
	disconnect 5
	[ "$(hear 6)" = waiting ]
	disconnect 6
	wait_for_log 'end service=s' 3
}

@test "a place is given back however a session ends" {
	mkdir gone
	configure <<END
defaults { instances = 1 drain_timeout = 50ms }
service "killed" { listen = "tcp:127.0.0.1:0" shell = "echo hello; kill -KILL \$\$" }
service "late" { listen = "tcp:127.0.0.1:0" shell = "echo hello; exec sleep 60" timeout = 100ms }
service "broken" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } directory = "$PWD/gone" }
service "deaf" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
END
	start_evinetd --log-format json
	rmdir gone
	local name
	for name in killed late deaf; do
		[ "$("$TOOL/client" -n 3 -c 3 -s 'unread\n' -a 'hello\n' "$(address_of $name)")" = "ok=3 reset=0 short=0 error=0" ]
	done
	for name in 1 2 3; do
		[ -z "$(ask "$(address_of broken)")" ]
	done
	stop_evinetd
	[ "$(event_count exec_error)" = 3 ]
	[ "$(event_count end '.service == "killed" and .how == "signal"')" = 3 ]
	[ "$(event_count end '.service == "late" and .how == "timeout"')" = 3 ]
	[ "$(event_count end)" = 12 ]
}

@test "a client that gives up waiting takes nobody's place" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 1 }
END
	start_evinetd
	connect 5 "$(port_of s)"
	say 5 here
	[ "$(hear 5)" = here ]
	connect 6 "$(port_of s)"
	connect 7 "$(port_of s)"
	disconnect 6
	disconnect 5
	say 7 last
	[ "$(hear 7)" = last ]
	disconnect 7
	wait_for_log 'end service=s' 2
	starts_equal_ends
}

@test "when_full = refuse ends the clients past the limit at once" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 2 when_full = "refuse" }
END
	start_evinetd --log-format json
	python_clients <<'END'
kept = [Client(S) for _ in range(2)]
assert all(c.answers() for c in kept)
past = [Client(S) for _ in range(5)]
assert not any(c.answers() for c in past)
assert all(c.answers() for c in kept)
with open("past", "w") as f:
    f.writelines(sorted(c.name + "\n" for c in past))
kept[0].close()
wait_for_log('"event":"end"')
assert Client(S).answers()
END
	refusals_are 5 '.service == "s" and .reason == "instances"'
	[ "$(event_count refuse)" = 5 ]
	events refuse | jq -r .peer | LC_ALL=C sort | diff past -
	[ "$(event_count start)" = 3 ]
	# It never stopped to accept.
	[ "$(event_count hold '.why == "full"')" = 0 ]
}

# --- from where ---

@test "per_source refuses one address the sessions past its share, and no other address" {
	configure <<'END'
service "s" { listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.9:0" } handler = "echo" per_source = 2 }
END
	start_evinetd --log-format json
	python_clients <<'END'
one = [Client(S, "127.0.0.1") for _ in range(2)]
assert all(c.answers() for c in one)
past = Client(S, "127.0.0.1")
assert not past.answers()
two = [Client(S, "127.0.0.2") for _ in range(2)]
assert all(c.answers() for c in two)
assert not Client(S, "127.0.0.2").answers()
# Another listener of the service is no way around it.
port = int(os.popen("cut -f 2 addrs | sed -n '2s/.*://p'").read())
assert not Client("tcp:127.0.0.9:%d" % port, "127.0.0.1").answers()
assert Client("tcp:127.0.0.9:%d" % port, "127.0.0.3").answers()
wait_for_log('"event":"end"')
one[0].close()
wait_for_log('"event":"end"', 2)
assert Client(S, "127.0.0.1").answers()
assert all(c.answers() for c in two)
END
	refusals_are 3 '.service == "s" and .reason == "per_source"'
	[ "$(event_count refuse)" = 3 ]
	[ "$(events refuse | jq -r .peer | sed 's/:[0-9]*$//' | xargs)" = "127.0.0.1 127.0.0.2 127.0.0.1" ]
	[ "$(event_count start)" = 6 ]
	[ "$(event_count end)" = 6 ]
}

@test "per_source counts an IPv4 client as one, whether it comes over IPv4 or an IPv6 socket" {
	need_ipv6
	configure <<'END'
service "s" {
	listener { addrs = { "tcp:[::]:0" } }
	listener { addrs = { "tcp:127.0.0.1:0" } }
	v6only = false
	handler = "echo"
	per_source = 1
}
END
	start_evinetd --log-format json
	export MAPPED FOUR SIX
	MAPPED=tcp:127.0.0.1:$(port_of s) FOUR=$(address_of s 2) SIX="tcp:[::1]:$(port_of s)"
	python_clients <<'END'
kept = Client(FOUR)
assert kept.answers()
assert not Client(MAPPED).answers()
six = Client(SIX)
assert six.answers()
assert not Client(SIX).answers()
kept.close()
wait_for_log('"event":"end"')
kept = Client(MAPPED)
assert kept.answers()
assert not Client(FOUR).answers()
END
	refusals_are 3 '.reason == "per_source"'
	[ "$(event_count refuse '.peer | startswith("127.0.0.1:")')" = 2 ]
	[ "$(event_count refuse '.peer | startswith("[::1]:")')" = 1 ]
}

@test "per_source counts the users of a unix socket" {
	need_root
	configure <<END
service "s" { listen = "unix:@evinet-admit-$$-$RANDOM" handler = "echo" per_source = 1 }
END
	start_evinetd --log-format json
	python_clients <<'END'
kept = Client(S)
assert kept.answers()
assert not Client(S).answers()
# The kernel notes who connects.
os.seteuid(65534)
other = Client(S)
assert other.answers()
assert not Client(S).answers()
os.seteuid(0)
kept.close()
wait_for_log('"event":"end"')
assert Client(S).answers()
assert other.answers()
END
	refusals_are 2 '.service == "s" and .reason == "per_source"'
	[ "$(event_count refuse)" = 2 ]
	[ "$(event_count start)" = 3 ]
}

# --- how many a second ---

@test "clients past the rate wait, all are served, and none earlier than the rate has it" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } rate = "20/1s" rate_burst = 5 }
service "other" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "other" } }
END
	start_evinetd --log-format json
	background "$TOOL/client" -n 25 -c 25 -a 'hello\n' "$(address_of s)" >outcome
	wait_for_log '"event":"hold","service":"s","why":"rate"'
	[ "$(ask "$(address_of other)")" = other ]
	wait "$HELPER" || true
	[ "$(cat outcome)" = "ok=25 reset=0 short=0 error=0" ]
	refusals_are 0
	[ "$(event_count start '.service == "s"')" = 25 ]
	[ "$(event_count release '.service == "s" and .why == "rate"')" -ge 1 ]
	# The first five at once, then one every 50 ms; a little for the rounding of the times in the log.
	events start '.service == "s"' | jq -s -e '
		map((.time[0:19] + "Z" | fromdate) * 1000 + (.time[20:23] | tonumber))
		| . as $t
		| (all(range(0; 25); $t[.] - $t[0] >= (. - 4) * 50 - 30)) and ($t[24] - $t[0] < 10000)'
}

@test "datagrams past the rate wait too, and all are answered" {
	configure <<'END'
service "s" { listen = "udp:127.0.0.1:0" handler = "echo" rate = "50/1s" rate_burst = 5 }
END
	start_evinetd --log-format json
	export PORT
	PORT=$(port_of s)
	python_clients <<'END'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(PATIENCE)
s.connect(("127.0.0.1", int(os.environ["PORT"])))
begin = time.monotonic()
sent = [b"%d" % i for i in range(20)]
for text in sent:
    s.send(text)
wait_for_log('"event":"hold","service":"s","why":"rate"')
assert [s.recv(100) for _ in sent] == sent
# One every 20 ms after the first five.
assert time.monotonic() - begin > 0.27
END
	refusals_are 0
}

@test "without rate_burst the count of the rate may come at once" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } rate = "4/1h" }
END
	start_evinetd --log-format json
	local i
	for i in 1 2 3 4; do
		[ "$(ask "$(address_of s)")" = hello ]
	done
	connect 5 "$(port_of s)"
	wait_for_log '"event":"hold","service":"s","why":"rate"'
	# The fifth waits for a quarter of an hour, and is in nobody's way when all ends.
	refusals_are 0
	[ "$(event_count start)" = 4 ]
	disconnect 5
}

@test "rate with when_full = refuse ends the clients past it at once" {
	configure <<'END'
service "s" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	rate = "1/1h"
	rate_burst = 3
	when_full = "refuse"
}
END
	start_evinetd --log-format json
	python_clients <<'END'
come = [Client(S) for _ in range(10)]
assert [c.answers() for c in come] == [True] * 3 + [False] * 7
END
	refusals_are 7 '.service == "s" and .reason == "rate"'
	[ "$(event_count refuse)" = 7 ]
	[ "$(event_count start)" = 3 ]
	[ "$(event_count hold '.why == "rate"')" = 0 ]
}

@test "who is refused for another reason costs nothing of the rate" {
	configure <<'END'
service "s" {
	listen = "tcp:127.0.0.1:0"
	exec = { "/bin/echo", "hello" }
	deny = { "127.0.0.2" }
	rate = "2/1h"
	when_full = "refuse"
}
END
	start_evinetd --log-format json
	local i
	for i in 1 2 3 4; do
		[ -z "$(from 127.0.0.2 "$(address_of s)")" ]
	done
	[ "$(from 127.0.0.1 "$(address_of s)")" = hello ]
	[ "$(from 127.0.0.1 "$(address_of s)")" = hello ]
	[ -z "$(from 127.0.0.1 "$(address_of s)")" ]
	refusals_are 4 '.reason == "deny"'
	[ "$(event_count refuse '.reason == "rate"')" = 1 ]
}

# --- who ---

@test "allow and deny take addresses and prefixes, and deny wins" {
	configure <<'END'
service "address" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } allow = { "127.0.0.2", "127.0.0.3" } }
service "prefix" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } allow = { "127.0.0.0/29" } }
service "denied" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } deny = { "127.0.0.3", "127.1.0.0/16" } }
service "both" {
	listen = "tcp:127.0.0.1:0"
	exec = { "/bin/echo", "in" }
	allow = { "127.0.0.0/8", "127.0.0.3" }
	deny = { "127.0.0.3", "127.0.1.0/24" }
}
service "nobody" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } allow = {} }
service "anybody" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } deny = {} }
service "all" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } allow = { "0.0.0.0/0" } }
service "six" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } allow = { "::/0", "::1" } }
END
	start_evinetd --log-format json
	python_clients <<'END'
expected = {
    "address": {"127.0.0.1": 0, "127.0.0.2": 1, "127.0.0.3": 1, "127.0.0.4": 0, "127.2.0.3": 0},
    "prefix": {"127.0.0.1": 1, "127.0.0.7": 1, "127.0.0.8": 0, "127.0.1.1": 0},
    "denied": {"127.0.0.2": 1, "127.0.0.3": 0, "127.1.0.0": 0, "127.1.255.254": 0, "127.2.0.1": 1},
    "both": {"127.0.0.1": 1, "127.0.0.3": 0, "127.0.1.0": 0, "127.0.1.254": 0, "127.0.2.1": 1},
    "nobody": {"127.0.0.1": 0, "127.0.0.2": 0},
    "anybody": {"127.0.0.1": 1, "127.0.0.2": 1},
    "all": {"127.0.0.1": 1, "127.255.255.254": 1},
    "six": {"127.0.0.1": 0},
}
refused = []
for service, sources in expected.items():
    for source, allowed in sources.items():
        c = Client(os.environ[service.upper()], source)
        try:
            got = c.s.recv(100)
        except ConnectionResetError:
            got = b""
        assert got == (b"in\n" if allowed else b""), (service, source, got)
        if not allowed:
            refused.append(service + " " + c.name + "\n")
open("refused", "w").writelines(sorted(refused))
END
	refusals_are 14 '.reason == "deny"'
	# Each of them, once.
	events refuse | jq -r '.service + " " + .peer' | LC_ALL=C sort | diff refused -
	[ "$(event_count start)" = 12 ]
}

@test "allow and deny take IPv6 addresses and prefixes" {
	need_root
	need_ipv6
	need_namespace n
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && ip addr add fd00:1::1/128 dev lo &&
		ip addr add fd00:1:8000::1/128 dev lo && ip addr add fd00:2::1/128 dev lo && exec "$@"' sh
	configure <<'END'
service "in" { listen = "tcp:[::1]:0" exec = { "/bin/echo", "in" } allow = { "fd00:1::/33", "::1" } }
service "out" { listen = "tcp:[::1]:0" exec = { "/bin/echo", "in" } deny = { "fd00:1:8000::1", "fd00:2::/32" } }
END
	start_evinetd
	local source
	for source in ::1 fd00:1::1; do
		[ "$(nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - "TCP6:[::1]:$(port_of in),bind=[$source]" </dev/null)" = in ]
		[ "$(nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - "TCP6:[::1]:$(port_of out),bind=[$source]" </dev/null)" = in ]
	done
	for source in fd00:1:8000::1 fd00:2::1; do
		[ -z "$(nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - "TCP6:[::1]:$(port_of in),bind=[$source]" </dev/null 2>/dev/null)" ]
		[ -z "$(nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - "TCP6:[::1]:$(port_of out),bind=[$source]" </dev/null 2>/dev/null)" ]
		[ "$(log_lines "refuse service=in peer=[$source]:")" = 1 ]
		[ "$(log_lines "refuse service=out peer=[$source]:")" = 1 ]
	done
}

@test "an IPv4 client of an IPv6 socket is matched as the IPv4 client that it is" {
	need_ipv6
	configure <<'END'
defaults { v6only = false }
service "allow" { listen = "tcp6:[::]:0" exec = { "/bin/echo", "in" } allow = { "127.0.0.2", "127.0.1.0/24" } }
service "deny" { listen = "tcp6:[::]:0" exec = { "/bin/echo", "in" } deny = { "127.0.0.2", "127.0.1.0/24" } }
END
	start_evinetd
	[ "$(address_of allow)" = "tcp:[::]:$(port_of allow)" ]
	local source
	for source in 127.0.0.2 127.0.1.9; do
		[ "$(from $source "tcp:127.0.0.1:$(port_of allow)")" = in ]
		[ -z "$(from $source "tcp:127.0.0.1:$(port_of deny)")" ]
		wait_for_log "refuse service=deny peer=$source:"
	done
	[ -z "$(from 127.0.0.1 "tcp:127.0.0.1:$(port_of allow)")" ]
	wait_for_log 'refuse service=allow peer=127.0.0.1:'
	[ "$(from 127.0.0.1 "tcp:127.0.0.1:$(port_of deny)")" = in ]
	# A real IPv6 client fits no IPv4 entry.
	[ -z "$(from '[::1]' "tcp:[::1]:$(port_of allow)")" ]
	[ "$(from '[::1]' "tcp:[::1]:$(port_of deny)")" = in ]
	stop_evinetd
	[ "$(log_lines refuse)" = 4 ]
}

@test "the mapped form of an IPv4 address in deny is not overlooked" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } deny = { "::ffff:127.0.0.2" } }
service "prefix" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "in" } deny = { "::ffff:127.0.0.0/104" } }
service "other" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "other" } }
END
	start_evinetd
	# Either it is not taken at all, or it is taken for what it means.
	if [ -n "$(address_of s)" ]; then
		[ -z "$(from 127.0.0.2 "$(address_of s)")" ]
		[ "$(from 127.0.0.3 "$(address_of s)")" = in ]
	else
		[ "$(log_lines 'config_error service=s')" = 1 ]
	fi
	if [ -n "$(address_of prefix)" ]; then
		[ -z "$(from 127.0.0.2 "$(address_of prefix)")" ]
	else
		[ "$(log_lines 'config_error service=prefix')" = 1 ]
	fi
}

@test "clients of a unix socket are named by the word unix" {
	configure <<END
service "none" { listen = "unix:$PWD/none" exec = { "/bin/echo", "in" } }
service "unix" { listen = { "unix:$PWD/unix", "tcp:127.0.0.1:0" } exec = { "/bin/echo", "in" } allow = { "unix" } }
service "net" { listen = { "unix:$PWD/net", "tcp:127.0.0.1:0" } exec = { "/bin/echo", "in" } allow = { "0.0.0.0/0", "::/0" } }
service "deny" { listen = { "unix:$PWD/deny", "tcp:127.0.0.1:0" } exec = { "/bin/echo", "in" } deny = { "unix" } }
service "both" { listen = { "unix:$PWD/both", "tcp:127.0.0.1:0" } exec = { "/bin/echo", "in" } allow = { "unix", "127.0.0.1" } deny = { "unix" } }
service "rest" { listen = "unix:$PWD/rest" exec = { "/bin/echo", "in" } deny = { "0.0.0.0/0", "::/0" } }
END
	start_evinetd --log-format json
	[ "$(ask unix:none)" = in ]
	[ "$(ask unix:unix)" = in ]
	[ -z "$(ask "$(address_of unix 2)")" ]
	[ -z "$(ask unix:net)" ]
	[ "$(ask "$(address_of net 2)")" = in ]
	[ -z "$(ask unix:deny)" ]
	[ "$(ask "$(address_of deny 2)")" = in ]
	[ -z "$(ask unix:both)" ]
	[ "$(ask "$(address_of both 2)")" = in ]
	[ "$(ask unix:rest)" = in ]
	refusals_are 4 '.reason == "deny"'
	[ "$(events refuse | jq -r .service | sort | xargs)" = "both deny net unix" ]
}

@test "an entry that cannot be read opens nothing" {
	local entries=(127.0.0.1/33 127.0.0.300 127.0.0.1/ 127.0.0.1/-1 127.0.0.1/8x /8 ::1/129 ::g 0x7f.1 '' ' ' '127.0.0.1 ')
	local entry key n=0
	for key in allow deny; do
		for entry in "${entries[@]}"; do
			n=$((n + 1))
			echo "service \"bad$n\" { listen = \"tcp:127.0.0.1:0\" exec = { \"/bin/echo\", \"in\" } $key = { \"10.0.0.0/8\", \"$entry\" } }"
		done
	done >"$CONF"
	echo 'service "good" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "good" } }' >>"$CONF"
	start_evinetd --log-format json
	[ "$(ask "$(address_of good)")" = good ]
	local i
	for i in $(seq 1 $n); do
		[ "$(event_count config_error ".service == \"bad$i\" and .line == $i and (.key == \"allow\" or .key == \"deny\")")" = 1 ]
		[ -z "$(address_of "bad$i")" ]
	done
	stop_evinetd
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	for i in $(seq 1 $n); do
		grep -qF "$CONF:$i: " <<<"$output"
	done
}

@test "a service that hands over its listening socket keeps its lists all the same" {
	# With wait = true only the program sees who comes, so the kernel drops those who may not.
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo ran >>ran" wait = true allow = {} }
service "dgram" { listen = "udp:127.0.0.1:0" shell = "echo ran >>ran" wait = true allow = {} }
service "good" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "good" } }
END
	start_evinetd
	echo hello >"/dev/udp/127.0.0.1/$(port_of dgram)"
	run socat - "TCP:127.0.0.1:$(port_of s),connect-timeout=0.5" </dev/null
	[[ $status != 0 && $output == *"timed out"* ]]
	[ "$(ask "$(address_of good)")" = good ]
	[ "$(log_lines 'start service=s')" = 0 ]
	[ "$(log_lines 'start service=dgram')" = 0 ]
	[ ! -e ran ]
}

# --- what a refusal is ---

@test "a refusal starts nothing and is told once" {
	run_traced -e trace=clone,clone3,fork,vfork,execve
	configure <<END
service "deny" { listen = "tcp:127.0.0.1:0" shell = "echo deny >>$PWD/ran; exec /bin/cat" deny = { "127.0.0.1" } }
service "instances" { listen = "tcp:127.0.0.1:0" shell = "echo instances >>$PWD/ran; exec /bin/cat" instances = 1 when_full = "refuse" }
service "per_source" { listen = "tcp:127.0.0.1:0" shell = "echo per_source >>$PWD/ran; exec /bin/cat" per_source = 1 }
service "rate" { listen = "tcp:127.0.0.1:0" shell = "echo rate >>$PWD/ran; exec /bin/cat" rate = "1/1h" when_full = "refuse" }
END
	start_evinetd --log-format json
	python_clients <<'END'
kept = [Client(a) for a in (INSTANCES, PER_SOURCE, RATE)]
assert all(c.answers() for c in kept)
for address in (DENY, INSTANCES, PER_SOURCE, RATE):
    assert not any(c.answers() for c in [Client(address) for _ in range(6)]), address
assert all(c.answers() for c in kept)
END
	refusals_are 24 '.service == .reason'
	[ "$(event_count refuse)" = 24 ]
	# No two are of the same client.
	[ "$(events refuse | jq -r '.service + .peer' | sort -u | wc -l)" = 24 ]
	[ "$(events start | jq -r .service | sort | xargs)" = "instances per_source rate" ]
	[ "$(event_count end)" = 3 ]
	[ "$(sort ran | xargs)" = "instances per_source rate" ]
	# A shell and a cat for each of the three, and the daemon itself.
	[ "$(grep -c 'execve(' trace)" = 7 ]
	[ "$(grep -cE '(clone3?|v?fork)\(' trace)" = 3 ]
}
