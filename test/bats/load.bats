# Many clients: nothing is lost, nothing is left behind, and waiting costs nothing.

load helper

# A build that looks for memory errors is slower by far, and keeps freed memory for a while.
few() {
	if [ -n "$SANITIZED" ]; then echo $(($1 / 10)); else echo "$1"; fi
}

# What the daemon has open, by what it is: the numbers may change.
descriptors() {
	find "/proc/$DAEMON/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | sort | xargs
}

memory_kb() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$DAEMON/status"
}

# Hundredths of a second of processor time, without its children.
processor_time() {
	sed 's/.*) //' "/proc/$DAEMON/stat" | awk '{ print $12 + $13 }'
}

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

children() {
	ps -o pid=,stat=,args= --ppid "$DAEMON" || true
}

# The same descriptors as in $1 are open.
descriptors_are() {
	[ "$(descriptors)" = "$1" ] || {
		printf 'before: %s\nnow:    %s\n' "$1" "$(descriptors)" >&2
		return 1
	}
}

wait_for_no_children() {
	local deadline=$((SECONDS + PATIENCE))
	until [ -z "$(children)" ]; do
		[ "$SECONDS" -lt "$deadline" ] || {
			children >&2
			return 1
		}
		sleep 0.02
	done
}

# Every session of the log has one start and one end, and the end comes after the start.
sessions_are_whole() {
	awk -v want="$1" '
		match($0, / (start|end) service=[^ ]* session=[0-9]+/) {
			split(substr($0, RSTART + 1, RLENGTH - 1), word, " ")
			if (word[1] == "start" && started[word[3]]++) bad = bad " " word[3] "+"
			if (word[1] == "end" && (!started[word[3]] || ended[word[3]]++)) bad = bad " " word[3] "-"
			n[word[1]]++
		}
		END {
			if (bad || n["start"] != want || n["end"] != want) {
				print n["start"] " starts, " n["end"] " ends, " want " wanted;" bad > "/dev/stderr"
				exit 1
			}
		}' "$LOG"
}

# From the log: the most sessions that were under way at once.
most_at_once() {
	awk '/ start service=/ { if (++n > most) most = n } / end service=/ { n-- } END { print most + 0 }' "$LOG"
}

# The fewest milliseconds between a line of the log about holding or failing and the next.
closest_complaints_ms() {
	local stamp at before='' least=999999
	while read -r stamp _; do
		at=$(($(date -d "$stamp" +%s%N) / 1000000))
		if [ -n "$before" ] && [ $((at - before)) -lt "$least" ]; then
			least=$((at - before))
		fi
		before=$at
	done < <(grep -aE ' (hold|release|fail|repeated) ' "$LOG")
	echo "$least"
}

@test "10,000 connections in a row, then 200 at once where 50 are allowed: all served, everything given back" {
	local n before memory began
	n=$(few 10000)
	[ -z "$SANITIZED" ] || n=500
	configure <<-CONF
		service "answer" {
			listen    = "tcp:127.0.0.1:0"
			instances = 50
			exec      = { "$TOOL/answer", "an answer" }
		}
		service "slow" {
			listen    = "tcp:127.0.0.1:0"
			instances = 50
			exec      = { "$TOOL/answer", "-d", "$([ "$SANITIZED" ] && echo 2000 || echo 100)", "an answer" }
		}
	CONF
	start_evinetd
	# Warm: what is allocated for as many sessions as there can be is kept for the next ones.
	"$TOOL/client" -n "$(few 2000)" -c 100 -s 'question\n' -a 'an answer\n' "$(address_of answer)"
	"$TOOL/client" -n 100 -c 100 -s 'question\n' -a 'an answer\n' "$(address_of slow)"
	starts_equal_ends
	wait_for_no_children
	before=$(descriptors)
	memory=$(memory_kb)
	: >"$LOG"

	began=$(now_ms)
	run "$TOOL/client" -t 600 -n "$n" -c 1 -s 'question\n' -a 'an answer\n' "$(address_of answer)"
	echo "# in a row: $output in $(($(now_ms) - began)) ms" >&3
	[ "$output" = "ok=$n reset=0 short=0 error=0" ]
	wait_for_log ' end service=answer' "$n"
	sessions_are_whole "$n"
	: >"$LOG"

	began=$(now_ms)
	run "$TOOL/client" -n 200 -c 200 -s 'question\n' -a 'an answer\n' "$(address_of slow)"
	echo "# at once: $output in $(($(now_ms) - began)) ms, $(most_at_once) at most" >&3
	[ "$output" = "ok=200 reset=0 short=0 error=0" ]
	wait_for_log ' end service=slow' 200
	sessions_are_whole 200
	[ "$(most_at_once)" = 50 ]

	wait_for_no_children
	descriptors_are "$before"
	echo "# memory: $memory kB before, $(memory_kb) kB after" >&3
	if [ -z "$SANITIZED" ]; then
		[ "$(memory_kb)" -le $((memory + 128)) ]
	fi
}

