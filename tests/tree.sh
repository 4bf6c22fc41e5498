#!/usr/bin/env bash
# Build a second tree by a preset and run its unit and property tests: the same sources under another compiler or under
# sanitizers. Called by CTest, so that it counts in the summary.
#
#   bash tests/tree.sh PRESET DIR
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
preset=$1 tree=$2

compile() {
    cmake --preset "$preset" -B "$tree" && cmake --build "$tree" --parallel "$(nproc)"
}

if ! compile >"$tree.log" 2>&1; then
    grep -E -A 5 'error|Error' "$tree.log" || tail -n 30 "$tree.log"
    echo "tree: $preset does not build (log: $tree.log)"
    exit 1
fi

export ASAN_OPTIONS=fast_unwind_on_malloc=0:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
exec ctest --test-dir "$tree" --no-tests=error --output-on-failure -j $((4 * $(nproc) + 3)) -L '^(unit|property)$'
