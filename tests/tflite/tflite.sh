#!/usr/bin/env bash
# TFLite files: each operator against LiteRT (cases.tar.xz, which make_cases.py made), quantised models to the byte against
# TFLite Micro (golden.txt), and where build/venv has LiteRT all models of ../shared/models against it.
#   tests/tflite/tflite.sh            all
#   tests/tflite/tflite.sh NAME       cases and models whose name holds NAME
# The whole models are compiled at -O1: at -O2 gcc takes half as long again.
source "$(dirname "$0")/../check.sh"
only=${1:-}
models=$root/../shared/models
python=${PYTHON:-$root/build/venv/bin/python}

# Whole numbers are equal, floats close.
validates() { # MODEL INPUTS REFERENCE EXACT [ARGUMENT...]
    local rtol=1e-4 atol=1e-5
    [ "$4" = exact ] && rtol=0 atol=0
    [ "$4" = model ] && rtol=1e-3 atol=1e-4
    "$tenon" validate "$1" --inputs "$2" --reference "$3" --rtol $rtol --atol $atol "${@:5}"
}

runs_litert() { "$python" "$here/litert.py" "$1" ref; }

gives_hash() { # MODEL INPUT TYPE SHAPE HASH [NUMBERS]
    local hash
    python3 "$here/golden.py" input "$2" "$3" "$4" in.npz ${6:+"$here/$6"} && "$tenon" run "$1" --inputs in.npz --cflags -O1 -o out.npz || return 1
    hash=$(python3 "$here/golden.py" hash out.npz)
    [ "$hash" = "$5" ] || { echo "the output's hash is $hash, not $5"; return 1; }
}

