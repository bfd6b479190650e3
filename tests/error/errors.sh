#!/usr/bin/env bash
# Bad input: each wrong model, option, output place and tensor file must lead to the documented exit code (tenon.h), one
# clear line that holds the words given here, and nothing left behind. make_bad.py writes the files.
#   TENON=build/release/tenon tests/error/errors.sh          all
#   TENON=... tests/error/errors.sh huge                     those whose name holds "huge"
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
tenon=$(realpath "${TENON:-$root/build/release/tenon}")
digits=$root/samples/digits/digits.onnx
only=${1:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir models place
python3 "$root/tests/error/make_bad.py" "$digits" models || { echo "0 passed, 1 failed"; exit 1; }
passed=0 failed=0

check() { # NAME COMMAND...
    local name=$1
    shift
    case $name in *"$only"*) ;; *) return ;; esac
    : >out
    : >err
    if "$@"; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name"
        sed 's/^/#   /' out err | head -12
    fi
    rm -rf place
    mkdir place
}

# Runs tenon with the exit code wanted (several: "0,4"). Whatever it says, it neither crashes nor hangs.
gives() { # CODES ARGUMENT...
    local want=$1 got
    shift
    timeout 60 "$tenon" "$@" >out 2>err </dev/null
    got=$?
    case ,$want, in *,$got,*) return 0 ;; esac
    echo "exit code $got, not $want: tenon $*" >>err
    return 1
}

says() { # WORD...: each a regular expression that the message must match
    local word
    for word in "$@"; do
        grep -qE -e "$word" err || { echo "the message lacks: $word" >>err; return 1; }
    done
}

one_line() { [ "$(wc -l <err)" -eq 1 ] || { echo "not one line" >>err; return 1; }; }
nothing_left() { [ -z "$(ls -A place)" ] || { echo "left: $(ls -A place)" >>err; return 1; }; }
quiet() { [ ! -s out ] || { echo "it wrote to standard output" >>err; return 1; }; }

refused() { # CODE LINES WORD... -- ARGUMENT...: one: exactly one line; any: at least one
    local code=$1 lines=$2 words=()
    shift 2
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    shift
    gives "$code" "$@" && quiet && says "${words[@]}" && nothing_left && { [ "$lines" = any ] || one_line; }
}

bad_model() { # NAME WORD...: the file's name stands in the line too
    local name=$1
    shift
    check "model-$name" refused 4 one "$name\.onnx: " 'error: ' "$@" -- compile "models/$name.onnx" -o place/out
}

# --- models ------------------------------------------------------------------------------------------------------

bad_model empty 'the file is empty'
bad_model text 'not an ONNX model'
bad_model zeros 'not an ONNX model'
bad_model no-graph 'no graph'
bad_model no-outputs 'no outputs'
bad_model no-opset 'opset'
bad_model opset-new 'opset 99' 'supported are 1 to [0-9]+'
bad_model opset-zero 'opset 0'

bad_model cycle 'cycle' "node [01] '(first|second)'"
bad_model self-cycle 'cycle' "'ouroboros'"
bad_model missing-initializer "'conv1'" "input 1 'weights'" 'not defined'
bad_model undefined-input "'sum1'" "input 1 'nowhere'" 'not defined'
bad_model undefined-output "output 'nobody'"
bad_model made-twice "'n2'" "'y'" 'same name'
bad_model few-inputs "'sum1'" 'Add takes 2'
bad_model many-inputs "'relu1'" 'has 3 inputs' 'takes 1'
bad_model omitted-input "'sum1'" 'Add'
bad_model attribute-twice "'soft1'" "'axis'" 'twice'
bad_model attribute-type "'soft1'" "axis"

bad_model fused-conv "'ms1'" "activation is 'Sine'" 'Relu'
bad_model nbits "'ms1'" 'bits is 5' '2, 4 or 8'
bad_model block-huge "'ms1'" 'block_size is 9223372036854775807'
bad_model cache-of-bytes "'ms1'" 'k_quant_type is PER_TENSOR' 'cache of floats'
bad_model many-heads "'ms1'" 'num_heads 4611686018427387904'
bad_model wide-heads "'ms1'" '12 columns'
bad_model shared-buffer "'ms1'" 'past_present_share_buffer is 1' 'a tensor each'
bad_model skipped-word "'ms1'" 'input [0-9]+ \(position_embedding\) is omitted'
bad_model group-norm "'ms1'" "attribute 'activation' is a string; an int is wanted"
bad_model crop-without-roi "'resize1'" 'needs the region, input 1 \(roi\)'
bad_model roi-no-bins "'roi1'" "output_height 1, output_width 0; 1 or more are wanted"

