# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
# What is wrong with xinetd and must not be wrong here: one test for each defect, named after its number.
#
# These have theirs where the matter is tested anyway:
#   B7 xinetd.bats · B8 B9 B28 policy.bats · B17 world.bats · B18 redirect.bats · B20 B21 B22 tcpmux.bats ·
#   B26 B32 B35 xinetdlog.bats · B27 dump.bats · B29 test_admit.c · B41 B42 personality.bats · B43 listen.bats
# and of what was reported, not found by reading, these:
#   a program that has the socket and a client that is not let in: an endless loop     policy.bats
#   an ident answer of any length, and what is in it                                   ident.bats
#   a rule by name, and a client without one: let in                                   names.bats
#   a link in the place of the state dump                                              dump.bats
#   an address that is not there yet                                                   listen.bats (retry)
#   a daemon without privileges                                                        boot.bats, fail.bats
#   an RPC service with a fixed port                                                   rpc.bats
#   datagrams answered from another address                                            builtin.bats
#   a daemon that was started without descriptors 0 to 2                               world.bats
# These cannot occur:
#   syslog in a signal handler: signals are read from descriptors, and no handler runs
#   LABELED with the wrong program: the flag has no effect, which is said
#   an option of the socket that is set for the wrong family (IPV6_V6ONLY): each address has a socket of its own

load helper

