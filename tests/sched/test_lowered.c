/* Schedules keep the meaning: what they make of a computation is interpreted, statement by statement, and compared with
   the computation itself. Inputs are small whole numbers, so sums are exact in any order and all comparisons are of
   equality. Schedules: some at random for each computation, and those of the rules for every target. */
#include "ops/ops.h"
#include "pass/pass.h"
#include "sched/sched.h"

#include "machine.h"

enum { MOST_POINTS = 48 /* of a register tile: its code is written out */, ROUNDS = 40 };

static const char *const models[] = {
    /* convolution with a border, and its epilogue */
    "input \"x\" : float[1,5,6,7]\nconstant \"w\" : float[9,5,3,3] = W\nconstant \"b\" : float[9] = W\n"
    "\"c\" : float[1,9,6,7] = Conv(\"x\", \"w\", \"b\") {pads=[1,1,1,1]}\n\"y\" : float[1,9,6,7] = Relu(\"c\")\n",
    /* several layers in blocks of channels, with borders and strides between them */
    "input \"x\" : float[1,3,9,9]\nconstant \"v\" : float[20,3,3,3] = W\nconstant \"w\" : float[17,20,3,3] = W\n"
    "\"c\" : float[1,20,5,5] = Conv(\"x\", \"v\") {pads=[1,1,1,1], strides=[2,2]}\n"
    "\"d\" : float[1,17,5,5] = Conv(\"c\", \"w\") {pads=[1,1,1,1]}\n\"y\" : float[1,17,5,5] = Relu(\"d\")\n",
    /* depthwise */
    "input \"x\" : float[1,18,6,6]\nconstant \"w\" : float[18,1,3,3] = W\n\"n\" : float[1,18,6,6] = Neg(\"x\")\n"
    "\"y\" : float[1,18,6,6] = Conv(\"n\", \"w\") {group=18, pads=[1,1,1,1]}\n",
    /* matrix products: of constants, and of two inputs */
    "input \"x\" : float[7,13]\nconstant \"w\" : float[13,34] = W\n\"y\" : float[7,34] = MatMul(\"x\", \"w\")\n",
    "input \"x\" : float[2,5,6]\ninput \"z\" : float[2,6,19]\n\"y\" : float[2,5,19] = MatMul(\"x\", \"z\")\n",
    /* functions in a tile's epilogue, one of another's result, which are called for all its vectors at once */
    "input \"x\" : float[7,13]\nconstant \"w\" : float[13,34] = W\n\"m\" : float[7,34] = MatMul(\"x\", \"w\")\n"
    "\"e\" : float[7,34] = Erf(\"m\")\n\"t\" : float[7,34] = Tanh(\"e\")\n\"y\" : float[7,34] = Mul(\"t\", \"m\")\n",
    /* pooling */
    "input \"x\" : float[1,17,7,7]\n\"n\" : float[1,17,7,7] = Neg(\"x\")\n"
    "\"y\" : float[1,17,4,4] = MaxPool(\"n\") {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}\n",
    "input \"x\" : float[1,3,9,23]\n"
    "\"y\" : float[1,3,5,12] = MaxPool(\"x\") {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}\n",
    "input \"x\" : float[1,2,11,20]\n"
    "\"y\" : float[1,2,11,20] = LpPool(\"x\") {kernel_shape=[3,5], pads=[1,2,1,2], p=1}\n",
    "input \"x\" : float[1,9,11,20]\n\"n\" : float[1,9,11,20] = Neg(\"x\")\n"
    "\"y\" : float[1,9,11,20] = MaxPool(\"n\") {kernel_shape=[7,5], pads=[3,2,3,2]}\n",
    "input \"x\" : float[1,3,4,5]\nconstant \"s\" : float[4] = [1,1,2,2]\n"
    "\"y\" : float[1,3,8,10] = Resize(\"x\", \"\", \"s\") {mode=\"linear\"}\n",
    "input \"x\" : uint8[1,3,9,23]\n"
    "\"y\" : uint8[1,3,9,23] = MaxPool(\"x\") {kernel_shape=[5,3], pads=[2,1,2,1]}\n",
    "input \"x\" : float[1,8,5,5]\n\"y\" : float[1,8,1,1] = GlobalAveragePool(\"x\")\n",
    /* reductions inside and outside */
    "input \"x\" : float[6,35]\nconstant \"a\" : int64[1] = [0]\n\"y\" : float[35] = ReduceSum(\"x\", \"a\") {keepdims=0}\n",
    "input \"x\" : float[6,35]\nconstant \"a\" : int64[1] = [1]\n\"y\" : float[6] = ReduceMax(\"x\", \"a\") {keepdims=0}\n",
    /* elementwise with tails and broadcasting */
    "input \"x\" : float[3,37]\ninput \"z\" : float[37]\n\"a\" : float[3,37] = Add(\"x\", \"z\")\n"
    "\"y\" : float[3,37] = Mul(\"a\", \"x\")\n",
    /* bytes: products in int32, saturated */
    "input \"x\" : uint8[1,6,5,5]\nconstant \"w\" : int8[18,6,3,3] = W\nconstant \"s\" : float[] = [0.125]\n"
    "constant \"one\" : float[] = [1]\nconstant \"z\" : uint8[] = [3]\nconstant \"o\" : int8[] = [0]\n"
    "\"y\" : uint8[1,18,5,5] = QLinearConv(\"x\", \"s\", \"z\", \"w\", \"one\", \"o\", \"one\", \"z\") {pads=[1,1,1,1]}\n",
};