bad_model function-recursive "'f1' \(F in function pkg.G\)" 'function pkg.F calls itself'
bad_model function-bomb '262144 nodes'
bad_model function-deep '32 functions and subgraphs inside each other'
bad_model function-inputs "'call1' \(F\)" 'has 2 inputs; function pkg.F has 1'
bad_model function-attribute "'call1'" "attribute 'slope' is given; function pkg.F has none"
bad_model function-attribute-twice "'call1'" "'slope' is given twice"
bad_model function-attribute-type "'call1/leaky1' \(LeakyRelu in function pkg.F\)" "'alpha' refers to attribute 'slope', which is int; float is wanted"
bad_model function-reference "'call1/leaky1'" "'alpha' refers to attribute 'slope', which the function has not"
bad_model function-output "'call1'" "output 'c' of function pkg.F is made by none"
bad_model function-output-omitted "'call1'" "output 'c' of function pkg.F is an input that is omitted"
bad_model function-input-twice "function pkg.F has two inputs 'a'"
bad_model function-undefined "'call1/sum1' \(Add in function pkg.F\)" "input 1 'x' is not defined"
bad_model function-twice 'function pkg.F is there twice'
bad_model function-opset 'function pkg.F uses opset 99 of ai.onnx'
bad_model function-no-opset 'function pkg.F does not say which opset'
bad_model function-other-opset "'call1/leaky1'" 'the function does not say which opset of ai.onnx'
bad_model function-inside "node 0 'call1/MatMul_0' \(MatMul in function pkg.F\)" 'float\[2,3\]'

bad_model wrong-rank "'conv1'" "'x' is float\[2,3\]" 'rank'
bad_model wrong-type "'conv1'" 'int64' 'float'
bad_model bool-relu "'relu1'" 'bool\[2,3\]' 'Relu takes float'
bad_model no-broadcast "'sum1'" 'float\[4,5\]' 'float\[2,3\]'
bad_model matmul-inner "'mm1'" 'float\[2,3\]' 'float\[4,5\]'
bad_model conv-channels "'conv1'" '4 channels'
bad_model string-slice '3 starts are given' "'x' has 2 axes"
bad_model string-squeeze '9 axes are given' "'x' has 2"
bad_model string-input "'x' is string\[2,3,64\]" 'Relu takes no strings'
bad_model string-numbers "'s' is float\[2,3\]" 'strings of a fixed number of bytes'
bad_model string-count "'s'" '0 elements of string_data' 'need 1'
bad_model regex-pattern "'r1'" "pattern '\(a'" '\( without \)'
bad_model split-open "'p1'" 'x \(input 0\)' 'declare the shape of output 0'
bad_model complex-input "'x'" 'complex64' 'not supported'
bad_model type-99 "'x'" '99'
bad_model no-shape "'x'" 'no shape' '--input-shapes'
# the batch, a note; H, for both inputs, and the nameless dim each an error: three lines
check model-no-bound refused 4 any "note: input 'x' dim 0 'N' .*compiled for 1" "error: input 'x' dim 2 'H' .*no bound" \
    "error: input 'x' dim 3 '\\?' .*no bound" '--input-shapes "x:\[N<=8,3,H<=8,d3<=8\]"' -- compile models/no-bound.onnx -o place/out
