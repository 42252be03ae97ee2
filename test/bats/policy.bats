# When and from where clients are let in, for how long nobody is, and who is banned from everything.

load helper

# The answer to a client with this source address; nothing if it is refused.
from() {
	socat -t "$PATIENCE" - "TCP:${2#tcp:},bind=$1" </dev/null 2>/dev/null || true
}

# Sends one datagram from a source address; whatever is the answer within a moment.
send_from() {
	echo hello | socat -t "${3:-0.1}" - "UDP:${2#udp:},bind=$1" 2>/dev/null || true
}

# The local time of day, some minutes from now.
in_minutes() {
	date -d "$1 minutes" +%H:%M
}

# --- hours ---

@test "outside its hours a service refuses everybody, and others go on" {
	configure <<END
service "now" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } hours = { "$(in_minutes -10)-$(in_minutes 10)" } }
service "later" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } hours = { "$(in_minutes 60)-$(in_minutes 120)", "$(in_minutes 180)-$(in_minutes 181)" } }
service "day" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } hours = "00:00-24:00" }
service "never" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } hours = {} }
END
	start_evinetd
	[ "$(ask "$(address_of now)")" = hello ]
	[ "$(ask "$(address_of day)")" = hello ]
	[ -z "$(ask "$(address_of later)")" ]
	[ -z "$(ask "$(address_of never)")" ]
	wait_for_log 'refuse service=later'
	wait_for_log 'refuse service=never'
	[ "$(log_lines 'reason=hours')" = 2 ]
	[ "$(log_lines 'start service=later')" = 0 ]
}

@test "an interval that cannot be read is named, and its service refuses to run" {
	configure <<'END'
service "a" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	hours = { "08:00-17:00", "8-17" }
}
service "good" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ $output == *"$CONF:4: service \"a\": hours: "*'"8-17"'* ]]
	start_evinetd
	[ -z "$(address_of a)" ]
	[ "$(ask "$(address_of good)" hello)" = hello ]
}

# --- the machine ---

@test "a busy machine refuses, and so does one with little memory" {
	configure <<'END'
service "load" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } max_load = 0.0001 }
service "memory" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } min_memory = 1000000G }
service "both" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } max_load = 100000 min_memory = 1K }
END
	[ "$(awk '{ print ($1 > 0) }' /proc/loadavg)" = 1 ] || skip "this machine has nothing to do"
	start_evinetd
	[ -z "$(ask "$(address_of load)")" ]
	[ -z "$(ask "$(address_of memory)")" ]
	[ "$(ask "$(address_of both)")" = hello ]
	wait_for_log 'refuse service=load peer=127.0.0.1:'
	wait_for_log 'reason=load'
	wait_for_log 'refuse service=memory peer=127.0.0.1:'
	wait_for_log 'reason=memory'
}

# --- sources ---

@test "the clients of one network share its places, and get them back" {
	configure <<'END'
service "net" { listen = "tcp:127.0.0.1:0" handler = "echo" per_prefix = 2 prefix_ipv4 = 16 }
service "unix" { listen = "unix:@policy-per-prefix" handler = "echo" per_prefix = 1 }
END
	start_evinetd
	cat >script.py <<'END'
import socket, sys, time
def client(source):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20, (source, 0))
    s.settimeout(20)
    return s
def answers(s):
    try:
        s.sendall(b"x")
        return s.recv(1) == b"x"
    except (ConnectionResetError, BrokenPipeError):
        return False
a, b = client("127.1.0.1"), client("127.1.200.2")
assert answers(a) and answers(b)
assert not answers(client("127.1.0.1"))
assert not answers(client("127.1.77.7"))
assert answers(client("127.2.0.1"))
a.close()
while not answers(client("127.1.77.7")):
    time.sleep(0.02)
# A user is a network of his own.
u = socket.socket(socket.AF_UNIX); u.connect("\0policy-per-prefix"); assert answers(u)
v = socket.socket(socket.AF_UNIX); v.connect("\0policy-per-prefix"); assert not answers(v)
END
	python3 script.py "$(port_of net)"
	wait_for_log 'reason=per_prefix' 3
	[ "$(log_lines 'refuse service=net peer=127.2.')" = 0 ]
}