static int small(int i)
{
    return i * 7 % 5 - 2 + (i / 5 * 3 % 4 == 1);
}

/* W stands for as many small numbers as the constant has. */
static const char *fill_constants(bench *b, const char *text)
{
    tn_str s = {.arena = &b->arena};
    for (; *text != '\0'; text++) {
        if (*text != 'W') {
            tn_str_put(&s, text, 1);
            continue;
        }
        const char *dims = s.text + s.len;
        while (*dims != '[')
            dims--;
        int64_t n = 1;
        for (char *end = NULL; *dims != ']'; dims = end)
            n *= strtoll(dims + 1, &end, 10);
        for (int i = 0; i < n; i++)
            tn_str_add(&s, "%s%d", i == 0 ? "[" : ", ", small(i));
        tn_str_add(&s, "]");
    }
    tn_str_add(&s, "output \"y\"\n");
    return s.text;
}

static tn_graph *read_graph(bench *b, const char *text)
{
    tn_graph *g = tn_graph_parse(&b->arena, &b->diag, "t.tg", fill_constants(b, text), tn_op_find);
    if (g == NULL)
        fail_msg("%s", b->line);
    return g;
}

static tn_tensor *make_input(bench *b, const tn_value *v, int salt)
{
    tn_tensor *t = tn_tensor_make(&b->arena, v->dtype, &v->shape);
    bool is_signed = tn_dtype_get(v->dtype)->is_signed;
    for (int64_t i = 0; i < tn_shape_count(&v->shape); i++)
        tn_tensor_set(t, i, small((int)i + salt) + (is_signed ? 0 : 2));
    return t;
}

/* What the computations of the graph mean, unfused: the output and the inputs. */
static tn_tensor *interpret(bench *b, const char *text, tn_tensor **in)
{
    tn_graph *g = read_graph(b, text);
    tn_program *p = NULL;
    assert_true(tn_lower_graph(&b->arena, g, &p));
    tn_tensor **store = TN_NEW_N(&b->arena, tn_tensor *, p->bufs.n + 1);
    for (size_t i = 0; i < g->inputs.n; i++)
        store[tn_buf_of(p, g->inputs.items[i])->id] = in[i] = make_input(b, g->inputs.items[i], (int)i * 3);
    assert_true(tn_interpret(p, &b->arena, store, NULL));
    return store[tn_buf_of(p, g->outputs.items[0])->id];
}

