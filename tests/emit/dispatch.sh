#!/usr/bin/env bash
# Calls of CBLAS and of functions of the user (option dispatch). For each case the package with calls gives what the one
# without gives, has the calls that are wanted, and builds without a warning under the strict flags with gcc and clang;
# its own test (against the interpreter) passes. Cases that link OpenBLAS are skipped, and counted, where pkg-config does
# not find it.
#   TENON=build/release/tenon tests/emit/dispatch.sh
source "$(dirname "$0")/../check.sh"
export OPENBLAS_NUM_THREADS=1

says() { # CODE WORDS COMMAND...: exit code, and a message that has the words
    local code=$1 words=$2
    shift 2
    "$@" >said 2>&1
    local got=$?
    [ "$got" -eq "$code" ] && grep -qF -e "$words" said || { echo "exit code $got, not $code, or no '$words'"; cat said; return 1; }
}

# --- functions of the user -------------------------------------------------------------------------------------------

swish=user.swish=$root/tests/pass/patterns/swish.tg:my_swish
cat >net.tg <<'G'
symbol B <= 8
input "x" : float[B,5]
constant "w" : float[5,3] = [1, 2, 3, 4, 5, 6, 7, 8, -9, -10, -11, -12, -13, -14, -15]
"h" = MatMul("x", "w")
"d" = Add("h", "h")
"s" = Sigmoid("d")
"m" = Mul("s", "h")
"r" = Relu("m")
"e" = Add("r", "r")
"f" = Sigmoid("e")
"y" = Mul("r", "f")
output "y"
G
cat >my.c <<'C'
#include "net.h"
#include <math.h>
void my_swish(const float *x, float *y, ptrdiff_t M, ptrdiff_t N)
{
    for (ptrdiff_t i = 0; i < M * N; i++)
        y[i] = x[i] / (1.0f + expf(-2.0f * x[i]));
}
C
own_function() { # OPTION...
    "$tenon" run net.tg --fill-mode random --seed 1 --outputs want.npz "$@" &&
        "$tenon" validate net.tg --fill-mode random --seed 1 --reference want.npz --dispatch "$swish" --link my.c "$@" &&
        "$tenon" compile net.tg -o net --dispatch "$swish" "$@" &&
        grep -q '^void my_swish(const float \*x, float \*y, ptrdiff_t M, ptrdiff_t N);' net/net.h &&
        [ "$(grep -c '    my_swish(x, y, dim0_B, 3);' net/net.c)" -eq 1 ] && # two layers of one text share a function
        [ "$(grep -c 'net_mul_[0-9]*(.*mem' net/net.c)" -ge 2 ]
}
check "a function of the user" own_function
check "a function of the user, -O0" own_function -O 0
check "a function of the user, self-test" "$tenon" compile net.tg -o net --dispatch "$swish" --link my.c --build exe
check "... runs" net/net_test
for cc in gcc clang; do
    # shellcheck disable=SC2086
    check "... strict, $cc" $cc $flags -c -Inet net/net.c -o net.o
done
cat >keys.tg <<'G'
input "q" : float[32,8]
input "k" : float[8,64]
input "v" : float[64,8]
"d" = Add("k", "k")
"g" = Sigmoid("d")
"keys" = Mul("k", "g")
"scores" = MatMul("q", "keys")
"p" = Softmax("scores")
"y" = MatMul("p", "v")
output "y"
G
keys_of_a_call() { # what the function writes is row-major, also where pass attention would block it
    local options="--module-name net --target native --pass-config attention.rows=8"
    # shellcheck disable=SC2086
    "$tenon" run keys.tg --fill-mode random --seed 1 --outputs want.npz $options &&
        "$tenon" validate keys.tg --fill-mode random --seed 1 --reference want.npz --dispatch "$swish" --link my.c $options
}
check "a function of the user that makes an attention's keys" keys_of_a_call
one_makefile() {
    "$tenon" compile net.tg -o net --dispatch "$swish" &&
        printf 'include net/Makefile.inc\n./net_test: my.o\nmy.o: CPPFLAGS += -Inet\n' >Makefile &&
        make net_selftest
}
check "... Makefile.inc" one_makefile
check "no file with the function" says 6 "name the file that defines it by --link" "$tenon" run net.tg --fill-mode ones --dispatch "$swish"
check "marks without their pattern" says 4 "give its pattern again" bash -c \
    "'$tenon' opt net.tg -p infer,dispatch --dispatch '$swish' >marked.tg && '$tenon' compile marked.tg -o marked"