# An entry for xinetd.conf on any free port. What is given takes the place of what every entry has; a
# "-NAME" only leaves that out.
entry() {
	local name=$1 line given
	shift
	given=" $(printf '%s\n' "${@#-}" | cut -d ' ' -f 1 | tr '\n' ' ')"
	{
		printf 'service %s\n{\n' "$name"
		for line in 'type = UNLISTED' 'port = 0' 'socket_type = stream' 'protocol = tcp' 'wait = no' \
			"user = $(id -un)" 'bind = 127.0.0.1' 'server = /bin/cat'; do
			[[ $given == *" ${line%% *} "* ]] || printf '\t%s\n' "$line"
		done
		for line; do
			[[ $line == -* ]] || printf '\t%s\n' "$line"
		done
		printf '}\n'
	} >>xinetd.conf
}

defaults() {
	{
		printf 'defaults\n{\n'
		printf '\t%s\n' "$@"
		printf '}\n'
	} >>xinetd.conf
}

# The daemon with xinetd.conf alone.
start() {
	CONF=
	start_evinetd -x xinetd.conf "$@"
}

# What --check has to say about it, in $output.
check() {
	run timeout "$PATIENCE" "$EVINETD" --check -x xinetd.conf
	echo "$output"
}

reload() {
	local before
	before=$(log_lines 'reload what=configuration')
	kill -HUP "$DAEMON"
	wait_for_log 'reload what=configuration' $((before + 1))
}

reload_failed() {
	grep -a 'reload what=configuration' "$LOG" | tail -n 1 | grep -qF 'nothing has been changed'
}

# The answer to a client with this source address; nothing if it is refused.
from() {
	socat -t "$PATIENCE" - "TCP:${2#tcp:},bind=$1" </dev/null 2>/dev/null || true
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

descriptors() {
	find "/proc/$DAEMON/fd" -mindepth 1 | wc -l
}

# --- what the daemon does to itself ---

@test "B1: services that come and go with HUP, more often than there are descriptors, leave none behind" {
	run_under sh -c 'ulimit -n 48 && exec "$@"' sh
	entry stays
	cp xinetd.conf without
	local i before
	for i in {1..10}; do
		entry "s$i"
	done
	cp xinetd.conf with
	start
	connect 4 "$(port_of stays)"
	say 4 before
	[ "$(hear 4)" = before ]
	before=$(descriptors)
	for i in {1..10}; do
		cp without xinetd.conf
		reload
		cp with xinetd.conf
		reload
	done
	[ "$(log_lines 'added=10')" = 10 ]
	[ "$(descriptors)" = "$before" ]
	[ "$(ask "$(address_of s10)" here)" = here ]
	say 4 after
	[ "$(hear 4)" = after ]
	disconnect 4
}

@test "B2: a program that cannot be forked is one refusal, and its place is free" {
	run_traced -e trace=clone3,clone -e inject=clone3,clone:error=EAGAIN:when=1
	entry s 'instances = 1' "log_type = FILE $PWD/xlog" 'log_on_failure = HOST' 'log_on_success = PID EXIT'
	start --dump-file "$PWD/dump"
	[ -z "$(ask "$(address_of s)" first)" ]
	# Nobody else is told to be there instead.
	[ "$(ask "$(address_of s)" second)" = second ]
	wait_until grep -q 'EXIT: s' xlog
	sed -i 's/^[^ ]* //; s/pid=[0-9]*/pid=N/' xlog
	diff xlog - <<-END
		FAIL: s fork from=127.0.0.1
		START: s pid=N
		EXIT: s status=0 pid=N
	END
	kill -USR1 "$DAEMON"
	wait_for_log ' dump file='
	grep -qx 'Sessions = 0' dump
}

@test "B33: each program that ends is told with its own status, and no signal goes to one that has been waited for" {
	run_traced -e trace=kill,wait4
	echo 'read x; exit "$x"' >script
	entry keeps 'server = /bin/sh' "server_args = $PWD/script"
	cp xinetd.conf without
	entry goes 'server = /bin/sh' "server_args = $PWD/script"
	start
	local keeps goes
	keeps=$(port_of keeps)
	goes=$(port_of goes)
	connect 4 "$keeps"
	connect 5 "$goes"
	connect 6 "$goes"
	connect 7 "$keeps"
	wait_for_log ' start service=' 4
	say 4 3
	disconnect 4
	cp without xinetd.conf
	reload
	say 5 5
	disconnect 5
	wait_for_log ' end service=' 2
	stop_evinetd
	[ "$status" = 0 ]
	disconnect 6
	disconnect 7
	grep -aq ' end service=keeps .*how=exit status=3 ' "$LOG"
	grep -aq ' end service=goes .*how=exit status=5 ' "$LOG"
	[ "$(log_lines ' end service=')" = 4 ]
	[ "$(log_lines 'how=killed')" = 2 ]
	nothing_is_left
	# What is left of the process group of one that was killed is killed at once, and no process by its number.
	awk '
	/wait4/ && $NF ~ /^[1-9][0-9]*$/ { waited[$NF] = 1; n++ }
	$2 ~ /^kill\(/ {
		pid = $2
		gsub(/[^-0-9]/, "", pid)
		kills++
		if (pid in waited || (-pid in waited && ++again[pid] > 1))
			bad = 1
	}
	END { exit bad || n != 4 || kills < 2 }' trace || { cat trace && return 1; }
}

@test "B34: a socket that is broken stops no other service, and its own goes on" {
	run_traced -e trace=accept4 -e inject=accept4:error=EBADF:when=1
	entry one
	entry two
	entry three
	start
	connect 4 "$(port_of two)"
	wait_until grep -q INJECTED trace
	local name
	for name in one three; do
		[ "$(ask "$(address_of "$name")" "$name")" = "$name" ]
	done
	say 4 two
	[ "$(hear 4)" = two ]
	disconnect 4
	[ "$(log_lines ' start service=')" = 3 ]
}

# --- clients that stop others ---

@test "B3: a client that does not read its banner stops no service" {
	perl -e 'print "banner line $_\n" for 1 .. 3700' >banner
	echo the end >end
	entry slow "banner = $PWD/banner" "server_args = $PWD/end"
	entry other
	configure <<-'END'
		defaults { sndbuf = 4096 }
		xinetd("xinetd.conf")
	END
	start_evinetd
	cat >client.py <<-'END'
		import os, socket, sys, time
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
		s.settimeout(20)
		s.connect(("127.0.0.1", int(sys.argv[1])))
		open("connected", "w").write("yes\n")
		while not os.path.exists("read"):
		    time.sleep(0.02)
		got = b"".join(iter(lambda: s.recv(65536), b""))
		open("got.new", "wb").write(got)
		os.rename("got.new", "got")
	END
	background python3 client.py "$(port_of slow)"
	wait_for_file connected
	local i
	for i in 1 2 3; do
		[ "$(ask "$(address_of other)" "$i")" = "$i" ]
	done
	[ "$(log_lines ' start service=slow')" = 0 ]
	touch read
	wait_for_file got
	cat banner end | cmp - got
}

# --- HUP and TERM ---

@test "B4: a wrong value in defaults is no end with status 0, and at HUP it ends nothing" {
	defaults 'instances = lots'
	entry a
	cp xinetd.conf bad
	CONF=
	start_fails -x xinetd.conf
	[ "$status" = 78 ]
	wait_for_log "config_error service=a file=xinetd.conf line=3 key=instances"
	sed -i 's/lots/5/' xinetd.conf
	: >"$LOG"
	start
	connect 4 "$(port_of a)"
	cp bad xinetd.conf
	reload
	reload_failed
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	[ "$(ask "$(address_of a)" new)" = new ]
}

@test "B5: neither a slip in an entry nor its removal ends the sessions of the service" {
	entry a
	cp xinetd.conf without
	entry b
	start
	connect 4 "$(port_of b)"
	say 4 before
	[ "$(hear 4)" = before ]
	cp without xinetd.conf
	entry b 'user = nosuchuser'
	reload
	reload_failed
	say 4 slip
	[ "$(hear 4)" = slip ]
	cp without xinetd.conf
	reload
	[ -z "$(address_of b)" ]
	say 4 removed
	[ "$(hear 4)" = removed ]
	disconnect 4
	[ "$(ask "$(address_of a)" a)" = a ]
}

@test "B6: a bind that is taken out at HUP leaves the address, on the port that it had" {
	entry a 'bind = 127.83.9.6' 'port = 7836'
	start
	connect 4 7836 127.83.9.6
	say 4 before
	[ "$(hear 4)" = before ]
	nobody_listens tcp:127.0.0.1:7836
	: >xinetd.conf
	entry a -bind 'port = 7836'
	reload
	[ "$(ask tcp:127.0.0.1:7836 here)" = here ]
	say 4 after
	[ "$(hear 4)" = after ]
	disconnect 4
	: >xinetd.conf
	entry a 'bind = 127.83.9.7' 'port = 7836'
	reload
	[ "$(ask tcp:127.83.9.7:7836 here)" = here ]
	nobody_listens tcp:127.83.9.6:7836
}

@test "B14: what HUP changes is for new clients, those that run are counted, and nobody is cut off" {
	entry a
	start
	connect 4 "$(port_of a)"
	connect 5 "$(port_of a)"
	wait_for_log ' start service=a' 2
	: >xinetd.conf
	entry a 'instances = 2' 'no_access = 127.83.9.1'
	reload
	[ -z "$(ask "$(address_of a)" third)" ]
	grep -aq ' refuse service=a .*reason=instances' "$LOG"
	for fd in 4 5; do
		say "$fd" there
		[ "$(hear "$fd")" = there ]
		disconnect "$fd"
	done
	wait_for_log ' end service=a' 2
	[ "$(ask "$(address_of a)" now)" = now ]
	from 127.83.9.1 "$(address_of a)"
	grep -aq ' refuse service=a peer=127.83.9.1:.*reason=deny' "$LOG"
}

@test "B15: TERM ends the programs as well" {
	entry a 'server = /bin/sleep' 'server_args = 1000'
	start
	connect 4 "$(port_of a)"
	wait_for_log ' start service=a'
	local pid
	pid=$(grep -a ' start service=a' "$LOG" | grep -o 'pid=[0-9]*')
	kill -0 "${pid#pid=}"
	stop_evinetd TERM
	[ "$status" = 0 ]
	is_gone "${pid#pid=}"
	disconnect 4
}

# --- sockets and datagrams ---

@test "B10: v6only = no means no, and in defaults it counts" {
	need_ipv6
	entry no -bind 'flags = IPv6' 'v6only = no'
	start
	[ "$(ask "tcp:[::1]:$(port_of no)" six)" = six ]
	[ "$(ask "tcp:127.0.0.1:$(port_of no)" four)" = four ]
	stop_evinetd
	: >xinetd.conf
	defaults 'v6only = yes'
	entry yes -bind 'flags = IPv6'
	start
	[ "$(ask "tcp:[::1]:$(port_of yes)" six)" = six ]
	nobody_listens "tcp:127.0.0.1:$(port_of yes)"
}

@test "B16: every datagram of a burst is answered" {
	entry echo 'type = INTERNAL UNLISTED' 'socket_type = dgram' 'protocol = udp' 'wait = yes' -server
	start
	python3 - "$(port_of echo)" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(20)
		s.connect(("127.0.0.1", int(sys.argv[1])))
		for i in range(50):
		    s.send(b"%d" % i)
		assert {s.recv(100) for i in range(50)} == {b"%d" % i for i in range(50)}
	END
}

@test "B19: with INTERCEPT a program serves its clients to their end, and sees none that is not let in" {
	need_root
	cat >server.py <<-'END'
		import socket
		s = socket.socket(fileno=0)
		s.settimeout(20)
		for i in range(2):
		    c, peer = s.accept()
		    c.settimeout(20)
		    open("seen", "a").write(peer[0] + "\n")
		    while True:
		        word = c.recv(100)
		        if not word:
		            break
		        c.sendall(word)
		    c.close()
	END
	entry w 'flags = INTERCEPT' 'wait = yes' 'only_from = 127.83.9.2' "server = $(type -P env)" \
		"server_args = python3 $PWD/server.py" 'env = PYTHONDONTWRITEBYTECODE=1'
	sed -i "s|\"seen\"|\"$PWD/seen\"|" server.py
	start
	cat >client.py <<-'END'
		import socket, sys
		def client(source):
		    s = socket.socket()
		    s.settimeout(0.3 if source.endswith(".3") else 20)
		    s.bind((source, 0))
		    s.connect(("127.0.0.1", int(sys.argv[1])))
		    return s
		try:
		    stranger = client("127.83.9.3")
		    stranger.sendall(b"let me in")
		    assert not stranger.recv(100)
		except OSError:
		    pass
		for i in range(2):
		    s = client("127.83.9.2")
		    for word in b"one", b"two", b"three":
		        s.sendall(word)
		        assert s.recv(100) == word, word
		    s.close()
	END
	python3 client.py "$(port_of w)"
	wait_for_log ' end service=w'
	[ "$(xargs <seen)" = '127.83.9.2 127.83.9.2' ]
}

@test "B36: a short answer and a banner_fail arrive, although the client has said more than anybody reads" {
	echo 'Go away.' >fail
	entry greets 'server = /bin/echo' 'server_args = hello'
	entry closed "banner_fail = $PWD/fail" 'no_access = 127.0.0.1'
	start
	[ "$("$TOOL/client" -n 20 -s "$(printf '%5000s' x)" -a 'hello\n' "$(address_of greets)")" = \
		'ok=20 reset=0 short=0 error=0' ]
	[ "$("$TOOL/client" -n 20 -s "$(printf '%5000s' x)" -a 'Go away.\n' "$(address_of closed)")" = \
		'ok=20 reset=0 short=0 error=0' ]
}

# --- lists ---

@test "B11: an IPv6 entry of 128 bits is that address, and :: is not everybody, which is said" {
	need_ipv6
	entry one 'bind = ::1' 'flags = IPv6' 'only_from = ::1/128'
	entry none 'bind = ::1' 'flags = IPv6' 'only_from = ::'
	check
	[[ $output == *'service "none": only_from: :: '*'::/0'* ]]
	[[ $output != *'"one"'* ]]
	start
	[ "$(ask "$(address_of one)" in)" = in ]
	[ -z "$(ask "$(address_of none)" out)" ]
}

@test "B12: the name of a network lets in the network" {
	need_root
	[ -e /etc/networks ] || skip "there is no /etc/networks here"
	need_namespace m
	printf 'ournet 127.84.0.0\n' >networks
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind networks /etc/networks && exec "$@"' sh
	entry a 'only_from = ournet' 'server = /bin/echo' 'server_args = in'
	start
	[ "$(from 127.84.3.2 "$(address_of a)")" = in ]
	[ -z "$(from 127.85.3.2 "$(address_of a)")" ]
}

@test "B13: of two entries that match, no_access wins, and where the manual says otherwise it is told" {
	entry a 'only_from = 127.0.0.1' 'no_access = 127.0.0.0'
	local line
	line=$(grep -n only_from xinetd.conf | cut -d : -f 1)
	check
	[ "$output" = "xinetd.conf:$line: warning: service \"a\": only_from: 127.0.0.1 stays out, because no_access has 127.0.0.0/8; the longer one does not win" ]
	start
	[ -z "$(ask "$(address_of a)" out)" ]
	grep -aq ' refuse service=a .*reason=deny' "$LOG"
}

@test "B37: a word in no_access that means nothing lets nobody in" {
	local word n=0
	for word in '127.0.0.{1,2' 127.0.0.300 '!127.0.0.1' 10.1.2.3.4 ALL; do
		n=$((n + 1))
		entry "s$n" "no_access = $word"
	done
	entry good
	check
	[ "$status" = 78 ]
	[ "$(grep -c ': no_access: ' <<<"$output")" = "$n" ]
	start
	[ "$(cut -f 1 "$ADDRS")" = good ]
}

# --- values ---

@test "B23: NAMEINARGS may stand behind server_args" {
	entry a 'server = /bin/cat' 'server_args = another-name /proc/self/cmdline' 'flags = NAMEINARGS'
	start
	[ "$(ask "$(address_of a)" | tr '\0' ' ')" = 'another-name /proc/self/cmdline ' ]
}

@test "B30: the group of a user that is given by number is that of the account, and without one it is asked for" {
	need_root
	local user uid gid
	IFS=: read -r user uid gid < <(awk -F : '$3 && $4 && $3 != $4 { print $1 ":" $3 ":" $4; exit }' /etc/passwd)
	[ -n "$gid" ] || skip "every user has the number of its group here"
	entry a "user = $uid" 'server = /usr/bin/id' 'server_args = -g'
	entry b 'user = 54321'
	entry c 'user = 54321' "group = $gid" 'server = /usr/bin/id' 'server_args = -g'
	check
	[ "$status" = 78 ]
	grep -qE '^xinetd.conf:[0-9]+: service "b": user: .* group is needed' <<<"$output"
	start
	[ "$(ask "$(address_of a)")" = "$gid" ]
	[ "$(ask "$(address_of c)")" = "$gid" ]
	[ -z "$(address_of b)" ]
}

@test "B31: a program gets a priority and limits that its user could not take" {
	need_root
	nice -n -5 true 2>/dev/null && [ "$(nice -n -5 nice)" = "$(($(nice) - 5))" ] || skip "priorities cannot be raised here"
	run_under sh -c 'ulimit -t 1000 && exec "$@"' sh
	# Where root may not raise a limit either, the program does not run with less than it should have.
	local limit=2000 answer
	answer="nobody $(($(nice) - 5)) $limit"
	sh -c 'ulimit -t 1000 && ulimit -t 2000' 2>/dev/null || answer=
	entry a 'user = nobody' 'nice = -5' "rlimit_cpu = $limit" 'server = /bin/sh' 'server_args = -s'
	entry b 'user = nobody' 'nice = -5' 'server = /bin/sh' 'server_args = -s'
	start
	[ "$(ask "$(address_of a)" 'id -un; nice; ulimit -Ht; exit' | xargs)" = "$answer" ]
	[ "$(ask "$(address_of b)" 'id -un; nice; ulimit -Ht; exit' | xargs)" = "nobody $(($(nice) - 5)) 1000" ]
}

@test "B38: a value too many refuses the service, what looks like a comment is one, and nothing is open to more" {
	entry a 'bind = 127.0.0.1 127.0.0.2'
	entry b 'instances = 1 2'
	entry c 'per_source = 1 2'
	entry one 'instances = 1 # one'
	check
	[ "$status" = 78 ]
	grep -q ': service "a": bind: ' <<<"$output"
	grep -q ': service "b": instances: ' <<<"$output"
	grep -q ': service "c": per_source: ' <<<"$output"
	grep -q ': warning: service "one": instances: .*#' <<<"$output"
	start
	[ "$(cut -f 1 "$ADDRS")" = one ]
	connect 4 "$(port_of one)"
	say 4 first
	[ "$(hear 4)" = first ]
	[ -z "$(ask "$(address_of one)" second)" ]
	disconnect 4
}

@test "B39: the examples of the manual and of the packages do no harm" {
	defaults 'max_load = 0'
	entry day 'access_times = 0:00-12:00 12:00-24:00'
	entry servers 'type = INTERNAL UNLISTED' -server
	entry services 'type = INTERNAL UNLISTED' -server
	check
	[ "$status" = 78 ]
	[ "$(grep -v ': warning: ' <<<"$output" | cut -d '"' -f 2 | xargs)" = 'servers services' ]
	start
	[ "$(cut -f 1 "$ADDRS")" = day ]
	[ "$(ask "$(address_of day)" here)" = here ]
}

@test "B40: TRAFFIC in defaults stops no service" {
	defaults 'log_on_success = PID TRAFFIC EXIT' "log_type = FILE $PWD/xlog"
	entry a
	entry r "redirect = 127.0.0.1 $(($$ % 1000 + 20000))" -server
	check
	[ "$status" = 0 ]
	[ -z "$output" ]
	start
	[ "$(ask "$(address_of a)" here)" = here ]
	wait_until grep -q 'EXIT: a status=0' xlog
}

# --- inetd.conf ---

@test "B24: a short line, or any internal service, in an inetd.conf is no crash" {
	CONF=
	cat >inetd.conf <<-END
		127.83.9.24:7001 stream tcp nowait $(id -un) /bin/echo echo good
		a
		ftp stream
		ftp stream tcp
		ftp stream tcp nowait
		ftp stream tcp nowait root
		127.83.9.24:tcpmux stream tcp nowait root internal
		127.83.9.24:discard stream tcp nowait root internal
		127.83.9.24:finger stream tcp nowait root internal
	END
	run timeout "$PATIENCE" "$EVINETD" --check -i inetd.conf
	echo "$output"
	[ "$status" = 78 ]
	[ "$(grep -v warning <<<"$output" | grep -oE '^inetd.conf:[0-9]+:' | xargs)" = \
		'inetd.conf:2: inetd.conf:3: inetd.conf:4: inetd.conf:5: inetd.conf:6: inetd.conf:9:' ]
	start_evinetd -i inetd.conf
	[ "$(ask tcp:127.83.9.24:7001 x)" = good ]
}

@test "B25: nowait.N is a limit, and what is none refuses the line" {
	CONF=
	cat >inetd.conf <<-END
		127.83.9.25:7001 stream tcp nowait.2 $(id -un) /bin/echo echo two
		127.83.9.25:7002 stream tcp nowait.two $(id -un) /bin/echo echo wrong
		127.83.9.25:7003 stream tcp nowait.-1 $(id -un) /bin/echo echo wrong
	END
	run timeout "$PATIENCE" "$EVINETD" --check -i inetd.conf
	echo "$output"
	[ "$status" = 78 ]
	[ "$(grep -oE '^inetd.conf:[0-9]+:' <<<"$output" | xargs)" = 'inetd.conf:2: inetd.conf:3:' ]
	start_evinetd -i inetd.conf
	[ "$(ask tcp:127.83.9.25:7001 x)" = two ]
	[ "$(ask tcp:127.83.9.25:7001 x)" = two ]
	connect 4 7001 127.83.9.25
	wait_for_log 'why=rate'
	[ "$(log_lines ' start service=')" = 2 ]
	disconnect 4
	nobody_listens tcp:127.83.9.25:7002
	nobody_listens tcp:127.83.9.25:7003
}

# --- what was reported ---

@test "CVE-2013-4342: a program that tcpmux starts runs as the user of its service" {
	need_root
	entry tcpmux 'type = INTERNAL UNLISTED' -server
	entry who 'type = TCPMUX UNLISTED' -port 'user = nobody' 'group = daemon' 'server = /usr/bin/id'
	start
	[ "$(ask "$(address_of tcpmux)" who)" = "$(setpriv --reuid=nobody --regid=daemon --clear-groups id)" ]
}

@test "CVE-2012-0862: tcpmux offers no service that is not of type TCPMUX" {
	entry tcpmux 'type = INTERNAL UNLISTED' -server
	entry secret
	entry mine 'type = TCPMUX UNLISTED' -port 'server = /bin/echo' 'server_args = +mine'
	start
	local name
	for name in secret SECRET tcpmux echo; do
		[ "$(ask "$(address_of tcpmux)" "$name")" = $'-Service name not found\r' ]
	done
	[ "$(ask "$(address_of tcpmux)" mine)" = +mine ]
	[ "$(ask "$(address_of tcpmux)" help | tr -d '\r')" = mine ]
}

@test "CVE-2002-0871: a program has no descriptor of the daemon" {
	entry a 'server = /bin/ls' 'server_args = /proc/self/fd' "log_type = FILE $PWD/xlog" 'log_on_success = PID'
	entry b "log_type = FILE $PWD/xlog2" 'log_on_success = PID'
	start
	# The last one is the program's own: the folder that it reads.
	[ "$(ask "$(address_of a)" | xargs)" = '0 1 2 3' ]
}

@test "CVE-2003-0211: clients that are refused leave neither memory nor descriptors in use" {
	entry a 'no_access = 127.0.0.1'
	entry b 'instances = 1' "banner_fail = $PWD/fail"
	echo 'Go away.' >fail
	start
	connect 4 "$(port_of b)"
	wait_for_log ' start service=b'
	refused() {
		"$TOOL/client" -n "$1" -c 10 "$(address_of a)" >/dev/null
		[ "$("$TOOL/client" -n "$1" -c 10 -a 'Go away.\n' "$(address_of b)")" = "ok=$1 reset=0 short=0 error=0" ]
	}
	memory() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$DAEMON/status"; }
	local before memory
	before=$(descriptors)
	refused 200
	memory=$(memory)
	refused 2000
	wait_until eval "[ \"\$(descriptors)\" = $before ]"
	echo "$memory KiB before, $(memory) KiB after"
	# A build that looks for memory errors keeps freed memory for a while.
	grep -q __asan_init "$EVINETD" || [ "$(memory)" -le $((memory + 300)) ]
	disconnect 4
}

@test "CVE-2001-1322: what a program makes is not for everybody to write, whatever the daemon was started with" {
	umask 000
	entry a 'server = /bin/sh' 'server_args = -s'
	entry b 'server = /bin/sh' 'server_args = -s' 'umask = 077' "log_type = FILE $PWD/xlog" 'log_on_success = PID'
	start
	[ "$(ask "$(address_of a)" 'umask; exit')" = 0022 ]
	[ "$(ask "$(address_of b)" 'umask; exit')" = 0077 ]
	wait_for_file xlog
	[ $((0$(stat -c %a xlog) & 022)) = 0 ]
}

@test "a huge limit of open files makes the start no longer" {
	local most
	most=$(cat /proc/sys/fs/nr_open)
	sh -c "ulimit -n $most" 2>/dev/null || most=$(ulimit -Hn)
	run_traced -e trace=close,close_range,fcntl
	run_under sh -c "ulimit -n $most && "'exec "$@"' sh
	entry a
	start
	[ "$(wc -l <trace)" -lt 1000 ]
	[ "$(ask "$(address_of a)" here)" = here ]
}

@test "a program on a datagram socket with wait = no is refused, because it would be started for ever" {
	entry a 'socket_type = dgram' 'protocol = udp'
	check
	[ "$status" = 78 ]
	grep -q '^xinetd.conf:[0-9]*: service "a": wait: ' <<<"$output"
}

@test "a datagram program that ends without reading is started again without haste" {
	entry a 'socket_type = dgram' 'protocol = udp' 'wait = yes' 'server = /bin/true'
	start
	echo hello | socat - "UDP:127.0.0.1:$(port_of a)"
	local began=$SECONDS
	wait_for_log ' end service=a' 4
	# Five starts within a second, twice of them in the next: a storm would be thousands.
	wait_until eval "[ \$SECONDS -gt $((began + 1)) ]"
	[ "$(log_lines ' start service=a')" -lt 20 ]
}

@test "a line may be longer than 32 KiB" {
	local i
	entry a "only_from = $(for i in {100..110}; do seq -f "127.$i.%g.1" 0 255; done | tr '\n' ' ') 127.0.0.1"
	[ "$(wc -c <xinetd.conf)" -gt 32768 ]
	[ "$(wc -l <xinetd.conf)" -lt 20 ]
	start
	[ "$(ask "$(address_of a)" here)" = here ]
	[ -z "$(from 127.90.1.1 "$(address_of a)")" ]
}

# --- and all that can be said ---

# Every attribute and every flag in an entry of its own: NAME|LINES; OF THE; ENTRY|ROW. The row is
# what has to be in the service that becomes of it; behind > it is what has to be said of it.
everything() {
	cat <<-END
		id|id = other|service "other" {
		type|type = UNLISTED TCPMUX; -port|tcpmux = "type"
		flags|flags = IPv4|"tcp4:
		socket_type|socket_type = dgram; protocol = udp; wait = yes|"udp4:
		protocol|protocol = tcp; -socket_type|"tcp4:
		wait|wait = yes|wait = true
		user|user = $(id -un)|user = "$(id -un)"
		group|group = $(id -gn)|group = "$(id -gn)"
		groups|groups = no|groups = {}
		server|server = /bin/echo|exec = { "/bin/echo" }
		server_args|server_args = -a b|exec = { "/bin/cat", "-a", "b" }
		instances|instances = 3|instances = 3
		per_source|per_source = 4|per_source = 4
		cps|cps = 25 30|rate_pause = 30s
		max_load|max_load = 2.5|max_load = "2.5"
		nice|nice = 5|nice = 5
		only_from|only_from = 127.0.0.0|allow = { "127.0.0.0/8" }
		no_access|no_access = 127.0.0.1|deny = { "127.0.0.1" }
		access_times|access_times = 8:00-17:00|hours = { "08:00-17:00" }
		log_type|log_type = SYSLOG local3 info|target = "syslog:local3.info"
		log_on_success|log_on_success = PID HOST EXIT DURATION|success = { "pid", "host", "exit", "duration" }
		log_on_failure|log_on_failure = HOST ATTEMPT|failure = { "host", "attempt" }
		env|env = A=1 B=2|env = { "A=1", "B=2" }
		passenv|passenv = PATH|pass_env = { "PATH" }
		port|port = 7999|:7999"
		rpc_version|type = RPC UNLISTED; rpc_number = 300500; rpc_version = 1-2; -port|rpc_version = "1-2"
		rpc_number|type = RPC UNLISTED; rpc_number = 300501; rpc_version = 1; -port|rpc_program = "300501"
		redirect|redirect = 127.0.0.1 7998; -server|redirect = "tcp:127.0.0.1:7998"
		bind|bind = 127.0.0.9|"tcp4:127.0.0.9:
		interface|interface = 127.0.0.9; -bind|"tcp4:127.0.0.9:
		banner|banner = $PWD/text|banner = "$PWD/text"
		banner_success|banner_success = $PWD/text|banner_allow = "$PWD/text"
		banner_fail|banner_fail = $PWD/text; no_access = 127.0.0.1|banner_deny = "$PWD/text"
		libwrap|libwrap = name|"tcp4:
		disable|disable = no|"tcp4:
		v6only|v6only = yes; flags = IPv6; -bind|"tcp6:
		umask|umask = 077|umask = 0077
		rlimit_as|rlimit_as = 512M|as = "512M
		rlimit_data|rlimit_data = 256M|data = "256M
		rlimit_rss|rlimit_rss = 100M|rss = "100M
		rlimit_stack|rlimit_stack = 8192K|stack = "8
		rlimit_cpu|rlimit_cpu = 20|cpu = "20
		rlimit_files|rlimit_files = 64|files = "64
		deny_time|deny_time = 10; flags = SENSOR; type = INTERNAL UNLISTED; -server|ban = "10m"
		REUSE|flags = REUSE|"tcp4:
		NORETRY|flags = NORETRY|"tcp4:
		IDONLY|flags = IDONLY; log_on_success = USERID|ident = "require"
		NAMEINARGS|flags = NAMEINARGS; server_args = name b|argv0 = "name"
		NODELAY|flags = NODELAY|nodelay = true
		KEEPALIVE|flags = KEEPALIVE|keepalive = true
		NOLIBWRAP|flags = NOLIBWRAP|"tcp4:
		SENSOR|flags = SENSOR; type = INTERNAL UNLISTED; -server|ban = "0"
		INTERCEPT|flags = INTERCEPT; wait = yes|> flags: INTERCEPT has no effect
		IPv4|flags = IPv4; -bind|"tcp4:*:
		IPv6|flags = IPv6; bind = ::1|"tcp6:[::1]:
		LABELED|flags = LABELED|> flags: LABELED has no effect
	END
}

# What a service comes to.
dumped() {
	awk -v head="service \"$1\" {" '$0 == head { on = 1 } on; /^}/ { on = 0 }' dump
}

@test "each of the 44 attributes and 12 flags of xinetd is taken in an entry, and comes to something" {
	! grep -qsvE '^[[:space:]]*(#|$)' /etc/hosts.allow /etc/hosts.deny || skip "hosts.allow or hosts.deny has rules here"
	need_ipv6
	echo text >text
	everything >table
	[ "$(grep -c '^[a-z]' table)" = 44 ]
	[ "$(grep -c '^[A-Z]' table)" = 12 ]
	local name words row lines failed=0
	while IFS='|' read -r name words row; do
		IFS=';' read -ra lines <<<"${words//; /;}"
		entry "$name" "${lines[@]}"
	done <table
	entry tcpmux 'type = INTERNAL UNLISTED' -server
	check
	[ "$status" = 0 ]
	[ "$(wc -l <<<"$output")" = 2 ]
	"$EVINETD" --dump -x xinetd.conf >dump 2>/dev/null
	while IFS='|' read -r name words row; do
		case $row in
		'service '*) grep -qxF "$row" dump ;;
		'> '*) grep -qF "warning: service \"$name\": ${row#> }" <<<"$output" ;;
		*) dumped "$name" | grep -qF -- "$row" ;;
		esac || { echo "$name: $row" && dumped "$name" && failed=1; }
	done <table
	[ "$failed" = 0 ]
}