static void check_output(machine *m, tn_buf *out, const tn_tensor *want, double tolerance)
{
    tn_tensor *got = tn_tensor_make(m->arena, want->dtype, &want->shape);
    each_element(m, out, copy_out, got);
    for (int64_t i = 0; i < tn_shape_count(&want->shape); i++)
        if (!(fabs(tn_tensor_get(got, i) - tn_tensor_get(want, i)) <= tolerance))
            fail_msg("%s: element %d is %g, wanted %g", m->what, (int)i, tn_tensor_get(got, i), tn_tensor_get(want, i));
}

static machine start(bench *b, tn_program *p, const tn_graph *g, tn_tensor **in)
{
    machine m = start_machine(b, p);
    for (size_t i = 0; i < g->inputs.n; i++)
        each_element(&m, tn_buf_of(p, g->inputs.items[i]), copy_in, in[i]);
    return m;
}

/* --- rules --------------------------------------------------------------------------------------------------------- */

/* config: NULL-terminated; tolerance: of Winograd's form for tiles of 4 x 4, whose numbers are not whole. */
static void check_rules(bench *b, const char *text, const tn_target *target, const char *pipeline,
                        const char *const *config, double tolerance)
{
    tn_tensor *in[4] = {NULL}, *want = interpret(b, text, in);
    tn_module m = {
        .arena = &b->arena, .diag = &b->diag, .target = target, .graph = read_graph(b, text), .config = config};
    tn_pass_options o = {.verify = true, .find = tn_op_find};
    if (!tn_passes_run(&m, pipeline, &o) || !tn_passes_complete(&m, TN_FORM_KERNELS, &o))
        fail_msg("%s", b->line);
    tn_program *p = m.program;
    machine run = start(b, p, m.graph, in);
    run.what = tn_strfmt(&b->arena, "%s %s\n%s", target->name, pipeline, text);
    run_kernels(&run);
    check_output(&run, tn_buf_of(p, m.graph->outputs.items[0]), want, tolerance);
}

static bool rules_see_alike(const tn_target *x, const tn_target *y)
{
    return x->lanes == y->lanes && x->registers == y->registers && x->dot == y->dot;
}

/* One target of each sort that the rules tell apart; NULL past the end. */
static const tn_target *sort_at(bench *b, size_t n)
{
    for (size_t i = 0; i < tn_target_count(); i++) {
        const tn_target *t = tn_target_at(&b->arena, i);
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++)
            is_new = !rules_see_alike(t, tn_target_at(&b->arena, k));
        if (is_new && n-- == 0)
            return t;
    }
    return NULL;
}

static void test_rules(void **state)
{
    static const char *const exact[] = {"lower.exact=1", NULL};
    const tn_target *t;
    for (size_t i = 0; (t = sort_at(*state, i)) != NULL; i++)
        for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
            check_rules(*state, models[k], t, "O0", NULL, 0);
            check_rules(*state, models[k], t, "O3,-winograd", NULL, 0);
            check_rules(*state, models[k], t, "Os", NULL, 0);
            check_rules(*state, models[k], t, "O0", exact, 0);
            check_rules(*state, models[k], t, "O2", exact, 0);
        }
}

/* --- Winograd ------------------------------------------------------------------------------------------------------ */

/* Sizes that tiles do not divide, channels that vectors do not, one row, a batch, no padding; a residual in the epilogue. */
static const struct {
    int n, c, k, h, w, pad, taps;
} images[] = {{1, 5, 9, 7, 7, 1, 3},  {1, 9, 3, 13, 17, 1, 3}, {1, 8, 8, 1, 5, 1, 3},
              {1, 1, 1, 4, 4, 1, 3},  {2, 4, 6, 9, 6, 1, 3},   {1, 6, 16, 8, 9, 0, 3},
              {3, 2, 5, 2, 11, 1, 3}, {1, 8, 16, 7, 9, 2, 5},  {2, 5, 3, 8, 6, 1, 5}};