@test "one client that comes too often is refused, and the others are served" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } per_source_rate = 2/1h }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" per_source_rate = 1/1h }
END
	start_evinetd
	local address i
	address=$(address_of s)
	[ "$(from 127.0.9.1 "$address")" = hello ]
	[ "$(from 127.0.9.1 "$address")" = hello ]
	[ -z "$(from 127.0.9.1 "$address")" ]
	[ -z "$(from 127.0.9.1 "$address")" ]
	[ "$(from 127.0.9.2 "$address")" = hello ]
	wait_for_log 'reason=per_source_rate' 2
	[ "$(send_from 127.0.9.1 "$(address_of dgram)" 2)" = hello ]
	[ -z "$(send_from 127.0.9.1 "$(address_of dgram)")" ]
	[ "$(send_from 127.0.9.2 "$(address_of dgram)" 2)" = hello ]
	wait_for_log 'refuse service=dgram peer=127.0.9.1:'
}

# --- pauses ---

@test "past the rate everybody waits for the pause, and everybody is served then" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } rate = 3/100ms rate_pause = 700ms when_full = "refuse" }
END
	start_evinetd --log-format json
	[ "$("$TOOL/client" -n 6 -c 6 -a 'hello\n' "$(address_of s)")" = "ok=6 reset=0 short=0 error=0" ]
	stop_evinetd
	[ "$(event_count refuse)" = 0 ]
	[ "$(event_count start)" = 6 ]
	[ "$(event_count hold '.why == "rate"')" = 1 ]
	[ "$(event_count hold '.why == "rate" and .ms == 700')" = 1 ]
	[ "$(event_count release '.why == "rate"')" = 1 ]
	# Three before, and none between the two.
	[ "$(grep -aoE '"event":"(start|hold|release)"' "$LOG" | head -5 | tr -d '\n"' | sed 's/event://g')" = startstartstartholdrelease ]
}

@test "exactly as many clients as the rate lets through begin no pause" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } rate = 3/1h rate_pause = 1h }
END
	start_evinetd
	[ "$("$TOOL/client" -n 3 -c 3 -a 'hello\n' "$(address_of s)")" = "ok=3 reset=0 short=0 error=0" ]
	wait_for_log 'end service=s' 3
	[ "$(log_lines 'hold service=s')" = 0 ]
	# One more does, and is told that it is refused when the daemon ends before the pause does.
	connect 5 "$(port_of s)"
	wait_for_log 'hold service=s why=rate ms=3600000'
	[ "$(log_lines refuse)" = 0 ]
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines 'refuse service=s peer=127.0.0.1:')" = 1 ]
}

@test "B8: sessions that run while a pause ends are counted on" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 3 rate = 2/2s rate_pause = 300ms }
END
	start_evinetd
	local fd
	for fd in 5 6 7 8; do
		connect $fd "$(port_of s)"
		say $fd "$fd"
	done
	[ "$(hear 5)" = 5 ]
	[ "$(hear 6)" = 6 ]
	[ "$(hear 7)" = 7 ]
	wait_for_log 'release service=s why=rate'
	wait_for_log 'hold service=s why=full'
	[ "$(log_lines 'start service=s')" = 3 ]
	disconnect 5
	[ "$(hear 8)" = 8 ]
	[ "$(log_lines 'start service=s')" = 4 ]
}

@test "datagrams wait in the queue while there is a pause" {
	configure <<'END'
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" rate = 2/100ms rate_pause = 500ms }
END
	start_evinetd
	cat >script.py <<'END'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.connect(("127.0.0.1", int(sys.argv[1])))
for i in range(3):
    s.send(b"%d" % i)
assert [s.recv(10) for _ in range(2)] == [b"0", b"1"]
before = time.monotonic()
assert s.recv(10) == b"2"
END
	python3 script.py "$(port_of dgram)"
	[ "$(log_lines 'hold service=dgram why=rate ms=500')" = 1 ]
	[ "$(log_lines 'release service=dgram why=rate')" = 1 ]
	[ "$(log_lines refuse)" = 0 ]
}

@test "B9: the port is never given up in a pause, so that the service comes back for certain" {
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } rate = 1/100ms rate_pause = 1s }
END
	start_evinetd
	cat >script.py <<'END'
import socket, sys, time
port = int(sys.argv[1])
clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(2)]
end = time.monotonic() + 20
while "hold service=s why=rate" not in open("log").read():
    assert time.monotonic() < end
    time.sleep(0.01)
for reuse in 0, 1:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        s.bind(("127.0.0.1", port))
        s.listen()
        assert False, "somebody else has the port"
    except OSError:
        pass
assert "release" not in open("log").read(), "the machine is too slow for this test"
assert [c.recv(10) for c in clients] == [b"hello\n"] * 2
END
	python3 script.py "$(port_of s)"
}

