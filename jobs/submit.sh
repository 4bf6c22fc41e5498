#!/usr/bin/env bash
# Submit a sweep to Slurm: ranks and time limit from `sgdsweep plan`, the cost in core-hours, how to watch and to cancel.
#
#   bash jobs/submit.sh GRID [-o FILE] [--hours H] [--nodes N] [--array K[%L]] [--speed FILE] [--dry-run]
#                       [-- OPTIONS of sbatch...]
#
# -o FILE       the results file; one that is there is gone on with (default: GRID with the suffix .h5)
# --hours H     as many ranks as it takes to be done in H hours (default 1), but no more than are of use
# --nodes N     this many nodes, all their cores
# --array K%L   as a job array of K shards, L of them at a time, and a job that merges them
# --speed FILE  how fast the nodes are: what `sgdsweep bench --json` printed on one (default: as this machine)
# --dry-run     print what would be submitted
#
# Account, partition and the like come after -- or from Slurm's variables (SBATCH_ACCOUNT, SBATCH_PARTITION).
# SGDSWEEP_CORES: cores of a node that a job may have (default: of the smallest node of the partition).
set -u -o pipefail
self=submit.sh
jobs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=jobs/life.sh
. "$jobs/life.sh"

usage="usage: bash jobs/submit.sh GRID [-o FILE] [--hours H] [--nodes N] [--array K] [--speed FILE] [--dry-run] [-- ...]"
readonly start_s=240 # of a time limit: the warning of two minutes, up to half a minute early, starting, reading back

# ---- the command line

grid='' file='' hours=1 nodes='' shards=0 at_once='' speed=() dry_run=0 more=()

parse() {
    while (($#)); do
        case $1 in
            -o | --output) file=${2:?$usage} && shift ;;
            --hours) hours=${2:?$usage} && shift ;;
            --nodes) nodes=${2:?$usage} && shift ;;
            --array) shards=${2:?$usage} && shift ;;
            --speed) speed=(--speed "${2:?$usage}") && shift ;;
            --dry-run) dry_run=1 ;;
            --)
                shift
                more=("$@")
                break
                ;;
            -h | --help)
                sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
                exit 0
                ;;
            -*) die 2 "unknown option '$1'; $usage" ;;
            *)
                [[ -z $grid ]] || die 2 "'$1' is one grid too many; $usage"
                grid=$1
                ;;
        esac
        shift
    done
    [[ -n $grid ]] || die 2 "the grid file is missing; $usage"
    if [[ -z $file ]]; then
        case ${grid##*/} in
            ?*.*) file=${grid%.*}.h5 ;;
            *) file=$grid.h5 ;;
        esac
    fi
    [[ $shards != *%* ]] || { at_once=%${shards#*%} && shards=${shards%%%*}; }
    [[ $shards =~ ^[0-9]+$ && $shards != 1 && $at_once =~ ^(%[1-9][0-9]*)?$ ]] || die 2 "--array: K from 2, or K%L"
    [[ $nodes =~ ^([1-9][0-9]*)?$ ]] || die 2 "--nodes '$nodes' is not a number"
    [[ ${SGDSWEEP_CORES:-1} =~ ^[1-9][0-9]*$ ]] || die 2 "SGDSWEEP_CORES '$SGDSWEEP_CORES' is not a number"
}

# ---- what Slurm and the plan say

# The partition that sbatch will take: an option, the environment, or nothing for the default one.
partition() {
    local i
    for ((i = 0; i < ${#more[@]}; i++)); do
        case ${more[i]} in
            -p | --partition) echo "${more[i + 1]:-}" && return ;;
            -p?*) echo "${more[i]#-p}" && return ;;
            --partition=*) echo "${more[i]#*=}" && return ;;
        esac
    done
    echo "${SBATCH_PARTITION:-}"
}

# Sets `cores` of a node and `limit_max`, the longest time limit in minutes (0: none).
ask_slurm() {
    local name filter lines
    name=$(partition)
    filter=${name:+-p $name}
    # shellcheck disable=SC2086 # two words or none
    lines=$(sinfo -h $filter -o '%P %c %l') || die 1 "sinfo does not answer; is this a machine that submits to Slurm?"
    [[ -n $name ]] || lines=$(grep -F '* ' <<<"$lines") || die 2 "no default partition; give one: -- --partition=NAME"
    [[ -n $lines ]] || die 2 "there is no partition $name"
    cores=${SGDSWEEP_CORES:-$(awk '{ print $2 + 0 }' <<<"$lines" | sort -n | head -n 1)}
    limit_max=$(awk '{ print $3 }' <<<"$lines" | sort -u | head -n 1 | minutes)
}

# Slurm's DAYS-HOURS:MINUTES:SECONDS to minutes
minutes() {
    awk -F '[-:]' '/^[0-9]/ { days = /-/ ? $1 : 0; first = /-/ ? 2 : 1; left = NF - first + 1
        if (left == 3 || days) print days * 1440 + $first * 60 + $(first + 1)
        else print $first; found = 1 } END { if (!found) print 0 }'
}

