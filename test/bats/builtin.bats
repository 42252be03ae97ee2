load helper

# Runs a Python client where the daemon is: `client [ARG...]` with the program on standard input. It
# has udp(family, source, port), a socket that gives up waiting after a while.
client() {
	{
		cat <<'END'
import socket, struct, sys, time
def udp(family=socket.AF_INET, source="", port=0):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((source, port))
    s.settimeout(20)
    return s
def nothing(s):
    s.setblocking(False)
    try:
        sys.exit("an answer came: %r" % (s.recvfrom(100),))
    except BlockingIOError:
        s.settimeout(20)
END
		cat
	} >client.py
	if [ "${#NAMESPACE[@]}" -gt 0 ]; then
		nsenter -t "$DAEMON" -n python3 client.py "$@"
	else
		python3 client.py "$@"
	fi
}

# A network of the daemon's own, where ports may be chosen and addresses added.
own_network() {
	need_root
	need_namespace n
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && ip addr add fd00::5/64 dev lo nodad && exec "$@"' sh
}

all_five() {
	configure <<END
service "echo" { listen = { "$1:127.0.0.1:0", "unix${2-}:$PWD/echo" } handler = "echo" }
service "discard" { listen = { "$1:127.0.0.1:0", "unix${2-}:$PWD/discard" } handler = "discard" }
service "chargen" { listen = { "$1:127.0.0.1:0", "unix${2-}:$PWD/chargen" } handler = "chargen" }
service "daytime" { listen = { "$1:127.0.0.1:0", "unix${2-}:$PWD/daytime" } handler = "daytime" }
service "time" { listen = { "$1:127.0.0.1:0", "unix${2-}:$PWD/time" } handler = "time" }
END
}

@test "echo, daytime and time answer on a stream" {
	all_five tcp
	start_evinetd
	local n
	for n in 1 2; do
		[ "$(ask "$(address_of echo $n)" 'hello world')" = 'hello world' ]
		# One line, with the year that it is.
		ask "$(address_of daytime $n)" >line
		[ "$(wc -l <line)" = 1 ]
		tr -d '\r\n' <line | grep -qw "$(date +%Y)"
		[ "$(tail -c 2 line | od -An -tx1 | xargs)" = "0d 0a" ]
		# Seconds since 1900, in four bytes.
		ask "$(address_of time $n)" >four
		[ "$(wc -c <four)" = 4 ]
		local seconds now
		seconds=$((16#$(od -An -tx1 four | tr -d ' ')))
		now=$(($(date +%s) + 2208988800))
		[ "$seconds" -le "$now" ] && [ "$seconds" -ge $((now - 10)) ]
	done
}

@test "discard takes everything and says nothing" {
	all_five tcp
	start_evinetd
	[ -z "$(head -c 3000000 /dev/zero | socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of discard)")" ]
	wait_for_log 'end service=discard'
	grep -a 'end service=discard' "$LOG" | grep -q how=eof
}

@test "chargen writes rotating lines of 72 characters until the client goes" {
	all_five tcp
	start_evinetd
	client "$(port_of chargen)" <<'END'
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
data = b""
while len(data) < 200 * 74:
    data += s.recv(65536)
lines = data.split(b"\r\n")[:200]
ring = bytes(range(33, 127))
start = ring.find(lines[0][:1])
if start < 0:
    ring = bytes(range(32, 127))
    start = ring.find(lines[0][:1])
for i, line in enumerate(lines):
    assert len(line) == 72, line
    want = bytes(ring[(start + i + j) % len(ring)] for j in range(72))
    assert line == want, (i, line, want)
END
	wait_for_log 'end service=chargen'
}

@test "echo gives back ten million bytes, and the rest after a half-close" {
	all_five tcp
	start_evinetd
	head -c 10000000 /dev/urandom >sent
	socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of echo)" <sent >got
	cmp sent got
	socat -t "$PATIENCE" - UNIX-CONNECT:echo <sent >got
	cmp sent got
	wait_for_log 'end service=echo' 2
	[ "$(grep -a 'end service=echo' "$LOG" | grep -c 'how=eof')" = 2 ]
}

@test "a client that does not read what echo and chargen send costs no memory" {
	all_five tcp
	start_evinetd
	# A sanitizer keeps what is freed for a while.
	client "$(port_of echo)" "$(port_of chargen)" "$DAEMON" "${SANITIZED:+64}" <<'END'
def resident():
    with open("/proc/%s/statm" % sys.argv[3]) as f:
        return int(f.read().split()[1]) * 4096
before = resident()
greedy = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20)
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
chunk = bytes(65536)
sent = 0
s.settimeout(0.5)
try:
    while sent < 256 << 20:
        sent += s.send(chunk)
    sys.exit("all of it was taken")
except TimeoutError:
    pass
assert resident() - before < int(sys.argv[4] or 8) << 20, resident() - before
# It is all still there.
s.settimeout(20)
s.shutdown(socket.SHUT_WR)
got = 0
while True:
    data = s.recv(1 << 20)
    if not data:
        break
    got += len(data)
assert got == sent, (got, sent)
END
}

