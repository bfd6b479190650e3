#!/bin/bash
# Tests the command line: help, errors and exit codes, and with the sample model the flows of compile, run, validate,
# bench, show, opt, summary. Prints "ok NAME" or "not ok NAME" per test, and a count at the end; exit code 1 when one
# failed.
#
#     TENON=build/release/tenon tests/cli/test_cli.sh
#
# TENON: the program (default build/release/tenon); DIGITS: the model (default samples/digits/digits.onnx).
DIGITS=${DIGITS:+$(realpath "$DIGITS")}
source "$(dirname "$0")/../check.sh"
digits=${DIGITS:-$root/samples/digits/digits.onnx}
samples=$root/samples/digits
if [ ! -x "$tenon" ] || [ ! -f "$digits" ]; then
    echo "not ok: TENON=$tenon or DIGITS=$digits is not there"
    echo "0 passed, 1 failed"
    exit 1
fi

show_failure() {
    sed 's/^/out: /' out | head -20
    sed 's/^/err: /' err | head -20
}

# Runs the command with the exit code wanted; leaves its output in out and err.
gives() { # CODE ARGUMENT...
    local want=$1 got
    shift
    "$tenon" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" -eq "$want" ] && return 0
    echo "exit code $got, not $want: tenon $*" >>err
    return 1
}

out_has() { grep -qE -e "$1" out; }
err_has() { grep -qE -e "$1" err; }
no_out() { [ ! -s out ]; }
one_line() { [ "$(wc -l <err)" -eq 1 ]; }

# A float32 .npy file as numpy 1.0 writes it: header padded so that the data begin at 128.
npy() { # FILE SHAPE, data on standard input
    local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }"
    { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"; cat; } >"$1"
}

# Pixels 0..16 as bytes become floats 0..1 in little-endian order: n/16 for n = 0..16.
pixels() { # COUNT of images
    local table=(00000000 0000803d 0000003e 0000403e 0000803e 0000a03e 0000c03e 0000e03e 0000003f 0000103f 0000203f
        0000303f 0000403f 0000503f 0000603f 0000703f 0000803f)
    local byte hex
    for byte in $(head -c $((64 * $1)) "$samples/test_images.bin" | od -An -v -tu1); do
        hex=${table[$byte]}
        printf '%b' "\\x${hex:0:2}\\x${hex:2:2}\\x${hex:4:2}\\x${hex:6:2}"
    done
}

# --- help --------------------------------------------------------------------------------------------------------

