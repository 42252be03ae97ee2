# ONC RPC programs: rpcbind is told where they are. A private rpcbind, in namespaces of its own.

load helper

# Sets INSIDE: what is run by these words sees the private rpcbind.
own_rpcbind_place() {
	need_root
	need_namespace m
	command -v rpcbind >/dev/null || [ -x /usr/sbin/rpcbind ] || skip "there is no rpcbind"
	PATH=$PATH:/usr/sbin:/sbin
	background unshare -n -m sh -c 'ip link set lo up && mount -t tmpfs none /run && mkdir /run/rpcbind &&
		chmod 777 /run/rpcbind && echo yes >place && exec sleep 300'
	PLACE=$HELPER
	wait_for_file place
	INSIDE=(nsenter -t "$PLACE" -n -m)
	run_under "${INSIDE[@]}"
}

start_rpcbind() {
	background "${INSIDE[@]}" rpcbind -f
	RPCBIND=$HELPER
	wait_until rpcinfo_inside
}

rpcinfo_inside() {
	"${INSIDE[@]}" rpcinfo >known 2>/dev/null
}

# registered PROGRAM VERSION NETID ADDRESS
registered() {
	rpcinfo_inside && awk -v p="$1" -v v="$2" -v n="$3" -v a="$4" \
		'$1 == p && $2 == v && $3 == n && $4 == a { found = 1 } END { exit !found }' known
}

# The program is not there.
nothing_of() {
	rpcinfo_inside && ! grep -E "^ *$1 " known
}

universal() {
	local port
	port=$(port_of "$1")
	echo "$2.$((port / 256)).$((port % 256))"
}

@test "a service with an RPC program is registered with its real port and all versions, and taken out at the end" {
	own_rpcbind_place
	start_rpcbind
	configure <<-'CONF'
		service "stream" { listen = "tcp:127.0.0.1:0" rpc_program = 300100 rpc_version = "2-4" handler = "echo" }
		service "dgram" { listen = "udp:127.0.0.1:0" rpc_program = 300100 rpc_version = 2 handler = "echo" }
		service "other" { listen = "tcp:127.0.0.1:0" handler = "echo" }
	CONF
	start_evinetd
	wait_for_log ' rpc service=stream program=300100' 3
	wait_for_log ' rpc service=dgram program=300100 version=2 netid=udp'
	registered 300100 2 tcp "$(universal stream 127.0.0.1)"
	registered 300100 3 tcp "$(universal stream 127.0.0.1)"
	registered 300100 4 tcp "$(universal stream 127.0.0.1)"
	registered 300100 2 udp "$(universal dgram 127.0.0.1)"
	# What was there before asks for the port the old way.
	"${INSIDE[@]}" rpcinfo -p 127.0.0.1 | grep -Eq "300100 +3 +tcp +$(port_of stream)\$"
	stop_evinetd
	[ "$status" = 0 ]
	nothing_of 300100
}

@test "both families are registered, with a fixed port, and a program may have a name of /etc/rpc" {
	need_ipv6
	own_rpcbind_place
	start_rpcbind
	cat >rpc <<-'END'
		# comment
		other 1 noname
		frobd  300200	frobnicate frob # more
	END
	"${INSIDE[@]}" mount --bind "$PWD/rpc" /etc/rpc
	configure <<-'CONF'
		service "frob" { listen = "tcp:*:7300" rpc_program = "frob" rpc_version = 1 handler = "echo" }
		service "dual" { listen = "tcp6:*:7301" v6only = false rpc_program = 300201 rpc_version = 1 handler = "echo" }
	CONF
	start_evinetd
	wait_for_log ' rpc service=frob' 2
	wait_for_log ' rpc service=dual' 2
	registered 300200 1 tcp 0.0.0.0.28.132
	registered 300200 1 tcp6 ::.28.132
	registered 300201 1 tcp6 ::.28.133
	registered 300201 1 tcp 0.0.0.0.28.133
	stop_evinetd
	nothing_of 300200
	nothing_of 300201
}

