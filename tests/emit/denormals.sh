#!/usr/bin/env bash
# Denormals: packages of models of floats take them as zeros while they run, unless told otherwise, and give the caller's
# floating-point state back, whichever way they end; so do the parts that threads do, in the package's pool or in threads of
# the application's own. Where nothing is to be flushed there is no trace of it.
#   TENON=build/release/tenon tests/emit/denormals.sh
source "$(dirname "$0")/../check.sh"

compile() { # FOLDER OPTION...
    "$tenon" compile "$here/denormals.tg" --module-name tiny -o "$1" "${@:2}"
}

# The driver is optimised without care for the state that it tests, so what it tests is volatile.
runs() { # FOLDER FLUSHED RUNNER COMPILER FLAG...: "" runs it here
    local folder=$1 flushed=$2 runner=$3 more=
    shift 3
    [ -f "$folder/tiny_pool.c" ] && more="$folder/tiny_pool.c -DTHREADED"
    # shellcheck disable=SC2086
    "$@" -frounding-math -DFLUSHED=$flushed -I"$folder" -I"$root/runtime_min" -o driver "$here/denormals.c" \
        $folder/tiny.c $folder/tiny_weights.c $more -lm -pthread && $runner ./driver
}

compilers=""
for c in gcc clang; do
    if has $c; then compilers="$compilers $c"; else skip "$c" "not installed"; fi
done
shared="--threads 4 --pass-config parallel.overhead-ns=0"

for target in generic x86-64; do
    for how in auto flush keep exact threads threads-keep; do
        options=$shared flushed=1
        case $how in
        auto) options= ;;
        flush) options="--denormals flush" ;;
        keep) options="--denormals keep" flushed=0 ;;
        exact) options="--exact" flushed=0 ;;
        threads-keep) options="$shared --denormals keep" flushed=0 ;;
        esac
        p=$target-$how
        # shellcheck disable=SC2086
        check "$p-compiles" compile "$p" --target $target $options
        for c in $compilers; do
            for level in -O0 -O2; do
                # shellcheck disable=SC2086
                check "$p-$c$level" runs "$p" $flushed "" $c ${flags/-std=c99/-std=gnu99} $level
            done
        done
        check "$p-sanitized" runs "$p" $flushed "" gcc -std=gnu99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
    done
    check "$target-thread-sanitizer" runs $target-threads 1 "" gcc -std=gnu99 -O1 -g -fsanitize=thread
done
if has gcc; then check in-one-source runs generic-auto 1 "" gcc -O3 -flto; fi

# Other processors, as qemu has them. RISC-V has nothing to switch.
while read -r machine flushed; do
    cc=$machine-gcc runner=qemu-${machine%%-*}-static
    if has "$cc" && has "$runner"; then
        for how in auto threads keep; do
            want=$flushed
            [ $how = keep ] && want=0
            # shellcheck disable=SC2086
            check "$machine-$how" runs generic-$how $want "$runner" "$cc" ${flags/-std=c99/-std=gnu99} -O2 -static
        done
    else
        skip "$machine" "no $cc or no $runner"
    fi
done <<'MACHINES'
aarch64-linux-gnu 1
arm-linux-gnueabihf 1
riscv64-linux-gnu 0
MACHINES

# --- where there is nothing to flush ------------------------------------------------------------------------------

traced() { rm -rf one && "$tenon" compile "$1" --module-name one -o one "${@:2}"; } # MODEL OPTION...
no_trace() { traced "$@" && ! grep -l tn_denormals one/* && [ ! -e one/tn_denormals.h ]; }
has_trace() { traced "$@" && grep -q tn_denormals_restore one/one.c && [ -e one/tn_denormals.h ]; }
check floats has_trace "$root/samples/digits/digits.onnx"
check floats-kept no_trace "$root/samples/digits/digits.onnx" --denormals keep
check floats-exact no_trace "$root/samples/digits/digits.onnx" --exact
printf 'graph "d"\ninput "x" : double[8]\n"y" = Exp("x")\noutput "y"\n' >double.tg
printf 'graph "i"\ninput "x" : int8[8]\n"y" = Add("x", "x")\noutput "y"\n' >int8.tg
check doubles no_trace double.tg
check doubles-flushed has_trace double.tg --denormals flush
check integers no_trace int8.tg

contradiction() {
    "$tenon" compile "$root/samples/digits/digits.onnx" -o no --exact --denormals flush 2>said
    [ $? = 2 ] && grep -q -e '--exact' said && [ ! -e no ]
}
check exact-and-flush-contradict contradiction

in_c++() {
    printf '#include "tn_denormals.h"\nint main() { const tn_denormals d = tn_denormals_flush(); tn_denormals_restore(d); }\n' >use.cpp
    g++ -std=c++11 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -Werror -I"$root/runtime_min" -o use use.cpp && ./use
}
if has g++; then check c++ in_c++; else skip c++ "no g++"; fi
if has tcc; then
    # shellcheck disable=SC2086
    check tcc runs generic-auto 0 "" tcc -Wall -Werror
else
    skip tcc "not installed"
fi
for cpu in cortex-m0 cortex-m4 cortex-m7; do
    syntax() { # shellcheck disable=SC2086
        arm-none-eabi-gcc $flags -mcpu=$1 -mthumb $2 -Igeneric-auto -c -o m.o generic-auto/tiny.c &&
            { [ -z "$2" ] || arm-none-eabi-objdump -d m.o | grep -q vmsr; }
    }
    hard=-mfloat-abi=hard
    [ $cpu = cortex-m0 ] && hard=
    if has arm-none-eabi-gcc; then check $cpu syntax $cpu "$hard"; else skip $cpu "no arm-none-eabi-gcc"; fi
done

finish
