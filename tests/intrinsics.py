"""An <immintrin.h> with what runtime_min uses of gcc's and no more: that has 6000 functions, and reading them takes a third
of a second, more than all the rest of most packages. Everything else is left to the compiler's own.

    python3 tests/intrinsics.py FOLDER                then C_INCLUDE_PATH=FOLDER for gcc
"""
import glob
import os
import re
import subprocess
import sys

CHOICE = """#pragma once
#if defined __x86_64__ && !defined __clang__ && __GNUC__ == %s && __GNUC_MINOR__ == %s && __GNUC_PATCHLEVEL__ == %s
#ifdef __OPTIMIZE__
#include "intrinsics_1.h"
#else
#include "intrinsics_0.h"
#endif
#else
#include_next <immintrin.h>
#endif
"""


def run(*command, text=""):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def lines_of_the_compiler(level):
    """What <immintrin.h> becomes, with its macros, without other headers: the test includes those where it wants."""
    folder, here = run("gcc", "-print-file-name=include").strip(), False
    # _MM_MALLOC_H_INCLUDED: not <stdlib.h>
    for line in run("gcc", f"-O{level}", "-D_MM_MALLOC_H_INCLUDED", "-E", "-dD", "-x", "c", "-",
                    text="#include <immintrin.h>\n").splitlines():
        place = re.match(r'# \d+ "(.*)"', line)
        if place:
            here = place[1].startswith(folder) and place[1].endswith("intrin.h")
        elif here and line.strip():
            yield line


def pieces(lines):
    """(name, text) of each function and macro, ("", line) of what else there is."""
    for line in lines:
        if re.match(r"(__extension__ )?(extern|static) __inline", line):
            while "{" not in line or line.count("{") > line.count("}"):
                line += "\n" + next(lines)
            names = re.findall(r"(\w+) ?\(", line[:line.index("{")])
            yield next(n for n in names if not n.startswith("__attribute")), line
        else:
            macro = re.match(r"#define (\w+)", line)
            yield macro[1] if macro else "", line


def write_needed(level, wanted, path):
    found = list(pieces(lines_of_the_compiler(level)))
    text = {}
    for name, piece in found:
        text[name] = text.get(name, "") + piece
    # _add_epi64 also stands for _mm512_add_epi64: a macro of the runtime is given the rest
    needed, more = set(), {n for n in text if not n or n in wanted or re.sub(r"^_mm\d*", "", n) in wanted}
    while more:
        needed |= more
        more = {n for name in more for n in re.findall(r"\w+", text.get(name, ""))} & set(text) - needed
    with open(path, "w") as f:
        f.writelines(piece + "\n" for name, piece in found if name in needed)


def main():
    folder, runtime = sys.argv[1], os.path.join(os.path.dirname(__file__), "..", "runtime_min")
    wanted = set()
    for header in glob.glob(runtime + "/*.h"):
        with open(header) as f:
            wanted |= set(re.findall(r"\b_\w+", f.read()))
    os.makedirs(folder, exist_ok=True)
    for level in (0, 1):  # what takes a constant operand is a macro at -O0, a function else
        write_needed(level, wanted, f"{folder}/intrinsics_{level}.h")
    with open(folder + "/immintrin.h", "w") as f:
        f.write(CHOICE % tuple(run("gcc", "-dumpfullversion").strip().split(".")))


main()