static const char *winograd_model(bench *b, size_t i)
{
    int n = images[i].n, c = images[i].c, k = images[i].k, h = images[i].h, w = images[i].w, pad = images[i].pad;
    int taps = images[i].taps, oh = h + 2 * pad - taps + 1, ow = w + 2 * pad - taps + 1;
    return tn_strfmt(&b->arena,
                     "input \"x\" : float[%d,%d,%d,%d]\ninput \"z\" : float[%d,%d,%d,%d]\n"
                     "constant \"w\" : float[%d,%d,%d,%d] = W\nconstant \"b\" : float[%d] = W\n"
                     "\"n\" : float[%d,%d,%d,%d] = Neg(\"x\")\n"
                     "\"c\" : float[%d,%d,%d,%d] = Conv(\"n\", \"w\", \"b\") {pads=[%d,%d,%d,%d]}\n"
                     "\"s\" : float[%d,%d,%d,%d] = Add(\"c\", \"z\")\n\"y\" : float[%d,%d,%d,%d] = Relu(\"s\")\n",
                     n, c, h, w, n, k, oh, ow, k, c, taps, taps, k, n, c, h, w, n, k, oh, ow, pad, pad, pad, pad, n, k,
                     oh, ow, n, k, oh, ow);
}

/* A small cache makes many blocks of tiles. Tiles of 2 x 2 are exact here for 3 x 3 taps: halves of small whole numbers. */
static void test_winograd(void **state)
{
    static const char *const configs[][4] = {
        {"winograd.tile=2", NULL},
        {"winograd.tile=4", NULL},
        {"winograd.tile=2", "winograd.cache=4096", "parallel.threads=2", NULL},
        {"winograd.tile=4", "winograd.cache=4096", "parallel.threads=2", NULL},
    };
    const tn_target *t;
    for (size_t i = 0; (t = sort_at(*state, i)) != NULL; i++)
        for (size_t k = 0; k < sizeof images / sizeof *images; k++)
            for (int c = 0; c < 4; c++)
                check_rules(*state, winograd_model(*state, k), t, "O2", configs[c],
                            c % 2 == 0 && images[k].taps == 3 ? 0 : 1e-3);
}

/* --- rows of layers, interleaved ------------------------------------------------------------------------------------- */

typedef struct image {
    int name, c, h, w; /* value "vNAME" */
} image;

static image add_conv(bench *b, tn_str *s, image x, int name)
{
    int taps = 1 + 2 * draw(b, 3), across = 1 + 2 * draw(b, 3), stride = 1 + draw(b, 2), dilation = 1 + draw(b, 2);
    int reach = dilation * (taps - 1), top = draw(b, reach + 1), side = across / 2, group = draw(b, 2) == 0 ? x.c : 1;
    int c = group > 1 ? x.c : 1 + draw(b, 6), h = (x.h + top + reach / 2 - reach - 1) / stride + 1;
    if (x.h + top + reach / 2 <= reach)
        return x;
    tn_str_add(s,
               "constant \"w%d\" : float[%d,%d,%d,%d] = W\n\"v%d\" : float[1,%d,%d,%d] = Conv(\"v%d\", \"w%d\") "
               "{group=%d, strides=[%d,1], dilations=[%d,1], pads=[%d,%d,%d,%d]}\n",
               name, c, x.c / group, taps, across, name, c, h, x.w, x.name, name, group, stride, dilation, top, side,
               reach / 2, side);
    return (image){name, c, h, x.w};
}

/* Convolutions with any taps, strides, dilations and paddings, depthwise and not, pooling, residuals. */
static const char *draw_layers(bench *b)
{
    tn_str s = {.arena = &b->arena};
    image x[16] = {{0, 1 + draw(b, 5), 6 + draw(b, 20), 2 + draw(b, 5)}};
    int n = 1;
    tn_str_add(&s, "input \"in\" : float[1,%d,%d,%d]\n\"v0\" : float[1,%d,%d,%d] = Neg(\"in\")\n", x->c, x->h, x->w,
               x->c, x->h, x->w);
    for (int layers = 2 + draw(b, 6); n <= layers; n++) {
        image last = x[n - 1], other = x[draw(b, n)];
        int kind = draw(b, 4);
        x[n] = (image){n, last.c, last.h, last.w};
        if (kind == 0 && other.c == last.c && other.h == last.h)
            tn_str_add(&s, "\"v%d\" : float[1,%d,%d,%d] = Add(\"v%d\", \"v%d\")\n", n, last.c, last.h, last.w,
                       last.name, other.name);
        else if (kind == 1 && last.h > 2)
            tn_str_add(&s,
                       "\"v%d\" : float[1,%d,%d,%d] = MaxPool(\"v%d\") {kernel_shape=[3,1], strides=[2,1], "
                       "pads=[1,0,1,0]}\n",
                       n, last.c, x[n].h = (last.h - 1) / 2 + 1, last.w, last.name);
        else
            x[n] = add_conv(b, &s, last, n);
    }
    tn_str_add(&s, "\"y\" : float[1,%d,%d,%d] = Relu(\"v%d\")\n", x[n - 1].c, x[n - 1].h, x[n - 1].w, x[n - 1].name);
    return s.text;
}

