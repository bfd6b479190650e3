#!/usr/bin/env bash
# What a package promises to who includes it, beside building everywhere (strict.sh):
#   - kws_run tests its arguments as the header says (contract.c), with the weights in C and as an argument;
#   - the example in the header compiles; the macros that it names do what it says;
#   - KWS_STACK_BOUND holds against gcc's own account (-fstack-usage), for x86 and Cortex-M;
#   - the files that go with each --params are there, Makefile.inc and CMakeLists.txt build and run the self-test;
#   - the report says what the header says;
#   - tensors without elements have a place, and what is made of them is right;
#   - layers that run by rows take less workspace, and give what they gave;
#   - --exact keeps contraction and Winograd out, and two compilers give the same bits.
#   TENON=build/release/tenon [ALL=1] tests/emit/contract.sh        ALL: large models on every target and level
source "$(dirname "$0")/../check.sh"
digits=$root/samples/digits

compile() { # MODEL FOLDER OPTION...
    "$tenon" compile "$1" -o "$2" "${@:3}"
}

# --- the arguments -----------------------------------------------------------------------------------------------

contract_holds() { # FOLDER FLAG...
    (
        cd "$1" || exit 1
        # shellcheck disable=SC2046,SC2086
        gcc $flags "${@:2}" -I. -o contract "$here/contract.c" contract.c $(ls contract_weights.c 2>"$work/where") -lm &&
            ./contract
    )
}

for params in const incbin blob arg; do
    p=contract-$params
    check "$p-compiles" compile "$here/contract.tg" $p --params $params
    define=
    case $params in blob | arg) define=-DBLOB ;; esac
    check "$p" contract_holds $p -O2 $define
    check "$p-sanitized" contract_holds $p -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $define
done

# --- the header --------------------------------------------------------------------------------------------------

# The lines of the example, in a function.
example_compiles() { # FOLDER NAME CC
    (
        cd "$1" || exit 1
        echo "#include \"$2.h\""
        echo 'void report_the_error(void); int try_it(void); int try_it(void) {'
        sed -n '/^ \* Example:/,/^ \* The workspace/s/^ \*     //p' "$2.h"
        echo 'return 0; }'
    ) >"$1/example.c"
    # shellcheck disable=SC2086
    "$3" ${flags/-std=c99/} -fsyntax-only -I"$1" "$1/example.c"
}

macros_work() { # layers are counted, checks and description are left out, code goes to its section
    cat >config.h <<'EOF'
#define DIGITS_LAYER_BEGIN(i) count_layer(i)
#define DIGITS_SECTION_CODE __attribute__((section(".fast")))
#define DIGITS_SECTION_WEIGHTS __attribute__((section(".slow")))
void count_layer(int i);
EOF
    cat >use.c <<'EOF'
#include <stdio.h>
#include "digits.h"
static int layers, seen[DIGITS_LAYER_COUNT]; /* one that runs by rows begins in every turn */
void count_layer(int i);
void count_layer(int i) { layers += !seen[i]; seen[i] = 1; }
int main(void)
{
    static float in[DIGITS_INPUT_0_COUNT], out[DIGITS_OUTPUT_0_COUNT];
    static union { unsigned char bytes[DIGITS_WORK_SIZE]; long double align; } work;
    return digits_run_flat(in, out, work.bytes) != DIGITS_OK || layers != DIGITS_LAYER_COUNT;
}
EOF
    # shellcheck disable=SC2086
    gcc $flags -O2 -DDIGITS_CONFIG_H='"config.h"' -DDIGITS_NO_INFO -DDIGITS_NO_CHECKS -I. -Idigits-const -c use.c \
        digits-const/digits.c digits-const/digits_weights.c && gcc -o use use.o digits.o digits_weights.o -lm && ./use &&
        objdump -h digits.o | grep -q ' \.fast ' && objdump -h digits_weights.o | grep -q ' \.slow ' &&
        ! nm digits.o | grep -q get_info
}

