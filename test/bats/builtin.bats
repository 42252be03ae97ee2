# The services that need no program: what RFC 862 to 864, 867 and 868 say, on streams and datagrams,
# and that they cannot be turned against their own machine.

load helper

# What the clients written in Python share.
setup_file() {
	cat >"$BATS_FILE_TMPDIR/clients.py" <<'END'
import os, re, select, socket, time

PATIENCE = float(os.environ.get("PATIENCE", 20))

def port(address):
    return int(address.rsplit(":", 1)[1])

def host_of(address):
    return address.split(":", 1)[1].rsplit(":", 1)[0].strip("[]")

def stream(address):
    return socket.create_connection((host_of(address), port(address)), PATIENCE)

def datagram(address, host=None, source=None):
    """Connected: it hears only the address that it talks to."""
    host = host or host_of(address)
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(PATIENCE)
    if source:
        s.bind((source, 0))
    s.connect((host, port(address)))
    return s

def everything(s):
    got = b""
    while True:
        part = s.recv(65536)
        if not part:
            return got
        got += part

def ask(s, text=b"hello"):
    s.send(text)
    return s.recv(65536)

def silent(s):
    """Nothing has come. What would have come was sent before something that has been heard."""
    return not select.select([s], [], [], 0)[0]

def is_chargen(text):
    """Lines of 72 printing characters, each beginning with the second one of the line before."""
    lines = text.split(b"\r\n")
    ring = bytes(range(32, 127)) * 2
    for before, line in zip([None] + lines, lines[:-1]):
        if len(line) != 72 or line not in ring:
            return False
        if before is not None and before[1:] != line[:-1]:
            return False
    # The last one may be cut short.
    return len(lines) > 1 and lines[-1].rstrip(b"\r") in ring

def is_now(then, before):
    # What time() says is up to a tick behind.
    return int(before - 0.05) <= then <= int(time.time())

def is_daytime(text, before):
    # One line of printing characters.
    if not re.fullmatch(rb"[ -~]+\r\n", text):
        return False
    return is_now(time.mktime(time.strptime(text.decode().strip())), before)

def is_time(text, before):
    # Seconds since 1900, in 32 bits.
    return len(text) == 4 and is_now(int.from_bytes(text, "big") - 2208988800, before)

def rss(pid):
    """In KiB."""
    return int(re.search(r"VmRSS:\s*(\d+)", open("/proc/%s/status" % pid).read()).group(1))

def room(kib):
    """Sanitizers keep what was freed for a while."""
    return 400000 if os.environ.get("SANITIZED") else kib

def busy(pid):
    """Processor time so far, in ticks."""
    f = open("/proc/%s/stat" % pid).read().rsplit(")", 1)[1].split()
    return int(f[11]) + int(f[12])

def wait_for_log(text, n=1):
    end = time.monotonic() + PATIENCE
    while open("log").read().count(text) < n:
        assert time.monotonic() < end, "the log never said %d times: %s" % (n, text)
        time.sleep(0.02)
END
}

# python_clients [COMMAND...] <<END     standard input is the script, run by the command (nsenter); ECHO,
# ECHO_2 ... are the addresses of the service "echo"
python_clients() {
	local name address
	local -A seen=()
	local variables=()
	while IFS=$'\t' read -r name address; do
		seen[$name]=$((${seen[$name]:-0} + 1))
		[ "${seen[$name]}" = 1 ] || name=${name}_${seen[$name]}
		variables+=("${name^^}=$address")
	done <"$ADDRS"
	{
		echo 'from clients import *'
		echo 'globals().update({k: v for k, v in os.environ.items() if v.startswith(("tcp:", "udp:", "unix"))})'
		echo 'DAEMON = int(os.environ["DAEMON"])'
		cat
	} >script.py
	"$@" env "${variables[@]}" DAEMON="$DAEMON" PATIENCE="$PATIENCE" PYTHONDONTWRITEBYTECODE=1 \
		PYTHONPATH="$BATS_FILE_TMPDIR" python3 script.py
}

# All five, on these addresses; in a path, % is the name of the service.
all_five() {
	local name list
	list=$(printf '"%s", ' "$@")
	for name in echo discard chargen daytime time; do
		echo "service \"$name\" { listen = { ${list%, } } handler = \"$name\" }" | sed "s/%/$name/"
	done | configure
}

