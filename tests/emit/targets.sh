#!/usr/bin/env bash
# Every target that 'tenon targets' lists, and a user's own description: what is generated for it builds without a warning by
# its architecture's compilers with its own flags, and passes its self-test here, or as qemu has that processor. A few more
# models run as 64-bit and 32-bit Arm and as RISC-V, with each kind of vectors; also by threads, and exact.
#   TENON=build/release/tenon tests/emit/targets.sh
source "$(dirname "$0")/../check.sh"
shared=$root/../shared/models
quick="-O1 ${flags/-std=c99/}" # self-tests take little time, compilers most of it

compilers_of() { # TARGET: those of its architecture, none: none is known
    case $1 in
    generic | x86-64* | *lake* | haswell | znver* | sapphirerapids) echo gcc clang ;;
    aarch64 | cortex-a[57]? | neoverse* | apple* | rpi*) echo aarch64-linux-gnu-gcc ;;
    armv7* | cortex-a7) echo arm-linux-gnueabihf-gcc ;;
    cortex-m*) echo arm-none-eabi-gcc ;;
    riscv64 | rv64*) echo riscv64-linux-gnu-gcc ;;
    esac
}

runner_of() { # TARGET: how its programs are run, none: not at all
    case $1 in
    cortex-m*) ;;
    rv64gcv) echo qemu-riscv64-static -cpu rv64,v=true,vext_spec=v1.0 ;;
    riscv64) echo qemu-riscv64-static ;;
    armv7* | cortex-a7) echo qemu-arm-static -cpu max ;;
    aarch64 | cortex-a* | neoverse* | apple* | rpi*) echo qemu-aarch64-static -cpu max ;;
    *) "$tenon" run "$work/probe" >"$work/where" 2>&1 && echo env ;; # this machine, where it has the instructions
    esac
}

