# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

# The problems as LINE SERVICE KEY, sorted. Each line must begin with the true name of the file.
problems() {
	local out=$1 file=${2:-$CONF}
	if grep -vE "^$file:[0-9]+: ." "$out"; then
		echo "not FILE:LINE: TEXT" >&2
		return 1
	fi
	sed "s|^$file:\([0-9]*\): |\1 |" "$out" | sed -E '
		s/^([0-9]+) service "([^"]*)": ([a-z0-9_.]+): .*/\1 \2 \3/; t
		s/^([0-9]+) service "([^"]*)": .*/\1 \2 -/; t
		s/^([0-9]+) ([a-z0-9_.]+): .*/\1 - \2/; t
		s/^([0-9]+) .*/\1 - -/' | sort -n
}

# What the comments of the configuration say is wrong: `#! SERVICE KEY` at the end of a line.
expected() {
	awk 'match($0, /#! /) { print NR, substr($0, RSTART + 3) }' "$CONF" | sort -n
}

# --check finds just what the comments say, and so does evinet.
check_finds_all() {
	status=0
	timeout 20 "$EVINETD" --check -c "$CONF" >out 2>err || status=$?
	[ ! -s err ]
	problems out >found
	expected >wanted
	diff -u wanted found || { cat out && return 1; }
	[ "$status" = 78 ]
	status=0
	timeout 20 "$EVINET" check "$CONF" >out2 || status=$?
	[ "$status" = 78 ]
	diff out out2
}

@test "wrong numbers, times, sizes and words are named with line, service and key" {
	configure <<'END'
# A comment first, and
/* one over
   several lines, with a # and a " in it */
service "a" {
	listen = "tcp:127.0.0.1:0" // and one of this kind
	handler = "echo"
	instances = -3 #! a instances
	per_source = "many" #! a per_source
	queuesize = 0 #! a queuesize
	rate = "50/x" #! a rate
	rate_burst = 1.5 #! a rate_burst
	timeout = "5 parsecs" #! a timeout
	idle_timeout = -1s #! a idle_timeout
	rcvbuf = "64Q" #! a rcvbuf
	reuseport = "perhaps" #! a reuseport
	bind = "second" #! a bind
	when_full = "explode" #! a when_full
	mode = "0999" #! a mode
	umask = "rwx" #! a umask
	nice = 99 #! a nice
	kill_signal = "STOPP" #! a kill_signal
	stderr = "somewhere" #! a stderr
	env = { "GOOD=1", "BAD" } #! a env
	pass_env = { "A=B" } #! a pass_env
	log_events = { "start", "begin" } #! a log_events
	close = "" #! a close
	tos = 256 #! a tos
	keepalive_count = 99999999999999999999 #! a keepalive_count
	rlimit {
		files = "some" #! a rlimit.files
		core = -1 #! a rlimit.core
	}
	log {
		level = "loud" #! a log.level
		format = "xml" #! a log.format
		target = "carrier-pigeon" #! a log.target
	}
}
END
	check_finds_all
	# What would have been right is said where it is a choice of words.
	grep -q 'when_full: .*wait.*refuse' out
}

@test "bad addresses and prefixes are named" {
	local long
	long=$(printf '%0120d' 0)
	configure <<END
service "port" { listen = "tcp:127.0.0.1:70000" handler = "echo" } #! port listen
service "bracket" { listen = "tcp:[::1:0" handler = "echo" } #! bracket listen
service "kind" { listen = "tpc:127.0.0.1:0" handler = "echo" } #! kind listen
service "none" { listen = "" handler = "echo" } #! none listen
service "noport" { listen = "tcp:127.0.0.1" handler = "echo" } #! noport listen
service "nopath" { listen = "unix:" handler = "echo" } #! nopath listen
service "long" { listen = "unix:/$long" handler = "echo" } #! long listen
service "second" { listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.1:-1" } handler = "echo" } #! second listen
service "acl" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	allow = { "10.0.0.0/8", "10.0.0.0/33" } #! acl allow
	deny = { "::1/129" } #! acl deny
}
service "acl2" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	allow = "10.0.0.256" #! acl2 allow
	deny = { "10.0.0.0/-1" } #! acl2 deny
}
service "acl3" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	allow = { "" } #! acl3 allow
}
service "acl4" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	deny = { "10.0.0.0/8 " } #! acl4 deny
}
END
	check_finds_all
}