# A network of its own, where every port is free; "inside" runs a client there.
own_network() {
	need_root
	need_namespace n
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && exec "$@"' sh
}

inside() {
	nsenter -t "$DAEMON" -n "$@"
}

# --- streams ---

@test "on streams the five services say what their RFC says" {
	need_ipv6
	all_five tcp:127.0.0.1:0 'tcp:[::1]:0'
	start_evinetd
	python_clients <<'END'
for echo, discard, chargen, daytime, clock in (
        (ECHO, DISCARD, CHARGEN, DAYTIME, TIME), (ECHO_2, DISCARD_2, CHARGEN_2, DAYTIME_2, TIME_2)):
    s = stream(echo)
    assert ask(s, b"one") == b"one"
    assert ask(s, b"two\0\r\n") == b"two\0\r\n"
    s.sendall(b"three")
    s.shutdown(socket.SHUT_WR)
    assert everything(s) == b"three"

    s = stream(discard)
    s.sendall(b"x" * 1000000)
    s.shutdown(socket.SHUT_WR)
    assert everything(s) == b""

    s = stream(chargen)
    got = b""
    while len(got) < 74 * 200:
        got += s.recv(65536)
    assert is_chargen(got), got[:200]
    # What the client sends is thrown away.
    s.sendall(b"stop")
    s.close()

    before = time.time()
    assert is_daytime(everything(stream(daytime)), before)
    assert is_time(everything(stream(clock)), before)
END
	wait_for_log ' end service=' 10
	[ "$(log_lines ' start service=')" = 10 ]
}

@test "a client that speaks first to daytime or time still gets the answer and a clean end" {
	all_five tcp:127.0.0.1:0
	start_evinetd
	python_clients <<'END'
for address, length in (DAYTIME, 26), (TIME, 4):
    for half_close in False, True:
        for _ in range(10):
            s = stream(address)
            s.sendall(b"what time is it?\n" * 1000)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            # A reset would be an exception.
            assert len(everything(s)) == length
END
	wait_for_log ' end service=' 40
}

@test "every stream has one start and one end" {
	all_five tcp:127.0.0.1:0
	start_evinetd --log-format json
	local name
	for name in echo discard daytime time; do
		ask "$(address_of $name)" question >/dev/null
	done
	connect 5 "$(port_of chargen)"
	head -c 1000 <&5 >/dev/null
	disconnect 5
	wait_for_log '"event":"end"' 5
	for name in echo discard chargen daytime time; do
		[ "$(event_count start ".service == \"$name\"")" = 1 ]
		[ "$(event_count start ".service == \"$name\" and .local == \"127.0.0.1:$(port_of $name)\"")" = 1 ]
		[ "$(event_count start ".service == \"$name\" and (.peer | startswith(\"127.0.0.1:\"))")" = 1 ]
		[ "$(event_count end ".service == \"$name\" and .ms >= 0 and .ms < 10000")" = 1 ]
		[ "$(events start ".service == \"$name\"" | jq -c '[.session, .peer]')" = "$(events end ".service == \"$name\"" | jq -c '[.session, .peer]')" ]
	done
	# The client ends it, or the service does; chargen is left with what nobody read.
	[ "$(event_count end '(.service == "echo" or .service == "discard") and .how == "eof"')" = 2 ]
	[ "$(event_count end '(.service == "daytime" or .service == "time") and .how == "exit"')" = 2 ]
	[ "$(event_count end '.service == "chargen" and (.how == "eof" or .how == "error")')" = 1 ]
	stop_evinetd
	[ "$(event_count end)" = 5 ]
	[ "$(events start | jq .session | sort -u | wc -l)" = 5 ]
}

@test "10 MB through echo come back byte for byte while they are sent, and after the half-close" {
	configure <<END
service "echo" { listen = { "tcp:127.0.0.1:0", "unix:$PWD/echo" } handler = "echo" }
END
	start_evinetd
	head -c 10000000 /dev/urandom >sent
	socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of echo)" <sent >back
	cmp sent back
	socat -t "$PATIENCE" - UNIX-CONNECT:echo <sent >back
	cmp sent back
	wait_for_log ' end service=echo' 2
}

