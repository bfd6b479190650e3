/* Unique, as a function of other operators. The n elements, or the n slices along an axis, are rows of K elements:

       same[i,j]      row i and j are equal                first[i]   the first j with same[i,j], which may be i itself
       place[i]       how many rows are the first of their kind and come before row i (are less, or stand before it)
       indices[p]     the i with place[i] = p that is the first of its kind;  Y the rows at these
       inverse[i]     place[first[i]];  counts[p] = how often p is in inverse

   How many there are is what the file declares; a check compares. Where it declares nothing all is computed for as many
   as there are rows, and the run finds how many of these are results: those at the first indices. A NaN equals a NaN and
   comes last. Takes n * n * K steps. */
#include "ops/late.h"
#include "ops/ops.h"
#include "ops/repeat.h"

typedef struct unique {
    tn_expand *e;
    bool is_text;     /* strings, whose bytes are a last axis that counts as none */
    int axis;         /* -1: all elements, flat */
    int64_t n, count; /* count: of results, of which there may be fewer where it is not declared */
    bool declared;
    tn_value *rows; /* [n,K] */
} unique;

static tn_value *to_int(unique *u, tn_value *v)
{
    return tn_call_cast(u->e, v, TN_INT32);
}

/* 0 .. n - 1 */
static tn_value *numbers(unique *u, int64_t n)
{
    int64_t *x = TN_NEW_N(u->e->g->arena, int64_t, n + 1);
    for (int64_t i = 0; i < n; i++)
        x[i] = i;
    return tn_expand_ints(u->e, (int)n, x);
}

/* --- rows ------------------------------------------------------------------------------------------------------------ */

static bool find_rows(unique *u)
{
    tn_expand *e = u->e;
    const tn_node *n = e->node;
    tn_shape shape = n->in[0]->shape, *x = &shape;
    u->axis = -1;
    u->is_text = n->in[0]->is_text;
    x->rank -= u->is_text;
    if (tn_node_find_attr(n, "axis") != NULL && !tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), x->rank, &u->axis))
        return tn_expand_error(e, "attribute 'axis' does not fit %s", tn_type_text(e->g->arena, n->in[0]->dtype, x));
    if (!tn_shape_is_fixed(x) || tn_shape_count(x) == 0)
        return tn_expand_error(e, "input 0 is %s; a fixed shape with elements is wanted",
                               tn_type_text(e->g->arena, n->in[0]->dtype, x));
    u->n = u->axis < 0 ? tn_shape_count(x) : x->dim[u->axis].n;
    x->rank += u->is_text;
    int64_t perm[TN_MAX_RANK] = {u->axis};
    for (int d = 0, k = 1; d < x->rank; d++)
        if (d != u->axis && u->axis >= 0)
            perm[k++] = d;
    tn_value *v = n->in[0]->dtype == TN_BOOL ? tn_call_cast(e, n->in[0], TN_UINT8) : n->in[0];
    if (u->axis > 0) {
        tn_str text = {.arena = e->g->arena};
        tn_str_add(&text, "Transpose perm=");
        for (int d = 0; d < x->rank; d++)
            tn_str_add(&text, "%lld,", (long long)perm[d]);
        v = tn_call(e, text.text, v);
    }
    u->rows = tn_call_reshape(e, v, 2, (const int64_t[]){u->n, -1});
    return !e->failed;
}

static bool find_count(unique *u)
{
    tn_shape s;
    const tn_node *n = u->e->node;
    u->count = u->n;
    u->declared = tn_find_declared(n, 0, &s);
    if (!u->declared)
        return true;
    int axis = u->axis < 0 ? 0 : u->axis;
    if (axis >= s.rank || s.dim[axis].sym != NULL || s.dim[axis].n < 1 || s.dim[axis].n > u->n)
        return tn_expand_error(u->e, "the model declares its result as %s, of %lld that may differ",
                               tn_type_text(u->e->g->arena, n->in[0]->dtype, &s), (long long)u->n);
    u->count = s.dim[axis].n;
    return true;
}

/* --- comparing ------------------------------------------------------------------------------------------------------- */

/* x and y: all rows against all rows. */
static tn_value *is_equal(unique *u, tn_value *x, tn_value *y)
{
    tn_expand *e = u->e;
    tn_value *equal = tn_call(e, "Equal", x, y);
    if (!tn_dtype_get(u->rows->dtype)->is_float)
        return equal;
    return tn_call(e, "Or", equal, tn_call(e, "And", tn_call(e, "IsNaN", x), tn_call(e, "IsNaN", y)));
}