mkdir cases && tar xJf "$here/cases.tar.xz" -C cases || exit 1
for model in cases/*"$only"*.tflite; do
    [ -e "$model" ] || continue
    name=$(basename "$model" .tflite)
    case $name in
    q_dequantize) kind=close ;;
    q_* | u_* | h_* | bit* | bucketize* | right_shift* | unique* | stablehlo_shift* | segment_*_int_*) kind=exact ;;
    *) kind=close ;;
    esac
    case $name in
    u_bilinear_* | ?_sum_*) more=(--exact) ;; # in float in TFLite, which FMA would round otherwise
    while) more=(--bounds "t2_turns<=6") ;;
    *) more=() ;;
    esac
    check "$name" validates "$model" "cases/$name.in.npz" "cases/$name.out.npz" $kind -O 1 --cflags -O0 "${more[@]}"
done

# What LiteRT does not compute of quantised types is one clear line too.
refuses_type() {
    "$tenon" show "$1" >out 2>err
    [ $? -eq 4 ] && grep -q "is quantised .*; what it takes is: " err || { cat out err; return 1; }
}
for model in cases/refused/*"$only"*.tflite; do
    [ -e "$model" ] && check "refused: $(basename "$model" .tflite)" refuses_type "$model"
done

# Random numbers: type and shape, and no further from the middle than the name says.
draws() { "$tenon" validate "$1" --fill-mode zeros --reference "${1%.tflite}.out.npz" --rtol 0 --atol "$2"; }
for model in cases/drawn/*"$only"*.tflite; do
    name=$(basename "$model" .tflite)
    [ -e "$model" ] && check "drawn: $name" draws "$model" "${name##*_}"
done

# The same arithmetic in vectors, in plain C, and in loops as they come.
if [ -z "$only" ]; then
    for name in q_conv_0 q_depthwise_1 u_conv_2 q_bilinear_half_7 q_svdf_2 q_add_1 q_mul_2 q_softmax_1 q_mean_1 q_average_pool_2d_1 q_quantize h_conv_many h_softmax_1 h_tanh q_l2_normalization_1 u_log_softmax_1 h_div_1 h_rsqrt_1; do
        check "$name, vectors" validates "cases/$name.tflite" "cases/$name.in.npz" "cases/$name.out.npz" exact --target native
        check "$name, plain C" validates "cases/$name.tflite" "cases/$name.in.npz" "cases/$name.out.npz" exact --target generic
    done
fi

# Damaged and unknown: one clear line, exit code 4, nothing printed.
refuses() { # WHAT WORDS [CASE]: what damage.py does to a model
    python3 "$here/damage.py" "cases/${3:-q_conv_0}.tflite" "$1" bad.tflite || return 1
    "$tenon" opt bad.tflite -p infer >out 2>err
    [ $? -eq 4 ] && [ ! -s out ] && [ "$(grep -vc ': note: ' err)" -eq 1 ] && grep -qE "$2" err || { cat out err; return 1; }
}
if [ -z "$only" ]; then
    check cut-off refuses half 'bad.tflite: error: the file is damaged or cut off: at byte [0-9]+, .* outside the file'
    check offset-outside refuses offset 'damaged or cut off: at byte'
    check unknown-code refuses code "operator 0: its operator code is 9; the file has 1"
    check not-supported refuses hashes "operator 0: operator LSH_PROJECTION \(code 15\) is not supported; 'tenon ops' lists"
    check custom refuses custom "operator 0: custom operator '.*': only TFLite's builtin operators can be compiled"
    check floats-only refuses sum "operator 0 \(ADD_N\): error: input 0 't0' is quantised int8; what it takes is: any but quantised"
    check lstm-without-a-scale refuses scale "operator 0 \(UNIDIRECTIONAL_SEQUENCE_LSTM\): error: tensor 't[0-9]+' is int8; one scale above 0" q_lstm_8
    check zero-point-outside refuses zero "tensor 0 't0': error: scale 0.05 and zero point 300 .* a zero point of int8 are wanted"
    check pool-of-two-scales refuses far "\(MAX_POOL_2D\): error: input and result have scales 0.05 and 1e-30, .* equal ones are wanted" q_max_pool_2d_0
    check operand-without-a-scale refuses float "\(PRELU\): error: tensor '[^']*' is float; one scale above 0 is wanted" q_prelu
    check another-shape refuses dim "node 0 't1' \(Abs\): error: the file says that 't1' is float\[9,3,5\], but float\[2,3,5\] follows" abs
    check another-type refuses type "the file says that 't2' is int64\[3,4\], but int32\[3,4\] follows" bitwise_xor
    check product-of-many refuses long "\(REDUCE_PROD\): error: the product of 257 quantised elements; up to 256 are supported" q_prod_4
    check radius refuses radius "radius 1140850690; 1 to 1048576 is wanted" lrn
    check negative-padding refuses paddings "\(PAD\): error: paddings -1 and 0 of axis 0; 0 or more are wanted" pad
    check subgraph-outside refuses part "operator 0 \(IF\): error: subgraph 77 has -1 inputs" if_at_run_time
    check schema-version refuses version 'schema version 2; 3 is wanted'
    check tensor-outside refuses tensor 'operator 0 \(CONV_2D\) refers to tensor 77; the file has 4'
fi

if [ ! -d "$models" ]; then
    skip "whole models" "no ../shared/models here"
    finish
    exit
fi

while read -r model input type shape hash by numbers; do
    case $model in '#'*) continue ;; *"$only"*) ;; *) continue ;; esac
    check "$model, $by${numbers:+, $numbers}" gives_hash "$models/$model" "$input" "$type" "$shape" "$hash" $numbers
done <"$here/golden.txt"

if "$python" -c 'import ai_edge_litert' >log 2>&1; then
    for model in "$models"/*/*"$only"*.tflite; do
        [ -e "$model" ] || continue
        "$python" "$here/litert.py" "$model" ref >log 2>&1
        case $? in
        0) check "${model#"$models"/}, LiteRT" validates "$model" ref.in.npz ref.out.npz "$(cat ref.kind)" --cflags -O1 \
            --tflite-rounding "$(cat ref.rounding)" ;;
        2) continue ;; # said in litert.py
        *) check "${model#"$models"/}, LiteRT" runs_litert "$model" ;;
        esac
    done
else
    skip "whole models against LiteRT" "no Python with ai-edge-litert (toolchain/setup.sh python)"
fi
finish
