# Programs that are started before their clients come.

load helper

# What the clients written in Python share.
setup_file() {
	cat >"$BATS_FILE_TMPDIR/clients.py" <<'END'
import os, socket, sys, time

PATIENCE = float(os.environ.get("PATIENCE", 20))

def connect(address):
    host, port = address.split(":", 1)[1].rsplit(":", 1)
    return socket.create_connection((host, int(port)), PATIENCE)

def everything(s):
    got = []
    while True:
        part = s.recv(1 << 20)
        if not part:
            return b"".join(got)
        got.append(part)

def wait_for_log(text, n=1):
    end = time.monotonic() + PATIENCE
    while open("log").read().count(text) < n:
        assert time.monotonic() < end, "the log never said %d times: %s" % (n, text)
        time.sleep(0.02)
END
}

client() {
	{
		echo 'from clients import *'
		cat
	} >client.py
	PATIENCE="$PATIENCE" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$BATS_FILE_TMPDIR" DAEMON="$DAEMON" \
		python3 client.py "$@"
}

# service NAME WORDS... <<'END'   a service whose program is this script, with these further words. It runs
# in the test's folder, and most say that they are there by a line in the file "up".
service() {
	local name=$1
	shift
	cat >"$name.sh"
	cat >>"$CONF" <<-CONF
		service "$name" { listen = "tcp:127.0.0.1:0" exec = { "/bin/sh", "$PWD/$name.sh" } directory = "$PWD" $* }
	CONF
}

lines_of() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "a client gets a program that was there before it came" {
	service early 'warm = 2' <<-'END'
		echo $$ >>up
		read -r word
		echo "$$ says $word"
	END
	start_evinetd
	wait_until lines_of up 2
	head -n 2 up >before
	for word in one two; do
		answer=$(ask "$(address_of early)" "$word")
		grep -qx "${answer%% *}" before
		[ "${answer#* }" = "says $word" ]
		wait_for_log "pid=${answer%% *} peer=127.0.0.1"
	done
	wait_for_log ' end service=early' 2
	grep -qE 'end service=early session=1 .*how=exit status=0 ms=[0-9]+ in=4 out=[0-9]+ cpu_ms=' "$LOG"
}

@test "who has served is replaced, and no more are kept than configured" {
	service refill 'warm = 3 warm_spawn = 1' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of up 3
	for i in 1 2 3 4 5; do
		[ "$(ask "$(address_of refill)" "$i")" = "$i" ]
		wait_until lines_of up $((3 + i))
	done
	wait_for_log ' end service=refill' 5
	[ "$(ps -o pid= --ppid "$DAEMON" | wc -l)" = 3 ]
	[ "$(wc -l <up)" = 8 ]
}

@test "a client that finds nobody has a program started for itself" {
	service few 'warm = 1' <<-'END'
		read -r word
		echo "$word"
		read -r word
	END
	start_evinetd
	client "$(address_of few)" <<-'END'
		all = [connect(sys.argv[1]) for _ in range(5)]
		for i, s in enumerate(all):
		    s.sendall(b"%d\n" % i)
		for i, s in enumerate(all):
		    assert s.recv(10) == b"%d\n" % i
	END
	wait_for_log ' end service=few' 5
}

@test "programs that wait take no place of a client" {
	service places 'warm = 3 instances = 1' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of up 3
	[ "$(log_lines 'why=full')" = 0 ]
	[ "$(ask "$(address_of places)" hello)" = hello ]
	[ "$(ask "$(address_of places)" again)" = again ]
}

@test "a program that does not stay is started again, less and less often, and clients are served" {
	service dies 'warm = 4 warm_spawn = 4' <<-'END'
		echo $$ >>up
		echo bye
		exit 3
	END
	start_evinetd
	wait_for_log 'warning warm_exit service=dies how=exit status=3 retry=100ms'
	wait_for_log 'warm_exit service=dies how=exit status=3 retry=200ms'
	wait_for_log 'warm_exit service=dies how=exit status=3 retry=400ms'
	# Four of them at each of three times.
	[ "$(wc -l <up)" -le 16 ]
	[ "$(ask "$(address_of dies)" hello)" = bye ]
	wait_for_log 'end service=dies'
	grep -q 'end service=dies .*how=exit status=3' "$LOG"
}

