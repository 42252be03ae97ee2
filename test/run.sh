#!/usr/bin/env bash
# Runs the unit tests and the bats files, as many at once as there are cores, and closes
# with one line: N passed, N failed. Arguments: only these files (test/bats/NAME.bats, NAME, unit), or
# "slow": what takes more than half a minute and is left out otherwise; "all" is both.
set -u
cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-$PWD/build}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
jobs=$(nproc)
# Sanitizers make every program slow to start.
[ -z "${SANITIZED:-}" ] || export PATIENCE=${PATIENCE:-60}

run_one() {
	local file=$1 name
	name=$(basename "$file")
	case $file in
	*.bats) timeout -k 10 900 bats --tap --timing "$file" ;;
	*) timeout -k 10 900 "$file" ;;
	esac >"$results/$name.tap" 2>&1 </dev/null
	local status=$?
	# A file that dies early, or runs no test, has failed even if no line says so.
	if ! grep -qE '^(not )?ok ' "$results/$name.tap"; then
		echo "not ok 1 $name ran no test (status $status)" >>"$results/$name.tap"
	elif [ "$status" -ne 0 ] && ! grep -q '^not ok ' "$results/$name.tap"; then
		echo "not ok 999 $name ended with status $status" >>"$results/$name.tap"
	fi
	grep -E '^(not )?ok |^#|^  ' "$results/$name.tap" | sed "s|^|$name: |"
}
export -f run_one
export results

slow=(test/bats/load.bats test/bats/services.bats)
files=()
# The longest first, as far as their size tells.
mapfile -t all < <(ls -S test/bats/*.bats "$BUILD"/unit/*)
[ $# -gt 0 ] || set -- quick
for f in "$@"; do
	case $f in
	all) files+=("${slow[@]}") ;;&
	all | quick)
		for file in "${all[@]}"; do
			[[ " ${slow[*]} " == *" $file "* ]] || files+=("$file")
		done
		;;
	slow) files+=("${slow[@]}") ;;
	unit) files+=("$BUILD"/unit/*) ;;
	*) files+=("test/bats/$(basename "$f" .bats).bats") ;;
	esac
done
printf '%s\n' "${files[@]}" | xargs -P "$jobs" -I{} bash -c 'run_one {}'
passed=$(cat "$results"/*.tap | grep -cE '^ok ')
failed=$(cat "$results"/*.tap | grep -cE '^not ok ')
if [ "$failed" -gt 0 ]; then
	echo "failed:"
	grep -hE '^not ok ' "$results"/*.tap | sed 's/^/  /'
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
