#!/usr/bin/env bash
# Shows evinetd at work: starts it with demo.conf, talks to every service on IPv4, IPv6 and a unix
# socket as any client would, and prints question, answer and the daemon's log. Ends with status 0
# only if every answer was right, and leaves nothing behind. BUILD is the folder with evinetd.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../build}
unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES
# Neither the user's git configuration nor a proxy is to have a say.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_PROXY_COMMAND='' GIT_TERMINAL_PROMPT=0
export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=protocol.ext.allow GIT_CONFIG_VALUE_0=always \
	GIT_CONFIG_KEY_1=init.defaultBranch GIT_CONFIG_VALUE_1=main

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

daemon=
dir=

# The daemon ends its programs itself.
clean_up() {
	if [ -n "$daemon" ]; then
		kill -TERM "$daemon" 2>/dev/null
		wait "$daemon" 2>/dev/null
		daemon=
	fi
	cd /
	# After ^C a client may be on its way out, and still tidy up in there itself.
	for _ in {1..50}; do
		if [ -z "$dir" ] || { rm -rf "$dir" && [ ! -e "$dir" ]; } 2>/dev/null; then
			return
		fi
		sleep 0.1
	done
	echo "demo: $dir could not be removed" >&2
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

dir=$(mktemp -d "${TMPDIR:-/tmp}/evinetd-demo.XXXXXX") || exit 1
# The path of a unix socket has to be short.
if [ ${#dir} -gt 80 ]; then
	rmdir "$dir"
	dir=$(mktemp -d /tmp/evinetd-demo.XXXXXX) || exit 1
fi

give_up() {
	echo "${red}demo: $*${plain}"
	[ ! -s "$dir/log" ] || cat "$dir/log"
	exit 1
}

make_repository() {
	export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org
	export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
	mkdir repositories &&
		git init -q repositories/hello &&
		echo 'Hello from a repository.' >repositories/hello/README &&
		git -C repositories/hello add README &&
		git -C repositories/hello commit -q -m 'A file to fetch'
}

# Returns when the daemon says that it listens: --ready-fd writes a newline.
start_daemon() {
	mkfifo ready || return
	"$BUILD/evinetd" -c demo.conf --addr-file addresses --ready-fd 3 3>ready </dev/null >>log 2>&1 &
	daemon=$!
	IFS= read -r -t 20 _ <ready || return
	rm -f ready
}

# address_of SERVICE FAMILY, in the form that socat understands: tcp:127.0.0.1:40123 becomes
# TCP:127.0.0.1:40123. We are in the folder of the unix sockets, so their names will do.
address_of() {
	awk -F '\t' -v name="$1" -v family="$2" '
	$1 == name && family == "IPv4" && sub(/^tcp:127/, "TCP:127", $2) { print $2 }
	$1 == name && family == "IPv6" && sub(/^tcp:\[/, "TCP:[", $2) { print $2 }
	$1 == name && family == "unix" && sub(/^unix:.*\//, "UNIX:", $2) { print $2 }' addresses
}

questions=0
wrong=0

# ask COMMAND TEST: runs the command as it is printed, prints what comes, and judges it.
ask() {
	local answer status=0
	questions=$((questions + 1))
	echo "  ${bold}\$ $1${plain}"
	answer=$(timeout --foreground 20 bash -c "$1" 2>&1 </dev/null) || status=$?
	printf '%s\n' "$answer" | sed 's/^/    /'
	if [ "$status" -ne 0 ]; then
		wrong=$((wrong + 1))
		echo "    ${red}wrong: status $status${plain}"
	elif ! "$2" "$answer"; then
		wrong=$((wrong + 1))
		echo "    ${red}wrong${plain}"
	fi
}

# The clock goes on while we ask: the answer is right if it lies between before and after.
is_date() {
	local now
	now=$(date -u '+%F %T')
	[ "${#1}" -eq "${#now}" ] && [[ ! $1 < $began && ! $1 > $now ]]
}

is_commit() {
	[ "$1" = "$commit" ]
}

is_greeting() {
	[ "$1" = "Hello Ada, you came by $protocol." ]
}

is_echo() {
	[ "$1" = $'one\ntwo' ]
}

# show SERVICE WHAT-IT-IS QUESTION TEST; in the question, %A is the address, %F its family and %U a
# repository's address.
show() {
	local service=$1 question=$3 family address url command
	echo
	echo "${bold}$service${plain} ${dim}$2${plain}"
	for family in IPv4 IPv6 unix; do
		address=$(address_of "$service" "$family")
		protocol=TCP
		url=git://${address#TCP:}/hello
		if [ "$family" = unix ]; then
			protocol=UNIX
			url="'ext::socat -t9 - $address %G/hello'"
		elif [ "$family" = IPv6 ] && [ -n "$no_v6" ]; then
			echo "  ${dim}(no IPv6: this machine has no address ::1)${plain}"
			continue
		fi
		if [ -z "$address" ]; then
			questions=$((questions + 1))
			wrong=$((wrong + 1))
			echo "  ${red}wrong: it does not listen on $family${plain}"
			continue
		fi
		command=${question//%A/$address}
		command=${command//%F/$family}
		command=${command//%U/$url}
		ask "$command" "$4"
	done
}

cd "$dir" || exit 1
sed "s|/run/evinetd-demo|$dir|g" "$here/demo.conf" >demo.conf || exit 1
make_repository || give_up "the repository could not be made"
commit=$(git -C repositories/hello log --oneline)
no_v6=
grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null || no_v6=yes

start_daemon || give_up "evinetd did not start"
echo "evinetd runs with etc/demo.conf, in $dir"
began=$(date -u '+%F %T')
show date 'starts /bin/date for each connection' \
	'socat -u %A -' is_date
show hello 'runs a line of shell' \
	'echo Ada | socat -t9 - %A' is_greeting
show echo 'is built in' \
	'printf "one\ntwo\n" | socat -t9 - %A' is_echo
show git 'starts git daemon --inetd' \
	'git clone -q %U copy-%F && git -C copy-%F log --oneline' is_commit

# QUIT lets sessions end by themselves, so the log is complete.
kill -QUIT "$daemon"
wait "$daemon"
status=$?
daemon=
echo
echo "${bold}What evinetd logged${plain}"
sed "s/.*/  $dim&$plain/" log
echo
if [ "$status" -ne 0 ]; then
	echo "${red}evinetd ended with status $status${plain}"
	exit 1
fi
if [ "$wrong" -gt 0 ] || [ "$questions" -eq 0 ]; then
	echo "${red}$wrong of $questions answers are wrong${plain}"
	exit 1
fi
echo "${green}$questions questions, $questions right answers${plain}"