@test "with 32 descriptors 200 clients are all served, quietly, and waiting costs next to nothing" {
	local began ms ticks percent before
	run_under sh -c 'ulimit -n 32 && exec "$@"' sh
	configure <<-CONF
		service "slow" {
			listen    = "tcp:127.0.0.1:0"
			queuesize = 200
			exec      = { "$TOOL/answer", "-d", "300", "an answer" }
		}
	CONF
	start_evinetd
	before=$(descriptors)
	ticks=$(processor_time)
	began=$(now_ms)
	run "$TOOL/client" -t 90 -n 200 -c 200 -s 'question\n' -a 'an answer\n' "$(address_of slow)"
	ms=$(($(now_ms) - began))
	ticks=$(($(processor_time) - ticks))
	percent=$((ticks * 10 * 100 / ms))
	echo "# $output in $ms ms, $(most_at_once) at once; processor: $((ticks * 10)) ms, $percent %" >&3
	[ "$output" = "ok=200 reset=0 short=0 error=0" ]
	wait_for_log ' end service=slow' 200
	sessions_are_whole 200
	wait_for_log 'hold service=slow why=nofile'
	[ -n "$SANITIZED" ] || [ "$percent" -lt 5 ]
	wait_for_log 'release service=slow why=nofile'
	echo "# lines about it: $(grep -acE ' (hold|release|fail|repeated) ' "$LOG"), closest: $(closest_complaints_ms) ms" >&3
	[ "$(closest_complaints_ms)" -ge 990 ]
	wait_for_no_children
	descriptors_are "$before"
}

# Each service accepts a client, and then all descriptors belong to clients whose programs need more.
@test "where three services share too few descriptors, their clients do not wait for each other for ever" {
	local service pids=() few=18
	# fork() needs a pipe more for each start.
	[ -z "$SANITIZED" ] || few=20
	run_under sh -c "ulimit -n $few"' && exec "$@"' sh
	for service in a b c; do
		cat <<-CONF
			service "$service" {
				listen = "tcp:127.0.0.1:0"
				exec   = { "$TOOL/answer", "-d", "100", "an answer" }
			}
		CONF
	done >"$CONF"
	start_evinetd
	for service in a b c; do
		"$TOOL/client" -t 60 -n 15 -c 15 -s 'question\n' -a 'an answer\n' "$(address_of "$service")" \
			>"result.$service" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(sort -u result.*)" = 'ok=15 reset=0 short=0 error=0' ]
	wait_for_log ' end service=' 45
	[ "$(log_lines ' start service=')" = 45 ]
	[ "$(log_lines ' refuse ')" = 0 ]
}

