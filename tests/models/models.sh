#!/usr/bin/env bash
# Real models against their published or ONNX Runtime vectors: `tenon validate` compiles each for this machine, builds it
# with the C compiler, runs it and compares. Rows of models.txt:
#   MODEL  INPUTS  REFERENCE  RTOL  ATOL  [OPTION=VALUE or OPTION ...]        paths below ../shared/models
#   tests/models/models.sh            all rows
#   tests/models/models.sh NAME       rows whose model path holds NAME
#   tests/models/models.sh --make     only makes the seeded models of all rows that are not by hand
# MODEL is a path, seeded:NAME, or optimised:NAME and optimised-all:NAME, which is what ONNX Runtime's optimiser makes of that.
# "byhand:" in front of MODEL: too large for every run of tests/run.sh, or another row has the network; it is run when NAME is given.
# $TARGET: another target than this machine's own (native).
# The seeded models are generated into $SEEDED (default build/seeded) when their row is reached; that needs the Python of
# toolchain/setup.sh python (build/venv), or another with numpy and onnx as $PYTHON.
set -u
cd "$(dirname "$0")/../.."
models=../shared/models
python=${PYTHON:-build/venv/bin/python}
tenon=${TENON:-build/release/tenon}
seeded=${SEEDED:-build/seeded}
passed=0
failed=0
skipped=0
only=${1:-}
optimised=$(mktemp -d)
trap 'rm -rf "$optimised"' EXIT

if [ "$only" = --make ] && [ -d "$models" ]; then
    sed -nE 's/^(seeded|optimised|optimised-all):([^ ]*) .*/\2/p' tests/models/models.txt | sort -u | while read -r name; do
        [ -e "$seeded/$name/model.onnx" ] || echo "$name"
    done | xargs -r "$python" $models/seeded/make.py "$seeded"
    exit
fi
if [ ! -d "$models" ]; then
    echo "1 skipped: no $models here"
    echo "0 passed, 0 failed"
    exit 0
fi

while read -r model inputs reference rtol atol options; do
    case $model in '' | '#'*) continue ;; esac
    case $model in *"$only"*) ;; *) continue ;; esac
    case $model in byhand:*) [ -n "$only" ] || continue ;; esac
    model=${model#byhand:}
    path=$models/$model
    case $model in
    seeded:* | optimised*:*)
        name=${model#*:}
        path=$seeded/$name/model.onnx
        if [ ! -e "$path" ] && ! { "$python" -c 'import numpy, onnx' && "$python" $models/seeded/make.py "$seeded" "$name"; } >/dev/null 2>&1; then
            skipped=$((skipped + 1))
            echo "skipped $model: it is made by Python with numpy and onnx (toolchain/setup.sh python)"
            continue
        fi
        inputs=${inputs/SEEDED/$seeded}
        ;;
    *) inputs=$models/$inputs ;;
    esac
    case $model in
    optimised*)
        level=extended
        case $model in optimised-all:*) level=all ;; esac
        if ! "$python" tests/models/optimise.py "$path" "$optimised/$name-$level.onnx" $level >"$optimised/log" 2>&1; then
            skipped=$((skipped + 1))
            echo "skipped $model: ONNX Runtime is not there to make it: $(tail -n 1 "$optimised/log")"
            continue
        fi
        path=$optimised/$name-$level.onnx
        ;;
    esac
    set --
    for o in $options; do
        case $o in
        *=*) set -- "$@" "--${o%%=*}" "${o#*=}" ;;
        *) set -- "$@" "--$o" ;;
        esac
    done
    [ -z "${TARGET:-}" ] || set -- "$@" --target "$TARGET"
    start=$SECONDS
    if out=$("$tenon" validate "$path" --inputs "$inputs" --reference "$models/$reference" --rtol "$rtol" --atol "$atol" "$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok      $model $((SECONDS - start)) s"
    else
        failed=$((failed + 1))
        echo "FAILED  $model: $(echo "$out" | tail -n 12)"
    fi
done < tests/models/models.txt
[ "$skipped" -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