@test "an echo client that only sends has to wait, and gets all of it when it reads" {
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	python_clients <<'END'
data = os.urandom(1 << 20) * 64
s = stream(ECHO)
before = rss(DAEMON)
s.setblocking(False)
sent = 0
while select.select([], [s], [], 0.5)[1]:
    sent += s.send(data[sent:sent + 65536])
    assert sent < len(data) - 65536, "it takes all and keeps it"
assert rss(DAEMON) - before < room(4096), rss(DAEMON) - before
s.settimeout(PATIENCE)
s.shutdown(socket.SHUT_WR)
assert everything(s) == data[:sent]
END
	wait_for_log ' end service=echo'
}

@test "chargen clients that do not read cost neither memory nor time" {
	all_five tcp:127.0.0.1:0
	start_evinetd
	python_clients <<'END'
import array, fcntl, termios

def waiting(s):
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    return n[0]

before = rss(DAEMON)
lazy = [stream(CHARGEN) for _ in range(20)]
# Until nothing more comes to any of them.
last = None
while True:
    now = [waiting(s) for s in lazy]
    if now == last and all(now):
        break
    last = now
    time.sleep(0.3)
assert rss(DAEMON) - before < room(20 * 512), rss(DAEMON) - before
spent = busy(DAEMON)
# The others are served meanwhile.
for _ in range(50):
    s = stream(ECHO)
    assert ask(s) == b"hello"
    s.close()
time.sleep(0.5)
assert busy(DAEMON) - spent < 20, busy(DAEMON) - spent
# And all that waits is right, to well behind what any buffer can have held.
got = 0
line = b""
s = lazy[0]
while got < 20000000:
    part = s.recv(1 << 20)
    assert is_chargen(line + part)
    got += len(part)
    line = (line + part).rsplit(b"\r\n", 2)[1] + b"\r\n" + (line + part).rsplit(b"\r\n", 1)[1]
END
	wait_for_log ' end service=chargen' 20
	starts_equal_ends
}

@test "what comes back from echo on seqpacket sockets is message by message what was sent" {
	configure <<END
service "echo" { listen = "unix-seqpacket:$PWD/echo" handler = "echo" }
END
	start_evinetd
	python_clients <<'END'
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(PATIENCE)
s.connect("echo")
messages = [b"one", b"two" * 1000, b"x", os.urandom(50000)]
for m in messages:
    s.send(m)
for m in messages:
    assert s.recv(65536) == m
END
	wait_for_log ' end service=echo'
}

@test "a chargen client that has nothing to say gets some lines and an end" {
	all_five tcp:127.0.0.1:0
	start_evinetd
	python_clients <<'END'
s = stream(CHARGEN)
s.shutdown(socket.SHUT_WR)
assert is_chargen(everything(s))
END
	wait_for_log ' end service=chargen'
	[ "$(log_lines ' how=eof ')" = 1 ]
}

@test "idle_timeout ends a stream on which nothing moves, and no other" {
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" idle_timeout = 1s }
service "discard" { listen = "tcp:127.0.0.1:0" handler = "discard" idle_timeout = 300ms }
service "chargen" { listen = "tcp:127.0.0.1:0" handler = "chargen" idle_timeout = 300ms }
service "limited" { listen = "tcp:127.0.0.1:0" handler = "echo" timeout = 500ms }
END
	start_evinetd --log-format json
	python_clients <<'END'
talks, idle, unread, limited = (stream(a) for a in (ECHO, DISCARD, CHARGEN, LIMITED))
for _ in range(7):
    assert ask(talks) == b"hello"
    time.sleep(0.2)
assert everything(idle) == b""
assert everything(limited) == b""
# It goes on while one direction moves.
assert ask(talks) == b"hello"
assert everything(talks) == b""
wait_for_log('"how":"timeout"', 4)
END
	stop_evinetd
	[ "$(event_count end '.how == "timeout"')" = 4 ]
	[ "$(event_count end)" = 4 ]
	[ "$(event_count end '.service == "echo" and .ms >= 2300')" = 1 ]
	[ "$(event_count end '.service == "discard" and .ms >= 250 and .ms < 1400')" = 1 ]
	[ "$(event_count end '.service == "limited" and .ms >= 450 and .ms < 1400')" = 1 ]
}

# --- datagrams ---

