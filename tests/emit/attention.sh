#!/usr/bin/env bash
# Attention over 2048 keys: the scores of both heads would take 32 MiB, and the workspace must not hold them, nor the mask
# of the causal order. Results have the bits of those without blocks of rows; a small one, in blocks that do not divide the
# queries evenly, is compared with the interpreter over whole scores (the package's self-test); so is one whose four heads
# share two heads of keys, where the workspace must not hold the scores either.
#   TENON=build/release/tenon tests/emit/attention.sh
source "$(dirname "$0")/../check.sh"

scores=$((2 * 2048 * 2048 * 4))
whole="--pass-config attention.rows=0"

compile() { # FOLDER OPTION...
    "$tenon" compile "$here/attention.tg" --module-name att -o "$1" "${@:2}"
}

workspace() { # FOLDER: bytes
    sed -n 's/^#define [A-Z]*_WORK_SIZE *\([0-9]*\).*/\1/p' "$1"/*.h
}

needs() { # FOLDER -lt|-ge BYTES
    [ "$(workspace "$1")" "$2" "$3" ]
}

same_bits() { # FOLDER FOLDER
    "$tenon" run "$1" -o "$1-out" && "$tenon" run "$2" -o "$2-out" && cmp "$1-out/output_0.pb" "$2-out/output_0.pb"
}

passes_selftest() { # FOLDER small|shared OPTION...
    "$tenon" compile "$here/attention_$2.tg" --module-name "$2" --pass-config attention.rows=77 -o "$1" "${@:3}" &&
        printf 'all: %s_selftest\n%s_OBJDIR := objects-%s\ninclude %s/Makefile.inc\n' "$2" "${2^^}" "$1" "$1" >"$1.mk" &&
        make -s -f "$1.mk"
}

half_scores_take_less() { # TARGET
    compile "$1-half" --target "$1" --mixed-precision && needs "$1-half" -lt "$(workspace "$1-1")"
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
        check $p-small passes_selftest $p-small small --target $target --threads $threads
        check $p-mixed passes_selftest $p-mixed small --target $target --threads $threads --mixed-precision
        check $p-shared passes_selftest $p-shared shared --target $target --threads $threads
        check $p-shared-workspace needs $p-shared -lt $((4 * 300 * 300 * 4))
    done
    check $target-half-scores half_scores_take_less $target
done
finish
