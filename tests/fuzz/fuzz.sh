#!/usr/bin/env bash
# One fuzzer for some seconds, under ASan and UBSan, from the corpus here and all that the tests have of its kind: the ONNX
# vectors' models, the TFLite cases. What it finds new stays in build/found, where the next run goes on; what breaks
# something lies there as crash-*, and goes into corpus/ with its cure. The same seed makes the same changes.
#   cmake --preset fuzz && cmake --build --preset fuzz
#   tests/fuzz/fuzz.sh onnx|tflite|npz SECONDS [SEED]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kind=$1 seconds=$2 seed=${3:-1}
found=$root/build/found/$kind
vectors=$root/../shared/models/onnx-node-vectors/onnx-node-1802-6be0677fc2.tar.xz
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT

flat() { # FILE NAME-OF-A-PART: the archive's parts of that name, each under a name of its own
    mkdir "$seeds/parts" && tar xf "$1" -C "$seeds/parts" --wildcards "*$2"
    find "$seeds/parts" -type f | sort | awk -v to="$seeds" '{ printf "%s\n%s/%05d\n", $0, to, NR }' | xargs -n 2 mv
    rm -r "$seeds/parts"
}

case $kind in
onnx) [ ! -r "$vectors" ] || flat "$vectors" /model.onnx ;;
tflite | npz) flat "$root/tests/tflite/cases.tar.xz" ".$kind" ;;
esac
mkdir -p "$found"
"$root/build/fuzz/tests/fuzz/fuzz_$kind" -seed="$seed" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="$found/" "$found" "$here/corpus/$kind" "$seeds" >"$found.log" 2>&1 ||
    { grep -E 'runtime error|ERROR:|SUMMARY|Test unit' "$found.log"; exit 1; }
[ "$(find "$here/corpus/$kind" "$seeds" -type f | wc -l)" -gt 0 ] || exit 1
grep -E '^Done [0-9]+ runs' "$found.log"