@test "echo, chargen, daytime and time answer a datagram with a datagram, discard does not" {
	all_five udp
	start_evinetd
	client "$(port_of echo)" "$(port_of discard)" "$(port_of chargen)" "$(port_of daytime)" "$(port_of time)" <<'END'
echo, discard, chargen, daytime, tm = (("127.0.0.1", int(p)) for p in sys.argv[1:])
s = udp(source="127.0.0.1")
def ask(address, question):
    s.sendto(question, address)
    answer, sender = s.recvfrom(65536)
    assert sender == address, (sender, address)
    return answer
for size in 1, 1000, 9000, 60000:
    assert ask(echo, bytes(size)) == bytes(size), size
answer = ask(chargen, b"")
assert len(answer) <= 512, len(answer)
answer = ask(daytime, b"x")
assert answer.endswith(b"\r\n") and time.strftime("%Y").encode() in answer, answer
answer = ask(tm, b"")
assert len(answer) == 4
assert abs(struct.unpack("!I", answer)[0] - 2208988800 - time.time()) < 10
s.sendto(b"nobody answers", discard)
assert ask(echo, b"after") == b"after"
nothing(s)
END
}

@test "an empty datagram is echoed as an empty datagram" {
	all_five udp
	start_evinetd
	client "$(port_of echo)" <<'END'
s = udp(source="127.0.0.1")
s.settimeout(5)
s.sendto(b"", ("127.0.0.1", int(sys.argv[1])))
assert s.recv(10) == b""
END
}

@test "a unix datagram is answered if its sender has a name" {
	all_five udp -dgram
	start_evinetd
	client <<'END'
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(20)
# Nobody can answer this one.
nameless = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
nameless.sendto(b"no name", "echo")
s.bind("client")
s.sendto(b"hello", "echo")
assert s.recvfrom(100)[0] == b"hello"
s.sendto(b"", "time")
assert len(s.recv(100)) == 4
END
	kill -0 "$DAEMON"
}

@test "a datagram is answered from the address that it was sent to" {
	own_network
	need_ipv6
	configure <<'END'
service "star" { listen = "udp:*:0" handler = "echo" }
service "both" { listen = "udp:*:0" v6only = false handler = "echo" }
service "zero" { listen = "udp:0.0.0.0:0" handler = "daytime" }
END
	start_evinetd
	client "$(port_of star)" "$(port_of both)" "$(port_of zero)" <<'END'
star, both, zero = map(int, sys.argv[1:])
four, six = udp(), udp(socket.AF_INET6, "::")
for port in star, both, zero:
    for host in "127.0.0.5", "127.0.0.1", "127.1.2.3":
        four.sendto(b"hello", (host, port))
        answer, sender = four.recvfrom(100)
        assert sender == (host, port), (sender, host, port)
for port in star, both:
    for host in "fd00::5", "::1":
        six.sendto(b"hello", (host, port))
        answer, sender = six.recvfrom(100)
        assert sender[:2] == (host, port), (sender, host, port)
END
}

