/* How names, texts and numbers from a model are spelled in generated files. */
#ifndef TN_NAMES_H
#define TN_NAMES_H

#include "base/map.h"
#include "emit/emit.h"

/* The identifiers of one C scope. All-zero but for the arena: none yet. */
typedef struct tn_names {
    tn_arena *arena;
    tn_map taken;
} tn_names;

/* A C identifier from any text, not yet in the scope, and adds it: "/conv1/W:0" -> "conv1_W_0", "int" -> "int_", a
   second "x" -> "x_2". Letters, digits and single inner underscores; never a word that C, C++ or a usual header has
   taken. */
const char *tn_name_make(tn_names *names, const char *from);
const char *tn_name_upper(tn_arena *a, const char *name); /* "kws" -> "KWS" */
/* Why no module can have that name, "math.h is a header of the C library", or NULL: its header stands in a folder that
   compilers search before their own. Small and capital letters are alike, as in many file systems. */
const char *tn_name_hides(tn_arena *a, const char *module);
/* What the io struct calls program symbol i: unique beside the inputs' and outputs' names. */
const char *tn_symbol_name(const tn_unit *u, size_t i);
/* What functions call a named dim or a turn: "dim0_batch", "turn0", which no parameter or loop variable is called. */
const char *tn_symbol_local(tn_program *p, const tn_var *symbol);

const char *tn_quote_c(tn_arena *a, const char *s);    /* a string literal, quotes included */
const char *tn_quote_json(tn_arena *a, const char *s); /* quotes included; bytes that are not UTF-8 become U+FFFD */
const char *tn_in_comment(tn_arena *a, const char *s); /* one line that cannot end or nest a comment; printable ASCII */

/* A float or double as a C constant, also in tables; what is not finite by a macro of tn_port.h. Returns the length. */
enum { TN_NUMBER_ROOM = 48 };
int tn_print_real(double x, bool is_double, char out[TN_NUMBER_ROOM]);
/* The first elements of t, every stride-th, count of them, as an initialiser's lines without the braces. */
void tn_print_numbers(const tn_tensor *t, int64_t count, int64_t stride, tn_str *out);

#endif
