load helper

@test "a client gets what the program writes" {
	configure <<'END'
service "date" { listen = "tcp:127.0.0.1:0" exec = { "/bin/echo", "hello" } }
END
	start_evinetd
	connect 5 "$(port_of date)"
	[ "$(hear 5)" = hello ]
	disconnect 5
	wait_for_log 'end service=date'
	stop_evinetd
	[ "$status" = 0 ]
}
