/* Loop programs: what operators mean, and what C is printed from.

   An operator becomes one or more computations. A computation writes one element of its output buffer for each point
   of its axes; when it has reduction axes, the element is combined over them first:

       for axes:  acc = init;  for reduce:  acc = combine(acc, elem);   out[at] = post        (post may use acc)
       for axes:  out[at] = elem                                                              (no reduction axes)

   Expressions are immutable and unique (equal expressions are the same pointer); index expressions are kept in a
   normal form, a sum of products with the constant last, so that equality and divisibility can be seen.
   select evaluates only the side it takes: a load on the other side may be out of bounds. */
#ifndef TN_LOOP_H
#define TN_LOOP_H

#include "base/base.h"
#include "ir/ir.h"

typedef enum {
#define S(id, name, operands, result, hf, hi, cf, ci) TN_OP_##id,
#include "loop/scalar.def"
#undef S
    TN_OP_COUNT
} tn_scalar_op;

typedef struct tn_scalar_info {
    const char *name;
    int operands;
    bool gives_bool;
    const char *c_float, *c_int; /* C spelling, see scalar.def */
} tn_scalar_info;
extern const tn_scalar_info tn_scalars[TN_OP_COUNT];

enum { TN_MAX_AXES = 12, TN_MAX_ARGS = 16 };

typedef struct tn_expr tn_expr;
typedef struct tn_buf tn_buf;
typedef struct tn_program tn_program;

/* A loop variable, an accumulator, a named dim or a let. Index variables know their range. */
typedef struct tn_var {
    int id;
    const char *name; /* a hint; the emitter makes it unique */
    tn_dtype dtype;
    int64_t lo, hi;        /* inclusive range of an index variable; of other integers when it is known, else 0, 0 */
    const tn_expr *extent; /* of a loop variable from 0: it is below this; NULL otherwise */
    int lanes;             /* of a vector variable; 0: a scalar */
    bool found;            /* of a symbol: a computation gives its value, see tn_comp.finds */
} tn_var;

typedef enum {
    TN_E_INT,
    TN_E_NUM,
    TN_E_VAR,
    TN_E_LOAD,
    TN_E_OP,
    TN_E_SELECT,
    TN_E_CAST,
    TN_E_BITS
} tn_expr_kind; /* BITS: a cast that keeps the bits, not the number */
struct tn_expr {
    tn_expr_kind kind;
    tn_dtype dtype; /* TN_INDEX for subscripts */
    int id;         /* dense, in order of creation */
    int op;         /* TN_E_OP */
    int64_t i;      /* TN_E_INT: the value, of any integer type or bool; TN_E_LOAD: 1 when arg is an offset in memory */
    double f;       /* TN_E_NUM */
    tn_var *var;
    tn_buf *buf;
    int n; /* subscripts of a load; operands of the others: select has condition, then, else */
    const tn_expr *const *arg;
};

/* Physical order of a buffer's elements: part k of the memory's subscripts is (index[axis] + lo[axis]) / div % mod.
   No parts: plain row-major. lo and hi are a border around the elements (a halo) that is filled before the elements
   are written: zeros, or for bytes the value fill. */
typedef struct tn_layout {
    int n;
    struct {
        int axis;
        int64_t div, mod;
    } part[12]; /* mod 0: none */
    int64_t lo[TN_MAX_RANK], hi[TN_MAX_RANK];
    int64_t fill;
} tn_layout;

typedef enum { TN_SCOPE_ARENA, TN_SCOPE_INPUT, TN_SCOPE_OUTPUT, TN_SCOPE_CONST, TN_SCOPE_REGISTER } tn_scope;

struct tn_buf {
    int id;
    const char *name;
    tn_dtype dtype;
    int rank;
    const tn_expr *dim[TN_MAX_RANK]; /* logical extents at run time */
    int64_t max[TN_MAX_RANK];        /* their bounds */
    tn_scope scope;
    tn_layout layout;
    const tn_tensor *data; /* TN_SCOPE_CONST: contents in logical row-major order */
    const tn_value *value; /* the graph's value, NULL for temporaries */
    tn_buf *packed_from;   /* a constant in another layout: computed from this one at compile time */
    tn_buf *alias;         /* set by the plan: shares this buffer's memory */
};