check "... and with it" "$tenon" compile marked.tg -o marked --dispatch "$swish"

# --- bad patterns ----------------------------------------------------------------------------------------------------

bad() { # NAME WORDS TEXT
    printf '%b' "$3" >bad.tg
    check "bad pattern: $1" says 2 "$2" "$tenon" compile net.tg -o net --dispatch user.p=bad.tg:f
}
bad "no output" "wanted an output" 'input "x" : float[4]\n'
bad "two outputs" "has one output" 'input "x" : float[4]\n"y" = Relu("x")\n"z" = Exp("x")\noutput "y"\noutput "z"\n'
bad "an input is the output" "an input or a constant" 'input "x" : float[4]\noutput "x"\n'
bad "open shape" "found ..., wanted a dim" 'input "x" : float[...]\n"y" = Relu("x")\noutput "y"\n'
bad "a term" "is a term" 'symbol M <= 4\ninput "x" : float[(M+1)]\n"y" = Relu("x")\noutput "y"\n'
bad "an idle symbol" "no dim of an input" 'symbol M <= 4\ninput "x" : float[3]\n"y" = Relu("x")\noutput "y"\n'
bad "shapes that do not fit" "broadcast" 'input "x" : float[3]\ninput "z" : float[4]\n"y" = Add("x", "z")\noutput "y"\n'
check "unknown pattern" says 2 "there is no such pattern" "$tenon" compile net.tg -o net --dispatch cblas.nothing
check "no function" says 2 "wanted user.NAME=FILE:FUNCTION" "$tenon" compile net.tg -o net --dispatch user.p=bad.tg
check "no such file" says 2 "nowhere.tg" "$tenon" compile net.tg -o net --dispatch user.p=nowhere.tg:f
check "twice" says 2 "already" "$tenon" compile net.tg -o net --dispatch "$swish" --dispatch "$swish"

# --- CBLAS -----------------------------------------------------------------------------------------------------------

same() { # CALLS: the lines with calls in the code; the model is prod.tg
    local calls=$1 level
    "$tenon" run prod.tg --fill-mode random --seed 5 --outputs want.npz || return 1
    for level in 0 2; do
        "$tenon" validate prod.tg --fill-mode random --seed 5 --reference want.npz --dispatch cblas -O $level \
            --rtol 1e-4 --atol 1e-5 || return 1
    done
    "$tenon" compile prod.tg -o prod --dispatch cblas --target x86-64 --build exe && prod/prod_test || return 1
    for cc in gcc clang; do
        # shellcheck disable=SC2086,SC2046
        $cc $flags $(pkg-config --cflags openblas | sed 's/-I/-isystem/g') -c prod/prod.c -o prod.o || return 1
    done
    [ "$(grep -c '^ *cblas_sgem[mv](' prod/prod.c)" -eq "$calls" ] || { grep -n cblas_ prod/prod.c; return 1; }
}

blas() { # NAME CALLS, the graph on standard input
    cat >prod.tg
    if pkg-config --exists openblas; then
        check "cblas: $1" same "$2"
    else
        skip "cblas: $1" "no OpenBLAS here"
    fi
}

