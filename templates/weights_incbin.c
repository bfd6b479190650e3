/* @NAME@_weights.c: takes @NAME@_weights.bin into the program, by the assembler.
 *
@BANNER_C@
 *
 * The assembler looks for the file in the folder that the compiler runs in. From elsewhere, name it:
 * -D@UPPER@_WEIGHTS_FILE='"path/to/@NAME@_weights.bin"'. Makefile.inc and CMakeLists.txt do so.
 * @UPPER@_WEIGHTS_SECTION is the assembler's name of the section, ".rodata" unless defined.
 */
#ifdef @UPPER@_CONFIG_H
#include @UPPER@_CONFIG_H
#endif

#ifndef __GNUC__
#error "only gcc and clang take in files: compile the model with params=const"
#endif

#ifndef @UPPER@_WEIGHTS_FILE
#define @UPPER@_WEIGHTS_FILE "@NAME@_weights.bin"
#endif

#ifndef @UPPER@_WEIGHTS_SECTION
#if defined(__APPLE__)
#define @UPPER@_WEIGHTS_SECTION "__TEXT,__const"
#elif defined(_WIN32)
#define @UPPER@_WEIGHTS_SECTION ".rdata,\"dr\""
#else
#define @UPPER@_WEIGHTS_SECTION ".rodata"
#endif
#endif

#define @UPPER@_TEXT_OF(x) #x
#define @UPPER@_TEXT(x) @UPPER@_TEXT_OF(x)
#define @UPPER@_SYMBOL @UPPER@_TEXT(__USER_LABEL_PREFIX__) "@NAME@_weights_data"

/* An object of a known size, where the format has such a thing. */
#ifdef __ELF__
#define @UPPER@_IS_OBJECT                              \
    ".type " @UPPER@_SYMBOL ", %object\n"              \
    ".size " @UPPER@_SYMBOL ", . - " @UPPER@_SYMBOL "\n"
#else
#define @UPPER@_IS_OBJECT ""
#endif

extern const unsigned char @NAME@_weights_data[];

__asm__(".section " @UPPER@_WEIGHTS_SECTION "\n"
        ".globl " @UPPER@_SYMBOL "\n"
        ".balign 64\n"
        @UPPER@_SYMBOL ":\n"
        ".incbin \"" @UPPER@_WEIGHTS_FILE "\"\n"
        @UPPER@_IS_OBJECT
        ".byte 0\n"
        ".text\n");
