#!/usr/bin/env bash
# Writes tests/conform/README.md: what passes of ONNX's own vectors. With --check it says instead how the file differs.
#   tests/conform/readme.sh [--check] VECTORS/node ONNX/backend/test/data       the second folder is in the onnx package
set -euo pipefail
check=
[ "$1" = --check ] && check=1 && shift
root=$(cd "$(dirname "$0")/../.." && pwd)
file=$root/tests/conform/README.md
made=$(mktemp)
trap 'rm -f "$made"' EXIT
{
    cat <<'HEAD'
# ONNX's own vectors

What passes: in the interpreter and, by `tests/run.sh`, compiled to C under the strict flags, `node` also for `generic` with every
undefined operation a trap. The tolerance is that of ONNX's backend test (rtol 1e-3; 1e-2 for 16-bit floats). `node` are the 1,802
operator vectors of `shared/models/onnx-node-vectors`, the other sets those that the `onnx` package carries. Written by
`tests/conform/readme.sh`, and held true by `tests/run.sh`. A vector counts for each operator in its model's graph.

HEAD
    "$root/build/release/tests/conform" --markdown --jobs "$(nproc)" --deny "$root/tests/conform/deny.txt" \
        "$1" "$2/pytorch-converted" "$2/pytorch-operator" "$2/simple"
} >"$made"
sed -i -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$made" # no empty lines at the end
if [ -n "$check" ]; then
    diff "$file" "$made" && echo "README.md is true"
else
    cp "$made" "$file"
fi