check model-no-bound-lines test "$(timeout 60 "$tenon" compile models/no-bound.onnx -o place/out 2>&1 | wc -l)" -eq 3
check model-no-bound-runs refused 4 any "error: input 'x' dim 2" -- run models/no-bound.onnx
check model-no-bound-looks gives 0 summary models/no-bound.onnx
check model-no-bound-bounded gives 0 compile models/no-bound.onnx -o place/out --input-shapes "x:[N<=8,3,H<=8,W<=8]"
bad_model map-input "'x' is a map" '--input-shapes "x:\[N\]"'
bad_model map-text "'ml1'" 'TO_STRING of float'
bad_model ml-coefficients "'ml1'" "'coefficients' has 2" '3 are wanted'
bad_model ml-post "'ml1'" "'CUBE'" 'SOFTMAX_ZERO'
bad_model ml-labels "'ml1'" 'classlabels_strings is wanted'
bad_model ml-features "'ml1'" "'offset' has 2 elements" 'float\[2,3\]'
bad_model ml-kernel "'ml1'" "'WAVE'" 'RBF'
bad_model ml-vectors "'ml1'" 'class 1 has -1 vectors'
bad_model ml-circle "'ml1'" "node 0 is reached twice or is not there"
bad_model ml-zip "'ml1'" '2 labels' 'float\[2,3\]'
bad_model sequence-input "'x' is a sequence" '--input-shapes "x:\{\[\],\[\]\}"'
bad_model sequence-of-maps "'x' holds a map"
bad_model sequence-broken "'x' holds what has no type"
bad_model sequence-of-nothing 'empty sequences or optionals'
bad_model late-open "'r1'" 'shape \(input 1\)' 'output 0' '--const "s=\.\.\."'
bad_model late-count "'r1'" 'float\[2,3\]' 'float\[3,3\]' 'declares'
bad_model rank-20 "'x'" '20 dims'

bad_model huge-input "'x'" '2\^40'
bad_model huge-dim "'x'" '4611686018427387904'
bad_model huge-initializer "'w'" '2\^40'
bad_model huge-no-data "'w'" '1099511627776'
bad_model huge-result "'outer1'" 'too large'
bad_model huge-expand "'expand1'" 'too large'
bad_model huge-constant "'fill1'" 'too large'
bad_model huge-tile "'tile1'" 'too large'
bad_model huge-range "'range1'" 'too large'
bad_model huge-pad "'pad1'" 'too large'
bad_model negative-input "'x'" '-5'
bad_model negative-initializer "'w'" '-2'
bad_model negative-pad "'pad1'" 'pads'
bad_model negative-fill "'fill1'" '-4'
bad_model short-data "'w'" '20 bytes' '24'
bad_model long-data "'w'" '28 bytes' '24'

bad_model external-parent "'w'" "'../secret.bin'" "without '\.\.'"
bad_model external-hidden-parent "'w'" "without '\.\.'"
bad_model external-absolute "'w'" "'/etc/passwd'" 'relative'
bad_model external-backslash "'w'" 'relative'
bad_model external-link "'w'" 'out of the model.s folder'
bad_model external-folder "'w'" "'\.'"
bad_model external-missing "'w'" "'absent.bin'" 'No such file'
bad_model external-none "'w'" 'no location'
bad_model external-short "'w'" 'holds 20 bytes' '24'
bad_model external-offset "'w'" "'-8'"
bad_model external-past-end "'w'" '18446744073709551608'
bad_model external-length "'w'" '12 bytes' '24'

bad_model stride-zero "'pool1'" 'strides'
bad_model kernel-zero "'pool1'" 'kernel_shape'
bad_model kernel-large "'pool1'" '9'
bad_model kernel-rank "'pool1'" 'kernel_shape'
bad_model dilation-negative "'pool1'" 'dilations' '-1'
bad_model pads-negative "'pool1'" 'pads' '-9'
bad_model group-zero "'conv1'" 'group is 0'
bad_model group-odd "'conv1'" 'group is 2'
bad_model transpose-outside "'turn1'" 'axis 7'
bad_model transpose-twice "'turn1'" 'twice'
bad_model axis-outside "'soft1'" 'axis 5' '-2\.\.1'
bad_model concat-axis "'cat1'" 'axis -9'
bad_model reshape-count "'shape1'" 'elements'
bad_model reshape-two-open "'shape1'" '-1'
bad_model reshape-negative "'shape1'" '-7'
bad_model gather-outside "'gather1'" 'index 9'
bad_model gather-constant "'gather1'" 'index -9'
bad_model slice-step-zero "'slice1'" 'step'
bad_model split-sum "'split1'" '6' '4'
bad_model squeeze-two "'squeeze1'" 'axis 0'
bad_model cast-to-nothing "'cast1'" '77'
bad_model range-step-zero "'range1'" 'delta'
bad_model einsum-nonsense "'einsum1'" 'equation'
bad_model resize-zero "'resize1'" 'scale'