# ask_plan OPTIONS...: sets `plan`
ask_plan() {
    local begun=()
    if [[ -e $file ]] && ((shards == 0)); then begun=(-o "$file"); fi
    plan=$("$program" plan "$grid" --json --hours "$hours" "${begun[@]}" "${speed[@]}" "$@") || exit
}

# of_plan NAME: a number of the plan
of_plan() { sed -n "s/^ *\"$1\": *\([-+0-9.e]*\),*$/\1/p" <<<"$plan" | head -n 1; }

# calculate EXPRESSION: rounded up to a whole number
calculate() { awk "BEGIN { x = $1; n = int(x); print n + (x > n) }"; }

# Sets everything about a job: `ranks`, `job_nodes`, `limit` in minutes, `memory` in MB a rank.
choose() {
    local jobs_count=$((shards > 0 ? shards : 1))
    ask_slurm
    if [[ -n $nodes ]]; then
        ask_plan --ranks $((nodes * cores))
        ranks=$((nodes * cores))
    else
        ask_plan
        ranks=$(calculate "$(of_plan suggested_ranks) / $jobs_count")
        ask_plan --ranks $((ranks * jobs_count))
    fi
    (($(of_plan pending_runs) > 0)) || die 0 "$file is complete, there is nothing to submit"
    job_nodes=$(calculate "$ranks / $cores")
    seconds=$(of_plan makespan_seconds)
    if [[ -n $nodes ]]; then seconds=$(calculate "$seconds / $jobs_count"); fi
    # Half as much again: nodes differ, and a sweep that has to go back into the queue waits in it.
    limit=$(calculate "(1.5 * $seconds + $start_s) / 60")
    lives=1
    if ((limit_max > 0 && limit > limit_max)); then
        lives=$(calculate "$limit / ($limit_max - $start_s / 60.)")
        limit=$limit_max
    fi
    memory=$(calculate "1.3 * $(of_plan memory_per_rank_bytes) / 1048576 + 32")
}

# ---- submitting

# submit NAME COMMAND...: prints the command, and submits it unless --dry-run; sets NAME to the number of the job
submit() {
    local name=$1 answer
    shift
    printf '  %s\n' "$(printf '%q ' "$@")"
    if ((dry_run)); then
        printf -v "$name" '%s' "${name^^}"
        return
    fi
    answer=$("$1" --parsable "${@:2}") || die 1 "sbatch refused the job"
    printf -v "$name" '%s' "${answer%%;*}"
}

describe() {
    local each=''
    if ((shards > 0)); then each=" in each of $shards jobs"; fi
    echo "grid       $grid: $(of_plan pending_runs) runs to do, predicted $(calculate "$(of_plan predicted_core_seconds)") core-seconds"
    echo "file       $file, $(calculate "$(of_plan file_bytes) / 1e6") MB"
    echo "job        $ranks ranks on $job_nodes nodes of $cores cores$each, $memory MB a rank"
    echo "time       predicted $(calculate "$seconds") s, time limit $limit min$( ((lives == 1)) || echo ", about $lives times: it requeues itself")"
    awk "BEGIN { n = ${shards/#0/1} ; printf \"cost       predicted %.3g core-hours, at most %.3g within the time limit\n\",
        $(of_plan predicted_core_seconds) / 3600, n * $ranks * $limit * $lives / 60 }"
}

parse "$@"
life_modules
life_program
export SGDSWEEP=$program
choose
describe
echo
options=(--nodes="$job_nodes" --ntasks="$ranks" --time="$limit" --mem-per-cpu="$memory" "${more[@]}")
if ((shards > 0)); then
    submit array sbatch --array="1-$shards$at_once" "${options[@]}" "$jobs/array.sbatch" "$shards" "$grid" "$file"
    # shellcheck disable=SC2154 # set by name
    submit merge sbatch --dependency="afterok:$array" --kill-on-invalid-dep=yes "${more[@]}" "$jobs/merge.sbatch" \
        "$shards" "$file"
    # shellcheck disable=SC2154 # set by name
    submitted="$array $merge" watch="squeue -j $array"
else
    submit job_id sbatch "${options[@]}" "$jobs/sweep.sbatch" "$grid" "$file"
    # shellcheck disable=SC2154 # set by name
    submitted=$job_id watch="squeue -j $job_id; bash $jobs/watch.sh $file"
fi
echo
if ((dry_run)); then
    echo "nothing was submitted"
else
    echo "submitted  $submitted"
    echo "watch      $watch"
    echo "cancel     scancel $submitted        (the same command goes on later)"
fi
