# What the inetds of several systems understand, and systemd's units, as a program and its clients see it.

load helper

HOST=127.83.4.$((BATS_TEST_NUMBER + 1))
ME=$(id -un)

# Serves an inetd.conf from standard input.
serve_inetd() {
	CONF=
	cat >inetd.conf
	start_evinetd -i inetd.conf "$@"
}

# Serves the units t.socket ($1, with Accept=yes unless it says otherwise) and its service ($2).
serve_units() {
	local accept=yes
	[[ $1 != *Accept=no* ]] || accept=no
	printf '[Socket]\nAccept=%s\n%s\n' "$accept" "$1" >t.socket
	printf '[Service]\n%s\n' "$2" >"$([ "$accept" = yes ] && echo t@.service || echo t.service)"
	configure <<<'systemd("t.socket")'
	start_evinetd
}

@test "a program of an inetd.conf finds its argv[0], the root folder, a session of its own and its client at all three streams" {
	serve_inetd <<-END
		$HOST:7001 stream tcp nowait $ME $TOOL/fdreport another-name x
	END
	ask "tcp:$HOST:7001" >report
	grep -qx 'argv=another-name' report
	grep -qx 'argv=x' report
	grep -qx 'cwd=/' report
	grep -qx 'fd=2 stream-socket blocking' report
	[ "$(sed -n 's/^pid=//p' report)" = "$(sed -n 's/^sid=//p' report)" ]
}

@test "words in quotes stay together, and a line goes on behind a backslash or a blank" {
	serve_inetd <<-END
		$HOST:7001 stream tcp nowait $ME /bin/sh sh -c "echo one; echo two >&2"
		$HOST:7002 stream tcp nowait $ME /bin/echo echo a \\
			b
		$HOST:7003 stream tcp nowait $ME /bin/echo echo c
		  d
	END
	[ "$(ask "tcp:$HOST:7001")" = $'one\ntwo' ]
	[ "$(ask "tcp:$HOST:7002")" = 'a b' ]
	[ "$(ask "tcp:$HOST:7003")" = 'c d' ]
}

@test "a datagram service with wait has the socket itself" {
	serve_inetd <<-END
		$HOST:7001 dgram udp wait $ME $TOOL/fdreport fdreport -a
	END
	exec 4<>"/dev/udp/$HOST/7001"
	printf x >&4
	timeout "$PATIENCE" dd bs=65536 count=1 <&4 >report 2>/dev/null
	exec 4>&-
	grep -qx 'fd=0 dgram-socket blocking' report
}

@test "keys and values stand beside positional lines, and a host alone is for the lines below it" {
	serve_inetd <<-END
		$HOST:
		7001 on protocol = tcp, wait = no, # a comment
			user = $ME, exec = /bin/echo,
			args = echo 'from  keys' "\\x41";
		7002 stream tcp nowait $ME /bin/echo echo positional
		7003 off protocol = tcp, wait = no, user = $ME, exec = /bin/echo;
	END
	[ "$(ask "tcp:$HOST:7001")" = 'from  keys A' ]
	[ "$(ask "tcp:$HOST:7002")" = positional ]
	nobody_listens "tcp:$HOST:7003"
}

@test "tcp is both families, and IPv4 alone where another line has tcp6" {
	need_namespace n
	CONF=
	cat >inetd.conf <<-END
		7001 stream tcp nowait $ME /bin/echo echo both
		7002 stream tcp nowait $ME /bin/echo echo four
		7002 stream tcp6 nowait $ME /bin/echo echo six
	END
	run_under "${NAMESPACE[@]}"
	start_evinetd -i inetd.conf
	[ "$(grep -c '^7001	tcp:' "$ADDRS")" = 2 ]
	grep -qxF '7002	tcp:0.0.0.0:7002' "$ADDRS"
	grep -qxF '7002-6	tcp:[::]:7002' "$ADDRS"
}

@test "of two lines for the same service the last one counts, and the first is warned about" {
	serve_inetd <<-END
		$HOST:7001 stream tcp nowait $ME /bin/echo echo first
		$HOST:7001 stream tcp nowait $ME /bin/echo echo last
	END
	[ "$(ask "tcp:$HOST:7001")" = last ]
	grep -a 'inetd.conf' "$LOG" | grep -qa 'line=1 .*the last counts'
}