@test "what a daemon that was killed has left registered is replaced" {
	own_rpcbind_place
	start_rpcbind
	configure <<-'CONF'
		service "stream" { listen = "tcp:127.0.0.1:0" rpc_program = 300300 rpc_version = 1 handler = "echo" }
	CONF
	start_evinetd
	wait_for_log ' rpc service=stream'
	local before
	before=$(universal stream 127.0.0.1)
	stop_evinetd KILL
	registered 300300 1 tcp "$before"
	start_evinetd
	wait_for_log ' rpc service=stream' 2
	registered 300300 1 tcp "$(universal stream 127.0.0.1)"
	[ "$(grep -cE '^ *300300 ' known)" = 1 ]
	[ "$(log_lines 'refuses to register')" = 0 ]
}

@test "without rpcbind the service runs, that is told once, and it is registered when rpcbind comes" {
	own_rpcbind_place
	configure <<-'CONF'
		service "stream" { listen = "tcp:127.0.0.1:0" rpc_program = 300400 rpc_version = 1 handler = "echo" }
	CONF
	start_evinetd
	wait_for_log ' error rpc service=stream program=300400 errno=ENOENT error="rpcbind: connect to /run/rpcbind.sock'
	[ "$("${INSIDE[@]}" socat - "TCP:127.0.0.1:$(port_of stream)" <<<hello)" = hello ]
	start_rpcbind
	wait_for_log ' info rpc service=stream program=300400 version=1 netid=tcp'
	registered 300400 1 tcp "$(universal stream 127.0.0.1)"
	[ "$(log_lines ' error rpc ')" = 1 ]
}

@test "an rpcbind that does not answer holds up neither clients nor the end for long" {
	own_rpcbind_place
	start_rpcbind
	kill -STOP "$RPCBIND"
	configure <<-'CONF'
		service "stream" { listen = "tcp:127.0.0.1:0" rpc_program = 300500 rpc_version = 1 handler = "echo" }
	CONF
	start_evinetd
	[ "$("${INSIDE[@]}" socat - "TCP:127.0.0.1:$(port_of stream)" <<<hello)" = hello ]
	wait_for_log ' rpc service=stream program=300500 errno=ETIMEDOUT'
	stop_evinetd
	[ "$status" = 0 ]
}

@test "the second TERM does not wait for rpcbind" {
	own_rpcbind_place
	start_rpcbind
	configure <<-'CONF'
		service "stream" { listen = "tcp:127.0.0.1:0" rpc_program = 300600 rpc_version = 1 handler = "echo" }
	CONF
	start_evinetd
	wait_for_log ' info rpc service=stream'
	kill -STOP "$RPCBIND"
	kill -TERM "$DAEMON"
	wait_for_log ' stop signal=TERM'
	kill -0 "$DAEMON"
	local began=${EPOCHREALTIME/./}
	stop_evinetd
	[ "$status" = 0 ]
	[ $((${EPOCHREALTIME/./} - began)) -lt 2000000 ]
}

@test "what cannot be registered is told with its line" {
	configure <<-'CONF'
		service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_program = 5 }
		service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_version = 5 }
		service "c" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_program = "no-such-program" rpc_version = 1 }
		service "d" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_program = 5 rpc_version = "4-2" }
		service "e" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_program = 5 rpc_version = "1-100" }
		service "f" { listen = "unix:@rpc.test" handler = "echo" rpc_program = 5 rpc_version = 1 }
		service "g" { listen = "tcp:127.0.0.1:0" handler = "echo" rpc_program = 5 rpc_version = "1-" }
	CONF
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	local line
	for line in '1: service "a": rpc_program: rpc_program and rpc_version belong together' \
		'2: service "b": rpc_version: rpc_program and rpc_version belong together' \
		'3: service "c": rpc_program: "no-such-program" is neither a number nor a name in /etc/rpc' \
		'4: service "d": rpc_version: expected a version such as 2, or a range such as 2-4, not "4-2"' \
		'5: service "e": rpc_version: "1-100" are more than 64 versions' \
		'6: service "f": rpc_program: needs an address of TCP or UDP' \
		'7: service "g": rpc_version: expected a version such as 2, or a range such as 2-4, not "1-"'; do
		[[ $output == *"$CONF:$line"* ]] || {
			echo "not told: $line" >&2
			echo "$output" >&2
			return 1
		}
	done
}
