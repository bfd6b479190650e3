#!/usr/bin/env bash
# Holds the house's rules against the files: who includes whom (compiler/FLOORS), a file and a test for every pass, no file
# longer than 1,000 lines, no package host and no path of a machine in any file, what the tables say against what is there.
#   tests/meta/meta.sh
source "$(dirname "$0")/../check.sh"
cd "$root" || exit 1
warned=0

holds() { # RULE COMMAND...: whatever the command prints is what is wrong
    check "$1" prints_nothing "${@:2}"
}

prints_nothing() { ! "$@" 2>&1 | grep .; }

show_failure() { head -n 40 "$work/log"; }

warn() {
    warned=$((warned + 1))
    echo "warning: $*"
}

# The repository's files: what git knows, and what it would; all files where there is no git.
files() {
    if git rev-parse --git-dir >"$work/git" 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -type f -not -path './build/*' -not -path './.git/*' | sed 's|^\./||'
    fi | while read -r f; do [ -f "$f" ] && echo "$f"; done
}
files >"$work/files"

# --- floors ------------------------------------------------------------------------------------------------------

# FILE:LINE FLOOR INCLUDED, for every #include "x/..." of compiler/
grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' compiler --include='*.c' --include='*.h' --include='*.def' |
    sed -E 's|^(compiler/([^/]+)/[^:]*:[0-9]+):[^"]*"([^"]*)".*|\1 \2 \3|' >"$work/includes"

