/* Statements as C99 text: the one walker that all generated functions come from. */
#ifndef TN_CBODY_H
#define TN_CBODY_H

#include "emit/emit.h"

/* What the printed text needs of tn_port.h and math.h. */
typedef struct tn_needs {
    bool math, vectors, extremes, vmath, bytes, minmax, fixed, fixed_curves, ints, half, minifloat, bits, convert,
        areas, cblas, fmath, halves;
} tn_needs;

/* A buffer that the function takes as a parameter. */
typedef struct tn_param {
    const tn_buf *root;
    const char *name;
    bool is_written;
} tn_param;

enum { TN_MAX_PARAMS = 4 * TN_MAX_ARGS };

typedef struct tn_function {
    tn_param param[TN_MAX_PARAMS];
    int n_param;
    const tn_var **symbol; /* named dims and turns that it uses, in the program's order */
    int n_symbol;
    tn_str text; /* the body, without braces, indented by four */
} tn_function;

/* uses.c: a subexpression, how often its text appears, and whether that may move in front of the statements. */
typedef struct tn_use {
    const tn_expr *expr;
    int count, visits;
    bool hoistable;
} tn_use;
typedef struct {
    tn_use *items;
    size_t n, room;
} tn_use_vec;
/* Adds those of e, operands first; lane: of the statement, NULL in scalar code; index_only: subscripts alone. */
void tn_expr_uses(tn_program *p, const tn_expr *e, const tn_var *lane, bool index_only, tn_use_vec *uses);
bool tn_needs_data(const tn_expr *e); /* a load, or the name that a statement before gave one, is in it */
const tn_expr *tn_first_lane(tn_program *p, const tn_expr *offset, const tn_var *lane); /* the offset there */

/* params.c: the parameters and symbols of the function that the statements become. */
void tn_collect_params(tn_program *p, const tn_stmt *body, tn_function *out);

/* cexpr.c: a subscript of named dims and turns, by the names that functions call them. */
const char *tn_index_text(tn_program *p, const tn_expr *e, tn_needs *needs);
void tn_print_function(tn_program *p, const tn_stmt *body, tn_needs *needs, tn_function *out);

/* stack.c: bytes of stack that the function may take, from above. */
int64_t tn_stack_bytes(tn_program *p, const tn_function *f, const tn_stmt *body);

/* checks.c: what kws_run tests of its arguments. */
void tn_print_checks(const tn_unit *u, tn_needs *needs, tn_str *out);

#endif
