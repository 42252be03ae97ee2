# RFC 1078: a client names a service, and the connection becomes one of that service.

load helper

setup_file() {
	cat >"$BATS_FILE_TMPDIR/mux.py" <<'END'
import fcntl, os, socket, struct, sys, time

PATIENCE = float(os.environ.get("PATIENCE", 20))
PORT = int(os.environ["MUX"])

def connect(source=None, port=None):
    s = socket.socket()
    s.settimeout(PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        s.bind((source, 0))
    s.connect(("127.0.0.1", port or PORT))
    return s

def everything(s):
    got = b""
    while True:
        part = s.recv(65536)
        if not part:
            return got
        got += part

def hear(s, wanted):
    got = b""
    while len(got) < len(wanted):
        part = s.recv(len(wanted) - len(got))
        assert part, "it ends behind %r" % got
        got += part
    is_(got, wanted)

def ask(data, source=None, half_close=False):
    s = connect(source)
    s.sendall(data)
    if half_close:
        s.shutdown(socket.SHUT_WR)
    got = everything(s)
    s.close()
    return got

def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true: " + what
        time.sleep(0.02)

def log_lines(text):
    return open("log", errors="replace").read().count(text)

def wait_for_log(text, n=1):
    until(lambda: log_lines(text) >= n, text)

def arrived(s):
    """All that was sent has reached the other side."""
    until(lambda: struct.unpack("I", fcntl.ioctl(s, 0x5411, b"\0" * 4))[0] == 0, "it has arrived")

def is_(got, wanted):
    assert got == wanted, "got %r, not %r" % (got, wanted)
END
}

# A tcpmux service, with these keys, and the services on standard input.
mux() {
	{
		echo "service \"mux\" { listen = \"tcp:127.0.0.1:0\" handler = \"tcpmux\" $1 }"
		cat
	} | configure
	start_evinetd
	MUX=$(port_of mux)
}

client() {
	{
		echo 'from mux import *'
		cat
	} >client.py
	MUX="$MUX" PATIENCE="$PATIENCE" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$BATS_FILE_TMPDIR" python3 client.py "$@"
}

refused_with() {
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	[[ $output == *"$1"* ]] || {
		echo "$output" >&2
		return 1
	}
}

@test "a service without an address is reached through tcpmux, and what is set and logged is its own" {
	mux <<-CONF
		service "told" { tcpmux = "tell" exec = "$TOOL/fdreport" }
	CONF
	printf 'tell\r\n' | socat -t "$PATIENCE" - "TCP:127.0.0.1:$MUX" >report
	grep -qx 'env=EVINET_SERVICE=told' report
	grep -qx 'env=EVINET_SESSION=2' report
	grep -qx 'env=TCPREMOTEIP=127.0.0.1' report
	grep -qx "env=TCPLOCALPORT=$MUX" report
	grep -q '^fd=0 .*blocking' report
	wait_for_log ' end service=told session=2 '
	[ "$(log_lines ' start service=mux session=1 ')" = 1 ]
	[ "$(log_lines ' tcpmux service=mux session=1 name=tell target=told')" = 1 ]
	grep -a ' end service=mux session=1 ' "$LOG" | grep -q ' how=handed_over status=0 '
	[ "$(log_lines ' start service=told session=2 ')" = 1 ]
	[ -z "$(address_of told)" ]
	starts_equal_ends
}

@test "B20: before a service with tcpmux_plus the client hears +Go, and not a byte more" {
	mux <<-CONF
		service "plus" { tcpmux = "plus" tcpmux_plus = true exec = { "/bin/echo", "-n", "served" } }
		service "plain" { tcpmux = "plain" exec = { "/bin/echo", "-n", "served" } }
	CONF
	client <<-'END'
		is_(ask(b"plus\r\n"), b"+Go\r\nserved")
		is_(ask(b"plain\r\n"), b"served")
		is_(ask(b"nobody\r\n"), b"-Service name not found\r\n")
	END
}

@test "B21: a name that comes byte by byte is found, and what comes with it is for the service" {
	mux <<-CONF
		service "cat" { tcpmux = "cat" exec = "/bin/cat" }
		service "echo" { tcpmux = "echo" tcpmux_plus = true handler = "echo" }
	CONF
	client <<-'END'
		s = connect()
		for byte in b"cat\r\n":
		    s.sendall(bytes([byte]))
		    arrived(s)
		s.sendall(b"after")
		s.shutdown(socket.SHUT_WR)
		is_(everything(s), b"after")
		request = bytes(range(256)) * 300
		is_(ask(b"cat\r\n" + request, half_close=True), request)
		is_(ask(b"echo\r\n" + request, half_close=True), b"+Go\r\n" + request)
		is_(ask(b"cat\r\n\r\ncat\r\n", half_close=True), b"\r\ncat\r\n")
		# The end of the name and all the rest at once.
		s = connect()
		s.sendall(b"ca")
		arrived(s)
		s.sendall(b"t\r\nrest")
		s.shutdown(socket.SHUT_WR)
		is_(everything(s), b"rest")
	END
	starts_equal_ends
}

@test "names are found in any case of letters, and LF alone ends them" {
	mux <<-CONF
		service "one" { tcpmux = "Some-Name" exec = { "/bin/echo", "yes" } }
	CONF
	client <<-'END'
		for line in (b"Some-Name\r\n", b"some-name\r\n", b"SOME-NAME\n", b"some-name\n"):
		    is_(ask(line), b"yes\n")
		for line in (b"some-name \r\n", b"some-nam\r\n", b"some-names\r\n", b"\r\n", b"some-name\0\r\n", b"one\r\n"):
		    is_(ask(line), b"-Service name not found\r\n")
	END
}

@test "help lists the names that are offered, one a line, and only services with such a name are" {
	mux <<-CONF
		service "a" { tcpmux = "Alpha" handler = "echo" }
		service "secret" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "secret" } }
		service "b" { tcpmux = "beta" tcpmux_plus = true listen = "tcp:127.0.0.1:0" handler = "daytime" }
	CONF
	client <<-'END'
		for line in (b"help\r\n", b"HELP\n", b"Help\r\nmore that nobody reads\r\n"):
		    is_(ask(line), b"Alpha\r\nbeta\r\n")
		for name in (b"secret", b"b", b"mux", b"a"):
		    is_(ask(name + b"\r\n"), b"-Service name not found\r\n")
	END
	[ "$(log_lines ' start service=secret')" = 0 ]
	# One with addresses of its own serves there as well.
	ask "$(address_of b)" | grep -q ':'
}

