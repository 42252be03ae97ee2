load helper

three_addresses() {
	need_ipv6
	own_hosts <<'END'
127.0.0.2 three
127.0.0.3 three
::1 three
END
}

addresses() {
	cut -f 2 "$ADDRS"
}

ports() {
	sed 's/.*://' "$ADDRS" | sort -u
}

leave_behind() {
	perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die' "$1"
	[ -S "$1" ]
}

@test "a name with three addresses listens on all of them, on one port, and serves on each" {
	three_addresses
	configure <<'END'
service "s" { listen = "tcp:three:0" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	[ "$(addresses | wc -l)" = 3 ]
	[ "$(ports | wc -l)" = 1 ]
	[ "$(ports)" != 0 ]
	local host
	for host in 127.0.0.2 127.0.0.3 '[::1]'; do
		addresses | grep -qxF "tcp:$host:$(ports)"
		[ "$(ask "tcp:$host:$(ports)")" = hello ]
	done
	# Nothing wider than what the name stands for.
	nobody_listens "tcp:127.0.0.1:$(ports)"
}

@test "a name with three addresses gets three datagram sockets on one port" {
	three_addresses
	configure <<'END'
service "s" { listen = "udp:three:0" handler = "echo" }
END
	start_evinetd
	[ "$(addresses | sort | sed 's/:[0-9]*$//' | xargs)" = "udp:127.0.0.2 udp:127.0.0.3 udp:[::1]" ]
	[ "$(ports | wc -l)" = 1 ]
}

@test "tcp4 and tcp6 take the addresses of one family" {
	three_addresses
	configure <<'END'
service "four" { listen = "tcp4:three:0" handler = "echo" }
service "six" { listen = "tcp6:three:0" handler = "echo" }
service "udp-four" { listen = "udp4:three:0" handler = "echo" }
service "udp-six" { listen = "udp6:three:0" handler = "echo" }
END
	start_evinetd
	[ "$(sort "$ADDRS" | sed 's/:[0-9]*$//' | tr '\t\n' '= ')" = "four=tcp:127.0.0.2 four=tcp:127.0.0.3 six=tcp:[::1] udp-four=udp:127.0.0.2 udp-four=udp:127.0.0.3 udp-six=udp:[::1] " ]
}

@test "bind = first stops at the first address that works" {
	configure <<'END'
service "s" {
	listener { addrs = { "tcp:203.0.113.7:0", "tcp:127.0.0.2:0", "tcp:127.0.0.3:0" } }
	bind = "first"
	exec = { "/bin/echo", "hello" }
}
END
	start_evinetd --log-format json
	[ "$(addresses | sed 's/:[0-9]*$//')" = tcp:127.0.0.2 ]
	[ "$(event_count fail '.syscall == "bind"')" = 1 ]
	[ "$(event_count listen_error)" = 0 ]
	[ "$(ask "$(address_of s)")" = hello ]
}

@test "* and an empty host are every address of both families, on one port" {
	need_ipv6
	configure <<'END'
service "star" { listen = "tcp:*:0" exec = { "/bin/echo", "star" } }
service "empty" { listen = "tcp::0" exec = { "/bin/echo", "empty" } }
service "bare" { listen = "0" exec = { "/bin/echo", "bare" } }
service "four" { listen = "tcp4:*:0" exec = { "/bin/echo", "four" } }
service "six" { listen = "tcp6::0" exec = { "/bin/echo", "six" } }
END
	start_evinetd
	local name
	for name in star empty bare; do
		[ "$(port_of $name)" = "$(port_of $name 2)" ]
		grep -qxF "$name	tcp:0.0.0.0:$(port_of $name)" "$ADDRS"
		grep -qxF "$name	tcp:[::]:$(port_of $name)" "$ADDRS"
		[ -z "$(address_of $name 3)" ]
		[ "$(ask "tcp:127.0.0.1:$(port_of $name)")" = $name ]
		[ "$(ask "tcp:[::1]:$(port_of $name)")" = $name ]
	done
	[ "$(grep -c '^four' "$ADDRS")" = 1 ]
	[ "$(ask "tcp:127.0.0.1:$(port_of four)")" = four ]
	nobody_listens "tcp:[::1]:$(port_of four)"
	[ "$(grep -c '^six' "$ADDRS")" = 1 ]
	[ "$(ask "tcp:[::1]:$(port_of six)")" = six ]
	nobody_listens "tcp:127.0.0.1:$(port_of six)"
}

@test "v6only = false lets the IPv6 wildcard take IPv4 clients, which look like IPv4" {
	need_ipv6
	configure <<'END'
service "both" {
	listen = "tcp:*:0"
	v6only = false
	shell = "echo $TCPREMOTEIP"
}
END
	start_evinetd
	[ "$(addresses)" = "tcp:[::]:$(port_of both)" ]
	[ "$(ask "tcp:127.0.0.1:$(port_of both)")" = 127.0.0.1 ]
	[ "$(ask "tcp:[::1]:$(port_of both)")" = ::1 ]
	wait_for_log 'start service=both' 2
	[ "$(log_lines ' peer=127.0.0.1:')" -ge 1 ]
	[ "$(log_lines ffff)" = 0 ]
}

@test "a port may be the name of a service" {
	need_namespace mn
	echo 'evinet-test 7117/tcp' >services
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up && mount --bind services /etc/services && exec "$@"' sh
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:evinet-test" handler = "echo" }
service "none" { listen = "tcp:127.0.0.1:evinet-tset" handler = "echo" }
service "long" { listener { host = "127.0.0.2" service = "evinet-test" } handler = "echo" }
END
	start_evinetd
	[ "$(cat "$ADDRS")" = "s	tcp:127.0.0.1:7117
long	tcp:127.0.0.2:7117" ]
	wait_for_log 'resolve_error service=none'
}

@test "the file of a unix socket has the mode, owner and group that were asked for" {
	need_root
	local group
	group=$(id -gn nobody)
	configure <<END
service "given" {
	listen = "unix:$PWD/given"
	mode = "0621" owner = "nobody" group_owner = "$group"
	exec = { "/bin/echo", "given" }
}
service "plain" { listen = "unix:$PWD/plain" exec = { "/bin/echo", "plain" } }
service "number" { listen = "unix:$PWD/number" mode = "0666" owner = "12" group_owner = "34" handler = "echo" }
END
	umask 027
	start_evinetd
	[ "$(stat -c '%a %U %G' given)" = "621 nobody $group" ]
	[ "$(stat -c '%a %u %g' plain)" = "750 0 0" ]
	[ "$(stat -c '%a %u %g' number)" = "666 12 34" ]
	[ "$(ask "$(address_of given)")" = given ]
	[ "$(address_of plain)" = "unix:$PWD/plain" ]
	[ "$(ask "$(address_of plain)")" = plain ]
}

@test "a stale socket file is replaced" {
	leave_behind old
	configure <<END
service "s" { listen = "unix:$PWD/old" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	[ "$(ask unix:old)" = hello ]
	[ "$(log_lines ' fail ')" = 0 ]
	stop_evinetd
	[ ! -e old ]
}

@test "the socket file of a living server and a regular file are left alone" {
	echo precious >file
	mkdir folder
	background socat UNIX-LISTEN:live,fork EXEC:/bin/cat
	wait_for_file live
	configure <<END
service "live" { listen = "unix:$PWD/live" handler = "echo" }
service "file" { listen = "unix:$PWD/file" handler = "echo" }
service "folder" { listen = "unix:$PWD/folder" handler = "echo" }
service "missing" { listen = "unix:$PWD/no/such" handler = "echo" }
service "good" { listen = "unix:$PWD/good" handler = "echo" }
END
	start_evinetd --log-format json
	local name
	for name in live file folder; do
		[ "$(event_count fail ".service == \"$name\" and .syscall == \"bind\" and .errno == \"EADDRINUSE\"")" = 1 ]
	done
	[ "$(event_count fail '.service == "missing" and .errno == "ENOENT"')" = 1 ]
	[ "$(event_count fail)" = 4 ]
	[ "$(ask unix:live alive)" = alive ]
	[ "$(cat file)" = precious ]
	stop_evinetd
	# What was never ours is not ours to remove.
	[ -S live ]
	[ "$(ask unix:live alive)" = alive ]
	[ "$(cat file)" = precious ]
	[ -d folder ]
	[ ! -e good ]
}

@test "of two services on one path the second is told that it is taken" {
	configure <<END
service "one" { listen = "unix:$PWD/same" exec = { "/bin/echo", "one" } }
service "two" { listen = "unix:$PWD/same" exec = { "/bin/echo", "two" } }
END
	start_evinetd --log-format json
	[ "$(event_count fail '.errno == "EADDRINUSE"')" = 1 ]
	[ "$(event_count listen '.service == "one" or .service == "two"')" = 1 ]
	[ "$(ask unix:same)" = "$(events listen | jq -r .service)" ]
}

@test "a name in the abstract namespace is listened on" {
	configure <<END
service "s" { listen = "unix:@evinet-$$-$RANDOM" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	[ "$(ask "$(address_of s)")" = hello ]
}

@test "a unix-seqpacket socket keeps the boundaries of what is sent" {
	configure <<END
service "s" { listen = "unix-seqpacket:$PWD/s" exec = { "/bin/cat" } }
END
	start_evinetd
	[ "$(address_of s)" = "unix-seqpacket:$PWD/s" ]
	python3 - <<'END'
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect("s")
for part in b"one", b"two":
    s.send(part)
assert s.recv(100) == b"one"
assert s.recv(100) == b"two"
s.shutdown(socket.SHUT_WR)
assert s.recv(100) == b""
END
	wait_for_log 'end service=s'
}

@test "inherited sockets are taken by number and by name" {
	inherit_two web:other
	configure <<'END'
service "number" { listen = "fd:4" exec = { "/bin/echo", "number" } }
service "name" { listen = "fd:web" exec = { "/bin/echo", "name" } }
END
	start_evinetd
	local ports
	read -r -a ports <inherited
	[ "$(address_of name)" = "tcp:127.0.0.1:${ports[0]}" ]
	[ "$(address_of number)" = "tcp:127.0.0.1:${ports[1]}" ]
	[ "$(ask "tcp:127.0.0.1:${ports[0]}")" = name ]
	[ "$(ask "tcp:127.0.0.1:${ports[1]}")" = number ]
}

@test "an inherited socket is the handle of a long form, and an unknown one is an error of its service" {
	inherit_two web:other
	configure <<'END'
service "handle" { listener { handle = "other" } exec = { "/bin/echo", "handle" } }
service "wrong" { listen = "fd:nosuch" handler = "echo" }
service "closed" { listen = "fd:77" handler = "echo" }
END
	start_evinetd
	local ports
	read -r -a ports <inherited
	[ "$(cut -f 1 "$ADDRS")" = handle ]
	[ "$(ask "tcp:127.0.0.1:${ports[1]}")" = handle ]
	grep -aq 'service=wrong .*nosuch' "$LOG"
	grep -aq 'service=closed .*77' "$LOG"
}

@test "LISTEN_FDS of another process are not ours" {
	run_under env LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=web
	configure <<'END'
service "web" { listen = "fd:web" handler = "echo" }
service "good" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	[ "$(cut -f 1 "$ADDRS")" = good ]
}

@test "the long form takes the words of getaddrinfo, and may be repeated" {
	need_ipv6
	configure <<END
service "s" {
	listener { host = "127.0.0.1" service = "0" }
	listener { host = "::1" service = "0" family = "inet6" socktype = "stream" protocol = "tcp" }
	listener { addrs = { "tcp:127.0.0.2:0", "tcp:127.0.0.3:0" } }
	listener { service = "0" family = "inet" flags = { "passive", "numericserv" } }
	listener { addrs = { "unix:$PWD/s" } }
	exec = { "/bin/echo", "hello" }
}
service "dgram" { listener { host = "127.0.0.1" service = "0" socktype = "dgram" } handler = "echo" }
service "name" { listener { host = "localhost" service = "0" flags = { "numerichost" } } handler = "echo" }
service "family" { listener { host = "::1" service = "0" family = "inet" } handler = "echo" }
END
	start_evinetd
	[ "$(grep -v unix "$ADDRS" | sed 's/:[0-9]*$//' | sort | tr '\t\n' '= ')" = "dgram=udp:127.0.0.1 s=tcp:0.0.0.0 s=tcp:127.0.0.1 s=tcp:127.0.0.2 s=tcp:127.0.0.3 s=tcp:[::1] " ]
	[ "$(address_of s 3)" = "tcp:127.0.0.2:$(port_of s 3)" ]
	[ "$(port_of s 3)" = "$(port_of s 4)" ]
	local n
	for n in 1 2 3 4 5 6; do
		[ "$(ask "$(address_of s $n)")" = hello ]
	done
	wait_for_log 'resolve_error service=name'
	wait_for_log 'resolve_error service=family'
}

@test "each socket option reaches the socket" {
	need_root
	need_ipv6
	run_traced -e trace=setsockopt
	configure <<'END'
service "s" {
	listener { addrs = { "tcp:127.0.0.1:0", "tcp:[::1]:0" } }
	handler = "echo"
	reuseport = true
	device = "lo"
	freebind = true
	transparent = true
	keepalive = true
	keepalive_idle = 61s
	keepalive_interval = 7s
	keepalive_count = 3
	nodelay = true
	defer_accept = 5s
	fastopen = 16
	rcvbuf = 64K
	sndbuf = 96K
	tos = 16
	mark = 7
	priority = 3
	congestion = "reno"
}
END
	start_evinetd
	[ "$(addresses | wc -l)" = 2 ]
	stop_evinetd
	local option
	while read -r option; do
		[ "$(grep -cF " $option" trace)" = 2 ] || { echo "not on both sockets: $option" && cat trace && return 1; }
	done <<'END'
SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
SOL_SOCKET, SO_REUSEPORT, [1], 4) = 0
SOL_SOCKET, SO_BINDTODEVICE, "lo
SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
SOL_TCP, TCP_KEEPIDLE, [61], 4) = 0
SOL_TCP, TCP_KEEPINTVL, [7], 4) = 0
SOL_TCP, TCP_KEEPCNT, [3], 4) = 0
SOL_TCP, TCP_NODELAY, [1], 4) = 0
SOL_TCP, TCP_DEFER_ACCEPT, [5], 4) = 0
SOL_TCP, TCP_FASTOPEN, [16], 4) = 0
SOL_SOCKET, SO_RCVBUF, [65536], 4) = 0
SOL_SOCKET, SO_SNDBUF, [98304], 4) = 0
SOL_SOCKET, SO_MARK, [7], 4) = 0
SOL_SOCKET, SO_PRIORITY, [3], 4) = 0
SOL_TCP, TCP_CONGESTION, "reno
END
	# These have another name on each family.
	grep -qE 'SOL_IP, IP_TOS, \[16\], 4\) += 0' trace
	grep -qE 'SOL_IPV6, IPV6_TCLASS, \[16\], 4\) += 0' trace
	grep -qE 'SOL_IPV6, IPV6_V6ONLY, \[1\], 4\) += 0' trace
	grep -qE 'SOL_IP, IP_FREEBIND, \[1\], 4\) += 0' trace
	grep -qE 'SOL_IPV6, IPV6_FREEBIND, \[1\], 4\) += 0' trace
	grep -qE 'SOL_IP, IP_TRANSPARENT, \[1\], 4\) += 0' trace
	grep -qE 'SOL_IPV6, IPV6_TRANSPARENT, \[1\], 4\) += 0' trace
}

