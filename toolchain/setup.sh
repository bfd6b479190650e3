#!/bin/sh
# Installs what building and testing Tenon needs, on Debian 12, as root or with sudo. Quiet when all is there.
# Usage: toolchain/setup.sh [build] [tests]
set -eu

build="gcc clang cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libzip-dev libjansson-dev libarchive-dev libc6-dev"
# Packages are checked in every compiler that they are for, Arm's Cortex-M to AVR.
tests="clang-format clang-tidy libcmocka-dev libstb-dev groff-base python3 g++ tcc musl-tools
    gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-avr avr-libc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"

wanted=""
for what in "${@:-build}"; do
    case $what in
    build) wanted="$wanted $build" ;;
    tests) wanted="$wanted $tests" ;;
    *) echo "setup.sh: unknown set '$what'; there are build and tests" >&2; exit 2 ;;
    esac
done

missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

run=""
[ "$(id -u)" = 0 ] || run=sudo
echo "installing:$missing" >&2
$run apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null
