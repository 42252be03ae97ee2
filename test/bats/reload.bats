# HUP reads the configuration again: services that are changed, added or removed take effect, and the
# sessions and sockets of the others are not touched.

load helper

# Tells the daemon, and waits until it has said what it did.
reload() {
	local before
	before=$(log_lines 'reload what=configuration')
	kill -HUP "$DAEMON"
	wait_for_log 'reload what=configuration' $((before + 1))
}

# A part of what it said last.
last_reload() {
	grep -a 'reload what=configuration' "$LOG" | tail -n 1 | grep -qF -- "$1"
}

# The listening socket on a port, by its number in the kernel.
socket_on() {
	awk -v port=":$(printf '%04X' "$1")" '$2 ~ port "$" && $4 == "0A" { print $10 }' /proc/net/tcp
}

descriptors() {
	find "/proc/$DAEMON/fd" -mindepth 1 | wc -l
}

# What the daemon has in memory, in KiB.
memory() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$DAEMON/status"
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

refused() {
	! (connect 9 "$@") 2>/dev/null
}

# A program that says a word, and then repeats what it hears.
says() {
	echo "shell = \"echo $1; exec cat\""
}

@test "sessions and sockets of services that say the same are not touched" {
	configure <<-END
		service "kept" { listen = "tcp:127.0.0.1:0" $(says old) }
		service "other" { listen = "tcp:127.0.0.1:0" $(says old) }
	END
	start_evinetd
	local port socket
	port=$(port_of kept)
	socket=$(socket_on "$port")
	connect 4 "$port"
	[ "$(hear 4)" = old ]
	# On other lines, in another order and in other words: it means the same.
	configure <<-END
		# a remark
		service "other" { listen = "tcp:127.0.0.1:0" $(says new) }

		service "kept" {
			$(says old)
			listen = { "tcp:127.0.0.1:0" }
		}
	END
	reload
	last_reload 'added=0 changed=1 removed=0 kept=1 sessions=1 ms='
	say 4 'still there'
	[ "$(hear 4)" = 'still there' ]
	[ "$(port_of kept)" = "$port" ]
	[ "$(socket_on "$port")" = "$socket" ]
	[ "$(log_lines 'listen service=kept')" = 1 ]
	[ "$(log_lines 'end service=kept')" = 0 ]
	disconnect 4
}

@test "a changed service: new clients get what is new, on the same socket, and a session goes on as it began" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says old) }
	END
	start_evinetd
	local port socket
	port=$(port_of a)
	socket=$(socket_on "$port")
	connect 4 "$port"
	[ "$(hear 4)" = old ]
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says new) }
	END
	reload
	last_reload 'added=0 changed=1 removed=0 kept=0 sessions=1 '
	[ "$(socket_on "$(port_of a)")" = "$socket" ]
	connect 5 "$port"
	[ "$(hear 5)" = new ]
	say 4 'as before'
	[ "$(hear 4)" = 'as before' ]
	disconnect 4
	disconnect 5
	starts_equal_ends
	[ "$(log_lines 'end service=a')" = 2 ]
}

@test "a configuration that is changed and changed back is as it was" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says first) }
	END
	start_evinetd
	cp "$CONF" first
	local port socket
	port=$(port_of a)
	socket=$(socket_on "$port")
	connect 4 "$port"
	hear 4
	sed -i 's/first/second/' "$CONF"
	reload
	cp first "$CONF"
	reload
	last_reload 'changed=1'
	reload
	last_reload 'added=0 changed=0 removed=0 kept=1 sessions=1 '
	[ "$(socket_on "$port")" = "$socket" ]
	connect 5 "$port"
	[ "$(hear 5)" = first ]
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	disconnect 5
}

@test "clients that wait in the queue of a changed service are served by what is new" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" instances = 1 $(says old) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	[ "$(hear 4)" = old ]
	wait_for_log 'hold service=a why=full'
	connect 5 "$(port_of a)"
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" instances = 1 $(says new) }
	END
	reload
	# The session from before has the only place.
	[ "$(log_lines 'start service=a')" = 1 ]
	disconnect 4
	[ "$(hear 5)" = new ]
	[ "$(log_lines 'release service=a why=full')" = 1 ]
	disconnect 5
}

@test "a higher limit lets those in at once who wait, a lower one nobody until enough have gone" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" instances = 1 $(says hello) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	hear 4
	connect 5 "$(port_of a)"
	sed -i 's/instances = 1/instances = 2/' "$CONF"
	reload
	[ "$(hear 5)" = hello ]
	sed -i 's/instances = 2/instances = 1/' "$CONF"
	reload
	connect 6 "$(port_of a)"
	disconnect 4
	wait_for_log 'end service=a'
	[ "$(log_lines 'start service=a')" = 2 ]
	disconnect 5
	[ "$(hear 6)" = hello ]
	# No limit at all any more.
	sed -i 's/instances = 1//' "$CONF"
	reload
	connect 7 "$(port_of a)"
	[ "$(hear 7)" = hello ]
	disconnect 6
	disconnect 7
}