@test "an accepted connection has the options of its service" {
	cat >options.py <<'END'
import socket, struct
s = socket.socket(fileno=0)
T, S = socket.IPPROTO_TCP, socket.SOL_SOCKET
print(s.getsockopt(S, socket.SO_KEEPALIVE), s.getsockopt(T, socket.TCP_KEEPIDLE),
      s.getsockopt(T, socket.TCP_KEEPINTVL), s.getsockopt(T, socket.TCP_KEEPCNT),
      s.getsockopt(T, socket.TCP_NODELAY), s.getsockopt(socket.IPPROTO_IP, socket.IP_TOS),
      s.getsockopt(T, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode())
END
	configure <<END
service "given" {
	listen = "tcp:127.0.0.1:0"
	exec = { "$(type -P python3)", "$PWD/options.py" }
	keepalive = true keepalive_idle = 61s keepalive_interval = 7s keepalive_count = 3
	nodelay = true tos = 16 congestion = "reno"
}
service "plain" { listen = "tcp:127.0.0.1:0" exec = { "$(type -P python3)", "$PWD/options.py" } congestion = "reno" }
END
	start_evinetd
	[ "$(ask "$(address_of given)")" = "1 61 7 3 1 16 reno" ]
	[ "$(ask "$(address_of plain)" | cut -d ' ' -f 1,5,6)" = "0 0 0" ]
}

@test "without options only what the manual says is set" {
	need_ipv6
	run_traced -e trace=setsockopt,listen
	configure <<'END'
service "s" { listener { addrs = { "tcp:127.0.0.1:0", "tcp:[::1]:0" } } handler = "echo" }
service "off" { listen = "tcp6:[::1]:0" handler = "echo" reuseaddr = false v6only = false queuesize = 7 }
END
	start_evinetd
	stop_evinetd
	grep -E 'setsockopt' trace | sed -E 's/.*setsockopt\([0-9]+, //; s/ += 0$//' | sort >options
	diff options - <<'END'
SOL_IPV6, IPV6_V6ONLY, [0], 4)
SOL_IPV6, IPV6_V6ONLY, [1], 4)
SOL_SOCKET, SO_REUSEADDR, [0], 4)
SOL_SOCKET, SO_REUSEADDR, [1], 4)
SOL_SOCKET, SO_REUSEADDR, [1], 4)
END
	grep -oE 'listen\([0-9]+, [0-9]+' trace | sed 's/.* //' | sort -n | xargs >queues
	[ "$(cat queues)" = "7 128 128" ]
}

