#!/usr/bin/env bash
# Builds this sample in a temporary folder with make, for both digits models, and checks the printed digit.
#   TENON=build/release/tenon CC=cc samples/makefile/test.sh
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
TENON=$(realpath "${TENON:-$here/../../build/release/tenon}") || exit 1
export TENON
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$here" || exit 1
passed=0 failed=0

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name"
        sed 's/^/#   /' "$work/log" | head -20
    fi
}

answers() { make -s run BUILD="$1" MODEL="$2" >"$1.out" && grep -qx 'this is a 6 (right)' "$1.out"; }
tests_itself() { make -s selftest BUILD="$1" MODEL="$2"; }
is_up_to_date() { make -q BUILD="$1" MODEL="$2"; }
cleans() { make -s clean BUILD="$1" && [ ! -e "$1" ]; }

for model in digits digits_int8; do
    check "$model-run" answers "$work/$model" "../digits/$model.onnx"
    check "$model-selftest" tests_itself "$work/$model" "../digits/$model.onnx"
    check "$model-second-make-does-nothing" is_up_to_date "$work/$model" "../digits/$model.onnx"
    check "$model-clean" cleans "$work/$model"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
