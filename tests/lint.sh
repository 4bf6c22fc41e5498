#!/usr/bin/env bash
# Static checks of everything in the repository. Prints every finding; exit 1 if there is any.
#
#   bash tests/lint.sh [format|tidy|cppcheck|shell|includes|python]... [--build DIR]
#
# --build: a configured build tree (for its compile_commands.json), default build-tests.
# shellcheck disable=SC2317 # the checks are called by name
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build="build-tests"
checks=()
while (($#)); do
    case $1 in
        --build)
            build=${2:?--build needs a folder}
            shift
            ;;
        *) checks+=("$1") ;;
    esac
    shift
done
((${#checks[@]})) || checks=(format includes shell python cppcheck tidy)

mapfile -t sources < <(find include src tests -name '*.c' -o -name '*.h' | sort)
mapfile -t scripts < <(find jobs tests .ci -name '*.sh' -o -name '*.sbatch' -o -path .ci/run | sort)
mapfile -t compiled < <(find src tests -name '*.c' | sort)

check_format() {
    local file bad=0
    for file in "${sources[@]}"; do
        clang-format --dry-run -Werror "$file" 2>/dev/null && continue
        echo "$file: not formatted: clang-format -i $file"
        bad=1
    done
    return "$bad"
}

# The files that the tree compiles; a source that no target compiles would be checked with made-up flags.
check_tidy() {
    local output
    output=$(sed -n 's/^ *"file": "\(.*\)".*/\1/p' "$build/compile_commands.json" | sort -u |
        xargs -P "$(nproc)" -n 2 clang-tidy --quiet -p "$build" 2>/dev/null) && return 0
    grep -v '^$' <<<"$output"
    return 1
}

check_cppcheck() {
    cppcheck --quiet -j "$(nproc)" --std=c11 --error-exitcode=1 --inline-suppr --library=posix \
        --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=readdirCalled \
        -D_GNU_SOURCE -D__x86_64__ -DSGDSWEEP_VERSION='""' -DSGDSWEEP_BUILD='""' -I include "${compiled[@]}"
}

check_shell() { shellcheck -x "${scripts[@]}"; }

check_python() {
    find analysis tests jobs -name '*.py' -print0 | xargs -0 -r "${PYTHON:-python3}" -c '
import ast, sys
bad = 0
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    ast.parse(text, path)
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 120 or line != line.rstrip() or "\t" in line:
            print(f"{path}:{number}: longer than 120, trailing space or a tab")
            bad = 1
sys.exit(bad)
'
}

# Includes point one way: cli -> fleet -> {sched, train, store} -> decide -> {grid, model} -> base. A module may include its own
# private headers and the public headers of what is below it.
declare -A below=(
    [base]="base"
    [model]="model base"
    [grid]="grid model base"
    [train]="train model base"
    [decide]="decide grid model base"
    [store]="store decide grid model base"
    [sched]="sched grid model base"
    [fleet]="fleet sched train store decide grid model base"
    [cli]="fleet sched train store decide grid model base"
)

# What belongs to some modules only: pattern of the header, then the modules.
libraries=(
    '<mpi\.h>|fleet store cli'
    '<hdf5(_hl)?\.h>|store'
    '<gsl/|model train decide sched'
    '<libfyaml\.h>|grid'
    '<jansson\.h>|store fleet cli'
    '<Random123/|model train'
    '<sleef\.h>|model grid train' # train: the logarithms of the walk
)

# includes_of FILE: the headers it includes, as written, with line numbers: LINE:<mpi.h>
includes_of() { sed -n -E 's/^[[:space:]]*#[[:space:]]*include[[:space:]]+([<"][^>"]+[>"]).*/\1/p' "$1"; }

allowed() { [[ " $2 " == *" $1 "* ]]; }

check_includes_of() {
    local module=$1 file=$2 header used rule pattern modules bad=0
    while read -r header; do
        if [[ $header =~ ^[\<\"]sgdsweep/([a-z]+)\.h ]]; then
            used=${BASH_REMATCH[1]}
        elif [[ $header =~ ^\"(\.\./)?([a-z]+)/[a-z_]+\.h ]]; then
            used=${BASH_REMATCH[2]}
        else
            used=
        fi
        if [[ -n $used ]] && ! allowed "$used" "${below[$module]}"; then
            echo "$file: $module must not include $header"
            bad=1
        fi
        for rule in "${libraries[@]}"; do
            pattern=${rule%|*} modules=${rule##*|}
            if [[ $header =~ ^$pattern ]] && ! allowed "$module" "$modules"; then
                echo "$file: $header belongs to: $modules"
                bad=1
            fi
        done
    done < <(includes_of "$file")
    return "$bad"
}

check_includes() {
    local file module bad=0
    for file in "${sources[@]}"; do
        case $file in
            include/sgdsweep/*) module=$(basename "$file" .h) ;;
            src/*) module=${file#src/} module=${module%%/*} ;;
            *) continue ;;
        esac
        if [[ -z ${below[$module]:-} ]]; then
            echo "$file: unknown module $module; tests/lint.sh lists them"
            bad=1
        else
            check_includes_of "$module" "$file" || bad=1
        fi
    done
    return "$bad"
}

failed=0
for check in "${checks[@]}"; do
    if ! declare -F "check_$check" >/dev/null; then
        echo "lint: unknown check '$check'" >&2
        exit 2
    fi
    if "check_$check"; then
        echo "lint: $check: clean"
    else
        echo "lint: $check: FAILED" >&2
        failed=1
    fi
done
exit $failed
