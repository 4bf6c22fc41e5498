#!/usr/bin/env bash
# The trainer for another architecture, built with its Debian libraries in a folder and run by qemu: the same bits there.
# Installs nothing; needs the packages that the line below names and a network.
#
#   bash tests/property/emulated.sh aarch64|s390x FOLDER [TEST...]       default: test_golden
set -u -o pipefail

self=emulated
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
# shellcheck source=jobs/packages.sh
. "$root/jobs/packages.sh"
(($# >= 2)) || die "usage: emulated.sh aarch64|s390x FOLDER [TEST...]"
machine=$1 folder=$2
shift 2
tests=("$@")
((${#tests[@]})) || tests=(test_golden)
case $machine in
    aarch64) debian=arm64 ;;
    s390x) debian=s390x ;;
    *) die "no machine '$machine'; accepted: aarch64, s390x" ;;
esac
compiler="$machine-linux-gnu-gcc"
for tool in "$compiler" "qemu-$machine"; do
    command -v "$tool" >/dev/null && continue
    say "skipped, $tool is missing: apt-get install qemu-user gcc-$machine-linux-gnu libc6-dev-$debian-cross"
    exit 77
done

# A private state of apt, so that the machine's own knows of no other architecture.
rm -rf "$folder"/{objects,libraries} "$folder"/*.deb
mkdir -p "$folder"/{lists,cache/archives}/partial "$folder"/{libraries,objects,include} && cd "$folder" || exit 1
folder=$PWD
: >status
apt=(apt-get -qq -o APT::Architecture="$debian" -o APT::Architectures="$debian" -o Dir::State="$folder"
    -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root)
libraries=(libsleef-dev libsleef3 libxxhash-dev libxxhash0 libisal-dev libisal2 libgsl-dev libgsl27 libgslcblas0
    libcmocka-dev libcmocka0)
if ! { "${apt[@]}" update && "${apt[@]}" download "${libraries[@]}"; }; then
    die "no libraries for $debian"
fi
for package in *.deb; do
    dpkg-deb -x "$package" libraries || exit 1
done
cp -r /usr/include/Random123 include/ || exit 1

there=$folder/libraries/usr/lib/$machine-linux-gnu
flags=(-std=gnu11 -O2 -fopenmp-simd -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-trapping-math
    -I "$root/include" -I "$root/src" -isystem include -isystem libraries/usr/include
    -isystem "libraries/usr/include/$machine-linux-gnu")
for source in "$root"/src/{base,model,train}/*.c; do
    "$compiler" "${flags[@]}" -DSGS_ISA=baseline -c "$source" -o "objects/$(basename "$source" .c).o" || exit 1
done
for name in "${tests[@]}"; do
    "$compiler" "${flags[@]}" "$root/tests/property/$name.c" objects/*.o -o "$name" -L "$there" \
        -Wl,-rpath-link,"$there" -lsleef -lxxhash -lisal -lgsl -lgslcblas -lcmocka -lm || exit 1
    QEMU_LD_PREFIX="/usr/$machine-linux-gnu" "qemu-$machine" -E LD_LIBRARY_PATH="$there" "./$name" || exit 1
done