@test "a long list of names arrives whole at a client that is slow to read" {
	local i
	for i in $(seq 1 300); do
		printf 'service "s%d" { tcpmux = "%0250d" handler = "echo" }\n' "$i" "$i"
	done >services
	mux 'sndbuf = 4096' <services
	client <<-'END'
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		s.settimeout(PATIENCE)
		s.connect(("127.0.0.1", PORT))
		s.sendall(b"help\r\n")
		wait_for_log(" start service=mux")
		got = b""
		while True:
		    part = s.recv(1000)
		    if not part:
		        break
		    got += part
		is_(got, b"".join(b"%0250d\r\n" % i for i in range(1, 301)))
	END
	wait_for_log ' end service=mux'
	grep -a ' end service=mux ' "$LOG" | grep -q 'how=exit status=0'
}

@test "a name that is not known is told, and the client's end is clean whatever else it has sent" {
	mux <<-CONF
		service "one" { tcpmux = "one" handler = "echo" }
	CONF
	client <<-'END'
		for i in range(30):
		    is_(ask(b"x" * 200 + b"\r\n" + b"y" * 50000), b"-Service name not found\r\n")
		is_(ask(b"x" * 256 + b"\r\n"), b"-Service name not found\r\n")
		is_(ask(b"x" * 257 + b"\r\n"), b"-Service name too long\r\n")
		is_(ask(b"x" * 100000), b"-Service name too long\r\n")
	END
	wait_for_log ' end service=mux' 33
	[ "$(log_lines 'error="no such service"')" = 31 ]
	[ "$(log_lines 'error="the name is too long"')" = 2 ]
	[ "$(log_lines ' how=error ')" = 33 ]
}

