# What people have for inetd is served as it stands.

load helper

HOST=127.83.2.$((BATS_TEST_NUMBER + 1))

@test "an inetd.conf runs unchanged: programs with their arguments, internals, a unix socket, comments" {
	CONF=
	cat >inetd.conf <<-END
		# a comment
		#<off># $HOST:7009 stream tcp nowait $(id -un) /bin/echo echo off
		$HOST:7001	stream	tcp	nowait	$(id -un)	/bin/echo	echo hello from inetd
		$HOST:7002	stream	tcp	nowait.10	$(id -un)	/bin/sh	-a-shell $PWD/script
		$HOST:echo	stream	tcp	nowait	root	internal
		$PWD/sock	stream	unix	nowait	$(id -un)	/bin/echo	echo from a path
	END
	# shellcheck disable=SC2016 # the service expands it
	echo 'xargs -0 echo </proc/$$/cmdline' >script
	start_evinetd -i inetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = 'hello from inetd' ]
	[ "$(ask "tcp:$HOST:7002" x)" = "-a-shell $PWD/script" ]
	[ "$(ask "unix:$PWD/sock" x)" = 'from a path' ]
	[ "$(ask "tcp:$HOST:7" 'an echo')" = 'an echo' ]
	nobody_listens "tcp:$HOST:7009"
}

@test "a line that is wrong is refused alone, with its number" {
	CONF=
	cat >inetd.conf <<-END
		$HOST:7001 stream tcp nowait $(id -un) /bin/echo echo good

		$HOST:7002 stream tcp perhaps $(id -un) /bin/echo echo bad
		short line
	END
	status=0
	timeout 20 "$EVINETD" --check -i inetd.conf >out || status=$?
	cat out
	[ "$status" = 78 ]
	grep -q '^inetd.conf:3: ' out
	grep -q '^inetd.conf:4: ' out
	start_evinetd -i inetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = good ]
	nobody_listens "tcp:$HOST:7002"
}

@test "several files of both kinds are served together" {
	CONF=
	echo "$HOST:7001 stream tcp nowait $(id -un) /bin/echo echo one" >one
	echo "$HOST:7002 stream tcp nowait $(id -un) /bin/echo echo two" >two
	cat >three <<-END
		service three
		{
			type = UNLISTED
			port = 7003
			bind = $HOST
			socket_type = stream
			wait = no
			user = $(id -un)
			server = /bin/echo
			server_args = three
			log_type = FILE $PWD/xlog
		}
	END
	start_evinetd -i one -x three -i two
	[ "$(ask "tcp:$HOST:7001" x)" = one ]
	[ "$(ask "tcp:$HOST:7002" x)" = two ]
	[ "$(ask "tcp:$HOST:7003" x)" = three ]
}

@test "inetd(...) in a configuration reads the file beside it" {
	mkdir etc
	CONF=$PWD/etc/evinetd.conf
	echo "$HOST:7001 stream tcp nowait $(id -un) /bin/echo echo beside" >etc/inetd.conf
	configure <<<'inetd("inetd.conf")'
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = beside ]
}
