#!/usr/bin/env bash
# Prints flags for conform --cflags with which gcc need not read <immintrin.h> anew for each package for this machine: it
# takes a third of a second, more than most of them. Nothing where the compiler is not gcc. Packages for `generic`, which
# never read it, are built without, and so show an #include that is missing.
#   tests/conform/precompiled.sh FOLDER "FLAGS"        the flags that the packages will be built with
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1" && cd "$1"
"${TENON:-$root/build/release/tenon}" compile "$root/samples/digits/digits.onnx" -o package --target native >/dev/null
cflags=$(sed -nE 's/.*"cflags": "([^"]*)".*/\1/p' package/digits_report.json | head -n 1)
if cc --version | grep -qi clang || ! grep -qw avx2 /proc/cpuinfo; then
    exit
fi
echo '#include <immintrin.h>' >vectors.h
# shellcheck disable=SC2086
cc $cflags $2 -fPIC -x c-header -o vectors.h.gch vectors.h
echo "-include $PWD/vectors.h"
