#!/usr/bin/env bash
# Measures evinetd beside bare yardsticks and other servers: bash test/bench/run.sh [OPTION...] [SECTION...]
#
#   spawn      a tiny program for each connection        echo       round trips with the built-in echo
#   inflated   the same in a daemon of 500 MB more       redirect   bytes through a relay, idle relays
#   crowded    with 1,000 services, 5,000 sessions       udp        datagrams, echo and daytime
#   programs   sh and python3                            memory     of an idle daemon
#   warm       python3 that is started already           start      time to get ready
#
#   --quick    only spawn, with fewer rounds and servers: under a minute
#   --pictures copies the pictures of the last run into test/bench/pictures and measures nothing
#
# The servers take turns in every round, and somebody else begins in each, so that whatever else the
# machine does meets all of them. Results go to BUILD/bench: results.json, results.md and pictures.
# BENCH_ROUNDS (7) and BENCH_SECONDS (0.6, for one measurement) may be set.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-$PWD/build}
out=$BUILD/bench
tools=$BUILD/bench
peers=$BUILD/bench/peers
quick=
sections=()
for word in "$@"; do
	case $word in
	--quick) quick=yes ;;
	--pictures)
		mkdir -p test/bench/pictures && cp "$out"/*.svg test/bench/pictures/
		exit
		;;
	spawn | inflated | crowded | programs | warm | echo | redirect | udp | memory | start) sections+=("$word") ;;
	*)
		echo "$word: no section is called so; see the head of $0" >&2
		exit 64
		;;
	esac
done
rounds=${BENCH_ROUNDS:-$([ "$quick" ] && echo 3 || echo 7)}
seconds=${BENCH_SECONDS:-$([ "$quick" ] && echo 0.5 || echo 0.6)}
[ "${#sections[@]}" -gt 0 ] || [ -z "$quick" ] || sections=(spawn)
[ "${#sections[@]}" -gt 0 ] || sections=(spawn inflated crowded programs warm echo redirect udp memory start)
if [ ! -x "$tools/load" ]; then
	echo "$tools/load: not there; make bench builds everything first" >&2
	exit 1
fi
work=$(mktemp -d)
raw=$work/raw.tsv
chmod 755 "$work"
: >"$raw"
began=$SECONDS
load_before=$(cut -d ' ' -f 1 /proc/loadavg)

# shellcheck source=test/bench/servers.sh
. test/bench/servers.sh

cleanup() {
	stop_all
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

program_servers=(busybox tcpserver tcpsvd s6-tcpserver rlinetd xinetd openbsd-inetd inetutils-inetd systemd socat ncat)
[ -z "$quick" ] || program_servers=(busybox tcpserver xinetd openbsd-inetd)
if [ "$quick" ]; then
	# busybox has to be compiled, so it is there only if a whole run has been made before.
	bash test/bench/peers.sh "$peers" tcpserver xinetd openbsd-inetd
else
	bash test/bench/peers.sh "$peers"
fi
# Root may raise it; a daemon with thousands of sessions needs it.
ulimit -Hn 200000 2>/dev/null || true
probe=(connections)

# --- measuring ---

# note SECTION SERVER CASE NAME=VALUE...: one line for each figure.
note() {
	local word
	for word in "${@:4}"; do
		printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${word%%=*}" "${word#*=}" >>"$raw"
	done
}

# Nanoseconds that the processes of a server have run, without what they started.
cpu_of() {
	local pid
	for pid in ${pids[$1]}; do
		cat "/proc/$pid"/task/*/schedstat 2>/dev/null
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# measure SECTION SERVER CASE LOAD...
measure() {
	local section=$1 server=$2 case=$3 before line words
	shift 3
	before=$(cpu_of "$server")
	if ! line=$("$tools/load" "$@" port="${port[$server]}" 2>&1); then
		note "$section" "$server" "$case" failed=1
		echo "$section: $server, $case: $line" >&2
		return
	fi
	read -ra words <<<"$line"
	note "$section" "$server" "$case" "${words[@]}" "cpu_ns=$(($(cpu_of "$server") - before))"
}