@test "a program that is killed while it waits is replaced" {
	service killed 'warm = 1' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of up 1
	kill -KILL "$(cat up)"
	wait_for_log 'warm_exit service=killed how=signal status=9 retry=100ms'
	wait_until lines_of up 2
	[ "$(ask "$(address_of killed)" hello)" = hello ]
}

@test "a program that closes its input while it waits is not given to anybody" {
	service deaf 'warm = 1' <<-'END'
		echo $$ >>up
		if [ ! -e first ]; then
			echo >first
			exec </dev/null >/dev/null
			echo deaf >>deaf
			sleep 60
		fi
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of deaf 1
	[ "$(ask "$(address_of deaf)" hello)" = hello ]
	wait_for_log 'warm_exit service=deaf how=signal status=15'
}

@test "a program that cannot be started is told, without a session and with one" {
	service broken 'warm = 1' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
	END
	cp /bin/sh shell
	sed -i "s|/bin/sh|$PWD/shell|" "$CONF"
	start_evinetd
	wait_until lines_of up 1
	rm shell
	[ "$(ask "$(address_of broken)" hello)" = hello ]
	wait_for_log "exec_error service=broken pid="
	[ "$(ask "$(address_of broken)" hello)" = "" ]
	wait_for_log 'how=error status=127'
	grep -qE "exec_error service=broken pid=[0-9]+ program=$PWD/shell step=exec errno=ENOENT" "$LOG"
	grep -qE "exec_error service=broken session=2 pid=[0-9]+ program=$PWD/shell step=exec errno=ENOENT" "$LOG"
	# And once there is one, it goes on.
	cp /bin/sh shell
	wait_until lines_of up 2
}

@test "a program knows that it is warm, and finds nothing in its environment about a client" {
	service world 'warm = 1 env = "OWN=mine"' <<-'END'
		read -r word
		env | sort
		echo --
		# dash has its script on 10.
		for fd in 3 4 5 6 7 8 9; do [ ! -e "/proc/$$/fd/$fd" ] || echo "has $fd"; done
	END
	start_evinetd
	ask "$(address_of world)" hello >got
	sed '/^--$/,$d' got | grep -vE '^(PWD|_|SHLVL|OLDPWD)=' >variables
	diff - variables <<-'END'
		EVINET_SERVICE=world
		EVINET_WARM=1
		OWN=mine
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	END
	[ "$(tail -n 1 got)" = -- ]
}

@test "warm_header = proxy-v1 tells who the client is" {
	service proxy 'warm = 1 warm_header = "proxy-v1"' <<-'END'
		read -r header
		read -r word
		echo "$word: $header"
	END
	start_evinetd
	client "$(address_of proxy)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"hello\n")
		wanted = "hello: PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (s.getsockname()[1], s.getpeername()[1])
		assert everything(s).decode() == wanted, wanted
	END
}

@test "warm_header = env-line tells who the client is" {
	service line 'warm = 1 warm_header = "env-line"' <<-'END'
		read -r header
		for assignment in $header; do
			echo "$assignment"
		done
	END
	cat >>"$CONF" <<-CONF
		service "unix" { listen = "unix:$PWD/a sock" exec = { "head", "-n", "1" } warm = 1 warm_header = "env-line" }
	CONF
	start_evinetd
	client "$(address_of line)" <<-'END'
		s = connect(sys.argv[1])
		me, to = s.getsockname(), s.getpeername()
		got = everything(s).decode().splitlines()
		assert got == ["PROTO=TCP", "TCPREMOTEIP=127.0.0.1", "TCPREMOTEPORT=%d" % me[1],
		               "TCPLOCALIP=127.0.0.1", "TCPLOCALPORT=%d" % to[1], "REMOTE_ADDR=127.0.0.1",
		               "REMOTE_PORT=%d" % me[1], "REMOTE_HOST=127.0.0.1", "EVINET_SERVICE=line",
		               "EVINET_SESSION=1"], got
	END
	ask "unix:$PWD/a sock" >got
	grep -qF "PROTO=UNIX UNIXLOCALPATH=$PWD/a\\040sock " got
	grep -qF " UNIXREMOTEEUID=$(id -u) " got
}