@test "per_source counts the sessions from before, also where it is new" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says one) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	hear 4
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" per_source = 1 $(says two) }
	END
	reload
	connect 5 "$(port_of a)"
	run ! hear 5
	wait_for_log 'refuse service=a' 1
	wait_for_log 'reason=per_source'
	disconnect 4
	wait_for_log 'end service=a'
	connect 5 "$(port_of a)"
	[ "$(hear 5)" = two ]
	disconnect 5
	starts_equal_ends
}

@test "the rate goes on where it was" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" rate = "2/1h" when_full = "refuse" shell = "echo one" }
	END
	start_evinetd
	[ "$(ask "$(address_of a)")" = one ]
	[ "$(ask "$(address_of a)")" = one ]
	sed -i 's/one/two/' "$CONF"
	reload
	[ -z "$(ask "$(address_of a)")" ]
	wait_for_log 'reason=rate'
	# Another rate begins anew.
	sed -i 's,2/1h,3/1h,' "$CONF"
	reload
	[ "$(ask "$(address_of a)")" = two ]
}

@test "limits, environment and timeout are those of the time a session began" {
	configure <<-'END'
		service "a" {
			listen = "tcp:127.0.0.1:0" env = "WORD=old" rlimit { files = 100 }
			shell = "read x; echo $WORD $(ulimit -n); read x"
		}
	END
	start_evinetd
	connect 4 "$(port_of a)"
	wait_for_log 'start service=a'
	sed -i 's/=old/=new/; s/files = 100/files = 90/; s/listen/timeout = "100ms" &/' "$CONF"
	reload
	connect 5 "$(port_of a)"
	say 5 ''
	[ "$(hear 5)" = 'new 90' ]
	wait_for_log 'how=timeout'
	say 4 ''
	[ "$(hear 4)" = 'old 100' ]
	[ "$(log_lines 'end service=a')" = 1 ]
	disconnect 4
	disconnect 5
}

@test "another user is that of new clients alone" {
	need_root
	configure <<-'END'
		service "a" { listen = "tcp:127.0.0.1:0" user = "nobody" shell = "read x; id -un" }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	wait_for_log 'start service=a'
	sed -i 's/nobody/daemon/' "$CONF"
	reload
	[ "$(ask "$(address_of a)")" = daemon ]
	say 4 ''
	[ "$(hear 4)" = nobody ]
	disconnect 4
}

@test "a file with an error changes nothing, and the log says where" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says old) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says old) }
		service "c" { listen = "tcp:127.0.0.1:0" $(says old) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	connect 5 "$(port_of b)"
	hear 4
	hear 5
	local c
	c=$(address_of c)
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says new) }
		service "b" { listen = "tcp:127.0.0.1:0" instances = many $(says new) }
		service "d" { listen = "tcp:127.0.0.1:0" exec = "/there/is/no/such" }
	END
	reload
	last_reload 'error="the configuration is not right: nothing has been changed" errors=2 sessions=2'
	wait_for_log "config_error service=b file=$CONF line=2 key=instances"
	wait_for_log "config_error service=d file=$CONF line=3 key=exec"
	for fd in 4 5; do
		say "$fd" there
		[ "$(hear "$fd")" = there ]
	done
	[ "$(ask "$(address_of a)")" = old ]
	[ "$(ask "$c")" = old ]
	[ "$(log_lines 'start service=d')" = 0 ]
	[ "$(log_lines 'listen service=d')" = 0 ]
	# And when it is put right, it counts.
	sed -i 's/instances = many//; /"d"/d' "$CONF"
	reload
	last_reload 'added=0 changed=2 removed=1 kept=0'
	[ "$(ask "$(address_of b)")" = new ]
	disconnect 4
	disconnect 5
}

@test "an error in defaults, an unclosed block, an empty or a missing file: the daemon and its services go on" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
	END
	start_evinetd
	cp "$CONF" good
	local bad
	for bad in 'defaults { instances = -3 }' 'service "b" {' 'defualts { deny = "all" }'; do
		{ cat good && echo "$bad"; } >"$CONF"
		reload
		last_reload 'error='
		[ "$(ask "$(address_of a)")" = hello ]
	done
	: >"$CONF"
	reload
	last_reload 'error='
	rm "$CONF"
	reload
	last_reload 'error='
	[ "$(ask "$(address_of a)")" = hello ]
	stop_evinetd
	[ "$status" = 0 ]
}

