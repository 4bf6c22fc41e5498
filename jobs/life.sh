# shellcheck shell=bash
# One life of a batch job: from its start, or its restart, to the end of the sweep, a warning or an accident. Sourced by
# the other scripts for Slurm, which set `jobs`, the folder of this file, and `self`, their name. From the environment:
#   SGDSWEEP           the program (default: build/ or build-release/ beside jobs/, then the PATH)
#   SGDSWEEP_MODULES   modules to load, "openmpi hdf5"
#   SGDSWEEP_LAUNCHER  mpirun or srun (default: mpirun if there is one)
#
# What it keeps to:
#   - A life ends with 0 only when the program says that the sweep is complete.
#   - A life that was stopped, or in which a rank or a node was lost, requeues the job, unless it and the life before it
#     finished no run and saved no state: then it says so and ends. FILE.lives remembers that between lives.
#   - What the program itself reports as a failure ends the job.
#   - A life that Slurm has given up (its node lost touch, the job runs again elsewhere) leaves the job alone.
#   - After TERM (scancel, the end of the time limit) nothing is requeued: that is for Slurm and the user to decide.
set -u -o pipefail

readonly life_idle_max=2      # lives without progress in a row
readonly life_margin_s=60     # the program stops by itself so long before the end of the time limit, see life_deadline
readonly life_contact_tries=30 # times ten seconds in which the controller or a node may be away

say() { printf '%s: %s\n' "${self:?}${job:+ job $job, life $((${life:-0} + 1))}" "$*"; }

# die CODE REASON...
die() {
    local code=$1
    shift
    say "$*" >&2
    exit "$code"
}

# ---- what the job has

# Names of this job and this life. The first element of an array has the number of the whole array as its own.
life_name() {
    [[ -n ${SLURM_JOB_ID:-} ]] || die 2 "this is a batch script: sbatch ${self:-it}"
    job=$SLURM_JOB_ID
    if [[ -n ${SLURM_ARRAY_JOB_ID:-} ]]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
    life=${SLURM_RESTART_COUNT:-0}
    nodes=${SLURM_JOB_NUM_NODES:-${SLURM_NNODES:-1}}
}

# Lmod or environment modules; batch shells do not always have the command. Both read variables that are not set.
life_modules() {
    [[ -n ${SGDSWEEP_MODULES:-} ]] || return 0
    set +u
    find_modules
    declare -F module >/dev/null || die 2 "SGDSWEEP_MODULES is set, but there is no module command"
    # shellcheck disable=SC2086 # a list
    module load $SGDSWEEP_MODULES || die 2 "module load $SGDSWEEP_MODULES failed"
    set -u
}

find_modules() {
    local init
    for init in "$LMOD_PKG/init/bash" "$MODULESHOME/init/bash" /etc/profile.d/{lmod,modules}.sh; do
        declare -F module >/dev/null && return
        # shellcheck source=/dev/null
        if [[ -r $init ]]; then . "$init"; fi
    done
}

# Sets `program`.
life_program() {
    local candidate
    : "${jobs:?}"
    for candidate in "${SGDSWEEP:-}" "$jobs/../build/sgdsweep" "$jobs/../build-release/sgdsweep" \
        "$(command -v sgdsweep)"; do
        if [[ -n $candidate && -x $candidate ]]; then
            program=$(readlink -f "$candidate")
            return
        fi
        [[ -z $candidate || $candidate != "${SGDSWEEP:-}" ]] || die 2 "SGDSWEEP=$SGDSWEEP is no program"
    done
    die 2 "there is no sgdsweep: bash jobs/quickstart.sh builds it, SGDSWEEP names another one"
}

# Sets `launcher` and `launch`, the command.
life_launcher() {
    launcher=${SGDSWEEP_LAUNCHER:-}
    if [[ -z $launcher ]]; then
        if command -v mpirun >/dev/null; then launcher=mpirun; else launcher=srun; fi
    fi
    case $launcher in
        mpirun)
            if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
            launch=(mpirun)
            ;;
        srun)
            # Under load the default fence of Slurm's pmix plugin crashes one start over several nodes in ten.
            export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-ring}
            launch=(srun --mpi=pmix --kill-on-bad-exit=1)
            ;;
        *) die 2 "SGDSWEEP_LAUNCHER is '$launcher'; mpirun and srun are known" ;;
    esac
    command -v "$launcher" >/dev/null || die 2 "there is no $launcher here"
}

