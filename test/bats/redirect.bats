# Connections that are passed on to another server: every byte, both ends, and who is to blame if
# there is nobody.

load helper

setup_file() {
	cat >"$BATS_FILE_TMPDIR/peers.py" <<'END'
import os, re, socket, struct, sys, threading, time

PATIENCE = float(os.environ.get("PATIENCE", 20))

def connect(address, source=None):
    kind, rest = address.split(":", 1)
    if kind == "tcp":
        host, port = rest.rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET if kind == "unix-seqpacket" else socket.SOCK_STREAM)
    s.settimeout(PATIENCE)
    s.connect("\0" + rest[1:] if rest[0] == "@" else rest)
    return s

def everything(s):
    got = []
    while True:
        part = s.recv(1 << 20)
        if not part:
            return b"".join(got)
        got.append(part)

def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true: " + what
        time.sleep(0.02)

def log_lines(text):
    return open("log").read().count(text)

def wait_for_log(text, n=1):
    until(lambda: log_lines(text) >= n, text)

def memory(pid):
    """Ours alone, in KiB."""
    return int(re.search(r"RssAnon:\s*(\d+)", open("/proc/%s/status" % pid).read()).group(1))

def tell(port=0):
    """Says that it listens, and where."""
    with open("port.new", "w") as f:
        f.write("%d\n" % port)
    os.rename("port.new", "port")

class Server:
    """What the daemon passes on arrives here."""
    def __init__(self, host="127.0.0.1", family=socket.AF_INET, path=None):
        self.socket = socket.socket(socket.AF_UNIX if path else family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(path or (host, 0))
        self.socket.listen(1024)
    def accept(self):
        s = self.socket.accept()[0]
        s.settimeout(PATIENCE)
        return s
END
}

python_with_tools() {
	PATIENCE="$PATIENCE" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$BATS_FILE_TMPDIR" DAEMON="$DAEMON" python3 "$@"
}

# server <<'END'   a script that runs beside the daemon until the test ends. It calls tell() once it
# listens; its port is in PORT then.
server() {
	{
		echo 'from peers import *'
		cat
	} >server.py
	background env PATIENCE="$PATIENCE" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$BATS_FILE_TMPDIR" \
		python3 server.py
	wait_for_file port
	PORT=$(cat port)
}

client() {
	{
		echo 'from peers import *'
		cat
	} >client.py
	python_with_tools client.py "$@"
}

# A server that says everything again: in a thread for each connection.
echo_server() {
	server <<-'END'
		import threading
		server = Server()
		tell(server.socket.getsockname()[1])
		def serve(s):
		    while True:
		        part = s.recv(1 << 20)
		        if not part:
		            break
		        s.sendall(part)
		    s.close()
		server.socket.settimeout(None)
		while True:
		    s = server.socket.accept()[0]
		    threading.Thread(target=serve, args=(s,), daemon=True).start()
	END
}

@test "a connection passes from IPv4 to IPv6, to a unix socket and to a server that echoes" {
	need_ipv6
	configure <<-CONF
		service "first" { listen = "tcp:127.0.0.1:0" redirect = "unix:@$BATS_TEST_NUMBER.$$.second" }
		service "second" { listen = "unix:@$BATS_TEST_NUMBER.$$.second" redirect = "unix:$PWD/third" }
		service "third" { listen = "unix:$PWD/third" handler = "echo" }
		service "six" { listen = "tcp:[::1]:0" handler = "redirect" redirect = "unix:$PWD/third" }
	CONF
	start_evinetd
	[ "$(ask "$(address_of first)" hello)" = hello ]
	[ "$(ask "$(address_of six)" hello)" = hello ]
	wait_for_log 'end service=first'
	grep -qE 'end service=first .*how=eof status=0 ms=[0-9]+ in=6 out=6$' "$LOG"
}

@test "IPv4 clients reach an IPv6 server" {
	need_ipv6
	server <<-'END'
		server = Server("::1", socket.AF_INET6)
		tell(server.socket.getsockname()[1])
		s = server.accept()
		s.sendall(everything(s).upper())
	END
	configure <<-CONF
		service "six" { listen = "tcp:127.0.0.1:0" redirect = "tcp:[::1]:$PORT" }
	CONF
	start_evinetd
	[ "$(ask "$(address_of six)" hello)" = HELLO ]
}