two() { # NAME CALLS SHAPE SHAPE OPERATION [ATTRIBUTES]
    blas "$1" "$2" <<G
input "a" : float[$3]
input "b" : float[$4]
"y" = $5("a", "b") ${6:-}
output "y"
G
}
two "product" 1 7,5 5,9 MatMul
two "row by matrix" 1 5 5,9 MatMul
two "matrix by column" 1 7,5 5 MatMul
two "column by row" 1 7,1 1,9 MatMul
two "dot product" 1 5 5 MatMul
two "batches of both" 1 3,7,5 3,5,9 MatMul
two "one matrix for all batches" 1 2,3,7,5 5,9 MatMul
two "batches that are broadcast" 1 2,1,7,5 3,5,9 MatMul
two "Gemm" 1 7,5 5,9 Gemm
two "Gemm, first transposed" 1 5,7 5,9 Gemm '{transA=1}'
two "Gemm, second transposed" 1 7,5 9,5 Gemm '{transB=1}'
two "Gemm, both transposed, alpha" 1 5,7 9,5 Gemm '{transA=1, transB=1, alpha=0.5}'
two "one row, transposed" 1 1,5 9,5 Gemm '{transB=1}'
two "convolution of single pixels: no columns" 1 1,6,4,5 8,6,1,1 Conv
two "convolution" 1 1,3,9,8 4,3,3,3 Conv '{pads=[1,1,1,1]}'
two "convolution: batch, strides, dilations, uneven borders" 1 2,3,9,11 4,3,3,2 Conv '{pads=[1,0,2,1], strides=[2,1], dilations=[1,2]}'
two "groups stay generated" 0 1,4,5,5 4,2,3,3 Conv '{group=2}'
blas "bias and relu behind the call" 1 <<'G'
symbol B <= 4
input "x" : float[B,5]
input "w" : float[5,9]
constant "b" : float[9] = [1, -2, 3, -4, 5, -6, 7, -8, 9]
"m" = MatMul("x", "w")
"t" = Add("b", "m")
"y" = Relu("t")
output "y"
G
blas "gelu, and a sum that is no part of it" 1 <<'G'
input "x" : float[4,5]
input "w" : float[3,5]
input "r" : float[4,3]
constant "b" : float[3] = [1, -2, 3]
"t" = Gemm("x", "w", "b") {transB=1}
"g" = Gelu("t")
"y" = Add("g", "r")
output "y"
G
blas "attention: a transposed operand is read in place; softmax between" 2 <<'G'
input "q" : float[2,3,6,4]
input "k" : float[2,3,6,4]
input "v" : float[2,3,6,4]
"kt" = Transpose("k") {perm=[0,1,3,2]}
"s" = MatMul("q", "kt")
"p" = Softmax("s") {axis=3}
"o" = MatMul("p", "v")
"y" = Transpose("o") {perm=[0,2,1,3]}
output "y"
G
blas "the result of a call in the place of no operand" 2 <<'G'
input "x" : float[6,6]
"r" = Relu("x")
"a" = MatMul("r", "r")
"b" = MatMul("a", "r")
"y" = Add("b", "r")
output "y"
G
blas "a batch of convolutions, the number open" 1 <<'G'
symbol N <= 3
input "x" : float[N,3,8,8]
input "w" : float[5,3,3,3]
input "b" : float[5]
"t" = Conv("x", "w", "b") {pads=[1,1,1,1]}
"y" = Relu("t")
output "y"
G
printf 'input "a" : float[7,5]\ninput "b" : float[5,9]\n"y" = MatMul("a", "b")\noutput "y"\n' >prod.tg
if pkg-config --exists openblas; then
    check "by a pattern's short name" bash -c "'$tenon' compile prod.tg -o prod --dispatch matmul_bias,matmul && grep -q cblas_sgemm prod/prod.c"
    check "another pattern finds nothing" bash -c "'$tenon' compile prod.tg -o prod --dispatch cblas.conv2d && ! grep -q cblas_ prod/prod.c"
    makefile_links() { printf 'include prod/Makefile.inc\n' >Makefile && "$tenon" compile prod.tg -o prod --dispatch cblas && make prod_selftest; }
    check "Makefile.inc links it" makefile_links
    cmake_links() { cmake -S prod -B cm >log2 && cmake --build cm --target prod_run_selftest; }
    check "CMakeLists.txt links it" cmake_links
else
    skip "packages that link CBLAS" "no OpenBLAS here"
fi

finish