# Tells the program when to stop even if the warning gets lost: a minute before the time limit ends, or a quarter of
# what is left of a short one. Slurm before 23.02 does not tell the job.
life_deadline() {
    local end=${SLURM_JOB_END_TIME:-} left margin
    if ! [[ $end =~ ^[0-9]+$ ]]; then end=$(SLURM_TIME_FORMAT=%s squeue -h -j "$job" -o %e 2>/dev/null); fi
    unset SGDSWEEP_DEADLINE # of the shell that submitted, or of the life before
    until_text="no time limit"
    [[ $end =~ ^[0-9]+$ ]] || return 0
    left=$((end - $(date +%s)))
    ((left < 300 * 86400)) || return 0 # to Slurm, a job without a limit ends after a year
    margin=$((left / 4 < life_margin_s ? left / 4 : life_margin_s))
    export SGDSWEEP_DEADLINE=$((end - margin))
    until_text="stops by $(date -d "@$SGDSWEEP_DEADLINE" +%T), time limit at $(date -d "@$end" '+%F %T')"
}

# part_of FILE I K: the results file of the I-th of K shards: my.h5 -> my.2of8.h5
part_of() {
    case ${1##*/} in
        ?*.*) echo "${1%.*}.$2of$3.${1##*.}" ;;
        *) echo "$1.$2of$3" ;;
    esac
}

# ---- what MPI leaves behind when it is killed

# on_nodes COMMAND...: once on every node of the job; a node that is gone is none of our business
on_nodes() {
    if ((nodes == 1)); then
        "$@"
    else
        timeout 60 srun --overlap --mem=0 --mpi=none --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
            --cpus-per-task=1 --kill-on-bad-exit=0 --input=none --quiet "$@"
    fi
}

