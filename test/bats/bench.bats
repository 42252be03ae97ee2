#!/usr/bin/env bats
# What measures has to be right: the load generator counts right answers only, and the yardsticks do
# the work that they stand for.

load helper

LOAD=$BUILD/bench/load
YARD=$BUILD/bench/yard

# The number that the load generator printed for NAME.
figure() {
	local word
	for word in $output; do
		[ "${word%%=*}" != "$1" ] || echo "${word#*=}"
	done
}

# A yardstick that runs until the test ends: $PORT.
yard() {
	rm -f port
	background "$YARD" "$@" >port
	wait_for_file port
	PORT=$(cat port)
}

# A server of evinetd's that runs a line of shell: $PORT.
shell_server() {
	configure <<-END
		service "bench" { listen = "tcp:127.0.0.1:0" close = "leave" shell = "$1" }
	END
	start_evinetd
	PORT=$(port_of bench)
}

@test "every yardstick that starts programs serves all of its clients" {
	local kind
	for kind in fork vfork clone3 async prefork; do
		yard "$kind" "$BUILD/bench/tiny"
		run "$LOAD" connections port="$PORT" clients=8 seconds=0.1
		echo "$kind: $output"
		[ "$(figure good)" -ge 8 ]
		[ "$(figure wrong) $(figure reset) $(figure lost)" = '0 0 0' ]
	done
}

@test "the warm yardstick relays a question and its answer" {
	printf '#!/bin/sh\nread -r line\necho "$line to you"\n' >answer
	chmod +x answer
	yard warm "$PWD/answer"
	run "$LOAD" connections port="$PORT" ask=hello answer='hello to you' seconds=0.1
	[ "$(figure good)" -ge 1 ]
	[ "$(figure wrong) $(figure reset) $(figure lost)" = '0 0 0' ]
}

@test "echo, relay and datagram yardsticks give back every byte" {
	local sink
	yard echo
	run "$LOAD" echo port="$PORT" clients=20 seconds=0.1
	[[ $output == rate=[1-9]*' wrong=0 lost=0' ]]
	sink=$("$LOAD" port)
	yard splice "$sink"
	run "$LOAD" stream port="$PORT" sink="$sink" clients=5 seconds=0.1
	echo "$output"
	[[ $output == mbytes=[1-9]*' wrong=0 lost=0' ]]
	yard udp-echo
	run "$LOAD" udp port="$PORT" clients=4 answer=same seconds=0.1
	[[ $output == rate=[1-9]*' wrong=0 lost=0' ]]
	yard udp-daytime
	run "$LOAD" udp port="$PORT" clients=4 answer=any seconds=0.1
	[[ $output == rate=[1-9]*' wrong=0 lost=0' ]]
}

@test "a wrong, a short and a long answer are counted as wrong" {
	shell_server 'echo no'
	run "$LOAD" connections port="$PORT" seconds=0
	[ "$(figure good) $(figure wrong)" = '0 1' ]
	run "$LOAD" connections port="$PORT" seconds=0 answer='no and more'
	[ "$(figure good) $(figure wrong)" = '0 1' ]
	run "$LOAD" connections port="$PORT" seconds=0 answer=n
	[ "$(figure good) $(figure wrong)" = '0 1' ]
	run "$LOAD" connections port="$PORT" seconds=0 answer=no
	[ "$(figure good) $(figure wrong)" = '1 0' ]
}

@test "a connection that is reset after its answer is counted as reset" {
	# The question is not read, so that the kernel resets the connection when the program ends.
	shell_server 'sleep 0.1; echo ok'
	run "$LOAD" connections port="$PORT" ask=hello seconds=0
	echo "$output"
	[ "$(figure good) $(figure reset)" = '0 1' ]
}

@test "a port that nobody listens on brings resets and nothing good" {
	run "$LOAD" connections port="$("$LOAD" port)" seconds=0 clients=3
	[ "$(figure good) $(figure reset)" = '0 3' ]
}

@test "a client that hears nothing is counted as lost" {
	shell_server 'sleep 60'
	run "$LOAD" connections port="$PORT" clients=2 seconds=0 patience=1
	[ "$(figure good) $(figure lost)" = '0 2' ]
}

@test "an echo of other bytes is counted as wrong, and no answer to a datagram as lost" {
	configure <<-'END'
		service "chargen" { listen = "tcp:127.0.0.1:0" handler = "chargen" }
		service "discard" { listen = "udp:127.0.0.1:0" handler = "discard" }
		service "daytime" { listen = "udp:127.0.0.1:0" handler = "daytime" }
	END
	start_evinetd
	run "$LOAD" echo port="$(port_of chargen)" seconds=0.1
	[ "$status" = 1 ]
	run "$LOAD" udp port="$(port_of discard)" clients=3 seconds=0
	[ "$(figure sent) $(figure lost)" = '3 3' ]
	run "$LOAD" udp port="$(port_of daytime)" clients=3 answer=same seconds=0
	[ "$(figure wrong)" = 3 ]
}

@test "idle connections are held until the generator's input ends" {
	configure <<-END
		service "held" { listen = "tcp:127.0.0.1:0" exec = "$BUILD/bench/idle" }
	END
	start_evinetd
	mkfifo hold
	background bash -c "exec '$LOAD' hold port=$(port_of held) clients=30 seconds=20 <hold >held"
	exec 7>hold
	wait_for_file held
	[ "$(cat held)" = held=30 ]
	[ "$(log_lines ' start service=held')" = 30 ]
	[ "$(log_lines ' end service=held')" = 0 ]
	exec 7>&-
	wait_for_log ' end service=held' 30
}