@test "what a program writes to standard error belongs to the session once it has one" {
	service errors 'warm = 1' <<-'END'
		echo "starting" >&2
		echo up >>up
		read -r word
		echo "serving $word" >&2
		echo "$word"
	END
	start_evinetd
	wait_for_log 'text=starting'
	[ "$(ask "$(address_of errors)" hello)" = hello ]
	wait_for_log 'text="serving hello"'
	grep -qE 'stderr service=errors pid=[0-9]+ text=starting' "$LOG"
	grep -qE 'stderr service=errors session=1 pid=[0-9]+ text="serving hello"' "$LOG"
}

@test "a client that ends its side gives the program the end of its input, and gets the late answer" {
	service late 'warm = 1' <<-'END'
		question=$(cat)
		echo "$question" >got
		until [ -e go ]; do sleep 0.02; done
		echo "late answer to $question"
	END
	start_evinetd
	client "$(address_of late)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"a question")
		s.shutdown(socket.SHUT_WR)
		while not (os.path.exists("got") and open("got").read() == "a question\n"):
		    time.sleep(0.02)
		open("go", "w").close()
		assert everything(s) == b"late answer to a question\n"
	END
	wait_for_log 'how=exit status=0'
}

@test "a session ends with its program, even if the client stays" {
	service ends 'warm = 1 drain_timeout = "100ms"' <<-'END'
		read -r word
		echo "$word"
		exit 7
	END
	start_evinetd
	client "$(address_of ends)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"hello\nand much more that nobody reads\n")
		assert everything(s) == b"hello\n"
		wait_for_log("how=exit status=7")
	END
}

@test "a child that the program leaves behind goes on talking to the client" {
	mkfifo go
	exec 7<>go
	service heir 'warm = 1' <<-'END'
		read -r first
		exec 3<&0
		(read -r word <go; read -r question <&3; echo "late $word $question") &
		echo left >left
	END
	start_evinetd
	client "$(address_of heir)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"first\n")
		while not os.path.exists("left"):
		    time.sleep(0.02)
		s.sendall(b"question\n")
		with open("go", "w") as go:
		    go.write("word\n")
		assert everything(s) == b"late word question\n"
	END
	wait_for_log 'end service=heir'
}

@test "a child that the program leaves behind does not keep a daemon that stops" {
	service heir 'warm = 1' <<-'END'
		read -r first
		sleep 60 &
		echo left
	END
	start_evinetd
	client "$(address_of heir)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"first\n")
		assert s.recv(5) == b"left\n"
	END
	stop_evinetd
	[ "$status" = 0 ]
	wait_for_log 'end service=heir'
	pkill -KILL -s "$SESSION_ID" sleep || true
}

@test "200 programs answer and end without reading: 200 whole answers, no reset" {
	configure <<-CONF
		service "answer" { listen = "tcp:127.0.0.1:0" exec = { "$TOOL/answer", "the whole answer" } warm = 4 }
	CONF
	start_evinetd
	run "$TOOL/client" -t $((PATIENCE * 3 / 2)) -n 200 -c 4 -s 'a question\n' -a 'the whole answer\n' "$(address_of answer)"
	[ "$output" = "ok=200 reset=0 short=0 error=0" ]
	wait_for_log ' end service=answer' 200
}

@test "100 MiB pass through a program, byte for byte" {
	configure <<-CONF
		service "cat" { listen = "tcp:127.0.0.1:0" exec = { "cat" } warm = 1 }
	CONF
	start_evinetd
	head -c 104857600 /dev/urandom >data
	socat -t "$PATIENCE" - "TCP:127.0.0.1:$(port_of cat)" <data >back
	cmp data back
	wait_for_log 'in=104857600 out=104857600'
}

@test "programs that wait are replaced when they are old" {
	service old 'warm = 1 warm_max_age = "200ms"' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of up 3
	wait_until is_gone "$(head -n 1 up)"
	[ "$(log_lines warm_exit)" = 0 ]
	[ "$(ask "$(address_of old)" hello)" = hello ]
}

