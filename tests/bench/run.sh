#!/usr/bin/env bash
# Times Tenon against ONNX Runtime and others over models.txt, with ../shared/bench (its README says how it measures).
#   tests/bench/run.sh                     all models; puts a table in front of RESULTS.md
#   tests/bench/run.sh resnet50 mnist      these only; prints the table
#   tests/bench/run.sh short               three small models, three rounds; prints ratios: what CI runs
# TENON, BENCH_HOME (environments of ../shared/bench/setup.sh, default .bench), SEEDED (models of ../shared/models/seeded/make.py),
# THREADS (1,2), ROUNDS (15), CONTENDERS (ort; the first is the yardstick), OUT (keeps each model's JSON).
# A slow result is no failure: machines are shared. What cannot run is skipped and counted.
set -u
cd "$(dirname "$0")/../.." || exit 1
bench=../shared/bench models=../shared/models
tenon=$(realpath "${TENON:-build/release/tenon}")
export BENCH_HOME=${BENCH_HOME:-$PWD/.bench}
seeded=${SEEDED:-build/seeded}
threads=${THREADS:-1,2} rounds=${ROUNDS:-15} contenders=${CONTENDERS:-ort}
out=${OUT:-$(mktemp -d)}
wanted=" $* " skipped=0 jsons=()

if [ "$*" = short ]; then
    threads=${THREADS:-1} rounds=${ROUNDS:-3}
    wanted=" mnist resnet8 squeezenet "
fi
for need in "$bench/compare.py" "$BENCH_HOME/ort/bin/python" "$tenon"; do
    [ -e "$need" ] || { echo "skipped: $need is not there"; exit 0; }
done

path_of() { # FILE of models.txt
    case $1 in
    seeded:*) echo "$seeded/${1#seeded:}/model.onnx" ;;
    *) echo "$models/$1" ;;
    esac
}

mkdir -p "$out" || exit 1
while read -r name file _; do
    case $name in '#'* | '') continue ;; esac
    case $wanted in '  ' | *" $name "*) ;; *) continue ;; esac
    model=$(path_of "$file")
    if [ ! -r "$model" ]; then
        skipped=$((skipped + 1))
        echo "skipped $name: no $model" >&2
        continue
    fi
    echo "$name ..." >&2
    # exit code 1 says that a contender failed: the table has its reason
    "$bench/compare.py" "$model" --threads "$threads" --rounds "$rounds" --contenders "$contenders,tenon:$tenon" \
        --json "$out/$name.json" >"$out/$name.log" 2>&1
    if [ -r "$out/$name.json" ]; then
        jsons+=("$name=$out/$name.json")
    else
        skipped=$((skipped + 1))
        echo "skipped $name: $(tail -n 1 "$out/$name.log")" >&2
    fi
done <tests/bench/models.txt

[ "${#jsons[@]}" -gt 0 ] || { echo "nothing was measured, $skipped skipped"; exit 0; }
commit=$(git rev-parse --short HEAD 2>&1) || commit=unknown
into=()
[ $# -eq 0 ] && into=(--into tests/bench/RESULTS.md)
python3 tests/bench/table.py --commit "$commit" --cc "$(cc --version | head -n 1)" --skipped "$skipped" "${into[@]}" "${jsons[@]}"
