# banner, banner_allow and banner_deny: sent in full, in their order, and without anybody else waiting for it.

load helper

# More than any socket takes at once, and not much more than may be sent.
big_banner() {
	perl -e 'print "banner line $_\n" for 1 .. 3700' >"$1"
	[ "$(wc -c <"$1")" -le 65536 ]
}

# A client that connects to $1, and reads only once there is a file named "read": then everything, into "got".
start_sleepy_client() {
	cat >sleepy.py <<'END'
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.connect(("127.0.0.1", int(sys.argv[1])))
open("connected", "w").write("yes\n")
while not os.path.exists("read"):
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
	background python3 sleepy.py "$1"
	wait_for_file connected
}

@test "every client is sent the banner, then those who are let in theirs, then the program speaks" {
	printf 'Welcome.\n' >all
	printf 'Come in.\n' >in
	printf 'Go away.\n' >out
	configure <<END
service "s" {
	listen = { "tcp:127.0.0.1:0", "unix:$PWD/s" }
	shell  = "read -r x; echo answer \$x"
	allow  = "unix"
	banner = "$PWD/all"
	banner_allow = "$PWD/in"
	banner_deny  = "$PWD/out"
}
END
	start_evinetd
	[ "$(ask "unix:$PWD/s" text)" = $'Welcome.\nCome in.\nanswer text' ]
	[ "$(ask "$(address_of s)" text)" = $'Welcome.\nGo away.' ]
	wait_for_log 'refuse service=s'
	[ "$(log_lines 'reason=deny')" = 1 ]
	wait_for_log 'end service=s'
	[ "$(log_lines 'start service=s')" = 1 ]
}

@test "who is refused gets the whole text, whatever it has sent meanwhile" {
	big_banner out
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = "all" banner_deny = "$PWD/out" }
END
	start_evinetd
	for _ in 1 2 3; do
		head -c 100000 /dev/zero | timeout "$PATIENCE" socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of s)" >got
		cmp got out
	done
	[ "$(log_lines 'refuse service=s')" = 3 ]
}

@test "a client that does not read its banner keeps nobody else waiting, and its program starts when it does" {
	big_banner all
	configure <<END
service "s" {
	listen = "tcp:127.0.0.1:0"
	shell  = "echo the end"
	sndbuf = 4096
	banner = "$PWD/all"
}
service "other" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	start_evinetd
	start_sleepy_client "$(port_of s)"
	for _ in 1 2 3; do
		[ "$(ask "$(address_of other)")" = hello ]
	done
	# The service itself has time for others, too.
	ask "$(address_of s)" >second
	{ cat all && echo the end; } | cmp - second
	wait_for_log 'end service=s'
	[ "$(log_lines 'start service=s')" = 1 ]
	touch read
	wait_for_file got
	{ cat all && echo the end; } | cmp - got
	wait_for_log 'end service=s' 2
	[ "$(log_lines refuse)" = 0 ]
}

@test "a client that does not take its banner in time is refused" {
	big_banner all
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo the end" sndbuf = 4096 banner_allow = "$PWD/all" instances = 1 }
END
	start_evinetd
	start_sleepy_client "$(port_of s)"
	wait_for_log 'hold service=s why=full'
	wait_for_log 'refuse service=s'
	grep -q 'reason=banner errno=ETIMEDOUT' "$LOG"
	wait_for_log 'release service=s why=full'
	touch read
	wait_for_file got
	[ "$(grep -ac 'the end' got)" = 0 ]
	[ "$(log_lines 'start service=s')" = 0 ]
}

@test "a client that leaves while it is sent its banner is refused once, and its place is free" {
	big_banner all
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo the end" sndbuf = 4096 banner = "$PWD/all" instances = 1 }
END
	start_evinetd
	start_sleepy_client "$(port_of s)"
	wait_for_log 'hold service=s why=full'
	kill "$HELPER"
	wait_for_log 'release service=s why=full'
	[ "$(log_lines 'refuse service=s')" = 1 ]
	grep -q 'reason=banner' "$LOG"
	[ "$(log_lines 'start service=s')" = 0 ]
	ask "$(address_of s)" | tail -n 1 | grep -qx 'the end'
}