/* [n,n]: row i is less than row j, by the first element in which they differ. */
static tn_value *is_less(unique *u, tn_value *x, tn_value *y)
{
    tn_expand *e = u->e;
    tn_value *less = tn_call(e, "Less", x, y);
    if (tn_dtype_get(u->rows->dtype)->is_float)
        less = tn_call(e, "Or", less,
                       tn_call(e, "And", tn_call(e, "IsNaN", y), tn_call(e, "Not", tn_call(e, "IsNaN", x))));
    tn_value *differ = to_int(u, tn_call(e, "Not", is_equal(u, x, y)));
    tn_value *first = tn_call(e, "ArgMax axis=2 keepdims=1", differ);
    return tn_call(e, "Squeeze", tn_call(e, "GatherElements axis=2", to_int(u, less), first), tn_expand_int(e, 2));
}

/* Those of the results, which are the first `total`, [1]. */
static tn_value *take_results(unique *u, tn_value *indices, tn_value *total)
{
    tn_expand *e = u->e;
    if (!u->declared)
        return tn_call(e, "Slice", indices, tn_expand_int(e, 0), tn_call_size(e, total, NULL, u->n));
    return tn_call_check(e, tn_call(e, "Equal", total, tn_expand_int(e, u->count)), indices);
}

/* results: Y, indices, inverse, counts */
static bool find_unique(tn_expand *e, bool sorted, tn_value **results)
{
    unique u = {.e = e};
    if (!find_rows(&u) || !find_count(&u))
        return false;
    tn_value *x = tn_call_unsqueeze(e, u.rows, 1), *y = tn_call_unsqueeze(e, u.rows, 0);
    tn_value *same = tn_call(e, "ReduceMin keepdims=0", to_int(&u, is_equal(&u, x, y)), tn_expand_int(e, 2));
    tn_value *first = tn_call(e, "ArgMax axis=1 keepdims=0", same), *all = numbers(&u, u.n);
    tn_value *is_first = tn_call(e, "Equal", first, all);
    tn_value *before = sorted
                         ? is_less(&u, x, y)
                         : to_int(&u, tn_call(e, "Less", tn_call_unsqueeze(e, all, 1), tn_call_unsqueeze(e, all, 0)));
    tn_value *counted = tn_call(e, "Mul", before, tn_call_unsqueeze(e, to_int(&u, is_first), 1));
    tn_value *place = tn_call_cast(e, tn_call(e, "ReduceSum keepdims=0", counted, tn_expand_int(e, 0)), TN_INT64);
    tn_value *inverse = tn_call(e, "Gather", place, first), *places = tn_call_unsqueeze(e, numbers(&u, u.count), 1);
    tn_value *found = tn_call(e, "And", tn_call(e, "Equal", tn_call_unsqueeze(e, place, 0), places),
                              tn_call_unsqueeze(e, is_first, 0));
    tn_value *total = tn_call(e, "ReduceSum keepdims=1", tn_call_cast(e, is_first, TN_INT64), tn_expand_int(e, 0));
    tn_value *indices = take_results(&u, tn_call(e, "ArgMax axis=1 keepdims=0", to_int(&u, found)), total);
    tn_value *hits = to_int(&u, tn_call(e, "Equal", tn_call_unsqueeze(e, inverse, 0), places));
    tn_value *counts = tn_call(e, "ReduceSum keepdims=0", hits, tn_expand_int(e, 1));
    if (!u.declared) /* of those that are results */
        counts = tn_call(e, "Gather", counts, tn_call(e, "Gather", place, indices));
    tn_value *source = e->node->in[0];
    if (u.axis < 0 && u.is_text)
        source = u.rows;
    else if (u.axis < 0)
        source = tn_call_reshape(e, source, 1, (const int64_t[]){-1});
    if (u.is_text && e->node->out[0] != NULL)
        e->node->out[0]->is_text = true;
    results[0] = tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%d", u.axis < 0 ? 0 : u.axis), source, indices);
    results[1] = indices;
    results[2] = inverse;
    results[3] = tn_call_cast(e, counts, TN_INT64);
    return true;
}

bool tn_expand_unique(tn_expand *e, const tn_node *n)
{
    tn_value *r[4];
    return find_unique(e, tn_node_int(n, "sorted", 1) != 0, r) && tn_give(e, 0, r[0]) && tn_give(e, 1, r[1])
        && tn_give(e, 2, r[2]) && tn_give(e, 3, r[3]);
}

/* com.microsoft: in the order in which they come, without their indices. */
bool tn_expand_unique_of_list(tn_expand *e, const tn_node *n)
{
    tn_value *r[4];
    if (n->in[0]->shape.rank != 1)
        return tn_expand_error(e, "input %s; a list is wanted", tn_expand_show(e, n->in[0]));
    return find_unique(e, false, r) && tn_give(e, 0, r[0]) && tn_give(e, 1, r[2]) && tn_give(e, 2, r[3]);
}
