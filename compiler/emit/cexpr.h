/* Expressions as C text: what cexpr.c (scalars), cvector.c (vectors) and cbody.c (statements) have in common. */
#ifndef TN_CEXPR_H
#define TN_CEXPR_H

#include "emit/cbody.h"

/* A subexpression that has a name; lane: of the statement that it stands in. */
typedef struct tn_named {
    const tn_expr *expr;
    const char *name;
    const tn_var *lane;
    bool is_used;
} tn_named;
typedef struct {
    tn_named *items;
    size_t n, room;
} tn_named_vec;

/* Of one function, while it is printed. */
typedef struct tn_printer {
    tn_program *p;
    tn_needs *needs;
    tn_function *f;
    tn_str *out;
    int indent;
    const tn_var *lane; /* of the statement being printed; NULL in scalar code */
    tn_named_vec named; /* subexpressions that have a name here */
    struct {
        const tn_var **items;
        size_t n, room;
    } vars; /* numbered accumulators and lets */
    int n_temps;
} tn_printer;

/* cexpr.c */
const char *tn_text_of(tn_printer *c, const tn_expr *e);     /* of its name, where it has one */
bool tn_is_vector(const tn_printer *c, const tn_expr *e);    /* its lanes differ in this statement */
bool tn_has_name(const tn_printer *c, const tn_expr *e);     /* so that nothing may look into it */
const char *tn_var_text(tn_printer *c, const tn_var *v);     /* "i", "dim0_batch", "acc3" */
const char *tn_pointer_text(tn_printer *c, const tn_buf *b); /* of the buffer's root: a parameter, a local array */
/* An element "x[i * 4]", or where a vector begins, "x + i * 4". */
const char *tn_place_text(tn_printer *c, const tn_buf *b, const tn_expr *offset, bool vector);
const char *tn_bare(tn_printer *c, const char *s);    /* without the parentheses around the whole */
const char *tn_operand(tn_printer *c, const char *s); /* right of + or <: as tn_bare, but a choice keeps them */
/* A C form of loop/scalar.def: $0 and $1 are the operands, @ the f of floats' functions. */
const char *tn_fill_template(tn_printer *c, const char *t, const char *x, const char *y, bool is_double);

/* cvector.c; all but tn_vector_kind and tn_vector_type are of the statement's lane. */
const char *tn_vector_kind(tn_printer *c, tn_dtype t, const tn_var *lane); /* "F32X8": how macros of vectors end */
const char *tn_vector_type(tn_printer *c, tn_dtype t, const tn_var *lane); /* "tn_f32x8" */
const char *tn_vector_text(tn_printer *c, const tn_expr *e); /* a vector, whether or not its lanes differ */
const char *tn_vector_function(int op);                      /* of tn_vmath.h; NULL where C has an operator */
const char *tn_vector_op(tn_printer *c, const tn_expr *e);
const char *tn_vector_cast(tn_printer *c, const tn_expr *e);
const char *tn_vector_load(tn_printer *c, const tn_expr *load);
const char *tn_vector_select(tn_printer *c, const tn_expr *e);

#endif
