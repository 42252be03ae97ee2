# What only arises where several things meet: reloads and the end of the daemon while clients are on their way
# in, and connections that are handed over to services that ask before they let anybody in.

load helper

# Tells the daemon, and waits until it has said what it did.
reload() {
	local before
	before=$(log_lines 'reload what=configuration')
	kill -HUP "$DAEMON"
	wait_for_log 'reload what=configuration' $((before + 1))
}

descriptors() {
	find "/proc/$DAEMON/fd" -mindepth 1 | wc -l
}

# The answer to a client of tcpmux that names the service $1 and sends much more, from the address $2.
ask_mux() {
	{
		printf '%s\r\n' "$1"
		head -c 50000 /dev/zero
	} | socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of mux),bind=$2"
}

# Keeps a client on its way in: no socket takes a banner of this size at once.
big_banner() {
	perl -e 'print "banner line $_\n" for 1 .. 3700' >big
}

# A client that reads nothing until there is a file $2: then everything, into the file "got".
start_sleepy_client() {
	cat >sleepy.py <<'END'
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"hello\n")
open("connected", "w").write("yes\n")
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
got = b""
try:
    while True:
        data = s.recv(65536)
        if not data:
            break
        got += data
except ConnectionResetError:
    got += b"RESET"
open("got.new", "wb").write(got)
os.rename("got.new", "got")
END
	background python3 sleepy.py "$1" "$2"
	wait_for_file connected
}

@test "who is handed over hears +Go once it is let in, before the banners; who is refused hears that, whatever it has sent" {
	own_hosts <<'END'
127.0.0.1 localhost
127.9.0.1 one.good.example
127.9.0.3 evil.example
END
	printf 'Welcome.\n' >all
	printf 'Come in.\n' >in
	printf 'Go away.\n' >out
	local banners="banner = \"$PWD/all\" banner_allow = \"$PWD/in\" banner_deny = \"$PWD/out\""
	configure <<END
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
service "plus" { tcpmux = "plus" tcpmux_plus = true shell = "echo served" deny = "evil.example" instances = 1 $banners }
service "plain" { tcpmux = "plain" shell = "echo served" deny = "evil.example" instances = 1 $banners }
service "quiet" { tcpmux = "quiet" tcpmux_plus = true shell = "echo served" deny = "evil.example" instances = 1 }
END
	start_evinetd
	for _ in 1 2; do
		ask_mux plus 127.9.0.1 | cmp - <(printf '+Go\r\nWelcome.\nCome in.\nserved\n')
		ask_mux plain 127.9.0.1 | cmp - <(printf 'Welcome.\nCome in.\nserved\n')
		ask_mux quiet 127.9.0.1 | cmp - <(printf '+Go\r\nserved\n')
		ask_mux plus 127.9.0.3 | cmp - <(printf -- '-Service not available\r\nGo away.\n')
		ask_mux plain 127.9.0.3 | cmp - <(printf -- '-Service not available\r\nGo away.\n')
		ask_mux quiet 127.9.0.3 | cmp - <(printf -- '-Service not available\r\n')
	done
	# One start and one end, or one refusal; and each has had a place of its own.
	wait_for_log ' how=handed_over ' 12
	starts_equal_ends
	[ "$(log_lines ' start service=mux ')" = 12 ]
	[ "$(log_lines ' start service=p')" = 4 ]
	[ "$(log_lines ' start service=quiet ')" = 2 ]
	[ "$(log_lines ' refuse service=')" = 6 ]
	[ "$(log_lines ' reason=deny ')" = 6 ]
}

@test "a handed-over client that is still on its way in when the daemon stops is refused once" {
	big_banner
	configure <<END
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" sndbuf = 4096 }
service "s" { tcpmux = "hello" shell = "echo served" banner = "$PWD/big" instances = 1 }
END
	for signal in TERM QUIT; do
		rm -f connected
		: >"$LOG"
		start_evinetd
		start_sleepy_client "$(port_of mux)" read
		wait_for_log 'hold service=s why=full'
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		[ "$(log_lines 'refuse service=s')" = 1 ]
		[ "$(log_lines 'reason=stopping')" = 1 ]
		[ "$(log_lines 'start service=s')" = 0 ]
		starts_equal_ends
		kill "$HELPER"
	done
}