@test "what a client calls a service reaches the log without control characters" {
	mux <<-CONF
		service "one" { tcpmux = "one" handler = "echo" }
	CONF
	client <<-'END'
		is_(ask(b"a\x1b[31m\x07\r start service=one\r\n"), b"-Service name not found\r\n")
	END
	wait_for_log ' end service=mux'
	[ "$(tr -d '\n -~' <"$LOG" | wc -c)" = 0 ]
	[ "$(grep -ac ' tcpmux service=mux ' "$LOG")" = 1 ]
}

@test "B22: access lists and limits are those of the service that is asked for" {
	mux 'deny = "127.4.4.4"' <<-CONF
		service "closed" { tcpmux = "closed" deny = "127.3.3.3" exec = { "/bin/echo", "in" } }
		service "few" { tcpmux = "few" tcpmux_plus = true instances = 1 when_full = "refuse" exec = "/bin/cat" }
		service "single" { tcpmux = "single" per_source = 1 exec = "/bin/cat" }
		service "slow" { tcpmux = "slow" rate = "1/1h" when_full = "refuse" exec = { "/bin/echo", "in" } }
	CONF
	client <<-'END'
		no = b"-Service not available\r\n"
		is_(ask(b"closed\r\n", "127.3.3.3"), no)
		is_(ask(b"closed\r\n", "127.3.3.4"), b"in\n")
		try:
		    is_(ask(b"closed\r\n", "127.4.4.4"), b"")
		except ConnectionResetError:
		    pass
		for name, hello in ((b"few", b"+Go\r\n"), (b"single", b"")):
		    first = connect()
		    first.sendall(name + b"\r\nword\n")
		    hear(first, hello + b"word\n")
		    is_(ask(name + b"\r\n"), no)
		    first.shutdown(socket.SHUT_WR)
		    everything(first)
		    first.close()
		    wait_for_log(" end service=%s " % name.decode())
		    is_(ask(name + b"\r\nword\n", half_close=True), hello + b"word\n")
		is_(ask(b"slow\r\n"), b"in\n")
		is_(ask(b"slow\r\n"), no)
	END
	grep -a ' refuse service=closed ' "$LOG" | grep -q 'peer=127.3.3.3:[0-9]* reason=deny'
	grep -a ' refuse service=mux ' "$LOG" | grep -q 'peer=127.4.4.4:[0-9]* reason=deny'
	grep -a ' refuse service=few ' "$LOG" | grep -q 'reason=instances'
	grep -a ' refuse service=single ' "$LOG" | grep -q 'reason=per_source'
	grep -a ' refuse service=slow ' "$LOG" | grep -q 'reason=rate'
	starts_equal_ends
}

@test "limits of tcpmux itself count only until the connection is handed over" {
	mux 'instances = 1' <<-CONF
		service "cat" { tcpmux = "cat" exec = "/bin/cat" }
	CONF
	client <<-'END'
		clients = [connect() for i in range(5)]
		for s in clients:
		    s.sendall(b"cat\r\nhello\n")
		for s in clients:
		    hear(s, b"hello\n")
	END
	starts_equal_ends
}

@test "the program runs as the user of its own service" {
	need_root
	mux <<-CONF
		service "who" { tcpmux = "who" user = "nobody" exec = { "/usr/bin/id", "-un" } }
	CONF
	client <<-'END'
		is_(ask(b"who\r\n"), b"nobody\n")
	END
}