typedef struct tn_axis {
    tn_var *var;
    const tn_expr *extent;
} tn_axis;

/* A part of the program that runs again and again: its computations, which stand side by side, run in order once for
   each turn, 0 .. extent - 1. They may use the turn in expressions as they use their axes, read what earlier turns have
   written, and write what they read: state that is carried from turn to turn. */
typedef struct tn_repeat {
    tn_var *turn;
    const tn_expr *extent;   /* over symbols and outer turns */
    struct tn_repeat *outer; /* the repeat that this one is part of; NULL: none */
} tn_repeat;

/* A call of C that is not generated. name: of a parameter; of a word, its text. */
typedef enum { TN_ARG_WORD, TN_ARG_INT, TN_ARG_EXTENT, TN_ARG_READ, TN_ARG_WRITE } tn_arg_kind;
typedef struct tn_arg {
    tn_arg_kind kind;
    const char *name;
    const tn_expr *expr; /* INT, EXTENT (ptrdiff_t): the value; READ, WRITE: a load, whose place is meant */
} tn_arg;
typedef struct tn_call {
    const char *function, *pattern;
    const char *library; /* "cblas"; NULL: the function is the user's own */
    int n_loop, n_arg;
    tn_axis loop[TN_MAX_AXES]; /* around the call; arguments are over these axes */
    tn_arg *arg;
} tn_call;

/* A computation whose result, one bool, nobody reads. Where it is false, a check ends the run with an error; a while, the
   first computation of a repeat, ends the repeat. */
typedef enum { TN_NO_CHECK, TN_CHECK, TN_WHILE } tn_check;

typedef struct tn_comp {
    int id;
    const tn_node *node; /* the node it came from, for messages and comments */
    const char *label;   /* "Conv 'conv1'", grows "+ Relu 'r1'" as computations are fused */
    tn_buf *out;
    const tn_expr *at[TN_MAX_RANK]; /* where in out; over the axes */
    int n_axis, n_reduce;
    tn_axis axis[TN_MAX_AXES], reduce[TN_MAX_AXES];
    int combine;         /* scalar operation over the reduction axes; unused without them */
    int sums;            /* 0: elements may be combined in any order; else the order is fixed, see tn_fix_sums */
    const tn_expr *init; /* of acc */
    const tn_expr *elem;
    tn_var *acc;          /* what post calls the result of the reduction */
    const tn_expr *post;  /* NULL: acc itself */
    const char *schedule; /* text, see sched/sched.h; NULL: none is chosen, "": plain loops */
    const char *why;      /* the rule's reason for that one, for people; NULL: no rule chose it */
    double bound; /* the share of the peak of multiply-adds that the schedule's register tile allows; 0: not known */
    bool view;    /* out holds the same elements in the same row-major order as the only buffer it loads */
    tn_repeat *repeat;   /* NULL: runs once */
    const char *mark;    /* what pass dispatch has marked the node with; NULL: nothing */
    const tn_call *call; /* what does the computation, up to post; NULL: generated code */
    bool serial; /* axes must run in order, one point after the other: it reads what it has written, or scatters */
    tn_check check;
    /* Of a check: out is one int64 instead, from here on the value of this symbol, and an error beyond its bounds. */
    tn_var *finds;
} tn_comp;

typedef struct {
    tn_buf **items;
    size_t n, room;
} tn_buf_vec;
typedef struct {
    tn_comp **items;
    size_t n, room;
} tn_comp_vec;
typedef struct {
    tn_var **items;
    size_t n, room;
} tn_var_vec;

/* --- statements: what a schedule makes of a computation, and what C is printed from -------------------------------- */

typedef enum { TN_S_BLOCK, TN_S_FOR, TN_S_LET, TN_S_SET, TN_S_STORE, TN_S_PREFETCH, TN_S_CALL } tn_stmt_kind;
typedef struct tn_stmt tn_stmt;
typedef struct {
    tn_stmt **items;
    size_t n, room;
} tn_stmt_vec;

