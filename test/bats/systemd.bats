# Socket units of systemd with their services are served as they stand.

load helper

HOST=127.83.3.$((BATS_TEST_NUMBER + 1))

@test "a .socket with Accept=yes and its template serve each connection" {
	cat >hello.socket <<-END
		[Unit]
		Description=Greets
		[Socket]
		ListenStream=$HOST:7001
		Accept=yes
		[Install]
		WantedBy=sockets.target
	END
	cat >hello@.service <<-END
		[Service]
		ExecStart=/bin/echo hello from a unit
		StandardInput=socket
	END
	configure <<<'systemd("hello.socket")'
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = 'hello from a unit' ]
}

@test "a .socket without its service is a problem, and the others of the pattern are served" {
	cat >good.socket <<-END
		[Socket]
		ListenStream=$HOST:7001
		Accept=yes
	END
	printf '[Service]\nExecStart=/bin/echo good\nStandardInput=socket\n' >good@.service
	cat >lonely-evinetd-test.socket <<-END
		[Socket]
		ListenStream=$HOST:7002
		Accept=yes
	END
	configure <<<'systemd("*.socket")'
	start_evinetd
	[ "$(ask "tcp:$HOST:7001" x)" = good ]
	nobody_listens "tcp:$HOST:7002"
	grep -aq "config_error.*$PWD/lonely-evinetd-test.socket" "$LOG"
}
