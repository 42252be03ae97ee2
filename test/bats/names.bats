# Names and domains in allow and deny: a name counts only if it leads back to the client's address, and who
# cannot be told apart from those that are denied is refused.

load helper

# The answer to a client with this source address; none if it is refused.
from() {
	socat -t "$PATIENCE" - "TCP:$(address_of "$2" | sed 's/^tcp://'),bind=$1" </dev/null 2>/dev/null || true
}

hosts_of_tests() {
	own_hosts <<'END'
127.0.0.1 localhost
127.9.0.1 one.good.example
127.9.0.2 Two.Deep.GOOD.example
127.9.0.3 evil.example
127.9.0.4 good.example
127.9.0.5 host.other.example alias.good.example
END
}

# The daemon runs in a network of its own, with a name server that takes every question and answers none; it
# writes a line into "asked" for each. $1: how long the daemon waits for it, in resolver options.
silent_name_server() {
	need_root
	unshare -mn true 2>/dev/null || skip "this system allows no namespaces"
	cat >silent.py <<'END'
import os, socket
open("server", "w").write("%d\n" % os.getpid())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
open("bound", "w").close()
while True:
    s.recv(512)
    open("asked", "a").write("x\n")
END
	printf 'nameserver 127.0.0.1\noptions %s\n' "$1" >resolv
	echo 'hosts: dns' >nsswitch
	: >hosts
	run_under unshare -mn sh -c 'ip link set lo up && mount --bind hosts /etc/hosts &&
		mount --bind nsswitch /etc/nsswitch.conf && mount --bind resolv /etc/resolv.conf &&
		{ python3 silent.py </dev/null >/dev/null 2>&1 9>&- & } && until [ -e bound ]; do sleep 0.02; done &&
		exec "$@"' sh
}

# A client in the daemon's network.
inside() {
	nsenter -t "$DAEMON" -n socat -t "$PATIENCE" - "$1" </dev/null
}

@test "clients of a host or a domain that is allowed are served, and nobody else" {
	hosts_of_tests
	configure <<'END'
service "s" {
	listen = "tcp:127.0.0.1:0"
	shell  = "echo hello"
	allow  = { ".good.example", "host.other.example", "127.9.0.9" }
}
END
	start_evinetd
	[ "$(from 127.9.0.1 s)" = hello ]
	[ "$(from 127.9.0.2 s)" = hello ]
	[ "$(from 127.9.0.5 s)" = hello ]
	[ -z "$(from 127.9.0.3 s)" ]
	# The domain itself is no host within it.
	[ -z "$(from 127.9.0.4 s)" ]
	# Without a name.
	[ -z "$(from 127.9.0.8 s)" ]
	# By address.
	[ "$(from 127.9.0.9 s)" = hello ]
	wait_for_log 'refuse service=s' 3
	grep -q 'refuse service=s peer=127\.9\.0\.3:.* reason=deny error="it is evil\.example"' "$LOG"
	grep -q 'refuse service=s peer=127\.9\.0\.8:.* reason=deny error="no name of 127\.9\.0\.8:' "$LOG"
	wait_for_log 'end service=s' 4
	[ "$(log_lines 'start service=s')" = 4 ]
}

@test "clients of a domain that is denied are refused, and so are clients without a name" {
	hosts_of_tests
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" deny = { "evil.example", ".bad.example" } }
END
	start_evinetd
	[ "$(from 127.9.0.1 s)" = hello ]
	[ -z "$(from 127.9.0.3 s)" ]
	# It could be one of them.
	[ -z "$(from 127.9.0.8 s)" ]
	wait_for_log 'refuse service=s' 2
	[ "$(log_lines 'reason=deny')" = 2 ]
}

@test "a name that is denied wins over an address that is allowed" {
	hosts_of_tests
	configure <<'END'
service "s" {
	listen = "tcp:127.0.0.1:0"
	shell  = "echo hello"
	allow  = "127.9.0.0/16"
	deny   = "evil.example"
}
END
	start_evinetd
	[ "$(from 127.9.0.1 s)" = hello ]
	[ -z "$(from 127.9.0.3 s)" ]
	[ -z "$(from 127.0.0.1 s)" ]
	wait_for_log 'reason=deny' 2
}