@test "a program that has the socket is not started in a pause, and then for what waits" {
	configure <<END
service "s" {
	listen = "udp:127.0.0.1:0"
	exec = { "python3", "-c", "import os, socket; s = socket.socket(fileno=0); open('$PWD/seen', 'a').write(s.recv(10).decode())" }
	wait = true
	rate = 2/1h
	rate_burst = 2
	rate_pause = 1h
}
service "short" {
	listen = "tcp:127.0.0.1:0"
	exec = { "python3", "-c", "import socket; s = socket.socket(fileno=0); s.accept()[0].sendall(b'hello')" }
	wait = true
	rate = 1/3s
	rate_pause = 100ms
}
END
	start_evinetd
	for i in 1 2 3; do
		echo $i >"/dev/udp/127.0.0.1/$(port_of s)"
	done
	wait_for_log 'hold service=s why=rate ms=3600000'
	wait_for_log 'end service=s' 2
	[ "$(tr '\n' ' ' <seen)" = "1 2 " ]
	# A pause shorter than the time until the next token lasts until then.
	connect 5 "$(port_of short)"
	connect 6 "$(port_of short)"
	[ "$(cat <&5)" = hello ]
	[ "$(cat <&6)" = hello ]
	[ "$(log_lines 'hold service=short why=rate ms=2')" = 1 ]
	[ "$(log_lines 'start service=short')" = 2 ]
}

# --- bans ---

@test "B28: whoever touches a sensor is refused by all services, and nobody else is" {
	configure <<'END'
service "trap" { listen = "tcp:127.0.0.1:0" ban = "1h" deny = "127.0.8.200" }
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd --log-format json
	[ "$(from 127.0.8.0 "$(address_of s)")" = hello ]
	[ -z "$(from 127.0.8.0 "$(address_of trap)")" ]
	[ -z "$(from 127.0.8.0 "$(address_of s)")" ]
	[ -z "$(send_from 127.0.8.0 "$(address_of dgram)")" ]
	# The address is one address, whatever it ends in.
	[ "$(from 127.0.8.1 "$(address_of s)")" = hello ]
	[ "$(send_from 127.0.8.1 "$(address_of dgram)" 2)" = hello ]
	# Who is denied there is not banned; a second hit is told, and is no new ban.
	[ -z "$(from 127.0.8.200 "$(address_of trap)")" ]
	[ "$(from 127.0.8.200 "$(address_of s)")" = hello ]
	[ -z "$(from 127.0.8.0 "$(address_of trap)")" ]
	stop_evinetd
	[ "$(event_count ban)" = 1 ]
	[ "$(event_count ban '.service == "trap" and (.peer | startswith("127.0.8.0:")) and .ms == 3600000')" = 1 ]
	[ "$(event_count refuse '.reason == "ban" and .service == "trap"')" = 2 ]
	[ "$(event_count refuse '.reason == "ban" and .service == "s"')" = 1 ]
	[ "$(event_count refuse '.reason == "ban" and .service == "dgram"')" = 1 ]
	[ "$(event_count refuse '.reason == "deny" and .service == "trap"')" = 1 ]
	[ "$(event_count start '.service == "trap"')" = 0 ]
}

@test "a ban ends with its time, and without a time nobody is banned" {
	configure <<'END'
service "short" { listen = "tcp:127.0.0.1:0" ban = "300ms" }
service "none" { listen = "tcp:127.0.0.1:0" ban = "0" }
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	[ -z "$(from 127.0.8.2 "$(address_of none)")" ]
	[ "$(from 127.0.8.2 "$(address_of s)")" = hello ]
	[ -z "$(from 127.0.8.2 "$(address_of short)")" ]
	served_again() { [ "$(from 127.0.8.2 "$(address_of s)")" = hello ]; }
	wait_until served_again
	wait_for_log 'refuse service=none peer=127.0.8.2:'
	[ "$(log_lines ' ban service=')" = 1 ]
}