all_unknown() {
    refused 4 any "'frob1'.*Frobnicate" 'com\.acme' "'quux1'.*Quux.*2 nodes" "'blorp1'.*Blorp" \
        'com\.acme\.Frobnicate, Quux, Blorp' -- compile models/unknown-operators.onnx -o place/out &&
        ! grep -q Relu err
}
check model-unknown-operators all_unknown
nearest() {
    refused 4 any "'s1'.*Sofmax of domain 'ai.onnx', version 13, inputs float, is not supported; Softmax of domain 'ai.onnx' is" \
        "'q1'.*QGemm of domain 'ai.onnx'.*; QGemm of domain 'com.microsoft' is" "'c1'.*nchwc.*ORT_ENABLE_EXTENDED" \
        -- compile models/nearest.onnx -o place/out
}
check model-nearest nearest
check model-function-overload refused 4 any "'call1'" "no overload 'full'" 'is pkg.F:half' -- compile models/function-overload.onnx -o place/out
check model-function-unknown refused 4 any "'frob1' \(Frobnicate in function pkg.F\)" 'version 13' -- compile models/function-unknown.onnx -o place/out
check model-function-subgraph refused 4 any "'call1'" 'given a subgraph' -- compile models/function-subgraph.onnx -o place/out
check model-subgraph refused 4 any "'if1'" 'subgraph' -- compile models/subgraph.onnx -o place/out
check model-deep refused 4 any "'n1'" 'subgraph' -- compile models/deep.onnx -o place/out

for command in show summary validate run bench opt; do
    other_command() {
        case $command in
        validate) set -- --fill-mode ones --reference models/good.npz ;;
        opt) set -- -p dce ;;
        *) set -- ;;
        esac
        refused 4 one "'conv1'" "'weights'" -- "$command" models/missing-initializer.onnx "$@"
    }
    check "model-refused-by-$command" other_command
done