@test "users and groups that do not exist are named" {
	configure <<END
service "a" {
	listen = { "unix:$PWD/a" }
	exec = "/bin/true"
	user = "no-such-user" #! a user
	owner = "no-such-user" #! a owner
	group_owner = "no-such-group" #! a group_owner
}
# The number of nobody known says nothing about a group.
service "b" {
	listen = { "unix:$PWD/b" }
	exec = "/bin/true"
	user = "54321" #! b user
}
service "c" {
	listen = { "unix:$PWD/c" }
	exec = "/bin/true"
	user = "-1" #! c user
}
service "d" {
	listen = { "unix:$PWD/d" }
	exec = "/bin/true"
	user = "" #! d user
}
service "e" {
	listen = { "unix:$PWD/e" }
	exec = "/bin/true"
	group = "no-such-group" #! e group
}
service "f" {
	listen = { "unix:$PWD/f" }
	exec = "/bin/true"
	groups = { "root", "no-such-group" } #! f groups
}
END
	check_finds_all
}

@test "programs that cannot be run are named" {
	echo '#!/no/such/interpreter' >script
	echo 'echo hello' >text
	printf '#!/bin/sh\n' >good
	chmod 755 script good
	chmod 644 text
	ln -s nowhere dangling
	configure <<END
defaults { }
service "missing" { listen = "tcp:127.0.0.1:0"
	exec = { "/no/such/program", "x" } } #! missing exec
service "text" { listen = "tcp:127.0.0.1:0"
	exec = "$PWD/text" } #! text exec
service "directory" { listen = "tcp:127.0.0.1:0"
	exec = "$PWD" } #! directory exec
service "script" { listen = "tcp:127.0.0.1:0"
	exec = "$PWD/script" } #! script exec
service "dangling" { listen = "tcp:127.0.0.1:0"
	exec = "$PWD/dangling" } #! dangling exec
service "path" { listen = "tcp:127.0.0.1:0"
	exec = "no-such-program-in-path" } #! path exec
service "empty" { listen = "tcp:127.0.0.1:0"
	exec = { "" } } #! empty exec
service "cd" { listen = "tcp:127.0.0.1:0" exec = "$PWD/good"
	directory = "$PWD/nowhere" } #! cd directory
service "cd2" { listen = "tcp:127.0.0.1:0" exec = "$PWD/good"
	directory = "$PWD/text" } #! cd2 directory
service "relative" { listen = "tcp:127.0.0.1:0" exec = "$PWD/good"
	directory = "tmp" } #! relative directory
service "good" { listen = "tcp:127.0.0.1:0" exec = "$PWD/good" }
END
	check_finds_all
	grep -q '"script".*/no/such/interpreter' out
}

@test "a program is looked for inside its root directory" {
	need_root
	mkdir -p root/bin
	configure <<END
service "chroot" { listen = "tcp:127.0.0.1:0"
	chroot = "$PWD/root"
	exec = "/bin/sh" } #! chroot exec
# Where there is no root, there is nothing inside either.
service "rooted" { listen = "tcp:127.0.0.1:0"
	exec = "/bin/sh" #! rooted exec
	chroot = "$PWD/nowhere" } #! rooted chroot
END
	check_finds_all
	cp "$(type -P true)" root/bin/sh
	sed -i /rooted/,\$d "$CONF"
	"$EVINETD" --check -c "$CONF"
}

