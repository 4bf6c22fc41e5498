#!/usr/bin/env bash
# All tests: installs what they need, builds in build-tests/ with warnings as errors, runs CTest.
#
#   bash tests/run.sh [--no-install] [--full] [options of ctest...]
#
# For example -L unit, -R store, --rerun-failed. --full: the long tiers too (SGDSWEEP_TEST_FULL=1 for the tests).
set -u -o pipefail

self=tests
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"
cd "$root" || exit 1
build="build-tests"

install=1
options=()
for argument in "$@"; do
    case $argument in
        --no-install) install=0 ;;
        --full) export SGDSWEEP_TEST_FULL=1 ;;
        -h | --help)
            say "usage: bash tests/run.sh [--no-install] [--full] [options of ctest...]"
            exit 0
            ;;
        *) options+=("$argument") ;;
    esac
done

if ((install)); then
    packages_install "${packages_build[@]}" "${packages_analysis[@]}" "${packages_tests[@]}"
    # In a subshell: without a Slurm its tests are skipped, and say so.
    (packages_install "${packages_slurm[@]}") || say "the tests of the Slurm scripts will be skipped"
    [[ -z ${SGDSWEEP_TEST_FULL:-} ]] || packages_install "${packages_emulated[@]}"
fi
python_find || die "no Python with ${needed_python[*]}; set SGDSWEEP_PYTHON to one that has them"

SGDSWEEP_PYTHON=$(command -v "$python") && export SGDSWEEP_PYTHON
cmake --preset dev -B "$build" -DSGDSWEEP_TREES=ON || die "configuring failed, see above"
cmake --build "$build" --parallel "$(nproc)" || die "building failed, see above"

# One folder for everything that killed MPI jobs leave behind. Short: the paths of MPI's sockets have 108 bytes.
TMPDIR=$(mktemp -d /tmp/sgs.XXXXXX) || die "no temporary folder"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
mpi_environment
ctest --test-dir "$build" --no-tests=error --output-on-failure -j $((4 * $(nproc) + 3)) "${options[@]}"