@test "a removed service listens no more, its session finishes, and its port is free for others" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says hello) }
	END
	start_evinetd
	local port
	port=$(port_of b)
	connect 4 "$port"
	hear 4
	sed -i '/"b"/d' "$CONF"
	reload
	last_reload 'added=0 changed=0 removed=1 kept=1 sessions=1 '
	refused "$port"
	wait_until test -z "$(address_of b)"
	background socat -u "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" OPEN:got,creat
	wait_until socket_on "$port"
	say 4 'one more'
	[ "$(hear 4)" = 'one more' ]
	[ "$(log_lines 'end service=b')" = 0 ]
	disconnect 4
	wait_for_log 'end service=b'
	starts_equal_ends
}

@test "an added service is served, in the order of the configuration" {
	configure <<-END
		service "b" { listen = "tcp:127.0.0.1:0" $(says b) }
	END
	start_evinetd
	local b
	b=$(address_of b)
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says b) }
		service "c" { listen = "tcp:127.0.0.1:0" $(says c) }
	END
	reload
	last_reload 'added=2 changed=0 removed=0 kept=1'
	wait_until grep -q '^c' "$ADDRS"
	[ "$(cut -f 1 "$ADDRS" | xargs)" = 'a b c' ]
	[ "$(address_of b)" = "$b" ]
	[ "$(ask "$(address_of a)")" = a ]
	[ "$(ask "$(address_of c)")" = c ]
}

@test "a removed service that is added again counts the sessions that it still has" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" instances = 1 when_full = "refuse" $(says hello) }
		service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }
	END
	start_evinetd
	cp "$CONF" both
	connect 4 "$(port_of a)"
	hear 4
	sed -i '/"a"/d' "$CONF"
	reload
	cp both "$CONF"
	reload
	last_reload 'added=1 changed=0 removed=0 kept=1 sessions=1 '
	wait_until grep -q '^a' "$ADDRS"
	[ -z "$(ask "$(address_of a)")" ]
	wait_for_log 'reason=instances'
	disconnect 4
	wait_for_log 'end service=a'
	[ "$(ask "$(address_of a)")" = hello ]
}

@test "a service that is renamed keeps its socket, and those who wait there" {
	configure <<-END
		service "old" { listen = "tcp:127.0.0.1:0" $(says old) }
	END
	start_evinetd
	local port socket
	port=$(port_of old)
	socket=$(socket_on "$port")
	# The port that the kernel has chosen is fixed, and one client keeps the others waiting.
	configure <<-END
		service "old" { listen = "tcp:127.0.0.1:$port" instances = 1 $(says old) }
	END
	reload
	[ "$(socket_on "$port")" = "$socket" ]
	connect 4 "$port"
	[ "$(hear 4)" = old ]
	connect 5 "$port"
	sed -i 's/"old"/"new"/; s/echo old/echo new/' "$CONF"
	reload
	last_reload 'added=1 changed=0 removed=1 kept=0'
	[ "$(hear 5)" = new ]
	[ "$(socket_on "$port")" = "$socket" ]
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	disconnect 5
}

@test "of a service that listens elsewhere now, only what has changed is opened and closed" {
	configure <<-END
		service "a" { listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.1:0" } $(says hello) }
	END
	start_evinetd
	local first second third socket
	first=$(port_of a 1)
	second=$(port_of a 2)
	socket=$(socket_on "$second")
	connect 4 "$first"
	hear 4
	configure <<-END
		service "a" { listen = { "tcp:127.0.0.1:$second", "tcp:127.3.7.1:0" } $(says hello) }
	END
	reload
	refused "$first"
	[ "$(socket_on "$second")" = "$socket" ]
	wait_until grep -qF 127.3.7.1 "$ADDRS"
	third=$(port_of a 2)
	connect 5 "$third" 127.3.7.1
	[ "$(hear 5)" = hello ]
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	disconnect 5
}

@test "a service whose one address becomes all of them listens on all of them" {
	configure <<-END
		service "a" { listen = "tcp4:127.3.7.2:0" $(says hello) }
	END
	start_evinetd
	local port
	port=$(port_of a)
	configure <<-END
		service "a" { listen = "tcp4:$port" $(says hello) }
	END
	reload
	[ "$(log_lines 'listen_error')" = 0 ]
	connect 4 "$port" 127.3.7.3
	[ "$(hear 4)" = hello ]
	# And back: not on the others any more.
	configure <<-END
		service "a" { listen = "tcp4:127.3.7.2:$port" $(says hello) }
	END
	reload
	[ "$(log_lines 'listen_error')" = 0 ]
	refused "$port" 127.3.7.3
	connect 5 "$port" 127.3.7.2
	[ "$(hear 5)" = hello ]
	disconnect 4
	disconnect 5
}

@test "two services that change places change their sockets" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says b) }
	END
	start_evinetd
	local a b socket_a socket_b
	a=$(port_of a)
	b=$(port_of b)
	socket_a=$(socket_on "$a")
	socket_b=$(socket_on "$b")
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:$b" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:$a" $(says b) }
	END
	reload
	[ "$(log_lines 'listen_error')" = 0 ]
	connect 4 "$a"
	[ "$(hear 4)" = b ]
	connect 5 "$b"
	[ "$(hear 5)" = a ]
	[ "$(socket_on "$a") $(socket_on "$b")" = "$socket_a $socket_b" ]
	disconnect 4
	disconnect 5
}