@test "clients of a unix socket have no name: deny by name lets them in, allow by name does not" {
	hosts_of_tests
	configure <<END
service "deny" { listen = "unix:$PWD/deny" shell = "echo hello" deny = ".evil.example" }
service "allow" { listen = "unix:$PWD/allow" shell = "echo hello" allow = ".good.example" }
service "both" { listen = "unix:$PWD/both" shell = "echo hello" allow = { ".good.example", "unix" } }
END
	start_evinetd
	[ "$(ask "unix:$PWD/deny")" = hello ]
	[ -z "$(ask "unix:$PWD/allow")" ]
	[ "$(ask "unix:$PWD/both")" = hello ]
	wait_for_log 'refuse service=allow peer=unix reason=deny'
}

@test "a slow name server holds up nobody who needs no name, and ends in a refusal" {
	silent_name_server "timeout:2 attempts:1"
	configure <<END
service "named" { listen = "tcp:127.0.0.1:0" shell = "echo hello" allow = { ".good.example", "127.0.0.9" } }
service "other" { listen = "unix:$PWD/other" shell = "echo hello" }
END
	start_evinetd
	HELPERS+=("$(cat server)")
	background inside "TCP:127.0.0.1:$(port_of named)"
	wait_for_file asked
	[ "$(ask "unix:$PWD/other")" = hello ]
	[ "$(inside "TCP:127.0.0.1:$(port_of named),bind=127.0.0.9")" = hello ]
	[ "$(log_lines 'refuse service=named')" = 0 ]
	wait_for_log 'refuse service=named'
	grep -q 'reason=deny error="no name of 127.0.0.1: Temporary failure' "$LOG"
	[ "$(log_lines 'start service=named')" = 1 ]
}

@test "a look-up that takes longer than ten seconds is a refusal, and others of that address share it" {
	silent_name_server "timeout:15 attempts:1"
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" deny = ".bad.example" }
END
	start_evinetd
	HELPERS+=("$(cat server)")
	for _ in 1 2 3; do
		background inside "TCP:127.0.0.1:$(port_of s)"
	done
	wait_for_log 'refuse service=s' 3
	[ "$(log_lines 'reason=deny error="the look-up of the name takes too long"')" = 3 ]
	[ "$(wc -l <asked)" = 1 ]
	# The thread is still at it, and keeps nobody from ending.
	stop_evinetd
	[ "$status" = 0 ]
}

@test "who is being asked for a name has a place, and is refused when the daemon ends" {
	silent_name_server "timeout:15 attempts:1"
	configure <<'END'
service "s" { listen = "tcp:127.0.0.1:0" shell = "echo hello" allow = ".good.example" instances = 1 }
END
	start_evinetd
	HELPERS+=("$(cat server)")
	background inside "TCP:127.0.0.1:$(port_of s)"
	wait_for_file asked
	wait_for_log 'hold service=s why=full'
	stop_evinetd
	[ "$status" = 0 ]
	[ "$(log_lines 'refuse service=s')" = 1 ]
	grep -q 'reason=stopping' "$LOG"
	[ "$(log_lines 'start service=s')" = 0 ]
}

@test "names in lists are refused where they could not be kept" {
	configure <<'END'
service "wait" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true deny = ".bad.example" }
service "wait2" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } wait = true allow = ".good.example" }
service "dgram" { listen = "udp:127.0.0.1:0" handler = "echo" allow = ".good.example" }
service "typo" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } deny = "10.0.0" }
END
	run "$EVINETD" --check -c "$CONF"
	[ "$status" = 78 ]
	echo "$output"
	[[ $output == *':1: service "wait": deny: a name cannot be kept with wait = true'* ]]
	[[ $output == *':2: service "wait2": allow: a name cannot be kept with wait = true'* ]]
	[[ $output == *':3: service "dgram": allow: names of clients cannot be looked up for datagrams'* ]]
	[[ $output == *':4: service "typo": deny: "10.0.0" is no address'* ]]
	[ "${#lines[@]}" = 4 ]
}