commands() { sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$1"; }

gives 0 --help
cp out overview
check help-lists-commands test "$(commands overview | wc -l)" -ge 12
check help-has-exit-codes out_has '^  7  '
for command in $(commands overview); do
    help_of() {
        gives 0 "$command" --help && out_has "^usage: tenon $command" && out_has '^Examples:' &&
            out_has "^  tenon $command" && out_has '^ +(-h, )?--help' && [ ! -s err ]
    }
    check "help-$command" help_of
    same_help() { cp out first && gives 0 help "$command" && cmp -s out first; }
    check "help-$command-both-ways" same_help
    width() { ! grep -qE '^.{111}' out; }
    check "help-$command-fits" width
done
check help-short gives 0 -h
version() { gives 0 --version && out_has '^tenon [0-9]+\.[0-9]+' && [ "$(wc -l <out)" -eq 1 ]; }
check version version
man_page() { gives 0 man && out_has '^\.TH TENON' && out_has '^\.SH "?EXIT STATUS' && cp out page; }
check man-page man_page
man_options() {
    local name
    for name in $(for c in $(commands overview); do "$tenon" "$c" --help; done | grep -oE '^ +(-., )?--[a-z-]+' |
        grep -oE -e '--[a-z-]+' | sort -u); do
        grep -qF -e "${name//-/\\-}" page || { echo "man page lacks $name" >err; return 1; }
    done
}
check man-has-all-options man_options
man_is_clean() { groff -man -ww -Tutf8 page >out 2>err && [ ! -s err ]; }
if command -v groff >/dev/null; then
    check man-formats man_is_clean
fi

# --- errors ------------------------------------------------------------------------------------------------------

nothing() { gives 2 && no_out && err_has '^usage: tenon COMMAND'; }
check no-command nothing
unknown_command() { gives 2 complie x && no_out && one_line && err_has "'complie'.*'compile'"; }
check unknown-command unknown_command
unknown_in_help() { gives 2 help rnu && no_out && err_has "'rnu'.*'run'"; }
check unknown-command-in-help unknown_in_help
unknown_option() { gives 2 run "$digits" --imputs x && no_out && one_line && err_has "'--imputs'.*'--inputs'"; }
check unknown-option unknown_option
unknown_with_value() { gives 2 compile "$digits" --taget=x && err_has "'--taget'.*'--target'"; }
check unknown-option-with-value unknown_with_value
unknown_letter() { gives 2 run "$digits" -Z && no_out && one_line && err_has "'-Z'"; }
check unknown-letter unknown_letter
foreign_option() { gives 2 ops --target x && err_has "'--target'"; }
check option-of-other-command foreign_option
only_looks() { # neither listed nor taken where it would do nothing
    local c o
    for c in show opt summary; do
        gives 0 "$c" --help && out_has '--target' && out_has '--pass-config' || return 1
        for o in build cc cflags link output-format; do
            ! grep -qw -e "--$o" out && gives 2 "$c" "$digits" "--$o" x && err_has "unknown option '--$o'" && gives 0 "$c" --help || return 1
        done
        gives 2 "$c" "$digits" --dump-code && gives 2 "$c" "$digits" -fmlf || return 1
    done
    gives 0 compile --help && out_has '--build' && out_has '--dump-code'
}
check option-that-does-nothing only_looks
mixed() { # options of tvmc, its names and ONNX's
    gives 2 compile "$digits" --mixed-precision --mixed-precision-ops conv9d && err_has "'conv9d': no such operator" &&
        gives 2 compile "$digits" --mixed-precision --mixed-precision-calculation-type int8 && err_has 'float16|bfloat16|float32' &&
        gives 0 show "$digits" --loops --mixed-precision --mixed-precision-ops nn.conv2d,Gemm --mixed-precision-acc-type float16 &&
        out_has 'float16\[' && gives 0 show "$digits" --loops --mixed-precision --mixed-precision-ops dense &&
        out_has 'w.float16' && gives 0 show "$digits" --loops --mixed-precision --mixed-precision-calculation-type float32 &&
        ! out_has 'float16' && gives 0 show "$digits" --loops --mixed-precision-ops conv2d && ! out_has 'float16'
}
check mixed-precision mixed
no_value() { gives 2 run "$digits" --inputs && no_out && err_has "'--inputs' needs a value"; }
check option-without-value no_value
switch_value() { gives 2 run "$digits" --softmax=1 && err_has 'takes no value'; }
check switch-with-value switch_value
bad_number() { gives 2 run "$digits" --print-time --repeat ten && no_out && err_has "'--repeat' is 'ten'"; }
check bad-number bad_number
zero_number() { gives 2 run "$digits" --print-time --repeat 0 && no_out; }
check number-out-of-range zero_number
bad_choice() { gives 2 run "$digits" --fill-mode twos && no_out && err_has 'zeros, ones, random'; }
check bad-choice bad_choice
bad_format() { gives 2 summary "$digits" --format xml && no_out && err_has 'text, json'; }
check bad-format bad_format
both_inputs() { gives 2 run "$digits" --inputs x.npz --fill-mode ones && err_has 'exclude'; }
check inputs-and-fill-mode both_inputs
no_model() { gives 2 compile && no_out && err_has 'missing.*usage: tenon compile'; }
check missing-argument no_model
two_models() { gives 2 show a.onnx b.onnx && no_out && err_has "'b.onnx'"; }
check extra-argument two_models
labels_alone() { gives 2 run "$digits" --softmax && err_has "needs '--top K'"; }
check softmax-needs-top labels_alone
no_passes() { gives 2 opt "$digits" && no_out && err_has 'which passes'; }
check opt-needs-passes no_passes
no_reference() { gives 2 validate "$digits" --inputs x.npz && no_out && err_has 'against what'; }
check validate-needs-reference no_reference
for command in compile run show summary bench; do
    absent() { gives 3 "$command" absent.onnx && no_out && err_has 'absent.onnx'; }
    check "$command-absent-file" absent
done
printf 'no model' >broken.onnx
broken() { gives 4 compile broken.onnx -o broken && no_out && err_has 'broken.onnx' && [ ! -e broken ]; }
check compile-broken-model broken
absent_inputs() { gives 3 run "$digits" --inputs absent.npz && no_out && err_has 'absent.npz'; }
check run-absent-inputs absent_inputs
full_disk() { "$tenon" help >/dev/full 2>err; [ $? -eq 3 ] && err_has 'standard output'; }
if [ -w /dev/full ]; then
    check full-disk full_disk
fi

# --- lists -------------------------------------------------------------------------------------------------------

rows_are_options() { # each row of options.def is in the help of each of its commands
    local commands name command n=0
    while IFS='"' read -r _ commands _ name _; do
        for command in $commands; do
            gives 0 "$command" --help && out_has "(^| )--$name( |\$)" || return 1
            n=$((n + 1))
        done
    done < <(grep '^CLI_OPTION' "$root/compiler/cli/options.def")
    [ $n -ge 30 ]
}
check rows-are-options rows_are_options
ops() { # each count in words, and nothing that only passes between Tenon's own passes
    gives 0 ops && out_has '^Conv  since 1, 2 to 3 inputs, ' && out_has '^Relu  since 1, 1 input, ' &&
        out_has '^Max  since 1, 1 or more inputs, ' && out_has '^Loop  since 1, 0 or more inputs, ' &&
        ! grep -qE '2147483647|^tenon\.' out && [ ! -s err ]
}
check ops ops
ops_markdown() { gives 0 ops --format markdown && out_has '^\|'; }
check ops-markdown ops_markdown
ops_json() { gives 0 ops --format=json && python3 -m json.tool out >/dev/null; }
passes_json() { gives 0 passes --format json && python3 -m json.tool out >/dev/null; }
summary_json() { gives 0 summary "$digits" --format json && python3 -m json.tool out >/dev/null; }
if command -v python3 >/dev/null; then
    check ops-json ops_json
    check passes-json passes_json
    check summary-json summary_json
fi
passes() { gives 0 passes && out_has '^fold-const ' && out_has '^share-in-place ' && out_has '^plan.effort +1 '; }
check passes passes
levels_agree() { # levels.def, 'tenon passes', the help of -O and README say the same
    local level doc
    gives 0 compile --help && tr -s ' \n' ' ' <out >help && gives 0 passes || return 1
    while IFS='|' read -r level doc; do
        grep -qxF "O$level  $doc" out && grep -qF "$level $doc" help &&
            grep -qE "^\| $level( \(default\))? \| $doc \|$" "$root/README.md" || { echo "-O$level: $doc" >>err; return 1; }
    done < <(sed -nE 's/^TN_LEVEL\(([0-9]), "[^"]*", "([^"]*)"\)/\1|\2/p' "$root/compiler/pass/levels.def")
    [ "$level$doc" = "" ] && [ "$(grep -c '^O[0-3]  ' out)" -eq 4 ]
}
check levels-agree levels_agree
targets() { gives 0 targets && out_has 'generic' && out_has 'native'; }
check targets targets
examples_name_targets() { # every --target in an example of the man page is one
    "$tenon" man | sed 's/\\-/-/g' | grep -E '^.fBtenon ' | grep -oE -e '--target[ =][a-z0-9-]+' | sed 's/--target.//' | sort -u >named
    gives 0 targets || return 1
    local target
    while read -r target; do
        out_has "^ *$target( |\$)" || { echo "no target $target" >err; return 1; }
    done <named
    [ -s named ]
}
check examples-name-targets examples_name_targets

# --- models ------------------------------------------------------------------------------------------------------

summary() { gives 0 summary "$digits" && [ -s out ] && [ ! -s err ]; }
check summary-quiet-in-pipe summary
summary_of_model() { out_has '^workspace \(RAM\) .*1,536 B' && ! out_has 'Do not edit|^files'; }
check summary-speaks-of-the-model summary_of_model
verbose() { gives 0 summary "$digits" -v && err_has '^tenon: '; }
check verbose-tells-steps verbose
show() { gives 0 show "$digits" && [ -s out ]; }
check show show
loops() { gives 0 show "$digits" --loops && [ -s out ]; }
check show-loops loops
opt() { gives 0 opt "$digits" -p fold-const,dce -o digits.tg && no_out && [ -s digits.tg ]; }
check opt-to-file opt
kept() { # the network's output and the two values, whose types the header says
    gives 0 compile "$samples/digits_int8.onnx" -o kept --keep-values relu1_out_q --keep-values fc_out_q &&
        [ "$(grep -c '_OUTPUT_[0-9]*_NAME ' kept/digits_int8.h)" -eq 3 ] &&
        grep -q '^#define DIGITS_INT8_OUTPUT_1_NAME "relu1_out_q"' kept/digits_int8.h &&
        grep -q '^#define DIGITS_INT8_OUTPUT_2_TYPE uint8_t' kept/digits_int8.h
}
check keep-values kept
kept_unknown() { gives 2 compile "$digits" -o unknown --keep-values nowhere && err_has "'nowhere'" && [ ! -e unknown ]; }
check keep-values-unknown kept_unknown
kept_branch() { # what a run may not compute stays inside: t and u of the If, v of the Loop
    cat >branch.tg <<'END'
input "x" : float[2,2]
input "c" : bool[]
input "n" : int64[]
"p" = Neg("x")
"y" = If("c") {then_branch={(), "t" = MatMul("p", "x"), "u" = Exp("t"), gives ("u")}, else_branch={(), "e" = Relu("x"), gives ("e")}}
"s" = Loop("n", "", "y") {body={("i", "go", "w"), "v" = MatMul("w", "x"), gives ("go", "v")}}
"z" = Tanh("s")
output "z"
END
    gives 0 compile branch.tg -o branch --bounds 'n<=3' --keep-values all && [ "$(grep -c 'note: --keep-values' err)" -eq 1 ] &&
        grep -q '_NAME "p"$' branch/branch.h && grep -q '_NAME "e"$' branch/branch.h && grep -q '_NAME "y.Where"$' branch/branch.h &&
        ! grep -qE '_NAME "(t|u|v|y\.Squeeze)"$' branch/branch.h && gives 0 run branch --fill-mode zeros && out_has '^y.Where '
}
check keep-values-of-a-branch kept_branch
kept_inside() { gives 2 compile branch.tg -o unknown --bounds 'n<=3' --keep-values "$1" && err_has "'$1'.*may not take" && one_line; }
check keep-value-of-a-branch kept_inside t
check keep-value-of-a-turn kept_inside v
kept_padded() { # t has more rows than e, e more columns: each is padded, but only one of them is there
    cat >padded.tg <<'END'
input "x" : float[2,3]
input "c" : bool[]
constant "w" : float[3,2] = [1, 2, 3, 4, 5, 6]
constant "u" : float[3,3] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
"y" = If("c") {then_branch={(), "m" = MatMul("x", "w"), "t" = Concat("m", "m") {axis=0}, gives ("t")}, else_branch={(), "e" = MatMul("x", "u"), gives ("e")}}
"z" = Tanh("y")
output "z"
END
    gives 0 compile padded.tg -o padded --keep-values all && grep -q '_NAME "y.Where"$' padded/padded.h && ! grep -q '_NAME "y.Pad"$' padded/padded.h
}
check keep-values-of-unlike-branches kept_padded
mkfifo pipe
opt_to_pipe() { # a device or a pipe is written to, never replaced
    timeout 10 cat pipe >piped &
    gives 0 opt "$digits" -p dce -o pipe
    local status=$?
    wait
    [ $status -eq 0 ] && [ -p pipe ] && [ -s piped ]
}
check opt-keeps-special-files opt_to_pipe
opt_again() { gives 0 opt digits.tg -pdce && cmp -s out digits.tg; }
check opt-of-its-text opt_again
unknown_pass() { gives 2 opt "$digits" -p nope && no_out && err_has 'nope'; }
check opt-unknown-pass unknown_pass
down() { gives 0 opt "$digits" -p infer,fold-const,lower,fuse,layout,schedule --target x86-64-v3 -o down.tg; }
check opt-down-to-schedules down
down_text() { grep -q '^program "digits" after "schedule"' down.tg && grep -q 'arena layout(0, 1/8' down.tg &&
    grep -q '^  schedule "split' down.tg; }
check opt-down-text down_text
stepwise() { # one pass a call, from text to text, comes to the same as all in one
    cp "$digits" step.onnx && gives 0 opt step.onnx -p infer -o step.tg || return 1
    for pass in fold-const lower fuse layout schedule; do
        gives 0 opt step.tg -p $pass --target x86-64-v3 -o step.tg || return 1
    done
    sed 1d step.tg >step && sed 1d down.tg | cmp -s - step
}
check opt-pass-by-pass stepwise
planned() { gives 0 opt down.tg -p O2 --target x86-64-v3 && out_has '^# plan: [0-9]+ bytes'; }
check opt-goes-on-from-loops planned
backwards() { gives 2 opt down.tg -p fuse && no_out && err_has "'fuse' cannot run after 'schedule'"; }
check opt-keeps-the-order backwards
from_loops() { gives 4 compile down.tg -o loops && no_out && err_has 'down.tg.*loop program' && [ ! -e loops ]; }
check compile-wants-a-graph from_loops
stopped() { gives 0 opt "$digits" -p O2 --stop-after dce && out_has '^graph "digits"'; }
check opt-stop-after stopped
inserted() {
    gives 0 opt "$digits" -p O1,+after:fold-bn=dce --print-pass-times && [ "$(grep -c '^dce: ' err)" -eq 2 ]
}
check opt-inserts-after inserted
dumped() { gives 0 show "$digits" --loops --dump-after=fuse && out_has '^# after fuse' && out_has 'after "fuse"'; }
check dump-after-fuse dumped
no_layout() { gives 0 show "$digits" --loops --target x86-64-v3 --disabled-pass=layout && ! out_has 'arena layout'; }
check disabled-layout no_layout
no_block() { gives 0 show "$digits" --loops --target x86-64-v3 --pass-config layout.block=0 && ! out_has 'arena layout'; }
check pass-config-block no_block
wide_block() {
    gives 0 show "$digits" --loops --target x86-64-v3 --pass-config layout.block=16 && out_has 'arena layout\(0, 1/16'
}
check pass-config-wide-block wide_block
unknown_parameter() { gives 2 compile "$digits" --pass-config fuse.nodes=1 && err_has "'fuse.nodes=1'.*fuse.max-nodes"; }
check pass-config-unknown unknown_parameter
bad_parameter() { gives 2 compile "$digits" --pass-config plan.effort=0 && err_has 'whole number from 1 to 1000'; }
check pass-config-bad-value bad_parameter
no_value() { gives 2 compile "$digits" --pass-config plan.effort && err_has 'wanted NAME=VALUE'; }
check pass-config-without-value no_value
pass_times() { # TVM's tree: share of all and of what needed it; all of a level, and what a single pass needs
    local line='^\t*[a-z-]+: [0-9]+us \[[0-9]+us\] \([0-9.]+%; [0-9.]+%\)( \(unchanged\))?$'
    gives 0 compile "$digits" -o level --print-pass-times && ! grep -vqP "$line" err && [ "$(wc -l <err)" -ge 16 ] &&
        gives 0 opt "$digits" -p fuse --print-pass-times && ! grep -vqP "$line" err &&
        [ "$(sed -E 's/:.*//' err | tr '\t\n' '> ')" = 'fuse >infer >lower ' ]
}
check print-pass-times pass_times
compiled() {
    gives 0 compile "$digits" -o package --module-name digits && [ -f package/digits.c ] && [ -f package/digits.h ] &&
        [ "$(cat out)" = package ]
}
check compile compiled
mkdir other && touch other/precious
no_package() { gives 3 compile "$digits" -o other && no_out && [ -f other/precious ] && [ ! -e other/digits.c ]; }
check compile-spares-other-folders no_package
levels() {
    for o in 0 1 2 3; do gives 0 compile "$digits" -O $o -o level || return 1; done
}
check compile-levels levels

random_run() { gives 0 run "$digits" --outputs y.npz && no_out && [ -s y.npz ]; }
check run-saves random_run
summary_line() { gives 0 run "$digits" && out_has '^logits float\[1,10\]: min [^ ]+ max [^ ]+ mean '; }
check run-prints-a-line summary_line
package_run() { gives 0 run package && out_has '^logits '; }
check run-package package_run
too_late() {
    gives 2 run package --target generic && no_out && err_has "package is compiled already: option '--target'" &&
        gives 2 bench package -O 1 && err_has "option '-O'" && gives 0 run package --cflags -O1
}
check run-package-refuses-to-recompile too_late
pixels 1 | npy image.npy '1, 1, 8, 8'
top() {
    gives 0 run "$digits" --inputs image.npy --top 3 --softmax &&
        [ "$(grep -cE "^class='[0-9]' with probability=[01]\.[0-9]{6}$" out)" -eq 3 ]
}
check run-top top
logits_top() { gives 0 run "$digits" --inputs image.npy --top 3 && [ "$(grep -cE "^class='[0-9]' with score=-?[0-9.]+$" out)" -eq 3 ]; }
check run-top-of-logits logits_top
channels() { # the first convolution takes one: named c, it is fixed, and other images are refused
    gives 0 run "$digits" -i image.npy --top 3 && mv out fixed && gives 0 run "$digits" -i image.npy --top 3 --input-shapes 'image:[1,c<=4,8,8]' &&
        err_has "note: .* operators need to be equal, 'c' is 1" && diff fixed out &&
        gives 7 run "$digits" -i two.npy --input-shapes 'image:[1,c<=4,8,8]' && err_has "float\[1,2,8,8\]; the model takes float\[1,1,8,8\]"
}
pixels 2 | npy two.npy '1, 2, 8, 8'
check run-fixes-a-named-dim channels
many() { # more operands than a function has parameters: of one operator, and of what would fuse
    { printf 'input "x%d" : float[2]\n' {0..249} && printf '"s" = Sum(%s)\n' "$(printf '"x%d", ' {0..248})\"x249\"" && echo '"a0" = Add("s", "x0")' &&
        for i in {1..249}; do echo "\"a$i\" = Add(\"a$((i - 1))\", \"x$i\")"; done && echo 'output "a249"'; } >many.tg
    gives 0 run many.tg --fill-mode ones && out_has '^a249 float\[2\]: min 500 max 500' && gives 0 run many.tg -O0 --fill-mode ones && out_has 'min 500 max 500'
}
check run-many-operands many
names() { # as many as exporters give inputs, all of which have to be one, and that a number
    { printf 'symbol d%d <= 9\n' {0..79} && printf 'input "x%d" : float[2,d%d]\n' $(for i in {0..79}; do echo "$i" "$i"; done) &&
        printf '"y" = Sum(%s)\n' "$(printf '"x%d", ' {0..78})\"x79\"" && printf 'constant "w" : float[3,1] = [1, 2, 3]\n"z" = MatMul("y", "w")\noutput "z"\n'; } >names.tg
    gives 0 run names.tg --fill-mode ones && out_has '^z float\[2,1\]: min 480 max 480' && err_has 'note: .* operators need to be equal'
}
check run-unites-many-names names
for i in 0 1 2 3 4 5 6 7 8 9; do echo "digit $i"; done >names.txt
labels() {
    gives 0 run "$digits" -i image.npy --top 20 --labels names.txt && [ "$(grep -c "^class='digit " out)" -eq 10 ]
}
check run-labels labels
times() {
    gives 0 run "$digits" --print-time --repeat 3 --number 2 && [ "$(sed -n 1p out)" = 'Execution time summary:' ] &&
        [ "$(sed -n 2p out)" = ' mean (ms)   median (ms)    max (ms)     min (ms)     std (ms)  ' ] &&
        sed -n 3p out | grep -qE '^( *[0-9]+\.[0-9]{4} *){5}$'
}
check run-print-time times
profile() { gives 0 run "$digits" --profile && out_has '^layer .*ms .*GFLOP/s .*share' && out_has '^total .* 100\.0$'; }
check run-profile profile
profile_reasons() {
    gives 0 run "$digits" --profile -v && out_has '^    split .*vector' && out_has '^    a product: .* registers and allow [0-9]* % of the peak'
}
check run-profile-reasons profile_reasons
show_reasons() { # comments: the text is read back
    gives 0 show "$digits" --loops --target x86-64-v3 && out_has '^  # a product: [0-9]* x [0-9]* vectors of 8' && cp out why.loops &&
        gives 0 opt why.loops -p plan --target x86-64-v3
}
check show-reasons show_reasons
calibrate() { # what every machine does: more from near memory than from far
    gives 0 bench --calibrate && out_has '^multiply-adds of floats *[1-9][0-9.]* GFLOP/s$' &&
        awk '/^reading/ { rate[++n] = $4 } END { exit !(n == 4 && rate[1] > rate[4] && rate[4] > 0) }' out
}
check bench-calibrate calibrate
calibrate_alone() { gives 2 bench "$digits" --calibrate && gives 2 bench; }
check bench-calibrate-alone calibrate_alone
printf '0123' | npy small.npy '1'
wrong_shape() { gives 7 run "$digits" --inputs small.npy && no_out && err_has 'image'; }
check run-wrong-shape wrong_shape

# Halved, rounded up and doubled again: right where that is as long as x. [1, 2, 3, 4] + [1, 3, 1, 3] = [2, 5, 4, 7].
cat >halves.tg <<'END'
symbol H <= 8
input "x" : float[H]
constant "from" : int64[1] = [0]
constant "to" : int64[1] = [8]
constant "axes" : int64[1] = [0]
constant "step" : int64[1] = [2]
"half" = Slice("x", "from", "to", "axes", "step")
"both" = Concat("half", "half") {axis=0}
"y" = Add("both", "x")
output "y"
END
printf '\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40' >four.bin
npy four.npy '4,' <four.bin
head -c 12 four.bin | npy three.npy '3,'
printf '\x00\x00\x00\x40\x00\x00\xa0\x40\x00\x00\x80\x40\x00\x00\xe0\x40' | npy sums.npy '4,'
sizes_agree() { gives 0 validate halves.tg --inputs four.npy --reference sums.npy --rtol 0; }
check run-sizes-agree sizes_agree
sizes_differ() { gives 7 run halves.tg --inputs three.npy && no_out && err_has 'returned -9'; }
check run-sizes-differ sizes_differ

# As many numbers as the greatest says: [1, 2, 3, 4] has 4, which --bounds allows or not.
cat >counted.tg <<'END'
input "x" : float[4]
constant "zero" : int64[] = [0]
constant "one" : int64[] = [1]
"i" = Cast("x") {to=7}
"most" = ReduceMax("i") {keepdims=0}
"r" = Range("zero", "most", "one")
"y" = Cast("r") {to=1}
output "y"
END
printf '\x00\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40' | npy counted.npy '4,'
counted() { gives 0 validate counted.tg --bounds 'most<=9' --inputs four.npy --reference counted.npy --rtol 0; }
check run-counted counted
counted_too_many() { gives 7 run counted.tg --bounds 'most<=3' --inputs four.npy && no_out && err_has 'returned -8'; }
check run-counted-too-many counted_too_many
counted_header() {
    gives 0 compile counted.tg --bounds 'most<=9' -o counted && grep -q 'ptrdiff_t \*most;' counted/counted.h &&
        gives 0 summary counted.tg --bounds 'most<=9' && out_has 'size +most +0 to 9, found by the run'
}
check compile-counted counted_header

same() {
    gives 0 validate "$digits" --fill-mode random --reference y.npz && out_has 'mismatched +0 of 10' &&
        out_has '^PASS'
}
check validate-same same
differs() { gives 1 validate "$digits" --fill-mode ones --reference y.npz && out_has '^FAIL: 1 of 1'; }
check validate-differs differs
loose() { gives 0 validate "$digits" --fill-mode ones --reference y.npz --rtol 1e6 --atol=1e6; }
check validate-tolerance loose
bad_tolerance() { gives 2 validate "$digits" --fill-mode ones --reference y.npz --rtol -1 && no_out; }
check validate-bad-tolerance bad_tolerance
pixels 20 | npy images.npy '20, 1, 8, 8'
head -c 20 "$samples/test_labels.bin" >labels.bin
od -An -v -tu1 -w1 labels.bin >labels.txt
confusion() {
    gives 0 validate "$digits" --inputs images.npy --labels-true labels.bin && out_has '^accuracy: [0-9]+ of 20' &&
        out_has '^confusion' && cp out first && gives 0 validate "$digits" --inputs images.npy \
        --labels-true labels.txt && cmp -s out first
}
check validate-confusion confusion
accurate() { [ "$(sed -n 's/^accuracy: \([0-9]*\) of 20.*/\1/p' first)" -ge 18 ]; }
check validate-accuracy accurate
few_labels() {
    gives 7 validate "$digits" --inputs image.npy --labels-true labels.txt && no_out && err_has '20 labels.* 1 rows'
}
check validate-label-count few_labels
validate_json() {
    gives 0 validate "$digits" --fill-mode random -r y.npz --format json && python3 -m json.tool out >/dev/null
}
if command -v python3 >/dev/null; then
    check validate-json validate_json
fi

# --- bench -------------------------------------------------------------------------------------------------------

bench() { gives 0 bench "$digits" --repeat 3 && [ "$(sed -n 1p out)" = 'Execution time summary:' ]; }
check bench-table bench
protocol() {
    printf 'run 2\noutput saved.npz\nwhat?\nrun x\noutput /no/such/folder/y.npz\nquit\nrun 1\n' |
        "$tenon" bench package --inputs image.npy --threads 1 --protocol >out 2>err &&
        [ "$(wc -l <out)" -eq 6 ] && [ -s saved.npz ]
}
check bench-protocol protocol
answers() {
    sed -n 1p out | grep -qE '^\{"ready": true, "version": "[^"]+", "load_s": [0-9.]+, "peak_rss_mb": [0-9.]+\}$' &&
        sed -n 2p out | grep -qE '^\{"ms": \[[0-9.]+, [0-9.]+\], "peak_rss_mb": [0-9.]+\}$' &&
        sed -n 3p out | grep -qxF '{"saved": "saved.npz"}' &&
        [ "$(sed -n '4,6p' out | grep -c '^{"error": ".*"}$')" -eq 3 ]
}
check bench-answers answers
end_of_input() { gives 0 bench package --inputs image.npy --protocol && [ "$(wc -l <out)" -eq 1 ]; }
check bench-end-of-input end_of_input
not_ready() { gives 3 bench absent --protocol && out_has '^\{"ready": false, "error": ".*absent.*"\}$'; }
check bench-not-ready not_ready

finish
