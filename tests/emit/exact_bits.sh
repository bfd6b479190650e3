#!/usr/bin/env bash
# --exact: the same bytes from every target, vector width, compiler, number of threads and register tile, and from the
# interpreter. Compared are whole outputs, of x86-64 (SSE2 to AVX-512), 64-bit Arm and RISC-V (by qemu) and plain C99.
#   TENON=build/release/tenon [ALL=1] tests/emit/exact_bits.sh [NAME]      models whose name holds NAME; ALL: each in every way
source "$(dirname "$0")/../check.sh"
only=${1:-}
shared=$root/../shared/models

# --- models ------------------------------------------------------------------------------------------------------------

numbers() { # HOW-MANY SCALE: made up, of both signs
    awk -v n="$1" -v s="$2" 'BEGIN { x = n; for (i = 0; i < n; i++) { x = (x * 1103515245 + 12345) % 2147483648
        printf "%s%.9g", i ? ", " : "", (x / 1073741824 - 1) * s } }'
}

constant() { # NAME DIMS SCALE
    echo "constant \"$1\" : float[$2] = [$(numbers $((${2//,/*})) "$3")]"
}

# A convolution with a border, batch normalisation, a residual, pooling and a product; 19 and 10 are no multiple of a vector.
{
    echo 'input "x" : float[1,3,15,17]'
    constant w1 19,3,3,3 0.3 && constant b1 19 0.1 && constant w2 19,19,3,3 0.1 && constant w3 10,19,1,1 0.3
    constant scale 19 1 && constant bias 19 0.5 && constant mean 19 0.2 && constant fc 120,33 0.1
    echo "constant \"var\" : float[19] = [$(seq -s, 1 19)]"
    echo 'constant "flat" : int64[2] = [1,120]
"c1" : float[1,19,15,17] = Conv("x", "w1", "b1") {pads=[1,1,1,1]}
"n1" : float[1,19,15,17] = BatchNormalization("c1", "scale", "bias", "mean", "var")
"r1" : float[1,19,15,17] = Relu("n1")
"c2" : float[1,19,15,17] = Conv("r1", "w2") {pads=[1,1,1,1]}
"s2" : float[1,19,15,17] = Add("c2", "r1")
"p2" : float[1,19,8,9] = AveragePool("s2") {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}
"c3" : float[1,10,8,9] = Conv("p2", "w3")
"p3" : float[1,10,3,4] = MaxPool("c3") {kernel_shape=[3,3], strides=[2,2]}
"g3" : float[1,10,1,1] = GlobalAveragePool("c3")
"m3" : float[1,10,3,4] = Mul("p3", "g3")
"f3" : float[1,120] = Reshape("m3", "flat")
"d" : float[1,33] = MatMul("f3", "fc")
"y" : float[1,33] = Softmax("d")
output "y"
output "c3"'
} >conv.tg

# Depthwise and pointwise convolutions, SiLU, squeeze and excitation, clipping; Winograd would take 24 x 24.
{
    echo 'input "x" : float[2,24,24,24]'
    constant w1 24,1,5,5 0.2 && constant w2 40,24,1,1 0.2 && constant w3 8,40,1,1 0.3 && constant w4 40,8,1,1 0.3
    constant w5 24,40,3,3 0.1
    echo 'constant "low" : float[] = [0]
constant "high" : float[] = [6]
"c1" : float[2,24,24,24] = Conv("x", "w1") {group=24, pads=[2,2,2,2]}
"s1" : float[2,24,24,24] = Sigmoid("c1")
"a1" : float[2,24,24,24] = Mul("c1", "s1")
"c2" : float[2,40,24,24] = Conv("a1", "w2")
"a2" : float[2,40,24,24] = Clip("c2", "low", "high")
"g" : float[2,40,1,1] = GlobalAveragePool("a2")
"h" : float[2,8,1,1] = Conv("g", "w3")
"hr" : float[2,8,1,1] = Relu("h")
"k" : float[2,40,1,1] = Conv("hr", "w4")
"ks" : float[2,40,1,1] = HardSigmoid("k")
"e" : float[2,40,24,24] = Mul("a2", "ks")
"c5" : float[2,24,24,24] = Conv("e", "w5") {pads=[1,1,1,1]}
"t" : float[2,24,24,24] = Tanh("c5")
output "t"'
} >depthwise.tg