@test "on_listen_error = skip serves on what is left" {
	occupy
	configure <<END
service "s" { listen = { "tcp:127.0.0.1:$PORT", "tcp:127.0.0.2:$PORT" } exec = { "/bin/echo", "hello" } }
END
	start_evinetd --log-format json
	[ "$(addresses)" = "tcp:127.0.0.2:$PORT" ]
	[ "$(event_count listen_error '.service == "s"')" = 1 ]
	[ "$(ask "tcp:127.0.0.2:$PORT")" = hello ]
}

@test "on_listen_error = retry serves an address once it is free" {
	occupy
	configure <<END
service "s" {
	listen = { "tcp:127.0.0.1:$PORT", "tcp:127.0.0.2:0" }
	on_listen_error = "retry"
	retry_interval = 100ms
	exec = { "/bin/echo", "hello" }
}
END
	start_evinetd
	wait_for_log "fail service=s"
	[ "$(ask "$(address_of s)")" = hello ]
	[ "$(address_of s)" = "tcp:127.0.0.2:$(port_of s)" ]
	kill -KILL "$HELPER"
	wait_for_log "listen service=s address=tcp:127.0.0.1:$PORT"
	[ "$(ask "tcp:127.0.0.1:$PORT")" = hello ]
	# Once it listens, nothing is tried again.
	[ "$(log_lines "listen service=s address=tcp:127.0.0.1:$PORT")" = 1 ]
}