floors() {
    [ -s "$work/includes" ] || echo "no include lines were found"
    awk '
        FILENAME ~ /FLOORS$/ {
            sub(/#.*/, "")
            if (NF == 0) next
            floor = $1; sub(/:$/, "", floor); known[floor] = 1; may[floor, floor] = 1
            for (i = 2; i <= NF; i++) may[floor, $i] = 1
            next
        }
        {
            if (index($3, "/") == 0) { print $1 ": include \"" $3 "\" by its folder, \"" $2 "/" $3 "\""; next }
            to = $3; sub(/\/.*/, "", to)
            if (!($2 in known)) print $1 ": floor " $2 " is not in compiler/FLOORS"
            else if (!(to in known)) print $1 ": \"" $3 "\" is of no floor"
            else if (!(($2, to) in may)) print $1 ": " $2 " may not include " to ": \"" $3 "\""
        }' compiler/FLOORS "$work/includes" | grep -v '"tenon.h" by its folder'
}
holds floors-are-kept floors

every_folder() {
    for d in compiler/*/; do
        grep -qE "^$(basename "$d"):" compiler/FLOORS || echo "$d is not in compiler/FLOORS"
    done
    sed 's/#.*//' compiler/FLOORS | tr ':' ' ' | tr -s ' ' '\n' | grep . | sort -u | while read -r floor; do
        [ -d "compiler/$floor" ] || [ -d "$floor" ] || echo "compiler/FLOORS: there is no compiler/$floor"
    done
}
holds every-folder-is-a-floor every_folder

no_circle() { # tsort wants pairs and names the circle
    sed 's/#.*//; s/://' compiler/FLOORS | awk '{ for (i = 2; i <= NF; i++) print $1, $i }' | tsort 2>&1 >"$work/order"
}
holds floors-have-no-circle no_circle

runtime_alone() { # runtime_min is copied beside generated code: it must stand alone
    grep -nE '#[[:space:]]*include[[:space:]]*"' runtime_min/* | while IFS= read -r line; do
        name=$(echo "$line" | sed -E 's/.*"([^"]*)".*/\1/')
        [ -f "runtime_min/$name" ] || echo "$line"
    done
}
holds runtime-stands-alone runtime_alone

protobuf_in_one_folder() { grep -rlE 'protobuf-c|onnx\.pb-c' compiler --include='*.[ch]' | grep -v '^compiler/onnx/'; }
holds only-onnx-sees-protobuf protobuf_in_one_folder

# --- passes ------------------------------------------------------------------------------------------------------

sed -nE 's/^TN_PASS\("([^"]+)", *([a-z0-9_]+),.*/\1 \2/p' compiler/pass/passes.def >"$work/passes"

pass_files() {
    [ -s "$work/passes" ] || echo "passes.def has no rows that this test can read"
    while read -r name function; do
        file=${name//-/_}
        [ "$function" = "tn_pass_$file" ] || echo "pass $name: its function is $function, not tn_pass_$file"
        [ -f "compiler/pass/$file.c" ] || echo "pass $name: there is no compiler/pass/$file.c"
        grep -q "tn_pass_$file(" "compiler/pass/$file.c" || echo "compiler/pass/$file.c does not define tn_pass_$file"
    done <"$work/passes"
}
holds every-pass-has-its-file pass_files

while read -r name function; do
    [ -f "tests/pass/${name//-/_}.tg" ] || warn "pass $name has no tests/pass/${name//-/_}.tg"
done <"$work/passes"

pass_tests() {
    for f in tests/pass/*.tg; do
        name=$(basename "$f" .tg)
        grep -qE "^${name//_/-} " "$work/passes" || [ -f "compiler/pass/$name.c" ] || echo "$f: there is no pass ${name//_/-}"
    done
}
holds every-pass-test-has-its-pass pass_tests

# --- files -------------------------------------------------------------------------------------------------------

is_text() { # data, models and licences are not read by people
    case $1 in *.onnx | *.bin | *.npz | *.npy | *.pb | *.png | *.jpg | *.xz | tests/fuzz/corpus/* | LICENSE) return 1 ;; esac
}

while read -r f; do
    if is_text "$f"; then echo "$f"; fi
done <"$work/files" >"$work/texts"

long_files() {
    while read -r f; do
        n=$(wc -l <"$f")
        case $f in *.txt) continue ;; esac # lists of data
        [ "$n" -le 1000 ] || echo "$f has $n lines"
    done <"$work/texts"
}
holds no-file-over-1000-lines long_files

# Written so that this file does not hold what it looks for.
hosts='py[p]i\.org|python[h]osted\.org|npm[j]s\.(org|com)|crates\.[i]o|deb\.[d]ebian\.org|security\.[d]ebian\.org|archive\.[u]buntu\.com|proxy\.go[l]ang\.org|anaconda\.[o]rg|docker\.[i]o|registry\.[a-z]+\.[a-z]+/|maven\.[o]rg|rubygems\.[o]rg|conan\.[i]o'
no_hosts() { xargs -d '\n' grep -nIE "$hosts" <"$work/texts" | cut -c1-160; }
holds no-package-hosts no_hosts

machine='(^|[^A-Za-z0-9_./~-])/(wor[k]|tmp/[w]|roo[t]|home/[a-z])(/|[^A-Za-z0-9_/]|$)'
no_machine_paths() { xargs -d '\n' grep -nIE "$machine" <"$work/texts" | cut -c1-160; }
holds no-paths-of-machines no_machine_paths

unfinished='\b(TO''DO|FIX''ME|XX''X)\b'
no_unfinished() { xargs -d '\n' grep -nIE "$unfinished" <"$work/texts" | cut -c1-160; }
holds nothing-left-for-later no_unfinished

no_tabs() { # make needs them
    grep -vE '(^|/)Makefile|\.inc$|\.mk$|templates/' "$work/texts" | xargs -d '\n' grep -lIP '^\t|[ \t]+$' |
        while read -r f; do echo "$f: a tab at the beginning, or blanks at the end of a line"; done
}
holds no-tabs-no-trailing-blanks no_tabs

scripts_run() {
    while read -r f; do
        case $f in *.sh) ;; *) continue ;; esac
        head -n 1 "$f" | grep -q '^#!' || echo "$f: the first line names no shell"
        [ -x "$f" ] || echo "$f: may not be executed (chmod +x)"
        bash -n "$f" || echo "$f: bash cannot read it"
    done <"$work/files"
}
holds scripts-can-be-read scripts_run

no_globals() { # of the compiler: 'static' data that is not const, at the beginning of a line
    grep -nE '^static [a-z_ ]*[a-z_0-9]+(\[[^]]*\])?( = .*)?;' compiler/*/*.c | grep -vE 'static (const|inline)|\bconst\b|\(' | cut -c1-160
}
holds no-mutable-globals no_globals

# --- documents ---------------------------------------------------------------------------------------------------

options_in_order() { # a name twice would shadow
    sed -nE 's/^TN_OPTION\("([^"]+)".*/\1/p' compiler/api/options.def | sort | uniq -d
}
holds options-are-unique options_in_order

links_lead_somewhere() {
    grep -E '\.md$' "$work/texts" | while read -r f; do
        grep -oE '\]\([^)#:]+\)' "$f" | sed 's/^](//; s/)$//' | while read -r link; do
            [ -e "$(dirname "$f")/$link" ] || echo "$f: $link is not there"
        done
    done
}
holds links-lead-somewhere links_lead_somewhere

operators_are_listed() { # the rows say it: tenon ops --format markdown >compiler/ops/OPERATORS.md
    "$tenon" ops --format markdown | diff compiler/ops/OPERATORS.md -
}
if [ -x "$tenon" ]; then
    holds operators-are-listed operators_are_listed
else
    skip operators-are-listed "$tenon is not built"
fi

[ "$warned" -gt 0 ] && echo "$warned warnings"
finish