# Attention with three heads of 37 rows by 16, layer normalisation, GELU.
{
    echo 'input "x" : float[1,37,48]'
    constant wq 48,48 0.2 && constant wk 48,48 0.2 && constant wv 48,48 0.2 && constant wo 48,100 0.2
    constant g 48 1 && constant b 48 0.3
    echo 'constant "heads" : int64[4] = [1,37,3,16]
constant "rows" : int64[3] = [1,37,48]
constant "quarter" : float[] = [0.25]
constant "one" : float[] = [1]
constant "half" : float[] = [0.5]
constant "r2" : float[] = [0.70710678]
"n" : float[1,37,48] = LayerNormalization("x", "g", "b")
"q" : float[1,37,48] = MatMul("n", "wq")
"k" : float[1,37,48] = MatMul("n", "wk")
"v" : float[1,37,48] = MatMul("n", "wv")
"q1" : float[1,37,3,16] = Reshape("q", "heads")
"k1" : float[1,37,3,16] = Reshape("k", "heads")
"v1" : float[1,37,3,16] = Reshape("v", "heads")
"q2" : float[1,3,37,16] = Transpose("q1") {perm=[0,2,1,3]}
"k2" : float[1,3,16,37] = Transpose("k1") {perm=[0,2,3,1]}
"v2" : float[1,3,37,16] = Transpose("v1") {perm=[0,2,1,3]}
"s" : float[1,3,37,37] = MatMul("q2", "k2")
"s1" : float[1,3,37,37] = Mul("s", "quarter")
"p" : float[1,3,37,37] = Softmax("s1")
"o" : float[1,3,37,16] = MatMul("p", "v2")
"o1" : float[1,37,3,16] = Transpose("o") {perm=[0,2,1,3]}
"o2" : float[1,37,48] = Reshape("o1", "rows")
"z" : float[1,37,48] = Add("o2", "x")
"zn" : float[1,37,48] = LayerNormalization("z", "g", "b")
"f" : float[1,37,100] = MatMul("zn", "wo")
"f1" : float[1,37,100] = Mul("f", "r2")
"f2" : float[1,37,100] = Erf("f1")
"f3" : float[1,37,100] = Add("f2", "one")
"f4" : float[1,37,100] = Mul("f", "f3")
"y" : float[1,37,100] = Mul("f4", "half")
output "y"'
} >attention.tg

{
    echo 'input "x" : float[9,2,20]'
    constant w 2,52,20 0.4 && constant r 2,52,13 0.4 && constant b 2,104 0.2
    echo '"y" : float[9,2,2,13], "h" : float[2,2,13], "c" : float[2,2,13] = LSTM("x", "w", "r", "b") {direction="bidirectional", hidden_size=13}
output "y"
output "h"
output "c"'
} >lstm.tg

# Every function; sums and extremes of rows, of columns and of all; rows of 61 are no multiple of anything.
{
    echo 'input "x" : float[5,61]
input "z" : float[5,61]
constant "rows" : int64[1] = [1]
constant "columns" : int64[1] = [0]
constant "ten" : float[] = [10]
constant "half" : float[] = [0.5]
"m" : float[5,61] = Abs("x")
"u" : float[5,61] = Min("m", "half")
"v" : float[5,61] = Add("m", "ten")'
    n=0 list=
    for f in Exp:x Log:m Tanh:x Sigmoid:x Erf:x Sin:x Cos:x Tan:x Asin:u Acos:u Atan:x Sinh:x Cosh:x Asinh:x Acosh:v Atanh:u Softplus:x \
        Elu:x Mish:x Gelu:x HardSwish:x Sqrt:m Reciprocal:v Round:x Floor:x Ceil:x Sign:x Relu:x Neg:x; do
        echo "\"f$n\" : float[5,61] = ${f%:*}(\"${f#*:}\")"
        list="$list${list:+, }\"f$n\""
        n=$((n + 1))
    done
    echo "\"pw\" : float[5,61] = Pow(\"v\", \"z\")
\"mx\" : float[5,61] = Max(\"x\", \"z\")
\"mn\" : float[5,61] = Min(\"z\", \"x\")
\"all\" : float[$((5 * (n + 3))),61] = Concat($list, \"pw\", \"mx\", \"mn\") {axis=0}
\"s0\" : float[61] = ReduceSum(\"all\", \"columns\") {keepdims=0}
\"s1\" : float[5] = ReduceProd(\"u\", \"rows\") {keepdims=0}
\"s2\" : float[5] = ReduceMax(\"x\", \"rows\") {keepdims=0}
\"s3\" : float[5] = ReduceL2(\"x\", \"rows\") {keepdims=0}
\"s4\" : float[5] = ReduceLogSumExp(\"x\", \"rows\") {keepdims=0}
\"s5\" : float[5] = ReduceMean(\"x\", \"rows\") {keepdims=0}
\"sums\" : float[86] = Concat(\"s0\", \"s1\", \"s2\", \"s3\", \"s4\", \"s5\") {axis=0}
output \"all\"
output \"sums\""
} >functions.tg

# --- one package -------------------------------------------------------------------------------------------------------

