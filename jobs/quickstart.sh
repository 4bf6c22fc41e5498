#!/usr/bin/env bash
# From a fresh clone to a picture: installs what is missing, builds a release in build/, runs jobs/quickstart.yaml with
# one rank per core, draws build/quickstart.png and prints whether the paper's claims hold. Again: only what is not done.
#
#   bash jobs/quickstart.sh [--no-install]
#
# --no-install: install nothing (clusters with modules); everything that is missing is named at once. Environment:
# SGDSWEEP_PYTHON: a Python with xarray, h5netcdf and matplotlib. CC: the C compiler for a new build/.
set -u -o pipefail

self=quickstart
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"

usage="usage: bash jobs/quickstart.sh [--no-install]"
install=1
for argument in "$@"; do
    case $argument in
        --no-install) install=0 ;;
        -h | --help)
            say "$usage"
            exit 0
            ;;
        *)
            say "$self: unknown argument '$argument'; $usage" >&2
            exit 2
            ;;
    esac
done

# Relative paths from here on: what is printed can be typed.
cd "$root" || exit 1
build=build grid=jobs/quickstart.yaml file=build/quickstart.h5 picture=build/quickstart.png log=build/quickstart.log

# quietly WHAT COMMAND...: output goes to the log; a failure ends the script with one line that holds the first error
quietly() {
    local what=$1 start reason
    shift
    start=$(wc -l <"$log")
    "$@" >>"$log" 2>&1 && return 0
    reason=$(tail -n +$((start + 1)) "$log" | grep -m 1 -A 3 -E "[Ee]rror: |CMake Error|undefined reference" | tr -s " \n" " ")
    die "$what failed: ${reason:-no error text} (log: $log)"
}

need() {
    if ((install)); then
        packages_install "${packages_build[@]}" "${packages_analysis[@]}"
    else
        local missing
        mapfile -t missing < <(needs_missing)
        ((${#missing[@]} == 0)) || die "missing: $(printf '%s; ' "${missing[@]}" | sed 's/; $//')"
    fi
    python_find || die "no Python with ${needed_python[*]}; set SGDSWEEP_PYTHON to one that has them"
}

compile() {
    local generator=()
    if [[ ! -e $build/CMakeCache.txt ]]; then
        if command -v ninja >/dev/null; then generator=(-G Ninja); fi
        say "Building in $build/ ..."
    fi
    quietly "configuring" cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release
    quietly "building" cmake --build "$build" --target sgdsweep --parallel "$(nproc)"
}

sweep() {
    local ranks progress=log status
    ranks=$(cores)
    if [[ -t 1 ]]; then progress=bar; fi
    mpi_environment
    say "mpirun -n $ranks $build/sgdsweep run $grid -o $file"
    mpirun -n "$ranks" "$build/sgdsweep" run "$grid" -o "$file" --progress "$progress"
    status=$?
    case $status in
        0) ;;
        75) die "the sweep was stopped; the same command goes on where it stopped" ;;
        2) die "the sweep was refused, see above; if $grid or the program changed since, remove $file and its .log" ;;
        *) die "the sweep failed with exit code $status, see above" ;;
    esac
}

analyse() {
    "$python" -m analysis figure "$file" -o "$picture" || die "the figure failed, see above"
    "$python" -m analysis claims "$file"
    case $? in
        0) ;;
        1) die "one of the paper's claims does not hold, see above" ;;
        *) die "the claims could not be judged, see above" ;;
    esac
}

mkdir -p "$build" || die "cannot write to $root"
: >"$log" || die "cannot write $log"
need
compile
sweep
analyse
cat <<END

Picture   $root/$picture
Results   $root/$file   (HDF5 and netCDF-4; events in $file.log)
Program   $root/$build/sgdsweep
Next      $build/sgdsweep status $file
          cp $grid my.yaml, edit it, $build/sgdsweep plan my.yaml
          mpirun -n $(cores) $build/sgdsweep run my.yaml -o my.h5
          $python -m analysis figure my.h5 -o my.png
END