@test "those who wait for a pause of the rate keep their turn" {
	configure <<END
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
service "slow" { tcpmux = "slow" exec = "/bin/true" rate = "1/400ms" rate_pause = 50ms }
END
	start_evinetd
	local n
	for n in 1 2 3 4 5 6; do
		connect $((n + 3)) "$(port_of mux)"
		say $((n + 3)) slow
		wait_for_log ' name=slow target=slow' "$n"
	done
	for n in 1 2 3 4 5 6; do
		hear $((n + 3)) || true
		disconnect $((n + 3))
	done
	wait_for_log ' end service=slow ' 6
	[ "$(grep -a ' how=handed_over ' "$LOG" | grep -o ' session=[0-9]*' | tr -dc '0-9\n' | sort -nc && echo sorted)" = sorted ]
	[ "$(log_lines ' refuse ')" = 0 ]
}

@test "a session of tcpmux takes no place of -limit from the one that follows it" {
	occupy
	kill "$HELPER"
	# shellcheck disable=SC2153 # occupy sets it
	cat >xinetd.conf <<END
service tcpmux
{
	type = INTERNAL UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	bind = 127.0.0.1
	port = $PORT
}
service cat
{
	type = TCPMUXPLUS UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	user = $(id -un)
	server = /bin/cat
}
END
	ln -s "$EVINETD" xinetd
	setsid ./xinetd -d -f xinetd.conf -limit 1 </dev/null >>"$LOG" 2>&1 3>&- 4>&- &
	DAEMON=$!
	SESSION_ID=$DAEMON
	wait_for_log 'Started working'
	for _ in 1 2; do
		[ "$(ask "tcp:127.0.0.1:$PORT" $'cat\r\nwords')" = $'+Go\r\nwords' ]
	done
	# Somebody else's session counts.
	connect 4 "$PORT"
	say 4 cat
	[ "$(hear 4)" = $'+Go\r' ]
	[ -z "$(ask "tcp:127.0.0.1:$PORT" cat)" ]
	disconnect 4
}

@test "programs that wait for clients have their time at the end, though the last session ends before" {
	big_banner
	configure <<END
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/big" sndbuf = 4096 instances = 1 }
service "b" {
	listen = "tcp:127.0.0.1:0"
	shell  = "trap 'sleep 0.3; echo polite >>$PWD/end; exit' TERM; echo yes >$PWD/there; while :; do sleep 0.02; done"
	warm   = 1
}
END
	for signal in TERM QUIT; do
		rm -f connected there end
		: >"$LOG"
		start_evinetd
		wait_for_file there
		start_sleepy_client "$(port_of a)" read
		wait_for_log 'hold service=a why=full'
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		[ "$(cat end)" = polite ]
		kill "$HELPER"
	done
}

@test "a client on its way in when its service is changed is served as it was; a drain refuses it" {
	big_banner
	for how in served refused; do
		rm -f connected
		: >"$LOG"
		configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo old" banner = "$PWD/big" sndbuf = 4096 instances = 1 }
END
		start_evinetd --dump-file "$PWD/dump"
		start_sleepy_client "$(port_of s)" read
		wait_for_log 'hold service=s why=full'
		configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo new" sndbuf = 4096 instances = 2 }
END
		reload
		# It has one of the two places.
		wait_for_log 'release service=s why=full'
		[ "$(ask "$(address_of s)")" = new ]
		kill -USR1 "$DAEMON"
		wait_for_log ' dump file='
		[ "$(grep -c '^Service = s$' dump)" = 2 ]
		grep -qx $'\tState = Replaced' dump
		grep -q '	Session = 1 .* state=being-admitted$' dump
		if [ "$how" = served ]; then
			touch read
			wait_for_file got
			{ cat big && echo old; } | cmp - got
			wait_for_log ' end service=s ' 2
			[ "$(log_lines refuse)" = 0 ]
			rm read
			stop_evinetd
		else
			stop_evinetd QUIT
			[ "$(log_lines 'refuse service=s')" = 1 ]
			grep -q 'reason=stopping' "$LOG"
			kill "$HELPER"
		fi
		[ "$status" = 0 ]
		starts_equal_ends
	done
}

