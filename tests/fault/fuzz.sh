#!/usr/bin/env bash
# Run the fuzz targets on the corpus and on what libFuzzer makes of it; exit 1 on a crash, a leak, a hang or a broken
# promise. One line of figures for each.
#
#   bash tests/fault/fuzz.sh [SECONDS [TARGET...]]       default: 60 s for each of grid, expression, results, state
#
# SGDSWEEP_FUZZ_BUILD: build tree (build-fuzz). SGDSWEEP_FUZZ_KEEP=1: new inputs that reach new code go to the corpus.
# What failed stays beside the build tree's targets as crash-*, slow-unit-*, ...: give it to the target as argument.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# CTest asks for SGDSWEEP_FUZZ_SHORT seconds, and for ten minutes in the long tier.
seconds=${SGDSWEEP_FUZZ_SHORT:-60}
[[ ${SGDSWEEP_TEST_FULL:-0} != 0 && -n ${SGDSWEEP_FUZZ_SHORT:-} ]] && seconds=600
if (($#)); then
    seconds=$1
    shift
fi
build=${SGDSWEEP_FUZZ_BUILD:-build-fuzz}
targets=("$@")
((${#targets[@]})) || targets=(grid expression results state)

say() { printf 'fuzz: %s\n' "$*"; }

compile() {
    cmake --preset fuzz -B "$build" && cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}"
}
if ! compile >"$build.log" 2>&1; then
    tail -n 30 "$build.log"
    say "does not build (log: $build.log)"
    exit 1
fi

export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/tests/fault/lsan.supp:print_suppressions=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fuzz.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

# The last value of a statistic that libFuzzer printed.
figure() { sed -n "s/^stat::$1: *//p" "$scratch/$2.log" | tail -n 1; }

run() {
    local target=$1 corpus=tests/fault/corpus/$1 dictionary=tests/fault/fuzz_$1.dict options=() found="$scratch/$1"
    [[ -f $dictionary ]] && options+=("-dict=$dictionary")
    mkdir -p "$found" "$scratch/tmp"
    TMPDIR="$scratch/tmp" "$build/fuzz_$target" "${options[@]}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
        -print_final_stats=1 -artifact_prefix="$build/" "$found" "$corpus" >"$scratch/$target.log" 2>&1 || {
        grep -v '^#[0-9]' "$scratch/$target.log" | head -n 60
        say "$target: FAILED (in $build: crash-*, leak-*, timeout-*, slow-unit-*)"
        return 1
    }
    local covered
    covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$scratch/$target.log" | tail -n 1)
    say "$target: clean in $seconds s: $(figure number_of_executed_units "$target") inputs, $covered," \
        "$(find "$corpus" -type f | wc -l) in the corpus, $(find "$found" -type f | wc -l) new," \
        "$(figure peak_rss_mb "$target") MB"
    if [[ -n ${SGDSWEEP_FUZZ_KEEP:-} ]]; then
        TMPDIR="$scratch/tmp" "$build/fuzz_$target" -merge=1 "$corpus" "$found" >/dev/null 2>&1
    fi
    return 0
}

failed=0
for target in "${targets[@]}"; do
    run "$target" || failed=1
done
exit $failed