/* Loads and stores in statements have one subscript, the offset in memory. A statement with a lane variable is done
   for all lanes at once: a load whose offset moves with the lane is a vector, one that does not is a scalar. */
struct tn_stmt {
    tn_stmt_kind kind;
    tn_var *var;                /* FOR: the counter; LET: a new constant or, where mutable, variable; SET: assigned */
    bool is_mutable;            /* LET */
    const tn_expr *begin, *end; /* FOR: begin <= var < end */
    const tn_expr *value;       /* LET, SET, STORE; PREFETCH: the load */
    tn_buf *buf;                /* STORE */
    const tn_expr *offset;      /* STORE */
    const tn_call *call;        /* CALL; its loops are FOR statements around this one */
    tn_var *lane;               /* LET, SET, STORE: NULL for a scalar */
    tn_stmt_vec body;           /* BLOCK, FOR */
};

/* How a kernel is shared among threads: each call does the turns begin <= turn < end of its parallel loops, counted as
   one. All-zero: one call does everything. */
typedef struct tn_share {
    int parts; /* as many calls */
    tn_var *begin, *end;
    const tn_expr *turns; /* in all */
} tn_share;

/* One function of the generated code: a scheduled computation. */
typedef struct tn_kernel {
    tn_comp *comp;
    const char *schedule; /* its text */
    tn_stmt *body;
    bool repeats; /* some points are computed twice: the result cannot take an operand's place */
    tn_share share;
} tn_kernel;
typedef struct {
    tn_kernel *items;
    size_t n, room;
} tn_kernel_vec;

struct tn_program {
    tn_arena *arena;
    tn_graph *graph;
    tn_buf_vec bufs;
    tn_comp_vec comps;     /* in order of execution */
    tn_var_vec symbols;    /* one per named dim of the graph, in its order */
    tn_var_vec turns;      /* of all repeats */
    tn_repeat *repeat;     /* that new computations become part of; NULL: none */
    tn_buf_vec by_value;   /* by value id */
    const tn_expr **table; /* of unique expressions: open addressing */
    size_t n_expr, table_size;
    int n_vars;
    tn_kernel_vec kernels; /* in order of execution, once scheduled */
    const char *after;     /* the pass over loops that rewrote it last; NULL: none has */
    tn_dtype mixed;        /* what pass mixed-precision stores as; TN_UNDEFINED: it has not run */
    bool exact;            /* functions of floats are those of runtime_min/tn_fmath.h, everywhere */
};

tn_program *tn_program_make(tn_arena *a, tn_graph *g);

/* --- what operators use ------------------------------------------------------------------------------------------ */

tn_buf *tn_buf_of(tn_program *p, const tn_value *v); /* the buffer of a graph value, made on first use */
tn_buf *tn_buf_temp(tn_program *p, const char *name, tn_dtype dtype, int rank, const tn_dim *dims);
const tn_expr *tn_dim_expr(tn_program *p, tn_dim d); /* a dim as an index expression */

/* A computation over the dims of out, one axis per dim, writing out[axes]. Ends with tn_comp_set or tn_comp_reduce. */
tn_comp *tn_comp_begin(tn_program *p, const tn_node *n, tn_buf *out);
/* The same over other extents; the caller fills c->at. */
tn_comp *tn_comp_over(tn_program *p, const tn_node *n, tn_buf *out, int n_axis, const tn_dim *extents);
const tn_expr *tn_axis_var(tn_program *p, const tn_comp *c, int i);
const tn_expr *tn_reduce_over(tn_program *p, tn_comp *c,
                              tn_dim extent); /* adds a reduction axis, returns its variable */
/* Appends to the program. e is converted to out's type. */
void tn_comp_set(tn_program *p, tn_comp *c, const tn_expr *e);
/* acc = op over the reduction axes of elem, starting from init; then post(acc) is stored. Call tn_comp_acc for acc. */
const tn_expr *tn_comp_acc(tn_program *p, tn_comp *c, tn_dtype dtype);
void tn_comp_reduce(tn_program *p, tn_comp *c, tn_scalar_op op, const tn_expr *init, const tn_expr *elem,
                    const tn_expr *post /* NULL: acc */);