@test "a client that is sent its banner when the daemon stops is refused, with TERM and with QUIT" {
	big_banner all
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo the end" sndbuf = 4096 banner = "$PWD/all" instances = 1 }
END
	for signal in TERM QUIT; do
		rm -f connected
		: >"$LOG"
		start_evinetd
		start_sleepy_client "$(port_of s)"
		wait_for_log 'hold service=s why=full'
		stop_evinetd "$signal"
		[ "$status" = 0 ]
		[ "$(log_lines 'refuse service=s')" = 1 ]
		grep -q 'reason=stopping' "$LOG"
		[ "$(log_lines 'start service=s')" = 0 ]
		kill "$HELPER"
	done
}

@test "a banner that has changed is sent as it is now" {
	printf 'old\n' >all
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" banner = "$PWD/all" }
END
	start_evinetd
	[ "$(ask "$(address_of s)")" = $'old\nhello' ]
	printf 'news\n' >new
	mv new all
	[ "$(ask "$(address_of s)")" = $'news\nhello' ]
	rm all
	[ "$(ask "$(address_of s)")" = hello ]
	wait_for_log 'fail service=s syscall=read'
	grep -q 'errno=ENOENT' "$LOG"
	printf 'back\n' >all
	[ "$(ask "$(address_of s)")" = $'back\nhello' ]
}

@test "what cannot be sent is told when the configuration is read" {
	mkfifo fifo
	head -c 65537 /dev/zero >huge
	head -c 65536 /dev/zero >large
	printf 'x\n' >all
	configure <<END
defaults { banner_deny = "$PWD/all" }
service "missing" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/nothing" }
service "fifo" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/fifo" }
service "huge" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/huge" }
service "large" { listen = "tcp:127.0.0.1:0" handler = "echo" banner = "$PWD/large" }
service "wait" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true banner_allow = "$PWD/all" }
service "wait2" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" banner = "$PWD/all" }
END
	run "$EVINETD" --check -c "$CONF"
	echo "$output"
	[ "$status" = 78 ]
	[[ $output == *':2: warning: service "missing": banner: open '*'No such file'*'nothing is sent'* ]]
	[[ $output == *':3: warning: service "fifo": banner: '*'no plain file'* ]]
	[[ $output == *':4: service "huge": banner: '*'more than 65536 bytes'* ]]
	[[ $output != *'"large"'* ]]
	[[ $output == *':6: service "wait": banner_allow: cannot be kept with wait = true'* ]]
	[[ $output == *':1: warning: service "wait2": banner_deny: has no effect with wait = true'* ]]
	[[ $output == *':8: warning: service "dgram": banner: has no effect on datagrams'* ]]
	[ "$(grep -vc warning <<<"$output")" = 2 ]
}

@test "of those who are refused and do not read, 256 are waited for" {
	big_banner out
	configure <<END
service "s" { listen = "tcp:127.0.0.1:0" handler = "echo" deny = "all" sndbuf = 4096 banner_deny = "$PWD/out" }
END
	start_evinetd
	cat >crowd.py <<'END'
import os, socket, sys, time

def sleepy():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(20)
    return s

def first_bytes(s):
    try:
        return s.recv(14)
    except ConnectionResetError:
        return b""

end = time.monotonic() + float(os.environ.get("PATIENCE", 20))
crowd = [sleepy() for _ in range(256)]
while open("log").read().count("refuse service=s") < 256:
    assert time.monotonic() < end
    time.sleep(0.02)
assert first_bytes(sleepy()) == b"", "the next one is sent something"
# Who leaves makes room.
crowd.pop().close()
while first_bytes(sleepy()) != b"banner line 1\n":
    assert time.monotonic() < end
END
	python3 crowd.py "$(port_of s)"
}