@test "IPv6 clients reach an IPv4 server, and the end says how many bytes went each way" {
	need_ipv6
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		s = server.accept()
		assert len(everything(s)) == 300000
		s.sendall(b"x" * 5000001)
		s.close()
	END
	configure <<-CONF
		service "four" { listen = "tcp:[::1]:0" redirect = "tcp:127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of four)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"y" * 300000)
		s.shutdown(socket.SHUT_WR)
		assert len(everything(s)) == 5000001
	END
	wait_for_log ' end service=four'
	grep -qE 'end service=four .*how=eof status=0 ms=[0-9]+ in=300000 out=5000001$' "$LOG"
}

@test "messages pass from one seqpacket socket to another as messages" {
	configure <<-CONF
		service "front" { listen = "unix-seqpacket:$PWD/front" redirect = "unix-seqpacket:$PWD/back" }
		service "back" { listen = "unix-seqpacket:$PWD/back" exec = { "/bin/cat" } }
	CONF
	start_evinetd
	client "$PWD/front" <<-'END'
		s = connect("unix-seqpacket:" + sys.argv[1])
		s.send(b"one")
		assert s.recv(100) == b"one"
		s.send(b"three")
		assert s.recv(100) == b"three"
	END
}

@test "of a name with two addresses, one of which refuses, the other serves" {
	need_ipv6
	echo_server
	own_hosts <<-'END'
		::1 two.test
		127.0.0.1 two.test
	END
	configure <<-CONF
		service "name" { listen = "tcp:127.0.0.1:0" redirect = "two.test:$PORT" }
	CONF
	start_evinetd
	for i in 1 2 3; do
		[ "$(ask "$(address_of name)" "hello $i")" = "hello $i" ]
	done
	[ "$(log_lines redirect_error)" = 0 ]
}

@test "a name that does not resolve is told, and the client sees a clean end" {
	own_hosts <<<'127.0.0.1 localhost'
	configure <<-CONF
		service "name" { listen = "tcp:127.0.0.1:0" redirect = "nobody.test:80" }
	CONF
	start_evinetd
	client "$(address_of name)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"x" * 10000)
		assert everything(s) == b""
	END
	wait_for_log 'end service=name'
	grep -qE 'redirect_error service=name session=1 address=nobody.test:80 error="nobody.test port 80: ' "$LOG"
	grep -qE 'end service=name session=1 .*how=error status=0 ms=[0-9]+ in=0 out=0$' "$LOG"
}

@test "a server that refuses is told, and the client sees a clean end" {
	occupy
	kill "$HELPER"
	wait "$HELPER" || true
	configure <<-CONF
		service "tcp" { listen = "tcp:127.0.0.1:0" redirect = "tcp:127.0.0.1:$PORT" }
		service "unix" { listen = "tcp:127.0.0.1:0" redirect = "unix:$PWD/nobody" }
	CONF
	start_evinetd
	client "$(address_of tcp)" "$(address_of unix)" <<-'END'
		for address in sys.argv[1:]:
		    s = connect(address)
		    s.sendall(b"x" * 10000)
		    assert everything(s) == b""
	END
	wait_for_log ' end service=' 2
	grep -qE "redirect_error service=tcp session=[0-9]+ address=tcp:127.0.0.1:$PORT errno=ECONNREFUSED error=" "$LOG"
	grep -qE "redirect_error service=unix session=[0-9]+ address=unix:$PWD/nobody errno=ENOENT error=" "$LOG"
	[ "$(log_lines 'how=error')" = 2 ]
}

@test "a server that does not answer the call is given up after connect_timeout" {
	server <<-'END'
		# A queue of one that is full: whoever comes next is not answered.
		server = socket.socket()
		server.bind(("127.0.0.1", 0))
		server.listen(0)
		own = []
		for _ in range(3):
		    s = socket.socket()
		    s.setblocking(False)
		    s.connect_ex(server.getsockname())
		    own.append(s)
		unix = Server(path="full")
		unix.socket.listen(0)
		for _ in range(2):
		    s = socket.socket(socket.AF_UNIX)
		    s.setblocking(False)
		    s.connect_ex("full")
		    own.append(s)
		tell(server.getsockname()[1])
		time.sleep(PATIENCE * 2)
	END
	configure <<-CONF
		defaults { connect_timeout = "100ms" }
		service "full" { listen = "tcp:127.0.0.1:0" redirect = "tcp:127.0.0.1:$PORT" }
		service "unix" { listen = "tcp:127.0.0.1:0" redirect = "unix:$PWD/full" }
	CONF
	start_evinetd
	[ "$(ask "$(address_of full)" hello)" = "" ]
	[ "$(ask "$(address_of unix)" hello)" = "" ]
	wait_for_log 'errno=ETIMEDOUT'
	wait_for_log 'errno=EAGAIN'
}

@test "a server on a unix socket whose queue was full serves as soon as there is room" {
	server <<-'END'
		unix = Server(path="full")
		unix.socket.listen(0)
		s = socket.socket(socket.AF_UNIX)
		s.connect("full")
		tell()
		wait_for_log("start service=unix")
		unix.accept().close()
		s = unix.accept()
		s.sendall(everything(s))
	END
	configure <<-CONF
		service "unix" { listen = "tcp:127.0.0.1:0" redirect = "unix:$PWD/full" }
	CONF
	start_evinetd
	[ "$(ask "$(address_of unix)" hello)" = hello ]
}

@test "B18: an answer that comes long after the client has ended its side arrives" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		s = server.accept()
		question = everything(s)
		until(lambda: os.path.exists("go"), "go")
		s.sendall(b"late answer to " + question)
		s.close()
	END
	configure <<-CONF
		service "late" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of late)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"a question")
		s.shutdown(socket.SHUT_WR)
		open("go", "w").close()
		assert everything(s) == b"late answer to a question"
	END
	wait_for_log 'how=eof status=0'
}

