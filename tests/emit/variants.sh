#!/usr/bin/env bash
# Packages of several variants: each variant computes the bits of a package for its target alone; the one that runs is the last
# whose instructions the processor has, as qemu's processors show; weights that are alike are there once.
#   TENON=build/release/tenon tests/emit/variants.sh
source "$(dirname "$0")/../check.sh"
shared=$root/../shared/models
digits=$root/samples/digits
levels=x86-64-v2,x86-64-v3,x86-64-v4

compile() { # MODEL NAME FOLDER TARGETS OPTION...
    rm -rf "$3"
    "$tenon" compile "$1" --module-name "$2" -o "$3" --target "$4" "${@:5}"
}

runs_here() { # TARGET
    rm -rf probe && "$tenon" compile "$digits/digits.onnx" -o probe --target "$1" >"$work/where" && "$tenon" run probe >"$work/where" 2>&1
}

# By Makefile.inc, with what it says of flags.
self_test() { # FOLDER NAME FLAGS MAKE-VARIABLE...
    rm -rf objects
    printf 'all: %s_selftest\n%s_OBJDIR := objects\ninclude %s/Makefile.inc\n' "$2" "$(echo "$2" | tr a-z A-Z)" "$1" >mk
    make -s -f mk CPPFLAGS="$3" "${@:4}" | grep 'self-test passed'
}

# --- each variant ----------------------------------------------------------------------------------------------------

# shellcheck disable=SC2086
strict=$(echo $flags)
for params in incbin blob; do
    check "digits-$params-compiles" compile "$digits/digits.onnx" digits "digits-$params" $levels --params $params
    check "digits-$params" self_test "digits-$params" digits "$strict"
