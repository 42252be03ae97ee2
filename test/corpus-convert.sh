#!/usr/bin/env bash
# Converts real files of xinetd, inetd and systemd, and compares the services that the result has with those of
# the file itself. EVINET_CORPUS (../shared/corpus) has the folders xinetd.d, xinetd.conf, inetd.conf and
# systemd; BUILD has the programs. The files of xinetd are also read with every `disable = yes` turned to no.
# Prints a line for each reading: how many services the file and what was converted have. It is a failure
# if a program crashes, or if one --dump differs from the other. Closes with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-$PWD/build}
corpus=${EVINET_CORPUS:-../shared/corpus}
if [ ! -d "$corpus/xinetd.d" ]; then
	echo "skipped: there is no corpus in $corpus"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
services=0

# Runs a program that may only end with 0, or with 78 where a service is refused.
ends_well() {
	local status=0
	timeout 20 "$@" 2>>"$work/errors" || status=$?
	[ "$status" = 0 ] || [ "$status" = 78 ] || echo "$1 ended with status $status" >>"$work/faults"
}

convert_one() {
	local kind=$1 mode=$2 file=$3 input=$4 count
	: >"$work/errors"
	: >"$work/faults"
	echo "$kind(\"$input\")" >"$work/call.conf"
	ends_well "$BUILD/evinetd" --dump -c "$work/call.conf" >"$work/direct"
	ends_well "$BUILD/evinet" convert "$kind" "$input" >"$work/converted.conf"
	ends_well "$BUILD/evinetd" --dump -c "$work/converted.conf" >"$work/again"
	count=$(grep -c '^service ' "$work/direct")
	services=$((services + count))
	diff "$work/direct" "$work/again" >"$work/diff" || echo "the services differ" >>"$work/faults"
	printf '%3s services  %-4s %s\n' "$count" "$mode" "${file#"$corpus"/}"
	if [ -s "$work/faults" ]; then
		failed=$((failed + 1))
		sed 's/^/          FAILED: /' "$work/faults"
		head -n 20 "$work/diff" "$work/errors"
	else
		passed=$((passed + 1))
	fi
}

for file in "$corpus"/xinetd.d/* "$corpus"/xinetd.conf/*; do
	convert_one xinetd asis "$file" "$(realpath "$file")"
	sed -E 's/^([[:space:]]*disable[[:space:]]*=[[:space:]]*)yes/\1no/I' "$file" >"$work/input"
	cmp -s "$file" "$work/input" || convert_one xinetd on "$file" "$work/input"
done
for file in "$corpus"/inetd.conf/*; do
	convert_one inetd asis "$file" "$(realpath "$file")"
done
for file in "$corpus"/systemd/*.socket; do
	convert_one systemd asis "$file" "$(realpath "$file")"
done
echo
echo "$services services"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ] && [ "$services" -gt 0 ]