@test "on datagrams the five services say what their RFC says" {
	need_ipv6
	all_five udp:127.0.0.1:0 'udp:[::1]:0'
	start_evinetd
	python_clients <<'END'
for echo, discard, chargen, daytime, clock in (
        (ECHO, DISCARD, CHARGEN, DAYTIME, TIME), (ECHO_2, DISCARD_2, CHARGEN_2, DAYTIME_2, TIME_2)):
    nothing = datagram(discard)
    nothing.send(b"hello")

    s = datagram(echo)
    assert ask(s, b"one\0two") == b"one\0two"
    # The longest that there can be.
    longest = os.urandom(65507 if "." in echo else 65527)
    assert ask(s, longest) == longest

    for question in b"", b"hello", b"x" * 2000:
        got = ask(datagram(chargen), question)
        assert len(got) <= 512 and is_chargen(got), got
        before = time.time()
        assert is_daytime(ask(datagram(daytime), question), before)
        assert is_time(ask(datagram(clock), question), before)
    assert silent(nothing)
END
	# A datagram is no session.
	[ "$(log_lines ' start ')" = 0 ]
	[ "$(log_lines ' end ')" = 0 ]
}

@test "an empty datagram to echo is answered by an empty one" {
	configure <<END
service "echo" { listen = { "udp:127.0.0.1:0", "unix-dgram:$PWD/echo" } handler = "echo" }
END
	start_evinetd
	python_clients <<'END'
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
unix.settimeout(PATIENCE)
unix.bind("client")
unix.connect("echo")
for s in datagram(ECHO), unix:
    s.send(b"")
    # In this order, and both.
    s.send(b"full")
    assert s.recv(100) == b""
    assert s.recv(100) == b"full"
END
}

@test "a datagram is answered from the address it was sent to" {
	need_ipv6
	configure <<'END'
service "every" { listen = "udp:*:0" handler = "echo" }
service "four" { listen = "udp:0.0.0.0:0" handler = "time" }
service "both" { listen = "udp:*:0" v6only = false handler = "echo" }
service "clock" { listen = "udp:*:0" handler = "daytime" }
service "lines" { listen = "udp:*:0" handler = "chargen" }
END
	start_evinetd
	python_clients <<'END'
hosts = "127.0.0.1", "127.0.0.5", "127.9.8.7"
for host in hosts:
    for address in EVERY, FOUR, BOTH, CLOCK, LINES:
        assert ask(datagram(address, host)), (address, host)
for address in EVERY, BOTH, CLOCK, LINES:
    assert ask(datagram(address, "::1")), address
# One client that hears everybody: each answer comes from the address that was asked.
for address in EVERY, BOTH:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(PATIENCE)
    s.bind(("0.0.0.0", 0))
    for host in hosts:
        s.sendto(host.encode(), (host, port(address)))
    for _ in hosts:
        text, (host, its_port) = s.recvfrom(100)
        assert (text.decode(), its_port) == (host, port(address))
END
}

@test "a burst of 50 datagrams gets 50 answers" {
	all_five udp:127.0.0.1:0
	start_evinetd
	python_clients <<'END'
import signal
questions = [b"question %d" % i for i in range(50)]
s = datagram(ECHO)
others = [datagram(a) for a in (CHARGEN, DAYTIME, TIME)]
clients = [datagram(ECHO) for _ in questions]
# All of them are there before the first is looked at.
os.kill(DAEMON, signal.SIGSTOP)
for q in questions:
    for sender in [s] + others:
        sender.send(q)
os.kill(DAEMON, signal.SIGCONT)
assert sorted(s.recv(1000) for _ in questions) == sorted(questions)
for o in others:
    for _ in questions:
        assert o.recv(1000)
# From 50 clients, too.
for c, q in zip(clients, questions):
    c.send(q)
for c, q in zip(clients, questions):
    assert c.recv(1000) == q
assert all(silent(o) for o in [s] + others + clients)
END
}

@test "more datagrams than are taken at once get an answer each, without those that get none" {
	configure <<'END'
service "echo" { listen = "udp:127.0.0.1:0" handler = "echo" deny = "127.0.0.2" }
service "slow" { listen = "udp:127.0.0.1:0" handler = "echo" rate = "100/1s" rate_burst = 70 }
END
	start_evinetd
	python_clients <<'END'
import signal
questions = [b"question %d" % i for i in range(180)]
s = datagram(ECHO)
slow = datagram(SLOW)
denied = datagram(ECHO, "127.0.0.1", "127.0.0.2")
os.kill(DAEMON, signal.SIGSTOP)
for i, q in enumerate(questions):
    s.send(q)
    if i % 7 == 0:
        denied.send(q)
    if i < 80:
        slow.send(q)
os.kill(DAEMON, signal.SIGCONT)
assert [s.recv(1000) for _ in questions] == questions
# Those past the rate come later, but they come.
assert [slow.recv(1000) for _ in range(80)] == questions[:80]
assert silent(denied)
END
	wait_for_log 'hold service=slow why=rate'
}

