# evinet convert prints what -x and -i serve.

load helper

HOST=127.83.4.$((BATS_TEST_NUMBER + 1))

# What a file means by itself and what it means once converted is the same, and convert ends with this status.
same_either_way() {
	local wanted=$1 kind=$2 file=$3
	status=0
	timeout 20 "$EVINET" convert "$kind" "$file" >converted.conf 2>converted.err || status=$?
	cat converted.conf
	[ "$status" = "$wanted" ]
	echo "$kind(\"$PWD/$file\")" >call.conf
	timeout 20 "$EVINETD" --dump -c call.conf >direct 2>/dev/null || true
	timeout 20 "$EVINETD" --dump -c converted.conf >again 2>/dev/null || true
	diff direct again
	# Comments and empty lines apart, that is also what was printed.
	grep -v -e '^#' -e '^$' converted.conf | diff - <(grep -v '^$' direct)
}

xinetd_conf() {
	cat >xinetd.conf <<-END
		defaults
		{
			instances = 60
			log_type = FILE $PWD/xlog
			log_on_success = HOST PID
			cps = 25 30
			only_from = 127.0.0.0/8
		}
		service hello
		{
			type = UNLISTED
			port = 7001
			bind = $HOST
			socket_type = stream
			protocol = tcp
			wait = no
			user = $(id -un)
			server = /bin/echo
			server_args = hello there \\n
			env = A=1 B=2
			nice = 5
			umask = 022
			rlimit_cpu = 10
			flags = REUSE NODELAY
		}
		service away
		{
			disable = yes
			type = UNLISTED
			port = 7002
			socket_type = stream
			wait = no
			user = $(id -un)
			server = /bin/echo
		}
	END
}

@test "an xinetd.conf and what it is converted to are the same services, with the same answers" {
	xinetd_conf
	same_either_way 0 xinetd xinetd.conf
	[ ! -s converted.err ]
	CONF=$PWD/converted.conf
	timeout 20 "$EVINETD" --check -c "$CONF"
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = 'hello there \n' ]
}

@test "an inetd.conf and what it is converted to are the same services, with the same answers" {
	cat >inetd.conf <<-END
		$HOST:7001 stream tcp nowait.30 $(id -un) /bin/echo echo hello # there
		$HOST:echo dgram udp wait root internal
		$HOST:7003 dgram udp wait $(id -un) /bin/cat cat
	END
	same_either_way 0 inetd inetd.conf
	CONF=$PWD/converted.conf
	start_evinetd
	ask "tcp:$HOST:7001" x | grep '^hello'
}

@test "socket units and what they are converted to are the same services, with the same answers" {
	printf '[Socket]\nListenStream=%s:7001\nAccept=yes\nMaxConnections=7\n' "$HOST" >hello.socket
	printf '[Service]\nExecStart=/bin/echo hello "two words"\nStandardInput=socket\nUser=%s\n' "$(id -un)" >hello@.service
	same_either_way 0 systemd hello.socket
	CONF=$PWD/converted.conf
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = 'hello two words' ]
}

@test "only what differs from the defaults is printed" {
	xinetd_conf
	timeout 20 "$EVINET" convert xinetd xinetd.conf >out
	cat out
	[ "$(grep -cE '^	(bind|queuesize|retry_interval|handler|close|drain_timeout|wait|kill_after) = ' out)" = 0 ]
	grep -q '^	instances = 60$' out
	grep -q '^	nice = 5$' out
}

@test "what is wrong stands in front of the service as a comment with its place, on standard error too, and the status is 78" {
	xinetd_conf
	sed -i 's/nice = 5/nice = very/' xinetd.conf
	local line
	line=$(grep -n 'nice = very' xinetd.conf | cut -d : -f 1)
	cat >>xinetd.conf <<-END
		service other
		{
			type = UNLISTED
			port = 7003
			socket_type = stream
			wait = no
			user = $(id -un)
			server = /bin/echo
		}
	END
	same_either_way 78 xinetd xinetd.conf
	grep -q "^# xinetd.conf:$line: service \"hello\": " converted.conf
	grep -q "^xinetd.conf:$line: service \"hello\": " converted.err
	grep -q '^# This service is refused: nothing of it is here.$' converted.conf
	[ "$(grep '^service ' converted.conf)" = 'service "other" {' ]
	# The remark about the first is not behind the second.
	[ "$(grep -n "^# xinetd.conf:$line:" converted.conf | cut -d : -f 1)" -lt "$(grep -n '^service "other"' converted.conf | cut -d : -f 1)" ]
}

@test "a warning is a comment of its service, and the status is 0" {
	xinetd_conf
	sed -i 's/nice = 5/nice = 5\n\tinvented = yes/' xinetd.conf
	local line
	line=$(grep -n 'invented' xinetd.conf | cut -d : -f 1)
	same_either_way 0 xinetd xinetd.conf
	awk -v remark="# xinetd.conf:$line: warning: " '
		index($0, remark) == 1 { seen = 1 }
		/^service "hello"/ { exit !seen }' converted.conf
}

@test "several files become one configuration" {
	echo "$HOST:7001 stream tcp nowait $(id -un) /bin/echo echo one" >one
	echo "$HOST:7002 stream tcp nowait $(id -un) /bin/echo echo two" >two
	timeout 20 "$EVINET" convert inetd one two >out
	[ "$(grep -c '^service ' out)" = 2 ]
	timeout 20 "$EVINETD" --dump -i one -i two | grep -v '^$' | diff - <(grep -v -e '^#' -e '^$' out)
}

@test "a file that cannot be read is one line on standard error, nothing on standard output, and status 78" {
	local kind file
	for kind in xinetd inetd systemd; do
		file=missing.$([ "$kind" = systemd ] && echo socket || echo conf)
		status=0
		timeout 20 "$EVINET" convert "$kind" "$file" >out 2>err || status=$?
		[ "$status" = 78 ]
		[ ! -s out ]
		cat err
		[ "$(wc -l <err)" = 1 ]
		grep -q "^$file: " err
	done
}

@test "a kind that is unknown is told with the nearest, and the status is 64" {
	status=0
	timeout 20 "$EVINET" convert xinet one >out 2>err || status=$?
	[ "$status" = 64 ]
	grep -q '"xinet" is unknown; did you mean xinetd?' err
	status=0
	timeout 20 "$EVINET" convert xinetd >out 2>err || status=$?
	[ "$status" = 64 ]
	grep -q '^usage: ' err
}