@test "who waits for a service that a reload gives another name is served by that one" {
	configure <<END
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
service "one" { tcpmux = "word" exec = "/bin/cat" instances = 1 }
END
	start_evinetd
	connect 4 "$(port_of mux)"
	say 4 word
	say 4 first
	[ "$(hear 4)" = first ]
	connect 5 "$(port_of mux)"
	say 5 word
	say 5 second
	wait_for_log ' name=word target=one' 2
	configure <<END
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
service "two" { tcpmux = "word" exec = "/bin/cat" instances = 1 }
END
	reload
	[ "$(hear 5)" = second ]
	[ "$(log_lines ' start service=two ')" = 1 ]
	# A third waits for the place of the second, and for that of no other.
	connect 6 "$(port_of mux)"
	say 6 word
	say 6 third
	wait_for_log ' hold service=two why=full'
	disconnect 4
	wait_for_log ' end service=one '
	[ "$(log_lines ' start service=two ')" = 1 ]
	disconnect 5
	[ "$(hear 6)" = third ]
	disconnect 6
	starts_equal_ends
	[ "$(log_lines ' refuse ')" = 0 ]
}

@test "what a reload denies reaches a program no more that has the socket, and what it allows does" {
	need_root
	local port
	cat >listen.py <<'END'
import socket
s = socket.socket(fileno=0)
while True:
    data, peer = s.recvfrom(100)
    open("heard", "ab").write(data)
    if data == b"end\n":
        break
END
	udp() {
		configure <<END
service "w" { listen = "udp:127.0.0.1:0" wait = true directory = "$PWD" exec = { "/usr/bin/python3", "$PWD/listen.py" } $1 }
END
	}
	heard() { grep -qx "$1" heard 2>/dev/null; }
	send() { printf '%s\n' "$2" | socat - "UDP-SENDTO:127.0.0.1:$port,bind=$1"; }
	udp ''
	start_evinetd
	port=$(port_of w)
	send 127.9.0.3 one
	wait_until heard one
	udp 'deny = "127.9.0.3"'
	reload
	send 127.9.0.3 two
	send 127.9.0.4 three
	wait_until heard three
	udp 'deny = "127.9.0.4"'
	reload
	send 127.9.0.4 four
	send 127.9.0.3 five
	wait_until heard five
	udp ''
	reload
	send 127.9.0.4 end
	wait_until heard end
	[ "$(tr '\n' ' ' <heard)" = 'one three five end ' ]
	wait_for_log ' end service=w '
	[ "$(log_lines ' start service=w ')" = 1 ]
}

@test "a client kept for the end of a pause is served if its service is changed, and refused if that is removed" {
	printf 'Welcome.\n' >all
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" exec = "/bin/cat" rate = "1/1h" rate_pause = 1h banner = "$PWD/all" }
service "gone" { listen = "tcp:127.0.0.1:0" exec = "/bin/cat" rate = "1/1h" rate_pause = 1h banner_deny = "$PWD/all" }
END
	start_evinetd
	local s gone
	s=$(port_of s) gone=$(port_of gone)
	[ "$(ask "tcp:127.0.0.1:$s" one)" = $'Welcome.\none' ]
	[ "$(ask "tcp:127.0.0.1:$gone" one)" = one ]
	connect 4 "$s"
	wait_for_log 'hold service=s why=rate'
	connect 5 "$gone"
	wait_for_log 'hold service=gone why=rate'
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" exec = "/bin/cat" rate = "1/1h" rate_pause = 2h }
END
	reload
	[ "$(hear 4)" = Welcome. ]
	say 4 two
	[ "$(hear 4)" = two ]
	[ "$(hear 5)" = Welcome. ]
	[ "$(log_lines 'refuse service=gone')" = 1 ]
	# The pause goes on.
	connect 6 "$s"
	say 6 three
	disconnect 4
	wait_for_log ' end service=s ' 2
	[ "$(log_lines ' release service=s why=rate')" = 0 ]
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines ' start service=s ')" = 2 ]
}