# Session folders and shared memory of this life go to folders of its own, the same on every node. What earlier lives or
# other dead jobs of this user left behind is removed here, as a killed life cannot do it.
life_scratch() {
    local running
    scratch_base="sgdsweep-$EUID"
    scratch="$scratch_base-$SLURM_JOB_ID-$life"
    scratch_tmp="${TMPDIR:-/tmp}/$scratch"
    scratch_shm="/dev/shm/$scratch"
    running=" $(squeue -h -u "$EUID" -t running,completing,suspended -o %A 2>/dev/null | tr '\n' ' ')" || running=
    # shellcheck disable=SC2016 # for the shell on the node
    on_nodes bash -c '
        base=$1 running=$2 job=$3 life=$4
        for folder in "${@:5}"; do
            for old in "${folder%/*}/$base"-*; do
                [[ -d $old && ! -L $old && -O $old ]] || continue
                id=${old##*/"$base"-} id=${id%-*}
                if [[ $id == "$job" && $old != "$folder" ]] || [[ $running == *" $job "* && $running != *" $id "* ]]; then
                    rm -rf "$old"
                fi
            done
            mkdir -m 700 -p "$folder" || exit 1
        done' bash "$scratch_base" "$running" "$SLURM_JOB_ID" "$life" "$scratch_tmp" "$scratch_shm" ||
        die 1 "cannot make $scratch_tmp and $scratch_shm on every node"
    export OMPI_MCA_orte_tmpdir_base=$scratch_tmp OMPI_MCA_btl_vader_backing_directory=$scratch_shm
}

# Sets `clean`: a controller that is away, or a node that is gone, keeps the others from being cleaned.
life_clean() {
    clean=0
    if on_nodes rm -rf "$scratch_tmp" "$scratch_shm"; then clean=1; fi
}

# ---- progress

# What a life changes when it gets anywhere: the number of runs to do, the saved states.
life_mark() {
    if [[ -e $file ]]; then
        "$program" status "$file" --json 2>/dev/null | sed -n 's/^ *"pending": *\([0-9]*\).*/\1/p'
        find "$file.ckpt" -type f -printf '%f %s %T@\n' 2>/dev/null | sort
    fi | cksum | tr ' ' -
}

# lives_before: sets `idle` (lives of this job without progress in a row) and `mark`
lives_before() {
    local old_job='' old_idle=0 old_mark=''
    mark=$(life_mark)
    idle=0
    if [[ -e $file.lives ]]; then read -r old_job old_idle old_mark <"$file.lives"; fi
    if ((life > 0)) && [[ $old_job == "$job" && $old_mark == "$mark" && $old_idle =~ ^[0-9]+$ ]]; then
        idle=$((old_idle + 1))
    fi
    ((idle < life_idle_max)) || life_give_up
    printf '%s %s %s\n' "$job" "$idle" "$mark" >"$file.lives" || die 1 "cannot write $file.lives"
}

life_give_up() {
    rm -f "$file.lives"
    die 1 "gives up: $life_idle_max lives in a row finished no run and saved no state (last exit code: ${code:-unknown});" \
        "see the messages above, give it more time or memory, and submit it again"
}

# ---- requeueing

# Slurm gives up a node that does not answer after a while (SlurmdTimeout) and requeues the job itself. If that comes just
# after the job was requeued, Slurm (22.05) starts it again at once, other nodes still know it as ended, and it fails.
life_await_nodes() {
    local try
    for ((try = 0; try < life_contact_tries && !terminated; try++)); do
        sinfo -h -n "${SLURM_JOB_NODELIST:-}" -o %t 2>/dev/null |
            awk '/[*]/ && !/^down/ { found = 1 } END { exit !found }' || break
        ((try)) || say "a node does not answer: waits until it does, or Slurm requeues the job"
        sleep 10 &
        wait "$!"
    done
    if ((terminated)); then die 75 "Slurm ends this life"; fi
}

# Ends the life, and the job goes back into the queue; does not return.
life_requeue() {
    local now='' try answer=''
    [[ $(life_mark) != "$mark" ]] || ((idle + 1 < life_idle_max)) || life_give_up
    say "goes back into the queue"
    trap '' TERM # Slurm ends the life before scontrol has its answer
    for ((try = 0; try < life_contact_tries; try++)); do
        if now=$(scontrol -o show job "$job" 2>&1); then
            [[ " $now " == *" Restarts=$life "* ]] || die 75 "Slurm has started the job again, this life is over"
            ((clean)) || life_clean
            if answer=$(scontrol requeue "$job" 2>&1); then exit 75; fi
            [[ $answer != *pending* ]] || die 75 "Slurm has the job in the queue already"
            [[ $answer == *ontact* || $answer == *imed\ out* ]] || break
        else
            answer=$now
        fi
        sleep 10
    done
    die 75 "cannot requeue itself ($answer); the same sbatch command goes on"
}

# Did this life of the program explain why it failed? If not, mpirun or srun did, or a node.
program_failed() { (($(count_errors) > errors_before)); }

count_errors() {
    local count
    count=$(grep -c '^{"event":"error"' "$file.log" 2>/dev/null)
    echo "${count:-0}"
}

# ---- the program

# Sets `code`. USR1 asks the program to stop. It is repeated, as an MPI that is still starting may lose it; twice does no
# harm. The program inherits that it is ignored, so that it kills nobody who has no handler yet.
life_train() {
    local pid tick
    trap 'asked=1' USR1
    trap 'asked=1 terminated=1' TERM
    (
        trap '' USR1
        exec "${launch[@]}" "$program" run "$grid" -o "$file" "$@"
    ) &
    pid=$!
    wait "$pid"
    code=$?
    ((asked)) || return 0
    say "asked to stop"
    for ((tick = 0; ; tick++)); do
        kill -0 "$pid" 2>/dev/null || break
        ((tick % 10 != 0)) || kill -USR1 "$pid" 2>/dev/null
        sleep 0.5
    done
    wait "$pid"
    code=$?
}

# life_run GRID FILE [OPTIONS of run...]: the whole life; does not return
life_run() {
    grid=$1 file=$2
    shift 2
    asked=0 terminated=0
    life_modules
    life_program
    life_launcher
    [[ -r $grid ]] || die 2 "cannot read the grid file $grid in $PWD"
    lives_before
    life_deadline
    life_scratch
    say "$nodes nodes (${SLURM_JOB_NODELIST:-?}), ${SLURM_NTASKS:-$nodes} ranks by $launcher; $until_text"
    errors_before=$(count_errors)
    life_train "$@"
    life_clean
    if ((code == 0)); then
        rm -f "$file.lives"
        say "complete"
        exit 0
    fi
    if ((terminated)); then die "$code" "terminated, exit code $code; the same sbatch command goes on"; fi
    if ((code == 75)); then life_requeue; fi
    if ((code == 2 || code == 3)); then die "$code" "failed with exit code $code, see above"; fi
    if ((code == 1)) && program_failed; then die 1 "failed, see above; the same sbatch command goes on"; fi
    say "a rank or a node was lost (exit code $code)"
    life_await_nodes
    life_requeue
}
