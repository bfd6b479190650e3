#!/usr/bin/env bash
# Threads: the pool under stress, and generated packages that share their layers among threads. Checks that
#   - the pool runs every part once, with futex and with condition variables, under ThreadSanitizer too;
#   - a package gives the same bytes by any number of threads, and those of a package for one thread;
#   - two contexts at once, with a pool each or one for both, do so too; ThreadSanitizer finds nothing;
#   - 16 threads on few processors do not collapse;
#   - it builds without a warning, alone, beside another, and without its pool; for one thread there is no trace of it.
#   TENON=build/release/tenon tests/threads/threads.sh
source "$(dirname "$0")/../check.sh"
shared=$root/../shared/models
seeded=${SEEDED:-$root/build/seeded}

compilers=""
for c in gcc clang; do
    if has $c; then compilers="$compilers $c"; else skip "$c" "not installed"; fi
done

# --- the pool ------------------------------------------------------------------------------------------------------

stress() { # COMPILER FLAG...
    # shellcheck disable=SC2086
    "$@" $flags -I "$root/runtime_min" -o stress "$here/pool_stress.c" -pthread && timeout 300 ./stress
}
for c in $compilers; do
    check "pool-$c" stress $c -O2
    check "pool-without-futex-$c" stress $c -O2 -DTN_POOL_NO_FUTEX
done
check pool-thread-sanitizer stress gcc -O1 -g -fsanitize=thread
check pool-thread-sanitizer-without-futex stress gcc -O1 -g -fsanitize=thread -DTN_POOL_NO_FUTEX
check pool-address-sanitizer stress gcc -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# --- packages --------------------------------------------------------------------------------------------------------

compile() { # MODEL MODULE FOLDER TARGET OPTION...
    local model=$1 module=$2 folder=$3 target=$4
    shift 4
    "$tenon" compile "$model" --module-name "$module" -o "$folder" --target "$target" "$@" && [ -f "$folder/$module.c" ]
}

sources() { ls "$1/$2.c" "$1/$2_weights.c" "$1/$2_pool.c"; } # FOLDER MODULE

self_test() { # FOLDER MODULE COMPILER FLAG...
    local folder=$1 module=$2
    shift 2
    # shellcheck disable=SC2046
    "$@" -I "$folder" -o self $(sources "$folder" "$module") "$folder/${module}_test.c" -lm -pthread && ./self
}

same_bits() { # FOLDER MODULE COMPILER FLAG...
    local folder=$1 module=$2
    shift 2
    # shellcheck disable=SC2046
    "$@" -I "$folder" "-DMODEL=$module" "-DUPPER=$(echo "$module" | tr a-z A-Z)" -o same "$here/same_bits.c" \
        $(sources "$folder" "$module") -lm -pthread && timeout 300 ./same
}

own_threads() { # FOLDER MODULE: without the pool's file it needs no threads
    gcc -std=c99 -O2 -c -o own.o "$1/$2.c" && ! nm -u own.o | grep -E 'pthread|syscall|pool'
}

holds_no_variables() { # FOLDER MODULE
    gcc -std=c99 -O2 -fno-pic -c -o own.o "$1/$2.c" && gcc -std=c99 -O2 -fno-pic -c -o pool.o "$1/$2_pool.c" &&
        ! nm own.o pool.o | grep -E ' [dDbBC] ' && ! nm -g --defined-only pool.o | awk 'NF == 3 { print $3 }' | grep -v "^$2_"
}