@test "after hundreds of clients of every kind, and reloads among them, no descriptor is left open" {
	printf 'Go away.\n' >out
	head -c 60000 /dev/zero >big
	cat >crowd.py <<'END'
import os, socket, sys
ports = dict(line.split() for line in sys.stdin)
rounds = int(sys.argv[1])
def client(name, text=b"", source="127.0.0.1", read=True):
    s = socket.socket()
    s.bind((source, 0))
    s.settimeout(float(os.environ["PATIENCE"]))
    try:
        s.connect(("127.0.0.1", int(ports[name])))
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        while read and s.recv(65536):
            pass
    except OSError:
        pass
    s.close()
for i in range(rounds):
    for read in True, False:
        client("denied", b"x", read=read)
        client("greeted", b"x", read=read)
        client("closed", b"x", read=read)
        client("noted", b"x", read=read)
        client("sensor", b"x", "127.9.1.%d" % (i % 250 + 1), read)
        for name in b"echo", b"named", b"shut", b"nobody", b"help":
            client("mux", name + b"\r\nmore", read=read)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.sendto(b"x", ("127.0.0.1", int(ports["echoed"])))
    u.close()
END
	crowd_of() {
		configure <<END
service "denied" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = "all" banner = "$PWD/big" banner_deny = "$PWD/out" id = "$1" }
service "greeted" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/big" banner_allow = "$PWD/out" id = "$1" }
service "closed" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = "127.9.0.1" hours = "00:00-24:00" id = "$1" per_prefix = 50 }
service "noted" { listen = "tcp:127.0.0.1:0" handler = "echo" ident = "log" ident_timeout = 1s id = "$1" }
service "sensor" { listen = "tcp:127.0.0.1:0" ban = "1s" id = "$1" }
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" banner = "$PWD/out" id = "$1" }
service "handed" { tcpmux = "echo" tcpmux_plus = true handler = "echo" id = "$1" }
service "named" { tcpmux = "named" tcpmux_plus = true exec = "/bin/cat" deny = ".evil.example" banner = "$PWD/out" id = "$1" }
service "shut" { tcpmux = "shut" handler = "echo" deny = "all" banner_deny = "$PWD/out" id = "$1" }
service "echoed" { listen = "udp:127.0.0.1:0" handler = "echo" id = "$1" per_source_rate = "50/1s" }
END
	}
	crowd() {
		sed 's|\t.*:|\t|' "$ADDRS" | PATIENCE=$PATIENCE python3 crowd.py "$1"
	}
	quiet() {
		[ "$(log_lines ' start service=')" = "$(log_lines ' end service=')" ] && [ "$(descriptors)" = "$before" ]
	}
	crowd_of a
	start_evinetd
	crowd 2
	starts_equal_ends
	local before
	# Once everything has been used that is kept.
	before=$(descriptors)
	wait_until settles
	crowd_of b
	crowd 10
	reload
	crowd 10 3>&- &
	for id in c d e f; do
		crowd_of "$id"
		reload
	done
	wait $!
	wait_until quiet
	[ "$(log_lines ' start service=named ')" -ge 20 ]
	[ "$(log_lines ' ident service=noted ')" = "$(log_lines ' start service=noted ')" ]
	stop_evinetd
	[ "$status" = 0 ]
}

# The number of descriptors is what it was a moment ago.
settles() {
	local was=$before
	before=$(descriptors)
	[ "$before" = "$was" ]
}

@test "a handed-over connection that a rule of TCP Wrappers gives to a program hears that program alone" {
	need_root
	need_namespace m
	[ -x "$BUILD/evinetd-wrappers" ] || skip "libwrap is not built in"
	cp -a /etc etc
	: >etc/hosts.allow
	echo 's: ALL: twist (echo twisted; read -r x; echo "$x $x")' >etc/hosts.deny
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind etc /etc && exec "$@"' sh
	configure <<'END'
service "mux" { listen = "tcp:127.0.0.1:0" handler = "tcpmux" }
service "s" { tcpmux = "word" tcpmux_plus = true shell = "echo hello" tcp_wrappers = "s" }
END
	start_evinetd
	connect 5 "$(port_of mux)"
	say 5 word
	[ "$(hear 5)" = twisted ]
	wait_for_log 'refuse service=s'
	say 5 again
	[ "$(hear 5)" = "again again" ]
	[ -z "$(hear 5 || true)" ]
	disconnect 5
	starts_equal_ends
}

@test "denied clients that do not read what they are told keep no descriptor that others need" {
	big_banner
	configure <<END
service "shut" { listen = "tcp:127.0.0.1:0" handler = "echo" sndbuf = 4096 deny = "all" banner_deny = "$PWD/big" }
service "open" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } }
END
	run_under prlimit --nofile=48
	start_evinetd
	cat >crowd.py <<'END'
import socket, sys, time
crowd = []
for _ in range(100):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    crowd.append(s)
open("connected", "w").write("yes\n")
time.sleep(60)
END
	background python3 crowd.py "$(port_of shut)"
	wait_for_file connected
	wait_for_log 'refuse service=shut' 100
	# They have been let go of before their ten seconds are over.
	[ "$(ask "$(address_of open)" words)" = words ]
	[ "$(descriptors)" -lt 40 ]
	kill "$HELPER"
}