@test "long datagrams among short ones come back whole" {
	configure <<END
service "echo" { listen = "udp:127.0.0.1:0" handler = "echo" }
service "unix" { listen = "unix-dgram:$PWD/echo" handler = "echo" }
END
	start_evinetd
	python_clients <<'END'
import signal
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
unix.settimeout(PATIENCE)
unix.bind("client")
unix.connect("echo")
udp = datagram(ECHO)
def exchange(s, *sizes):
    questions = [os.urandom(n) for n in sizes]
    os.kill(DAEMON, signal.SIGSTOP)
    for q in questions:
        s.send(q)
    os.kill(DAEMON, signal.SIGCONT)
    for q in questions:
        assert s.recv(70000) == q, len(q)
exchange(udp, 1, 1535, 1536, 1537, 0, 30000, 2, 20000)
# A place that had a long one has a short one next.
exchange(udp, 20000, 30000, 1)
exchange(udp, 3, 2, 1)
exchange(udp, 1600, 1, 1600, 30000)
exchange(unix, 1, 1535, 1536, 1537, 0, 30000, 2, 20000)
END
}

@test "a port that is such a service gets no answer, and one line says so" {
	own_network
	configure <<'END'
service "echo" { listen = "udp:*:0" handler = "echo" }
service "chargen" { listen = "udp:*:0" handler = "chargen" }
service "time" { listen = "udp:*:0" handler = "time" }
END
	start_evinetd --log-format json
	python_clients inside <<'END'
n = 0
for address in ECHO, CHARGEN, TIME:
    for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        for source in 7, 13, 19, 37:
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((host, source))
            s.sendto(b"hello", (host, port(address)))
            n += 1
            wait_for_log('"event":"refuse"', n)
            # One that is answered is answered after it.
            assert ask(datagram(address, host))
            assert silent(s), (address, host, source)
            s.close()
END
	stop_evinetd
	[ "$(event_count refuse)" = 24 ]
	[ "$(events refuse | jq -r .peer | sort -u | xargs)" = "127.0.0.1:13 127.0.0.1:19 127.0.0.1:37 127.0.0.1:7 [::1]:13 [::1]:19 [::1]:37 [::1]:7" ]
	[ "$(event_count refuse '(.reason // "") == ""')" = 0 ]
}

@test "two services of one daemon cannot be set to talk to each other" {
	own_network
	configure <<'END'
service "echo" { listen = "udp:127.0.0.1:0" handler = "echo" }
service "chargen" { listen = "udp:127.0.0.1:0" handler = "chargen" }
service "every" { listen = "udp:*:0" handler = "echo" }
END
	start_evinetd --log-format json
	python_clients inside <<'END'
import struct
home = "127.0.0.1"

def forge(source, to):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    raw.bind((source[0], 0))
    raw.sendto(struct.pack("!HHHH", source[1], to[1], 8 + 5, 0) + b"hello", (to[0], 0))

def counters():
    names, values = [l.split() for l in open("/proc/net/snmp") if l.startswith("Udp:")]
    return {k: int(v) for k, v in zip(names[1:], values[1:])}

pairs = [
    ((home, port(CHARGEN)), (home, port(ECHO))),
    ((home, port(ECHO)), (home, port(CHARGEN))),
    ((home, port(ECHO)), (home, port(ECHO))),
    ((home, port(EVERY)), (home, port(ECHO))),
    ((home, port(CHARGEN)), ("127.0.0.2", port(EVERY))),
    # With the wildcard, every address of this machine is the service.
    (("127.0.0.3", port(EVERY)), (home, port(ECHO))),
    (("127.0.0.3", port(EVERY)), ("127.0.0.2", port(EVERY))),
]
for n, (source, to) in enumerate(pairs, 1):
    before = counters()
    forge(source, to)
    wait_for_log('"event":"refuse"', n)
    # Besides the forged one only this question and the answer to it were sent and taken.
    assert ask(datagram("udp:%s:%d" % to))
    now = counters()
    assert now["InDatagrams"] - before["InDatagrams"] == 3, (source, to)
    assert now["OutDatagrams"] - before["OutDatagrams"] == 2, (source, to)
END
	stop_evinetd
	[ "$(event_count refuse '(.peer | startswith("127.0.0.")) and (.reason // "") != ""')" = 7 ]
	[ "$(event_count refuse)" = 7 ]
}