# The servers of a round: somebody else first in each, and the others in any order, so that nobody is
# always measured after the same one.
turn() {
	local round=$1 first
	shift
	first=${*:$((round % $# + 1)):1}
	mapfile -t order < <(echo "$first" && printf '%s\n' "$@" | grep -vxF -- "$first" | shuf)
}

# Those of the names that serve.
serving() {
	local name
	alive=()
	for name in "$@"; do
		[ -z "${port[$name]-}" ] || alive+=("$name")
	done
}

# Kilobytes of a server's own, shared pages counted by share.
pss_of() {
	local pid
	for pid in ${pids[$1]}; do
		cat "/proc/$pid/smaps_rollup" 2>/dev/null
	done | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
}

say() {
	printf '%4d s  %s\n' $((SECONDS - began)) "$*" >&2
}

# connections_in_turn SECTION CASES NAME...: every case is a number of clients.
connections_in_turn() {
	local section=$1 cases=$2 round clients name
	shift 2
	serving "$@"
	for ((round = 1; round <= rounds; round++)); do
		for clients in $cases; do
			turn "$round" "${alive[@]}"
			for name in "${order[@]}"; do
				measure "$section" "$name" "$clients clients" connections clients="$clients" seconds="$seconds" patience=2
			done
		done
	done
}

# --- the sections ---

section_spawn() {
	local names=(clone3 async vfork fork prefork evinetd "${program_servers[@]}") name
	[ -z "$quick" ] || names=(clone3 async evinetd "${program_servers[@]}")
	for name in "${names[@]}"; do serve "$name" "$tools/tiny"; done
	connections_in_turn spawn '32 1' "${names[@]}"
}

section_inflated() {
	local name names=()
	for name in evinetd busybox tcpserver xinetd fork; do
		serve "$name" "$tools/tiny"
		ballast=500
		serve "$name+500MB" "$tools/tiny"
		ballast=0
		names+=("$name" "$name+500MB")
	done
	connections_in_turn inflated 32 "${names[@]}"
}

# The idle sessions exist for everybody who is measured; only one daemon has them.
section_crowded() {
	local names=(evinetd evinetd+crowd xinetd xinetd+crowd openbsd-inetd openbsd-inetd+crowd) name holder idle
	for name in evinetd xinetd openbsd-inetd; do serve "$name" "$tools/tiny"; done
	files=65536 services=1000
	run_evinetd evinetd+crowd <<-END
		service "bench" { listen = "tcp:127.0.0.1:0" exec = "$tools/tiny" }
		service "held" { listen = "tcp:127.0.0.1:0" exec = "$tools/idle" }
	END
	for name in xinetd openbsd-inetd; do
		files=65536 services=1000
		serve "$name+crowd" "$tools/tiny"
	done
	services=0
	files=1024
	idle=$(awk -F : '/^held\t/ { print $NF; exit }' "$work/evinetd+crowd.addrs")
	mkfifo "$work/hold"
	"$tools/load" hold clients=5000 seconds=60 port="$idle" <"$work/hold" >"$work/held" 2>&1 &
	holder=$!
	exec 7>"$work/hold"
	while [ ! -s "$work/held" ]; do sleep 0.1; done
	grep -q '^held=5000' "$work/held" || skipped[evinetd+crowd]="without all idle sessions: $(cat "$work/held")"
	say "$(cat "$work/held")"
	connections_in_turn crowded 32 "${names[@]}"
	note crowded evinetd+crowd '' "$(grep '^held=' "$work/held")" "pss_kb=$(pss_of evinetd+crowd)"
	exec 7>&-
	wait "$holder"
}

python_of() {
	python3 -c 'import sys; print(sys.executable)'
}

section_programs() {
	local kind name names=(clone3 async evinetd "${program_servers[@]}") round
	printf '#!/bin/sh\necho ok\n' >"$work/sh"
	printf '#!%s\nprint("ok")\n' "$(python_of)" >"$work/python3"
	chmod 755 "$work/sh" "$work/python3"
	for kind in sh python3; do
		for name in "${names[@]}"; do serve "$name" "$work/$kind"; done
		serving "${names[@]}"
		for ((round = 1; round <= rounds; round++)); do
			turn "$round" "${alive[@]}"
			for name in "${order[@]}"; do
				measure programs "$name" "$kind" connections clients=8 seconds="$seconds"
			done
		done
		stop_all
	done
}

# The program answers a question, so that it cannot have answered before there was a client. The gap
# is long enough for the place of a used program to be filled.
section_warm() {
	local name round names=(warm clone3 evinetd evinetd+warm busybox tcpserver tcpsvd xinetd openbsd-inetd)
	printf '#!%s\nimport sys\nsys.stdin.readline()\nprint("ok")\n' "$(python_of)" >"$work/asked"
	chmod 755 "$work/asked"
	probe=(connections ask=hello)
	for name in "${names[@]}"; do
		if [ "$name" = evinetd+warm ]; then
			if ! knows "exec = \"$work/asked\" warm = 8"; then
				skipped[$name]='warm is not in this build'
				continue
			fi
			evinetd_keys='warm = 8'
		fi
		serve "$name" "$work/asked"
		evinetd_keys=
	done
	serving "${names[@]}"
	for ((round = 1; round <= rounds; round++)); do
		turn "$round" "${alive[@]}"
		for name in "${order[@]}"; do
			sleep 0.3
			measure warm "$name" 'python3' connections ask=hello gap=80 seconds=1
		done
	done
}

section_echo() {
	local name round
	# The name of 127.0.0.1 is in /etc/hosts: xinetd looks up the names of all clients of its echo.
	probe=(echo sources=1)
	files=65536
	run_yard echo echo
	run_evinetd evinetd <<<'service "bench" { listen = "tcp:127.0.0.1:0" handler = "echo" }'
	if [ -e "$peers/bin/xinetd" ]; then
		port[xinetd]=$("$tools/load" port)
		run_xinetd xinetd < <(xinetd_service echo 127.0.0.1 "${port[xinetd]}" 'type = INTERNAL UNLISTED' \
			'id = echo-stream' 'socket_type = stream' 'protocol = tcp' 'wait = no')
	fi
	serving echo evinetd xinetd
	for ((round = 1; round <= rounds; round++)); do
		turn "$round" "${alive[@]}"
		for name in "${order[@]}"; do
			measure echo "$name" '1000 connections' echo clients=1000 sources=1 seconds="$seconds"
		done
	done
}

section_redirect() {
	local name round streams sink
	sink=$("$tools/load" port)
	probe=(stream sink="$sink")
	files=65536
	run_yard splice splice "$sink"
	if knows "handler = \"redirect\" redirect = \"127.0.0.1:$sink\""; then
		run_evinetd evinetd <<<"service \"bench\" { listen = \"tcp:127.0.0.1:0\" handler = \"redirect\" redirect = \"127.0.0.1:$sink\" }"
	else
		skipped[evinetd]='redirect is not in this build'
	fi
	if [ -e "$peers/bin/socat" ]; then
		port[socat]=$("$tools/load" port)
		peer socat
		launch socat "${command[@]}" -b 65536 "TCP-LISTEN:${port[socat]},bind=127.0.0.1,reuseaddr,backlog=1024,fork" \
			"TCP:127.0.0.1:$sink"
	fi
	if [ -e "$peers/bin/xinetd" ]; then
		port[xinetd]=$("$tools/load" port)
		run_xinetd xinetd < <(xinetd_service bench 127.0.0.1 "${port[xinetd]}" 'type = UNLISTED' \
			'socket_type = stream' 'protocol = tcp' 'wait = no' "redirect = 127.0.0.1 $sink")
	fi
	serving splice evinetd socat xinetd
	for streams in 1 1000; do
		for ((round = 1; round <= rounds; round++)); do
			turn "$round" "${alive[@]}"
			for name in "${order[@]}"; do
				measure redirect "$name" "$streams streams" stream sink="$sink" clients="$streams" seconds="$seconds"
			done
		done
	done
	[ -z "${port[evinetd]-}" ] || idle_relays evinetd "$sink"
}

# What 10,000 idle relays take, or as many as may be: each needs two descriptors.
idle_relays() {
	local name=$1 before holder most=$((($(ulimit -Hn) - 200) / 2)) count=10000
	[ "$count" -le "$most" ] || count=$most
	before=$(pss_of "$name")
	rm -f "$work/hold"
	mkfifo "$work/hold"
	: >"$work/held"
	"$tools/load" hold clients="$count" seconds=60 sink="$2" port="${port[$name]}" <"$work/hold" >"$work/held" 2>&1 &
	holder=$!
	exec 7>"$work/hold"
	while [ ! -s "$work/held" ]; do sleep 0.1; done
	if grep -q "^held=$count" "$work/held"; then
		note idle "$name" 'redirects' "relays=$count" "pss_kb=$(pss_of "$name")" "before_kb=$before"
	else
		note idle "$name" 'redirects' failed=1
		echo "redirect: $name: $(cat "$work/held")" >&2
	fi
	exec 7>&-
	wait "$holder"
}

# First as fast as each can, then at a rate that the bare loop was seen to take.
section_udp() {
	local case name round answer names rate
	for case in echo daytime; do
		probe=(udp)
		answer=$([ "$case" = echo ] && echo same || echo any)
		names=("udp-$case" evinetd xinetd)
		run_yard "udp-$case" "udp-$case"
		run_evinetd evinetd <<<"service \"bench\" { listen = \"udp:127.0.0.1:0\" handler = \"$case\" }"
		if [ -e "$peers/bin/xinetd" ]; then
			port[xinetd]=$("$tools/load" port)
			run_xinetd xinetd < <(xinetd_service "$case" 127.0.0.1 "${port[xinetd]}" 'type = INTERNAL UNLISTED' \
				"id = $case-dgram" 'socket_type = dgram' 'protocol = udp' 'wait = yes')
		fi
		serving "${names[@]}"
		for ((round = 1; round <= rounds; round++)); do
			turn "$round" "${alive[@]}"
			for name in "${order[@]}"; do
				measure udp "$name" "$case" udp clients=32 answer="$answer" seconds="$seconds"
			done
		done
		rate=$(awk -F '\t' -v y="udp-$case" -v c="$case" \
			'$2 == y && $3 == c && $4 == "rate" { if (!least || $5 < least) least = $5 } END { printf "%.0f", 0.8 * least }' "$raw")
		for ((round = 1; round <= rounds; round++)); do
			turn "$round" "${alive[@]}"
			for name in "${order[@]}"; do
				measure udp "$name" "$case, at a rate" udp rate="$rate" answer="$answer" seconds="$seconds"
			done
		done
		stop_all
	done
}

section_memory() {
	local name count
	for count in 1 500; do
		for name in evinetd xinetd openbsd-inetd; do
			services=$((count - 1)) files=4096
			serve "$name" "$tools/tiny"
			[ -z "${port[$name]-}" ] || note memory "$name" "$count services" "pss_kb=$(pss_of "$name")"
		done
		stop_all
	done
}

section_start() {
	local count round i
	for count in 1 500; do
		for ((i = 0; i < count; i++)); do
			echo "service \"s$i\" { listen = \"tcp:127.0.0.1:0\" exec = \"$tools/tiny\" }"
		done >"$work/start.$count.conf"
	done
	for ((round = 1; round <= rounds; round++)); do
		for count in 1 500; do
			note start evinetd "$count services" "$("$tools/load" ready "$BUILD/evinetd" -c "$work/start.$count.conf" \
				-l "file:$work/start.log" --ready-fd 9)"
		done
	done
}

for section in "${sections[@]}"; do
	say "$section"
	probe=(connections)
	files=1024
	skipped=()
	"section_$section"
	for name in "${!skipped[@]}"; do
		note "$section" "$name" '' "skipped=${skipped[$name]}"
	done
	stop_all
	# Servers of one name share a log through all sections, and only ours is looked at in the end.
	rm -f "$work"/*.out "$work/hold" "$work/held"
done

# A server that loses sessions is no measure for any other.
starts=$(cat "$work"/evinetd*.log 2>/dev/null | grep -c ' start service=')
ends=$(cat "$work"/evinetd*.log 2>/dev/null | grep -c ' end service=')
note log evinetd '' "starts=$starts" "ends=$ends"
for log in "$work"/evinetd*.log; do
	a=$(grep -c ' start service=' "$log")
	b=$(grep -c ' end service=' "$log")
	[ "$a" = "$b" ] || say "$(basename "$log" .log): $a sessions started, $b ended: $(grep ' stop \| repeated ' "$log" | tail -n 5)"
done
say "done"

python3 test/bench/report.py "$raw" "$out" "rounds=$rounds" "seconds=$seconds" \
	"took=$((SECONDS - began))" "quick=$quick" "load_before=$load_before"
[ "$starts" = "$ends" ]
