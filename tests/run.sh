#!/usr/bin/env bash
# All tests: unit, text, conformance, models, command line, errors, generated code under strict flags, sanitizers.
#   tests/run.sh            what CI runs
#   tests/run.sh quick      without sanitizers, fuzzing and the vectors by three threads
# Installs what is missing (Debian 12, root or sudo). The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.."
root=$PWD
mode=${1:-full}
cores=$(nproc)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
touch "$scratch/lock" "$scratch/said"

toolchain/setup.sh build tests || { echo "cannot install what the tests need" >&2; exit 1; }

# step NAME COMMAND...: runs it beside the other steps, as many at once as there are cores; most take one core, so what can
# take more gets --jobs 1. Each is counted, and shows its output only when it fails, and what it says that it skipped.
step() {
    while [ "$(jobs -pr | wc -l)" -ge "$cores" ]; do wait -n; done
    run_step "$@" &
}

run_step() {
    local name=$1 log=$scratch/log.$BASHPID start=$SECONDS result=ok
    shift
    "$@" >"$log" 2>&1 </dev/null || result=FAILED
    {
        if [ $result = ok ]; then
            printf 'ok      %-34s %3d s  %s\n' "$name" $((SECONDS - start)) "$(tail -n 1 "$log" | cut -c1-80)"
        else
            printf 'FAILED  %-34s %3d s\n' "$name" $((SECONDS - start))
            tail -n 40 "$log" | sed 's/^/        /'
        fi
        grep '^skipped ' "$log" | sed 's/^/        /'
    } >"$log.said"
    flock "$scratch/lock" sh -c 'cat "$1"; cat "$1" >>"$2"' - "$log.said" "$scratch/said"
}

settle() { wait; }                   # until all steps so far have ended
alone() { settle && run_step "$@"; } # one that uses all cores

skip() {
    printf 'skipped %-34s %s\n' "$1" "$2" | tee -a "$scratch/said"
}

preset() {
    cmake --preset "$1" -DTENON_TESTS=ON && cmake --build --preset "$1" -j "$cores" # the quick start builds without
}

alone "build (release)" preset release
export TENON=$root/build/release/tenon
toolchain/setup.sh python & # waits for the network more than it computes
python_setup=$!
[ "$mode" = full ] && run_step "build (sanitizers)" preset fuzz
python=
if wait $python_setup; then
    python=build/venv/bin/python
    step "seeded models" bash tests/models/models.sh --make
    step "cases of our own: ONNX Runtime" $python tests/conform/make_cases.py "$scratch/cases"
    step "operators, against ONNX's schemas" $python tests/ops/schemas.py "$TENON"