@test "a sensor for datagrams bans who sends one, and one that is forever says no time" {
	configure <<'END'
service "trap" { listen = "udp:127.0.0.1:0" ban = "forever" }
service "s" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
service "wait" { listen = "udp:127.0.0.1:0" shell = "cat >/dev/null; echo ran >>$PWD/ran" wait = true }
END
	sed -i "s|\$PWD|$PWD|" "$CONF"
	start_evinetd --log-format json
	[ -z "$(send_from 127.0.8.3 "$(address_of trap)")" ]
	wait_for_log '"event":"ban"'
	[ -z "$(from 127.0.8.3 "$(address_of s)")" ]
	[ "$(from 127.0.8.4 "$(address_of s)")" = hello ]
	[ "$(event_count ban '(.peer | startswith("127.0.8.3:")) and (has("ms") | not)')" = 1 ]
	# Nor is a program started for one that is banned.
	send_from 127.0.8.3 "$(address_of wait)"
	wait_until eval '[ "$(event_count refuse ".service == \"wait\"")" = 1 ]'
	[ ! -e ran ]
	[ "$(event_count start '.service == "wait"')" = 0 ]
}

@test "an IPv4 client is banned on IPv6 sockets as well, and a user on unix sockets" {
	need_ipv6
	configure <<'END'
service "trap" { listen = { "tcp:[::]:0", "unix:@policy-ban" } v6only = false ban = "1h" }
service "four" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
service "unix" { listen = "unix:@policy-ban-2" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	from 127.0.8.5 "tcp:127.0.0.1:$(port_of trap)"
	wait_for_log 'ban service=trap peer=127.0.8.5:'
	[ -z "$(from 127.0.8.5 "$(address_of four)")" ]
	[ "$(ask unix:@policy-ban-2)" = hello ]
	ask unix:@policy-ban || true
	[ -z "$(ask unix:@policy-ban-2)" ]
}

@test "what a sensor has no use for is told, and it runs all the same" {
	configure <<'END'
service "trap" {
	listen = "tcp:127.0.0.1:0"
	ban = "1h"
	exec = { "/no/such/program" }
	wait = true
}
service "odd" { listen = "tcp:127.0.0.1:0" handler = "sensor" }
service "wrong" { listen = "tcp:127.0.0.1:0" ban = "soon" }
END
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ $output == *"$CONF:4: "*exec:*sensor* ]]
	[[ $output == *"$CONF:5: "*wait:*sensor* ]]
	[[ $output == *"$CONF:7: service \"odd\": handler: "* ]]
	[[ $output == *"$CONF:8: service \"wrong\": ban: "* ]]
	start_evinetd
	from 127.0.8.6 "$(address_of trap)"
	wait_for_log 'ban service=trap peer=127.0.8.6:'
}

# --- programs that take over the socket ---