@test "another queue is set on the socket that is open, other options get a new one at the same address" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
	END
	start_evinetd
	local port socket
	port=$(port_of a)
	socket=$(socket_on "$port")
	sed -i 's/listen =.*:0"/& queuesize = 17/' "$CONF"
	reload
	[ "$(socket_on "$port")" = "$socket" ]
	[ "$(ss -Hltn "sport = :$port" | awk '{ print $3 }')" = 17 ]
	sed -i "s/:0\"/:$port\" nodelay = true/" "$CONF"
	reload
	[ "$(socket_on "$port")" != "$socket" ]
	connect 4 "$port"
	[ "$(hear 4)" = hello ]
	[ "$(log_lines listen_error)" = 0 ]
	disconnect 4
}

@test "a unix socket keeps its file, and gets a new one with another mode" {
	configure <<-END
		service "a" { listen = "unix:$PWD/sock" mode = 0600 $(says old) }
	END
	start_evinetd
	local inode
	inode=$(stat -c %i sock)
	sed -i 's/echo old/echo new/' "$CONF"
	reload
	[ "$(stat -c %i sock)" = "$inode" ]
	[ "$(ask "unix:$PWD/sock")" = new ]
	sed -i 's/0600/0660/' "$CONF"
	reload
	[ "$(stat -c %a sock)" = 660 ]
	[ "$(ask "unix:$PWD/sock")" = new ]
	echo 'service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }' >"$CONF"
	reload
	[ ! -e sock ]
}

@test "a service that could not listen is tried again" {
	occupy
	# shellcheck disable=SC2153 # occupy sets it
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:$PORT" $(says b) }
	END
	start_evinetd
	wait_for_log 'listen_error service=b'
	reload
	last_reload 'added=0 changed=0 removed=0 kept=2'
	wait_for_log 'listen_error service=b' 2
	kill "$HELPER"
	wait_until is_gone "$HELPER"
	reload
	wait_for_log 'listen service=b'
	connect 4 "$PORT"
	[ "$(hear 4)" = b ]
	disconnect 4
}

@test "a service that was refused for want of its program is served once that is there" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:0" exec = "$PWD/program" }
	END
	start_evinetd
	wait_for_log 'config_error service=b'
	printf '#!/bin/sh\necho b\n' >program
	chmod +x program
	reload
	last_reload 'added=1 changed=0 removed=0 kept=1'
	wait_until grep -q '^b' "$ADDRS"
	[ "$(ask "$(address_of b)")" = b ]
}

@test "names are looked up for what is new alone" {
	own_hosts <<-END
		127.0.0.1 localhost
		127.3.7.4 first
		127.3.7.5 second
	END
	configure <<-END
		service "a" { listen = "tcp:first:0" $(says old) }
	END
	start_evinetd
	local a
	a=$(address_of a)
	# Nobody knows that name any more.
	printf '127.0.0.1 localhost\n127.3.7.5 second\n' >hosts
	configure <<-END
		service "a" { listen = "tcp:first:0" $(says new) }
		service "b" { listen = "tcp:second:0" $(says b) }
	END
	reload
	wait_for_log 'listen service=b address=tcp:127.3.7.5:'
	[ "$(log_lines resolve_error)" = 0 ]
	[ "$(address_of a)" = "$a" ]
	connect 4 "${a##*:}" 127.3.7.4
	[ "$(hear 4)" = new ]
	disconnect 4
}

# A server for names that never answers.
silent_names() {
	need_namespace m
	cat >names.py <<-'END'
		import socket, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.3.7.53", 53))
		open("names", "w").write("up\n")
		time.sleep(100)
	END
	background python3 names.py
	wait_for_file names || skip "port 53 of 127.3.7.53 cannot be had"
	printf 'nameserver 127.3.7.53\noptions timeout:30 attempts:1\n' >resolv
	printf '%s\n' 'passwd: files' 'group: files' 'services: files' 'hosts: dns' >nsswitch
	# shellcheck disable=SC2016
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind resolv /etc/resolv.conf &&
		mount --bind nsswitch /etc/nsswitch.conf && exec "$@"' sh
}