@test "timeout and idle_timeout end a session and its program" {
	service long 'warm = 1 timeout = "300ms"' <<-'END'
		echo $$ >>long
		cat
	END
	service idle 'warm = 1 idle_timeout = "300ms"' <<-'END'
		echo $$ >>idle
		cat
	END
	start_evinetd
	wait_until lines_of long 1
	wait_until lines_of idle 1
	client "$(address_of long)" "$(address_of idle)" <<-'END'
		for address in sys.argv[1:]:
		    assert everything(connect(address)) == b""
	END
	wait_for_log 'how=timeout' 2
	wait_until is_gone "$(head -n 1 long)"
	wait_until is_gone "$(head -n 1 idle)"
}

@test "a client that does not read cannot keep a session after its timeout" {
	service stuck 'warm = 1 timeout = "300ms" kill_after = "200ms"' <<-'END'
		trap '' TERM
		cat /dev/zero
	END
	start_evinetd
	client "$(address_of stuck)" <<-'END'
		s = connect(sys.argv[1])
		wait_for_log("end service=stuck")
	END
	wait_for_log 'how=timeout'
}

@test "when the daemon stops, programs that wait are asked to end, and nobody is left" {
	service polite 'warm = 2' <<-'END'
		trap 'echo asked >>asked; exit 0' TERM
		echo $$ >>up
		while :; do sleep 0.05; done
	END
	service stubborn 'warm = 1 kill_after = "200ms"' <<-'END'
		trap '' TERM
		echo $$ >>stubborn
		while :; do sleep 0.05; done
	END
	start_evinetd
	wait_until lines_of up 2
	wait_until lines_of stubborn 1
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(wc -l <asked)" = 2 ]
	nothing_is_left
	[ "$(log_lines warm_exit)" = 0 ]
}

@test "a daemon that drains lets sessions finish and keeps no program ready" {
	service drains 'warm = 2' <<-'END'
		echo $$ >>up
		read -r word
		echo "$word"
		read -r word
		echo "$word"
	END
	start_evinetd
	wait_until lines_of up 2
	client "$(address_of drains)" <<-'END'
		s = connect(sys.argv[1])
		s.sendall(b"one\n")
		assert s.recv(4) == b"one\n"
		os.kill(int(os.environ["DAEMON"]), 3)
		wait_for_log("hold service=drains why=stopping")
		s.sendall(b"two\n")
		assert everything(s) == b"two\n"
	END
	wait "$DAEMON"
	DAEMON=
	nothing_is_left
	wait_for_log 'how=exit status=0'
}

@test "what makes no sense with warm is told" {
	configure <<-'CONF'
		service "waits" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true warm = 1 }
		service "cold" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } warm_header = "env-line" }
		service "built-in" { listen = "tcp:127.0.0.1:0" handler = "echo" warm = 1 }
		service "own" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } warm = 1 env = "EVINET_WARM=2" }
	CONF
	run "$EVINETD" --check -c "$CONF"
	echo "$output"
	[ "$status" = 78 ]
	[[ $output == *':1: service "waits": warm: means nothing with wait = true'* ]]
	[[ $output == *':2: warning: service "cold": warm_header: has no effect without warm'* ]]
	[[ $output == *':3: warning: service "built-in": warm: has no effect on a built-in handler'* ]]
	[[ $output == *':4: service "own": env: EVINET_WARM is set anew for each session'* ]]
}

@test "a client that finds the pool empty sees it when its program closes its output and goes on" {
	mkfifo go
	exec 7<>go
	configure <<-CONF
		service "closer" {
			listen = "tcp:127.0.0.1:0"
			warm   = 1
			shell  = "echo hello; exec <$PWD/go >/dev/null; read -r word"
		}
	CONF
	start_evinetd
	run "$TOOL/client" -n 3 -c 3 -a 'hello\n' "$(address_of closer)"
	[ "$output" = 'ok=3 reset=0 short=0 error=0' ]
	[ "$(log_lines 'end service=closer')" = 0 ]
	printf '%s\n' 1 2 3 4 5 6 >&7
	wait_for_log 'end service=closer' 3
}