@test "nothing to run, nothing to listen on and things that do not go together are named" {
	configure <<'END'
service "idle" { listen = "tcp:127.0.0.1:0" } #! idle exec
service "deaf" { handler = "echo" } #! deaf listen
service "both" { listen = "tcp:127.0.0.1:0" exec = "/bin/true"
	shell = "true" } #! both shell
service "ehco" { listen = "tcp:127.0.0.1:0"
	handler = "ehco" } #! ehco handler
service "twice" { listen = "tcp:127.0.0.1:0" handler = "echo"
	exec = "/bin/true" } #! twice exec
service "dgram" { listen = "udp:127.0.0.1:0" exec = "/bin/true" } #! dgram listen
service "empty" { listen = "tcp:127.0.0.1:0" exec = { } } #! empty exec
service "long" {
	handler = "echo"
	listener { } #! long listener
}
service "mixed" {
	handler = "echo"
	listener { host = "127.0.0.1" service = "0" addrs = { "tcp:127.0.0.1:0" } } #! mixed listener
}
END
	check_finds_all
	grep -q '"ehco".*echo' out
}

@test "unknown keys are named, with the nearest known one" {
	configure <<'END'
service "a" { #! a -
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	instnaces = 4 #! a instnaces
	quesize = 4 #! a quesize
	xyzzy = 1 #! a xyzzy
	rlimit { file = 3 } #! a rlimit.file
}
service "b" { #! b -
	handler = "echo"
	listener { hots = "127.0.0.1" service = "0" } #! b listener.hots
}
# What may have been meant for all services keeps all of them closed.
defaultz { instances = 3 } #! - defaultz
END
	check_finds_all
	grep -q 'instnaces.*instances' out
	grep -q 'quesize.*queuesize' out
	grep -q 'hots.*host' out
	grep -q 'defaultz.*defaults' out
	[ "$(grep -c 'xyzzy.*mean' out)" = 0 ]
}

@test "duplicates are named" {
	configure <<'END'
service "a" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	instances = 4
	instances = 4 #! a instances
	rlimit { files = 3 files = 4 } #! a rlimit.files
}
service "b" { listen = "tcp:127.0.0.1:0" handler = "echo" }
service "b" { listen = "tcp:127.0.0.1:0" handler = "discard" } #! b -
END
	check_finds_all
}

@test "a key that several defaults or log blocks give is a duplicate" {
	configure <<'END'
defaults { instances = 3 }
log { level = "info" }
defaults {
	per_source = 2
	instances = 5
}
log { format = "json"
	level = "debug" }
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	status=0
	"$EVINETD" --check -c "$CONF" >out || status=$?
	[ "$status" = 78 ]
	grep -q "^$CONF:5: .*instances" out
	grep -q "^$CONF:8: .*level" out
}

@test "all problems of one service are listed, whatever their kind" {
	configure <<'END'
service "a" {
	listen = "tcp:127.0.0.1:0"
	exec = "/no/such/program" #! a exec
	user = "no-such-user" #! a user
	group = "no-such-group" #! a group
	instances = -3 #! a instances
	allow = { "10.0.0.0/33" } #! a allow
	instnaces = 4 #! a instnaces
	directory = "/no/such/directory" #! a directory
}
service "b" {
	listen = "tcp:127.0.0.1:0"
	exec = "/no/such/program" #! b exec
	user = "no-such-user" #! b user
}
service "b" { } #! b -
END
	# The second b is told as a duplicate; what else may be wrong with it is not of interest.
	check_finds_all
}

@test "a bad value in defaults is named there, and no service runs without it" {
	configure <<'END'
defaults {
	allow = { "127.0.0.1/33" }
	per_source = "many"
}
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	status=0
	"$EVINETD" --check -c "$CONF" >out || status=$?
	[ "$status" = 78 ]
	grep -q "^$CONF:3: .*per_source: " out
	start_fails
	[ "$status" = 78 ]
	sed -i 's/"many"/3/' "$CONF"
	start_fails
	[ "$status" = 78 ]
	wait_for_log "line=2 key=allow"
}

