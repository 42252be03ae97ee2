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
	[form]='runs here: a form that xinetd drops the entry for ({ in the first line, carriage returns, default); warned of'
	[after]='runs here: an entry behind text that belongs to none, with which xinetd drops the next one; an error'
	[user]='runs here: a redirect, which needs no user; warned of'
	[comment]='runs here: a comment behind a value, with which xinetd lacks a port, a user or a server; warned of'
	[sensor]='runs here: a sensor without type = INTERNAL; warned of'
	[hours]='runs here: access_times up to 24:00, as in the manual of xinetd'
	[load]='runs here: max_load = 0, as in the samples of xinetd; warned of'
	[log]='runs here: RECORD, or a second log_type; warned of'
	[wait]='runs here: an internal datagram service with wait = no; warned of'
	[defaults]='runs here: xinetd ends over its defaults; who does not inherit the mistake runs'
	[off]='off here: disable = yes with a comment behind it, or +=, and commas in disabled; xinetd overlooks it; warned of'
	[count]='refused here: a wrong number of values, or an operator that does not fit, which xinetd overlooks'
	[typo]='refused here: a wrong name for what keeps clients out, which xinetd overlooks'
	[list]='refused here: an address that means nothing, with which xinetd lets nobody in, or everybody'
	[group]='refused here: a number as user without an account and a group, which xinetd takes for the group'
	[path]='refused here: a server that is no absolute path'
	[args]='refused here: NAMEINARGS without server_args'
	[socket]='refused here: neither tcp nor udp, or a datagram program with wait = no'
	[wrappers]='refused here: a stream with wait = yes where hosts.allow or hosts.deny has rules'
	[name]='refused here: more than a name behind service'
	[number]='refused here: a number or a time that xinetd reads a part of'
	[limit]='holds here: a limit with a comment behind it, which xinetd overlooks; warned of'
	[argv0]='runs with its name here: NAMEINARGS behind server_args, with which xinetd loses it; warned of'
	[nice]='the lowest here: a priority that there is not; warned of'
	[source]='not here: per_source with wait = yes, where there is one program; noted'
	[world]='depends on the machine: a name, program, user, port or port mapper that xinetd did not find'
)

# Whether there are placeholders outside of comments; ${IFS} is none, because shells put it in.
is_template() {
	# shellcheck disable=SC2016 # a pattern
	grep -av '^[[:space:]]*#' "$1" | LC_ALL=C sed 's/\${IFS}//g' |
		grep -aqE '<%|%>|\{\{|\{%|@[A-Za-z_]+@|\$\{?[A-Za-z_]|<[a-z ]+>'
}

# The ids of the services that run, one a line.
xinetd_ids() {
	sed -n 's/^\t\tid = //p' "$1" | plain | LC_ALL=C sort -u
}