@test "while a look-up is under way, the others are served, and the next reload and the end come at once" {
	need_root
	silent_names
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says one) }
	END
	start_evinetd
	local a port
	a=$(address_of a)
	port=$(port_of a)
	configure <<-END
		service "a" { listen = { "tcp:127.0.0.1:0", "tcp:silent.example:$port" } $(says two) }
	END
	reload
	connect 4 "$port"
	[ "$(hear 4)" = two ]
	# The same look-up goes on, another is begun, and what is no longer asked for is given up.
	cat >>"$CONF" <<-END
		service "b" { listen = "tcp:silent.example:0" $(says b) }
	END
	sed -i 's/echo two/echo three/' "$CONF"
	reload
	last_reload 'added=1 changed=1 removed=0 kept=0 sessions=1 '
	connect 5 "$port"
	[ "$(hear 5)" = three ]
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says four) }
	END
	reload
	last_reload 'added=0 changed=1 removed=1 kept=0'
	[ "$(address_of a)" = "$a" ]
	connect 6 "$port"
	[ "$(hear 6)" = four ]
	echo "service \"c\" { listen = \"tcp:silent.example:0\" $(says c) }" >>"$CONF"
	reload
	say 4 there
	[ "$(hear 4)" = there ]
	# The address of before may be among those that the name stands for; but not when all ends.
	configure <<-END
		service "a" { listen = "tcp:silent.example:$port" $(says five) }
	END
	reload
	socket_on "$port" | grep -q .
	kill -QUIT "$DAEMON"
	wait_for_log 'stop signal=QUIT'
	refused "$port"
	say 4 there
	[ "$(hear 4)" = there ]
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines resolve_error)" = 0 ]
}

# A program that has the socket, serves each client with a word, and ends with the one that says so.
wait_program() {
	cat >"$1.py" <<-END
		import os, socket
		s = socket.socket(fileno=0)
		s.setblocking(True)
		open("$1.pid", "w").write("%d\n" % os.getpid())
		while True:
		    c, _ = s.accept()
		    c.sendall(b"$1\n")
		    word = c.recv(100)
		    c.close()
		    if word.startswith(b"end"):
		        break
	END
}

@test "the program of a wait service keeps the socket that it has; the new one starts when it has ended" {
	wait_program old
	wait_program new
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" wait = true directory = "$PWD" exec = { "python3", "$PWD/old.py" } }
	END
	start_evinetd
	local port
	port=$(port_of a)
	[ "$(ask "$(address_of a)" go)" = old ]
	sed -i 's/old\.py/new.py/' "$CONF"
	reload
	[ "$(ask "$(address_of a)" go)" = old ]
	# Once more, and in other words for the same address.
	sed -i "s/127.0.0.1:0/127.0.0.1:$port/" "$CONF"
	reload
	[ "$(ask "$(address_of a)" go)" = old ]
	[ "$(log_lines 'start service=a')" = 1 ]
	[ "$(ask "$(address_of a)" end)" = old ]
	wait_for_log 'end service=a'
	[ "$(ask "$(address_of a)" end)" = new ]
	[ "$(log_lines 'fail ')" = 0 ]
}

@test "a wait service that is removed and added again while its program runs takes its socket over" {
	wait_program old
	wait_program new
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" wait = true directory = "$PWD" exec = { "python3", "$PWD/old.py" } }
		service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }
	END
	start_evinetd
	local address
	address=$(address_of a)
	[ "$(ask "$address" go)" = old ]
	sed -i "s/127.0.0.1:0\" wait/127.0.0.1:${address##*:}\" wait/; s/old\.py/new.py/" "$CONF"
	cp "$CONF" both
	sed -i '/"a"/d' "$CONF"
	reload
	# What the program has, it has.
	[ "$(ask "$address" go)" = old ]
	[ -z "$(address_of a)" ]
	cp both "$CONF"
	reload
	[ "$(log_lines 'fail ')" = 0 ]
	[ "$(ask "$address" end)" = old ]
	wait_for_log 'end service=a'
	[ "$(ask "$address" end)" = new ]
	wait_for_log 'end service=a' 2
	# Removed for good: with the program, the socket goes.
	[ "$(ask "$address" go)" = new ]
	sed -i '/"a"/d' "$CONF"
	reload
	[ "$(ask "$address" end)" = new ]
	wait_for_log 'end service=a' 3
	nobody_listens "$address"
}

@test "a wait service that becomes one that is accepted for goes on at the same socket, and back" {
	wait_program old
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" wait = true directory = "$PWD" exec = { "python3", "$PWD/old.py" } }
	END
	start_evinetd
	cp "$CONF" first
	local port socket
	port=$(port_of a)
	socket=$(socket_on "$port")
	[ "$(ask "$(address_of a)" end)" = old ]
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says new) }
	END
	reload
	[ "$(socket_on "$port")" = "$socket" ]
	[ "$(ask "$(address_of a)")" = new ]
	cp first "$CONF"
	reload
	[ "$(socket_on "$port")" = "$socket" ]
	[ "$(ask "$(address_of a)" end)" = old ]
}

