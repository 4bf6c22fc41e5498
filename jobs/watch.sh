#!/usr/bin/env bash
# Live progress of a sweep from another shell, from its results file alone: no need to know where it runs.
#
#   bash jobs/watch.sh FILE [--interval SECONDS] [--once]
#
# Ends when the sweep is complete. Environment: SGDSWEEP and SGDSWEEP_MODULES, see life.sh.
set -u -o pipefail
self=watch.sh
jobs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=jobs/life.sh
. "$jobs/life.sh"

usage="usage: bash jobs/watch.sh FILE [--interval SECONDS] [--once]"
file='' interval=10 once=0
while (($#)); do
    case $1 in
        --interval)
            interval=${2:-}
            [[ $interval =~ ^[1-9][0-9]*$ ]] || die 2 "--interval '$interval' is not a number of seconds; $usage"
            shift
            ;;
        --once) once=1 ;;
        -h | --help)
            echo "$usage"
            exit 0
            ;;
        -*) die 2 "unknown option '$1'; $usage" ;;
        *)
            [[ -z $file ]] || die 2 "'$1' is one file too many; $usage"
            file=$1
            ;;
    esac
    shift
done
[[ -n $file ]] || die 2 "the results file is missing; $usage"
life_modules
life_program

# number NAME: an integer of the last answer
number() { sed -n "s/^ *\"$1\": *\([0-9]*\).*/\1/p" <<<"$answer"; }

duration() {
    local s=$1
    if ((s >= 86400)); then
        echo "$((s / 86400)) days $((s % 86400 / 3600)) h"
    elif ((s >= 3600)); then
        echo "$((s / 3600)) h $((s % 3600 / 60)) min"
    elif ((s >= 60)); then
        echo "$((s / 60)) min $((s % 60)) s"
    else
        echo "$s s"
    fi
}

# The pace is that since the start of watching; a sweep that waits in a queue has none.
show() {
    local now runs left failed done_now text
    now=$(date +%s)
    runs=$(number runs) left=$(number pending) failed=$(number failed)
    done_now=$((runs - left))
    : "${first_time:=$now}" "${first_done:=$done_now}"
    text="$(date +%T)  $done_now of $runs runs, $((runs ? 100 * done_now / runs : 100)) %"
    ((failed == 0)) || text+=", $failed failed"
    if ((done_now > first_done && left > 0)); then
        text+=", $(((done_now - first_done) / (now - first_time))) runs/s"
        text+=", ETA $(duration $((left * (now - first_time) / (done_now - first_done))))"
    fi
    echo "$text"
}

[[ -e $file ]] || ((once)) || say "waiting for $file"
until [[ -e $file ]] || ((once)); do sleep "$interval"; done
while :; do
    answer=$("$program" status --json "$file") || exit
    show
    if [[ $answer == *'"complete": true'* ]]; then
        say "complete"
        exit 0
    fi
    ((once)) && exit 75
    sleep "$interval"
done