# Of what tool/foreign prints, the ids of services with that state; of this file only, because includes
# are of this machine.
our_ids() {
	awk -v state="$1" -v file="$2:" '
	function flush() { if (id != "") print id; id = "" }
	/^service / { flush(); if ($3 == state && index($0, "# " file)) id = $2 }
	/^  id = / && id != "" { sub(/^  id = /, ""); sub(/  # .*/, ""); id = $0 }
	!/^  / && !/^service / { flush() }
	END { flush() }' "$work/ours" | plain | LC_ALL=C sort -u
}

# The name of a difference: of a service that xinetd has and we have not, and the other way round. A
# pattern for the remarks about it, and the name.
more=(
	'^warning.* disable: (.*comment|is taken as)' off
	'^warning.* disabled: ends a name' off
	': expected (one value|two values|a value)|does not take [+-]=' count
	'^error.* did you mean ' typo
	'^error.* (only_from|no_access): ' list
	'^error.* user: .*group is needed' group
	'^error.* server: .*absolute path' path
	'^error.* NAMEINARGS needs' args
	'^error.*(cannot be served|neither tcp nor udp|needs wait = yes)' socket
	'^error.*NOLIBWRAP' wrappers
	'^error.*expected nothing more' name
	'^error.* (instances|per_source|cps|max_load|nice|port|rlimit_[a-z]*|access_times): expected' number
)
less=(
	'wants type = UNLISTED' port
	'^warning.*(line of its own|carriage return|byte order mark|taken for defaults|comment behind [{}] )' form
	'^warning.*wants a user' user
	'^warning.*wants type = INTERNAL' sensor
	'^warning.*max_load: 0 is no limit' load
	'^warning.*(RECORD has no effect|log_type: was given before)' log
	'^warning.*wants wait = yes' wait
	'^error.*(expected service, defaults|} alone)' after
	'^warning.* [a-z_0-9]*: what stands behind # is a comment' comment
)

why() {
	local id=$1
	shift
	awk -v id="$id" '$3 == id || $3 == "-"' "$work/ours" >"$work/remarks"
	while [ $# -gt 0 ]; do
		if grep -qE "$1" "$work/remarks"; then
			echo "$2"
			return
		fi
		shift 2
	done
	return 1
}

why_less() {
	local log=$1 id=$2
	if grep -q 'fatal error was encountered while parsing the default' "$log"; then
		echo defaults
	elif why "$id" "${less[@]}"; then
		:
	elif grep -aqE '^[[:space:]]*access_times.*24:00' "$input"; then
		echo hours
	elif grep -qE 'bad address|is not executable|Unknown (user|group)|pmap_set|bind failed|failed to start' "$log"; then
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

# Without quotes and backslashes, because only one side has them; and other bytes than ASCII as one of them
# writes them.
plain() {
	perl -pe 's/["\\]//g; s/([^ -~\n])/sprintf("x%02x", ord $1)/ge'
}

# "ID KEY VALUE" for what can be compared of the services that xinetd runs: where they listen, what they
# run, and their limits.
xinetd_values() {
	awk -F ' = ' '
	function flush() {
		if (id == "")
			return
		for (key in inherited)
			if (!(key in has))
				has[key] = inherited[key]
		for (key in has)
			print id, key, has[key]
		id = ""
	}
	function rate(text) {
		split(text, n, /[: ]/)
		return n[3] " " n[5]
	}
	# The dump has them with the defaults only, not with a service that inherits them.
	/^\tInstances = [1-9]/ { inherited["instances"] = $2 }
	/^\tCPS = max conn:[1-9]/ { inherited["cps"] = rate($2) }
	/^Service = / { flush(); split("", has) }
	/^\t\tid = / { id = $2 }
	/^\t\tport = [1-9]/ { has["port"] = $2 }
	/^\t\tServer argv =/ { sub(/^\t\tServer argv = */, ""); has["argv"] = $0 }
	/^\t\tInstances = / { has["instances"] = $2 }
	/^\t\tPER_SOURCE = [1-9]/ { has["per_source"] = $2 }
	/^\t\tNice = / { has["nice"] = $2 }
	/^\t\tCPS = / { has["cps"] = rate($2) }
	END { flush() }' "$1" | grep -avE ' (instances (UNLIMITED|0)|cps 0 .*)$' | plain | LC_ALL=C sort -u
}

our_values() {
	awk -v file="$input:" '
	function flush() {
		if (id == "")
			return
		for (key in has)
			print id, key, has[key]
		id = ""
	}
	/^service / {
		flush()
		split("", has)
		if ($3 == "runs" && index($0, "# " file))
			id = $2
		next
	}
	!/^  / { flush(); next }
	{
		key = $1
		sub(/  # [^#]*$/, "")
		sub(/^  [^ ]* = ?/, "")
		value = $0
	}
	key == "id" { id = value }
	key == "listen" { sub(/.*:/, "", value); if (value > 0) has["port"] = value }
	key == "exec" { args = value; sub(/^[^ ]+/, "", args) }
	key == "argv0" { has["argv"] = value args }
	key == "instances" || key == "per_source" || key == "nice" { has[key] = value }
	key == "rate" { sub("/1s", "", value); rate = value; has["cps"] = rate " 0" }
	key == "rate_pause" { sub("s", "", value); has["cps"] = rate " " value }
	END { flush() }' "$work/ours" | plain | LC_ALL=C sort -u
}

why_other() {
	local id=$1 key=$2
	if why "$id" "^warning.* $key: .*comment" limit; then
		:
	elif [ "$key" = argv ]; then
		why "$id" '^warning.* flags: NAMEINARGS stands behind' argv0
	elif [ "$key" = nice ]; then
		why "$id" '^warning.* nice: priorities' nice
	elif [ "$key" = per_source ]; then
		why "$id" '^note.* per_source: has no effect with wait' source
	fi
}

compare_values() {
	local dump=$1 id key name
	while read -r id key; do
		LC_ALL=C grep -qxF "$id" "$work/both.ids" || continue
		name=$(why_other "$id" "$key")
		found+=" ${name:-UNKNOWN}:$id.$key"
	done < <(LC_ALL=C comm -3 <(xinetd_values "$dump") <(our_values) | tr -d '\t' | cut -d ' ' -f 1,2 | LC_ALL=C sort -u)
}

compare() {
	local dump=$1 log=$2 id name
	xinetd_ids "$dump" >"$work/theirs.ids"
	our_ids runs "$input" >"$work/ours.ids"
	found=''
	while read -r id; do
		name=$(why "$id" "${more[@]}")
		found+=" ${name:-UNKNOWN}:$id"
	done < <(LC_ALL=C comm -13 "$work/ours.ids" "$work/theirs.ids")
	while read -r id; do
		name=$(why_less "$log" "$id")
		found+=" ${name:-UNKNOWN}:$id"
	done < <(LC_ALL=C comm -23 "$work/ours.ids" "$work/theirs.ids")
	LC_ALL=C comm -12 "$work/ours.ids" "$work/theirs.ids" >"$work/both.ids"
	compare_values "$dump"
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
for word in $(printf '%s\n' "${!differing[@]}" | LC_ALL=C sort); do
	echo "differs, $word: ${differing[$word]} (${differences[$word]:-nobody knows why})"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