const tn_expr *tn_load(tn_program *p, tn_buf *b, const tn_expr *const *at); /* rank subscripts; in the compute type */
/* otherwise where any subscript lies outside; checks only those that can. */
const tn_expr *tn_load_or(tn_program *p, tn_buf *b, const tn_expr *const *at, const tn_expr *otherwise);
/* b broadcast to the axes of c, as in NumPy. */
const tn_expr *tn_load_broadcast(tn_program *p, const tn_comp *c, tn_buf *b);

const tn_expr *tn_index(tn_program *p, int64_t i);
const tn_expr *tn_number(tn_program *p, tn_dtype dtype, double x);   /* of any type; integers must be whole */
const tn_expr *tn_integer(tn_program *p, tn_dtype dtype, int64_t x); /* of any type, 64 bits exactly */
const tn_expr *tn_var_expr(tn_program *p, tn_var *v);
const tn_expr *tn_opn(tn_program *p, tn_scalar_op op, const tn_expr *const *arg); /* as many as the operation takes */
const tn_expr *tn_op1(tn_program *p, tn_scalar_op op, const tn_expr *x);
const tn_expr *tn_op2(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *y); /* of one type */
const tn_expr *tn_select(tn_program *p, const tn_expr *c, const tn_expr *x, const tn_expr *y);
/* Conversion as in C and ONNX Cast: floats truncate toward zero, integers wrap, anything non-zero is true. A float beyond
   an integer type's range, which both leave undefined, gives the type's nearest number, and NaN its least. */
const tn_expr *tn_cast(tn_program *p, tn_dtype to, const tn_expr *x);
/* The number of type `to` that has x's bits; types of one size. */
const tn_expr *tn_bit_cast(tn_program *p, tn_dtype to, const tn_expr *x);
static inline const tn_expr *tn_add(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_ADD, x, y);
}
static inline const tn_expr *tn_sub(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_SUB, x, y);
}
static inline const tn_expr *tn_mul(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_MUL, x, y);
}
static inline const tn_expr *tn_div(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_DIV, x, y);
}
static inline const tn_expr *tn_min(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_MIN, x, y);
}
static inline const tn_expr *tn_max(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_MAX, x, y);
}
static inline const tn_expr *tn_lt(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_LT, x, y);
}
static inline const tn_expr *tn_le(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_LE, x, y);
}
static inline const tn_expr *tn_and(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_AND, x, y);
}

/* What is appended between the two is repeated; the variable is the turn. A buffer that is written before the repeat and
   again inside is state. Repeats may be nested. */
const tn_expr *tn_repeat_begin(tn_program *p, const tn_expr *extent);
void tn_repeat_end(tn_program *p);

/* out holds in's elements in the same row-major order (Reshape and its kin). */
void tn_comp_view(tn_program *p, const tn_node *n, tn_buf *out, tn_buf *in);
/* Row-major position of subscripts in a plain buffer of these extents, and back. */
const tn_expr *tn_flatten(tn_program *p, int rank, const tn_expr *const *dim, const tn_expr *const *at);
void tn_unflatten(tn_program *p, int rank, const tn_expr *const *dim, const tn_expr *flat, const tn_expr **at);

/* --- what passes, schedules and the emitter use ------------------------------------------------------------------ */

