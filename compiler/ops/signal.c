/* Signals: windows, the mel filter bank, discrete Fourier transforms.

       HannWindow        w[i] = a0 - a1 cos(2 pi i / N) + a2 cos(4 pi i / N)      N: the size, less 1 where not periodic
       MelWeightMatrix   triangles over the bins of a spectrum, their corners even on the mel scale
       DFT               one product with a matrix of cosines and sines; in two shorter transforms where that is large
       STFT              a convolution whose kernels are those, times the window */
#include "ops/expand.h"
#include "ops/late.h"
#include "ops/repeat.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* --- windows -------------------------------------------------------------------------------------------------------- */

typedef enum { HANN, HAMMING, BLACKMAN } window_kind; /* the rows' detail */
static const double windows[][3] = {
    [HANN] = {0.5, 0.5, 0}, [HAMMING] = {25.0 / 46, 21.0 / 46, 0}, [BLACKMAN] = {0.42, 0.5, 0.08}};

static bool read_output_type(tn_graph *g, const tn_node *n, tn_dtype *out)
{
    int64_t t = tn_node_int(n, "output_datatype", TN_FLOAT);
    *out = t > 0 && t < TN_INDEX ? (tn_dtype)t : TN_UNDEFINED;
    if ((TN_T_NUMBERS >> *out & 1u) != 0)
        return true;
    return tn_node_error(g, n, "output_datatype is %lld, which is no number type", (long long)t);
}

bool tn_infer_window(tn_graph *g, tn_node *n)
{
    tn_shape s;
    tn_dtype t;
    if (!read_output_type(g, n, &t) || !tn_find_shape(g, n, 0, "size", &s))
        return false;
    tn_set_output(n, 0, t, &s);
    return true;
}