@test "a server may end its side first and still hears everything" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		s = server.accept()
		s.sendall(b"I say no more")
		s.shutdown(socket.SHUT_WR)
		open("heard", "wb").write(everything(s))
	END
	configure <<-CONF
		service "first" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of first)" <<-'END'
		s = connect(sys.argv[1])
		assert everything(s) == b"I say no more"
		s.sendall(b"x" * 1000000)
		s.close()
		until(lambda: os.path.exists("heard") and os.path.getsize("heard") == 1000000, "heard")
	END
}

@test "100 MiB pass in both directions at once, byte for byte" {
	echo_server
	configure <<-CONF
		service "tcp" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
		service "unix" { listen = "unix:$PWD/sock" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	head -c 104857600 /dev/urandom >data
	socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of tcp)" <data >back
	cmp data back
	socat -t "$PATIENCE" - "UNIX-CONNECT:$PWD/sock" <data >back
	cmp data back
	wait_for_log 'in=104857600 out=104857600' 2
}

@test "a client that does not read holds up nobody, and the daemon keeps little for it" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		server.socket.settimeout(None)
		def serve(s):
		    try:
		        while True:
		            s.sendall(b"x" * 100000)
		    except OSError:
		        pass
		while True:
		    s = server.socket.accept()[0]
		    threading.Thread(target=serve, args=(s,), daemon=True).start()
	END
	configure <<-CONF
		service "flood" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of flood)" <<-'END'
		stuck = [connect(sys.argv[1]) for _ in range(20)]
		until(lambda: all(s.recv(1, socket.MSG_PEEK) for s in stuck), "a first byte for each")
		before = memory(os.environ["DAEMON"])
		s = connect(sys.argv[1])
		got = 0
		while got < 50000000:
		    got += len(s.recv(1 << 20))
		if not os.environ.get("SANITIZED"):
		    assert memory(os.environ["DAEMON"]) - before < 20 * 64 + 1000
	END
}

@test "200 servers that answer and end without reading: 200 whole answers, no reset" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		server.socket.settimeout(None)
		while True:
		    s = server.socket.accept()[0]
		    s.sendall(b"the whole answer\n")
		    s.close()
	END
	configure <<-CONF
		service "answer" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	run "$TOOL/client" -t $((PATIENCE * 3 / 2)) -n 200 -c 4 -s 'a question\n' -a 'the whole answer\n' "$(address_of answer)"
	[ "$output" = "ok=200 reset=0 short=0 error=0" ]
	wait_for_log ' end service=answer' 200
}

@test "a server hears everything from a client that leaves without listening" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		for i in range(20):
		    s = server.accept()
		    s.sendall(b"welcome " * 1000)
		    until(lambda: log_lines(" end service=rude") > i, "the end of the session")
		    heard = everything(s)
		    open("heard", "a").write("%d\n" % len(heard))
	END
	configure <<-CONF
		service "rude" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of rude)" <<-'END'
		for i in range(20):
		    s = connect(sys.argv[1])
		    s.recv(1)
		    s.sendall(b"x" * 100000)
		    s.shutdown(socket.SHUT_WR)
		    wait_for_log("start service=rude", i + 1)
		    # What it has not read makes this a reset.
		    s.close()
		    wait_for_log(" end service=rude", i + 1)
	END
	wait_until sh -c '[ "$(wc -l <heard)" = 20 ]'
	[ "$(sort -u heard)" = 100000 ]
}

