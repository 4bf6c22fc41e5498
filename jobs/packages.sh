# shellcheck shell=bash disable=SC2034 # the lists are for those who source this
# What the project needs from Debian 12, and how it gets there: the one place for package names. Sourced by
# jobs/quickstart.sh and tests/run.sh, which set `self` to their name for messages.
#
# Nothing here touches the network when everything is there, and nothing is removed or upgraded.

packages_build=(gcc libc6-dev cmake make ninja-build pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev
    libgsl-dev librandom123-dev libsleef-dev libfyaml-dev libxxhash-dev libisal-dev libjansson-dev)
packages_analysis=(python3 python3-numpy python3-h5py python3-h5netcdf python3-xarray python3-matplotlib python3-scipy)
packages_tests=(libcmocka-dev libsimde-dev clang libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck
    python3-netcdf4 hdf5-tools netcdf-bin r-base-core r-cran-ncdf4 python3-plotly python3-selenium chromium
    chromium-driver)
packages_slurm=(slurm-wlm munge)
packages_emulated=(qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross)

# The same needs as tools, pkg-config modules, headers and Python modules, for machines without these packages.
needed_tools=(cmake mpicc mpirun pkg-config)
needed_modules=(hdf5-openmpi gsl libfyaml libxxhash libisal jansson)
needed_headers=(sleef.h Random123/threefry.h)
needed_python=(numpy h5netcdf xarray matplotlib scipy)

say() { printf '%s\n' "$*"; }

# die REASON...: one line, exit 1
die() {
    printf '%s: %s\n' "${self:-$0}" "$*" >&2
    exit 1
}

# packages_missing NAME...: prints those that are not installed, one a line
packages_missing() {
    comm -23 <(printf '%s\n' "$@" | sort -u) \
        <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

# packages_install NAME...: installs what is missing; returns at once, without a network access, when nothing is
packages_install() {
    local missing as_root=() log
    command -v dpkg-query >/dev/null ||
        die "this is not a Debian system: provide the tools yourself and use --no-install"
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "not root and no sudo; ask an administrator for: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    log=$(mktemp) || die "no temporary file"
    if ! { "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
            install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        die "apt-get failed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log") (log: $log)"
    fi
    rm -f "$log"
}

# python_find: sets `python` to the first interpreter that has the modules of needed_python; returns 1 if none has
python_find() {
    local candidate probe='import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))'
    for candidate in "${SGDSWEEP_PYTHON:-}" python3 /usr/bin/python3; do
        if [[ -n $candidate ]] && "$candidate" -c "$probe" "${needed_python[@]}" >/dev/null 2>&1; then
            python=$candidate
            return 0
        fi
    done
    return 1
}

header_there() {
    echo "#include <$1>" | "${CC:-cc}" -E -x c - >/dev/null 2>&1 && return 0
    local prefix prefixes=${CMAKE_PREFIX_PATH:-}
    for prefix in ${prefixes//[:;]/ }; do
        [[ -e $prefix/include/$1 ]] && return 0
    done
    return 1
}

# needs_missing: prints everything that a build and the analysis need and that is not there, one a line
needs_missing() {
    local name
    for name in "${needed_tools[@]}"; do
        command -v "$name" >/dev/null || say "$name"
    done
    command -v "${CC:-cc}" >/dev/null || say "a C compiler (${CC:-cc})"
    command -v ninja >/dev/null || command -v make >/dev/null || say "ninja or make"
    for name in "${needed_modules[@]}"; do
        pkg-config --exists "$name" 2>/dev/null || say "library $name (pkg-config)"
    done
    for name in "${needed_headers[@]}"; do
        header_there "$name" || say "header $name"
    done
    python_find || say "a Python with ${needed_python[*]} (SGDSWEEP_PYTHON names one)"
}

# cores: physical cores that this process may use
cores() {
    local physical available
    available=$(nproc)
    physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
    echo $((physical > 0 && physical < available ? physical : available))
}

# mpi_environment: lets mpirun start as root, in containers and beside other jobs, without a page of text on a failure
mpi_environment() {
    export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_orte_execute_quiet=1
    if ((EUID == 0)); then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
}