@test "broken syntax is named by its line, and nothing is made of it" {
	local n=0 wrong=0
	syntax() {
		local line=$1
		cat >"$CONF"
		n=$((n + 1))
		status=0
		timeout 20 "$EVINETD" --check -c "$CONF" >out 2>err || status=$?
		[ "$status" = 78 ] && grep -q "^$CONF:$line: ." out && [ ! -s err ] &&
			[ "$(grep -vc "^$CONF:[0-9]*: ." out)" = 0 ] && return 0
		echo "syntax $n, line $line, status $status:" >&2
		cat "$CONF" out err >&2
		wrong=$((wrong + 1))
	}
	syntax 2 <<'END'
# missing brace
service "x" {
	listen = "tcp:127.0.0.1:0"
END
	syntax 3 <<'END'
service "x" {
	handler = "echo"
	listen = "tcp:127.0.0.1:0
}
END
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
} }
END
	syntax 3 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler "echo"
}
END
	syntax 3 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler =
}
END
	syntax 3 <<'END'
service "x" {
	listen = { "tcp:127.0.0.1:0", "tcp:127.0.0.2:0"
	handler = "echo"
}
END
	syntax 1 <<'END'
service x y { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	syntax 1 <<'END'
service { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	syntax 1 <<'END'
service "" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	syntax 3 <<'END'

# a comment that never ends
/* service "x" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	syntax 1 <<'END'
listen = "tcp:127.0.0.1:0"
END
	syntax 1 <<'END'
service "x" = 3
END
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	instances { }
}
END
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	rlimit = 3
}
END
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler = "echo"
	instances = { 1, 2 }
}
END
	# One name as two kinds of thing.
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0" handler = "echo"
	allow = "127.0.0.1"
	allow { }
}
END
	syntax 4 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0" handler = "echo"
	rlimit { files = 30 }
	rlimit = 30
}
END
	syntax 3 <<'END'
service "x" {
	listen = "tcp:127.0.0.1:0"
	handler("echo")
}
END
	syntax 2 <<'END'
service "x" { listen = "tcp:127.0.0.1:0" handler = "echo" }
include("no/such/file.conf")
END
	syntax 1 <<'END'
include()
END
	syntax 2 < <(printf 'service "x" { listen = "tcp:127.0.0.1:0" handler = "echo" }\n\0\n')
	syntax 1 < <(printf '\xff\xfe\n')
	[ "$wrong" = 0 ]
}

@test "a problem in an included file carries that file's name" {
	mkdir conf.d
	cat >conf.d/b.conf <<'END'

service "b" {
	listen = "tcp:127.0.0.1:0"
	instances = -1
	handler = "echo"
}
END
	echo 'service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }' >conf.d/a.conf
	echo 'service "hidden" { nonsense }' >conf.d/.hidden.conf
	echo 'service "backup" { nonsense }' >conf.d/backup.conf~
	configure <<'END'
include("conf.d/*.conf")
include("conf.d/*")
include("none.d/*.conf")
service "c" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	status=0
	"$EVINETD" --check -c "$CONF" >out || status=$?
	[ "$status" = 78 ]
	grep -q '^.*conf\.d/b\.conf:4: service "b": instances: ' out
	[ "$(grep -cE 'hidden|backup' out)" = 0 ]
	# Relative to the file that includes, not to where we stand.
	cd /
	start_evinetd
	[ "$(log_lines 'service=b ')" -ge 1 ]
	[ "$(cut -f 1 "$ADDRS" | sort -u | xargs)" = "a c" ]
}

@test "an include that includes itself is a problem, not a loop" {
	configure <<END
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
include("$CONF")
END
	status=0
	timeout 10 "$EVINETD" --check -c "$CONF" >out || status=$?
	[ "$status" = 78 ]
	grep -q "^$CONF:2: " out
}

@test "an unreadable file is a problem with its name" {
	status=0
	"$EVINETD" --check -c no/such.conf >out || status=$?
	[ "$status" = 78 ]
	grep -q 'no/such.conf.*No such file' out
	mkdir folder
	status=0
	"$EVINETD" --check -c folder >out || status=$?
	[ "$status" = 78 ]
	grep -qi 'folder.*is a directory' out
}

@test "a bad service is refused, never run with something wider, and the rest run" {
	configure <<END
service "good" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "good" } }
service "allow" { listen = "unix:$PWD/allow" handler = "echo" allow = { "127.0.0.1", "10.0.0.0/33" } }
service "deny" { listen = "unix:$PWD/deny" handler = "echo" deny = { "127.0.0.l" } }
service "instances" { listen = "unix:$PWD/instances" handler = "echo" instances = "ten" }
service "per_source" { listen = "unix:$PWD/per_source" handler = "echo" per_source = -1 }
service "rate" { listen = "unix:$PWD/rate" handler = "echo" rate = "5 per second" }
service "user" { listen = "unix:$PWD/user" exec = "/bin/echo" user = "no-such-user" }
service "group" { listen = "unix:$PWD/group" exec = "/bin/echo" group = "no-such-group" }
service "groups" { listen = "unix:$PWD/groups" exec = "/bin/echo" groups = "no-such-group" }
service "chroot" { listen = "unix:$PWD/chroot" exec = "/bin/echo" chroot = "/no/such/root" }
service "rlimit" { listen = "unix:$PWD/rlimit" exec = "/bin/echo" rlimit { nproc = "few" } }
service "mode" { listen = "unix:$PWD/mode" handler = "echo" mode = "0888" }
service "owner" { listen = "unix:$PWD/owner" handler = "echo" owner = "no-such-user" }
service "privs" { listen = "unix:$PWD/privs" exec = "/bin/echo" no_new_privs = "ture" }
service "caps" { listen = "unix:$PWD/caps" exec = "/bin/echo" capabilities = { "CAP_NO_SUCH" } }
service "alow" { listen = "unix:$PWD/alow" handler = "echo" alow = { } }
service "timeout" { listen = "unix:$PWD/timeout" handler = "echo" timeout = "5x" }
service "twice" { listen = "unix:$PWD/twice" handler = "echo" allow = { } allow = { "127.0.0.1" } }
service "block" { listen = "unix:$PWD/block" handler = "echo" allow { } }
service "list" { listen = { "unix:$PWD/list", "tcp:127.0.0.1:0:0:0" } handler = "echo" }
END
	start_evinetd --log-format json
	[ "$(cut -f 1 "$ADDRS")" = good ]
	[ "$(ask "$(address_of good)")" = good ]
	local name
	for name in allow deny instances per_source rate user group groups chroot rlimit mode owner privs caps \
		alow timeout twice block list; do
		[ "$(event_count config_error ".service == \"$name\"")" -ge 1 ] || { echo "$name" && return 1; }
		[ ! -e "$name" ] || { echo "$name" && return 1; }
	done
	[ "$(event_count config_error '.service == "good"')" = 0 ]
	[ "$(event_count config_error '.file and .line and .error' )" = "$(event_count config_error)" ]
	events config_error '.service == "allow"' | jq -e ".file == \"$CONF\" and .line == 2 and .key == \"allow\""
}

@test "a good file: nothing is said, and the status is 0" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	local program
	for program in "$EVINETD --check -c" "$EVINETD -tc" "$EVINET check"; do
		status=0
		# shellcheck disable=SC2086
		$program "$CONF" >out 2>&1 || status=$?
		[ "$status" = 0 ]
		[ ! -s out ]
	done
}

@test "--check opens, creates and starts nothing" {
	configure <<END
service "a" { listen = { "unix:$PWD/sock", "tcp:127.0.0.1:0" } shell = "touch $PWD/ran" }
END
	"$EVINETD" --check -c "$CONF" --pidfile "$PWD/pid" --addr-file "$PWD/addr"
	ls >files
	diff files - <<'END'
evinetd.conf
files
log
END
}

# Feeding a dump back gives the same dump.
fixed_point() {
	"$EVINETD" --dump -c "$1" >dump1 2>/dev/null || true
	"$EVINETD" --dump -c "$1" 2>/dev/null | "$EVINETD" --dump -c /dev/stdin >dump2 2>/dev/null || true
	[ -s dump1 ]
	diff -u dump1 dump2
}

@test "the dump of each configuration that comes along is a fixed point" {
	local file n=0
	for file in "$REPO"/etc/*.conf "$REPO"/etc/conf.d/*; do
		[ -e "$file" ] || continue
		fixed_point "$file" || { echo "$file" && return 1; }
		n=$((n + 1))
	done
	[ "$n" -ge 1 ]
}

full_configuration() {
	mkdir -p "$PWD/dir"
	configure <<END
log { target = "file:$PWD/main.log" format = "json" level = "debug" limit = 1G }
defaults {
	instances = 200
	per_source = 20
	env = { "A=1" }
	allow = { "10.0.0.0/8", "::1", "127.0.0.1" }
}
service "every-key" {
	listen = { "tcp:localhost:0", "udp:[::1]:0", "unix:$PWD/s", "fd:web", "unix:@a b" }
	listener {
		host = "localhost" service = "0" family = "inet6" socktype = "dgram" protocol = "udp"
		flags = { "numericserv", "v4mapped" }
	}
	listener { addrs = { "tcp:127.0.0.1:0", "tcp:[::1]:0" } }
	listener { handle = "web" }
	bind = "first" on_listen_error = "retry" retry_interval = 1500ms queuesize = 77
	reuseaddr = false reuseport = true v6only = false device = "lo" freebind = true transparent = true
	keepalive = true keepalive_idle = 61s keepalive_interval = 7s keepalive_count = 3
	nodelay = true defer_accept = 5s fastopen = 16 rcvbuf = 64K sndbuf = 3M tos = 16 mark = 7 priority = 3
	congestion = "reno" mode = "0640" owner = "root" group_owner = "root"
	handler = "exec" exec = { "/bin/echo", "a \"b\" \\\\ c", "", "tab	and \$HOME", "# no comment", "caf\\xc3\\xa9" }
	argv0 = "-echo" wait = true
	user = "root" group = "root" groups = { "root" } umask = "027"
	chroot = "/" directory = "$PWD/dir" nice = -5 oom_score_adj = 300
	rlimit {
		as = 1G core = 0 cpu = 30 data = 512M files = 64 fsize = 10M memlock = 64K nproc = 50 rss = 1G stack = 8M
	}
	env += { "B=2", "C=x=y z" } pass_env = { "TZ", "LANG" }
	stderr = "file:$PWD/err" timeout = 90m idle_timeout = 90s kill_signal = "INT" kill_after = 250ms
	session = true close = "leave" drain_timeout = 3s no_new_privs = true
	capabilities = { "CAP_NET_BIND_SERVICE" }
	redirect = "tcp:localhost:80" redirect_source = "::1" redirect_proxy = "v2" connect_timeout = 3s
	tcpmux = "a name" tcpmux_plus = true daytime_form = "xinetd" rpc_program = "nfs" rpc_version = "2-4"
	warm = 3 warm_spawn = 1 warm_max_age = 2h warm_header = "env-line"
	allow += { "192.0.2.0/24" } deny = { "10.1.0.0/16" }
	instances = 3 per_source = 2 per_prefix = 9 prefix_ipv4 = 28 prefix_ipv6 = 56 rate = "50/1s" rate_burst = 75
	per_source_rate = "5/m" rate_pause = 10s when_full = "refuse" hours = { "08:00-12:00", "22:00-06:00" }
	max_load = 2.5 min_memory = 64M
	tcp_wrappers = "every" ident = "require" ident_timeout = 5s
	banner = "$PWD/b" banner_allow = "$PWD/b a" banner_deny = "$PWD/b d"
	log_events = { "start", "end" } id = "every key"
	log {
		target = "file:$PWD/own.log" format = "text" level = "warning" limit = "10M:20M"
		success = { "pid", "host" } failure = {}
	}
}
service "shell" { listen = "tcp:127.0.0.1:0" shell = "echo 'it' \"is\" \$0" }
service "plain" { listen = "tcp:127.0.0.1:0" exec = "/bin/true" allow = { } groups = { } }
service "sensor" { listen = "tcp:127.0.0.1:0" ban = 1h }
END
}

@test "the dump of a file with every key of the manual is a fixed point" {
	full_configuration
	if [ -x "$BUILD/mankeys" ]; then
		"$BUILD/mankeys" names | awk '{ print $NF }' | sort -u >keys
		[ "$(wc -l <keys)" -ge 60 ]
		local key
		while read -r key; do
			grep -qE "(^|[[:space:]{])$key \+?=" "$CONF" || { echo "not in the test: $key" && return 1; }
		done <keys
	fi
	fixed_point "$CONF"
	grep -q '^service "every-key" {' dump1
}

@test "the dump says what was configured" {
	full_configuration
	"$EVINETD" --dump -c "$CONF" >dump || true
	# Of every service the effective value, with what defaults gave.
	local line
	while IFS= read -r line; do
		grep -qF -- "$line" dump || { echo "missing: $line" && cat dump && return 1; }
	done <<END
service "every-key" {
host = "localhost"
flags = { "numericserv", "v4mapped" }
addrs = { "tcp:127.0.0.1:0", "tcp:[::1]:0" }
handle = "web"
queuesize = 77
v6only = false
retry_interval = 1500ms
rcvbuf = 64K
sndbuf = 3M
mode = 0640
umask = 0027
nice = -5
exec = { "/bin/echo", "a \"b\" \\\\ c", "", "tab
env = { "A=1", "B=2", "C=x=y z" }
timeout = 90m
idle_timeout = 90s
kill_after = 250ms
files = "64"
allow = { "10.0.0.0/8", "::1", "127.0.0.1", "192.0.2.0/24" }
instances = 3
instances = 200
rate = "50/1s"
hours = { "08:00-12:00", "22:00-06:00" }
max_load = "2.5"
min_memory = 64M
ban = "1h"
limit = "10M:20M"
failure = {}
log_events = { "start", "end" }
shell = "echo 'it' \"is\" \$0"
allow = {}
groups = {}
END
}

@test "a key after += has what was there before, and = starts anew" {
	configure <<'END'
defaults { env = { "A=1" } allow = { "10.0.0.0/8" } }
service "more" { listen = "tcp:127.0.0.1:0" handler = "echo" env += "B=2" allow += "127.0.0.1" }
service "anew" { listen = "tcp:127.0.0.1:0" handler = "echo" env = "B=2" allow = "127.0.0.1" }
service "none" { listen = "tcp:127.0.0.1:0" handler = "echo" allow = { } }
service "same" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	start_evinetd
	[ "$(ask "$(address_of more)" hi)" = hi ]
	[ "$(ask "$(address_of anew)" hi)" = hi ]
	[ -z "$(ask "$(address_of none)" hi)" ]
	[ -z "$(ask "$(address_of same)" hi)" ]
}

@test "defaults behind a service hold for it too" {
	configure <<'END'
service "a" { listen = "tcp:127.0.0.1:0" handler = "echo" }
defaults { allow = { "10.0.0.0/8" } }
END
	start_evinetd
	[ -z "$(ask "$(address_of a)" hi)" ]
}