# Compiled or refused with a line, never a crash, and nothing half done.
odd() {
    gives 0,4 compile "$1" -o place/out || return 1
    if [ -d place/out ]; then
        [ ! -s err ] && [ "$(ls -A place)" = out ] && ls place/out/*_report.json >where
    else
        says 'error: ' && nothing_left
    fi
}
for file in models/odd/*.onnx; do
    check "odd-$(basename "$file" .onnx)" odd "$file"
done

# --- options -----------------------------------------------------------------------------------------------------

bad_option() { # NAME CODE WORD... -- ARGUMENT...
    local name=$1 code=$2
    shift 2
    check "option-$name" refused "$code" one "$@" -o place/out
}
box_outside() { gives "$1" run models/roi-large.onnx --inputs "models/$2.npz" --outputs place/y.npz && { [ "$1" = 0 ] || says 'returned -9' 'was not compiled for'; }; }
check run-box-inside box_outside 0 box-4
check run-box-larger-than-image box_outside 7 box-40
late_sizes() { gives 7 run models/late-sizes.onnx --fill-mode ones && says 'was not compiled for' && one_line; }
check run-late-sizes late_sizes
image() { # CODE FILE
    gives "$1" run models/image.onnx --inputs "models/$2"
}
wide_samples() { image 0 tiff-8.npy && image 7 tiff-16.npy && says 'was not compiled for' && one_line; }
check run-image-of-16-bits wide_samples
short_strip() { image 7 tiff-short.npy && says 'was not compiled for' && one_line; }
check run-image-cut-off short_strip
bad_option unknown 2 '--frobnicate' -- compile "$digits" --frobnicate 1
bad_option target 2 'pdp11' 'generic' -- compile "$digits" --target pdp11
bad_option params 2 "option '--params' is 'tape'" 'const' -- compile "$digits" --params tape
bad_option level 2 "option '-O' is '9'" -- compile "$digits" -O 9
bad_option build 2 "option '--build' is 'rocket'" 'exe' -- compile "$digits" --build rocket
bad_option threads 2 "option '--threads' is 'many'" -- compile "$digits" --threads many
bad_option module-name 2 "--module-name 'a-b'" 'identifier' -- compile "$digits" --module-name a-b
bad_option module-hides-header 2 "--module-name 'Math'" 'math.h' 'C library' -- compile "$digits" --module-name Math
bad_option module-hides-runtime 2 "--module-name 'tn_port'" 'runtime' -- compile "$digits" --module-name tn_port
bad_option disabled-pass 2 "'nope'" 'pass' -- compile "$digits" --disabled-pass nope
bad_option disabled-maker 2 "'lower'" 'disabled' -- compile "$digits" --disabled-pass lower
bad_option order 2 "'fold-const'" "'lower'" -- compile "$digits" --passes lower,fold-const
bad_option keep-values 2 '--keep-values' "'nope'" -- compile "$digits" --keep-values nope
bad_option passes 2 "'nope'" 'pass' -- compile "$digits" --passes nope
bad_option dump-after 2 "'nope'" 'pass' -- compile "$digits" --dump-after nope
bad_option shapes-input 2 "'nope'" 'image' -- compile "$digits" --input-shapes 'nope:[1,1,8,8]'
bad_option shapes-rank 2 'image' -- compile "$digits" --input-shapes 'image:[1,8,8]'
bad_option shapes-text 2 'input-shapes' -- compile "$digits" --input-shapes 'image:[1,1,8'
bad_option shapes-negative 2 'input-shapes' -- compile "$digits" --input-shapes 'image:[-1,1,8,8]'
bad_option shapes-bound-zero 2 'bound must be at least 1' -- compile "$digits" --input-shapes 'image:[N<=0,1,8,8]'
bad_option shapes-huge 2 'image|input-shapes' -- compile "$digits" --input-shapes 'image:[1,1,99999999999999999999,8]'
bad_option shapes-wrong 4 'Conv|Gemm|Flatten' -- compile "$digits" --input-shapes 'image:[1,1,12,12]'
printf '%s\n' 'input "e" : int64[1]' 'constant "o" : float[1] = [1]' '"y" = Expand("o", "e")' 'output "y"' >sizes.tg
bad_option bounds-none 4 "'' \(Expand\)" 'shape \(input 1\)' '--bounds "e<=N"' '--const "e=\.\.\."' -- compile sizes.tg
bad_option bounds-name 2 "--bounds names 'n'" 'there are: e' -- compile sizes.tg --bounds 'e<=4' --bounds 'n<=4'
bad_option bounds-text 2 '--bounds "e<4"' 'NAME<=N' -- compile sizes.tg --bounds 'e<4'
bad_option bounds-number 2 '--bounds "e<=4x"' 'NAME<=N' -- compile sizes.tg --bounds 'e<=4x'

printf '%s\n' 'input "x" : float[2,3]' 'constant "w" : float[3,3] = [1, 2, 3, 4, 5, 6, 7, 8, 9]' 'constant "most" : float[] = [1e30]' \
    '"m" = ReduceMax("x") {keepdims=0}' '"c" = Greater("m", "most")' \
    '"s" = If("c", "x") {then_branch={(), "t" = Relu("x"), gives ("t")}, else_branch={(), "e" = ReduceSum("x") {keepdims=0}, gives ("e")}}' \
    '"y" = Gemm("s", "w") @ 3 "gemm1"' 'output "y"' >fork.tg
fork_not_taken() {
    gives 7 run fork.tg && says "a run that takes the else_branch of the If that gives 's' ends with an error" "'gemm1' \(Gemm\): error: 's' has rank 0" 'returned -9'
}
check run-fork-not-taken fork_not_taken

conv() { # CHANNELS OF THE SECOND: two convolutions of one input of c channels
    printf '%s\n' 'symbol c <= 4' 'input "x" : float[1,c,4,4]' 'constant "v" : float[1,3,1,1] = [1, 2, 3]' "constant \"w\" : float[1,$1,1,1] = [$2]" \
        '"a" = Conv("x", "v") @ 0 "conv1"' '"b" = Conv("x", "w") @ 1 "conv2"' '"y" = Add("a", "b")' 'output "y"'
}
conv 2 '1, 2' >channels.tg
channels_differ() { gives 4 compile channels.tg && says "note: .* operators need to be equal, 'c' is 3" "'conv2'.*the input has 3 channels, the weights 2"; }
check compile-channels-differ channels_differ
conv 3 '1, 2, 3' | sed 's/^symbol.*/symbol c <= 2/' >few.tg
bad_option channels-bound 4 "'conv1'" "dim 1 of 'x' is c<=2; it must be 3" 'the weights' -- compile few.tg

resize() { # CONSTANT OPERANDS ATTRIBUTES: a text with a symbolic dim
    printf '%s\n' 'symbol h <= 16' 'input "x" : float[h,4]' "constant \"c\" : $1" "\"y\" = Resize(\"x\", $2) {$3} @ 0 \"resize1\"" 'output "y"'
}
resize 'float[2] = [0.1234567, 1]' '"", "c"' 'mode="linear"' >fraction.tg
bad_option resize-fraction 4 "'resize1'" 'a scale of 0.123457 .* the symbolic dim h<=16' '--input-shapes' -- compile fraction.tg
resize 'float[2] = [2, 1]' '"", "c"' 'mode="linear"' | sed 's/^symbol.*/symbol h <= 20000000/' >gaps.tg
bad_option resize-beyond-floats 4 "'resize1'" 'in float, by which 16777217 becomes 33554432, and not 33554434' 'below 16777217' -- compile gaps.tg
resize 'float[2] = [524288, 1]' '"", "c"' 'mode="linear"' | sed 's/^symbol.*/symbol h <= 5000/' >huge.tg
bad_option resize-huge 4 "'resize1'" 'a dim of h<=5000 scaled by 524288 is too large' -- compile huge.tg
resize 'int64[2] = [9, 4]' '"", "", "c"' 'mode="cubic", antialias=1' >antialias.tg
bad_option resize-antialias 4 "'resize1'" 'antialias is not supported from h<=16 to 9' '--input-shapes' -- compile antialias.tg
resize 'int64[2] = [9, 8]' '"", "", "c"' 'keep_aspect_ratio_policy="not_larger"' >aspect.tg
bad_option resize-aspect 4 "'resize1'" "keep_aspect_ratio_policy 'not_larger' .* the symbolic dim h<=16" '--input-shapes' -- compile aspect.tg
resize 'float[4] = [0, 0, 0.5, 1]' '"c", "s"' 'coordinate_transformation_mode="tf_crop_and_resize"' |
    sed 's/^constant.*/&\nconstant "s" : float[2] = [2, 1]/' >crop.tg
bad_option resize-crop 4 "'resize1'" 'tf_crop_and_resize .* the symbolic dim h<=16' '--input-shapes' -- compile crop.tg
bad_option bounds-of-input 2 "--bounds names 'N'" 'there is: none' -- compile "$digits" --bounds 'N<=4'
bad_option const-input 2 '--const' "'nope'" "'s'" -- compile models/late.onnx --const 'nope=[3,2]'
bad_option const-text 2 '--const "s"' 'NAME=VALUES' -- compile models/late.onnx --const s
bad_option const-count 2 '3 values' 'int64\[2\]' -- compile models/late.onnx --const 's=[3,2,1]'
bad_option const-value 2 'value 1' 'int64' -- compile models/late.onnx --const 's=[3,2.5]'
bad_option const-huge 2 'value 0' 'int64' -- compile models/late.onnx --const 's=[99999999999999999999,2]'
bad_option const-end 2 'value 1' -- compile models/late.onnx --const 's=[3,2'
bad_option const-wrong 4 "'r1'" 'float\[2,3\]' -- compile models/late.onnx --const 's=[4,2]'
bad_option const-of-a-text 2 '--const "p=\[0,0\]"' 'contract.tg' 'is for ONNX files' -- \
    compile "$root/tests/emit/contract.tg" --const 'p=[0,0]'
bad_option shapes-list 2 "'image' is a sequence; in the model it is a tensor" -- compile "$digits" --input-shapes 'image:{[1],[2]}'
bad_option shapes-list-text 2 "'\}' is missing" -- compile "$digits" --input-shapes 'image:{[1],[2]'
bad_option string-bytes 2 "'--string-bytes' is '0'" '1 to 32767' -- compile "$digits" --string-bytes 0
bad_option shapes-none 2 "'image' is none" -- compile "$digits" --input-shapes 'image:none'
bad_option shapes-of-a-text 2 '--input-shapes "x:\[2,3\]"' 'edit the line' -- \
    compile "$root/tests/emit/contract.tg" --input-shapes 'x:[2,3]'
bad_option const-twice 2 'already' -- compile models/late.onnx --const 's=[3,2]' --const 's=[2,3]'
bad_option quote 2 "option '--cflags'" 'quote' -- compile "$digits" --build exe --cflags "-DX='"
bad_option compiler 6 'no-such-compiler' -- compile "$digits" --build exe --cc no-such-compiler
bad_option flags 6 'no-such-flag' -- compile "$digits" --build exe --cflags=--no-such-flag

# The command of a build that failed can be given once the package is there without --build.
build_again() {
    gives 6 compile "$digits" -o place/out --build shared --cflags=--no-such-flag && nothing_left && one_line &&
        ! grep -q 'part-' err && says 'place/out/digits\.c' && sed 's/.*(compiled without --build): //' err >again || return 1
    gives 0 compile "$digits" -o place/out && sed -i 's/--no-such-flag//' again && sh again && [ -f place/out/libdigits.so ] &&
        gives 6 run "$digits" --cflags=--no-such-flag --fill-mode ones && says ' digits/digits\.c'
}
check build-again build_again

# --- places of output --------------------------------------------------------------------------------------------

absent() { refused 3 one 'absent\.onnx' 'No such file' -- compile absent.onnx -o place/out; }
check file-absent absent
folder() { refused 3,4 one 'models' -- compile models -o place/out; }
check file-is-a-folder folder

spares_folder() {
    mkdir place/mine && echo precious >place/mine/notes.txt &&
        gives 3 compile "$digits" -o place/mine && says 'place/mine' 'no Tenon package' && one_line &&
        [ "$(ls -A place/mine)" = notes.txt ] && [ "$(ls -A place)" = mine ] && grep -q precious place/mine/notes.txt
}
check output-folder-is-no-package spares_folder
spares_file() {
    echo precious >place/file && gives 3 compile "$digits" -o place/file && says 'place/file' && one_line &&
        grep -q precious place/file && [ "$(ls -A place)" = file ]
}
check output-is-a-file spares_file
below_file() {
    echo precious >place/file && gives 3 compile "$digits" -o place/file/out && says 'place/file' &&
        grep -q precious place/file && [ "$(ls -A place)" = file ]
}
check output-below-a-file below_file
keeps_package() { # a compile that fails leaves the package of the one before
    gives 0 compile "$digits" -o place/out && cp -r place/out before &&
        gives 4 compile models/missing-initializer.onnx -o place/out && diff -r before place/out &&
        [ "$(ls -A place)" = out ]
    local status=$?
    rm -rf before
    return $status
}
check output-keeps-the-old-package keeps_package
keeps_tar() {
    gives 0 compile "$digits" -o place/out.tar && cp place/out.tar before.tar &&
        gives 4 compile models/cycle.onnx -o place/out.tar && cmp before.tar place/out.tar &&
        [ "$(ls -A place)" = out.tar ]
}
check output-keeps-the-old-tar keeps_tar
tar_on_folder() {
    mkdir place/out.tar && echo precious >place/out.tar/notes.txt && gives 3 compile "$digits" -o place/out.tar &&
        [ "$(ls -A place/out.tar)" = notes.txt ] && [ "$(ls -A place)" = out.tar ]
}
check output-tar-is-a-folder tar_on_folder

# --- inputs of run ------------------------------------------------------------------------------------------------

package=$work/package
"$tenon" compile "$digits" -o "$package" >out 2>err
bad_inputs() { # FILE CODE WORD...
    local file=$1 code=$2
    shift 2
    check "inputs-$file" refused "$code" one "$@" -- run "$package" --inputs "models/$file" --outputs place/y.npz
}
bad_inputs absent.npz 3 'absent\.npz'
bad_inputs text.npz 4 'text\.npz'
bad_inputs void.npz 4 'void\.npz'
bad_inputs cut.npz 4 'cut\.npz'
bad_inputs flipped.npz 4 'flipped\.npz' 'image'
bad_inputs no-npy.npz 4 'no-npy\.npz' 'image'
bad_inputs short.npz 4 'short\.npz' '252' '256'
bad_inputs long.npz 4 'long\.npz' '260' '256'
bad_inputs object.npz 4 'object\.npz' 'O8'
bad_inputs huge.npz 4 'huge\.npz' 'large'
bad_inputs negative.npz 4 'negative\.npz' 'shape'
bad_inputs text.npy 4 'text\.npy'
bad_inputs cut.npy 4 'cut\.npy'
bad_inputs bad-tensors 4 'input_0\.pb'
bad_inputs no-tensors 3,7 'no-tensors' 'input_0\.pb'
bad_inputs none.npz 7 'none\.npz' 'no arrays'
bad_inputs shape.npz 7 'shape\.npz: error: ' "'image'" 'float\[1,1,8,9\]' 'float\[1,1,8,8\]'
bad_inputs rank.npz 7 "'image'" 'float\[64\]' 'float\[1,1,8,8\]'
bad_inputs type.npz 7 "'image'" 'int32\[1,1,8,8\]' 'float\[1,1,8,8\]'
bad_inputs unknown.npz 7 'unknown\.npz: error: ' "no input of the model: array 0 'picture'; missing: input 'image'"
bad_inputs extra.npz 7 'extra\.npz: error: ' "'picture'; 2 arrays are given for 1 inputs: 'image'"
check inputs-missing refused 7 one "'b'" -- run models/sum.onnx --inputs models/only-a.npz --outputs place/y.npz
for file in good deflated; do
    good_inputs() { gives 0 run "$package" --inputs "models/$file.npz" --outputs place/y.npz && [ -s place/y.npz ]; }
    check "inputs-$file.npz" good_inputs
done

# A shape given at run time: as declared, by -1, and not as declared.
late_shape() { # CODE FILE
    gives "$1" run models/late.onnx --inputs "models/$2.npz" --outputs place/y.npz && { [ "$1" = 0 ] || says 'returned -9' 'not compiled for'; }
}
check inputs-late-shape late_shape 0 late
check inputs-late-shape-open late_shape 0 late-open
check inputs-late-shape-wrong late_shape 7 late-wrong
late_const() { gives 0 run models/late.onnx --const 's=[3, -1]' --outputs place/y.npz && [ -s place/y.npz ]; }
check inputs-late-const late_const

# Each step mentions what it clamps several times in the C: the time goes by the steps, not by 2 to their number.
awk 'BEGIN {
    print "input \"x\" : int8[1,64]\nconstant \"m\" : int32[1] = [1518500250]\nconstant \"s\" : int8[1] = [-6]\n\"v0\" = Cast(\"x\") {to=6}"
    for (i = 0; i < 40; i++)
        printf "\"p%d\" = Mul(\"v%d\", \"v0\")\n\"v%d\" = tenon::Rescale(\"p%d\", \"m\", \"s\") {zero=3, to=6, min=-128, max=127}\n", i, i, i + 1, i
    print "\"y\" = Cast(\"v40\") {to=3}\noutput \"y\""
}' >models/steps.tg
check compile-many-clamps gives 0 compile models/steps.tg --target x86-64-v3 -O1 -o place/steps

# 1 is doubled five times before it is 20 or more; nobody reads how often.
turns() { # CODE BOUND
    gives "$1" run models/while.onnx --bounds "y_turns<=$2" --inputs models/while.npz --outputs place/y.npz && { [ "$1" = 0 ] || says 'returned -9' 'not compiled for'; }
}
check run-turns-within-bound turns 0 5
check run-turns-beyond-bound turns 7 4
check run-turns-without-bound refused 4 "'loop1'" 'bounds "y_turns<=N"' -- run models/while.onnx --inputs models/while.npz --outputs place/y.npz

damaged_package() { # a package that lost a file
    cp -r "$package" lost && rm lost/digits.c && refused 3,6 any 'digits' -- run lost
    local status=$?
    rm -rf lost
    return $status
}
check run-damaged-package damaged_package
no_package() { refused 3,4 one 'models' -- run models; }
check run-no-package no_package

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