static void test_interleave(void **state)
{
    static const char *const configs[][4] = {
        {"interleave.rows=1", NULL},
        {"interleave.rows=2", NULL},
        {"interleave.rows=3", "parallel.threads=2", "parallel.overhead-ns=0", NULL},
    };
    bench *b = *state;
    for (int i = 0; i < ROUNDS; i++) {
        const tn_target *t;
        tn_arena kept = b->arena;
        b->arena = (tn_arena){.memory = &b->memory};
        const char *text = draw_layers(b);
        for (size_t k = 0; (t = sort_at(b, k)) != NULL; k++)
            check_rules(b, text, t, "O2,-winograd", configs[i % 3], 0);
        tn_arena_free(&b->arena);
        b->arena = kept;
    }
}

/* --- schedules at random ------------------------------------------------------------------------------------------- */

typedef struct loops {
    int n;
    struct {
        const char *name;
        int64_t extent;
        bool is_reduce;
    } loop[TN_MAX_LOOPS];
} loops;

static void add_axes(loops *l, const tn_axis *axis, int n, bool is_reduce)
{
    for (int i = 0; i < n; i++) {
        l->loop[l->n].name = axis[i].var->name;
        l->loop[l->n].extent = axis[i].extent->i;
        l->loop[l->n++].is_reduce = is_reduce;
    }
}

static void border_one(bench *b, loops *l, int k, tn_str *text)
{
    int first = draw(b, 4), last = draw(b, 3);
    if (first + last == 0 || first + last >= l->loop[k].extent || draw(b, 2) == 0)
        return;
    tn_str_add(text, "border %s %d %d; ", l->loop[k].name, first, last);
    l->loop[k].extent -= first + last;
}

static void split_one(bench *b, loops *l, tn_str *text)
{
    int k = draw(b, l->n), factor = 1 + draw(b, 9);
    bool cover = !l->loop[k].is_reduce && draw(b, 3) == 0;
    if (factor > l->loop[k].extent)
        return;
    tn_str_add(text, "%s %s %d; ", cover ? "cover" : "split", l->loop[k].name, factor);
    l->loop[l->n] = l->loop[k];
    l->loop[l->n].name = tn_strfmt(&b->arena, "%si", l->loop[k].name);
    l->loop[l->n++].extent = factor;
    l->loop[k].name = tn_strfmt(&b->arena, "%so", l->loop[k].name);
    l->loop[k].extent = (l->loop[k].extent + factor - 1) / factor;
}

static void shuffle(bench *b, loops *l)
{
    for (int i = l->n - 1; i > 0; i--) {
        int k = draw(b, i + 1);
        loops saved = *l;
        l->loop[i] = saved.loop[k];
        l->loop[k] = saved.loop[i];
    }
}

static void prefetch_one(bench *b, const loops *l, int k, tn_str *text)
{
    if (k >= 0 && l->loop[k].extent > 1 && draw(b, 2) == 0)
        tn_str_add(text, "prefetch %s %d; ", l->loop[k].name, 1 + draw(b, (int)l->loop[k].extent - 1));
}