done
for model in digits digits_int8; do
    p=$model-const
    check "$p-compiles" compile "$digits/$model.onnx" $model "$p" $levels --params const
    for cc in gcc clang; do
        if has $cc; then check "$p-$cc" self_test "$p" $model "$strict" CC=$cc; else skip "$p-$cc" "not installed"; fi
    done
    check "$model-sanitized" self_test $model-const $model "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    number=0
    for target in ${levels//,/ }; do
        forced() { self_test $model-const $model "-D$(echo $model | tr a-z A-Z)_VARIANT=$number"; }
        same_as_alone() { # the inputs are random, the seed the same
            "$tenon" run "$digits/$model.onnx" --target $levels --fill-mode random -o joined.npz \
                --cflags "-O2 -D$(echo $model | tr a-z A-Z)_VARIANT=$number" &&
                "$tenon" run "$digits/$model.onnx" --target "$target" --fill-mode random -o alone.npz && cmp joined.npz alone.npz
        }
        if runs_here "$target"; then
            check "$model-$target-passes" forced
            check "$model-$target-as-alone" same_as_alone
        else
            skip "$model-$target" "this machine has not its instructions"
        fi
        number=$((number + 1))
    done
done

# Names that differ in a sign only.
check signs-compile compile "$digits/digits.onnx" digits signs "x86-64-v2,x86-64-v3 -mattr=-fma,x86-64-v3 -mattr=+fma" --params const
check signs self_test signs digits "$strict"

check shares-compiles compile "$digits/digits.onnx" digits shares $levels --threads 3 --pass-config parallel.overhead-ns=0
check shares self_test shares digits "$strict" "DIGITS_CFLAGS=-std=c99 -O2 -ffp-contract=fast"
static_library() { # by our own build: a file with its own flags, the others without
    compile "$digits/digits.onnx" digits lib $levels --build static && nm lib/libdigits.a >symbols &&
        [ "$(grep -c ' T digits.*_run$' symbols)" = 4 ] && [ -z "$(ls lib/*.o 2>where)" ]
}
check static-library static_library
exe() { compile "$digits/digits.onnx" digits exe $levels --build exe && exe/digits_test; }
check exe exe
with_cmake() { rm -rf project && cmake -S digits-const -B project && cmake --build project --target digits_run_selftest; }
if has cmake; then check cmake with_cmake; else skip cmake "no cmake"; fi
mlf() { "$tenon" compile "$digits/digits.onnx" -o m.tar --output-format mlf --target $levels && "$tenon" run m.tar; }
check model-library-format mlf
if [ -d "$shared" ]; then
    for name in ic_resnet8_fp32 kws_dscnn_int8_qdq; do
        tests() {
            compile "$shared/mlperf-tiny-onnx/$name.onnx" net net x86-64,x86-64-v3,x86-64-v4-vnni && self_test net net "$strict"
        }
        check $name tests
    done
else
    skip "other models" "no ../shared/models here"
fi

# --- the choice ------------------------------------------------------------------------------------------------------

cat >which.c <<'C'
#include <stdio.h>
#include "digits.h"
int main(void) { return puts(digits_get_info()->target) < 0; }
C
chooses() { # WANTED RUNNER FOLDER: the program is which, built by which_is
    $2 ./which | grep -x -e "$1"
}
which_is() { # FOLDER COMPILER
    local objects=
    rm -f ./*.o
    while read -r source cflags; do
        # shellcheck disable=SC2086
        "$2" -std=c99 -O1 $cflags -c "$1/$source" || return 1
        objects="$objects ${source%.c}.o"
    done < <(cd "$1" && ls digits.c digits_weights.c && sed -nE 's/.*"variants": \[(.*)\],/\1/p' digits_report.json |
        grep -oE '"source": "[^"]*", "cflags": "[^"]*"' | sed -E 's/"source": "([^"]*)", "cflags": "([^"]*)"/\1 \2/')
    # shellcheck disable=SC2086
    "$2" -static -I"$1" -o which which.c $objects -lm
}
if has qemu-x86_64-static; then
    check by-name compile "$digits/digits.onnx" digits by-name x86-64,x86-64-v2,x86-64-v3,x86-64-v4
    for cc in gcc clang; do
        has $cc || continue
        check which-is-$cc which_is by-name $cc
        check which-v2-$cc chooses x86-64-v2 "qemu-x86_64-static -cpu Nehalem"
        check which-first-$cc chooses x86-64 "qemu-x86_64-static -cpu qemu64"
        check which-v3-$cc chooses x86-64-v3 "qemu-x86_64-static -cpu max"
        check which-not-all-$cc chooses x86-64-v2 "qemu-x86_64-static -cpu max,-bmi2" # which v3 needs, among others
        for target in x86-64-v4 x86-64-v3; do
            if runs_here $target; then
                check which-here-$cc chooses $target env
                break
            fi
        done
    done
else
    skip choice "no qemu-x86_64-static"
fi
if has qemu-aarch64-static && has aarch64-linux-gnu-gcc; then
    check arm-compiles compile "$digits/digits.onnx" digits arm aarch64,cortex-a76
    check arm-builds which_is arm aarch64-linux-gnu-gcc
    check arm-first chooses aarch64 "qemu-aarch64-static -cpu cortex-a53"
    check arm-second chooses cortex-a76 "qemu-aarch64-static -cpu max"
else
    skip arm "no qemu-aarch64-static or no aarch64-linux-gnu-gcc"
fi

# --- files -----------------------------------------------------------------------------------------------------------

weights_of() { sed -nE 's/^  "weights_bytes": ([0-9]+),/\1/p' "$1"/*_report.json; }
weights_are_shared() { # alike for two targets of one width; never more than each for itself
    compile "$digits/digits.onnx" digits one x86-64-v3 && compile "$digits/digits.onnx" digits two "x86-64-v3,x86-64-v3 -mattr=+avxvnni" &&
        [ "$(weights_of one)" = "$(weights_of two)" ] && cmp <(tail -n +12 one/digits_weights.c) <(tail -n +12 two/digits_weights.c) || return 1
    local sum=0
    for target in ${levels//,/ }; do
        compile "$digits/digits.onnx" digits one "$target" || return 1
        sum=$((sum + $(weights_of one)))
    done
    [ "$(weights_of digits-const)" -lt "$sum" ]
}
check weights-are-shared weights_are_shared
called_as_a_file() { # of the package: the self-test's
    printf 'doc x86-64-v3 again\nlike x86-64-v3\n' >test.target &&
        compile "$digits/digits.onnx" digits called "x86-64,./test.target" --build exe && called/digits_test
}
check called-as-a-file called_as_a_file
largest() { # of what the variants need
    compile "$digits/digits.onnx" digits one x86-64-v2 && compile "$digits/digits.onnx" digits two x86-64-v4 &&
        work_of() { awk '$2 == "DIGITS_WORK_SIZE" { print $3 }' "$1/digits.h"; } &&
        [ "$(work_of digits-const)" -ge "$(work_of one)" ] && [ "$(work_of digits-const)" -ge "$(work_of two)" ]
}
check largest-workspace largest
holds_no_variables() {
    (cd digits-const && gcc -std=c99 -O2 -fno-pic -c digits.c && ! nm digits.o | grep -E ' [dDbBC] ' && rm digits.o)
}
check choice-holds-no-variables holds_no_variables
same_bytes() { compile "$digits/digits.onnx" digits again $levels --params const && rm -f digits-const/*.o && diff -r again digits-const; }
check same-bytes same_bytes

# --- errors ----------------------------------------------------------------------------------------------------------

refused() { # WORDS COMMAND...
    "$tenon" "${@:2}" >said 2>&1
    [ $? = 2 ] && grep -qF -e "$1" said && [ ! -e no ]
}
check order refused 'does not run code for' compile "$digits/digits.onnx" -o no --target x86-64-v4,x86-64-v2
check twice refused 'never be chosen' compile "$digits/digits.onnx" -o no --target x86-64,x86-64-v3,x86-64-v3
check never refused 'never be chosen' compile "$digits/digits.onnx" -o no --target x86-64,x86-64-v4,x86-64-v3
check architectures refused 'does not run code for' compile "$digits/digits.onnx" -o no --target aarch64,x86-64
check two-architectures refused 'one architecture' compile "$digits/digits.onnx" -o no --target generic,aarch64,x86-64-v3
check nothing-to-ask refused 'cannot find out' compile "$digits/digits.onnx" -o no --target cortex-m4,cortex-m55
check nothing-between-commas refused "unknown target ''" compile "$digits/digits.onnx" -o no --target x86-64,
check show refused 'one at a time' show "$digits/digits.onnx" --loops --target $levels
check profile refused 'profile of the model for one target' run "$digits/digits.onnx" --target $levels --profile

finish
