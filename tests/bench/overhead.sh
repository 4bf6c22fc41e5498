#!/usr/bin/env bash
# What a run costs besides its steps: a million runs of a few microseconds, swept by so many ranks. Prints the runs that
# were finished in a second between the start of training and the last block in the file (creation and reading back are
# told apart), and the messages, writes and bytes that a run takes.
#
#   bash tests/bench/overhead.sh [--rounds 5] [--ranks 2] [--runs 1000000] [--writers all,node,root]
#                                [--ranks-per-node K] [--at-least RATE] [--program FILE]
#
# --writers: the ways into the file (run --writer), in turns; default all. --ranks-per-node: pretend nodes of K ranks.
# --at-least: exit 1 if the median of runs per second is below, on the first of the ways.
set -u -o pipefail

self=overhead
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"

rounds=5 ranks=2 runs=1000000 writers=all least=0 program=${SGDSWEEP:-$root/build/sgdsweep}
while (($#)); do
    case $1 in
        --rounds | --ranks | --runs | --writers | --ranks-per-node | --at-least | --program)
            (($# > 1)) || die "$1 needs a value"
            case $1 in
                --rounds) rounds=$2 ;;
                --ranks) ranks=$2 ;;
                --runs) runs=$2 ;;
                --writers) writers=$2 ;;
                --ranks-per-node) export SGDSWEEP_RANKS_PER_NODE=$2 ;;
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

folder=$(mktemp -d /tmp/sgs.XXXXXX) || die "no temporary folder"
export TMPDIR=$folder
trap 'rm -rf "$folder"' EXIT
mpi_environment

# Full batches of two and four points: some thirty steps of less than a nanosecond.
cat >"$folder/grid.yaml" <<END
activation: [linear, relu]
dimension: [2, 4]
batch_size: n
step_size: {scaled_by_batch: [0.2, 0.25]}
seed: {first: 1, count: $((runs / 8))}
END

# A command, and behind it the kilobytes of the largest of its processes.
measured='
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "a", encoding="utf-8") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)'

for ((round = 1; round <= rounds; round++)); do
    for writer in ${writers//,/ }; do
        rm -f "$folder"/x.h5*
        python3 -c "$measured" "$folder/memory" mpirun -n "$ranks" "$program" run "$folder/grid.yaml" \
            -o "$folder/x.h5" --writer "$writer" --progress none 2>"$folder/said" ||
            die "a sweep failed: $(tail -n 1 "$folder/said")"
        cp "$folder/x.h5.log" "$folder/log.$writer.$round"
    done
done
size=$(stat -c %s "$folder/x.h5") || die "no results file"

planned=$("$program" plan "$folder/grid.yaml" --json | sed -n 's/.*"memory_per_rank_bytes": *\([0-9]*\).*/\1/p')
python3 - "$folder" "$rounds" "$size" "$least" "$writers" "$planned" <<'END'
import datetime, json, statistics, sys

folder, rounds, size, least = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
writers = sys.argv[5].split(",")


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def measure(writer, number):
    """Runs a second of one sweep."""
    with open(f"{folder}/log.{writer}.{number}", encoding="utf-8") as log:
        events = [json.loads(line) for line in log]
    begin, writes = (next(e for e in events if e.get("event") == name) for name in ("start", "writes"))
    blocks = [e for e in events if e.get("event") == "block"]
    runs = sum(e["count"] for e in blocks)
    took = seconds(blocks[-1]) - seconds(begin)
    sent = 3 * sum(e["rank"] != 0 for e in blocks) + writes["row_messages"]  # a question, its answer, a report; rows
    print(f"{writer}: {runs} runs on {begin['ranks']} ranks: {took:.2f} s, {runs / took:,.0f} runs/s; "
          f"{len(blocks)} blocks in {writes['writes']} writes of {writes['seconds']:.2f} s in all, {sent / runs:.2g} "
          f"messages and {writes['row_message_bytes'] / runs:.0f} bytes of them a run, {size / runs:.0f} bytes a run "
          f"in the file")
    return runs / took


rates = {writer: [measure(writer, number) for number in range(1, rounds + 1)] for writer in writers}
for writer in writers:
    here, ratio = rates[writer], statistics.median(a / b for a, b in zip(rates[writer], rates[writers[0]]))
    print(f"{writer}: median {statistics.median(here):,.0f} runs/s (lowest {min(here):,.0f}, highest {max(here):,.0f})"
          + (f", {ratio:.2f} of {writers[0]}" if writer != writers[0] else ""))
with open(f"{folder}/memory", encoding="utf-8") as file:
    print(f"the largest rank took {max(map(int, file)) * 1.024e-3:.0f} MB; plan says {float(sys.argv[6]) * 1e-6:.0f} MB")
sys.exit(statistics.median(rates[writers[0]]) < least)
END