@test "allow and deny choose who gets an answer to a datagram" {
	need_ipv6
	configure <<'END'
service "allow" { listen = "udp:127.0.0.1:0" handler = "echo" allow = { "127.0.0.2", "127.0.1.0/24" } }
service "deny" { listen = "udp:127.0.0.1:0" handler = "echo" deny = { "127.0.0.2" } }
service "both" { listen = "udp:127.0.0.1:0" handler = "echo" allow = { "127.0.0.0/8" } deny = { "127.0.0.2" } }
service "nobody" { listen = "udp:127.0.0.1:0" handler = "time" allow = {} }
service "mapped" { listen = "udp6:[::]:0" v6only = false handler = "echo" allow = { "127.0.0.2" } }
END
	start_evinetd --log-format json
	python_clients <<'END'
expected = {
    ALLOW: {"127.0.0.1": 0, "127.0.0.2": 1, "127.0.1.9": 1, "127.0.2.1": 0},
    DENY: {"127.0.0.1": 1, "127.0.0.2": 0},
    BOTH: {"127.0.0.1": 1, "127.0.0.2": 0},
    NOBODY: {"127.0.0.1": 0},
    MAPPED: {"127.0.0.1": 0, "127.0.0.2": 1},
}
refused = []
for address, hosts in expected.items():
    for host, allowed in hosts.items():
        s = datagram(address, "127.0.0.1", host)
        if allowed:
            assert ask(s) == b"hello", (address, host)
        else:
            s.send(b"hello")
            refused.append(s)
            wait_for_log('"peer":"%s:%d"' % s.getsockname())
assert all(silent(s) for s in refused)
open("refused", "w").writelines(sorted("%s:%d\n" % s.getsockname() for s in refused))
END
	stop_evinetd
	[ "$(event_count refuse '.reason == "deny"')" = 6 ]
	[ "$(event_count refuse)" = 6 ]
	events refuse | jq -r .peer | sort | diff refused -
}

@test "a unix datagram is answered to the address that its sender has, and one without is not" {
	configure <<END
service "echo" { listen = { "unix-dgram:$PWD/echo", "unix-dgram:@evinet-$$-$RANDOM" } handler = "echo" }
service "time" { listen = "unix-dgram:$PWD/time" handler = "time" }
service "deny" { listen = "unix-dgram:$PWD/deny" handler = "echo" deny = { "unix" } }
END
	start_evinetd
	python_clients <<'END'
def client(name, to):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.settimeout(PATIENCE)
    if name:
        s.bind(name)
    s.connect(to)
    return s

nameless = client(None, "echo")
nameless.send(b"nobody")
s = client("client", "echo")
assert ask(s) == b"hello"
longest = os.urandom(60000)
assert ask(s, longest) == longest
assert silent(nameless)
abstract = "\0" + ECHO_2[len("unix-dgram:@"):]
assert ask(client("\0evinet-client-%d" % os.getpid(), abstract)) == b"hello"
before = time.time()
assert is_time(ask(client("other", "time")), before)
denied = client("denied", "deny")
denied.send(b"hello")
wait_for_log("refuse service=deny")
assert ask(s) == b"hello"
assert silent(denied)
# A client that does not fetch its answers loses them, and the daemon does not wait for it. (The kernel
# counts what lies unread as sent by the socket of the service, so that is back once it is fetched.)
lazy = client("lazy", "echo")
for _ in range(1000):
    lazy.send(b"x" * 1000)
assert is_time(ask(client("patient", "time")), before)
lazy.close()
assert ask(s) == b"hello"
# One that is gone holds up nobody.
gone = client("gone", "echo")
gone.send(b"hello")
gone.close()
os.unlink("gone")
assert ask(s) == b"hello"
END
	stop_evinetd
	[ "$(log_lines 'refuse service=deny')" = 1 ]
	# Whoever is told of, even without a name, is told of as what it is.
	[ "$(log_lines ' refuse ')" = "$(log_lines ' peer=unix')" ]
}
