# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
# What people have for xinetd is served as it stands.

load helper

# An address of this test's own: xinetd's files name ports, and other tests run beside it.
HOST=127.83.1.$((BATS_TEST_NUMBER + 1))

# An xinetd.conf with these defaults (standard input) that includes xinetd.d.
xinetd_conf() {
	mkdir -p xinetd.d
	{
		printf 'defaults\n{\n'
		cat
		printf '\tlog_type = FILE %s/xlog\n}\n\nincludedir %s/xinetd.d\n' "$PWD" "$PWD"
	} >xinetd.conf
	CONF=
}

# An entry xinetd.d/NAME on a port, with what else it says.
entry() {
	local name=$1 port=$2 line
	shift 2
	{
		printf '# default: on\nservice %s\n{\n\ttype\t\t= UNLISTED\n\tport\t\t= %s\n' "$name" "$port"
		case $* in
		*'bind = '*) ;;
		*) printf '\tbind\t\t= %s\n' "$HOST" ;;
		esac
		printf '\tsocket_type\t= stream\n\tprotocol\t= tcp\n\twait\t\t= no\n\tuser\t\t= %s\n' "$(id -un)"
		for line in "$@"; do
			printf '\t%s\n' "$line"
		done
		printf '}\n'
	} >"xinetd.d/$name"
}

@test "an xinetd.conf with its folder runs unchanged: programs, defaults, internals, and nothing that is disabled" {
	xinetd_conf <<<'	instances	= 1'
	entry hello 7001 'server = /bin/echo' 'server_args = hello from xinetd.d'
	entry colour 7002 'server = /bin/sh' "server_args = $PWD/script" 'env = COLOUR=green'
	# shellcheck disable=SC2016 # the service expands it
	echo 'echo "$COLOUR $REMOTE_HOST"; read x' >script
	entry off 7003 'server = /bin/echo' 'disable = yes'
	cp xinetd.d/hello xinetd.d/hello.rpmsave
	cp xinetd.d/hello 'xinetd.d/hello~'
	cat >xinetd.d/echo <<-END
		service echo
		{
			type = INTERNAL UNLISTED
			port = 7004
			bind = $HOST
			socket_type = stream
			protocol = tcp
			wait = no
			user = root
		}
	END
	start_evinetd -x xinetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = 'hello from xinetd.d' ]
	connect 5 7002 "$HOST"
	[ "$(hear 5)" = 'green 127.0.0.1' ]
	# One is as many as the defaults allow.
	[ -z "$(ask "tcp:$HOST:7002" x)" ]
	disconnect 5
	[ "$(ask "tcp:$HOST:7004" 'an echo')" = 'an echo' ]
	nobody_listens "tcp:$HOST:7003"
	[ "$(cut -f 1 "$ADDRS" | sort | xargs)" = 'colour echo hello' ]
}

@test "only_from of the defaults holds for an entry that stands in front of them (B7)" {
	xinetd_conf </dev/null
	entry closed 7001 'server = /bin/echo' 'server_args = open'
	{
		cat xinetd.d/closed
		printf 'defaults\n{\n\tonly_from = 192.0.2.1\n\tlog_type = FILE %s/xlog\n}\n' "$PWD"
	} >xinetd.conf
	start_evinetd -x xinetd.conf
	[ -z "$(ask "tcp:$HOST:7001" x)" ]
}

@test "an entry that is wrong is refused alone, with the line that is wrong" {
	xinetd_conf </dev/null
	entry good 7001 'server = /bin/echo' 'server_args = good'
	entry bad 7002 'server = /bin/echo' "bind = $HOST" 'instances = lots'
	local line
	line=$(grep -n lots xinetd.d/bad | cut -d : -f 1)
	status=0
	timeout 20 "$EVINETD" --check -x xinetd.conf >out || status=$?
	[ "$status" = 78 ]
	cat out
	grep -q "^$PWD/xinetd.d/bad:$line: service \"bad\": " out
	start_evinetd -x xinetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = good ]
	nobody_listens "tcp:$HOST:7002"
	grep -aq "config_error service=bad file=$PWD/xinetd.d/bad line=$line" "$LOG"
}