@test "on_listen_error = retry keeps a daemon alive that has nothing else to serve" {
	occupy
	configure <<END
service "s" {
	listen = "tcp:127.0.0.1:$PORT"
	on_listen_error = "retry"
	retry_interval = 100ms
	exec = { "/bin/echo", "hello" }
}
END
	"$EVINETD" -c "$CONF" >>"$LOG" 2>&1 3>&- &
	# shellcheck disable=SC2034 # the helper ends it
	DAEMON=$!
	wait_for_log 'fail service=s'
	kill -KILL "$HELPER"
	wait_for_log "listen service=s"
	[ "$(ask "tcp:127.0.0.1:$PORT")" = hello ]
	stop_evinetd
	[ "$status" = 0 ]
}

@test "on_listen_error = retry looks a name up again" {
	own_hosts <<'END'
127.0.0.1 localhost
END
	configure <<'END'
service "s" {
	listen = "tcp:later.invalid:0"
	on_listen_error = "retry"
	retry_interval = 100ms
	exec = { "/bin/echo", "hello" }
}
service "good" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	wait_for_log 'resolve_error service=s'
	# Written through: the daemon's /etc/hosts is this very file.
	echo '127.0.0.3 later.invalid' >>hosts
	wait_for_log 'listen service=s address=tcp:127.0.0.3:'
	[ "$(ask "$(grep -aoE 'tcp:127.0.0.3:[0-9]+' "$LOG" | head -1)")" = hello ]
}