@test "a burst of fifty datagrams gets fifty answers" {
	all_five udp
	start_evinetd
	client "$(port_of echo)" "$(port_of time)" <<'END'
for port in sys.argv[1:]:
    s = udp(source="127.0.0.1")
    for i in range(50):
        s.sendto(b"%d" % i, ("127.0.0.1", int(port)))
    answers = [s.recv(100) for i in range(50)]
    if port == sys.argv[1]:
        assert sorted(map(int, answers)) == list(range(50)), answers
END
}

@test "no answer goes to a port where such a service may be" {
	own_network
	all_five udp
	start_evinetd
	client "$(port_of echo)" "$(port_of chargen)" "$(port_of time)" <<'END'
echo, chargen, tm = (("127.0.0.1", int(p)) for p in sys.argv[1:])
honest = udp(source="127.0.0.1")
# The well-known ones, and those that this daemon has, wherever they claim to be.
loops = [udp(source="127.0.0.9", port=p) for p in (7, 9, 13, 19, 37, echo[1], chargen[1])]
for address in echo, chargen, tm:
    for s in loops:
        s.sendto(b"loop", address)
    honest.sendto(b"honest", address)
    # Looked at after those before it.
    honest.recv(1000)
    for s in loops:
        nothing(s)
END
}

@test "two of these services cannot be made to talk to each other for ever" {
	own_network
	configure <<'END'
service "one" { listen = "udp:127.0.0.1:0" handler = "echo" }
service "two" { listen = "udp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	client "$(port_of one)" "$(port_of two)" <<'END'
one, two = map(int, sys.argv[1:])
def received():
    # Of this network, not of the process's own.
    with open("/proc/self/net/snmp") as f:
        head, values = [line.split() for line in f if line.startswith("Udp:")]
    return int(values[head.index("InDatagrams")])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
payload = b"ping-pong"
home = socket.inet_aton("127.0.0.1")
total = 28 + len(payload)
packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 1, 0, 64, 17, 0, home, home)
packet += struct.pack("!HHHH", one, two, 8 + len(payload), 0) + payload
before = received()
raw.sendto(packet, ("127.0.0.1", 0))
s = udp(source="127.0.0.1")
for port in two, one, two, one:
    s.sendto(b"done?", ("127.0.0.1", port))
    assert s.recv(100) == b"done?"
# The one that was forged, and four questions with their answers.
assert received() - before == 9, received() - before
END
}

@test "idle_timeout and timeout end a built-in session, and only the one that is idle" {
	configure <<'END'
service "idle" { listen = "tcp:127.0.0.1:0" handler = "echo" idle_timeout = 1s }
service "long" { listen = "tcp:127.0.0.1:0" handler = "chargen" timeout = 300ms }
END
	start_evinetd --log-format json
	client "$(port_of idle)" "$(port_of long)" <<'END'
idle, busy, long = (socket.create_connection(("127.0.0.1", int(sys.argv[i])), 20) for i in (1, 1, 2))
while long.recv(1 << 20):
    pass
# Past the limit as a whole, but never for long without a byte.
for i in range(6):
    busy.sendall(b"x")
    assert busy.recv(1) == b"x"
    time.sleep(0.25)
assert idle.recv(1) == b""
busy.sendall(b"y")
assert busy.recv(1) == b"y"
END
	wait_for_log '"event":"end"' 3
	[ "$(events end '.service == "long"' | jq -r .how)" = timeout ]
	[ "$(events end '.service == "idle"' | jq -r .how | sort | xargs)" = "eof timeout" ]
}

@test "many at once, and clients that vanish, leave nothing behind" {
	all_five tcp
	start_evinetd
	local descriptors
	descriptors=$(find /proc/"$DAEMON"/fd -type l | wc -l)
	client "$(port_of echo)" "$(port_of chargen)" <<'END'
echo, chargen = map(int, sys.argv[1:])
socks = [socket.create_connection(("127.0.0.1", (echo, chargen)[i % 2]), 20) for i in range(100)]
for s in socks[::2]:
    s.sendall(b"hello")
for s in socks[::2]:
    assert s.recv(5) == b"hello"
# Half of them go with a reset.
for i, s in enumerate(socks):
    if i % 4 < 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
END
	wait_for_log ' end service=' 100
	starts_equal_ends
	[ "$(find /proc/"$DAEMON"/fd -type l | wc -l)" = "$descriptors" ]
}