@test "a forgotten argv[0] is warned about by its line" {
	cat >inetd.conf <<-END
		$HOST:7001 stream tcp nowait $ME /bin/cat -n /etc/passwd
		$HOST:7002 stream tcp nowait $ME /bin/cat
		$HOST:7003 stream tcp nowait $ME /bin/cat cat
	END
	timeout 20 "$EVINETD" --check -i inetd.conf >out 2>&1
	grep -q '^inetd.conf:1: .*argv\[0\] looks forgotten' out
	grep -q '^inetd.conf:2: .*argv\[0\] is missing' out
	[ "$(grep -c '^inetd.conf:3: ' out)" = 0 ]
}

@test "a limit of FreeBSD's is for how many run at once" {
	serve_inetd <<-END
		$HOST:7001 stream tcp nowait/1 $ME /bin/cat cat
	END
	connect 4 7001 "$HOST"
	say 4 first
	[ "$(hear 4)" = first ]
	connect 5 7001 "$HOST"
	wait_for_log 'hold service=7001 why=full'
	disconnect 4
	say 5 second
	[ "$(hear 5)" = second ]
	disconnect 5
}

@test "all files of a folder are one inetd.conf" {
	mkdir inetd.d
	echo "$HOST:7001 stream tcp nowait $ME /bin/echo echo one" >inetd.d/one
	echo "$HOST:7002 stream tcp nowait $ME /bin/echo echo two" >inetd.d/two
	echo "$HOST:7003 stream tcp nowait $ME /bin/echo echo three" >inetd.d/three~
	CONF=
	start_evinetd -i inetd.d
	[ "$(ask "tcp:$HOST:7001")" = one ]
	[ "$(ask "tcp:$HOST:7002")" = two ]
	nobody_listens "tcp:$HOST:7003"
}

@test "a unit without StandardInput=socket has its connection as descriptor 3, as LISTEN_FDS says" {
	# shellcheck disable=SC2016 # the service expands it
	echo 'test "$LISTEN_PID" = $$ && echo "$LISTEN_FDS $LISTEN_FDNAMES" >&3; echo to the log' >script
	serve_units "ListenStream=$HOST:7001" "ExecStart=/bin/sh $PWD/script"
	[ "$(ask "tcp:$HOST:7001")" = '1 connection' ]
	wait_for_log 'to the log'
}

@test "a unit with Accept=no has the listening socket" {
	serve_units "Accept=no
		ListenStream=$HOST:7001" "ExecStart=$TOOL/fdreport -a"
	ask "tcp:$HOST:7001" >report
	grep -qx 'fd=3 listening-socket blocking' report
	grep -qx 'env=LISTEN_FDS=1' report
}

@test "variables of a unit reach its command line and its program" {
	echo 'OPTIONS="-s x  y"' >options
	serve_units "ListenStream=$HOST:7001" "Environment=\"GREETING=good  day\"
		EnvironmentFile=$PWD/options
		EnvironmentFile=-$PWD/absent
		StandardInput=socket
		ExecStart=/usr/bin/printf '%%s|' \$OPTIONS \${GREETING} %p"
	[ "$(ask "tcp:$HOST:7001")" = '-s|x|y|good  day|t|' ]
}

@test "a unit lets in only whom IPAddressAllow names" {
	serve_units "ListenStream=$HOST:7001
		IPAddressDeny=any
		IPAddressAllow=10.0.0.0/8" $'ExecStart=/bin/echo in\nStandardInput=socket'
	[ -z "$(ask "tcp:$HOST:7001")" ]
	wait_for_log 'refuse service=t'
	grep -qa 'reason=deny' "$LOG"
}

@test "drop-ins change a unit" {
	mkdir t@.service.d
	printf '[Service]\nExecStart=\nExecStart=/bin/echo from a drop-in\n' >t@.service.d/10.conf
	serve_units "ListenStream=$HOST:7001" $'ExecStart=/bin/echo from the unit\nStandardInput=socket'
	[ "$(ask "tcp:$HOST:7001")" = 'from a drop-in' ]
}