fi
# with sanitizers, and assertions, test_lowered runs later: it takes a minute
step "unit tests" ctest --test-dir build/release --output-on-failure $([ "$mode" = full ] && echo -E test_lowered)
step "passes as text" build/release/tests/run_tg tests/pass/*.tg
step "floors and names" tests/meta/meta.sh
step "clang-format, clang-tidy" tests/meta/tidy.sh
step "installed library" bash tests/api/install.sh
step "command line" bash tests/cli/test_cli.sh
step "bad input" bash tests/error/errors.sh
step "digits sample" bash samples/quickstart.sh --test
step "options of conform" bash tests/conform/options.sh
step "samples/makefile" bash samples/makefile/test.sh
settle # what follows takes the cases and the seeded models

# The longest first, so that no core waits in the end.
vectors=../shared/models/onnx-node-vectors/onnx-node-1802-6be0677fc2.tar.xz
node=$scratch/vectors/node
strict="-O1 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wvla -Wdouble-promotion -Wundef -Wcast-align -Wstrict-prototypes -Wmissing-prototypes -Werror"
traps="-fsanitize=undefined -fsanitize-undefined-trap-on-error" # the plain C is also run with every undefined operation a trap
conform="build/release/tests/conform --jobs 1 --deny tests/conform/deny.txt"
all_intrinsics="env -u C_INCLUDE_PATH" # where warnings are what is tested: gcc's <immintrin.h> as it is
[ "$(uname -m)" = x86_64 ] && python3 tests/intrinsics.py "$scratch/intrinsics" && export C_INCLUDE_PATH=$scratch/intrinsics${C_INCLUDE_PATH:+:$C_INCLUDE_PATH}
if [ -d ../shared/models ]; then
    step "models" bash tests/models/models.sh
else
    skip "models" "no ../shared/models here"
fi
if [ -r "$vectors" ]; then
    mkdir -p "$scratch/vectors" && tar xf "$vectors" -C "$scratch/vectors"
    step "ONNX vectors, C for native, strict" $conform --engine c --cflags "$strict" "$node"
    step "ONNX vectors, C for generic, strict" $conform --engine c --target generic --cflags "$strict $traps" "$node"
fi
step "exact: the same bits everywhere" bash tests/emit/exact_bits.sh
if [ -n "$python" ]; then
    step "cases of our own, C" $conform --engine c "$scratch/cases"
    step "cases of our own, interpreter" $conform "$scratch/cases"
else
    skip "cases of our own" "no Python packages to make them with"
    skip "seeded models" "no Python packages to make them with"
fi
step "TFLite files" bash tests/tflite/tflite.sh
step "what a package promises" $all_intrinsics bash tests/emit/contract.sh
step "generated code, strict flags" $all_intrinsics bash tests/emit/strict.sh
step "threads" bash tests/threads/threads.sh
step "variants of a package" bash tests/emit/variants.sh
[ ! -d ../shared/models ] || step "int8 models, each integer" bash tests/models/exact.sh
step "vector mathematics" bash tests/emit/vmath.sh
step "targets, other processors" $all_intrinsics bash tests/emit/targets.sh
step "samples/imagenet" bash samples/imagenet/test.sh
step "calls of CBLAS and of own functions" bash tests/emit/dispatch.sh
step "denormals" bash tests/emit/denormals.sh
step "state of streams" bash tests/emit/state.sh
step "attention" bash tests/emit/attention.sh
if [ -r "$vectors" ]; then
    step "ONNX vectors, interpreter" $conform "$node"
    step "ONNX vectors, attention in blocks of three rows" $conform --engine c --only attention_4d --pass-config attention.rows=3 \
        "$node"
    for name in matmul gemm conv; do
        step "ONNX vectors, $name by CBLAS" $conform --engine c --dispatch cblas --only $name "$node"
    done
    if [ -n "$python" ]; then
        data=$($python -c 'import onnx, os; print(os.path.dirname(onnx.__file__))')/backend/test/data
        for set in pytorch-converted pytorch-operator simple; do
            step "ONNX's $set vectors, C" $conform --engine c --cflags "$strict" "$data/$set"
        done
        step "tests/conform/README.md" tests/conform/readme.sh --check "$node" "$data"
    else
        skip "ONNX's other vectors" "no onnx package to find them in"
    fi
else
    skip "ONNX vectors" "no ../shared/models here"
fi

if [ "$mode" = full ]; then
    step "unit tests (sanitizers)" ctest --test-dir build/fuzz --output-on-failure
    for kind in "onnx 160" "tflite 110" "npz 30"; do # five minutes in all
        # shellcheck disable=SC2086
        step "fuzzing: $kind s" tests/fuzz/fuzz.sh $kind
    done
    if [ -r "$vectors" ]; then
        for family in conv pool matmul softmax attention_4d lstm reduce_sum resize; do # all of them take ten minutes, by hand
            step "ONNX vectors, C, 3 threads: $family" $conform --engine c --threads 3 --cflags "$strict" \
                --only $family "$node"
        done
        step "ONNX vectors (sanitizers)" build/fuzz/tests/conform --jobs 1 --deny tests/conform/deny.txt "$node"
    fi
    step "bad input (sanitizers)" env TENON="$root/build/fuzz/tenon" bash tests/error/errors.sh
fi
settle

# Ratios to read, not to fail on: needs an environment of ../shared/bench/setup.sh ort.
if [ -x "${BENCH_HOME:-$root/.bench}/ort/bin/python" ]; then
    alone "speed against ONNX Runtime" bash tests/bench/run.sh short
else
    skip "speed against ONNX Runtime" "no environment of ../shared/bench/setup.sh here"
fi

count() { grep -cE "$1" "$scratch/said"; }
[ "$(count '^ *skipped ')" -gt 0 ] && echo "$(count '^ *skipped ') skipped"
echo "$(count '^ok ') passed, $(count '^FAILED ') failed"
[ "$(count '^FAILED ')" -eq 0 ]
