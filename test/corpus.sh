#!/usr/bin/env bash
# Reads real files of xinetd and compares what becomes of them with what xinetd itself said. EVINET_CORPUS
# (../shared/corpus) has the folders xinetd.d and xinetd.conf, and oracle: for a file its service table
# KIND__FILE.asis.dump and messages .asis.log, and .on.* with every `disable = yes` turned to no. BUILD has
# tool/foreign. Prints a line for each reading of a file:
#
#   loaded     every service of it runs, and there is nothing to say
#   warned     every service of it runs, with warnings
#   refused    some do not run; the reasons stand below
#   off        it has no service that is on (or none at all)
#   template   has placeholders that somebody fills in first; whatever becomes of it, nothing crashes
#
# A difference from xinetd's own verdict has one of the names in `differences`, or is a failure. Closes
# with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-$PWD/build}
corpus=${EVINET_CORPUS:-../shared/corpus}
if [ ! -d "$corpus/oracle" ]; then
	echo "skipped: there is no corpus in $corpus"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
declare -A verdicts=() differing=()

declare -A differences=(
	[port]='runs here: a port without UNLISTED that is not in /etc/services; warned of'
	[form]='runs here: a form that xinetd drops the entry for ({ in the first line, carriage returns); warned of'
	[user]='runs here: a redirect, which needs no user; warned of'
	[off]='off here: xinetd overlooks disable = yes with a comment behind it; warned of'
	[count]='refused here: a wrong number of values, which xinetd overlooks'
	[list]='refused here: an address that means nothing, with which xinetd lets nobody in, or everybody'
	[world]='depends on the machine: a name, program, user or port mapper that xinetd did not find'
	[defaults]='xinetd ends over its defaults; here those run that have nothing to do with the mistake'
)

# Whether there are placeholders outside of comments; ${IFS} is none, because shells put it in.
is_template() {
	# shellcheck disable=SC2016 # a pattern
	grep -v '^[[:space:]]*#' "$1" | sed 's/\${IFS}//g' |
		grep -qE '<%|%>|\{\{|\{%|@[A-Za-z_]+@|\$\{?[A-Za-z_]|<[a-z ]+>'
}

# The ids of the services that run, one a line.
xinetd_ids() {
	sed -n 's/^\t\tid = //p' "$1" | LC_ALL=C sort -u
}

# Of what tool/foreign prints, the ids of services with that state; of this file only, because includes
# are of this machine.
our_ids() {
	awk -v state="$1" -v file="$2:" '
	function flush() { if (id != "") print id; id = "" }
	/^service / { flush(); if ($3 == state && index($0, "# " file)) id = $2 }
	/^  id = / && id != "" { sub(/^  id = /, ""); sub(/  # .*/, ""); gsub(/"/, ""); id = $0 }
	!/^  / && !/^service / { flush() }
	END { flush() }' "$work/ours" | LC_ALL=C sort -u
}

# Remarks of a kind about a service.
remarks() {
	awk -v kind="$1" -v id="$2" '$1 == kind && ($3 == id || $3 == "-")' "$work/ours"
}

# The name of a difference: xinetd has the service ($1 = more) or has it not (less).
why_more() {
	local id=$1 log=$2
	if remarks warning "$id" | grep -q ' disable: .*comment'; then
		echo off
	elif remarks error "$id" | grep -qE ': expected (one value|two values|a value)'; then
		echo count
	elif remarks error "$id" | grep -qE ' (only_from|no_access): '; then
		echo list
	fi
}

why_less() {
	local id=$1 log=$2
	if remarks warning "$id" | grep -q 'wants type = UNLISTED'; then
		echo port
	elif remarks warning "$id" | grep -qE 'line of its own|carriage return'; then
		echo form
	elif remarks warning "$id" | grep -q 'wants a user'; then
		echo user
	elif grep -q 'fatal error was encountered while parsing the default' "$log"; then
		echo defaults
	elif grep -qE 'bad address|is not executable|Unknown (user|group)|pmap_set|bind failed' "$log"; then
		echo world
	fi
}

verdict() {
	if is_template "$1"; then
		echo template
	elif [ -n "$refused" ] || grep -q '^error' "$work/ours"; then
		echo refused
	elif [ -z "$running" ]; then
		echo off
	elif grep -q '^warning' "$work/ours"; then
		echo warned
	else
		echo loaded
	fi
}

compare() {
	local dump=$1 log=$2 id name
	xinetd_ids "$dump" >"$work/theirs.ids"
	our_ids runs "$input" >"$work/ours.ids"
	found=''
	while read -r id; do
		name=$(why_more "$id" "$log")
		found+=" ${name:-UNKNOWN}:$id"
	done < <(LC_ALL=C comm -13 "$work/ours.ids" "$work/theirs.ids")
	while read -r id; do
		name=$(why_less "$id" "$log")
		found+=" ${name:-UNKNOWN}:$id"
	done < <(LC_ALL=C comm -23 "$work/ours.ids" "$work/theirs.ids")
}

read_one() {
	local file=$1 mode=$2 dump=$3 log=$4 status word
	input=$work/input
	if [ "$mode" = on ]; then
		sed -E 's/^([[:space:]]*disable[[:space:]]*=[[:space:]]*)yes/\1no/I' "$file" >"$input"
	else
		cp "$file" "$input"
	fi
	timeout 10 "$BUILD/tool/foreign" xinetd "$input" >"$work/ours" 2>"$work/errors"
	status=$?
	running=$(our_ids runs "$input")
	refused=$(our_ids refused "$input")
	found=''
	[ -z "$dump" ] || compare "$dump" "$log"
	word=$(verdict "$input")
	verdicts[$word]=$((${verdicts[$word]:-0} + 1))
	printf '%-9s %-4s %s%s\n' "$word" "$mode" "${file#"$corpus"/}" "${found:+  [differs:$found]}"
	if [ "$word" = refused ]; then
		grep '^error' "$work/ours" | sed "s|$input:||; s/^error/          line/"
	fi
	for word in $found; do
		differing[${word%%:*}]=$((${differing[${word%%:*}]:-0} + 1))
	done
	if [ "$status" != 0 ] || [[ $found == *UNKNOWN* ]]; then
		failed=$((failed + 1))
		echo "          FAILED (status $status): the difference has no name"
		cat "$work/errors"
	else
		passed=$((passed + 1))
	fi
}

for file in "$corpus"/xinetd.d/* "$corpus"/xinetd.conf/*; do
	kind=$(basename "$(dirname "$file")")
	base="$corpus/oracle/${kind}__$(basename "$file")"
	for mode in asis on; do
		if [ -e "$base.$mode.dump" ]; then
			read_one "$file" "$mode" "$base.$mode.dump" "$base.$mode.log"
		elif [ "$mode" = asis ]; then
			read_one "$file" asis '' ''
		fi
	done
done
echo
for word in loaded warned refused off template; do
	echo "$word: ${verdicts[$word]:-0}"
done
for word in "${!differences[@]}"; do
	echo "differs, $word: ${differing[$word]:-0} (${differences[$word]})"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