@test "a connection on which nothing moves ends after idle_timeout, one that speaks does not" {
	echo_server
	configure <<-CONF
		service "idle" { listen = { "tcp:127.0.0.1:0", "unix:$PWD/sock" } redirect = "127.0.0.1:$PORT" idle_timeout = "400ms" }
	CONF
	start_evinetd
	client "$(address_of idle)" <<-'END'
		began = time.monotonic()
		talks = connect(sys.argv[1])
		silent = connect(sys.argv[1])
		local = connect("unix:sock")
		silent.setblocking(False)
		while time.monotonic() - began < 1.5:
		    talks.sendall(b"x")
		    assert talks.recv(1) == b"x"
		    time.sleep(0.05)
		assert silent.recv(1) == b"" and local.recv(1) == b""
		talks.close()
	END
	wait_for_log ' end service=idle' 3
	[ "$(log_lines 'how=timeout')" = 2 ]
	[ "$(log_lines 'how=eof')" = 1 ]
}

@test "timeout ends a session that goes on for too long" {
	echo_server
	configure <<-CONF
		service "long" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" timeout = "200ms" }
	CONF
	start_evinetd
	client "$(address_of long)" <<-'END'
		assert everything(connect(sys.argv[1])) == b""
	END
	wait_for_log 'how=timeout'
}

# What the server gets before anything else, as text that a shell can compare.
header_server() {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		server.socket.settimeout(None)
		while True:
		    s = server.accept()
		    got = everything(s)
		    open("header.new", "wb").write(got)
		    os.rename("header.new", "header")
		    s.close()
	END
}

@test "the server is told who the client is, by PROXY protocol 1" {
	need_ipv6
	header_server
	configure <<-CONF
		service "v1" { listen = { "tcp:127.0.0.1:0", "tcp:[::1]:0", "unix:$PWD/sock" } redirect = "127.0.0.1:$PORT" redirect_proxy = "v1" }
	CONF
	start_evinetd
	client "$(address_of v1 1)" "$(address_of v1 2)" <<-'END'
		for address in sys.argv[1:]:
		    s = connect(address)
		    me, to = s.getsockname(), s.getpeername()
		    s.sendall(b"question")
		    s.shutdown(socket.SHUT_WR)
		    everything(s)
		    wanted = "PROXY TCP%d %s %s %d %d\r\nquestion" % (6 if ":" in me[0] else 4, me[0], to[0], me[1], to[1])
		    assert open("header", "rb").read().decode() == wanted, wanted
		s = connect("unix:sock")
		s.shutdown(socket.SHUT_WR)
		everything(s)
		assert open("header", "rb").read() == b"PROXY UNKNOWN\r\n"
	END
}

@test "the server is told who the client is, by PROXY protocol 2" {
	need_ipv6
	header_server
	configure <<-CONF
		service "v2" { listen = { "tcp:127.0.0.1:0", "tcp:[::1]:0", "unix:$PWD/sock" } redirect = "127.0.0.1:$PORT" redirect_proxy = "v2" }
	CONF
	start_evinetd
	client "$(address_of v2 1)" "$(address_of v2 2)" "$PWD/sock" <<-'END'
		signature = b"\r\n\r\n\0\r\nQUIT\n\x21"
		for address in sys.argv[1:3]:
		    s = connect(address)
		    me, to = s.getsockname(), s.getpeername()
		    s.sendall(b"question")
		    s.shutdown(socket.SHUT_WR)
		    everything(s)
		    ips = b"".join(socket.inet_pton(s.family, a[0]) for a in (me, to))
		    body = ips + struct.pack("!HH", me[1], to[1])
		    kind = b"\x21" if ":" in me[0] else b"\x11"
		    wanted = signature + kind + struct.pack("!H", len(body)) + body + b"question"
		    assert open("header", "rb").read() == wanted
		s = connect("unix:" + sys.argv[3])
		s.shutdown(socket.SHUT_WR)
		everything(s)
		wanted = signature + b"\x31\0\xd8" + bytes(108) + sys.argv[3].encode().ljust(108, b"\0")
		assert open("header", "rb").read() == wanted
	END
}

@test "the connection to the server comes from redirect_source" {
	server <<-'END'
		server = Server()
		tell(server.socket.getsockname()[1])
		s = server.accept()
		s.sendall(s.getpeername()[0].encode())
		s.close()
	END
	configure <<-CONF
		service "from" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" redirect_source = "127.0.0.7" }
		service "six" { listen = "tcp:127.0.0.1:0" redirect = "[::1]:$PORT" redirect_source = "127.0.0.7" }
	CONF
	start_evinetd
	[ "$(ask "$(address_of from)" hello)" = 127.0.0.7 ]
	[ "$(ask "$(address_of six)" hello)" = "" ]
	wait_for_log 'errno=EAFNOSUPPORT'
}

