#!/usr/bin/env bash
# All tests: unit, text, conformance, models, command line, errors, generated code under strict flags, sanitizers.
#   tests/run.sh            what CI runs
#   tests/run.sh quick      without the sanitizer build and the vectors by three threads
# Installs what is missing (Debian 12, root or sudo). The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.."
root=$PWD
mode=${1:-full}
jobs=$(nproc)
passed=0
failed=0
skipped=0

toolchain/setup.sh build tests || { echo "cannot install what the tests need" >&2; exit 1; }

# step NAME COMMAND...: runs it, counts it, shows its output only when it fails, and what it says that it skipped.
step() {
    local name=$1 log start=$SECONDS
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %-34s %3d s  %s\n' "$name" $((SECONDS - start)) "$(tail -n 1 "$log" | cut -c1-80)"
    else
        failed=$((failed + 1))
        printf 'FAILED  %-34s %3d s\n' "$name" $((SECONDS - start))
        tail -n 40 "$log" | sed 's/^/        /'
    fi
    grep '^skipped ' "$log" | sed 's/^/        /'
    skipped=$((skipped + $(grep -c '^skipped ' "$log")))
    rm -f "$log"
}

skip() {
    skipped=$((skipped + 1))
    printf 'skipped %-34s %s\n' "$1" "$2"
}

preset() {
    cmake --preset "$1" -DTENON_TESTS=ON && cmake --build --preset "$1" -j "$jobs" # the quick start builds without
}

export TENON=$root/build/release/tenon
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step "build (release)" preset release
step "unit tests" ctest --test-dir build/release --output-on-failure -j "$jobs"
step "passes as text" build/release/tests/run_tg tests/pass/*.tg
step "floors and names" tests/meta/meta.sh
step "clang-format, clang-tidy" tests/meta/tidy.sh
step "installed library" bash tests/api/install.sh
step "command line" bash tests/cli/test_cli.sh
step "bad input" bash tests/error/errors.sh
if toolchain/setup.sh python; then
    python=build/venv/bin/python
    step "operators, against ONNX's schemas" $python tests/ops/schemas.py "$TENON"
    step "cases of our own: ONNX Runtime" $python tests/conform/make_cases.py "$scratch/cases"
    step "cases of our own, interpreter" build/release/tests/conform --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/cases"
    step "cases of our own, C" build/release/tests/conform --engine c --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/cases"
else
    skip "cases of our own" "no Python packages to make them with"
    skip "seeded models" "no Python packages to make them with"
fi

# Before the tests of packages, several of which take the seeded models that this makes.
if [ -d ../shared/models ]; then
    step "models" bash tests/models/models.sh
    step "int8 models, each integer" bash tests/models/exact.sh
else
    skip "models" "no ../shared/models here"
fi

step "TFLite files" bash tests/tflite/tflite.sh
step "generated code, strict flags" bash tests/emit/strict.sh
step "threads" bash tests/threads/threads.sh
step "vector mathematics" bash tests/emit/vmath.sh
step "what a package promises" bash tests/emit/contract.sh
step "targets, other processors" bash tests/emit/targets.sh
step "variants of a package" bash tests/emit/variants.sh
step "state of streams" bash tests/emit/state.sh
step "attention" bash tests/emit/attention.sh
step "denormals" bash tests/emit/denormals.sh
step "exact: the same bits everywhere" bash tests/emit/exact_bits.sh
step "calls of CBLAS and of own functions" bash tests/emit/dispatch.sh
step "digits sample" bash samples/quickstart.sh --test
step "samples/makefile" bash samples/makefile/test.sh
step "samples/imagenet" bash samples/imagenet/test.sh

vectors=../shared/models/onnx-node-vectors/onnx-node-1802-6be0677fc2.tar.xz
if [ -r "$vectors" ]; then
    mkdir -p "$scratch/vectors" && tar xf "$vectors" -C "$scratch/vectors"
    step "ONNX vectors, interpreter" build/release/tests/conform --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/vectors/node"
    step "ONNX vectors, attention in blocks of three rows" build/release/tests/conform --engine c --only attention_4d \
        --pass-config attention.rows=3 --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/vectors/node"
    strict="-O1 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wvla -Wdouble-promotion -Wundef -Wcast-align -Wstrict-prototypes -Wmissing-prototypes -Werror"
    for target in native generic; do # the plain C is also run with every undefined operation a trap
        checks=$strict
        [ $target = generic ] && checks="$strict -fsanitize=undefined -fsanitize-undefined-trap-on-error"
        step "ONNX vectors, C for $target, strict" build/release/tests/conform --engine c --target $target --cflags "$checks" \
            --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/vectors/node"
    done
    if [ -n "${python:-}" ]; then
        data=$($python -c 'import onnx, os; print(os.path.dirname(onnx.__file__))')/backend/test/data
        for set in pytorch-converted pytorch-operator simple; do
            step "ONNX's $set vectors, C" build/release/tests/conform --engine c --cflags "$strict" --jobs "$jobs" \
                --deny tests/conform/deny.txt "$data/$set"
        done
        step "tests/conform/README.md" tests/conform/readme.sh --check "$scratch/vectors/node" "$data"
    else
        skip "ONNX's other vectors" "no onnx package to find them in"
    fi
    for name in matmul gemm conv; do
        step "ONNX vectors, $name by CBLAS" build/release/tests/conform --engine c --dispatch cblas --only $name --jobs "$jobs" \
            --deny tests/conform/deny.txt "$scratch/vectors/node"
    done
else
    skip "ONNX vectors" "no ../shared/models here"
fi

# Ratios to read, not to fail on: needs an environment of ../shared/bench/setup.sh ort.
if [ -x "${BENCH_HOME:-$root/.bench}/ort/bin/python" ]; then
    step "speed against ONNX Runtime" bash tests/bench/run.sh short
else
    skip "speed against ONNX Runtime" "no environment of ../shared/bench/setup.sh here"
fi

if [ "$mode" = full ]; then
    if [ -r "$vectors" ]; then
        for family in conv pool matmul softmax attention lstm reduce_sum resize; do # all of them take ten minutes, by hand
            step "ONNX vectors, C, 3 threads: $family" build/release/tests/conform --engine c --threads 3 --cflags "$strict" \
                --jobs "$jobs" --deny tests/conform/deny.txt --only $family "$scratch/vectors/node"
        done
    fi
    step "build (asan-ubsan)" preset asan-ubsan
    step "unit tests (asan-ubsan)" ctest --test-dir build/asan-ubsan --output-on-failure -j "$jobs"
    step "bad input (asan-ubsan)" env TENON="$root/build/asan-ubsan/tenon" bash tests/error/errors.sh
    if [ -r "$vectors" ]; then
        step "ONNX vectors (asan-ubsan)" build/asan-ubsan/tests/conform --jobs "$jobs" --deny tests/conform/deny.txt "$scratch/vectors/node"
    fi
fi

[ "$skipped" -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
