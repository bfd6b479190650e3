#!/usr/bin/env bash
# What `cmake --install` leaves: tests/api/user.c builds against it by pkg-config and by find_package(tenon), shared and
# static, runs, and does so again after the folder was moved. Prints "ok NAME" or "not ok NAME", and a count.
#   BUILD=build/release tests/api/install.sh
build=$(realpath "${BUILD:-$(dirname "$0")/../../build/release}")
source "$(dirname "$0")/../check.sh"

lib() { dirname "$(find "$1" -name libtenon.a)"; } # PREFIX

# The program compiles the sample model and runs the package.
works() { # PROGRAM PREFIX: the folder that its shared library is found in, "none" for a static program
    rm -rf package
    env LD_LIBRARY_PATH="$([ "$2" = none ] || lib "$2")" "$1" "$root/samples/digits/digits.onnx" package >out &&
        grep -qx 'logits: float, 40 bytes' out && [ -f package/digits.h ]
}

uses_shared() { readelf -d "$1" | grep -q 'NEEDED.*libtenon\.so\.0'; }

config() { env PKG_CONFIG_PATH="$(lib "$1")/pkgconfig" pkg-config "${@:2}" tenon; } # PREFIX FLAG...

strict="-std=c11 -Wall -Wextra -Werror"

pkg_shared() { # PREFIX
    # shellcheck disable=SC2046,SC2086
    cc $strict -o shared "$here/user.c" $(config "$1" --cflags --libs) && uses_shared shared && works ./shared "$1"
}

pkg_static() { # PREFIX: -ltenon would take the shared library, which lies beside
    # shellcheck disable=SC2046,SC2086
    cc $strict -o static "$here/user.c" $(config "$1" --cflags --static --libs | sed 's/-ltenon/-l:libtenon.a/') &&
        ! uses_shared static && works ./static none
}

pkg_says() { # PREFIX: the paths are of where it lies now
    [ "$(realpath "$(config "$1" --variable=prefix)")" = "$(realpath "$1")" ] &&
        [ -f "$(config "$1" --variable=includedir)/tenon.h" ] && [ -n "$(config "$1" --modversion)" ]
}

cmake_project() { # PREFIX KIND
    rm -rf project && mkdir project && cp "$here/user.c" project &&
        cat >project/CMakeLists.txt <<EOF
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(tenon $(config "$1" --modversion) REQUIRED COMPONENTS $2)
add_executable(user user.c)
target_link_libraries(user PRIVATE tenon::tenon_$2)
add_custom_command(OUTPUT model/digits.c COMMAND tenon::tenon compile $root/samples/digits/digits.onnx -o model)
add_custom_target(model ALL DEPENDS model/digits.c)
EOF
    cmake -S project -B project/build -DCMAKE_PREFIX_PATH="$1" && cmake --build project/build &&
        [ -f project/build/model/digits.c ] && works project/build/user none
}

cmake_says_what_is_missing() { # PREFIX
    ! cmake_project "$1" fancy && grep -q 'component fancy' log
}

# The shared library gives what tenon.h declares and nothing else.
exports_the_header() { # PREFIX
    nm -D --defined-only "$(lib "$1")/libtenon.so" | awk '{ print $3 }' | sort >exported
    grep -oE '\btn_[a-z_]+\(' "$1/include/tenon.h" | tr -d '(' | sort -u >declared
    diff exported declared
}

man_page() { "$1/bin/tenon" man | diff - "$1/share/man/man1/tenon.1"; } # PREFIX

# Neither the sources' folder nor the build's nor the prefix at the time of installing.
names_no_folder() { # PREFIX OTHER
    ! grep -rlF -e "$build" -e "$root/compiler" -e "$2" "$1" --include='*.pc' --include='*.cmake' --include='*.h'
}

check install cmake --install "$build" --prefix "$work/first"
for prefix in first moved; do
    [ "$prefix" = first ] || mv first moved
    at=$work/$prefix
    check "$prefix-pkg-config" pkg_says "$at"
    check "$prefix-pkg-config-shared" pkg_shared "$at"
    check "$prefix-pkg-config-static" pkg_static "$at"
    check "$prefix-cmake-shared" cmake_project "$at" shared
    check "$prefix-cmake-static" cmake_project "$at" static
    check "$prefix-man-page" man_page "$at"
    check "$prefix-names-no-folder" names_no_folder "$at" "$work/first"
done
check cmake-missing-component cmake_says_what_is_missing "$at"
check exports-what-the-header-declares exports_the_header "$at"
finish