@test "limits count redirected connections as any others" {
	echo_server
	configure <<-CONF
		service "few" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" instances = 1 when_full = "refuse" }
	CONF
	start_evinetd
	client "$(address_of few)" <<-'END'
		first = connect(sys.argv[1])
		first.sendall(b"x")
		assert first.recv(1) == b"x"
		assert everything(connect(sys.argv[1])) == b""
		wait_for_log("reason=instances")
		first.close()
		wait_for_log(" end service=few")
		again = connect(sys.argv[1])
		again.sendall(b"y")
		assert again.recv(1) == b"y"
	END
}

@test "1,000 idle connections take little memory and no pipe" {
	local n=1000
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 4096 ] || skip "not enough descriptors"
	ulimit -n 4096
	echo_server
	configure <<-CONF
		service "idle" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" queuesize = 1024 }
	CONF
	start_evinetd
	client "$(address_of idle)" "$n" <<-'END'
		pid, n = os.environ["DAEMON"], int(sys.argv[2])
		first = connect(sys.argv[1])
		first.sendall(b"x")
		first.recv(1)
		def pipes():
		    links = [os.readlink("/proc/%s/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%s/fd" % pid)]
		    return sum(link.startswith("pipe:") for link in links)
		before, pipes_before = memory(pid), pipes()
		all = [connect(sys.argv[1]) for _ in range(n)]
		for s in all:
		    s.sendall(b"x" * 1000)
		for s in all:
		    assert len(s.recv(1000, socket.MSG_WAITALL)) == 1000
		assert pipes() == pipes_before
		each = (memory(pid) - before) * 1024 / n
		print("# %d bytes each" % each)
		if not os.environ.get("SANITIZED"):
		    assert each < 2048, each
	END
	starts_equal_ends
}

@test "a daemon that stops ends redirected connections at once and cleanly" {
	echo_server
	configure <<-CONF
		service "open" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of open)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"x")
		assert s.recv(1) == b"x"
		os.kill(int(os.environ["DAEMON"]), 15)
		assert everything(s) == b""
	END
	wait "$DAEMON"
	DAEMON=
	[ "$(log_lines 'how=killed')" = 1 ]
}

@test "a daemon that drains lets redirected connections finish" {
	echo_server
	configure <<-CONF
		service "open" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:$PORT" }
	CONF
	start_evinetd
	client "$(address_of open)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"x")
		assert s.recv(1) == b"x"
		os.kill(int(os.environ["DAEMON"]), 3)
		wait_for_log("hold service=open why=stopping")
		s.sendall(b"y")
		assert s.recv(1) == b"y"
	END
	wait "$DAEMON"
	DAEMON=
	[ "$(log_lines 'how=eof')" = 1 ]
}

@test "what cannot be redirected to is told with its line" {
	configure <<-'CONF'
		service "datagrams" { listen = "tcp:127.0.0.1:0" redirect = "udp:127.0.0.1:9" }
		service "inherited" { listen = "tcp:127.0.0.1:0" redirect = "fd:3" }
		service "port" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:0" }
		service "nowhere" { listen = "tcp:127.0.0.1:0" handler = "redirect" }
		service "source" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:9" redirect_source = "localhost" }
		service "both" { listen = "tcp:127.0.0.1:0" redirect = "127.0.0.1:9" exec = { "/bin/cat" } }
		service "useless" { listen = "tcp:127.0.0.1:0" handler = "echo" redirect = "127.0.0.1:9" }
	CONF
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	echo "$output"
	[[ $output == *':1: service "datagrams": redirect: "udp:127.0.0.1:9": a connection cannot be redirected to a datagram socket'* ]]
	[[ $output == *':2: service "inherited": redirect: "fd:3": expected an address to connect to'* ]]
	[[ $output == *':3: service "port": redirect: "127.0.0.1:0": nobody listens on port 0'* ]]
	[[ $output == *':4: service "nowhere": redirect: expected an address to connect to'* ]]
	[[ $output == *':5: service "source": redirect_source: "localhost": expected an IPv4 or IPv6 address'* ]]
	[[ $output == *':6: service "both": exec: either a program or a built-in handler, not both'* ]]
	[[ $output == *':7: warning: service "useless": redirect: has no effect without handler = redirect'* ]]
}