/* NULL when the tile would be too large. Whether it is a legal schedule is for tn_nest_apply to say. */
static const char *draw_schedule(bench *b, const tn_comp *c)
{
    loops l = {0};
    tn_str text = {.arena = &b->arena}, unrolled = {.arena = &b->arena};
    int64_t points = 1;
    add_axes(&l, c->axis, c->n_axis, false);
    for (int i = 0; i < l.n; i++)
        border_one(b, &l, i, &text);
    add_axes(&l, c->reduce, c->n_reduce, true);
    for (int i = draw(b, 4); i > 0 && l.n > 0; i--)
        split_one(b, &l, &text);
    if (!c->serial && draw(b, 4) > 0) {
        shuffle(b, &l);
        tn_str_add(&text, "order");
        for (int i = 0; i < l.n; i++)
            tn_str_add(&text, " %s", l.loop[i].name);
        tn_str_add(&text, "; ");
    }
    bool inside = false;
    int serial = -1; /* the innermost loop of the reduction that is */
    for (int i = 0; i < l.n; i++) {
        inside = inside || l.loop[i].is_reduce;
        bool last = i == l.n - 1 && !l.loop[i].is_reduce && l.loop[i].extent <= MOST_LANES && draw(b, 2) == 0;
        if (last) {
            tn_str_add(&text, "vector %s; ", l.loop[i].name);
        } else if ((inside && !l.loop[i].is_reduce) || (points * l.loop[i].extent <= MOST_POINTS && draw(b, 5) == 0)) {
            points *= l.loop[i].extent;
            tn_str_add(&unrolled, "unroll %s; ", l.loop[i].name);
        } else if (!inside && draw(b, 4) == 0) {
            tn_str_add(&unrolled, "parallel 3 %s; ", l.loop[i].name);
        } else if (l.loop[i].is_reduce) {
            serial = i;
        }
    }
    tn_str_add(&text, "%s", unrolled.len > 0 ? unrolled.text : "");
    prefetch_one(b, &l, serial, &text);
    return points <= MOST_POINTS ? text.text : NULL;
}

/* One computation after the other gets a schedule at random, all others plain loops. Returns how many were legal. */
static int check_random(bench *b, const char *text)
{
    tn_tensor *in[4] = {NULL}, *want = interpret(b, text, in);
    tn_module m = {.arena = &b->arena,
                   .diag = &b->diag,
                   .target = tn_target_find(&b->arena, NULL, "generic"),
                   .graph = read_graph(b, text)};
    tn_pass_options o = {.find = tn_op_find};
    assert_true(tn_passes_run(&m, "fold-const,lower,fuse", &o));
    tn_program *p = m.program;
    tn_stmt **body = TN_NEW_N(&b->arena, tn_stmt *, p->comps.n);
    tn_share *share = TN_NEW_N(&b->arena, tn_share, p->comps.n);
    tn_str texts = {.arena = &b->arena};
    int legal = 0;
    for (size_t i = 0; i < p->comps.n; i++) {
        const char *why = NULL, *drawn = draw_schedule(b, p->comps.items[i]);
        tn_nest *nest = tn_nest_make(p, p->comps.items[i]);
        if (drawn != NULL && tn_nest_apply(nest, drawn, &why)) {
            legal++;
            tn_str_add(&texts, "%s\n", drawn);
        } else {
            nest = tn_nest_make(p, p->comps.items[i]);
        }
        body[i] = tn_nest_lower(nest);
        share[i] = nest->share;
    }
    machine run = start(b, p, m.graph, in);
    run.what = tn_strfmt(&b->arena, "%s%s", texts.len > 0 ? texts.text : "", text);
    for (size_t i = 0; i < p->comps.n; i++)
        run_kernel(&run, body[i], p->comps.items[i]->out, &share[i]);
    check_output(&run, tn_buf_of(p, m.graph->outputs.items[0]), want, 0);
    return legal;
}

static void test_random_schedules(void **state)
{
    bench *b = *state;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        int legal = 0;
        tn_arena kept = b->arena;
        for (int i = 0; i < ROUNDS; i++) {
            b->arena = (tn_arena){.memory = &b->memory};
            legal += check_random(b, models[k]);
            tn_arena_free(&b->arena);
        }
        b->arena = kept;
        assert_true(legal >= ROUNDS / 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rules), TEST(test_winograd), TEST(test_interleave),
                                       TEST(test_random_schedules)};
    return cmocka_run_group_tests_name("lowered", tests, NULL, NULL);
}