@test "programs that were started ahead make room for those of the new configuration" {
	cat >program.sh <<-'END'
		echo $$ >>"pids.$1"
		read -r line
		echo "$1 $line"
		read -r line
		echo "$1 $line"
	END
	configure <<-END
		service "a" {
			listen = "tcp:127.0.0.1:0" warm = 2 directory = "$PWD"
			exec = { "/bin/sh", "$PWD/program.sh", "old" }
		}
	END
	start_evinetd
	started() { [ -e pids.old ] && [ "$(wc -l <pids.old)" -ge 2 ]; }
	wait_until started
	connect 4 "$(port_of a)"
	say 4 one
	[ "$(hear 4)" = 'old one' ]
	sed -i 's/"old"/"new"/' "$CONF"
	reload
	connect 5 "$(port_of a)"
	say 5 one
	[ "$(hear 5)" = 'new one' ]
	say 4 two
	[ "$(hear 4)" = 'old two' ]
	wait_for_log 'end service=a'
	local pid pids
	mapfile -t pids <pids.old
	for pid in "${pids[@]}"; do
		wait_until is_gone "$pid"
	done
	[ "$(log_lines warm_exit)" = 0 ]
	disconnect 5
	disconnect 4
}

@test "a redirected session stays with its server, and new clients get to the new one" {
	configure <<-END
		service "one" { listen = "unix:$PWD/one" $(says one) }
		service "two" { listen = "unix:$PWD/two" $(says two) }
		service "a" { listen = "tcp:127.0.0.1:0" redirect = "unix:$PWD/one" }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	[ "$(hear 4)" = one ]
	sed -i 's,redirect = "unix:.*/one",redirect = "unix:'"$PWD"'/two",' "$CONF"
	reload
	connect 5 "$(port_of a)"
	[ "$(hear 5)" = two ]
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	disconnect 5
	starts_equal_ends
}

@test "a datagram service keeps its socket, and the datagrams in it" {
	configure <<-END
		service "a" { listen = "udp:127.0.0.1:0" handler = "echo" rate = "1/1h" }
	END
	start_evinetd
	cat >client.py <<-'END'
		import os, signal, socket, sys, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(20)
		s.connect(("127.0.0.1", int(sys.argv[1])))
		s.send(b"first")
		assert s.recv(100) == b"first"
		s.send(b"second")
		while "hold service=a why=rate" not in open("log").read():
		    time.sleep(0.01)
		conf = open("evinetd.conf").read().replace("1/1h", "100/1s")
		open("evinetd.conf", "w").write(conf)
		os.kill(int(sys.argv[2]), signal.SIGHUP)
		assert s.recv(100) == b"second"
	END
	python3 client.py "$(port_of a)" "$DAEMON"
}

@test "target, form and level of the log follow the configuration" {
	configure <<-END
		log { target = "file:$PWD/first" }
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says hello) log { level = "warning" } }
	END
	start_evinetd
	configure <<-END
		log { target = "file:$PWD/second" format = "json" }
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says hello) log { level = "warning" } }
	END
	kill -HUP "$DAEMON"
	wait_until grep -q '"what":"configuration"' second
	# What inherits from it has changed with it.
	[ "$(jq -r 'select(.what == "configuration") | "\(.changed) \(.kept)"' second)" = '1 1' ]
	ask "$(address_of a)"
	wait_until grep -q '"event":"end"' second
	[ "$(grep -c 'start service' first)" = 0 ]
	# One that cannot be opened: nothing changes.
	sed -i 's,/second,/no/such/folder,; s/"a"/"c"/' "$CONF"
	kill -HUP "$DAEMON"
	wait_until grep -q '"error":"the configuration is not right' second
	[ "$(ask "$(address_of a)")" = hello ]
	find "/proc/$DAEMON/fd" -lname "$PWD/first" | grep . && return 1
	true
}

@test "the log of a service is closed when nobody writes to it any more" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) log { target = "file:$PWD/a.log" } }
		service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	hear 4
	sed -i 's/a\.log/other.log/' "$CONF"
	reload
	[ "$(find "/proc/$DAEMON/fd" -lname "$PWD/a.log" | wc -l)" = 1 ]
	disconnect 4
	wait_until grep -q 'end service=a' a.log
	no_longer_open() { [ -z "$(find "/proc/$DAEMON/fd" -lname "$1")" ]; }
	wait_until no_longer_open "$PWD/a.log"
	sed -i '/"a"/d' "$CONF"
	reload
	no_longer_open "$PWD/other.log"
}

