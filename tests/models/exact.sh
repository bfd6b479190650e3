#!/usr/bin/env bash
# Quantised networks judged integer by integer against exact arithmetic (exact.py): the rows of exact.txt.
#   tests/models/exact.sh [NAME]      rows whose model path holds NAME
# Needs the Python of toolchain/setup.sh python (build/venv), or another with numpy and onnx as $PYTHON.
set -u
cd "$(dirname "$0")/../.."
models=../shared/models
seeded=${SEEDED:-build/seeded}
python=${PYTHON:-build/venv/bin/python}
passed=0
failed=0
skipped=0
only=${1:-}

# file NAME: where a model is, made when it is seeded; says why when it cannot be had.
file() {
    case $1 in
    here:*) echo "${1#here:}" ;;
    seeded:*)
        local path=$seeded/${1#seeded:}/model.onnx
        [ -e "$path" ] || "$python" $models/seeded/make.py "$seeded" "${1#seeded:}" >/dev/null 2>&1
        echo "$path"
        ;;
    *) echo "$models/$1" ;;
    esac
}

if ! "$python" -c 'import numpy, onnx' 2>/dev/null; then
    echo "1 skipped: no $python with numpy and onnx (toolchain/setup.sh python)"
    echo "0 passed, 0 failed"
    exit 0
fi
while read -r model inputs target; do
    case $model in '' | '#'*) continue ;; esac
    case $model in *"$only"*) ;; *) continue ;; esac
    path=$(file "$model")
    if [ ! -e "$path" ]; then
        skipped=$((skipped + 1))
        echo "skipped $model: no $path"
        continue
    fi
    case $inputs in
    random) ;;
    SEEDED/*) inputs=$seeded/${inputs#SEEDED/} ;;
    *) inputs=$models/$inputs ;;
    esac
    start=$SECONDS
    if out=$("$python" tests/models/exact.py "$path" "$inputs" --target "${target:-native}" 2>&1); then
        passed=$((passed + 1))
        echo "ok      $model $((SECONDS - start)) s: $(echo "$out" | tail -n 1)"
    else
        failed=$((failed + 1))
        echo "FAILED  $model: $(echo "$out" | tail -n 12)"
    fi
done <tests/models/exact.txt
[ "$skipped" -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