wrong_runtime() { # a tn_port.h of another version is an error that says so
    sed 's/define TN_PORT_VERSION 1/define TN_PORT_VERSION 999/' digits-const/tn_port.h >other.h &&
        mkdir -p other && cp digits-const/digits.[ch] other && cp digits-const/tn_denormals.h other && mv other.h other/tn_port.h &&
        ! gcc -std=c99 -fsyntax-only other/digits.c 2>said && grep -q 'another version of Tenon' said
}

wrong_byte_order() { # a blob is little-endian, and a compiler for other machines is told
    ! gcc -std=c99 -U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__ -fsyntax-only digits-blob/digits.c 2>said &&
        grep -q 'compile the model with params=const' said
}

# --- the files and their build -----------------------------------------------------------------------------------

files_are() { # FOLDER FILE...: these and no others
    (cd "$1" && ls) >is
    printf '%s\n' "${@:2}" | sort >should
    diff is should
}

makefile_works() { # FOLDER
    rm -rf objects
    printf 'all: digits_selftest\nDIGITS_OBJDIR := objects\ninclude %s/Makefile.inc\n' "$1" >mk
    make -s -f mk | grep -q 'self-test passed'
}

makefile_defines() { # FOLDER: what the application defines reaches the model's files and the self-test
    printf 'DIGITS_DEFINES := -DSEEN\nDIGITS_OBJDIR := defined\ninclude %s/Makefile.inc\n' "$1" >mk
    make -n -f mk digits_selftest >lines && [ "$(grep -c -e ' -c ' lines)" -eq "$(grep -c -e '-DSEEN.* -c ' lines)" ] &&
        grep -q -e '-DSEEN.* -o defined/digits_test' lines && { [ "$2" != incbin ] || grep -q _WEIGHTS_FILE lines; }
}

cmake_works() { # FOLDER
    rm -rf project && cmake -S "$1" -B project && cmake --build project --target digits_run_selftest | grep 'self-test passed'
}

# --- exact ---------------------------------------------------------------------------------------------------------

exact_flags() { # no contraction in any of the three places, no transformed tiles even where they are asked for
    compile "$digits/digits.onnx" exact --exact --target x86-64-v3 --pass-config winograd.tile=2 &&
        compile "$digits/digits.onnx" inexact --target x86-64-v3 --pass-config winograd.tile=2 || return 1
    for f in Makefile.inc CMakeLists.txt digits_report.json; do
        grep -q -e '-ffp-contract=off' exact/$f && ! grep -q -e '-ffp-contract=fast' exact/$f &&
            grep -q -e '-ffp-contract=fast' inexact/$f || return 1
    done
    grep -q 'F(2x2)' inexact/digits.c && ! grep -q 'F(2x2)' exact/digits.c && grep -q -e '--exact' exact/digits.c
}
check exact-flags exact_flags
exact_refuses() { # WORDS FLAG...: the compiler stops with these words
    ! cc -std=c99 "${@:2}" -Iexact -fsyntax-only exact/digits.c 2>said && grep -q -e "$1" said
}
check exact-refuses-fast-math exact_refuses 'without -ffast-math' -march=x86-64-v3 -ffast-math
check exact-refuses-excess-precision exact_refuses 'excess precision' -march=x86-64-v3 -U__FLT_EVAL_METHOD__ \
    -U__FLT_EVAL_METHOD_C99__ -D__FLT_EVAL_METHOD__=2 -D__FLT_EVAL_METHOD_C99__=2
exact_halves() { # an output of a model in float16, where --mixed-precision has nothing to narrow
    printf '%s\n' 'graph "halves"' 'input "x" : float16[3]' '"y" : float16[3] = Relu("x")' 'output "y"' >halves.tg
    compile halves.tg halves --exact --mixed-precision &&
        printf 'all: halves_selftest\ninclude halves/Makefile.inc\n' >halves.mk && make -s -f halves.mk
}
check exact-and-mixed-of-float16 exact_halves
exact_by_library() {
    "$tenon" compile "$digits/digits.onnx" -o no --exact --dispatch cblas 2>said
    [ $? = 2 ] && grep -q -e '--dispatch cblas contradicts --exact' said && [ ! -e no ]
}
check exact-and-library-contradict exact_by_library

