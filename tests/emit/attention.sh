#!/usr/bin/env bash
# Attention over 2048 keys: the scores of both heads would take 32 MiB, and the workspace must not hold them, nor the mask
# of the causal order. Results have the bits of those without blocks of rows; a small one, in blocks that do not divide the
# queries evenly, is compared with the interpreter over whole scores (the package's self-test).
#   TENON=build/release/tenon tests/emit/attention.sh
source "$(dirname "$0")/../check.sh"

scores=$((2 * 2048 * 2048 * 4))
whole="--pass-config attention.rows=0"

compile() { # FOLDER OPTION...
    "$tenon" compile "$here/attention.tg" --module-name att -o "$1" "${@:2}"
}

workspace() { # FOLDER: bytes
    sed -n 's/^#define ATT_WORK_SIZE *\([0-9]*\).*/\1/p' "$1/att.h"
}

needs() { # FOLDER -lt|-ge BYTES
    [ "$(workspace "$1")" "$2" "$3" ]
}

same_bits() { # FOLDER FOLDER
    "$tenon" run "$1" -o "$1-out" && "$tenon" run "$2" -o "$2-out" && cmp "$1-out/output_0.pb" "$2-out/output_0.pb"
}

passes_selftest() { # FOLDER OPTION...
    "$tenon" compile "$here/attention_small.tg" --module-name small --pass-config attention.rows=77 -o "$1" "${@:2}" &&
        printf 'all: small_selftest\nSMALL_OBJDIR := objects-%s\ninclude %s/Makefile.inc\n' "$1" "$1" >"$1.mk" &&
        make -s -f "$1.mk"
}

for target in generic x86-64 native; do
    # shellcheck disable=SC2086
    check $target-without-blocks compile $target-whole --target $target $whole
    check $target-holds-scores needs $target-whole -ge $scores
    for threads in 1 3; do
        p=$target-$threads
        check $p-compiles compile $p --target $target --threads $threads
        check $p-workspace needs $p -lt $((scores / 8))
        check $p-same-bits same_bits $p $target-whole
        check $p-small passes_selftest $p-small --target $target --threads $threads
    done
done
finish
