#!/usr/bin/env bash
# Reads real files of inetd, and real socket units of systemd. EVINET_CORPUS (../shared/corpus) has the folders
# inetd.conf and systemd, BUILD has tool/foreign. Prints a line for each file:
#
#   loaded     every service of it runs, and there is nothing to say
#   warned     every service of it runs, with warnings
#   refused    some do not run; the reasons stand below, each with its name
#   template   so it is, and because of placeholders that somebody fills in first
#   off        no entry of it is on
#
# It is a failure if the reader crashes, if there is a reason without a name in `reasons`, or if an entry
# became neither a service nor a remark that names its line. Closes with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-$PWD/build}
corpus=${EVINET_CORPUS:-../shared/corpus}
if [ ! -d "$corpus/inetd.conf" ]; then
	echo "skipped: there is no corpus in $corpus"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
declare -A verdicts=() counts=()

# What a service may be refused for, as a pattern of the remark.
declare -A reasons=(
	[port]='is not in /etc/services|expected a port from|expected PORT, ADDRESS:PORT'
	[template]='the placeholder of a template'
	[other]='is no entry: |expected KEY = VALUE|expected \.include'
	[family]='is no IPv[46] address|none of its hosts|expected an IPv4 address'
	[place]='is no host and no address|where it listens is not known|there is no address to listen on'
	[kind]='sockets are not supported|expected (tcp, udp or unix|wait or nowait|stream or dgram)|are streams only|is no socket|is for unix sockets|are for unix sockets'
	[together]='does not go with|is a stream over TCP|a tcpmux service is nowait|datagrams need|is a unix socket: expected unix'
	[rpc]='of an RPC program|the form of HP-UX|RPC over unix'
	[unix]='expected (:USER:GROUP|the path of a unix socket)'
	[internal]='there is no internal service|behind tcpmux/'
	[field]=' is missing|a field is missing|program: is empty'
	[user]='expected USER or USER:GROUP'
	[program]='expected (an absolute path|a program|the absolute path)|in one are not supported|shell is not supported'
	[value]='expected (a number|a size|a time|rcvbuf=|yes or no|one value|at most three|less than|one file|socket or null)|is given twice|lets nobody in'
	[policy]='IPsec policies'
	[quote]='a quote is not closed|path with a quote|no escape|stands for no character'
	[text]='control character|zero byte|is larger than'
	[unit]='there is no .*\.service|the service unit is empty|is masked|expected one ExecStart'
	[later]='only known once a client has come'
	[nowhere]='a user of its own is not made|: is not supported|is not supported$|and is not run'
	[unknown]=' is unknown'
	[file]='EnvironmentFile: |\.include: |: (open|read) |includes itself|included too deeply'
)

reason_of() {
	local name
	for name in "${!reasons[@]}"; do
		if grep -qE "${reasons[$name]}" <<<"$1"; then
			echo "$name"
			return
		fi
	done
	echo UNKNOWN
}

# The lines with an entry of the usual form, found without the reader.
entry_lines() {
	awk '!/^[ \t]*#/ && NF > 5 && $2 ~ /^(stream|dgram|raw|rdm|seqpacket)$/ { print NR }' "$1"
}

silent_lines() {
	local file=$1 line
	for line in $(entry_lines "$file"); do
		grep -qF "$file:$line" "$work/ours" || echo "$line"
	done
}

verdict() {
	local found=$1
	if [[ $found == *template* ]]; then
		echo template
	elif [ -n "$found" ]; then
		echo refused
	elif ! grep -q '^service ' "$work/ours"; then
		echo off
	elif grep -q '^warning ' "$work/ours"; then
		echo warned
	else
		echo loaded
	fi
}

read_one() {
	local kind=$1 file=$2 status word error found='' silent=''
	timeout 10 "$BUILD/tool/foreign" "$kind" "$file" >"$work/ours" 2>"$work/errors"
	status=$?
	: >"$work/reasons"
	while read -r error; do
		word=$(reason_of "$error")
		found+=" $word"
		counts[$word]=$((${counts[$word]:-0} + 1))
		echo "          $word: ${error#"$file":}" >>"$work/reasons"
	done < <(sed -n 's/^error //p' "$work/ours")
	[ "$kind" = systemd ] || silent=$(silent_lines "$file" | paste -sd ' ')
	word=$(verdict "$found")
	verdicts[$word]=$((${verdicts[$word]:-0} + 1))
	printf '%-9s %3s services, %2s warnings  %s\n' "$word" "$(grep -c '^service ' "$work/ours")" \
		"$(grep -c '^warning ' "$work/ours")" "${file#"$corpus"/}"
	cat "$work/reasons"
	if [ "$status" != 0 ] || [[ $found == *UNKNOWN* ]] || [ -n "$silent" ]; then
		failed=$((failed + 1))
		echo "          FAILED (status $status)${silent:+: nothing is said about line $silent}"
		cat "$work/errors"
	else
		passed=$((passed + 1))
	fi
}

for file in "$corpus"/inetd.conf/*; do
	read_one inetd "$file"
done
for file in "$corpus"/systemd/*.socket; do
	read_one systemd "$file"
done
echo
for word in loaded warned refused template off; do
	echo "$word: ${verdicts[$word]:-0}"
done
for word in "${!counts[@]}"; do
	echo "reason $word: ${counts[$word]}"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
