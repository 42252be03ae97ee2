#!/usr/bin/env bash
# How many connections a second: evinetd, with a log file and its defaults, against two bare loops
# (accept, fork or vfork, exec) and against such servers as happen to be installed. Each starts the
# same tiny program for each connection. The servers take turns in every round, so that
# whatever else the machine does meets all of them.
#
# BENCH_ROUNDS (5, at least) and BENCH_BUDGET (90 s of load in all) may be set. Arguments: only these
# servers.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-$PWD/build}
rounds=${BENCH_ROUNDS:-5}
budget=${BENCH_BUDGET:-90}
work=$(mktemp -d)
tools=$BUILD/bench
tiny=$work/tiny
pids=()
declare -A port skipped

cleanup() {
	[ "${#pids[@]}" = 0 ] || kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

compile() {
	"${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra "$@" || exit 1
}

mkdir -p "$tools"
compile -o "$tools/load" test/bench/load.c
compile -o "$tools/yard" test/bench/yard.c
kind='a bare static program'
if ! "${CC:-cc}" -O2 -DBARE -static -nostdlib -ffreestanding -fno-stack-protector -o "$tiny" test/bench/tiny.c 2>/dev/null; then
	kind='a small program'
	compile -o "$tiny" test/bench/tiny.c
fi

# --- the servers: each sets port[NAME] and adds to pids ---

# Until somebody answers on the port: a child of ours that has ended never will.
wait_for_answer() {
	local name=$1 pid=$2 i
	for i in $(seq 1 200); do
		if (exec 3<>"/dev/tcp/127.0.0.1/${port[$name]}" && read -r -t 5 line <&3 && [ "$line" = ok ]) 2>/dev/null; then
			return 0
		fi
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.02
	done
	return 1
}

# Starts COMMAND for NAME on the port that is set already.
launch() {
	local name=$1
	shift
	"$@" </dev/null >>"$work/$name.out" 2>&1 &
	pids+=($!)
	if ! wait_for_answer "$name" $!; then
		skipped[$name]="does not serve: $(tail -n 1 "$work/$name.out")"
		unset "port[$name]"
	fi
}

# Those that print the port themselves.
launch_yard() {
	mkfifo "$work/$1.port"
	"$tools/yard" "$1" "$tiny" >"$work/$1.port" 2>>"$work/$1.out" </dev/null &
	pids+=($!)
	read -r "port[$1]" <"$work/$1.port"
}

start_evinetd() {
	cat >"$work/evinetd.conf" <<-END
		service "bench" { listen = "tcp:127.0.0.1:0" exec = "$tiny" }
	END
	mkfifo "$work/ready"
	"$BUILD/evinetd" -c "$work/evinetd.conf" -l "file:$work/evinetd.log" --addr-file "$work/addrs" --ready-fd 9 \
		9<>"$work/ready" </dev/null >>"$work/evinetd.out" 2>&1 &
	pids+=($!)
	exec 8<>"$work/ready"
	if read -r -t 20 <&8; then
		port[evinetd]=$(sed 's/.*://' "$work/addrs")
	else
		echo "evinetd does not start:"
		cat "$work/evinetd.out" "$work/evinetd.log"
		exit 1
	fi
	exec 8>&-
}

start_fork() {
	launch_yard fork
}

start_vfork() {
	launch_yard vfork
}

start_socat() {
	launch socat socat "TCP-LISTEN:${port[socat]},bind=127.0.0.1,reuseaddr,backlog=128,fork" "EXEC:$tiny"
}

start_ncat() {
	launch ncat ncat -l 127.0.0.1 "${port[ncat]}" -k -m 200 -e "$tiny"
}

start_systemd() {
	launch systemd systemd-socket-activate --accept --inetd -l "127.0.0.1:${port[systemd]}" "$tiny"
}

start_tcpserver() {
	launch tcpserver tcpserver -H -R -l localhost -b 128 -c 200 127.0.0.1 "${port[tcpserver]}" "$tiny"
}

start_xinetd() {
	cat >"$work/xinetd.conf" <<-END
		service bench
		{
			type = UNLISTED
			socket_type = stream
			protocol = tcp
			bind = 127.0.0.1
			port = ${port[xinetd]}
			wait = no
			user = $(id -un)
			server = $tiny
			cps = 1000000 1
			instances = UNLIMITED
			per_source = UNLIMITED
			log_type = FILE $work/xinetd.log
			log_on_success = PID HOST EXIT DURATION
		}
	END
	launch xinetd xinetd -dontfork -f "$work/xinetd.conf" -pidfile "$work/xinetd.pid"
}

start_inetd() {
	echo "127.0.0.1:${port[inetd]} stream tcp nowait $(id -un) $tiny tiny" >"$work/inetd.conf"
	launch inetd inetd -i -R 10000000 "$work/inetd.conf"
}

declare -A program=([socat]=socat [ncat]=ncat [systemd]=systemd-socket-activate [tcpserver]=tcpserver
	[xinetd]=xinetd [inetd]=inetd)
PATH=$PATH:/usr/sbin:/sbin
wanted=("$@")
[ $# -gt 0 ] || wanted=(vfork fork evinetd tcpserver inetd xinetd systemd ncat socat)
servers=()
for name in "${wanted[@]}"; do
	if [ -n "${program[$name]-}" ]; then
		if ! command -v "${program[$name]}" >/dev/null; then
			skipped[$name]='not installed'
			continue
		fi
		port[$name]=$("$tools/load")
	fi
	"start_$name"
	[ -z "${port[$name]-}" ] || servers+=("$name")
done

# --- the rounds ---

seconds=$(awk -v b="$budget" -v n="${#servers[@]}" -v r="$rounds" \
	'BEGIN { s = b / (n * r * 2); printf "%.2f", (s > 1 ? 1 : s) }')
for round in $(seq 1 "$rounds"); do
	for clients in 32 1; do
		for i in "${!servers[@]}"; do
			# Somebody else begins in each round.
			name=${servers[$(((i + round) % ${#servers[@]}))]}
			echo "$name $clients $("$tools/load" 127.0.0.1 "${port[$name]}" "$clients" "$seconds" ok)" >>"$work/results"
		done
	done
done

# --- the table ---

echo "connections a second with $kind: $rounds rounds of $seconds s each, interleaved, $(nproc) cores"
awk -v order="${servers[*]}" '
	function sort(a, n,   i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	}
	# From here on, what is about one server and one number of clients.
	function measure(key,   i, a) {
		for (i = 1; i <= count[key]; i++) a[i] = rate[key, i]
		sort(a, count[key])
		median[key] = a[int((count[key] + 1) / 2)]
		spread[key] = sprintf("%5.0f-%5.0f", a[1], a[count[key]])
	}
	{ key = $1 " " $2; rate[key, ++count[key]] = $4 > 0 ? $3 / $4 : 0; failed[key] += $5 }
	END {
		n = split(order, names, " ")
		for (i = 1; i <= n; i++) { measure(names[i] " 32"); measure(names[i] " 1") }
		printf "%-10s %35s %35s\n", "", "-------- 32 clients --------", "--------- 1 client ---------"
		printf "%-10s %8s %12s %7s %5s %8s %12s %7s %5s\n", "", "median", "from-to", "/vfork", "fail", \
			"median", "from-to", "/vfork", "fail"
		for (i = 1; i <= n; i++) {
			printf "%-10s", names[i]
			for (c = 32; c >= 1; c -= 31) {
				key = names[i] " " c
				base = median["vfork " c]
				ratio = base > 0 ? sprintf("%.2f", median[key] / base) : "-"
				printf " %8.0f %12s %7s %5d", median[key], spread[key], ratio, failed[key]
			}
			printf "\n"
		}
	}' "$work/results"
for name in "${!skipped[@]}"; do
	echo "$name: ${skipped[$name]}"
done

# A server that loses sessions is no measure for any other.
if [ -e "$work/evinetd.log" ]; then
	kill -TERM "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	pids=()
	starts=$(grep -c ' start service=' "$work/evinetd.log")
	ends=$(grep -c ' end service=' "$work/evinetd.log")
	echo "evinetd: $starts sessions started, $ends ended"
	[ "$starts" = "$ends" ]
fi
