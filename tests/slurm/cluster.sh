#!/usr/bin/env bash
# A private Slurm of several nodes on one machine, for tests. Needs root; uses nothing of an installed Slurm's configuration
# and touches no other daemon. Everything is in one folder and on 127.0.0.1.
#
#   bash tests/slurm/cluster.sh start|stop FOLDER
#   bash tests/slurm/cluster.sh kill FOLDER node|slurmd|slurmctld [K]    SIGKILL: a power failure, a daemon's death
#   bash tests/slurm/cluster.sh boot FOLDER node|slurmctld [K]           what was killed starts again
#
# Then: export SLURM_CONF=FOLDER/slurm.conf. Environment: CLUSTER_NODES (3), CLUSTER_CPUS (8 for each node), CLUSTER_PORT
# (the first of as many ports as nodes and one more), CLUSTER_MEMORY (MB a node).
#
# A node is one PID, mount and UTS namespace with a slurmd inside: its own host name n1, n2..., its own /dev/shm and /tmp
# apart from FOLDER. SIGKILL of its first process ends everything in it at once, as a power failure would.
set -u -o pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$self" >&2
    exit 2
}
die() {
    printf 'cluster: %s\n' "$*" >&2
    exit 1
}

(($# >= 2)) || usage
verb=$1 what=${3:-} node=${4:-}
CLUSTER=$(readlink -m "$2")
export CLUSTER CLUSTER_NODES=${CLUSTER_NODES:-3} CLUSTER_CPUS=${CLUSTER_CPUS:-8} CLUSTER_PORT=${CLUSTER_PORT:-16800}
export CLUSTER_MEMORY=${CLUSTER_MEMORY:-4000}
export SLURM_CONF=$CLUSTER/slurm.conf

# ---- processes of this cluster, and no other

# A zombie is gone: the first process of a container may reap late.
is_alive() { [[ -r /proc/$1/stat ]] && ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null; }

# Process ids are used again: one from a file is ours only if it has our environment.
is_ours() { tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -qx "CLUSTER=$CLUSTER"; }

# end_process SIGNAL PIDFILE: signal it, wait until it is gone
end_process() {
    local pid tries
    [[ -s $2 ]] || return 0
    pid=$(<"$2")
    rm -f "$2"
    is_ours "$pid" || return 0
    kill "-$1" "$pid" 2>/dev/null
    for ((tries = 0; tries < 100; tries++)); do
        is_alive "$pid" || return 0
        sleep 0.05
    done
    kill -9 "$pid"
}

# A slurmd knows its process id in its namespace only, which is not the one here.
kill_slurmd() {
    local path
    for path in /proc/[0-9]*; do
        [[ $(cat "$path/comm" 2>/dev/null) == slurmd ]] || continue
        tr '\0' ' ' <"$path/cmdline" | grep -q -- "-N n$node " && is_ours "${path#/proc/}" && kill -9 "${path#/proc/}"
    done
}

# ---- configuration

write_configuration() {
    local host k
    host=$(hostname -s)
    mkdir -p "$CLUSTER"/{state,log} || die "cannot write to $CLUSTER"
    chmod 755 "$CLUSTER"
    : >"$CLUSTER/plugstack.conf"
    (umask 077 && head -c 128 /dev/urandom >"$CLUSTER/munge.key")
    echo "127.0.0.1 localhost $host" >"$CLUSTER/hosts"
    for ((k = 1; k <= CLUSTER_NODES; k++)); do
        echo "127.0.0.1 n$k" >>"$CLUSTER/hosts"
        mkdir -p "$CLUSTER/tmp.n$k" "$CLUSTER/spool.n$k"
        chmod 1777 "$CLUSTER/tmp.n$k"
    done
    # Times are as short as Slurm accepts. cred_expire decides how long a requeued job is held.
    cat >"$SLURM_CONF" <<END
ClusterName=sweeps
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$CLUSTER_PORT
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$CLUSTER/munge.sock,cred_expire=5
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/spool.%n
SlurmctldPidFile=$CLUSTER/slurmctld.pid
SlurmdPidFile=$CLUSTER/slurmd.%n.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld.log
SlurmdLogFile=$CLUSTER/log/slurmd.%n.log
PlugStackConfig=$CLUSTER/plugstack.conf
TmpFS=$CLUSTER/tmp.%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$CLUSTER/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=2
KillWait=3
UnkillableStepTimeout=10
CompleteWait=0
JobRequeue=1
DefMemPerCPU=100
NodeName=DEFAULT CPUs=$CLUSTER_CPUS RealMemory=$CLUSTER_MEMORY State=UNKNOWN
PartitionName=DEFAULT Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=low Default=YES PriorityTier=1 GraceTime=20
PartitionName=lowest PriorityTier=1 GraceTime=0
PartitionName=high PriorityTier=9 PreemptMode=off
END
    for ((k = 1; k <= CLUSTER_NODES; k++)); do
        echo "NodeName=n$k NodeAddr=127.0.0.1 Port=$((CLUSTER_PORT + k))" >>"$SLURM_CONF"
    done
}

# ---- daemons

start_controller() { slurmctld "$@" -f "$SLURM_CONF" || die "slurmctld does not start, see $CLUSTER/log/slurmctld.log"; }

start_node() {
    setsid unshare --mount --uts --pid --fork --kill-child --mount-proc "$self" be_node "$CLUSTER" node "$1" \
        </dev/null >"$CLUSTER/log/n$1.log" 2>&1 &
    echo $! >"$CLUSTER/node.n$1.pid"
}

# First process of a node's namespaces. FOLDER stays where it is even if it is below /tmp.
be_node() {
    hostname "n$node" && mount --bind "$CLUSTER/hosts" /etc/hosts &&
        mount -t tmpfs -o mode=1777,size=1g tmpfs /dev/shm || exit 1
    slurmd -N "n$node" -f "$SLURM_CONF" || exit 1
    trap : TERM INT HUP
    while :; do sleep 3600; done
}

idle_nodes() { sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l; }

start() {
    local k tries
    ((EUID == 0)) || die "needs root, for namespaces and munge"
    for k in munged slurmctld slurmd sinfo unshare; do command -v "$k" >/dev/null || die "there is no $k"; done
    write_configuration
    munged --key-file="$CLUSTER/munge.key" --socket="$CLUSTER/munge.sock" --pid-file="$CLUSTER/munged.pid" \
        --log-file="$CLUSTER/log/munged.log" --seed-file="$CLUSTER/munge.seed" ||
        die "munged does not start, see $CLUSTER/log/munged.log"
    start_controller -i
    for ((k = 1; k <= CLUSTER_NODES; k++)); do start_node "$k"; done
    for ((tries = 0; tries < 400; tries++)); do
        (($(idle_nodes) == CLUSTER_NODES)) && return 0
        sleep 0.05
    done
    sinfo -N >&2
    die "the nodes do not come up, see $CLUSTER/log"
}

stop() {
    local file
    for file in "$CLUSTER"/node.*.pid; do end_process 9 "$file"; done
    end_process TERM "$CLUSTER/slurmctld.pid"
    end_process TERM "$CLUSTER/munged.pid"
    rm -f "$CLUSTER"/slurmd.*.pid
}

case $verb:$what in
    start:) (start) || { stop; exit 1; } ;;
    stop:) stop ;;
    kill:node) end_process 9 "$CLUSTER/node.n$node.pid" ;;
    kill:slurmd) kill_slurmd ;;
    kill:slurmctld) end_process 9 "$CLUSTER/slurmctld.pid" ;;
    boot:node) start_node "$node" ;;
    boot:slurmctld) start_controller ;;
    be_node:node) be_node ;;
    *) usage ;;
esac