@test "built-in services, redirect and warm programs get connections from tcpmux" {
	mux <<-CONF
		service "behind" { listen = "unix:@behind.$$" handler = "echo" }
		service "daytime" { tcpmux = "daytime" handler = "daytime" }
		service "chargen" { tcpmux = "chargen" handler = "chargen" }
		service "redirect" { tcpmux = "redirect" tcpmux_plus = true redirect = "unix:@behind.$$" }
		service "warm" { tcpmux = "warm" warm = 1 exec = "/bin/cat" }
	CONF
	client <<-'END'
		assert b":" in ask(b"daytime\r\n", half_close=True)
		is_(ask(b"redirect\r\nto and fro", half_close=True), b"+Go\r\nto and fro")
		is_(ask(b"warm\r\nto and fro", half_close=True), b"to and fro")
		assert ask(b"chargen\r\n", half_close=True).startswith(b" !\"#$%&'()*")
	END
	starts_equal_ends
}

@test "clients of a unix socket are handed over with who they are" {
	configure <<-CONF
		service "mux" { listen = "unix:$PWD/mux" handler = "tcpmux" }
		service "told" { tcpmux = "told" allow = "unix" exec = { "/usr/bin/env" } }
	CONF
	start_evinetd
	printf 'told\r\n' | socat -t "$PATIENCE" - "UNIX-CONNECT:$PWD/mux" >told
	grep -qx "UNIXLOCALPATH=$PWD/mux" told
	grep -qx "UNIXREMOTEEUID=$(id -u)" told
	grep -a ' start service=told ' "$LOG" | grep -q "peer_uid=$(id -u)"
}

@test "a client whose service is full waits, with all it has sent, and is served when a place is free" {
	mux <<-CONF
		service "one" { tcpmux = "one" tcpmux_plus = true instances = 1 exec = "/bin/cat" }
		service "two" { tcpmux = "two" handler = "echo" }
	CONF
	client <<-'END'
		first = connect()
		first.sendall(b"one\r\nx")
		hear(first, b"+Go\r\nx")
		wait_for_log("hold service=one why=full")
		waiting = []
		for i in range(3):
		    s = connect()
		    s.sendall(b"one\r\nnumber %d" % i)
		    s.shutdown(socket.SHUT_WR)
		    waiting.append(s)
		    wait_for_log(" name=one target=one", i + 2)
		# Others are served meanwhile, and nobody has been told anything yet.
		is_(ask(b"two\r\nhello", half_close=True), b"hello")
		for s in waiting:
		    s.setblocking(False)
		    try:
		        s.recv(1)
		        assert False, "something came"
		    except BlockingIOError:
		        pass
		    s.settimeout(PATIENCE)
		first.close()
		for i, s in enumerate(waiting):
		    is_(everything(s), b"+Go\r\nnumber %d" % i)
	END
	[ "$(log_lines ' refuse ')" = 0 ]
	# In the order in which they came: the first, the one of the other service, and those who waited.
	[ "$(grep -a ' how=handed_over ' "$LOG" | grep -o ' session=[0-9]*' | tr -d '\n')" = \
		' session=1 session=6 session=3 session=4 session=5' ]
	starts_equal_ends
}

@test "a client that waits for the next token of a rate gets it" {
	mux <<-CONF
		service "slow" { tcpmux = "slow" rate = "1/300ms" exec = { "/bin/echo", "in" } }
	CONF
	client <<-'END'
		for i in range(3):
		    is_(ask(b"slow\r\n"), b"in\n")
	END
	[ "$(log_lines ' refuse ')" = 0 ]
	[ "$(log_lines 'hold service=slow why=rate')" -ge 1 ]
}