@test "on_listen_error = exit ends the daemon when a listener is left with nothing" {
	occupy
	configure <<END
service "good" { listen = "tcp:127.0.0.1:0" handler = "echo" }
service "s" { listen = "tcp:127.0.0.1:$PORT" on_listen_error = "exit" handler = "echo" }
END
	start_fails
	[ "$status" = 69 ]
	# One address of two is enough.
	configure <<END
service "s" {
	listener { addrs = { "tcp:127.0.0.1:$PORT", "tcp:127.0.0.2:$PORT" } }
	on_listen_error = "exit"
	handler = "echo"
}
END
	start_evinetd
	[ "$(addresses)" = "tcp:127.0.0.2:$PORT" ]
}

# --- groups ---

# A network of its own, in which groups are on the loopback interface, or on v0 for IPv6. Sets INSIDE.
own_network() {
	need_namespace n
	"${NAMESPACE[@]}" ip link add v0 type veth peer name v1 2>/dev/null || skip "this system has no pairs of interfaces"
	INSIDE=(nsenter -n)
	[ "$(id -u)" = 0 ] || INSIDE=(nsenter -U --preserve-credentials -n)
	run_under "${NAMESPACE[@]}" sh -c 'ip link set lo up multicast on &&
		ip link add v0 type veth peer name v1 && ip link set v1 up && ip link set v0 up &&
		ip -6 addr add fd00::1/64 dev v0 nodad &&
		{ [ "$GROUPS_ROUTE" = no ] || ip route add 224.0.0.0/4 dev lo src 127.0.0.1; } && exec "$@"' sh
}