@test "a file that cannot be read is one line and status 78, with --check, --dump and without" {
	local how
	for how in --check --dump; do
		status=0
		timeout 20 "$EVINETD" "$how" -x missing.conf >out 2>&1 || status=$?
		[ "$status" = 78 ]
		cat out
		[ "$(wc -l <out)" = 1 ]
		grep -q '^missing.conf: ' out
	done
	configure <<<'service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" }'
	start_fails -x missing.conf
	[ "$status" = 78 ]
	[ "$(log_lines config_error)" = 1 ]
	wait_for_log 'config_error file=missing.conf'
}

@test "with -x alone the default configuration is not read, and with -c both are served" {
	xinetd_conf </dev/null
	entry hello 7001 'server = /bin/echo' 'server_args = hello'
	timeout 20 "$EVINETD" --dump -x xinetd.conf >alone
	[ "$(grep -c '^service ' alone)" = 1 ]
	CONF=$PWD/evinetd.conf
	configure <<<'service "own" { listen = "tcp:127.0.0.1:0" handler = "echo" }'
	start_evinetd -x xinetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	[ "$(ask "$(address_of own)" mine)" = mine ]
}

@test "xinetd(...) in a configuration is relative to it, takes patterns, and is under its defaults" {
	xinetd_conf </dev/null
	entry hello 7001 'server = /bin/sh' "server_args = $PWD/script" "log_type = FILE $PWD/xlog"
	entry other 7002 'server = /bin/sh' "server_args = $PWD/script" "log_type = FILE $PWD/xlog" 'nice = 5'
	echo nice >script
	mkdir etc
	cp xinetd.d/hello etc/one.x
	cp xinetd.d/other etc/two.x
	CONF=$PWD/etc/evinetd.conf
	configure <<'END'
xinetd("*.x")
defaults { nice = 3 }
END
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = 3 ]
	[ "$(ask "tcp:$HOST:7002" x)" = 5 ]
}

@test "a name that two files have is a problem that names both places" {
	xinetd_conf </dev/null
	entry twice 7001 'server = /bin/echo'
	CONF=$PWD/evinetd.conf
	configure <<'END'

service "twice" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	status=0
	timeout 20 "$EVINETD" --check -c "$CONF" -x xinetd.conf >out || status=$?
	[ "$status" = 78 ]
	cat out
	grep -E '^[^ ]+: service "twice": is already defined at [^ ]+:[0-9]+$' out >line
	grep -qF "$PWD/xinetd.d/twice:2" line
	grep -qF "$CONF:2" line
}

@test "defaults that cannot be read refuse the services of foreign files as well" {
	xinetd_conf </dev/null
	entry hello 7001 'server = /bin/echo'
	CONF=$PWD/evinetd.conf
	configure <<'END'
xinetd("xinetd.conf")
defaults { allow = "nowhere at all" instances = many }
END
	start_fails
	[ "$status" = 78 ]
	wait_for_log 'config_error service=hello'
}

@test "a call that names a file that is not there is a problem, and the others run" {
	configure <<'END'
service "own" { listen = "tcp:127.0.0.1:0" handler = "echo" }
xinetd("missing.conf")
inetd("missing.conf")
systemd("missing.socket")
END
	status=0
	timeout 20 "$EVINETD" --check -c "$CONF" >out || status=$?
	[ "$status" = 78 ]
	diff - out <<END
$CONF:2: xinetd: missing.conf does not exist
$CONF:3: inetd: missing.conf does not exist
$CONF:4: systemd: missing.socket does not exist
END
	start_evinetd
	[ "$(ask "$(address_of own)" mine)" = mine ]
}