bool tn_lower_window(tn_program *p, const tn_node *n)
{
    const double *a = windows[n->op->detail];
    tn_dtype t = n->out[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    tn_late_check_dims(p, n, 0, 1, n->out[0]->shape.dim);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *size = c->axis[0].extent, *one = tn_index(p, 1);
    if (tn_node_int(n, "periodic", 1) == 0)
        size = tn_max(p, tn_sub(p, size, one), one); /* a window of one element is cos(0) */
    const tn_expr *turn = tn_div(p, tn_number(p, t, 2 * pi), tn_cast(p, t, size));
    const tn_expr *angle = tn_mul(p, turn, tn_cast(p, t, c->at[0]));
    const tn_expr *w = tn_mul(p, tn_number(p, t, a[1]), tn_op1(p, TN_OP_COS, angle));
    w = tn_sub(p, tn_number(p, t, a[0]), w);
    if (a[2] != 0) {
        const tn_expr *twice = tn_op1(p, TN_OP_COS, tn_mul(p, tn_number(p, t, 2), angle));
        w = tn_add(p, w, tn_mul(p, tn_number(p, t, a[2]), twice));
    }
    tn_comp_set(p, c, w);
    return true;
}

/* --- MelWeightMatrix ------------------------------------------------------------------------------------------------ */

enum { BINS, LENGTH, RATE, LOWEST, HIGHEST };

bool tn_infer_mel(tn_graph *g, tn_node *n)
{
    static const char *const names[] = {"num_mel_bins", "dft_length"};
    tn_shape s = {.known = true, .rank = 2};
    size_t count = 0;
    tn_dtype t;
    bool late[] = {!tn_is_early(g, n, BINS), !tn_is_early(g, n, LENGTH)};
    for (int i = BINS; i <= HIGHEST; i++)
        if (tn_shape_count(&n->in[i]->shape) != 1)
            return tn_node_error(g, n, "input %d '%s' is %s; one element is wanted", i, n->in[i]->name,
                                 tn_value_type(g->arena, n->in[i]));
    if (!read_output_type(g, n, &t))
        return false;
    for (int i = BINS; i <= LENGTH; i++)
        if (late[i] && (!tn_need_declared(g, n, i, names[i], 0, &s) || !tn_check_late(g, n, i, names[i], 1)))
            return false;
    if (!late[BINS] && !late[LENGTH]) {
        const tn_dim *bins = tn_need_dims(g, n, BINS, names[BINS], &count);
        const tn_dim *length = tn_need_dims(g, n, LENGTH, names[LENGTH], &count);
        if (bins == NULL || length == NULL)
            return false;
        tn_dim half = tn_dim_do(g->arena, TN_SYM_DIV, *length, tn_dim_fixed(2));
        s.dim[0] = tn_dim_do(g->arena, TN_SYM_ADD, half, tn_dim_fixed(1));
        s.dim[1] = *bins;
    }
    if (s.rank != 2)
        return tn_node_error(g, n, "the declared shape of the output has rank %d; 2 is wanted", s.rank);
    tn_set_output(n, 0, t, &s);
    return true;
}

/* In double, since the corners are rounded down to whole bins: most models know all inputs at compile time. */
static const tn_expr *load_number(tn_program *p, const tn_node *n, int i)
{
    const tn_expr *at[TN_MAX_RANK];
    for (int k = 0; k < n->in[i]->shape.rank; k++)
        at[k] = tn_index(p, 0);
    return tn_cast(p, TN_DOUBLE, tn_load(p, tn_buf_of(p, n->in[i]), at));
}

static const tn_expr *number(tn_program *p, double x)
{
    return tn_number(p, TN_DOUBLE, x);
}

static const tn_expr *mel_of(tn_program *p, const tn_expr *hertz)
{
    const tn_expr *log = tn_op1(p, TN_OP_LOG1P, tn_div(p, hertz, number(p, 700)));
    return tn_div(p, tn_mul(p, number(p, 2595), log), number(p, log1p(9))); /* log 10 */
}

/* The bin of each corner: floor((length + 1) * hertz / rate), corners even in mel. */
static tn_buf *find_corners(tn_program *p, const tn_node *n)
{
    tn_dim count = tn_dim_do(p->arena, TN_SYM_ADD, n->out[0]->shape.dim[1], tn_dim_fixed(2));
    tn_buf *corners = tn_buf_temp(p, "corners", TN_INT64, 1, &count);
    tn_comp *c = tn_comp_begin(p, n, corners);
    const tn_expr *low = mel_of(p, load_number(p, n, LOWEST)), *high = mel_of(p, load_number(p, n, HIGHEST));
    const tn_expr *step = tn_div(p, tn_sub(p, high, low), tn_cast(p, TN_DOUBLE, c->axis[0].extent));
    const tn_expr *mel = tn_add(p, tn_mul(p, tn_cast(p, TN_DOUBLE, c->at[0]), step), low);
    const tn_expr *hertz = tn_mul(p, tn_div(p, mel, number(p, 2595)), number(p, log1p(9)));
    hertz = tn_mul(p, number(p, 700), tn_op1(p, TN_OP_EXPM1, hertz));
    const tn_expr *bins = tn_mul(p, tn_add(p, load_number(p, n, LENGTH), number(p, 1)), hertz);
    tn_comp_set(p, c, tn_op1(p, TN_OP_FLOOR, tn_div(p, bins, load_number(p, n, RATE))));
    return corners;
}

static void check_mel_sizes(tn_program *p, const tn_node *n)
{
    const tn_dim *d = n->out[0]->shape.dim;
    tn_late_check_dims(p, n, BINS, 1, &d[1]);
    if (tn_is_early(p->graph, n, LENGTH))
        return;
    const tn_expr *half = tn_op2(p, TN_OP_FDIV, tn_late_int(p, n->in[LENGTH], 0), tn_int64(p, 2));
    tn_late_check(p, n, tn_is(p, tn_add(p, half, tn_int64(p, 1)), tn_late_dim(p, d[0])));
}

/* Up from the left corner to the middle one, down to the right one; a side without width is the peak alone. */
bool tn_lower_mel(tn_program *p, const tn_node *n)
{
    check_mel_sizes(p, n);
    tn_buf *corners = find_corners(p, n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *corner[3], *bin = tn_cast(p, TN_INT64, c->at[0]), *zero = tn_number(p, TN_FLOAT, 0);
    for (int i = 0; i < 3; i++)
        corner[i] = tn_load(p, corners, (const tn_expr *const[]){tn_add(p, c->at[1], tn_index(p, i))});
    const tn_expr *rise = tn_sub(p, corner[1], corner[0]), *fall = tn_sub(p, corner[2], corner[1]);
    const tn_expr *up = tn_div(p, tn_cast(p, TN_FLOAT, tn_sub(p, bin, corner[0])), tn_cast(p, TN_FLOAT, rise));
    const tn_expr *down = tn_div(p, tn_cast(p, TN_FLOAT, tn_sub(p, corner[2], bin)), tn_cast(p, TN_FLOAT, fall));
    const tn_expr *is_peak = tn_is(p, bin, corner[1]);
    up = tn_select(p, tn_and(p, tn_le(p, corner[0], bin), tn_lt(p, bin, corner[1])), up, zero);
    down = tn_select(p, tn_and(p, tn_lt(p, corner[1], bin), tn_lt(p, bin, corner[2])), down, zero);
    tn_comp_set(p, c, tn_select(p, is_peak, tn_number(p, TN_FLOAT, 1), tn_add(p, up, down)));
    return true;
}

/* --- DFT ------------------------------------------------------------------------------------------------------------ */

/* A transform along dim rank - 2 of [.., bins, parts]; parts is 1 (real) or 2 (real, imaginary). */
typedef struct transform {
    int64_t length;
    int64_t in, in_parts; /* elements that take part: the rest of the length is 0, or follows from symmetry */
    int64_t out, out_parts;
    bool inverse, from_half; /* from_half: the input has the bins up to the middle of a spectrum of real data */
} transform;

enum { LONGEST_PRODUCT = 512, MOST_NUMBERS = 1 << 26 };

static double angle_of(const transform *f, int64_t i, int64_t k)
{
    return 2 * pi * (double)(i * k % f->length) / (double)f->length * (f->inverse ? 1 : -1);
}

/* How much element i counts: the mirrored half of a spectrum is there once for both. */
static double weight_of(const transform *f, int64_t i)
{
    bool alone = i == 0 || 2 * i == f->length;
    return (f->from_half && !alone ? 2.0 : 1.0) / (f->inverse ? (double)f->length : 1.0);
}

/* [in * in_parts, out * out_parts]: part q of output k from part r of input i. */
static tn_value *dft_matrix(tn_expand *e, const transform *f, tn_dtype t)
{
    tn_shape s = tn_shape_fixed(2, (const int64_t[]){f->in * f->in_parts, f->out * f->out_parts});
    if (tn_shape_count(&s) > MOST_NUMBERS) {
        tn_expand_error(e, "a transform of %lld elements as one product is too large", (long long)f->length);
        return tn_expand_scalar(e, t, 0);
    }
    tn_tensor *m = tn_tensor_make(e->g->arena, t, &s);
    int64_t at = 0;
    for (int64_t i = 0; i < f->in; i++)
        for (int64_t r = 0; r < f->in_parts; r++)
            for (int64_t k = 0; k < f->out; k++)
                for (int64_t q = 0; q < f->out_parts; q++) {
                    double angle = angle_of(f, i, k), sine = r == 0 ? sin(angle) : -sin(angle);
                    tn_tensor_set(m, at++, weight_of(f, i) * (q == r ? cos(angle) : sine));
                }
    return tn_expand_constant(e, m);
}

/* The last two dims become [a, b] (or one dim, b 0), the others stay. */
static tn_value *reshape_end(tn_expand *e, tn_value *v, int kept, int64_t a, int64_t b)
{
    int64_t dims[TN_MAX_RANK + 2] = {0};
    dims[kept] = a;
    dims[kept + 1] = b;
    return tn_call_reshape(e, v, kept + (b == 0 ? 1 : 2), dims);
}

static tn_value *dft_product(tn_expand *e, tn_value *x, const transform *f)
{
    int kept = x->shape.rank - 2;
    if (e->failed)
        return x;
    tn_value *rows = reshape_end(e, x, kept, f->in * f->in_parts, 0);
    tn_value *y = tn_call(e, "MatMul", rows, dft_matrix(e, f, x->dtype));
    return reshape_end(e, y, kept, f->out, f->out_parts);
}

/* The divisor of n nearest to its root; 1 where n is prime. */
static int64_t middle_divisor(int64_t n)
{
    int64_t best = 1;
    for (int64_t d = 2; d * d <= n; d++)
        best = n % d == 0 ? d : best;
    return best;
}

static tn_value *swap_dims(tn_expand *e, tn_value *v, int i, int k)
{
    tn_str perm = {.arena = e->g->arena};
    tn_str_add(&perm, "Transpose perm=");
    for (int d = 0; d < v->shape.rank; d++)
        tn_str_add(&perm, "%d,", d == i ? k : d == k ? i : d);
    return tn_call(e, perm.text, v);
}

/* x [.., a, b, 2] times exp(+-2 pi j * i * k / length): real and imaginary part crosswise. */
static tn_value *twiddle(tn_expand *e, tn_value *x, const transform *f, int64_t a, int64_t b)
{
    tn_shape s = tn_shape_fixed(3, (const int64_t[]){a, b, 2});
    tn_tensor *own = tn_tensor_make(e->g->arena, x->dtype, &s), *cross = tn_tensor_make(e->g->arena, x->dtype, &s);
    for (int64_t i = 0; i < a * b; i++) {
        double angle = angle_of(f, i / b, i % b);
        tn_tensor_set(own, 2 * i, cos(angle));
        tn_tensor_set(own, 2 * i + 1, cos(angle));
        tn_tensor_set(cross, 2 * i, -sin(angle));
        tn_tensor_set(cross, 2 * i + 1, sin(angle));
    }
    tn_value *turned = tn_call_slice(e, x, -1, -1, INT64_MIN, -1);
    return tn_call(e, "Add", tn_call(e, "Mul", x, tn_expand_constant(e, own)),
                   tn_call(e, "Mul", turned, tn_expand_constant(e, cross)));
}

/* A whole complex transform. With length = a * b, element i = b i1 + i2 and bin k = k1 + a k2: transforms of length a over
   i1, factors exp(i2 k1), transforms of length b over i2 (Cooley and Tukey, Math. Comp. 19, 1965). */
static tn_value *dft_whole(tn_expand *e, tn_value *x, int64_t length, bool inverse)
{
    transform f = {length, length, 2, length, 2, inverse, false};
    int64_t a = middle_divisor(length), b = length / a;
    int kept = x->shape.rank - 2;
    if (length <= LONGEST_PRODUCT || a == 1 || e->failed || x->shape.rank + 1 > TN_MAX_RANK)
        return dft_product(e, x, &f);
    int64_t split[TN_MAX_RANK + 1] = {0}, join[TN_MAX_RANK] = {0};
    split[kept] = a;
    split[kept + 1] = b;
    split[kept + 2] = 2;
    join[kept] = length;
    join[kept + 1] = 2;
    tn_value *y = swap_dims(e, tn_call_reshape(e, x, kept + 3, split), kept, kept + 1); /* [i2, i1] */
    y = swap_dims(e, dft_whole(e, y, a, inverse), kept, kept + 1);                      /* [k1, i2] */
    y = dft_whole(e, twiddle(e, y, &f, a, b), b, inverse);                              /* [k1, k2] */
    return tn_call_reshape(e, swap_dims(e, y, kept, kept + 1), kept + 2, join);
}

static tn_value *pad_end(tn_expand *e, tn_value *v, int axis, int64_t count)
{
    return tn_call(e, "Pad", v, tn_expand_ints(e, 2, (const int64_t[]){0, count}), NULL, tn_expand_int(e, axis));
}

/* A long transform goes over all bins with both parts, whatever is asked for. */
static tn_value *call_dft(tn_expand *e, tn_value *x, const transform *f)
{
    int axis = x->shape.rank - 2;
    if (f->length <= LONGEST_PRODUCT || f->from_half || middle_divisor(f->length) == 1)
        return dft_product(e, x, f);
    if (f->in_parts == 1)
        x = pad_end(e, x, axis + 1, 1);
    if (f->in < f->length)
        x = pad_end(e, x, axis, f->length - f->in);
    x = dft_whole(e, x, f->length, f->inverse);
    if (f->out < f->length)
        x = tn_call_slice(e, x, axis, 0, f->out, 1);
    return f->out_parts == 1 ? tn_call_slice(e, x, axis + 1, 0, 1, 1) : x;
}

static bool need_one(tn_expand *e, int i, const char *what, int64_t *out)
{
    size_t count = 0;
    const int64_t *x = tn_has_input(e->node, i) ? tn_need_ints(e->g, e->node, i, what, &count) : out;
    e->failed = x == NULL;
    if (x != NULL && tn_has_input(e->node, i) && count != 1)
        return tn_expand_error(e, "%s (input %d) has %zu elements; one is wanted", what, i, count);
    *out = x != NULL ? *x : 0;
    return x != NULL;
}

/* f of an input whose dim `bins` is transformed; length 0: not given. */
static bool make_transform(tn_expand *e, const tn_value *x, int bins, int64_t length, bool one_sided, transform *f)
{
    tn_dim d = x->shape.dim[bins], parts = x->shape.dim[x->shape.rank - 1];
    bool inverse = tn_node_int(e->node, "inverse", 0) != 0;
    *f = (transform){.inverse = inverse, .from_half = inverse && one_sided, .in_parts = parts.n};
    f->length = length != 0 ? length : f->from_half ? 2 * (d.n - 1) : d.n;
    if (d.sym != NULL || (!tn_dim_is(parts, 1) && !tn_dim_is(parts, 2)) || f->length < 1)
        return tn_expand_error(
            e,
            "'%s' is %s, transformed with length %lld; a fixed dim, 1 or 2 parts in the last dim and a "
            "length above 0 are wanted",
            x->name, tn_value_type(e->g->arena, x), (long long)f->length);
    if (f->length > MOST_NUMBERS)
        return tn_expand_error(e, "a transform of %lld elements; at most %d are supported", (long long)f->length,
                               MOST_NUMBERS);
    int64_t half = f->length / 2 + 1, most = f->from_half ? half : f->length;
    f->in = d.n < most ? d.n : most;
    f->out = one_sided && !inverse ? half : f->length;
    f->out_parts = f->from_half ? 1 : 2;
    return true;
}

/* Along axis `at`; a scalar after an error. */
static tn_value *dft_along(tn_expand *e, tn_value *x, int at, const transform *f)
{
    int middle = x->shape.rank - 2;
    int64_t extent = x->shape.dim[at].n;
    if (at != middle)
        x = swap_dims(e, x, at, middle);
    if (f->in < extent)
        x = tn_call_slice(e, x, middle, 0, f->in, 1);
    x = call_dft(e, x, f);
    return at != middle ? swap_dims(e, x, at, middle) : x;
}

/* Input i, one integer that only the run knows, as a scalar of int64. */
static tn_value *late_scalar(tn_expand *e, int i)
{
    return tn_call_reshape(e, tn_call_cast(e, e->node->in[i], TN_INT64), 0, NULL);
}

static tn_value *is_number(tn_expand *e, tn_value *v, int64_t x)
{
    return tn_call(e, "Equal", v, tn_expand_scalar(e, TN_INT64, (double)x));
}

/* One of several results, and whether the run asks for one of them. */
typedef struct choice {
    tn_value *result, *found; /* NULL: none yet */
} choice;

static void offer(tn_expand *e, choice *c, tn_value *is_it, tn_value *v)
{
    c->result = c->result == NULL ? v : tn_call(e, "Where", is_it, v, c->result);
    c->found = c->found == NULL ? is_it : tn_call(e, "Or", c->found, is_it);
}

/* An axis that only the run knows is one of those along which the result has the declared shape. */
static bool dft_late_axis(tn_expand *e, tn_value *x, int64_t length, bool one_sided)
{
    const tn_node *n = e->node;
    int rank = x->shape.rank;
    tn_shape want;
    choice c = {0};
    if (!tn_check_late(e->g, n, 2, "axis", 1) || !tn_need_declared(e->g, n, 2, "axis", 0, &want))
        return false;
    tn_value *axis = late_scalar(e, 2);
    for (int i = 0; i < rank - 1; i++) {
        transform f;
        if (length == 0 && x->shape.dim[i].n < 2 && tn_node_int(n, "inverse", 0) != 0)
            continue; /* half a spectrum of one bin has no length */
        if (!make_transform(e, x, i, length, one_sided, &f))
            return false;
        tn_shape s = x->shape;
        s.dim[i] = tn_dim_fixed(f.out);
        s.dim[rank - 1] = tn_dim_fixed(f.out_parts);
        if (tn_shape_equal(&s, &want))
            offer(e, &c, tn_call(e, "Or", is_number(e, axis, i), is_number(e, axis, i - rank)), dft_along(e, x, i, &f));
    }
    if (c.result == NULL)
        return tn_expand_error(e, "the model declares %s for the result, which fits no axis of '%s', %s",
                               tn_type_text(e->g->arena, x->dtype, &want), x->name, tn_value_type(e->g->arena, x));
    return tn_give(e, 0, tn_call_check(e, c.found, c.result));
}

bool tn_expand_dft(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0];
    int64_t length = 0, axis = -2;
    int at = 0, rank = x->shape.rank;
    bool one_sided = tn_node_int(n, "onesided", 0) != 0;
    transform f;
    if (!need_one(e, 1, "dft_length", &length))
        return false;
    if (!tn_is_early(e->g, n, 2))
        return dft_late_axis(e, x, length, one_sided);
    if (!need_one(e, 2, "axis", &axis) || !tn_node_axis(e->g, n, axis, rank, &at))
        return false;
    if (at == rank - 1)
        return tn_expand_error(e, "axis %lld is that of the real and imaginary parts", (long long)axis);
    return make_transform(e, x, at, length, one_sided, &f) && tn_give(e, 0, dft_along(e, x, at, &f));
}

/* --- STFT ----------------------------------------------------------------------------------------------------------- */

enum { SIGNAL, STEP, WINDOW, FRAME };

static int64_t frame_length(const tn_node *n)
{
    const tn_value *v = tn_has_input(n, WINDOW) ? n->in[WINDOW] : n->in[SIGNAL];
    return v->shape.dim[tn_has_input(n, WINDOW) ? 0 : 1].n;
}

/* Frames [B,frames,length,parts] whose starts only the run knows: frame i begins at i * step. */
static tn_value *late_frames(tn_expand *e, tn_value *x, tn_value *step, int64_t frames, int64_t length)
{
    tn_value *zero = tn_expand_scalar(e, TN_INT64, 0), *one = tn_expand_scalar(e, TN_INT64, 1);
    tn_value *frame = tn_call(e, "Range", zero, tn_expand_scalar(e, TN_INT64, (double)frames), one);
    tn_value *within = tn_call(e, "Range", zero, tn_expand_scalar(e, TN_INT64, (double)length), one);
    tn_value *start = tn_call_unsqueeze(e, tn_call(e, "Mul", frame, step), 1);
    tn_value *y = tn_call(e, "Gather axis=1", x, tn_call(e, "Add", start, within));
    if (!tn_has_input(e->node, WINDOW))
        return y;
    return tn_call(e, "Mul", y, tn_call_reshape(e, e->node->in[WINDOW], 2, (const int64_t[]){length, 1}));
}

/* Whether frames of that length, in steps of that many elements, are as many as the model declares. */
static tn_value *fits_frames(tn_expand *e, tn_value *step, int64_t signal, int64_t length, int64_t frames)
{
    tn_value *room = tn_expand_scalar(e, TN_INT64, (double)(signal - length));
    tn_value *forward = tn_call(e, "Less", tn_expand_scalar(e, TN_INT64, 0), step);
    return tn_call(e, "And", forward, is_number(e, tn_call(e, "Div", room, step), frames - 1));
}

/* The step or the length of frames is known at run time only: what the model declares of the result gives the number of
   frames and that of bins, which leaves one length, or two neighbours where only half of the bins is kept. */
static bool stft_late(tn_expand *e, bool one_sided)
{
    const tn_node *n = e->node;
    int late = tn_is_early(e->g, n, STEP) ? FRAME : STEP;
    const char *what = late == STEP ? "frame_step" : "frame_length";
    tn_value *x = n->in[SIGNAL];
    int64_t step = 0, length = frame_length(n), signal = x->shape.dim[1].n;
    bool late_length = !tn_is_early(e->g, n, FRAME);
    tn_shape y;
    choice c = {0};
    if (!tn_need_declared(e->g, n, late, what, 0, &y) || !tn_check_late(e->g, n, late, what, 1)
        || (late_length && !tn_check_late(e->g, n, FRAME, "frame_length", 1))
        || (!late_length && !need_one(e, FRAME, "frame_length", &length))
        || (late == FRAME && !need_one(e, STEP, "frame_step", &step)))
        return false;
    if (y.rank != 4 || y.dim[1].sym != NULL || y.dim[2].sym != NULL)
        return tn_expand_error(e, "the model declares %s for the result; [batch,frames,bins,2] is wanted",
                               tn_type_text(e->g->arena, x->dtype, &y));
    bool given = tn_has_input(n, WINDOW) || !late_length;
    int64_t least = given ? length : one_sided ? 2 * (y.dim[2].n - 1) : y.dim[2].n, most = least;
    if (!given && one_sided)
        most++;
    tn_value *by = late == STEP ? late_scalar(e, STEP) : tn_expand_scalar(e, TN_INT64, (double)step);
    tn_value *wanted = late_length ? late_scalar(e, FRAME) : NULL;
    for (length = least > 1 ? least : 1; length <= most && length <= signal; length++) {
        transform f;
        if (!make_transform(e, x, 1, length, one_sided, &f))
            return false;
        tn_value *fits = fits_frames(e, by, signal, length, y.dim[1].n);
        if (wanted != NULL)
            fits = tn_call(e, "And", fits, is_number(e, wanted, length));
        if (f.out == y.dim[2].n)
            offer(e, &c, fits, call_dft(e, late_frames(e, x, by, y.dim[1].n, length), &f));
    }
    if (c.result == NULL)
        return tn_expand_error(e, "the model declares %s for the result, which frames of '%s', %s, do not give",
                               tn_type_text(e->g->arena, x->dtype, &y), x->name, tn_value_type(e->g->arena, x));
    return tn_give(e, 0, tn_call_check(e, c.found, c.result));
}

/* signal [B,L,parts] gives [B,frames,bins,2]: the kernels [bins * 2, parts, length] slide over it in steps. */
bool tn_expand_stft(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[SIGNAL];
    transform f;
    if (x->shape.rank != 3)
        return tn_expand_error(e, "'%s' has rank %d; [batch,length,1 or 2] is wanted", x->name, x->shape.rank);
    int64_t step = 0, length = frame_length(n);
    bool one_sided = tn_node_int(n, "onesided", 1) != 0;
    if (!tn_is_early(e->g, n, STEP) || !tn_is_early(e->g, n, FRAME))
        return stft_late(e, one_sided);
    if (!need_one(e, STEP, "frame_step", &step) || !need_one(e, FRAME, "frame_length", &length)
        || !make_transform(e, x, 1, length, one_sided, &f))
        return false;
    if (step < 1 || f.in < length)
        return tn_expand_error(e, "frames of %lld elements in steps of %lld over '%s', which has %lld",
                               (long long)length, (long long)step, x->name, (long long)x->shape.dim[1].n);
    tn_value *kernels = tn_call(e, "Transpose perm=1,0", dft_matrix(e, &f, x->dtype));
    kernels = tn_call_reshape(e, kernels, 3, (const int64_t[]){f.out * 2, length, f.in_parts});
    if (tn_has_input(n, WINDOW))
        kernels = tn_call(e, "Mul", kernels, tn_call_reshape(e, n->in[WINDOW], 2, (const int64_t[]){length, 1}));
    x = tn_call(e, "Transpose perm=0,2,1", x);
    tn_value *y = tn_call(e, tn_strfmt(e->g->arena, "Conv strides=%lld,", (long long)step), x,
                          tn_call(e, "Transpose perm=0,2,1", kernels));
    y = tn_call_reshape(e, y, 4, (const int64_t[]){0, f.out, 2, -1});
    return tn_give(e, 0, tn_call(e, "Transpose perm=0,3,1,2", y));
}