@test "datagrams from a denied source never reach a program that has the socket" {
	configure <<END
service "s" {
	listen = "udp:127.0.0.1:0"
	exec = { "python3", "$PWD/server.py" }
	wait = true
	deny = { "127.0.7.0/24" }
	allow = { "127.0.0.0/8" }
}
END
	cat >server.py <<'END'
import socket
s = socket.socket(fileno=0)
s.settimeout(20)
with open("seen", "a") as f:
    while True:
        text, peer = s.recvfrom(100)
        print(peer[0], text.decode().strip(), file=f, flush=True)
        if text == b"end\n":
            break
END
	start_evinetd
	local to
	to=UDP:127.0.0.1:$(port_of s)
	echo one | socat -u - "$to,bind=127.0.7.1"
	echo two | socat -u - "$to,bind=127.0.6.1"
	wait_until grep -q two seen
	echo three | socat -u - "$to,bind=127.0.7.1"
	echo end | socat -u - "$to,bind=127.0.6.2"
	wait_for_log 'end service=s'
	[ "$(cat seen)" = "127.0.6.1 two
127.0.6.2 end" ]
	[ "$(log_lines 'start service=s')" = 1 ]
}

@test "connections from a denied source never reach a program that has the socket" {
	need_ipv6
	configure <<END
service "s" {
	listen = { "tcp:[::]:0" }
	v6only = false
	exec = { "python3", "$PWD/server.py" }
	wait = true
	deny = { "127.0.7.0/24", "::1" }
}
END
	cat >server.py <<'END'
import socket
s = socket.socket(fileno=0)
c, peer = s.accept()
with open("seen", "a") as f:
    print(peer[0], file=f, flush=True)
c.sendall(b"hello\n")
END
	start_evinetd
	local port
	port=$(port_of s)
	# The first packet is dropped, so that these find nobody.
	run socat - "TCP:127.0.0.1:$port,bind=127.0.7.1,connect-timeout=0.5" </dev/null
	[[ $status != 0 && $output == *"timed out"* ]]
	run socat - "TCP:[::1]:$port,connect-timeout=0.5" </dev/null
	[[ $status != 0 && $output == *"timed out"* ]]
	[ "$(log_lines 'start service=s')" = 0 ]
	[ "$(from 127.0.6.1 "tcp:127.0.0.1:$port")" = hello ]
	wait_for_log 'end service=s'
	[ "$(cat seen)" = ::ffff:127.0.6.1 ]
}

@test "a program that takes one datagram is started again at once, however many wait" {
	configure <<END
service "s" {
	listen = "udp:127.0.0.1:0"
	wait   = true
	shell  = "until [ -e $PWD/go ]; do sleep 0.02; done; exec dd bs=2048 count=1 status=none >>$PWD/got"
}
END
	start_evinetd
	local i
	for i in $(seq 60); do
		echo "$i" | socat -u - "UDP:127.0.0.1:$(port_of s)"
	done
	touch go
	wait_for_log 'end service=s' 60
	[ "$(cat got)" = "$(seq 60)" ]
}

@test "a program that has the socket is not started out of hours: what comes is taken and dropped" {
	configure <<END
defaults { hours = "$(in_minutes 60)-$(in_minutes 120)" }
service "stream" { listen = "tcp:127.0.0.1:0" shell = "echo ran >>$PWD/ran" wait = true }
service "dgram" { listen = "udp:127.0.0.1:0" shell = "echo ran >>$PWD/ran" wait = true }
service "load" { listen = "tcp:127.0.0.1:0" shell = "echo ran >>$PWD/ran" wait = true hours = "00:00-24:00" min_memory = 1000000G }
END
	start_evinetd
	[ -z "$(from 127.0.6.1 "$(address_of stream)")" ]
	[ -z "$(from 127.0.6.1 "$(address_of load)")" ]
	send_from 127.0.6.1 "$(address_of dgram)"
	send_from 127.0.6.2 "$(address_of dgram)"
	wait_for_log 'refuse service=stream peer=127.0.6.1:'
	wait_for_log 'refuse service=dgram peer=127.0.6.1:'
	wait_for_log 'refuse service=dgram peer=127.0.6.2:'
	wait_for_log 'refuse service=load peer=127.0.6.1:'
	[ "$(log_lines reason=hours)" = 3 ]
	[ "$(log_lines reason=memory)" = 1 ]
	[ "$(log_lines ' start service=')" = 0 ]
	[ ! -e ran ]
}

@test "lists that cannot be kept for a program that has the socket are named" {
	{
		echo 'service "long" { listen = "tcp:127.0.0.1:0" exec = "/bin/true" wait = true'
		printf 'deny = { "10.9.9.9"'
		for i in $(seq 0 1999); do printf ', "10.%d.%d.1"' $((i / 250)) $((i % 250)); done
		echo ' } }'
		cat <<'END'
service "unix" { listen = "unix:@policy-lists" exec = "/bin/true" wait = true allow = { "127.0.0.1" } }
service "handle" { listen = "fd:3" exec = "/bin/true" wait = true deny = { "127.0.0.1" } }
service "name" { listen = "tcp:127.0.0.1:0" exec = "/bin/true" wait = true deny = { "host.example" } }
service "limits" {
	listen = "tcp:127.0.0.1:0" exec = "/bin/true" wait = true
	per_prefix = 3
	per_source_rate = 3/1s
}
service "fine" { listen = "unix:@policy-lists-2" exec = "/bin/true" wait = true deny = { "127.0.0.1" } }
END
	} | configure
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ $output == *"$CONF:2: service \"long\": deny: "* ]]
	[[ $output == *"$CONF:3: service \"unix\": allow: "* ]]
	[[ $output == *"$CONF:4: service \"handle\": deny: "* ]]
	[[ $output == *"$CONF:5: service \"name\": deny: "* ]]
	[[ $output == *"$CONF:8: service \"limits\": per_prefix: "* ]]
	[[ $output == *"$CONF:9: service \"limits\": per_source_rate: "* ]]
	[[ $output != *'"fine"'* ]]
}

# --- what cannot be meant ---

@test "a pause without a rate and a length without per_prefix are told" {
	configure <<'END'
service "a" {
	listen = "tcp:127.0.0.1:0" handler = "echo"
	rate_pause = 10s
}
service "b" {
	listen = "tcp:127.0.0.1:0" handler = "echo"
	prefix_ipv4 = 16
}
END
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ $output == *"$CONF:3: service \"a\": rate_pause: "* ]]
	[[ $output == *"$CONF:7: warning: service \"b\": prefix_ipv4: "* ]]
}
