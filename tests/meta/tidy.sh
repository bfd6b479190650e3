#!/usr/bin/env bash
# The style and the mistakes that tools see: clang-format changes nothing, clang-tidy (.clang-tidy) has nothing to say.
#   tests/meta/tidy.sh          after cmake --preset release && cmake --build --preset release; the last line counts
#   tests/meta/tidy.sh deep     with clang-analyzer, on all files; or on the files named after "deep"
source "$(dirname "$0")/../check.sh"
cd "$root" || exit 1
mode=${1:-quick}
[ $# -gt 0 ] && shift

show_failure() { grep -E 'warning:|error:' "$work/log" | sed "s|$PWD/||" | sort -u | head -60; }

formatted() { find compiler runtime_min tests toolchain -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror; }

# The files of the release build; asserts stay on, since they tell the analyzer what cannot be.
tidy() { # CHECKS FILE...
    local checks=$1
    shift
    printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 4 clang-tidy --quiet -p build/release --extra-arg=-UNDEBUG --checks="$checks"
}

compiled() { sed -nE 's|.*"file": "'"$PWD"'/([^"]*)".*|\1|p' build/release/compile_commands.json | grep -v '^build/' | sort -u; }

[ -r build/release/compile_commands.json ] || { echo "build the preset release first"; exit 1; }
mapfile -t files < <(compiled)
[ $# -gt 0 ] && files=("$@")
check clang-format formatted
case $mode in
deep) check clang-tidy-and-analyzer tidy "" "${files[@]}" ;;
*) check clang-tidy tidy "-clang-analyzer-*" "${files[@]}" ;;
esac
finish
