#!/usr/bin/env bash
# --state: n steps of m_run_stateful against n steps of m_run with the state handed on by hand (state.c), of sums that are
# known and of streaming models; GTCRN over a whole recording against its authors' result (stream.py); under the strict flags, with the weights as an argument, by threads, in variants.
source "$(dirname "$0")/../check.sh"
models=$root/../shared/models
python=${PYTHON:-$root/build/venv/bin/python}

cat >sums.tg <<'END'
input "x" : float[3]
input "sum" : float[3]
input "turn" : int64[1]
constant "one" : int64[1] = [1]
"y" = Add("sum", "x")
"next" = Identity("y")
"turns" = Add("turn", "one")
output "y"
output "next"
output "turns"
END

streams() { # MODEL PAIRS "C FLAGS" OPTION...
    rm -rf m
    # shellcheck disable=SC2086
    "$tenon" compile "$1" -o m --module-name m --params const "${@:4}" && (
        cd m || exit 1
        gcc $flags -c m.c && gcc $flags -DM_NO_CHECKS -fsyntax-only m.c && gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
            -I. "-DPAIRS=$2" $3 -o state "$here/state.c" $(ls m*.c | grep -v m_test.c) -lm &&
            ASAN_OPTIONS=detect_leaks=0 ./state
    )
}
check sums streams sums.tg '{1, 1}, {2, 2}' -DSUMS --state sum=next --state turn=turns
check sums-in-variants streams sums.tg '{1, 1}, {2, 2}' -DSUMS --state sum=next --state turn=turns --target x86-64,x86-64-v3

prototype() { # with all that run may take, in its order
    "$tenon" compile sums.tg -o p --module-name m --params arg --threads 2 --state sum=next &&
        grep -q 'm_run_stateful(const m_io \*io, const void \*weights, void \*work, size_t work_size, void \*state, const tn_parallel \*threads);' p/m.h &&
        gcc $flags -fsyntax-only -Ip p/m.c
}
check arguments prototype

refused() { # WORDS OPTION...
    ! "$tenon" compile sums.tg -o q "${@:2}" 2>err && grep -qE -e "$1" err && [ ! -e q ]
}
check unknown-name refused "inputs are 'x', 'sum', 'turn', the outputs 'y', 'next', 'turns'" --state s=next
check other-type refused 'float\[3\], the output int64\[1\]' --state sum=turns
check own-input refused 'want INPUT=OUTPUT' --state sum
check twice refused 'already' --state sum=y --state sum=next

if [ -d "$models" ]; then
    check dtln-1 streams "$models/dtln/model_1.onnx" '{1, 1}' '' --state input_3=tf_op_layer_stack_2
    check dtln-2 streams "$models/dtln/model_2.onnx" '{1, 1}' '' --state input_5=tf_op_layer_stack_5
    check gtcrn streams "$models/gtcrn/gtcrn_simple.onnx" '{1, 1}, {2, 2}, {3, 3}' '' --state conv_cache=conv_cache_out \
        --state tra_cache=tra_cache_out --state inter_cache=inter_cache_out
    check silero streams "$models/silero-vad/silero_vad_16k_op15.onnx" '{1, 1}' '' --input-shapes 'input:[1,576]' --state state=stateN
    recording() {
        "$tenon" compile "$models/gtcrn/gtcrn_simple.onnx" -o g --module-name m --build shared --state conv_cache=conv_cache_out \
            --state tra_cache=tra_cache_out --state inter_cache=inter_cache_out &&
            "$python" "$here/stream.py" g/libm.so "$(number WORK_SIZE)" "$(number STATE_SIZE)" "$models/gtcrn"
    }
    number() { sed -n "s/^#define M_$1 //p" g/m.h; }
    if "$python" -c 'import numpy' >log 2>&1; then
        check recording recording
    else
        skip recording "no numpy: toolchain/setup.sh python"
    fi
    open_size() {
        ! "$tenon" compile "$models/silero-vad/silero_vad_16k_op15.onnx" -o r --input-shapes 'input:[B<=2,576]' --input-shapes 'state:[2,B,128]' \
            --state state=stateN 2>err && grep -q "must be fixed: give it with --input-shapes" err
    }
    check open-size open_size
else
    skip models "no $models here"
fi
finish
