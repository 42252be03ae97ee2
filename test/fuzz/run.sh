#!/usr/bin/env bash
# Builds the fuzz targets with clang into build-fuzz/ and runs each for FUZZ_SECS seconds (30), from
# the seeds in corpus/TARGET. Prints a line a target, then: N passed, N failed. Arguments: only
# these targets. What was found on the way stays in build-fuzz/corpus for the next run; an input
# that fails is named in the target's line. Where there is a corpus of real files (EVINET_CORPUS, as for
# test/corpus.sh), they are seeds as well.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECS:-30}
out=build-fuzz
sanitize=fuzzer-no-link,address,undefined
passed=0
failed=0

targets=("$@")
if [ $# = 0 ]; then
	for source in test/fuzz/fuzz_*.c; do
		source=${source##*/fuzz_}
		targets+=("${source%.c}")
	done
fi

# core without what needs the loop: the targets are about texts.
objects=()
for source in core/base/*.c core/conf/*.c core/foreign/*.c core/policy/*.c core/sys/*.c; do
	[ "$source" = core/sys/reap.c ] || objects+=("$out/${source%.c}.o")
done
objects+=("$out/handlers/muxline.o")
programs=()
for target in "${targets[@]}"; do
	programs+=("$out/test/fuzz/fuzz_$target.o")
done
mkdir -p "$out"
if ! make -j"$(nproc)" BUILD="$out" CC=clang SANITIZE="$sanitize" CFLAGS='-O1 -g' "${objects[@]}" "${programs[@]}" \
	>"$out/build.log" 2>&1; then
	tail -n 30 "$out/build.log"
	exit 1
fi

corpus=${EVINET_CORPUS:-../shared/corpus}
real_files() {
	local dirs=()
	case $1 in
	xinetd) dirs=("$corpus/xinetd.conf" "$corpus/xinetd.d") ;;
	inetd) dirs=("$corpus/inetd.conf") ;;
	systemd) dirs=("$corpus/systemd") ;;
	esac
	for dir in "${dirs[@]}"; do
		[ ! -d "$dir" ] || printf '%s\n' "$dir"
	done
}

run_target() {
	local target=$1 log=$out/$1.log words=() real runs found
	# shellcheck disable=SC2046
	clang -fsanitize=fuzzer,address,undefined -o "$out/fuzz_$target" "$out/test/fuzz/fuzz_$target.o" "${objects[@]}" \
		$(pkg-config --libs libconfuse) >"$log" 2>&1 || return 1
	mkdir -p "$out/corpus/$target"
	mapfile -t real < <(real_files "$target")
	[ ! -e "test/fuzz/$target.dict" ] || words=(-dict="test/fuzz/$target.dict")
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$out/fuzz_$target" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 -artifact_prefix="$out/$target-" "${words[@]}" \
		"$out/corpus/$target" "test/fuzz/corpus/$target" "${real[@]}" >"$log" 2>&1 || return 1
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	found=$(sed -n 's/^stat::new_units_added: *//p' "$log")
	echo "ok $target: $runs inputs in $seconds s, $found of them new"
}

for target in "${targets[@]}"; do
	if run_target "$target"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $target: see $out/$target.log"
		sed -n 's/.*Test unit written to /# input: /p' "$out/$target.log"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