@test "the service manager is told that a reload begins, and that it is done" {
	cat >manager.py <<-'END'
		import socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("notify")
		s.settimeout(60)
		while True:
		    with open("told", "a") as f:
		        f.write(s.recv(1000).decode())
	END
	background python3 manager.py
	wait_for_file notify
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says hello) }
	END
	NOTIFY_SOCKET=$PWD/notify start_evinetd
	wait_until grep -q READY=1 told
	: >told
	echo 'service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }' >>"$CONF"
	reload
	wait_until grep -q 'STATUS=2 services on 2 addresses' told
	[ "$(sed 's/=[0-9]*$/=N/' told | head -3 | xargs)" = 'RELOADING=N MONOTONIC_USEC=N READY=N' ]
	[ "$(sed -n 's/MONOTONIC_USEC=//p' told)" -gt 0 ]
	# Also if it comes to nothing.
	: >told
	echo 'service "b" {' >"$CONF"
	reload
	wait_until grep -q READY=1 told
}

@test "an inherited socket is served by the new configuration, also after nobody has served it" {
	inherit_two "web:other"
	configure <<-END
		service "a" { listen = "fd:web" $(says old) }
		service "b" { listen = "fd:other" $(says b) }
	END
	start_evinetd
	cp "$CONF" both
	[ "$(ask "$(address_of a)")" = old ]
	sed -i 's/echo old/echo new/' "$CONF"
	reload
	[ "$(ask "$(address_of a)")" = new ]
	local a
	a=$(address_of a)
	sed -i '/"a"/d' "$CONF"
	reload
	[ -z "$(address_of a)" ]
	cp both "$CONF"
	reload
	wait_until grep -q '^a' "$ADDRS"
	[ "$(address_of a)" = "$a" ]
	[ "$(ask "$a")" = old ]
	[ "$(log_lines listen_error)" = 0 ]
}

@test "in the background, a relative path still names the configuration" {
	configure <<-END
		include("conf.d/*.conf")
	END
	mkdir conf.d
	echo "service \"a\" { listen = \"tcp:127.0.0.1:0\" $(says old) }" >conf.d/a.conf
	"$EVINETD" -b -c evinetd.conf --addr-file "$ADDRS" --pidfile pid --log "file:$LOG" 3>&- 4>&-
	DAEMON=$(cat pid)
	sed -i 's/echo old/echo new/' conf.d/a.conf
	reload
	last_reload changed=1
	[ "$(ask "$(address_of a)")" = new ]
	kill "$DAEMON"
	wait_until is_gone "$DAEMON"
	DAEMON=
}

@test "TERM ends the sessions of services that were changed and removed as well" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says b) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	connect 5 "$(port_of b)"
	hear 4
	hear 5
	sed -i 's/echo a/echo c/; /"b"/d' "$CONF"
	reload
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines 'how=killed')" = 2 ]
	starts_equal_ends
}

@test "QUIT waits for the sessions of services that were changed and removed as well, and HUP reads nothing then" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" $(says a) }
		service "b" { listen = "tcp:127.0.0.1:0" $(says b) }
	END
	start_evinetd
	connect 4 "$(port_of a)"
	connect 5 "$(port_of b)"
	hear 4
	hear 5
	sed -i 's/echo a/echo c/; /"b"/d' "$CONF"
	reload
	kill -QUIT "$DAEMON"
	wait_for_log 'stop signal=QUIT sessions=2'
	kill -HUP "$DAEMON"
	wait_for_log 'reload what=log' 2
	disconnect 4
	wait_for_log 'end service=a'
	say 5 there
	[ "$(hear 5)" = there ]
	disconnect 5
	wait_until is_gone "$DAEMON"
	[ "$(log_lines 'reload what=configuration')" = 1 ]
	status=0
	wait "$DAEMON" || status=$?
	DAEMON=
	[ "$status" = 0 ]
}

# So many reloads, one after the other; each changes the services a and b in turns and takes c away or
# brings it back.
many_reloads() {
	cat >many.py <<-'END'
		import os, signal, sys, time
		log = open("log")
		log.seek(0, 2)
		def wait():
		    end = time.monotonic() + 20
		    while True:
		        line = log.readline()
		        if "reload what=configuration" in line:
		            assert "error" not in line, line
		            return
		        if not line:
		            assert time.monotonic() < end
		            time.sleep(0.0005)
		conf = open("evinetd.conf").read()
		lines = conf.splitlines(True)
		for i in range(int(sys.argv[2])):
		    now = list(lines)
		    if i % 4 == 1:
		        now[2:] = []
		    now[i % 2] = now[i % 2].replace("words", "words and " + str(i))
		    open("new", "w").write("".join(now))
		    os.rename("new", "evinetd.conf")
		    os.kill(int(sys.argv[1]), signal.SIGHUP)
		    wait()
	END
	python3 many.py "$DAEMON" "$1"
}