no_trace() { # MODEL: of threads in a package for one
    compile "$1" plain plain generic --threads 1 && ! grep -liE 'thread|parallel|pool\.|_pool' plain/*.[ch] plain/Makefile.inc \
        plain/CMakeLists.txt && [ ! -e plain/tn_pool.h ]
}

for model in digits digits_int8; do
    file=$root/samples/digits/$model.onnx
    for target in generic x86-64; do
        p=$model-$target
        # an overhead of 0: every layer is shared, however short
        check "$p-compiles" compile "$file" $model "$p" $target --threads 4 --pass-config parallel.overhead-ns=0
        for c in $compilers; do
            # shellcheck disable=SC2086
            check "$p-strict-$c" self_test "$p" $model $c $flags -O2
            check "$p-same-bits-$c" same_bits "$p" $model $c -std=gnu99 -O2
        done
        check "$p-thread-sanitizer" same_bits "$p" $model gcc -std=gnu99 -O1 -g -fsanitize=thread
        check "$p-address-sanitizer" same_bits "$p" $model gcc -std=gnu99 -O1 -g -fsanitize=address,undefined \
            -fno-sanitize-recover=all
        check "$p-own-threads" own_threads "$p" $model
        check "$p-holds-no-variables" holds_no_variables "$p" $model
    done
    check "$model-no-trace" no_trace "$file"
done

with_make() {
    mkdir -p made && printf 'all: digits_selftest\ninclude ../digits-generic/Makefile.inc\n' >made/Makefile && make -C made
}
check builds-with-make with_make
with_cmake() { cmake -S digits-generic -B cmade && cmake --build cmade --target digits_run_selftest; }
if has cmake; then check builds-with-cmake with_cmake; else skip builds-with-cmake "no cmake"; fi

many() { # the most that the command line takes, and one more
    "$tenon" run "$root/samples/digits/digits.onnx" --threads 64 --pass-config parallel.overhead-ns=0 &&
        ! "$tenon" compile "$root/samples/digits/digits.onnx" -o none --threads 65
}
check most-threads many

batches() { # a named dim: the turns are counted at run time
    local n
    compile "$root/samples/digits/digits.onnx" batch batch generic --threads 3 --pass-config parallel.overhead-ns=0 \
        --input-shapes 'image:[batch<=8,1,8,8]' && grep -q 'ptrdiff_t turns;' batch/batch.c || return 1
    for n in 1 5 8; do
        head -c $((n * 256)) /dev/zero | tr '\0' '\101' >raw
        { printf '\223NUMPY\001\000\166\000'; printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($n, 1, 8, 8), }"; cat raw; } >x.npy
        "$tenon" run batch --inputs x.npy -o shared.npz && "$tenon" run batch --inputs x.npy --threads 1 -o alone.npz &&
            cmp shared.npz alone.npz || return 1
    done
}
check named-dims batches

# --- models by the command line -------------------------------------------------------------------------------------------

# One package by 1 to 8 threads. Then packages for 1 and for 3 without contraction: whether it makes a multiply-add of a
# product and a sum, the C compiler decides anew where a loop has other bounds.
as_one() { # FILE
    local n off="-O2 -ffp-contract=off"
    compile "$1" model package native --threads 8 --pass-config parallel.overhead-ns=100 --build shared || return 1
    for n in 1 2 3 4 8; do
        "$tenon" run package --threads $n --seed 1 -o $n.npz && cmp 1.npz $n.npz || return 1
    done
    "$tenon" run "$1" --threads 1 --seed 1 --cflags "$off" -o 1.npz &&
        "$tenon" run "$1" --threads 3 --pass-config parallel.overhead-ns=100 --seed 1 --cflags "$off" -o 3.npz && cmp 1.npz 3.npz
}
if [ -d "$shared" ]; then
    check mnist-as-one as_one "$shared/mnist-8/model.onnx"
    check resnet8-as-one as_one "$shared/mlperf-tiny-onnx/ic_resnet8_fp32.onnx"
    check kws-int8-as-one as_one "$shared/mlperf-tiny-onnx/kws_dscnn_int8_qdq.onnx"
else
    skip models "no ../shared/models here"
fi
for name in squeezenet mobilenet_v1 vit_tiny; do
    if [ -f "$seeded/$name/model.onnx" ]; then
        check "$name-as-one" as_one "$seeded/$name/model.onnx"
    else
        skip "$name" "not made yet: tests/models/models.sh makes it"
    fi
done

finish
