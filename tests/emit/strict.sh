#!/usr/bin/env bash
# Generated code under strict flags. For the digits models (and mnist-8 and a few seeded models where ../shared is there),
# for targets generic and x86-64-v3 and every place of the weights, the package must
#   - build without a warning with gcc and clang under the flags of check.sh, and pass its own test;
#   - be readable from C++; build with tcc, musl-gcc and cross compilers, where they are installed (else: skipped, counted);
#   - define only symbols with the model's prefix, hold no writable data, need nothing but libm, memcpy, memset;
#   - pass its test under AddressSanitizer and UndefinedBehaviorSanitizer;
#   - be the same, byte for byte, from run to run and from any working directory.
# And two models in one program and two threads must give what they give alone.
#   TENON=build/release/tenon tests/emit/strict.sh
source "$(dirname "$0")/../check.sh"
shared=$root/../shared/models
seeded=${SEEDED:-$root/build/seeded}

# --- packages ----------------------------------------------------------------------------------------------------

compile() { # MODEL MODULE FOLDER TARGET PARAMS OPTION...
    "$tenon" compile "$1" --module-name "$2" -o "$3" --target "$4" --params "$5" "${@:6}" && [ -f "$3/$2.c" ] && [ -f "$3/$2.h" ]
}

sources() { # MODULE, in its folder: all but the test
    ls "$1.c" "$1_weights.c" 2>"$work/where"
}

weights() { # MODULE, in its folder: what the test needs as argument
    [ -f "$1_weights.c" ] || ls "$1_weights.bin"
}

target_flags() {
    case $1 in
    generic) ;;
    *) echo "-march=$1" ;;
    esac
}

runs_here() { [ "$1" = generic ] || { grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; }; }

# Builds the self-test in the package's folder with the compiler and flags given, and runs it where it can run. Models
# whose reference would take the compiler too long have no self-test: the objects are built then.
builds() { # FOLDER MODULE TARGET COMPILER FLAG...
    local folder=$1 module=$2 target=$3
    shift 3
    (
        cd "$folder" || exit 1
        if [ ! -f "${module}_test.c" ]; then
            # shellcheck disable=SC2046
            "$@" $(target_flags "$target") -c $(sources "$module")
            exit
        fi
        # shellcheck disable=SC2046
        "$@" $(target_flags "$target") -o "$module.test" $(sources "$module") "${module}_test.c" -lm || exit 1
        runs_here "$target" || exit 0
        # shellcheck disable=SC2046
        "./$module.test" $(weights "$module") | grep -q 'self-test passed'
    )
}

objects() { # FOLDER MODULE COMPILER FLAG...: objects alone, for machines that are not here
    local folder=$1 module=$2 file
    shift 2
    (
        cd "$folder" || exit 1
        for file in $(sources "$module") "${module}_test.c"; do
            "$@" -c -o "${file%.c}.o" "$file" || exit 1
        done
    )
}

# --- what an object may hold ---------------------------------------------------------------------------------------

math='(a?(sin|cos|tan)h?|exp2?|expm1|log(2|10|1p|b)?|pow|sqrt|cbrt|hypot|erfc?|[lt]gamma|atan2|floor|ceil|trunc|l?l?rint|nearbyint|l?l?round|fma|fmod|fmin|fmax|fabs|ldexp|frexp|modf|copysign|remainder)f?'

symbols_are_prefixed() { # FOLDER MODULE: all of its objects
    local folder=$1 module=$2
    ! nm -g --defined-only "$folder/$module.o" $([ -f "$folder/${module}_weights.c" ] && echo "$folder/${module}_weights.o") |
        awk 'NF == 3 { print $3 }' | grep -v "^${module}_"
}

holds_no_variables() { # FOLDER MODULE
    ! nm "$1/$2.o" | grep -E ' [dDbBC] ' &&
        size -A "$1/$2.o" | awk '$1 ~ /^\.(data|bss)$/ && $2 > 0 { print; bad = 1 } END { exit bad }'
}

needs_only_libm() { # FOLDER MODULE
    ! nm -u "$1/$2.o" | awk '{ print $2 }' | grep -vE "^($2_[A-Za-z0-9_]*|memcpy|memset|$math)$"
}

calls_no_heap() { # FOLDER MODULE: the words must not occur in the source, comments aside
    local folder=$1 module=$2
    ! gcc -std=c99 -fpreprocessed -dD -E -P "$folder/$module.c" | grep -nE '\b(malloc|calloc|realloc|free|alloca|printf|fopen)\b'
}

# --- the digits models: every target, every place of the weights, every compiler -----------------------------------------

