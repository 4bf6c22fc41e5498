#!/usr/bin/env bash
# The pictures of README.md anew: sweeps jobs/paper.yaml, jobs/paper-fixed.yaml (a quarter of an hour each on two cores,
# at most) and jobs/mechanism.yaml with the program of jobs/quickstart.sh, or goes on where they stopped, and draws
# analysis/pictures/*.png.
#
#   bash jobs/figures.sh
set -u -o pipefail

self=figures
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"
cd "$root" || exit 1

[[ -x build/sgdsweep ]] || die "no build/sgdsweep: bash jobs/quickstart.sh builds it"
python_find || die "no Python with ${needed_python[*]}; set SGDSWEEP_PYTHON to one that has them"
mpi_environment

for grid in paper paper-fixed mechanism; do
    mpirun -n "$(cores)" build/sgdsweep run "jobs/$grid.yaml" --yes -o "build/$grid.h5" || die "jobs/$grid.yaml: exit code $?"
done

# draw_as NAME GRID KIND [OPTIONS]: small enough for a README
draw_as() {
    "$python" -m analysis figure "build/$2.h5" --kind "$3" -o "analysis/pictures/$1.png" --dpi 75 "${@:4}" ||
        die "the figure $1 failed"
}

# draw GRID KIND [OPTIONS]: under the name of its kind
draw() { draw_as "$2" "$@"; }

mkdir -p analysis/pictures
draw paper batch-size
draw_as fixed-step paper-fixed batch-size
draw paper phase --where dimension=128
draw paper collapse
draw mechanism shares --where activation=relu --where dimension=16 --where step_value=0.2 --where batch=1,n-1,n
draw mechanism walk
