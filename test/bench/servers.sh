# shellcheck shell=bash disable=SC2034,SC2154 # sourced by run.sh, and shares its variables
# The servers: how each is started, found and ended.
#
# A server is called PEER or PEER+VARIANT; the variant tells apart two that run at once. `serve NAME
# PROGRAM` starts any that runs programs, with the options that serve it best: no look-ups of names,
# no limits that a load would meet, no log lines that it can do without. port[NAME] and pids[NAME]
# say where it is. A server that cannot be had or does not serve goes into skipped[NAME].
#
#   ballast=MB      inflates the next server     services=N    gives the next one N idle services more
#   files=N         descriptors of the next one  probe=(...)   words of `load` that show that it serves

declare -A port pids skipped
me=$(id -un)
ballast=0
services=0
files=1024
# Idle services of peers that cannot choose a port: below the ports that clients get.
first_port=20000

# A server that has ended never will serve.
wait_until_served() {
	local name=$1 deadline=$((SECONDS + 15))
	while [ "$SECONDS" -lt "$deadline" ]; do
		if "$tools/load" "${probe[@]}" port="${port[$name]}" seconds=0 patience=3 2>/dev/null |
			grep -qE '^good=[1-9]|^(rate|mbytes)=.* wrong=0 lost=0'; then
			return 0
		fi
		kill -0 "${pids[$name]}" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# The words that run a peer's program.
peer() {
	local program=$peers/bin/$1
	command=("$program")
	if [ -e "$program.loader" ]; then
		command=("$(cat "$program.loader")" --library-path "$peers/lib" "$(realpath "$program")")
	fi
}

# Becomes the server. It is `env` that hands the ballast on, so that nothing else gets any.
become() {
	ulimit -Sn "$files" 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"
	[ "$ballast" = 0 ] || set -- env BENCH_BALLAST="$ballast" LD_PRELOAD="$tools/ballast.so" "$@"
	exec "$@" </dev/null 2>>"$work/$name.out"
}

# launch NAME COMMAND...
launch() {
	local name=$1
	shift
	become "$@" >>"$work/$name.out" &
	pids[$name]=$!
	ballast=0
	services=0
	if ! wait_until_served "$name"; then
		skipped[$name]="does not serve: $(tail -n 1 "$work/$name.out" | cut -c 1-120)"
		stop "$name"
	fi
}

# A server ends when asked, or else without being asked.
stop() {
	local name pid i
	for name in "$@"; do
		# shellcheck disable=SC2086 # one or several
		[ -z "${pids[$name]-}" ] || kill -TERM ${pids[$name]} 2>/dev/null
	done
	for name in "$@"; do
		for pid in ${pids[$name]-}; do
			for ((i = 0; i < 1200; i++)); do
				kill -0 "$pid" 2>/dev/null || break
				sleep 0.05
			done
			kill -KILL "$pid" 2>/dev/null
			wait "$pid" 2>/dev/null
		done
		unset "pids[$name]" "port[$name]"
	done
}

stop_all() {
	stop "${!pids[@]}"
}

# --- evinetd ---

# A configuration for evinetd, from standard input, with a service called bench.
run_evinetd() {
	local name=$1 i
	cat >"$work/$name.conf"
	for ((i = 0; i < services; i++)); do
		echo "service \"idle$i\" { listen = \"tcp:127.0.0.3:0\" exec = \"$tools/tiny\" }"
	done >>"$work/$name.conf"
	: >"$work/$name.ready"
	rm -f "$work/$name.addrs"
	become "$BUILD/evinetd" -c "$work/$name.conf" -l "file:$work/$name.log" --addr-file "$work/$name.addrs" \
		--ready-fd 9 9>"$work/$name.ready" >>"$work/$name.out" &
	pids[$name]=$!
	ballast=0
	services=0
	for ((i = 0; i < 400; i++)); do
		[ ! -s "$work/$name.ready" ] || break
		kill -0 "${pids[$name]}" 2>/dev/null || break
		sleep 0.05
	done
	port[$name]=$(awk -F : '/^bench\t/ { print $NF; exit }' "$work/$name.addrs" 2>/dev/null)
	if [ -z "${port[$name]}" ] || ! wait_until_served "$name"; then
		skipped[$name]="does not serve: $(cat "$work/$name.out" "$work/$name.log" 2>/dev/null | tail -n 1 | cut -c 1-120)"
		stop "$name"
	fi
}

# Whether this build takes a line in a service.
knows() {
	echo "service \"bench\" { listen = \"tcp:127.0.0.1:0\" $1 }" >"$work/knows.conf"
	"$BUILD/evinetd" --check -c "$work/knows.conf" >/dev/null 2>&1
}

serve_evinetd() {
	run_evinetd "$1" <<<"service \"bench\" { listen = \"tcp:127.0.0.1:0\" exec = \"$2\" ${evinetd_keys-} }"
}

# --- yardsticks: they print their port ---

run_yard() {
	local name=$1 i
	shift
	: >"$work/$name.port"
	become "$tools/yard" "$@" >"$work/$name.port" &
	pids[$name]=$!
	ballast=0
	for ((i = 0; i < 1200; i++)); do
		[ ! -s "$work/$name.port" ] || break
		sleep 0.02
	done
	port[$name]=$(cat "$work/$name.port")
	if ! wait_until_served "$name"; then
		skipped[$name]="does not serve: $(tail -n 1 "$work/$name.out")"
		stop "$name"
		return
	fi
	# Processes of the same kind beside it do the same work.
	[ "$1" != prefork ] || pids[$name]+=" $(pgrep -P "${pids[$name]}" | tr '\n' ' ')"
}

# --- peers ---

serve_tcpserver() {
	peer tcpserver
	launch "$1" "${command[@]}" -H -R -l localhost -b 1024 -c 100000 127.0.0.1 "${port[$1]}" "$2"
}

serve_tcpsvd() {
	peer tcpsvd
	launch "$1" "${command[@]}" -l localhost -E -b 1024 -c 10000 127.0.0.1 "${port[$1]}" "$2"
}

serve_busybox() {
	peer busybox
	launch "$1" "${command[@]}" tcpsvd -E -b 1024 -c 10000 127.0.0.1 "${port[$1]}" "$2"
}

serve_s6-tcpserver() {
	peer s6-tcpserver
	launch "$1" env PATH="$peers/s6-tcpserver/usr/bin:$PATH" "${command[@]}" -q -b 1024 -c 1000 -C 1000 127.0.0.1 \
		"${port[$1]}" "$2"
}

serve_socat() {
	peer socat
	launch "$1" "${command[@]}" "TCP-LISTEN:${port[$1]},bind=127.0.0.1,reuseaddr,backlog=1024,fork" "EXEC:$2,nofork"
}

serve_ncat() {
	peer ncat
	launch "$1" "${command[@]}" -l 127.0.0.1 "${port[$1]}" -k -m 1000 -e "$2"
}

serve_systemd() {
	peer systemd
	launch "$1" "${command[@]}" --accept --inetd -l "127.0.0.1:${port[$1]}" "$2"
}

# xinetd_service NAME ADDRESS PORT LINE...
# Its access files would make it look up the name of every client.
xinetd_service() {
	printf 'service %s\n{\n' "$1"
	printf '\t%s\n' "bind = $2" "port = $3" "${@:4}" 'flags = NOLIBWRAP' "user = $me"
	echo "}"
}

# Takes the service called bench from standard input.
run_xinetd() {
	local name=$1 i
	{
		printf 'defaults\n{\n'
		printf '\t%s\n' 'cps = 1000000 1' 'instances = UNLIMITED' 'per_source = UNLIMITED' \
			"log_type = FILE $work/$name.log" 'log_on_success =' 'log_on_failure ='
		echo "}"
		cat
		for ((i = 0; i < services; i++)); do
			xinetd_service "idle$i" 127.0.0.3 $((first_port + i)) 'type = UNLISTED' 'socket_type = stream' \
				'protocol = tcp' 'wait = no' "server = $tools/tiny"
		done
	} >"$work/$name.conf"
	peer xinetd
	launch "$name" "${command[@]}" -dontfork -filelog "$work/$name.out" -f "$work/$name.conf" -pidfile "$work/$name.pid"
}

serve_xinetd() {
	run_xinetd "$1" < <(xinetd_service bench 127.0.0.1 "${port[$1]}" 'type = UNLISTED' 'socket_type = stream' \
		'protocol = tcp' 'wait = no' "server = $2")
}

# What the inetds have in common; idle services have another port each.
inetd_conf() {
	local name=$1 program=$2 i
	echo "127.0.0.1:${port[$name]} stream tcp nowait $me $program ${program##*/}"
	for ((i = 0; i < services; i++)); do
		echo "127.0.0.3:$((first_port + 2000 + i)) stream tcp nowait $me $tools/tiny tiny"
	done
}

serve_openbsd-inetd() {
	inetd_conf "$@" >"$work/$1.conf"
	peer openbsd-inetd
	launch "$1" "${command[@]}" -i -R 10000000 "$work/$1.conf"
}

# It goes into the background whatever is asked of it, except for debugging.
serve_inetutils-inetd() {
	local name=$1 deadline=$((SECONDS + 15))
	inetd_conf "$@" >"$work/$name.conf"
	peer inetutils-inetd
	"${command[@]}" --pidfile="$work/$name.pid" -R 10000000 "$work/$name.conf" </dev/null >>"$work/$name.out" 2>&1
	while [ ! -s "$work/$name.pid" ] && [ "$SECONDS" -lt "$deadline" ]; do
		sleep 0.05
	done
	pids[$name]=$(cat "$work/$name.pid")
	if ! wait_until_served "$name"; then
		skipped[$name]="does not serve: $(tail -n 1 "$work/$name.out" | cut -c 1-120)"
		stop "$name"
	fi
}

serve_rlinetd() {
	cat >"$work/$1.conf" <<-END
		service "bench" {
			protocol tcp;
			port ${port[$1]};
			interface 127.0.0.1;
			exec "$2";
			user "$me";
			backlog 1024;
			instances 100000;
		}
	END
	peer rlinetd
	launch "$1" "${command[@]}" -d -f "$work/$1.conf" -p "$(find "$peers/rlinetd" -name libparse.so)"
}

# Starts NAME so that it runs PROGRAM for each connection.
serve() {
	local name=$1 program=$2 kind=${1%%+*}
	case $kind in
	fork | vfork | clone3 | async | prefork | warm) run_yard "$name" "$kind" "$program" ;;
	evinetd) serve_evinetd "$name" "$program" ;;
	*)
		if [ ! -e "$peers/bin/$kind" ]; then
			skipped[$name]=$(sed -n "s/^$kind\t//p" "$peers/skipped")
			: "${skipped[$name]:=not fetched}"
			return
		fi
		port[$name]=$("$tools/load" port)
		"serve_$kind" "$name" "$program"
		;;
	esac
}