same_bits() { # of the outputs, from two compilers
    for cc in gcc clang; do
        "$tenon" run "$digits/digits.onnx" --exact --target x86-64 --fill-mode random --cc $cc -o $cc.npz || return 1
    done
    cmp gcc.npz clang.npz
}
if has clang; then check exact-same-bits same_bits; else skip exact-same-bits "there is no clang"; fi


common="Makefile.inc CMakeLists.txt digits.h digits.c digits_test.c digits_report.txt digits_report.json tn_port.h tn_denormals.h"
for params in const incbin blob arg; do
    p=digits-$params
    check "$p-compiles" compile "$digits/digits.onnx" $p --params $params
    weights="digits_weights.bin"
    case $params in
    const) weights="digits_weights.c" ;;
    incbin) weights="digits_weights.bin digits_weights.c" ;;
    esac
    # shellcheck disable=SC2086
    check "$p-files" files_are $p $common $weights
    check "$p-example" example_compiles $p digits "gcc"
    check "$p-example-sizes" example_compiles contract-$params contract "gcc"
    check "$p-makefile" makefile_works $p
    check "$p-makefile-defines" makefile_defines $p $p
    if has cmake; then check "$p-cmake" cmake_works $p; else skip "$p-cmake" "no cmake"; fi
done

# Parameters named by their use; in the entry each line as far in as the braces around it say.
parameters_read_well() {
    compile "$here/readable.tg" readable --module-name readable --build exe && readable/readable_test &&
        tr -s '\n ' ' ' <readable/readable.c >words && for name in weights bias scale limit table; do
            grep -q "readable_[a-z0-9_]*([^()]*const float \*TN_RESTRICT $name[,)]" words || { echo "no $name"; return 1; }
        done
}
repeats_are_indented() {
    awk '/char \*const mem = / { depth = 1 }
        /^ *}/ && depth > 0 { depth-- }
        depth > 0 && /^ *(READABLE_LAYER|readable_[a-z0-9_]*\(|for )/ {
            match($0, /^ */); bad = bad || RLENGTH != 4 * depth; lines[depth]++ }
        /{$/ && depth > 0 { depth++ }
        END { exit bad || lines[1] < 16 || lines[2] < 12 }' readable/readable.c
}
check parameters-read-well parameters_read_well
check repeats-are-indented repeats_are_indented

# Names that a library, a target of CMake's or a header of C has as well: an application links the model and libm.
named_alike() { # NAME
    rm -rf app && mkdir app && compile "$digits/digits.onnx" "app/$1" --module-name "$1" || return 1
    printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(app LANGUAGES C)' "add_subdirectory($1)" \
        'add_executable(app app.c)' "target_link_libraries(app PRIVATE $1::$1 m)" >app/CMakeLists.txt
    printf '%s\n' '#include <math.h>' "#include \"$1.h\"" \
        "int main(int n, char **v) { return sqrt(n) > 1 || $1_run(0, 0, 0) != ${1^^}_ERR_NULL || v == NULL; }" >app/app.c
    cmake -S app -B app/build && cmake --build app/build && app/build/app &&
        cmake --build app/build --target "$1_run_selftest" | grep 'self-test passed'
}
for name in m c dl test all model; do
    if has cmake; then check "module-named-$name" named_alike $name; else skip "module-named-$name" "no cmake"; fi
done

file_named_alike() { # math.onnx: the header is not math.h
    cp "$digits/digits.onnx" math.onnx && compile math.onnx named-math --build exe && named-math/model_math_test
}
check file-named-math file_named_alike
check macros-of-the-header macros_work
check runtime-of-another-version wrong_runtime
check blob-on-a-big-endian-machine wrong_byte_order

# --- sums of integers ----------------------------------------------------------------------------------------------

# K products of bytes, all 255: 33,000 stay in an int32_t and are added as such, 34,000 wrap as ONNX has it.
sum_of_bytes() { # K HOW: a pattern of the statement
    printf 'graph "sum"\ninput "x" : uint8[1,%d]\ninput "w" : uint8[%d,1]\n"y" = MatMulInteger("x", "w")\noutput "y"\n' "$1" "$1" >sum.tg
    cat >bytes.c <<'C'
#include "sum.h"
#include <string.h>
static uint8_t x[SUM_INPUT_0_COUNT], w[SUM_INPUT_1_COUNT];
static double work[SUM_WORK_SIZE / sizeof(double) + 1];
int main(void)
{
    int32_t y = 0;
    sum_io io = {x, w, &y};
    memset(x, 255, sizeof x);
    memset(w, 255, sizeof w);
    return sum_run(&io, work, SUM_WORK_SIZE) != SUM_OK || (uint32_t)y != (uint32_t)65025 * SUM_INPUT_0_COUNT;
}
C
    compile sum.tg sum && grep -q -e "$2" sum/sum.c || return 1
    # shellcheck disable=SC2086
    gcc $flags -O1 -fsanitize=undefined -fno-sanitize-recover=all -Isum -o bytes bytes.c sum/sum.c -lm && ./bytes
}
check sum-that-fits sum_of_bytes 33000 'acc0 += (int32_t)'
check sum-that-wraps sum_of_bytes 34000 'acc0 = (int32_t)((uint32_t)acc0 + '

# --- no elements ---------------------------------------------------------------------------------------------------

# What is made of tensors without elements: nothing, a sum of nothing, and the other part of a join.
empty_tensors() {
    cat >empty.tg <<'TG'
graph "empty"
input "x" : float[3,4]
constant "two" : int64[1] = [2]
constant "last" : int64[1] = [-1]
"cut" : float[3,0] = Slice("x", "two", "two", "last")
"turned" : float[0,3] = Transpose("cut")
"none" : float[0,3] = Exp("turned")
"back" : float[3,0] = Transpose("none")
"sum" : float[3] = ReduceSum("back", "last") {keepdims=0}
"joined" : float[3,4] = Concat("back", "x") {axis=1}
output "none"
output "back"
output "sum"
output "joined"
TG
    cat >nothing.c <<'C'
#include "empty.h"
#include <string.h>
int main(void)
{
    float x[12], none[1], back[1], sum[3] = {1, 1, 1}, joined[12] = {0};
    double work[EMPTY_WORK_SIZE / sizeof(double) + 1];
    empty_io io = {.x = x, .none = none, .back = back, .sum = sum, .joined = joined};
    for (int i = 0; i < 12; i++)
        x[i] = (float)(i + 1);
    return empty_run(&io, work, EMPTY_WORK_SIZE) != EMPTY_OK || memcmp(x, joined, sizeof x) != 0 || sum[0] != 0 || sum[1] != 0 || sum[2] != 0;
}
C
    for level in 0 2; do
        rm -rf empty && compile empty.tg empty -O $level && ! grep -n 'mem + -' empty/empty.c || return 1
        # shellcheck disable=SC2086
        gcc $flags -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Iempty -o nothing nothing.c empty/empty.c -lm && ./nothing || return 1
    done
}
check empty-tensors empty_tensors

# --- layers by rows ------------------------------------------------------------------------------------------------

macro() { sed -n "s/^#define ROWS_$2 //p" "$1/rows.h"; }
by_rows() { # TARGET ROWS OPTION...: less workspace, as many products, the same results, no access out of bounds
    compile "$here/rows.tg" layers --module-name rows --target "$1" --pass-config interleave.rows=0 &&
        compile "$here/rows.tg" rows --module-name rows --target "$1" --pass-config interleave.rows="$2" "${@:3}" &&
        [ "$(macro rows WORK_SIZE)" -lt "$(macro layers WORK_SIZE)" ] && [ "$(macro rows MACC)" = "$(macro layers MACC)" ] &&
        (cd rows && gcc -O1 -g -std=c99 -D_POSIX_C_SOURCE=200809L -fsanitize=address,undefined -fno-sanitize-recover=all rows.c rows_weights.c \
            rows_test.c -lm -o rows && ./rows) && rm -r layers rows
}
check by-rows by_rows generic 1
check by-rows-in-threes by_rows generic 3
check by-rows-in-blocks-of-channels by_rows x86-64 2

# --- small code ----------------------------------------------------------------------------------------------------

small_flags() { # in the build files, and for our own build
    compile "$digits/digits.onnx" small -Os --target x86-64-v3 && grep -q 'CFLAGS ?= -std=c99 -Os ' small/Makefile.inc &&
        grep -q 'Debug>>:-Os>' small/CMakeLists.txt && grep -q -e '(-Os)' small/digits.c && ! grep -q 'F(2x2)' small/digits.c
}
check small-flags small_flags
small_runs() { # MODEL
    "$tenon" compile "$digits/$1.onnx" -o small-run -Os --target x86-64 --build exe && small-run/"$1"_test && rm -r small-run
}
check small-digits small_runs digits
check small-digits_int8 small_runs digits_int8
code_of() { # FOLDER NAME: bytes of it, built as the package says
    local cflags
    cflags=$(sed -nE 's/.*"cflags": "([^"]*)".*/\1/p' "$1/$2_report.json" | head -n 1)
    # shellcheck disable=SC2086
    gcc $cflags -c -o code.o "$1/$2.c" && size -A code.o | awk '$1 == ".text" { print $2 }'
}
a_third() { # FILE NAME TARGET
    compile "$1" large --module-name "$2" --target "$3" --params incbin && compile "$1" small --module-name "$2" --target "$3" --params incbin -Os &&
        echo "$(code_of small "$2") of $(code_of large "$2")" && [ $((3 * $(code_of small "$2"))) -le "$(code_of large "$2")" ] &&
        [ "$(code_of large "$2")" -le 300000 ]
}
resnet=${SEEDED:-$root/build/seeded}/resnet50/model.onnx
targets=x86-64-v3
thorough && targets="$targets x86-64-v4"
for target in $targets; do
    if [ -f "$resnet" ]; then check small-resnet50-$target a_third "$resnet" resnet $target; else skip small-resnet50-$target "not made, see tests/models"; fi
done

# --- the stack ---------------------------------------------------------------------------------------------------

# The entry and its deepest callee, as gcc counts them; a callee's callee can only be a helper of tn_port.h.
stack_holds() { # FOLDER NAME COMPILER FLAG...
    local bound used
    bound=$(awk -v name="$(echo "$2" | tr a-z A-Z)_STACK_BOUND" '$2 == name { print $3 }' "$1/$2.h")
    "${@:3}" -std=c99 -ffp-contract=fast -fno-math-errno -fstack-usage -c -o stack.o "$1/$2.c" || return 1
    used=$(awk -F '\t' -v entry="$2_run" '
        { n = $1; sub(/.*:/, "", n) }
        $3 !~ /static|bounded/ { print "unbounded: " n > "/dev/stderr"; exit 1 }
        n == entry { own = $2; next }
        n ~ /^tn_/ { if ($2 > helper) helper = $2; next }
        $2 > most { most = $2 }
        END { print own + most + helper }' stack.su)
    echo "bound $bound, used $used"
    [ -n "$bound" ] && [ -n "$used" ] && [ "$used" -le "$bound" ]
}

models="digits:$digits/digits.onnx digits_int8:$digits/digits_int8.onnx contract:$here/contract.tg"
shared=$root/../shared/models
if [ -d "$shared" ]; then
    models="$models mnist:$shared/mnist-8/model.onnx vww_int8:$shared/mlperf-tiny-onnx/vww_mobilenetv1_int8_qdq.onnx"
    for name in efficientnet_b0 resnet18_int8 vit_tiny mobilenet_v1; do
        file=${SEEDED:-$root/build/seeded}/$name/model.onnx
        if [ -f "$file" ]; then models="$models $name:$file"; else skip "stack-$name" "not made, see tests/models"; fi
    done
else
    skip "stack of mnist-8 and seeded models" "no ../shared/models here"
fi
for model in $models; do
    name=${model%%:*}
    levels="-Os -O1 -O2 -O3" cpus="cortex-m0 cortex-m4 cortex-m7 cortex-m55" targets="generic x86-64 x86-64-v3 x86-64-v4"
    case $model in *seeded*) levels="-O2" cpus="cortex-m4" ;; esac # large, so one level that sees them all
    if ! thorough; then
        case $model in *seeded*) targets="generic x86-64-v4" ;; vww*) levels="-Os -O2" ;; esac
    fi
    for target in $targets; do
        p=stack-$name-$target
        check "$p-compiles" compile "${model#*:}" $p --module-name "$name" --target $target --params blob
        march=
        case $target in x86-64-*) march=-march=$target ;; esac
        for level in $levels; do
            # shellcheck disable=SC2086
            check "$p$level" stack_holds $p "$name" gcc $level $march
        done
    done
    for cpu in $cpus; do
        if has arm-none-eabi-gcc; then
            check "stack-$name-$cpu" stack_holds "stack-$name-generic" "$name" arm-none-eabi-gcc -Os -mcpu=$cpu -mthumb
        else
            skip "stack-$name-$cpu" "no arm-none-eabi-gcc"
        fi
    done