@test "B43: a datagram socket on the address of a group is a member of it" {
	own_network
	configure <<-CONF
		service "v4" { listen = "udp:239.1.2.3:0" handler = "echo" }
		service "v6" { listen = "udp:[ff02::17%v0]:0" handler = "echo" }
		service "program" { listen = "udp:239.1.2.4:0" wait = true shell = "head -c 0; echo \$REMOTE_HOST >peer; sleep 60" }
	CONF
	start_evinetd
	wait_for_log 'listen service=v4 address=udp:239.1.2.3:'
	"${INSIDE[@]}" -t "$DAEMON" ip maddr >members
	grep -qw 239.1.2.3 members
	grep -qw 239.1.2.4 members
	grep -qw ff02::17 members
	"${INSIDE[@]}" -t "$DAEMON" python3 - "$(port_of v4)" "$(port_of v6)" "$(port_of program)" <<-'END'
		import socket, struct, sys
		v0 = socket.if_nametoindex("v0")
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(20)
		s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
		s.sendto(b"to the group", ("239.1.2.3", int(sys.argv[1])))
		data, peer = s.recvfrom(100)
		assert data == b"to the group" and peer[0] == "127.0.0.1", (data, peer)
		s.sendto(b"to the program", ("239.1.2.4", int(sys.argv[3])))
		s6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s6.settimeout(20)
		s6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, v0)
		s6.sendto(b"to the group", ("ff02::17", int(sys.argv[2]), 0, v0))
		assert s6.recvfrom(100)[0] == b"to the group"
	END
	wait_for_file peer
	[ "$(cat peer)" = 127.0.0.1 ]
}

@test "a group that cannot be joined is told with the call that failed" {
	own_network
	export GROUPS_ROUTE=no
	configure <<-'CONF'
		service "lost" { listen = "udp:239.1.2.3:0" handler = "echo" }
		service "fine" { listen = "udp:127.0.0.1:0" handler = "echo" }
	CONF
	start_evinetd
	wait_for_log 'fail service=lost syscall=setsockopt'
	grep -a 'fail service=lost' "$LOG" | grep -q 'IPPROTO_IP, IP_ADD_MEMBERSHIP, 239.1.2.3" address=udp:239.1.2.3:0 errno=ENODEV'
	[ -z "$(address_of lost)" ]
	[ -n "$(address_of fine)" ]
}
