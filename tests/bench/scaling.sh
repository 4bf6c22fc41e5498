#!/usr/bin/env bash
# How much faster two ranks are than one: a grid of many equal runs, computing only, swept by `mpirun -n 1` and
# `mpirun -n 2` in turns. Prints every pair and the median ratio of their wall-clock times, start-up, file and read-back
# included.
#
#   bash tests/bench/scaling.sh [--rounds 5] [--seconds 10] [--ranks 2] [--at-least RATIO] [--program FILE]
#
# --seconds: of the sweep on one rank, about. --at-least: exit 1 if the median is below.
set -u -o pipefail

self=scaling
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"

rounds=5 seconds=10 ranks=2 least=0 program=${SGDSWEEP:-$root/build/sgdsweep}
while (($#)); do
    case $1 in
        --rounds | --seconds | --ranks | --at-least | --program)
            (($# > 1)) || die "$1 needs a value"
            case $1 in
                --rounds) rounds=$2 ;;
                --seconds) seconds=$2 ;;
                --ranks) ranks=$2 ;;
                --at-least) least=$2 ;;
                --program) program=$2 ;;
            esac
            shift
            ;;
        *) die "unknown option '$1'; see the head of $0" ;;
    esac
    shift
done
[[ -x $program ]] || die "no program at $program: build it, or name it with --program"
(($(nproc) >= ranks)) || die "$ranks ranks need $ranks cores, this machine has $(nproc)"

folder=$(mktemp -d /tmp/sgs.XXXXXX) || die "no temporary folder"
export TMPDIR=$folder
trap 'rm -rf "$folder"' EXIT
mpi_environment

# Runs of equal length, as many steps as fill the time at the speed that the program measures now.
n=100 b=50 runs=8192
step_ns=$("$program" bench --json --n "$n" --b "$b" --seconds 2 |
    sed -n 's/^ *"ns": \([0-9.e+]*\),*$/\1/p' | head -n 1)
[[ -n $step_ns ]] || die "no ns per step in the output of '$program bench --json'"
steps=$(awk -v s="$seconds" -v ns="$step_ns" -v r="$runs" 'BEGIN { printf "%d", s * 1e9 / ns / r + 1 }')
cat >"$folder/grid.yaml" <<END
activation: relu
dimension: $n
batch_size: $b
step_size: {scaled_by_batch: 0.01}
seed: {first: 1, count: $runs}
stop: {max_steps: $steps, tol: 0}
END
say "$runs runs of $steps steps, n = $n, b = $b, $step_ns ns a step"

# sweep_seconds RANKS: wall-clock seconds of a whole sweep into a new file
sweep_seconds() {
    local begin end
    rm -f "$folder"/results.h5*
    begin=$(date +%s.%N)
    mpirun -n "$1" "$program" run "$folder/grid.yaml" -o "$folder/results.h5" --progress none >"$folder/out" 2>&1 ||
        die "the sweep on $1 ranks failed: $(tail -n 1 "$folder/out")"
    end=$(date +%s.%N)
    awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f", b - a }'
}

awk '$1 > 0.25 { printf "note: the machine is busy (load %s), ratios come out low\n", $1 }' /proc/loadavg
sweep_seconds 1 >/dev/null # caches and the processor's clock settle
ratios=()
for ((round = 1; round <= rounds; round++)); do
    one=$(sweep_seconds 1) || exit 1
    many=$(sweep_seconds "$ranks") || exit 1
    ratios+=("$(awk -v a="$one" -v b="$many" 'BEGIN { printf "%.3f", a / b }')")
    say "round $round: 1 rank $one s, $ranks ranks $many s, ratio ${ratios[-1]}"
done

printf '%s\n' "${ratios[@]}" | sort -n | awk -v ranks="$ranks" -v least="$least" '
    { ratio[NR] = $1 }
    END {
        median = NR % 2 ? ratio[(NR + 1) / 2] : (ratio[NR / 2] + ratio[NR / 2 + 1]) / 2
        printf "%d ranks are %.2f times as fast as one: median of %d, lowest %.2f, highest %.2f\n",
            ranks, median, NR, ratio[1], ratio[NR]
        if (median < least) {
            printf "below the %.2f asked for\n", least
            exit 1
        }
    }'