compilers=""
for c in gcc clang; do
    if has $c; then compilers="$compilers $c"; else skip "$c" "not installed"; fi
done

for target in generic x86-64-v2 x86-64-v3 x86-64-v4; do # files of runtime_min that few packages have
    for option in --exact --mixed-precision "--mixed-precision --mixed-precision-calculation-type bfloat16"; do
        p=digits-$target${option//[ -]/_}
        # shellcheck disable=SC2086
        check "$p-compiles" compile "$root/samples/digits/digits.onnx" digits "$p" $target const $option
        for c in $compilers; do
            # shellcheck disable=SC2086,SC2046
            check "$p-strict-$c" objects "$p" digits $c $flags -O2 $(target_flags $target)
        done
        # shellcheck disable=SC2046
        if has g++; then check "$p-as-c++" g++ -x c++ -Wall -Wextra -Werror $(target_flags $target) -fsyntax-only "$p/digits.c"; fi
    done
done
for model in digits digits_int8; do
    file=$root/samples/digits/$model.onnx
    for target in generic x86-64-v3; do
        for params in const blob incbin; do
            p=$model-$target-$params
            check "$p-compiles" compile "$file" "$model" "$p" "$target" "$params"
            for c in $compilers; do
                # shellcheck disable=SC2086
                check "$p-strict-$c" builds "$p" "$model" "$target" $c $flags -O2
            done
        done
        p=$model-$target-const
        if has gcc; then
            check "$p-sanitized" builds "$p" "$model" "$target" gcc -std=c99 -O1 -g -fsanitize=address,undefined \
                -fno-sanitize-recover=all
            # no position-independent code: with it, tables of pointers are written once by the loader
            # shellcheck disable=SC2046
            check "$p-objects" objects "$p" "$model" gcc -std=c99 -O2 -fno-pic -fno-pie $(target_flags $target)
            check "$p-symbols-prefixed" symbols_are_prefixed "$p" "$model"
            check "$p-no-variables" holds_no_variables "$p" "$model"
            check "$p-needs-only-libm" needs_only_libm "$p" "$model"
            check "$p-no-heap-no-stdio" calls_no_heap "$p" "$model"
        fi
    done
    check "$model-sanitized-blob" builds "$model-generic-blob" "$model" generic gcc -std=c99 -O1 -g \
        -fsanitize=address,undefined -fno-sanitize-recover=all

    p=$model-generic-const
    if has g++; then
        printf '#include "%s.h"\nint main() { return %s_run(0, 0, 0) == 0; }\n' "$model" "$model" >"$p/user.cpp"
        cxxflags="-std=c++11 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror"
        # shellcheck disable=SC2086
        check "$model-c++" g++ $cxxflags -fsyntax-only "$p/user.cpp"
        for params in const blob; do
            check "$model-as-c++-$params" builds "$model-generic-$params" "$model" generic g++ -x c++ $cxxflags
        done
        # what holds vectors is GNU C++: it has literals of them
        check "$model-as-c++-vectors" builds "$model-x86-64-v3-const" "$model" x86-64-v3 g++ -x c++ ${cxxflags/-pedantic/}
    else
        skip "$model-c++" "no g++"
    fi
    # shellcheck disable=SC2086
    if has tcc; then check "$model-tcc" builds "$p" "$model" generic tcc -Wall -Werror; else skip "$model-tcc" "not installed"; fi
    # shellcheck disable=SC2086
    if has musl-gcc; then
        check "$model-musl" builds "$p" "$model" generic musl-gcc $flags -O2 -static
    else
        skip "$model-musl" "no musl-gcc"
    fi
    for cpu in cortex-m0 cortex-m4 cortex-m7 cortex-m55; do
        if has arm-none-eabi-gcc; then
            # shellcheck disable=SC2086
            check "$model-$cpu" objects "$p" "$model" arm-none-eabi-gcc $flags -Os -mcpu=$cpu -mthumb \
                "-D$(echo "$model" | tr a-z A-Z)_TEST_NO_MAIN"
        else
            skip "$model-$cpu" "no arm-none-eabi-gcc"
        fi
    done
    for machine in aarch64 riscv64; do
        if has $machine-linux-gnu-gcc; then
            # shellcheck disable=SC2086
            check "$model-$machine" objects "$p" "$model" $machine-linux-gnu-gcc $flags -O2
        else
            skip "$model-$machine" "no $machine-linux-gnu-gcc"
        fi
    done
    if has avr-gcc && echo '#include <string.h>' | avr-gcc -fsyntax-only -x c - 2>"$work/where"; then
        check "$model-avr" objects "$p" "$model" avr-gcc -std=c99 -Wall -Wextra -Os -mmcu=atmega2560 \
            "-D$(echo "$model" | tr a-z A-Z)_TEST_NO_MAIN"
    else
        skip "$model-avr" "no avr-gcc with its C library"
    fi
done

# --- other models ------------------------------------------------------------------------------------------------

other() { # NAME FILE
    local name=$1 file=$2 target c p
    for target in generic x86-64-v3; do
        p=$name-$target
        check "$p-compiles" compile "$file" "$name" "$p" $target const
        for c in $compilers; do
            # shellcheck disable=SC2086
            check "$p-strict-$c" builds "$p" "$name" $target $c $flags -O2
        done
    done
    check "$name-sanitized" builds "$name-generic" "$name" generic gcc -std=c99 -O1 -g -fsanitize=address,undefined \
        -fno-sanitize-recover=all
}

other contract "$here/contract.tg" # a named size, several inputs and outputs
other rounded "$here/rounded.tg"         # whole numbers of vectors, as operands
other nonfinite "$here/nonfinite.tg"     # infinities and NaN, in code and in tables
if has tcc; then check nonfinite-tcc builds nonfinite-generic nonfinite generic tcc -Wall -Werror; else skip nonfinite-tcc "not installed"; fi
if has g++; then check nonfinite-as-c++ builds nonfinite-generic nonfinite generic g++ -x c++ -Wall -Werror; else skip nonfinite-as-c++ "no g++"; fi
# no Microsoft compiler here: what it would see of tn_port.h, by another
# shellcheck disable=SC2086
check nonfinite-of-math.h builds nonfinite-generic nonfinite generic gcc $flags -D_MSC_VER=1900
no_quotients() { ! grep -nE '/ 0(\.0)?f?\b' nonfinite-generic/*.c; }
check nonfinite-no-quotients no_quotients
if [ -d "$shared" ]; then
    other mnist "$shared/mnist-8/model.onnx"
    for name in mlp_mnist dynamic_batch_cnn yolo_tiny; do
        file=$seeded/$name/model.onnx
        if [ ! -f "$file" ] && python3 -c 'import numpy, onnx' 2>"$work/where"; then
            python3 "$shared/seeded/make.py" "$seeded" "$name" >log 2>&1
        fi
        if [ -f "$file" ]; then
            other "$name" "$file"
        else
            skip "$name" "python3 with numpy and onnx is needed to make it"
        fi
    done
else
    skip "mnist-8 and seeded models" "no ../shared/models here"
fi

# --- two models in one program -------------------------------------------------------------------------------------

two_models() { # TARGET COMPILER FLAG...
    local target=$1 a=digits-$1-const b=digits_int8-$1-const
    shift
    # shellcheck disable=SC2046
    "$@" $(target_flags "$target") -I"$a" -I"$b" -o two "$here/two_models.c" $a/digits.c $a/digits_weights.c \
        $b/digits_int8.c $b/digits_int8_weights.c -lm -pthread || return 1
    ! runs_here "$target" || ./two
}

for target in generic x86-64-v3; do
    for c in $compilers; do
        check "two-models-$target-$c" two_models $target $c -std=c99 -Wall -Wextra -Werror -O2
    done
done
check two-models-sanitized two_models generic gcc -std=c99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# --- the same bytes ----------------------------------------------------------------------------------------------

twice() { # MODEL TARGET PARAMS
    rm -rf first again
    compile "$root/samples/digits/$1.onnx" "$1" again "$2" "$3" && cp -r "$1-$2-$3" first &&
        rm -f first/*.o first/*.test first/user.cpp && diff -r first again
}

from_elsewhere() { # the model by a relative path, from another folder with another environment
    mkdir -p else/where && cp "$root/samples/digits/digits.onnx" else/ &&
        (cd else/where && env -i PATH="$PATH" HOME=/ TZ=Asia/Tokyo LC_ALL=C SOURCE_DATE_EPOCH=1 \
            "$tenon" compile ../digits.onnx -o out --params const) &&
        compile "$root/samples/digits/digits.onnx" digits here generic const && diff -r here else/where/out
}

no_paths() { # neither our folder nor the model's in any file
    ! grep -rlF -e "$work" -e "$root" "$work/here"
}

for target in generic x86-64-v3; do
    for params in const blob incbin; do
        check "same-bytes-$target-$params" twice digits $target $params
    done
done
check same-bytes-int8 twice digits_int8 generic const
check same-bytes-from-elsewhere from_elsewhere
check no-paths-inside no_paths

finish
