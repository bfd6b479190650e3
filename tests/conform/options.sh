#!/usr/bin/env bash
# What conform says to options that it cannot do: exit code 2 and the reason, before or instead of a verdict.
#   tests/conform/options.sh
source "$(dirname "$0")/../check.sh"
conform=$root/build/release/tests/conform
mkdir none # a folder without a vector

refuses() { # WORDS ARGUMENT...
    "$conform" "${@:2}" none >out 2>err
    [ $? -eq 2 ] && [ ! -s out ] && grep -q -- "$1" err || { cat out err; return 1; }
}

check no-vectors "$conform" none
check deny-absent refuses 'conform: --deny absent.txt: No such file' --deny absent.txt
check deny-a-folder refuses 'conform: --deny none: Is a directory' --deny none
check write-deny-nowhere refuses 'conform: --write-deny absent/deny.txt: No such file' --write-deny absent/deny.txt
check engine refuses '^usage: conform' --engine cpp
check jobs refuses '^usage: conform' --jobs 0
check option refuses '^usage: conform' --nothing
finish