@test "nobody keeps tcpmux waiting for longer than ten seconds, or its timeout if that is less" {
	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
		service "hasty" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" timeout = "300ms" }
		service "one" { tcpmux = "one" instances = 1 exec = "/bin/cat" }
	CONF
	start_evinetd
	MUX=$(port_of mux)
	client "$(port_of hasty)" <<-'END'
		began = time.monotonic()
		first = connect()
		first.sendall(b"one\r\nx")
		hear(first, b"x")
		waiting = connect()
		waiting.sendall(b"one\r\n")
		silent = connect()
		silent.sendall(b"on")
		# One that always says a little, but never all of it.
		dripping = connect()
		hasty = connect(port=int(sys.argv[1]))
		is_(everything(hasty), b"")
		until(lambda: log_lines("how=timeout") == 1, "one has ended")
		assert log_lines(" end ") == 2, "the others have ended too"
		dripping.settimeout(0.5)
		while True:
		    try:
		        dripping.sendall(b"d")
		        got = dripping.recv(1)
		    except TimeoutError:
		        assert time.monotonic() - began < 10 + PATIENCE, "it drips for ever"
		        continue
		    is_(got, b"")
		    break
		is_(everything(silent), b"")
		is_(everything(waiting), b"-Service not available\r\n")
		assert time.monotonic() - began >= 9.5, "too early"
		first.close()
	END
	wait_for_log ' end service=one'
	[ "$(log_lines ' how=timeout ')" = 3 ]
	grep -a ' refuse service=one ' "$LOG" | grep -q 'reason=instances'
	[ "$(log_lines ' start service=one')" = 1 ]
	starts_equal_ends
}

@test "a client that leaves before its name is whole, or while it waits for a place, takes nothing with it" {
	mux <<-CONF
		service "one" { tcpmux = "one" instances = 1 exec = "/bin/cat" }
	CONF
	client <<-'END'
		connect().close()
		wait_for_log("how=eof")
		s = connect()
		s.sendall(b"on")
		s.close()
		wait_for_log("how=eof", 2)
		first = connect()
		first.sendall(b"one\r\nx")
		hear(first, b"x")
		s = connect()
		s.sendall(b"one\r\nmore that stays unread")
		wait_for_log(" name=one ", 2)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		s.close()
		wait_for_log("how=eof", 3)
		first.close()
		wait_for_log(" end service=one")
	END
	[ "$(log_lines ' start service=one')" = 1 ]
	starts_equal_ends
}

@test "a daemon that drains sends away those who wait for a place" {
	mux <<-CONF
		service "one" { tcpmux = "one" instances = 1 exec = "/bin/cat" }
	CONF
	connect 5 "$MUX"
	printf 'one\r\nx\n' >&5
	[ "$(hear 5)" = x ]
	connect 6 "$MUX"
	printf 'one\r\nunread\n' >&6
	wait_for_log ' name=one target=one' 2
	kill -QUIT "$DAEMON"
	[ "$(hear 6)" = $'-Service not available\r' ]
	disconnect 6
	disconnect 5
	wait_for_log ' end service=one'
	stop_evinetd QUIT
	[ "$status" = 0 ]
	starts_equal_ends
}

@test "what tcpmux cannot offer is told with its line" {
	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
		service "w" {
			wait = true
			exec = "/bin/cat"
			tcpmux = "w"
		}
	CONF
	refused_with "$CONF:5: service \"w\": tcpmux: cannot be kept with wait = true"

	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" tcpmux = "loop" }
	CONF
	refused_with "what hands connections over cannot be handed one"

	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
		service "a" { tcpmux = "same" handler = "echo" }
		service "b" { tcpmux = "SAME" handler = "echo" }
	CONF
	refused_with "$CONF:3: service \"b\": tcpmux: \"SAME\" is service a already"

	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
		service "a" { tcpmux = "Help" handler = "echo" }
	CONF
	refused_with '"Help" asks for the list of names'
	[[ $output != *'at least one address'* ]]

	configure <<-CONF
		service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
		service "a" { tcpmux = "two\nlines" handler = "echo" }
	CONF
	refused_with 'expected a name without control characters'

	configure <<-CONF
		service "mux" { listen = "unix-seqpacket:@mux.$$" handler = "tcpmux" }
	CONF
	refused_with 'tcpmux reads a stream of bytes, not messages'

	configure <<-CONF
		service "a" { tcpmux = "a" handler = "echo" }
		service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" tcpmux_plus = true }
	CONF
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 0 ]
	[[ $output == *"has no effect without a service with handler = tcpmux"* ]]
	[[ $output == *"has no effect without tcpmux"* ]]
}
