/* From an optimised model to everything that a package is printed from. See emit/emit.h. */
#include "api/model.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/unwind.h"
#include "emit/names.h"

enum { CONST_LIMIT = 1 << 20, WEIGHT_ALIGN = 64 };

/* --- weights -------------------------------------------------------------------------------------------------------- */

static void note_const(void *user, const tn_expr *load)
{
    bool *used = user;
    const tn_buf *b = tn_buf_root(load->buf);
    used[b->id] = used[b->id] || b->scope == TN_SCOPE_CONST;
}

static void note_stmt(const tn_stmt *s, bool *used)
{
    tn_each_load(s->value, note_const, used);
    tn_each_load(s->offset, note_const, used);
    for (int i = 0; s->call != NULL && i < s->call->n_arg; i++)
        tn_each_load(s->call->arg[i].expr, note_const, used);
    for (size_t i = 0; i < s->body.n; i++)
        note_stmt(s->body.items[i], used);
}

static void collect_weights(tn_unit *u)
{
    tn_program *p = u->program;
    bool *used = TN_NEW_N(u->arena, bool, p->bufs.n + 1);
    tn_names names = {.arena = u->arena};
    for (size_t i = 0; i < p->kernels.n; i++)
        note_stmt(p->kernels.items[i].body, used);
    for (size_t i = 0; i < p->bufs.n; i++) {
        const tn_buf *b = p->bufs.items[i];
        if (!used[i])
            continue;
        tn_weight *w = TN_PUSH(u->arena, u->weights);
        w->buf = b;
        w->bytes = tn_buf_packed_bytes(b);
        w->offset = u->weights_size;
        w->name = tn_name_make(&names, b->name);
        u->weights_size = (w->offset + w->bytes + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
        u->params_count += tn_shape_count(&(b->packed_from != NULL ? b->packed_from->data : b->data)->shape);
    }
}

/* --- layers --------------------------------------------------------------------------------------------------------- */

static const char *buf_type(tn_arena *a, const tn_buf *b)
{
    tn_str s = {.arena = a};
    tn_str_add(&s, "%s[", tn_dtype_get(b->dtype)->name);
    for (int i = 0; i < b->rank; i++)
        tn_str_add(&s, "%s%s%lld", i > 0 ? "," : "", b->dim[i]->kind == TN_E_INT ? "" : "<=", (long long)b->max[i]);
    tn_str_add(&s, "]");
    return s.text;
}

static int64_t points(const tn_axis *axis, int n)
{
    int64_t total = 1;
    for (int i = 0; i < n; i++)
        total *= axis[i].extent->kind == TN_E_INT ? axis[i].extent->i : axis[i].var->hi + 1;
    return total;
}

/* How often what stands in it runs. */
static int64_t turns(const tn_repeat *r)
{
    int64_t total = 1;
    for (; r != NULL; r = r->outer)
        total *= r->extent->kind == TN_E_INT ? r->extent->i : r->turn->hi + 1;
    return total;
}

static int64_t points_of_turn(tn_program *p, const tn_comp *c, int64_t turn)
{
    tn_axis axis[TN_MAX_AXES];
    for (int i = 0; i < c->n_axis; i++)
        axis[i] = (tn_axis){c->axis[i].var, tn_substitute(p, c->axis[i].extent, c->repeat->turn, tn_index(p, turn))};
    return points(axis, c->n_axis);
}

/* Points of its axes in all turns: of rows that are interleaved, the turn says how many there are. */
static int64_t all_points(tn_program *p, const tn_comp *c)
{
    bool alike = true;
    int64_t total = 0;
    for (int i = 0; i < c->n_axis && c->repeat != NULL; i++)
        alike = alike && !tn_uses_var(c->axis[i].extent, c->repeat->turn);
    if (alike)
        return points(c->axis, c->n_axis) * turns(c->repeat);
    for (int64_t turn = 0; turn <= c->repeat->turn->hi; turn++)
        total += points_of_turn(p, c, turn);
    return total * turns(c->repeat->outer);
}

static bool has_product(const tn_expr *e)
{
    if (e->kind == TN_E_OP && e->op == TN_OP_MUL && e->arg[0]->dtype != TN_INDEX)
        return true;
    for (int k = 0; k < e->n && e->kind != TN_E_LOAD; k++)
        if (has_product(e->arg[k]))
            return true;
    return false;
}

static void note_first(void *user, const tn_expr *load)
{
    const tn_buf **first = user;
    if (*first == NULL && tn_buf_root(load->buf)->scope != TN_SCOPE_CONST)
        *first = load->buf;
}

static int64_t weight_bytes(const tn_unit *u, const tn_stmt *body)
{
    bool *used = TN_NEW_N(u->arena, bool, u->program->bufs.n + 1);
    int64_t sum = 0;
    note_stmt(body, used);
    for (size_t i = 0; i < u->weights.n; i++)
        sum += used[u->weights.items[i].buf->id] ? u->weights.items[i].bytes : 0;
    return sum;
}

static void note_touched(void *user, const tn_expr *load)
{
    bool *used = user;
    used[tn_buf_root(load->buf)->id] = true;
}

/* Of all buffers that it touches. */
static int64_t touched_bytes(const tn_unit *u, const tn_kernel *k)
{
    bool *used = TN_NEW_N(u->arena, bool, u->program->bufs.n + 1);
    int64_t sum = 0;
    tn_comp_each_load(k->comp, note_touched, used);
    used[tn_buf_root(k->comp->out)->id] = true;
    for (size_t i = 0; i < u->program->bufs.n; i++)
        if (used[i])
            sum += tn_buf_room(u->program->bufs.items[i]) * tn_dtype_get(u->program->bufs.items[i]->dtype)->size;
    return sum;
}

static int64_t live_bytes(const tn_unit *u, int k)
{
    int64_t sum = 0;
    for (size_t i = 0; i < u->program->bufs.n; i++) {
        const tn_buf *b = u->program->bufs.items[i];
        if (b->alias == NULL && u->plan->offset[i] >= 0 && u->plan->first[i] <= k && k <= u->plan->last[i])
            sum += tn_buf_room(b) * tn_dtype_get(b->dtype)->size;
    }
    return sum;
}

static const char *schedule_text(const tn_unit *u, const tn_kernel *k)
{
    const tn_call *call = k->comp->call;
    if (call == NULL)
        return k->schedule;
    return tn_strfmt(u->arena, "call %s%s%s", call->function, k->schedule[0] != '\0' ? "; then " : "", k->schedule);
}

static void describe_layers(tn_unit *u)
{
    u->n_layers = u->program->kernels.n;
    u->layer = TN_NEW_N(u->arena, tn_layer, u->n_layers + 1);
    for (size_t i = 0; i < u->n_layers; i++) {
        const tn_kernel *k = &u->program->kernels.items[i];
        const tn_comp *c = k->comp;
        const tn_buf *in = NULL;
        tn_comp_each_load(c, note_first, &in);
        tn_layer *l = &u->layer[i];
        *l = (tn_layer){
            .label = c->label, .function = "", .schedule = schedule_text(u, k), .out = buf_type(u->arena, c->out)};
        l->in = in != NULL ? buf_type(u->arena, in) : "()";
        l->ops = all_points(u->program, c);
        l->macs = c->n_reduce > 0 && has_product(c->elem) ? l->ops * points(c->reduce, c->n_reduce) : 0;
        l->why = c->why != NULL ? c->why : "";
        l->bound = c->bound;
        l->bytes = touched_bytes(u, k);
        l->weight_bytes = weight_bytes(u, k->body);
        l->live_bytes = live_bytes(u, (int)i);
        u->macs += l->macs;
    }
}

/* --- inputs and outputs --------------------------------------------------------------------------------------------- */

static const char **io_names(tn_unit *u, tn_names *names, const tn_buf **bufs, size_t n)
{
    const char **out = TN_NEW_N(u->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = tn_name_make(names, bufs[i]->name);
    return out;
}

static void collect_io(tn_unit *u, const tn_graph *g)
{
    tn_names names = {.arena = u->arena};
    u->n_in = g->inputs.n;
    u->n_out = g->outputs.n;
    u->input = TN_NEW_N(u->arena, const tn_buf *, u->n_in + 1);
    u->output = TN_NEW_N(u->arena, const tn_buf *, u->n_out + 1);
    for (size_t i = 0; i < u->n_in; i++)
        u->input[i] = tn_buf_of(u->program, g->inputs.items[i]);
    for (size_t i = 0; i < u->n_out; i++)
        u->output[i] = tn_buf_of(u->program, g->outputs.items[i]);
    u->input_name = io_names(u, &names, u->input, u->n_in);
    u->output_name = io_names(u, &names, u->output, u->n_out);
}

/* --- the self-test's outputs ---------------------------------------------------------------------------------------- */

typedef struct golden_run {
    tn_unit *u;
    tn_graph *graph;
    tn_arena scratch;
    bool ok;
} golden_run;

static tn_tensor *formula_tensor(tn_arena *a, const tn_buf *b)
{
    tn_shape s = tn_shape_fixed(b->rank, b->max);
    tn_tensor *t = tn_tensor_make(a, b->dtype, &s);
    for (int64_t i = 0, n = tn_shape_count(&s); i < n; i++)
        tn_tensor_set(t, i, tn_formula_input(b->dtype, (uint32_t)i));
    return t;
}

/* Interpreting costs about 20 ns per multiply-accumulate: larger models go without a self-test. */
static const int64_t most_work = 30 * 1000 * 1000;

/* Of the computations as the operators define them: Winograd's do less. */
static int64_t work_of(tn_program *p)
{
    int64_t work = 0;
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        work += all_points(p, c) * points(c->reduce, c->n_reduce);
    }
    return work;
}

/* By the interpreter over the unscheduled, unfused computations: independent of all that the C code goes through. */
static bool run_golden(void *state)
{
    golden_run *r = state;
    tn_program *p = NULL;
    if (!tn_lower_graph(&r->scratch, r->graph, &p) || work_of(p) > most_work)
        return false;
    if (r->u->exact) /* the same bits, then */
        tn_fix_sums(p);
    tn_tensor **store = TN_NEW_N(&r->scratch, tn_tensor *, p->bufs.n + 1);
    int64_t *symbols = TN_NEW_N(r->u->arena, int64_t, p->symbols.n + 1);
    for (size_t i = 0; i < p->symbols.n; i++)
        symbols[i] = p->symbols.items[i]->hi;
    for (size_t i = 0; i < r->graph->inputs.n; i++) {
        const tn_buf *b = tn_buf_of(p, r->graph->inputs.items[i]);
        store[b->id] = formula_tensor(&r->scratch, b);
    }
    if (!tn_interpret(p, &r->scratch, store, symbols))
        return false;
    r->u->golden = TN_NEW_N(r->u->arena, const tn_tensor *, r->u->n_out + 1);
    r->u->golden_symbols = symbols;
    for (size_t i = 0; i < r->graph->outputs.n; i++) {
        const tn_tensor *t = store[tn_buf_of(p, r->graph->outputs.items[i])->id];
        tn_tensor *copy = tn_tensor_make(r->u->arena, t->dtype, &t->shape);
        memcpy(copy->data, t->data, t->bytes);
        r->u->golden[i] = copy;
    }
    return true;
}

static void close_golden(void *state)
{
    tn_arena_free(&((golden_run *)state)->scratch);
}

static void make_golden(tn_unit *u, tn_graph *g)
{
    int64_t work = u->macs;
    for (size_t i = 0; i < u->n_layers; i++)
        if (u->program->kernels.items[i].comp->check == TN_CHECK
            && u->program->kernels.items[i].comp->finds == NULL) /* which the formula's inputs would not pass */
            return;
    for (size_t i = 0; i < u->n_layers; i++)
        work += u->layer[i].ops;
    if (work > most_work) /* the lowered program need not be made again */
        return;
    golden_run r = {.u = u, .graph = g, .scratch = {.memory = u->arena->memory}};
    if (!tn_finally(u->arena, run_golden, close_golden, &r))
        u->golden = NULL;
}

/* --- the unit ------------------------------------------------------------------------------------------------------- */

static tn_params choose_params(const tn_ctx *ctx, int64_t bytes)
{
    static const char *const words[] = {"const", "incbin", "blob", "arg"};
    const char *word = tn_setting_get(ctx, "params");
    for (int i = 0; i < 4; i++)
        if (strcmp(word, words[i]) == 0)
            return (tn_params)i;
    return bytes > CONST_LIMIT ? TN_PARAMS_INCBIN : TN_PARAMS_CONST;
}

/* --- denormals ------------------------------------------------------------------------------------------------------ */

static bool is_single(tn_dtype t)
{
    return t == TN_FLOAT || tn_dtype_is_half(t);
}

static void note_float(void *user, const tn_expr *load)
{
    bool *found = user;
    *found = *found || is_single(load->buf->dtype);
}

/* Whether a layer takes or gives floats. Who takes doubles wants all that they can tell apart, and between an integer
   network's layers there is none. */
static bool has_floats(const tn_program *p)
{
    bool found = false;
    for (size_t i = 0; i < p->kernels.n && !found; i++) {
        found = is_single(p->kernels.items[i].comp->out->dtype);
        tn_comp_each_load(p->kernels.items[i].comp, note_float, &found);
    }
    return found;
}

static bool choose_flush(tn_ctx *ctx, tn_unit *u)
{
    const char *word = tn_setting_get(ctx, "denormals");
    bool wanted = strcmp(word, "flush") == 0;
    u->flush = wanted || (strcmp(word, "auto") == 0 && !u->exact && has_floats(u->program));
    if (wanted && u->exact)
        tn_bad_option(
            &ctx->diag, NULL,
            "--denormals flush contradicts --exact: processors differ in what they flush; leave one of them out");
    return !(wanted && u->exact);
}

static bool has_graph(const tn_model *m)
{
    if (m->module.graph == NULL)
        tn_error_at(&m->ctx->diag, m->path,
                    "a loop program has no inputs and outputs of a model; compile the model or its graph, and give "
                    "loop programs to 'tenon opt'");
    return m->module.graph != NULL;
}

/* Without the paths of patterns. */
static const char *options_text(tn_ctx *ctx)
{
    tn_str s = {.arena = &ctx->arena};
    tn_str_add(&s, "-O%s%s", tn_setting_get(ctx, "O"), tn_setting_get(ctx, "exact")[0] != '\0' ? " --exact" : "");
    if (tn_setting_get(ctx, "mixed-precision")[0] != '\0')
        tn_str_add(&s, " --mixed-precision %s", tn_setting_get(ctx, "mixed-precision-calculation-type"));
    if (strcmp(tn_setting_get(ctx, "denormals"), "auto") != 0)
        tn_str_add(&s, " --denormals %s", tn_setting_get(ctx, "denormals"));
    for (const char *const *item = tn_setting_all(ctx, "state"); *item != NULL; item++)
        tn_str_add(&s, " --state %s", *item);
    for (const char *const *item = tn_setting_all(ctx, "dispatch"); *item != NULL; item++) {
        size_t own = strncmp(*item, "user.", 5) == 0 ? strcspn(*item, "=") : strlen(*item);
        tn_str_add(&s, " --dispatch %.*s", (int)own, *item);
    }
    return s.text;
}

/* Of the package, or of a variant of it. Weights are there, their place in the blob may change. */
static tn_unit *make_one(tn_model *m, const tn_target *target)
{
    tn_ctx *ctx = m->ctx;
    tn_unit *u = TN_NEW(&ctx->arena, tn_unit);
    *u = (tn_unit){.arena = &ctx->arena, .target = target, .name = m->name, .model_hash = m->hash};
    u->upper = tn_name_upper(u->arena, m->name);
    u->threads = (int)tn_param_get(&m->module, "parallel.threads");
    u->small = strcmp(tn_setting_get(ctx, "O"), "s") == 0;
    u->options = options_text(ctx);
    if (u->threads > 1)
        u->options = tn_strfmt(u->arena, "%s --threads %d", u->options, u->threads);
    if (!has_graph(m) || !tn_model_complete(m))
        return NULL;
    u->program = m->module.program;
    u->exact = u->program->exact;
    u->plan = m->module.plan;
    u->work_size = u->plan->work_size;
    if (!choose_flush(ctx, u))
        return NULL;
    collect_io(u, m->module.graph);
    if (!tn_unit_tie_states(m, u))
        return NULL;
    tn_progress(ctx, "packing weights");
    collect_weights(u);
    describe_layers(u);
    return u;
}

tn_unit *tn_unit_make(tn_model *m, const tn_target *target)
{
    tn_unit *u = make_one(m, target);
    if (u == NULL)
        return NULL;
    u->params = choose_params(m->ctx, u->weights_size);
    make_golden(u, m->module.graph);
    return u;
}

/* --- variants ------------------------------------------------------------------------------------------------------- */

/* "x86-64-v3 -mattr=+avxvnni" -> "x86_64_v3_mattr_avxvnni", each another: +fma and -fma read the same. Their files are
   kws_..., as others of the package are. */
static void name_variants(tn_arena *a, tn_unit **variants, size_t n)
{
    static const char *const others[] = {"w", "weights", "pool", "test", "report"};
    tn_names names = {.arena = a};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        tn_name_make(&names, others[i]);
    for (size_t i = 0; i < n; i++)
        variants[i]->variant = tn_name_make(&names, variants[i]->target->name);
}

/* What all variants' weights are together: those of equal bytes are one. */
typedef struct shared_weights {
    tn_arena *arena;
    tn_weight_vec list;
    tn_map by_bytes; /* "type length hash" -> a number in list, and one more */
    tn_names names;
    int64_t size;
} shared_weights;

static void *packed(tn_arena *a, const tn_weight *w)
{
    void *bytes = tn_alloc(a, (size_t)w->bytes + 1);
    tn_buf_pack(w->buf, bytes);
    return bytes;
}

static bool same_weight(tn_arena *a, const tn_weight *x, const void *bytes)
{
    return memcmp(packed(a, x), bytes, (size_t)x->bytes) == 0;
}

/* Gives w the place and name of its equal, or a new one. */
static void share_weight(shared_weights *all, tn_weight *w)
{
    const void *bytes = packed(all->arena, w);
    const char *key = tn_strfmt(all->arena, "%d %lld %016llx", (int)w->buf->dtype, (long long)w->bytes,
                                (unsigned long long)tn_hash(bytes, (size_t)w->bytes, 0));
    size_t at = (size_t)(uintptr_t)tn_map_get(&all->by_bytes, key);
    if (at > 0 && same_weight(all->arena, &all->list.items[at - 1], bytes)) {
        w->offset = all->list.items[at - 1].offset;
        w->name = all->list.items[at - 1].name;
        return;
    }
    w->offset = all->size;
    w->name = tn_name_make(&all->names, w->buf->name);
    all->size = (w->offset + w->bytes + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
    *TN_PUSH(all->arena, all->list) = *w;
    tn_map_put(all->arena, &all->by_bytes, key, (void *)(uintptr_t)all->list.n);
}

/* The package: the last variant's numbers, the largest workspace, everybody's weights. */
static tn_unit *join(tn_ctx *ctx, const tn_targets *targets, tn_unit **variants)
{
    tn_arena *a = &ctx->arena;
    tn_unit *u = TN_NEW(a, tn_unit);
    tn_target *t = TN_NEW(a, tn_target);
    shared_weights all = {.arena = a, .names = {.arena = a}};
    tn_str name = {.arena = a};
    *u = *variants[targets->n - 1];
    *t = *u->target;
    u->variants = variants;
    u->n_variants = targets->n;
    u->target = t;
    t->cflags = "";
    for (size_t i = 0; i < targets->n; i++) {
        tn_unit *v = variants[i];
        tn_str_add(&name, "%s%s", i > 0 ? "," : "", v->target->name);
        t->lanes = v->target->lanes > t->lanes ? v->target->lanes : t->lanes;
        t->work_align = v->target->work_align > t->work_align ? v->target->work_align : t->work_align;
        u->work_size = v->work_size > u->work_size ? v->work_size : u->work_size;
        u->macs = v->macs > u->macs ? v->macs : u->macs;
        for (size_t k = 0; k < v->weights.n; k++)
            share_weight(&all, &v->weights.items[k]);
    }
    t->name = name.text;
    u->weights = all.list;
    u->weights_size = all.size;
    u->params = choose_params(ctx, all.size);
    name_variants(a, variants, targets->n);
    for (size_t i = 0; i < targets->n; i++) {
        variants[i]->work_size = u->work_size;
        variants[i]->params = u->params;
    }
    return u;
}

/* Looking at such a model is no error: that is how one learns what its dims are called. */
static bool check_bounded(tn_model *m)
{
    const tn_text_vec *open = &m->module.graph->unbounded;
    for (size_t i = 0; i < open->n; i++)
        tn_error_at(&m->ctx->diag, m->path, "%s", open->items[i]);
    return open->n == 0;
}

tn_status tn_unit_make_all(tn_model *m, const tn_targets *targets, tn_unit **out)
{
    if (m->module.graph != NULL && !check_bounded(m))
        return TN_ERR_MODEL;
    tn_unit **variants = TN_NEW_N(&m->ctx->arena, tn_unit *, targets->n);
    for (size_t i = 0; i < targets->n; i++) {
        tn_status status = tn_model_optimise(m, targets->items[i]);
        if (status != TN_OK)
            return status;
        variants[i] = targets->n > 1 ? make_one(m, targets->items[i]) : tn_unit_make(m, targets->items[i]);
        if (variants[i] == NULL)
            return TN_ERR_MODEL;
    }
    *out = variants[0];
    if (targets->n > 1) {
        *out = join(m->ctx, targets, variants);
        make_golden(*out, m->module.graph);
    }
    return TN_OK;
}
