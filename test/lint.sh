#!/usr/bin/env bash
# Reads the whole tree without running it: one check a function below, each prints what it found and
# is silent when all is well. BUILD is the folder with the built manual pages. Arguments: only these
# checks. Closes with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-$PWD/build}
CC=${CC:-cc}
jobs=$(nproc)

# Our own files, whether or not there is a repository around them.
ours() {
	find cmd core etc handlers packaging test .ci -type f "$@" | LC_ALL=C sort
}

# The options that the code is compiled with, as far as they change what it means.
compile_flags() {
	local libs
	read -ra libs <<<"$(pkg-config --cflags libevent_core libconfuse)"
	printf '%s\n' -std=c11 -D_GNU_SOURCE -I. '-DEVINET_VERSION="lint"' '-DEVINET_SYSCONFDIR="/etc"' \
		"${libs[@]}"
}

# cppcheck does not read system headers, but without the TAILQ macros it cannot follow a loop.
#   ...Called   asks for the thread-safe forms of these: all of them run on the one thread that has
#               the loop, and the look-up threads call getaddrinfo alone
check_cppcheck() {
	local queue call suppress=()
	for call in readdir getpwnam getpwuid getgrnam getgrgid getprotobyname getservbyname; do
		suppress+=("--suppress=${call}Called")
	done
	queue=$(echo '#include <sys/queue.h>' | "$CC" -E -x c - | grep -m 1 -o '/[^"]*/sys/queue\.h')
	ours -name '*.c' | cppcheck -j "$jobs" --quiet --std=c11 -I. --include="$queue" -D_GNU_SOURCE \
		-DEVINET_VERSION='"lint"' -DEVINET_SYSCONFDIR='"/etc"' --library=posix,gnu \
		--enable=warning,performance,portability --inline-suppr "${suppress[@]}" \
		--error-exitcode=1 --file-list=- 2>&1
}

# What it looks for, and what not and why, is in .clang-tidy.
check_clang_tidy() {
	local flags
	mapfile -t flags < <(compile_flags)
	ours -name '*.c' | xargs -P "$jobs" -I{} clang-tidy --quiet {} -- "${flags[@]}" \
		2> >(grep -v '^[0-9]* warnings\{0,1\} .*generated\.$')
}

# Another version of clang-format may see a few lines differently, so it says which one it was.
check_clang_format() {
	local differ
	differ=$(ours -name '*.[ch]' | xargs clang-format --dry-run -Werror 2>&1) && return
	printf '%s\n' "$differ" | sed -n 's/^\([^ :]*\):.* error: code should be.*/\1/p' | sort | uniq -c
	clang-format --version
	return 1
}

# Tests are read with less suspicion, because shellcheck cannot see that bats and the helpers go
# together (a `load` is no `source`) or that a test is a subshell on purpose:
#   SC2030 SC2031   a variable that is set in one test, and set again in the next
#   SC2034          a variable that is set for the helpers, or by them
#   SC2119 SC2120   a function with an argument that may be left out
#   SC2164          a cd that fails: it ends a test by itself
#   SC2016          a program for perl, python or sh in single quotes
check_shellcheck() {
	local status=0
	ours -name '*.sh' | xargs shellcheck -x || status=1
	ours '(' -name '*.bash' -o -name '*.bats' ')' |
		xargs shellcheck -s bash -x -e SC2030,SC2031,SC2034,SC2119,SC2120,SC2164,SC2016 || status=1
	shellcheck -x .ci/run || status=1
	return "$status"
}

check_manuals() {
	local pages=("$BUILD"/man/*)
	if [ ! -f "${pages[0]}" ]; then
		echo "there are no manual pages in $BUILD/man"
		return 1
	fi
	mandoc -Tlint -W warning "${pages[@]}"
}

# Includes point downward only: from a higher number to a lower one, or within one folder.
#   cmd → handlers → core/service → core/{conf,net,policy} → core/{foreign,sys} → core/base
# The manual's generator reads the same rows as the programs. Tests may include anything, except for
# the probes, which stand alone, and the examples, which use the C interface and nothing above it.
check_includes() {
	# shellcheck disable=SC2016 # awk's variables
	ours -name '*.[ch]' | LC_ALL=C xargs awk '
	BEGIN {
		split("core/base 0 core/sys 1 core/foreign 1 core/conf 2 core/net 2 core/policy 2 " \
		      "core/service 3 handlers 4 cmd/common 5 cmd/evinetd 6 cmd/evinet 6 " \
		      "packaging/man 7 test/tool -1 test/examples 3 test/unit 7 test/bench 7 test/fuzz 7 test/corpus 7", words, " ")
		for (i = 1; i in words; i += 2)
			rank[words[i]] = words[i + 1]
	}
	function folder(path) {
		sub("/[^/]*$", "", path)
		return path
	}
	function bad(text) {
		printf "%s:%d: %s\n", FILENAME, FNR, text
		found = 1
	}
	function quoted(path,    from, to) {
		from = folder(FILENAME)
		to = folder(path)
		if (!(to in rank))
			bad("\"" path "\": expected the path from the top of the tree")
		else if (!(from in rank))
			bad("this folder has no place in the order: give it one in test/lint.sh")
		else if (FILENAME == "packaging/man/mankeys.c" || from ~ "^test/(unit|bench|fuzz|corpus)$")
			return
		else if (from == to)
			return
		else if (from == "test/examples" && to !~ "^core/(base|sys|net)$")
			bad("\"" path "\": an example uses core/net and what is below it")
		else if (rank[to] > rank[from])
			bad("\"" path "\" points up")
		else if (rank[to] == rank[from])
			bad("\"" path "\" points sideways")
	}
	function system_header(path) {
		if (FILENAME ~ "^test/")
			return
		if (path == "confuse.h" && FILENAME !~ "^core/conf/(option|load)[.][ch]$")
			bad("<confuse.h> is for core/conf/option and core/conf/load only")
		if (path ~ "^(event2/|event[.]h|evutil|evhttp|evdns)" &&
		    FILENAME !~ "^(core/net|core/service|handlers|cmd)/" && FILENAME != "core/sys/reap.c")
			bad("<" path ">: libevent is for core/net, core/service, handlers, cmd and core/sys/reap.c")
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]*[">]/) {
		path = substr($0, RSTART, RLENGTH)
		sub(/^[^"<]*["<]/, "", path)
		kind = $0 ~ /include[ \t]*"/
		sub(/[">]$/, "", path)
		if (kind)
			quoted(path)
		else
			system_header(path)
	}
	END { exit found }'
}

passed=0
failed=0
for name in "${@:-cppcheck clang_tidy clang_format shellcheck manuals includes}"; do
	# shellcheck disable=SC2086 # one word or all of them
	for check in $name; do
		began=$SECONDS
		if output=$("check_$check" 2>&1); then
			passed=$((passed + 1))
			echo "ok $check ($((SECONDS - began)) s)"
		else
			failed=$((failed + 1))
			echo "not ok $check ($((SECONDS - began)) s)"
		fi
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/  /'
	done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
