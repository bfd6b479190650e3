#!/bin/sh
# Installs what building and testing Tenon needs, on Debian 12, as root or with sudo. Quiet when all is there.
# Usage: toolchain/setup.sh [build] [tests] [python]
# python: a virtual environment build/venv with the Python packages that some tests need. It may fail alone, where
# packages cannot be downloaded: those tests are skipped then.
set -eu

build="gcc clang cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libzip-dev libjansson-dev libarchive-dev libc6-dev"
# Packages are checked in every compiler that they are for, Arm's Cortex-M to AVR.
tests="make xz-utils clang-format clang-tidy libcmocka-dev libopenblas-dev libstb-dev groff-base python3 g++ tcc musl-tools
    gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-avr avr-libc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user-static"
python="python3-venv"
packages="numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 ai-edge-litert==2.3.0 flatbuffers==25.12.19"
venv=$(dirname "$0")/../build/venv

wanted=""
want_venv=0
for what in "${@:-build}"; do
    case $what in
    build) wanted="$wanted $build" ;;
    tests) wanted="$wanted $tests" ;;
    python) wanted="$wanted $python"; want_venv=1 ;;
    *) echo "setup.sh: unknown set '$what'; there are build, tests and python" >&2; exit 2 ;;
    esac
done

missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    run=""
    [ "$(id -u)" = 0 ] || run=sudo
    echo "installing:$missing" >&2
    $run apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# The mark holds what is installed, so that other versions here mean another installation.
if [ "$want_venv" = 1 ] && [ "$(cat "$venv/installed" 2>/dev/null)" != "$packages" ]; then
    echo "installing: $packages" >&2
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $packages >&2
    echo "$packages" >"$venv/installed"
fi
