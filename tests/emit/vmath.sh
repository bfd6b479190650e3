#!/usr/bin/env bash
# tn_vmath.h: errors in units of the last place; tn_bytes.h: conversions and dot products of bytes; tn_half.h: 16-bit floats;
# tn_port.h: fixed point. With every vector width that this processor runs, gcc and clang, with and without fused multiply-add.
# tn_fmath.h: errors of its functions, and the same bits as tn_vmath.h's.
#   tests/emit/vmath.sh [STEP]     1: all floats (2 minutes a width), 1009 in CI
source "$(dirname "$0")/../check.sh"
step=${1:-1009}
flags="-std=c99 -O2 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -Wcast-align -Werror -I$root/runtime_min"

measure() { # COMPILER LANES FLAG...
    # shellcheck disable=SC2086
    "$1" $flags -DN="$2" "${@:3}" "$here/vmath.c" -o vmath -lm && ./vmath "$step" &&
        "$1" $flags -DN="$2" "${@:3}" "$here/bytes.c" -o bytes && ./bytes &&
        "$1" $flags -DN="$2" "${@:3}" "$here/fixed.c" -o fixed && ./fixed &&
        "$1" $flags -DN="$2" "${@:3}" "$here/half.c" -o half && ./half "$step"
}

vectors() { # LANES PROCESSOR-FLAG FLAG...
    local cc name
    for cc in gcc clang; do
        name="$cc $1 lanes ${*:3}"
        if ! has $cc; then
            skip "$name" "not installed"
        elif [ -n "$2" ] && ! grep -qw "$2" /proc/cpuinfo; then
            skip "$name" "not on this machine"
        else
            check "$name" measure $cc "$1" "${@:3}"
        fi
    done
}

scalars() { # COMPILER LANES FLAG...
    # shellcheck disable=SC2086
    "$1" $flags -ffp-contract=off -Wvla -Wdouble-promotion -Wstrict-prototypes -Wmissing-prototypes -DN="$2" "${@:3}" "$here/fmath.c" \
        -o fmath -lm && ./fmath "$step"
}

vectors 4 ""
vectors 4 sse4_1 -march=x86-64-v2
vectors 8 avx2 -march=x86-64-v3 -ffp-contract=fast
vectors 8 avx2 -march=x86-64-v3 -ffp-contract=off
vectors 16 avx512bw -march=x86-64-v4 -ffp-contract=fast
vectors 16 avx512_vnni -march=x86-64-v4 -mavx512vnni -ffp-contract=fast
vectors 8 avx512_vnni -march=x86-64-v4 -mavx512vnni -ffp-contract=fast
vectors 8 avx_vnni -march=x86-64-v3 -mavxvnni -ffp-contract=fast
fixed_sanitized() { # COMPILER
    # shellcheck disable=SC2086
    "$1" $flags -DN=8 -fsanitize=undefined -fno-sanitize-recover=all "$here/fixed.c" -o fixed && ./fixed
}
for cc in gcc clang; do
    if has $cc; then
        check "$cc, fixed point, sanitized" fixed_sanitized $cc
        check "$cc, functions of single floats" scalars $cc 8
        check "$cc, functions of single floats, sanitized" scalars $cc 0 -fsanitize=undefined -fno-sanitize-recover=all
    else
        skip "$cc, functions of single floats" "not installed"
    fi
done
if has aarch64-linux-gnu-gcc && has qemu-aarch64-static; then
    arm_half() {
        # shellcheck disable=SC2086
        aarch64-linux-gnu-gcc $flags -static -DN=4 "$here/half.c" -o half && qemu-aarch64-static ./half $((step * 31))
    }
    arm_fixed() {
        # shellcheck disable=SC2086
        aarch64-linux-gnu-gcc $flags -static -DN=4 "$here/fixed.c" -o fixed && qemu-aarch64-static ./fixed
    }
    check "aarch64-linux-gnu-gcc, 16-bit floats" arm_half
    check "aarch64-linux-gnu-gcc, fixed point" arm_fixed
else
    skip "aarch64-linux-gnu-gcc, 16-bit floats and fixed point" "not installed, or no qemu"
fi
vectors 16 "" # wider than the processor's vectors: plain C
finish
