#!/usr/bin/env bash
# What tests in shell share: sourced by them, not run. Goes to an empty folder, $work, which is gone at the end, and gives
#   root, here, tenon    the checkout, the script's folder, the compiler (TENON=build/release/tenon)
#   flags                what generated code must compile under without a warning
#   check NAME COMMAND   runs the command in this shell, counts it, shows its output when it fails (show_failure)
#   skip NAME WHY        counts what cannot be tested here; has COMMAND: whether it is installed
#   thorough             whether ALL=1 is set: also what a run of all tests has no time for
#   finish               prints the counts; false when a check failed
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
tenon=$(realpath "${TENON:-$root/build/release/tenon}")
# shellcheck disable=SC2034
flags="-std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wvla -Wdouble-promotion -Wundef -Wcast-align
    -Wstrict-prototypes -Wmissing-prototypes -Werror"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0 skipped=0

check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name"
        show_failure | sed 's/^/#   /'
    fi
}

show_failure() { # a test may have its own
    head -n 15 "$work/log"
    tail -n +16 "$work/log" | tail -n 15
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

has() { command -v "$1" >"$work/where" 2>&1; }

thorough() { [ -n "${ALL:-}" ]; }

finish() {
    [ "$skipped" -eq 0 ] || echo "$skipped skipped"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
