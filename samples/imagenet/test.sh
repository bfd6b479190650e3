#!/usr/bin/env bash
# Builds the sample and checks the first answer of trained networks on photos; what each should say stands in
# ../shared/models/MODELS.md. Without that folder the photos are skipped, and counted.
#   TENON_BUILD=build/release samples/imagenet/test.sh
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
TENON_BUILD=$(realpath "${TENON_BUILD:-$root/build/release}") || exit 1
models=$root/../shared/models
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$root/samples/imagenet" || exit 1
passed=0 failed=0 skipped=0

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name"
        sed 's/^/#   /' "$work/log" | head -20
    fi
}

sees() { # WHAT MODEL PHOTO OPTION...: five lines in TVM's form, of which the first holds WHAT
    local what=$1 model=$models/$2 photo=$models/images/$3
    shift 3
    "$work/imagenet" "$model" "$photo" --labels "$models/images/synset.txt" "$@" >"$work/answer" || return 1
    cat "$work/answer"
    [ "$(grep -cE "^class='n[0-9]{8} .*' with probability=[01]\.[0-9]{6}$" "$work/answer")" -eq 5 ] &&
        head -n 1 "$work/answer" | grep -q "$what"
}

refuses() { ! "$work/imagenet" "$@" >"$work/answer" && [ ! -s "$work/answer" ]; }

check build make -s BUILD="$work" TENON_BUILD="$TENON_BUILD"
check no-arguments refuses
check no-photo refuses "$root/samples/digits/digits.onnx" absent.jpg
check no-image-model refuses "$root/samples/digits/digits.onnx" "$root/README.md"
if [ -d "$models/images" ]; then
    caffe="--bgr --mean 123,117,104 --std 1,1,1"
    lite="--mean 127,127,127 --std 128,128,128"
    for row in \
        "squeezenet1.0/squeezenet1.0-fp32-from-fp16.onnx $caffe" \
        "squeezenet1.0/SqueezeNet_fp16.onnx $caffe" \
        "mobilenetv2-fp32/mobilenetv2-fp32-dequantised.onnx" \
        "efficientnet-lite0/efficientnet-lite0-fp32.onnx $lite"; do
        read -r model options <<<"$row"
        # shellcheck disable=SC2086
        check "$(basename "$model" .onnx)-cat" sees 'Egyptian cat' "$model" cat_720p.jpg $options
        # shellcheck disable=SC2086
        check "$(basename "$model" .onnx)-parrot" sees macaw "$model" parrot.jpg $options
    done
else
    skipped=$((skipped + 1))
    echo "skipped photos: no ../shared/models here"
fi
[ "$skipped" -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