# NAME MODEL TARGET RUNNER COMPILER OPTION... -- FLAG...: NAME.bits
bits() {
    local name=$1 model=$2 target=$3 runner=$4 cc=$5 options=() flags static= pool=
    shift 5
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    rm -rf p
    # shellcheck disable=SC2086
    "$tenon" compile "$model" --module-name m -o p --target "$target" --exact --params const $more "${options[@]}" || return 1
    # shellcheck disable=SC2046
    flags=$(sed -nE 's/.*"cflags": "([^"]*)".*/\1/p' p/m_report.json)
    case $runner in qemu*) static=-static ;; esac
    [ -f p/m_pool.c ] && pool=p/m_pool.c
    # shellcheck disable=SC2086
    $cc $flags "$@" $static -Ip -o run "$here/exact_bits.c" p/m.c p/m_weights.c $pool -lm -pthread &&
        $runner ./run >"$name.bits" && [ -s "$name.bits" ]
}

same() { # NAME WANTED ...: as bits
    local name=$1 want=$2
    shift 2
    bits "$name" "$@" && cmp "$name.bits" "$want.bits"
}

interpreted() { # MODEL: the self-test compares with the interpreter, bit by bit
    # shellcheck disable=SC2086
    "$tenon" compile "$1" --module-name m -o q --target x86-64-v2 --exact $more --build exe && [ -f q/m_test.c ] && ./q/m_test
}

# --- all of them -------------------------------------------------------------------------------------------------------

runs_here() { "$tenon" run "$root/samples/digits/digits.onnx" --target "$1" >"$work/where" 2>&1; }

on_target() { # NAME MODEL TARGET COMPILER
    if runs_here "$3"; then
        check "$1-$3-$4" same other "$1" "$2" "$3" env "$4" --
    else
        skip "$1-$3-$4" "not on this machine"
    fi
}

elsewhere() { # NAME MODEL TARGET: by qemu
    if has "$3-linux-gnu-gcc" && has "qemu-$3-static"; then
        check "$1-$3" same other "$1" "$2" "$3" "qemu-$3-static" "$3-linux-gnu-gcc" --
    else
        skip "$1-$3" "no $3-linux-gnu-gcc or no qemu-$3-static"
    fi
}

# The widest vectors, another processor, two threads and the interpreter.
test_briefly() { # NAME MODEL OPTION...
    local name=$1 model=$2 more="${*:3}"
    [[ $name = *$only* ]] || return
    thorough && { test_model "$@"; return; }
    check "$name-plain" bits "$name" "$model" generic env gcc --
    on_target "$name" "$model" x86-64-v4 gcc
    elsewhere "$name" "$model" aarch64
    check "$name-two-threads" same other "$name" "$model" x86-64-v3 env gcc --threads 2 --pass-config parallel.overhead-ns=0 --
    check "$name-interpreted" interpreted "$model"
}

test_model() { # NAME MODEL OPTION...
    local name=$1 model=$2 target targets more="${*:3}"
    [[ $name = *$only* ]] || return
    check "$name-plain" bits "$name" "$model" generic env gcc --
    for cc in gcc clang; do
        if ! has $cc; then
            skip "$name-$cc" "not installed"
            continue
        fi
        check "$name-plain-$cc-O1" same plain "$name" "$model" generic env $cc -- -O1
        targets="x86-64 x86-64-v2 x86-64-v3 x86-64-v4"
        [ $cc = clang ] && ! thorough && targets=x86-64-v3
        for target in $targets; do
            on_target "$name" "$model" $target $cc
        done
    done
    check "$name-two-threads" same other "$name" "$model" x86-64-v3 env gcc --threads 2 --pass-config parallel.overhead-ns=0 --
    check "$name-three-threads" same other "$name" "$model" generic env gcc --threads 3 --pass-config parallel.overhead-ns=0 --
    check "$name-small-tiles" same other "$name" "$model" x86-64-v3 env gcc --pass-config schedule.registers=6 --pass-config schedule.unroll=1 --
    check "$name-rows" same other "$name" "$model" x86-64-v3 env gcc --pass-config attention.rows=3 --
    check "$name-no-blocks" same other "$name" "$model" x86-64-v2 env gcc --pass-config layout.block=0 --
    elsewhere "$name" "$model" aarch64
    elsewhere "$name" "$model" riscv64
    check "$name-interpreted" interpreted "$model"
}

for name in conv depthwise attention lstm functions; do
    test_model $name "$work/$name.tg"
done
test_briefly half_conv "$work/conv.tg" --mixed-precision
test_briefly half_attention "$work/attention.tg" --mixed-precision --mixed-precision-calculation-type bfloat16
test_briefly rows_attention "$work/attention.tg" --pass-config attention.rows=3
test_model digits "$root/samples/digits/digits.onnx"
test_model digits_int8 "$root/samples/digits/digits_int8.onnx"
if [ -d "$shared" ]; then
    test_briefly mobilenet "$shared/mlperf-tiny-onnx/vww_mobilenetv1_fp32.onnx"
    test_model keywords_int8 "$shared/mlperf-tiny-onnx/kws_dscnn_int8_qdq.onnx"
else
    skip "models of ../shared" "no ../shared/models here"
fi

finish
