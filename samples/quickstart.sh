#!/usr/bin/env bash
# From nothing to a running network: builds Tenon, compiles the digits model to C, builds that C with nothing but
# cc -std=c99 -lm, and classifies real handwritten digits. Debian 12, root or sudo.
#   samples/quickstart.sh          into build/quickstart
#   samples/quickstart.sh --test   fails when the accuracy is not that of the trained model (352 of 360)
set -eu
cd "$(dirname "$0")/.."
out=build/quickstart

toolchain/setup.sh build
[ -x build/release/tenon ] || cmake --preset release -DTENON_TESTS=OFF >/dev/null
cmake --build --preset release --target tenon >/dev/null

build/release/tenon compile samples/digits/digits.onnx -o "$out/digits"
cc -std=c99 -O2 -Wall -Wextra -pedantic -I"$out/digits" -o "$out/digits_app" samples/digits/digits.c "$out"/digits/digits.c \
    "$out"/digits/digits_weights.c -lm
"$out/digits_app" samples/digits/test_images.bin samples/digits/test_labels.bin | tee "$out/digits.txt"
echo "program:  $(size "$out/digits_app" | awk 'NR == 2 { print $1 }') bytes of code and constants, the weights among them"
echo "files:    $out/digits: $(ls "$out/digits" | xargs)"

if [ "${1:-}" = --test ]; then
    grep -q '352' "$out/digits.txt"
fi
