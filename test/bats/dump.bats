# shellcheck disable=SC2030,SC2031 # each test is a shell of its own, and that is meant
load helper

# The lines about a service.
about() {
	awk -v name="$1" '/^Service = / { on = $3 == name } /^END OF DUMP/ { on = 0 } on' dump
}

# Has it written anew, and waits for that.
dump() {
	local before
	before=$(log_lines ' dump file=')
	kill -USR1 "$DAEMON"
	wait_for_log ' dump file=' $((before + 1))
}

@test "USR1 has the state of services and sessions written to a file" {
	occupy
	configure <<END
service "cat" { listen = { "tcp:127.0.0.1:0", "unix:$PWD/unix" } exec = { "/bin/cat" } instances = 1 }
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" timeout = 1h }
service "taken" { listen = "tcp:127.0.0.1:$PORT" handler = "echo" }
END
	start_evinetd --dump-file "$PWD/dump"
	connect 4 "$(port_of cat)"
	say 4 one
	[ "$(hear 4)" = one ]
	local source
	source=$(events_of_session)
	dump
	head -n 1 dump | grep -q '^INTERNAL STATE DUMP: evinetd '
	tail -n 1 dump | grep -qx 'END OF DUMP'
	grep -qx "Process = $DAEMON" dump
	grep -qx 'Sessions = 1' dump
	about cat | grep -qx $'\tState = Suspended'
	about cat | grep -qx $'\tHolds = full'
	about cat | grep -qxF $'\tAddress = '"$(address_of cat)"
	about cat | grep -qxF $'\tAddress = '"unix:$PWD/unix"
	about cat | grep -qx $'\tSessions = 1'
	about cat | grep -qx $'\t\tinstances = 1'
	about cat | grep -qE "^	Session = 1 $source local=127.0.0.1:$(port_of cat) since=[-0-9T:]+Z seconds=[0-9]+ state=running\$"
	about echo | grep -qx $'\tState = Active'
	about echo | grep -qx $'\t\ttimeout = 1h'
	about echo | grep -qx $'\tSessions = 0'
	about taken | grep -qx $'\tState = Not started'
	about taken | grep -qx $'\tNo address = '"tcp:127.0.0.1:$PORT"
	# It goes on, and the next one is of the state then.
	say 4 two
	[ "$(hear 4)" = two ]
	disconnect 4
	wait_for_log ' end service=cat '
	dump
	about cat | grep -qx $'\tState = Active'
	about cat | grep -qx $'\tSessions = 0'
	[ "$(grep -c '^END OF DUMP' dump)" = 1 ]
}

# "pid=… peer=…" of the first session, as the log has it.
events_of_session() {
	grep -a ' start service=cat ' "$LOG" | grep -oE 'pid=[0-9]+ peer=[0-9.:]+'
}

@test "a dump is for its owner only and has no values of variables (B27)" {
	configure <<'END'
service "cat" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } env = { "PASSWORD=hunter2", "MODE=x" } }
END
	umask 000
	start_evinetd --dump-file "$PWD/dump"
	dump
	[ "$(stat -c %a dump)" = 600 ]
	[ "$(grep -c hunter2 dump)" = 0 ]
	about cat | grep -q 'PASSWORD MODE$'
}

@test "a link in the place of the dump is replaced, and what it leads to stays as it is" {
	configure <<'END'
service "cat" { listen = "tcp:127.0.0.1:0" exec = { "/bin/cat" } }
END
	echo precious >victim
	ln -s victim dump
	start_evinetd --dump-file "$PWD/dump"
	dump
	[ "$(cat victim)" = precious ]
	[ ! -L dump ]
	grep -qx 'END OF DUMP' dump
	[ "$(find . -name 'dump*' | wc -l)" = 1 ]
}

@test "a dump that cannot be written is said, and everything goes on" {
	configure <<'END'
service "date" { listen = "tcp:127.0.0.1:0" shell = "echo hello" }
END
	start_evinetd --dump-file "$PWD/no/such/folder/dump"
	kill -USR1 "$DAEMON"
	wait_for_log ' error dump error='
	[ "$(ask "$(address_of date)")" = hello ]
}