tn_var *tn_var_make(tn_program *p, const char *name, tn_dtype dtype, int64_t lo, int64_t hi);
tn_var *tn_loop_var(tn_program *p, const char *name, const tn_expr *extent); /* 0 .. extent - 1 */
void tn_program_number(tn_program *p);                                       /* computations by their place */
tn_comp *tn_comp_copy(tn_program *p, const tn_comp *c);                      /* shallow, not appended */
double tn_points(const tn_axis *axis, int n);                                /* of the axes together, at their bounds */
double tn_comp_points(const tn_comp *c);                                     /* of its axes and its reduction's */
void tn_comp_move_last(tn_program *p, size_t at);                 /* the one made last, to where it belongs */
bool tn_repeat_is_in(const tn_repeat *r, const tn_repeat *outer); /* outer itself counts; all are in NULL */
/* Whether the computation at that place is the first of r, or would be; false for NULL. */
bool tn_repeat_begins(const tn_program *p, const tn_repeat *r, size_t at);
/* The repeats that are left and entered on the way from a computation of one to one of the other, in this order. */
typedef void tn_repeat_fn(void *user, const tn_repeat *r, bool enters);
void tn_repeat_move(const tn_repeat *from, const tn_repeat *to, tn_repeat_fn *f, void *user);
size_t tn_symbol_place(const tn_program *p, const tn_var *symbol); /* among the program's */
bool tn_is_found(const tn_program *p, const tn_var *symbol);       /* a computation finds it, see tn_comp */
/* e with other operands, simplified. */
const tn_expr *tn_expr_rebuild(tn_program *p, const tn_expr *e, const tn_expr *const *arg);
/* Rebuilds e with each subexpression replaced by what f returns for it (NULL: keep); f sees rebuilt operands. */
typedef const tn_expr *(*tn_rewrite_fn)(tn_program *p, void *user, const tn_expr *e);
const tn_expr *tn_rewrite(tn_program *p, const tn_expr *e, tn_rewrite_fn f, void *user);
const tn_expr *tn_substitute(tn_program *p, const tn_expr *e, const tn_var *v, const tn_expr *by);
/* f for every load of e, those in subscripts included; a part that is shared may be seen more than once. e may be NULL. */
typedef void tn_load_fn(void *user, const tn_expr *load);
void tn_each_load(const tn_expr *e, tn_load_fn *f, void *user);
bool tn_has_select(const tn_expr *e);
void tn_comp_each_load(const tn_comp *c, tn_load_fn *f, void *user); /* of all its expressions */
bool tn_comp_loads(const tn_comp *c, const tn_buf *b);               /* memory of b, by whatever name */
bool tn_uses_var(const tn_expr *e, const tn_var *v);
bool tn_comp_uses(const tn_comp *c, const tn_var *symbol);                   /* in extents, places or expressions */
bool tn_share_subscript(const tn_expr *e, const tn_var *x, const tn_var *y); /* of a load in e: x[2 * i + r] */
bool tn_loads_buf(const tn_expr *e, const tn_buf *b);
bool tn_loads_constants(const tn_expr *e); /* weights, tables */
/* Whether all values of the float e, NaN included where it can be one, convert to the type without a test. */
bool tn_float_fits(const tn_expr *e, tn_dtype to);
/* Whether a float is a sum of rounded values and whole numbers, none beyond 2^22. */
bool tn_float_is_whole(const tn_expr *e);
void tn_range_of(const tn_expr *e, int64_t *lo, int64_t *hi); /* of a subscript or an integer, inclusive */
bool tn_int_fits(tn_dtype t, int64_t lo, int64_t hi);
bool tn_may_wrap(const tn_expr *e); /* a sum, difference or product of integers */
const tn_expr *tn_load_raw(tn_program *p, tn_buf *b, int n,
                           const tn_expr *const *at);                         /* no cast; n subscripts as given */
const tn_expr *tn_load_flat(tn_program *p, tn_buf *b, const tn_expr *offset); /* by its offset in memory; no cast */
/* Offset in elements of b[at] in memory, by its layout. */
const tn_expr *tn_buf_offset(tn_program *p, const tn_buf *b, const tn_expr *const *at);
tn_buf *tn_buf_root(const tn_buf *b);                        /* whose memory it is: through aliases */
bool tn_buf_has_views(const tn_program *p, const tn_buf *b); /* another buffer is an alias of it */
bool tn_buf_has_border(const tn_buf *b);
#define TN_ROOM_MAX (INT64_MAX / 16) /* its bytes are a number */
/* Elements of memory at the bounds, halo and rounding up to blocks included; saturates at TN_ROOM_MAX. */
int64_t tn_buf_room(const tn_buf *b);
/* The constant's elements in the order of its buffer's layout, over that many bytes of zeros: the room of rounded-up
   blocks stays 0. */