done

# --- the report --------------------------------------------------------------------------------------------------

reports_agree() { # FOLDER NAME: header, text and JSON
    python3 - "$1" "$2" <<'EOF'
import json, re, sys
folder, name = sys.argv[1:]
report = json.load(open(f"{folder}/{name}_report.json"))
header = dict(re.findall(rf"#define {name.upper()}_(\w+) (\S+)", open(f"{folder}/{name}.h").read()))
text = open(f"{folder}/{name}_report.txt").read()
for macro, field in (("WORK_SIZE", "work_bytes"), ("WEIGHTS_SIZE", "weights_bytes"), ("MACC", "macs"),
                     ("STACK_BOUND", "stack_bytes")):
    assert int(header[macro]) == report[field], (macro, field)
    assert f"{report[field]:,}" in text, field
assert int(header["MODEL_HASH"].rstrip("u"), 16) == int(report["model_hash"], 16)
assert int(header["INPUT_0_BYTES"]) == report["input_bytes"] == report["abi"]["inputs"][0]["bytes"]
assert report["ram_bytes"] == report["work_bytes"] + report["input_bytes"] + report["output_bytes"]
assert sum(layer["macs"] for layer in report["layers"]) == report["macs"]
assert len(report["layers"]) == int(header["LAYER_COUNT"])
ends = [b["offset"] + b["bytes"] for b in report["plan"]["buffers"]]
assert max(ends) <= report["work_bytes"] and report["plan"]["largest_live"] <= report["plan"]["work_size"]
together = [(a, b) for i, a in enumerate(report["plan"]["buffers"]) for b in report["plan"]["buffers"][:i]
            if a["first"] <= b["last"] and b["first"] <= a["last"]]
assert all(a["offset"] >= b["offset"] + b["bytes"] or b["offset"] >= a["offset"] + a["bytes"] for a, b in together)
EOF
}

if has python3; then
    check report-digits reports_agree digits-const digits
    check report-digits-int8 reports_agree stack-digits_int8-generic digits_int8
else
    skip reports "no python3"
fi

finish