cflags_of() { # FOLDER: what the report says, without language and level
    sed -nE 's/.*"cflags": "-std=c99 -O2 ([^"]*)".*/\1/p' "$1"/*_report.json
}

knows_flags() { # COMPILER FLAG...
    echo 'typedef int t;' | "$@" -x c -fsyntax-only - >"$work/where" 2>&1
}

needs_newer() { # TARGET: its description says from which compiler on; in another flags that are not known are wrong
    "$tenon" targets | grep -qE "^$1 .*(gcc|clang) [0-9]"
}

builds_and_runs() { # FOLDER NAME RUNNER COMPILER FLAG...; RUNNER "": builds only
    local folder=$1 name=$2 runner=$3 static=-static
    shift 3
    [ "$runner" = env ] && static=
    if [ -z "$runner" ]; then
        (cd "$folder" && "$@" -std=c99 -c "$name.c" "${name}_weights.c")
        return
    fi
    # shellcheck disable=SC2046
    "$@" -std=c99 $static -o self $(ls "$folder/$name.c" "$folder/${name}_weights.c" "$folder/${name}_pool.c" 2>"$work/where") \
        "$folder/${name}_test.c" -lm -pthread || return 1
    # shellcheck disable=SC2086
    $runner ./self | grep 'self-test passed'
}

# --- every target ----------------------------------------------------------------------------------------------------

test_target() { # TARGET MODEL NAME OPTION...
    local target=$1 model=$2 name=$3 p cc runner cflags
    shift 3
    p=$name-${target//[ \/,+=]/_}
    rm -rf "$p"
    check "$p-compiles" "$tenon" compile "$model" --module-name "$name" -o "$p" --target "$target" --params const "$@"
    rm -rf probe && cp -r "$p" probe
    runner=$(runner_of "${target%% *}")
    cflags=$(cflags_of "$p")
    for cc in $(compilers_of "${target%% *}"); do
        # shellcheck disable=SC2086
        if ! has "$cc"; then
            skip "$p-$cc" "not installed"
        elif needs_newer "${target%% *}" && ! knows_flags "$cc" $cflags; then
            skip "$p-$cc" "this version does not know $cflags"
        elif [[ $runner = qemu* ]] && ! has "${runner%% *}"; then
            skip "$p-$cc" "no ${runner%% *}"
        else
            check "$p-$cc" builds_and_runs "$p" "$name" "$runner" "$cc" $quick $cflags
        fi
    done
}

"$tenon" targets | awk '$1 != "native" { print $1 }' >names
is_whole_class() { # TARGET: not one of many that get the same code with other flags
    case $1 in generic | x86-64 | x86-64-* | aarch64 | armv7-a* | cortex-m0 | cortex-m4 | riscv64 | rv64gcv) ;; *) return 1 ;; esac
}

accepts_flags() { # TARGET: the first of its compilers that is there, on the code alone
    local cc p=$1 cflags
    cc=$(compilers_of "$1")
    cc=${cc%% *}
    rm -rf "$p"
    "$tenon" compile "$root/samples/digits/digits.onnx" -o "$p" --target "$1" || return 1
    cflags=$(cflags_of "$p")
    # shellcheck disable=SC2086
    if ! has "$cc"; then
        skip "$1" "no $cc"
    elif needs_newer "$1" && ! knows_flags "$cc" $cflags; then
        skip "$1" "this version of $cc does not know $cflags"
    else
        "$cc" $quick -std=c99 $cflags -c -o o.o "$p/digits.c"
    fi
}

while read -r target; do
    if is_whole_class "$target"; then
        test_target "$target" "$root/samples/digits/digits.onnx" digits
    else
        check "$target" accepts_flags "$target"
        grep '^skipped' log # which check keeps to itself
    fi
done <names
check all-files-are-listed diff names <(cd "$root/toolchain/targets" && ls ./*.target | sed 's/^..//; s/\.target$//' | LC_ALL=C sort)
for target in "x86-64-v3 -mattr=-avx2" "aarch64 -mattr=-neon" "aarch64 -mattr=+dotprod" "cortex-m4 -mattr=-fp"; do
    test_target "$target" "$root/samples/digits/digits.onnx" digits
done

# --- other processors ------------------------------------------------------------------------------------------------

for target in aarch64 armv7-a armv7-a-neon riscv64 rv64gcv; do
    test_target $target "$root/samples/digits/digits_int8.onnx" digits_int8
    test_target $target "$root/samples/digits/digits.onnx" exact --exact
    test_target $target "$root/samples/digits/digits.onnx" shares --threads 3 --pass-config parallel.overhead-ns=0
    if [ -d "$shared" ]; then
        test_target $target "$shared/mlperf-tiny-onnx/ic_resnet8_fp32.onnx" resnet8
        test_target $target "$shared/mlperf-tiny-onnx/kws_dscnn_int8_qdq.onnx" kws_int8
    else
        skip "$target, other models" "no ../shared/models here"
    fi
done

# --- a user's own ----------------------------------------------------------------------------------------------------

cat >own.target <<'TARGET'
doc       a board of mine
like      cortex-m4
align     32
cflags    -mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16
TARGET
own_is_used() {
    "$tenon" compile "$root/samples/digits/digits.onnx" -o own --target ./own.target && grep -q 'WORK_ALIGN 32' own/digits.h &&
        grep -q 'CFLAGS ?= .*-mfloat-abi=softfp' own/Makefile.inc && grep -q 'target   own$' own/digits.h &&
        ! grep -rF "$work" own
}
check own-target own_is_used
if has arm-none-eabi-gcc; then
    # shellcheck disable=SC2046,SC2086
    check own-target-builds builds_and_runs own digits "" arm-none-eabi-gcc $quick $(cflags_of own)
else
    skip own-target-builds "no arm-none-eabi-gcc"
fi
blob_knows_description() { # weights for another description by the same name are another model's
    mkdir -p small large && cp own.target small && { cat own.target && echo 'l2 8 MiB'; } >large/own.target || return 1
    for size in small large; do
        "$tenon" compile "$root/samples/digits/digits.onnx" -o blob-$size --target $size/own.target --params blob || return 1
    done
    ! cmp -n 16 blob-small/digits_weights.bin blob-large/digits_weights.bin
}
check blob-knows-description blob_knows_description
wrong() { # TARGET WORDS
    "$tenon" compile "$root/samples/digits/digits.onnx" -o no --target "$1" 2>said
    [ $? = 2 ] && grep -qF -e "$2" said && [ ! -e no ]
}
echo 'lanes 3' >bad.target
check bad-target wrong bad.target 'bad.target:1: error: lanes is 3'
check no-such-file wrong ./none.target none.target
check no-such-target wrong pentium "unknown target 'pentium'"
head -c 100 /dev/zero >zero.target
mkdir 'my boards' && cp own.target 'my boards/'
check path-with-a-blank "$tenon" compile "$root/samples/digits/digits.onnx" -o blank --target 'my boards/own.target'
cp own.target 'board".target'
check bytes-of-a-name wrong './board".target' 'letters, digits'
check binary-target wrong zero.target 'zero byte'

finish
