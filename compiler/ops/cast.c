/* Operators that keep the elements, up to their type: Cast, CastLike and Identity; BitCast, which keeps the bits.

       Cast(x float) to=int8      out[i] = (int8)x[i]          2.9 gives 2, -2.9 gives -2

   Conversions are those of tn_cast: floats truncate toward zero and saturate, NaN gives the least number (both are
   unspecified in ONNX), integers wrap, anything but 0 is true, NaN included; to the smaller floats it rounds to nearest even.
   Of those of 8 and 4 bits, saturate (the default) gives the largest number for what lies beyond; float8e8m0, which has
   powers of two only, is rounded as round_mode says. */
#include "ops/ops.h"

/* --- Cast --------------------------------------------------------------------------------------------------------- */

static bool set_type(tn_graph *g, tn_node *n, int64_t to)
{
    const char *mode = tn_node_string(n, "round_mode", "up");
    if (to <= 0 || to >= TN_INDEX || (TN_T_ANY >> to & 1u) == 0)
        return tn_node_error(g, n, "a cast to type %lld (%s) is not supported", (long long)to,
                             to == TN_STRING ? "string" : "complex, or unknown");
    if (strcmp(mode, "up") != 0 && strcmp(mode, "down") != 0 && strcmp(mode, "nearest") != 0)
        return tn_node_error(g, n, "round_mode is '%s'; up, down or nearest is wanted", mode);
    tn_set_output(n, 0, (tn_dtype)to, &n->in[0]->shape);
    return true;
}

bool tn_infer_cast(tn_graph *g, tn_node *n)
{
    const tn_attr *to = tn_node_find_attr(n, "to");
    if (to == NULL || to->kind != TN_ATTR_INT)
        return tn_node_error(g, n, "the attribute to is missing or not an integer");
    return set_type(g, n, to->i);
}

bool tn_infer_cast_like(tn_graph *g, tn_node *n)
{
    return set_type(g, n, n->in[1]->dtype);
}

/* The largest number of the 8- and 4-bit floats. */
static double largest_of(tn_dtype t)
{
    switch (t) {
    case TN_FLOAT8E4M3FN: return 448;
    case TN_FLOAT8E4M3FNUZ: return 240;
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ: return 57344;
    case TN_FLOAT4E2M1: return 6;
    default: return 0x1p127; /* FLOAT8E8M0 */
    }
}

const tn_expr *tn_saturate_float(tn_program *p, const tn_expr *x, tn_dtype to)
{
    double most = largest_of(to);
    x = tn_cast(p, TN_FLOAT, x);
    const tn_expr *hi = tn_number(p, TN_FLOAT, most), *lo = tn_number(p, TN_FLOAT, -most);
    return tn_select(p, tn_lt(p, x, lo), lo, tn_select(p, tn_lt(p, hi, x), hi, x)); /* keeps NaN */
}

/* Storing to float8e8m0 rounds down. A number a little below twice x is below the next power of two exactly where x is
   one itself; x / 0.75 reaches it from 1.5 on. */
static const tn_expr *round_e8m0(tn_program *p, const tn_expr *x, const char *mode)
{
    if (strcmp(mode, "up") == 0)
        return tn_mul(p, x, tn_number(p, TN_FLOAT, 2 - 0x1p-23));
    return strcmp(mode, "nearest") == 0 ? tn_div(p, x, tn_number(p, TN_FLOAT, 0.75)) : x;
}

static const tn_expr *to_small_float(tn_program *p, const tn_node *n, const tn_expr *x, tn_dtype to)
{
    x = tn_cast(p, TN_FLOAT, x);
    if (tn_node_int(n, "saturate", 1) != 0)
        x = tn_saturate_float(p, x, to);
    return to == TN_FLOAT8E8M0 ? round_e8m0(p, x, tn_node_string(n, "round_mode", "up")) : x;
}

/* Output 0 has the elements of input 0: shared where the type is the same, else storing converts them. Input 1 of
   CastLike is not read. */
bool tn_lower_cast(tn_program *p, const tn_node *n)
{
    tn_buf *x = tn_buf_of(p, n->in[0]), *out = tn_buf_of(p, n->out[0]);
    if (x->dtype == out->dtype) {
        tn_comp_view(p, n, out, x);
        return true;
    }
    tn_comp *c = tn_comp_begin(p, n, out);
    const tn_expr *e = tn_load(p, x, c->at);
    if ((TN_T_SMALL_FLOATS >> out->dtype & 1u) != 0)
        e = to_small_float(p, n, e, out->dtype);
    tn_comp_set(p, c, e);
    return true;
}

/* --- BitCast ------------------------------------------------------------------------------------------------------ */

bool tn_infer_bit_cast(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    int64_t to = tn_node_int(n, "to", 0);
    if (to <= 0 || to >= TN_INDEX || (TN_T_ANY >> to & 1u) == 0)
        return tn_node_error(g, n, "a cast to type %lld is not supported", (long long)to);
    if (tn_dtype_get((int)to)->bits != tn_dtype_get(x->dtype)->bits || to == TN_BOOL)
        return tn_node_error(g, n, "input '%s' is %s and cannot become %s; a type of as many bits is wanted", x->name,
                             tn_dtype_get(x->dtype)->name, tn_dtype_get((int)to)->name);
    tn_set_output(n, 0, (tn_dtype)to, &x->shape);
    return true;
}

bool tn_lower_bit_cast(tn_program *p, const tn_node *n)
{
    tn_buf *x = tn_buf_of(p, n->in[0]), *out = tn_buf_of(p, n->out[0]);
    if (x->dtype == out->dtype) {
        tn_comp_view(p, n, out, x);
        return true;
    }
    tn_comp *c = tn_comp_begin(p, n, out);
    tn_comp_set(p, c, tn_bit_cast(p, out->dtype, tn_load_raw(p, x, x->rank, c->at)));
    return true;
}