@test "with 32 descriptors in use for seconds, clients that wait cost no processor time and no lines" {
	local address ticks began ms percent
	# Here accept() and the pipe of fork() run out; with the log as standard error it is the log's pipe.
	export EVINET_SPAWN=fork
	run_under sh -c 'ulimit -n 32 && exec "$@"' sh
	configure <<-CONF
		service "cat" {
			listen    = "tcp:127.0.0.1:0"
			queuesize = 200
			stderr    = "null"
			exec      = { "/bin/cat" }
		}
	CONF
	start_evinetd
	address=$(address_of cat)
	"$TOOL/client" -t 60 -n 200 -c 200 -d 2000 -H -s 'hello\n' -a 'hello\n' "$address" >result 3>&- &
	wait_for_log 'hold service=cat why=nofile'
	# Two seconds in which nobody says a word and most are still in the queue.
	ticks=$(processor_time)
	began=$(now_ms)
	wait_for_log ' end service=cat'
	ms=$(($(now_ms) - began))
	ticks=$(($(processor_time) - ticks))
	percent=$((ticks * 10 * 100 / ms))
	echo "# waiting $ms ms: $((ticks * 10)) ms of processor time, $percent %" >&3
	wait $!
	[ "$(cat result)" = 'ok=200 reset=0 short=0 error=0' ]
	[ "$ms" -ge 1500 ]
	[ -n "$SANITIZED" ] || [ "$percent" -lt 5 ]
	wait_for_log ' end service=cat' 200
	sessions_are_whole 200
	wait_for_log 'release service=cat why=nofile'
	[ "$(closest_complaints_ms)" -ge 990 ]
}

@test "where the whole system is short of descriptors (ENFILE) accepting pauses and goes on as well" {
	run_traced -e trace=accept4,accept -e inject=accept4,accept:error=ENFILE:when=1..2
	configure <<-CONF
		service "answer" { listen = "tcp:127.0.0.1:0" exec = { "$TOOL/answer", "hi" } }
	CONF
	start_evinetd
	run "$TOOL/client" -n 3 -c 3 -a 'hi\n' "$(address_of answer)"
	[ "$output" = 'ok=3 reset=0 short=0 error=0' ]
	wait_for_log 'hold service=answer why=nofile'
	[ "$(grep -ac ' ENFILE ' "$TRACE")" = 2 ]
	[ "$(grep -acE ' (hold|fail|repeated) ' "$LOG")" -le 3 ]
}

@test "a hundred processes left behind by other sessions do not slow down the end of a session" {
	local before n ticks
	n=$(few 300)
	configure <<-CONF
		service "job" {
			listen = "tcp:127.0.0.1:0"
			shell  = "sleep 100 </dev/null >/dev/null 2>&1 & exit 0"
		}
		service "answer" { listen = "tcp:127.0.0.1:0" exec = { "$TOOL/answer", "an answer" } }
	CONF
	start_evinetd
	ticks=$(processor_time)
	run "$TOOL/client" -n "$n" -c 4 -s 'question\n' -a 'an answer\n' "$(address_of answer)"
	[ "$output" = "ok=$n reset=0 short=0 error=0" ]
	wait_for_log 'end service=answer' "$n"
	before=$(($(processor_time) - ticks))
	"$TOOL/client" -n 100 -c 4 -p "$(address_of job)"
	wait_for_log 'end service=job' 100
	ticks=$(processor_time)
	run "$TOOL/client" -n "$n" -c 4 -s 'question\n' -a 'an answer\n' "$(address_of answer)"
	[ "$output" = "ok=$n reset=0 short=0 error=0" ]
	wait_for_log 'end service=answer' $((n * 2))
	ticks=$(($(processor_time) - ticks))
	# shellcheck disable=SC2046
	kill $(pgrep -P "$DAEMON" -x sleep)
	echo "# $n sessions: $((before * 10)) ms of processor time, $((ticks * 10)) ms with 100 processes left behind" >&3
	[ "$ticks" -le $((before * 3 + 10)) ]
}

@test "clients that connect and go at once, by the hundred, leave no session, child or descriptor behind" {
	local before n
	n=$(few 1000)
	configure <<-CONF
		service "cat" { listen = "tcp:127.0.0.1:0" queuesize = 2000 instances = 20 exec = { "/bin/cat" } }
	CONF
	start_evinetd
	before=$(descriptors)
	cat >knock.py <<-'SCRIPT'
		import socket, struct, sys
		for i in range(int(sys.argv[2])):
		    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		    s.send(b"x" * 1000)
		    if i % 2:
		        # Ends with a reset.
		        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    s.close()
	SCRIPT
	python3 knock.py "$(port_of cat)" "$n"
	wait_for_log ' end service=cat' "$n"
	sessions_are_whole "$n"
	wait_for_no_children
	descriptors_are "$before"
	run "$TOOL/client" -H -s 'still here\n' -a 'still here\n' "$(address_of cat)"
	[ "$output" = 'ok=1 reset=0 short=0 error=0' ]
}
