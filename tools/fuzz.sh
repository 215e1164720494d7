#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes: fuzz.sh [SECONDS [TARGET...]]. Builds with libFuzzer and the address and undefined behaviour sanitizers into build-fuzz, then runs
# each target for that long (60 s), two at a time. Finds are left in build-fuzz/found/TARGET and shown; what is learned stays in
# build-fuzz/learned/TARGET for the next time. Fails when anything was found.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
build="build-fuzz"

[ -f $build/build.ninja ] || CC=clang-14 meson setup $build -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
ninja -C $build | grep -Ev '^(\[[0-9]+/[0-9]+\]|ninja: )' || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for program in "$build"/tests/fuzz/fuzz_*; do
        if [ -f "$program" ] && [ -x "$program" ]; then targets+=("${program##*/fuzz_}"); fi
    done
fi

fuzz_one() {
    local target=$1
    local learned=$build/learned/$target found=$build/found/$target log=$build/fuzz-$target.log
    mkdir -p "$learned" "$found"
    local program=$build/tests/fuzz/fuzz_$target status=0
    if [ ! -x "$program" ]; then
        echo "$target: there is no such target"
        return 1
    fi
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$found/" "$learned" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "$status" = 0 ]; then
        printf '%-20s %12s runs, nothing found\n' "$target" "$runs"
    else
        printf '%-20s FAILED; see %s and %s\n' "$target" "$log" "$found"
        grep -E -A12 'ERROR|runtime error|SUMMARY' "$log" | head -40
    fi
    return "$status"
}

echo "Fuzzing ${#targets[@]} targets for $seconds s each"
running=0 failed=0
for target in "${targets[@]}"; do
    fuzz_one "$target" &
    running=$((running + 1))
    if [ $running -ge 2 ]; then
        wait -n || failed=$((failed + 1))
        running=$((running - 1))
    fi
done
while [ $running -gt 0 ]; do
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
done
echo "$((${#targets[@]} - failed)) of ${#targets[@]} targets clean"
[ $failed = 0 ]