@test "1,000 reloads leave no descriptor open, no memory in use, and no session behind" {
	configure <<-END
		service "a" { listen = "tcp:127.0.0.1:0" shell = "echo words" per_source = 3 }
		service "b" { listen = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0" } handler = "echo" id = "words" }
		service "c" { listen = "unix:$PWD/c" exec = { "/bin/cat" } rate = "10/1s" stderr = "null" }
	END
	start_evinetd
	connect 4 "$(port_of b 1)"
	many_reloads 100
	local before memory
	before=$(descriptors)
	memory=$(memory)
	many_reloads 900
	[ "$(descriptors)" = "$before" ]
	echo "# $memory KiB before, $(memory) KiB after" >&3
	# A build that looks for memory errors keeps freed memory for a while.
	grep -q __asan_init "$EVINETD" || [ "$(memory)" -le $((memory + 300)) ]
	say 4 there
	[ "$(hear 4)" = there ]
	disconnect 4
	[ "$(ask "$(address_of a)")" = 'words and 998' ] || [ "$(ask "$(address_of a)")" = words ]
	starts_equal_ends
}

@test "no client is lost or cut while one reload follows another" {
	configure <<-END
		service "program" { listen = "tcp:127.0.0.1:0" shell = "read x; echo words" env = "A=words" }
		service "warm" { listen = "tcp:127.0.0.1:0" shell = "read x; echo words" warm = 2 instances = 5 env = "A=words" }
		service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" instances = 5 id = "words" }
		service "redirect" { listen = "tcp:127.0.0.1:0" redirect = "unix:$PWD/to" per_source = 100 id = "words" }
		service "to" { listen = "unix:$PWD/to" handler = "echo" id = "words" instances = 3 }
	END
	start_evinetd
	local name helpers=()
	for name in program warm echo redirect; do
		background sh -c "exec \"\$0\" \"\$@\" >$name.out" "$TOOL/client" -n 500 -c 10 -H -s 'words\n' \
			-a 'words\n' "$(address_of "$name")"
		helpers+=("$HELPER")
	done
	cat >storm.py <<-'END'
		import os, signal, sys, time
		conf = open("evinetd.conf").read()
		i = 0
		clients = [int(p) for p in sys.argv[2:]]
		def run(pid):
		    try:
		        return open("/proc/%d/stat" % pid).read().split()[2] != "Z"
		    except OSError:
		        return False
		while any(run(p) for p in clients):
		    i += 1
		    open("new", "w").write(conf.replace('A=words', 'A=%d' % i).replace('id = "words"', 'id = "%d"' % i))
		    os.rename("new", "evinetd.conf")
		    os.kill(int(sys.argv[1]), signal.SIGHUP)
		    time.sleep(0.003)
	END
	python3 storm.py "$DAEMON" "${helpers[@]}"
	echo "# $(log_lines 'reload what=configuration') reloads beside 2,000 clients" >&3
	for name in program warm echo redirect; do
		[ "$(cat "$name.out")" = 'ok=500 reset=0 short=0 error=0' ]
	done
	[ "$(log_lines 'reload what=configuration')" -gt 20 ]
	starts_equal_ends
	[ "$(log_lines ' refuse ')" = 0 ]
}

@test "of 1,000 services, one that has changed is taken over at once, and nothing else is touched" {
	for i in {1..1000}; do
		echo "service \"s$i\" { listen = \"tcp:127.0.0.1:0\" shell = \"echo $i\" instances = 10 }"
	done >"$CONF"
	start_evinetd
	ss -Hltne "src 127.0.0.1" | grep -o 'ino:[0-9]*' | sort >before
	connect 4 "$(port_of s1)"
	sed -i 's/echo 500"/echo new"/' "$CONF"
	reload
	last_reload 'added=0 changed=1 removed=0 kept=999'
	local ms
	ms=$(grep -a 'reload what=configuration' "$LOG" | grep -o 'ms=[0-9]*')
	echo "# 1,000 services, one of them changed: $ms" >&3
	[ "${ms#ms=}" -lt 1000 ]
	[ "$(ask "$(address_of s500)")" = new ]
	[ "$(hear 4)" = 1 ]
	ss -Hltne "src 127.0.0.1" | grep -o 'ino:[0-9]*' | sort >after
	# Others may have come and gone meanwhile, but not ours.
	local inodes
	inodes=$(find "/proc/$DAEMON/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' | sed 's/^/ino:/' | sort)
	[ "$(comm -12 before - <<<"$inodes" | wc -l)" = 1000 ]
	[ "$(log_lines ' listen ')" = 1000 ]
	disconnect 4
}
