#!/usr/bin/env bash
# tn_vmath.h: errors in units of the last place; tn_bytes.h: conversions and dot products of bytes. With every vector
# width that this processor runs, gcc and clang, with and without fused multiply-add.   tests/emit/vmath.sh [STEP]     1: all floats (2 minutes a width), 1009 in CI
set -u
cd "$(dirname "$0")/../.."
step=${1:-1009}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0
skipped=0

# check LANES PROCESSOR-FLAG FLAGS...
check() {
    local lanes=$1 feature=$2
    shift 2
    if [ -n "$feature" ] && ! grep -qw "$feature" /proc/cpuinfo; then
        skipped=$((skipped + 1))
        return
    fi
    for cc in gcc clang; do
        command -v $cc >/dev/null || { skipped=$((skipped + 1)); continue; }
        local flags="-std=c99 -O2 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -Wcast-align -Werror -DN=$lanes -Iruntime_min"
        if $cc $flags "$@" tests/emit/vmath.c -o "$scratch/vmath" -lm && "$scratch/vmath" "$step" \
            && $cc $flags "$@" tests/emit/bytes.c -o "$scratch/bytes" && "$scratch/bytes"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED $cc $lanes lanes $*"
        fi
    done
}
check 4 ""
check 8 avx2 -march=x86-64-v3 -ffp-contract=fast
check 8 avx2 -march=x86-64-v3 -ffp-contract=off
check 16 avx512bw -march=x86-64-v4 -ffp-contract=fast
check 16 avx512_vnni -march=x86-64-v4 -mavx512vnni -ffp-contract=fast
check 8 avx512_vnni -march=x86-64-v4 -mavx512vnni -ffp-contract=fast
check 8 avx_vnni -march=x86-64-v3 -mavxvnni -ffp-contract=fast
check 16 "" # wider than the processor's vectors: plain C
[ $skipped -gt 0 ] && echo "$skipped skipped: not on this machine"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