int64_t tn_buf_packed_bytes(const tn_buf *b);
void tn_buf_pack(const tn_buf *b, void *zeros);
bool tn_layout_is_plain(const tn_layout *l);
int64_t tn_layout_block(const tn_layout *l);         /* elements of its innermost part: 16 of NCHW16c; 0: no block */
bool tn_buf_is_blocked_on(const tn_buf *b, int dim); /* which that dim's elements are, with room up to a whole block */
bool tn_layout_is_same(const tn_layout *x, const tn_layout *y); /* every element, and every byte of border */
bool tn_expr_is_int(const tn_expr *e, int64_t i);
/* Coefficient of v in the linear index expression e; false if e is not linear in v. */
bool tn_coefficient(const tn_expr *e, const tn_var *v, int64_t *out);
/* An expression like that one, made unique but not simplified: for the parser, which keeps what is written. */
const tn_expr *tn_expr_as_is(tn_program *p, const tn_expr *like);
/* acc + x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3: int32, the products of bytes; the four x lie side by side and do not move
   with the lane, the w of one lane lie side by side and those of the next lane behind them. */
typedef struct tn_dot4 {
    const tn_expr *acc, *x, *w; /* the loads of the first of four */
    bool flips;                 /* the bytes at x are int8, and are read as uint8 with their top bits turned */
} tn_dot4;
bool tn_match_dot4(tn_program *p, const tn_expr *e, const tn_var *lane, tn_dot4 *out);
/* Functions that take many constants on vectors. */
bool tn_is_long_call(const tn_expr *e);
/* Whether the statement is such a function of n vectors side by side: buf[i] = op(buf[i]) for 0 <= i < n * lanes. */
typedef struct tn_batch {
    tn_buf *buf;
    tn_var *lane;
    int op;
    int64_t n; /* vectors */
} tn_batch;
bool tn_match_batch(const tn_stmt *s, tn_batch *out);
void tn_expr_print(const tn_expr *e, tn_str *out);            /* for messages: variables by their hints */
void tn_program_print(const tn_program *p, tn_str *out);      /* without the data of large constants */
void tn_program_print_full(const tn_program *p, tn_str *out); /* with all data: parses back */
/* Buffers and computations; there is no graph behind them but its name and symbols. NULL after errors, PATH:LINE: ... */
tn_program *tn_program_parse(tn_arena *a, tn_diag *d, const char *path, const char *text);

/* --- in a fixed order --------------------------------------------------------------------------------------------- */

/* fix.c: gives every sum, product, maximum and minimum of floats an order that no target and no schedule changes, by what
   the computation looks like alone, and the program functions of its own. Recorded in comp.sums:
     1  one after the other, the last reduction axis innermost (windows come before channels: their axes are reordered)
     n  n of them side by side along axis tn_sum_axis, of extent e: sum j takes, in that order, the elements whose subscript
        there is j modulo n and below e - e % n, starting from the neutral element; then halves are combined,
        (s0 + s1) + (s2 + s3); then init + that; then what is left, in order */
enum { TN_FIXED_SUMS = 8 };
void tn_fix_sums(tn_program *p);
int tn_sum_axis(const tn_comp *c); /* the last reduction axis that is longer than 1; the first if none is */
bool tn_sums_fit(const tn_comp *c);
double tn_neutral(int combine); /* of sums, products, maxima, minima */
bool tn_starts_neutral(const tn_comp *c);
/* tn_f_... of tn_fmath.h; NULL: C's own function, or an operation that IEEE fixes. */
const char *tn_exact_function(int op);
typedef float tn_exact_fn(float x, float y); /* operations of one operand ignore y */
tn_exact_fn *tn_exact_host(int op);

/* --- running ----------------------------------------------------------------------------------------------------- */

/* Interprets all computations in order. store[buf id] holds dense logical row-major tensors: inputs must be there,
   constants are used in place, the others are made in scratch. symbols[i] is the value of program symbol i; those that the run
   finds are written. */
bool tn_interpret(tn_program *p, tn_arena *scratch, tn_tensor **store, int64_t *symbols);
bool tn_interpret_comp(tn_program *p, tn_arena *scratch, const tn_comp *c, tn_tensor **store, int64_t *symbols);

#endif
