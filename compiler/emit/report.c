/* NAME_report.txt for people and NAME_report.json for programs: what the model needs, layer by layer, and the plan of
   its memory. The JSON's "abi" is what a host needs to load and call the package as a library. */
#include "emit/frame.h"
#include "emit/names.h"

static int64_t io_bytes(const tn_buf **list, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += tn_io_bytes(list[i]);
    return sum;
}

/* In the plan on its own: not an alias, and somewhere in the workspace. */
static bool is_placed(const tn_unit *u, const tn_buf *b)
{
    return b->alias == NULL && b->scope == TN_SCOPE_ARENA && u->plan->offset[b->id] >= 0;
}

static int64_t placed_bytes(const tn_buf *b)
{
    return tn_buf_room(b) * tn_dtype_get(b->dtype)->size;
}

static const char *worst_label(const tn_unit *u)
{
    int k = u->plan->worst_kernel;
    return k >= 0 && (size_t)k < u->n_layers ? u->layer[k].label : "";
}

static const char *text_of(const char *s)
{
    return s != NULL ? s : "";
}

/* --- text --------------------------------------------------------------------------------------------------------- */

/* 12345678 -> "12,345,678" */
static const char *grouped(tn_arena *a, int64_t x)
{
    char digits[32], out[48];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)x), len = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && digits[i - 1] != '-' && (n - i) % 3 == 0)
            out[len++] = ',';
        out[len++] = digits[i];
    }
    return tn_strndup(a, out, (size_t)len);
}

static void add_fact(const tn_unit *u, tn_str *out, const char *what, int64_t x, const char *unit)
{
    tn_str_add(out, "%-24s%15s%s\n", what, grouped(u->arena, x), unit);
}

static void add_tensors(const tn_unit *u, tn_str *out, const char *word, const tn_buf **list, const char **name,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tn_str_add(out, "%-8s %-24s %-32s %15s B\n", word, name[i],
                   tn_in_comment(u->arena, tn_io_type(u->arena, list[i])), grouped(u->arena, tn_io_bytes(list[i])));
        if (list[i]->value != NULL && list[i]->value->keys != NULL)
            tn_str_add(out, "         maps with the keys: %s\n", tn_in_comment(u->arena, list[i]->value->keys));
    }
}

static void add_summary(const tn_unit *u, tn_str *out)
{
    int64_t in = io_bytes(u->input, u->n_in), produced = io_bytes(u->output, u->n_out);
    add_tensors(u, out, "input", u->input, u->input_name, u->n_in);
    add_tensors(u, out, "output", u->output, u->output_name, u->n_out);
    for (size_t i = 0; i < u->program->symbols.n; i++)
        tn_str_add(out, "size     %-24s %lld to %lld%s; figures below are for the largest\n", tn_symbol_name(u, i),
                   (long long)u->program->symbols.items[i]->lo, (long long)u->program->symbols.items[i]->hi,
                   u->program->symbols.items[i]->found ? ", found by the run" : "");
    tn_str_add(out, "\n");
    add_fact(u, out, "parameters", u->params_count, "");
    add_fact(u, out, "macc", u->macs, "");
    add_fact(u, out, "weights (flash)", u->weights_size, " B");
    add_fact(u, out, "workspace (RAM)", u->work_size, tn_strfmt(u->arena, " B, aligned to %d", u->target->work_align));
    add_fact(u, out, "stack (RAM), at most", tn_stack_bound(u), " B, without the C library's functions");
    add_fact(u, out, "inputs, outputs (RAM)", in + produced, " B, the application's");
    if (u->n_states > 0)
        add_fact(u, out, "of these state", u->state_size, " B, a stream's own");
    add_fact(u, out, "RAM without stack", in + produced + u->work_size, " B");
}

static void add_layers(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "\nlayers\n%4s  %-44s %-26s %15s %6s %12s %12s\n", "", "layer", "output", "macc", "share",
               "weights B", "live RAM B");
    for (size_t i = 0; i < u->n_layers; i++) {
        const tn_layer *l = &u->layer[i];
        double share = u->macs > 0 ? 100.0 * (double)l->macs / (double)u->macs : 0;
        tn_str_add(out, "%4zu  %-44s %-26s %15s %5.1f%% %12s %12s\n", i, tn_in_comment(u->arena, text_of(l->label)),
                   tn_in_comment(u->arena, text_of(l->out)), grouped(u->arena, l->macs), share,
                   grouped(u->arena, l->weight_bytes), grouped(u->arena, l->live_bytes));
    }
}

static void add_plan(const tn_unit *u, tn_str *out)
{
    const tn_plan *p = u->plan;
    tn_str_add(out, "\nmemory plan\n");
    add_fact(u, out, "workspace", p->work_size, " B");
    add_fact(u, out, "largest live set", p->largest_live,
             tn_strfmt(u->arena, " B, at layer %d %s", p->worst_kernel, tn_in_comment(u->arena, worst_label(u))));
    add_fact(u, out, "difference", p->work_size - p->largest_live,
             p->is_optimal ? " B; no plan for this order is smaller" : " B; a smaller plan may exist");
    tn_str_add(out, "\n%12s %12s  %-13s %s\n", "offset", "bytes", "layers", "buffer");
    for (size_t i = 0; i < u->program->bufs.n; i++) {
        const tn_buf *b = u->program->bufs.items[i];
        if (is_placed(u, b))
            tn_str_add(out, "%12s %12s  %-13s %s: %s\n", grouped(u->arena, p->offset[b->id]),
                       grouped(u->arena, placed_bytes(b)),
                       tn_strfmt(u->arena, "%d to %d", p->first[b->id], p->last[b->id]),
                       tn_in_comment(u->arena, b->name), tn_in_comment(u->arena, tn_io_type(u->arena, b)));
    }
}

void tn_emit_summary(const tn_unit *u, tn_str *out)
{
    add_summary(u, out);
    if (u->n_variants > 0)
        tn_str_add(out, "\nWorkspace, stack and weights are those of all variants; what follows is that of %s.\n",
                   u->variants[u->n_variants - 1]->target->name);
    add_layers(u, out);
    add_plan(u, out);
}

void tn_emit_report_text(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "%s\n\n%s\n", u->name, tn_banner(u, ""));
    tn_emit_summary(u, out);
    tn_str_add(out, "\nfiles\n");
    for (const char **name = tn_package_names(u); *name != NULL; name++)
        tn_str_add(out, "    %s\n", *name);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static const char *quote(const tn_unit *u, const char *s)
{
    return tn_quote_json(u->arena, text_of(s));
}

/* A fixed dim is a number; others say how to compute and how large they can be. */
static void add_dim(const tn_unit *u, tn_dim d, tn_str *out)
{
    if (d.sym == NULL)
        tn_str_add(out, "%lld", (long long)d.n);
    else if (d.sym->kind == TN_SYM_NAME)
        tn_str_add(out, "{\"symbol\": %s, \"max\": %lld}", quote(u, d.sym->name), (long long)d.n);
    else
        tn_str_add(out, "{\"expr\": %s, \"max\": %lld}", quote(u, tn_dim_formula(u, d)), (long long)d.n);
}

static void add_io(const tn_unit *u, const char *key, const tn_buf **list, const char **name, size_t n, tn_str *out)
{
    tn_str_add(out, "    \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        tn_str_add(out, "%s\n      {\"name\": %s, \"c_name\": \"%s\", \"dtype\": %d, \"shape\": [", i > 0 ? "," : "",
                   quote(u, tn_io_model_name(list[i])), name[i], (int)list[i]->dtype);
        for (int k = 0; k < list[i]->rank; k++) {
            tn_str_add(out, "%s", k > 0 ? ", " : "");
            add_dim(u, tn_io_dim(list[i], k), out);
        }
        tn_str_add(out, "], \"bytes\": %lld}", (long long)tn_io_bytes(list[i]));
    }
    tn_str_add(out, "%s],\n", n > 0 ? "\n    " : "");
}

static void add_symbols(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "    \"symbols\": [");
    for (size_t i = 0; i < u->program->symbols.n; i++) {
        const tn_var *v = u->program->symbols.items[i];
        tn_str_add(out, "%s{\"name\": %s, \"c_name\": \"%s\", \"min\": %lld, \"max\": %lld%s}", i > 0 ? ", " : "",
                   quote(u, v->name), tn_symbol_name(u, i), (long long)v->lo, (long long)v->hi,
                   v->found ? ", \"found\": true" : "");
    }
    tn_str_add(out, "],\n");
}

/* What the code needs to be linked with, where it needs anything. */
static void add_calls(const tn_unit *u, tn_str *out)
{
    const tn_call *call = NULL;
    if (tn_uses_cblas(u))
        tn_str_add(out, "    \"libraries\": [\"cblas\"],\n");
    if (tn_own_call_at(u, 0) == NULL)
        return;
    tn_str_add(out, "    \"functions\": [");
    for (size_t i = 0; (call = tn_own_call_at(u, i)) != NULL; i++)
        tn_str_add(out, "%s%s", i > 0 ? ", " : "", quote(u, call->function));
    tn_str_add(out, "],\n");
}

/* Sources with flags of their own, beside those of all. */
static void add_variants(const tn_unit *u, tn_str *out)
{
    for (size_t i = 0; i < u->n_variants; i++) {
        const tn_unit *v = u->variants[i];
        tn_str_add(out, "%s{\"target\": %s, \"source\": %s, \"cflags\": %s}", i > 0 ? ", " : "    \"variants\": [",
                   quote(u, v->target->name), quote(u, tn_source_name(v)), quote(u, v->target->cflags));
    }
    tn_str_add(out, "%s", u->n_variants > 0 ? "],\n" : "");
}

static void add_abi(const tn_unit *u, tn_str *out)
{
    const char *weights = tn_weights_file(u);
    tn_str_add(out, "  \"abi\": {\n    \"module\": \"%s\",\n    \"target\": %s,\n    \"cflags\": %s,\n", u->name,
               quote(u, u->target->name), quote(u, tn_cflags(u)));
    tn_str_add(out, "    \"params\": \"%s\",\n    \"weights_file\": %s,\n", tn_params_text(u->params),
               weights != NULL ? quote(u, weights) : "null");
    tn_str_add(out, "    \"work_size\": %lld,\n    \"work_align\": %d,\n", (long long)u->work_size,
               u->target->work_align);
    add_variants(u, out);
    add_calls(u, out);
    tn_str_add(out, "    \"threads\": %d,\n", u->threads);
    add_io(u, "inputs", u->input, u->input_name, u->n_in, out);
    add_io(u, "outputs", u->output, u->output_name, u->n_out, out);
    add_symbols(u, out);
    tn_str_add(out, "    \"layers\": [");
    for (size_t i = 0; i < u->n_layers; i++)
        tn_str_add(out, "%s\n      {\"label\": %s, \"function\": %s, \"macs\": %lld}", i > 0 ? "," : "",
                   quote(u, u->layer[i].label), quote(u, u->layer[i].function), (long long)u->layer[i].macs);
    tn_str_add(out, "%s],\n    \"files\": [", u->n_layers > 0 ? "\n    " : "");
    const char **name = tn_package_names(u);
    for (size_t i = 0; name[i] != NULL; i++)
        tn_str_add(out, "%s%s", i > 0 ? ", " : "", quote(u, name[i]));
    tn_str_add(out, "]\n  }\n");
}

static void add_layers_json(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "  \"layers\": [");
    for (size_t i = 0; i < u->n_layers; i++) {
        const tn_layer *l = &u->layer[i];
        tn_str_add(out, "%s\n    {\"label\": %s, \"function\": %s, \"schedule\": %s,\n     \"in\": %s, \"out\": %s,\n",
                   i > 0 ? "," : "", quote(u, l->label), quote(u, l->function), quote(u, l->schedule), quote(u, l->in),
                   quote(u, l->out));
        tn_str_add(out, "     \"why\": %s, \"bound\": %.3f, \"bytes\": %lld,\n", quote(u, l->why), l->bound,
                   (long long)l->bytes);
        tn_str_add(
            out,
            "     \"macs\": %lld, \"ops\": %lld, \"weight_bytes\": %lld, \"live_bytes\": %lld, \"stack_bytes\": %lld}",
            (long long)l->macs, (long long)l->ops, (long long)l->weight_bytes, (long long)l->live_bytes,
            (long long)l->stack_bytes);
    }
    tn_str_add(out, "%s],\n", u->n_layers > 0 ? "\n  " : "");
}

static void add_plan_json(const tn_unit *u, tn_str *out)
{
    const tn_plan *p = u->plan;
    bool first = true;
    tn_str_add(out, "  \"plan\": {\n    \"work_size\": %lld,\n    \"largest_live\": %lld,\n    \"worst_layer\": %d,\n",
               (long long)p->work_size, (long long)p->largest_live, p->worst_kernel);
    tn_str_add(out, "    \"optimal\": %s,\n    \"buffers\": [", p->is_optimal ? "true" : "false");
    for (size_t i = 0; i < u->program->bufs.n; i++) {
        const tn_buf *b = u->program->bufs.items[i];
        if (!is_placed(u, b))
            continue;
        tn_str_add(
            out,
            "%s\n      {\"name\": %s, \"type\": %s, \"offset\": %lld, \"bytes\": %lld, \"first\": %d, \"last\": %d}",
            first ? "" : ",", quote(u, b->name), quote(u, tn_io_type(u->arena, b)), (long long)p->offset[b->id],
            (long long)placed_bytes(b), p->first[b->id], p->last[b->id]);
        first = false;
    }
    tn_str_add(out, "%s]\n  },\n", first ? "" : "\n    ");
}

void tn_emit_report_json(const tn_unit *u, tn_str *out)
{
    int64_t in = io_bytes(u->input, u->n_in), produced = io_bytes(u->output, u->n_out);
    tn_str_add(out, "{\n  \"tenon\": \"%s\",\n  \"name\": \"%s\",\n  \"model\": %s,\n  \"model_hash\": \"%016llx\",\n",
               tn_version(), u->name, quote(u, u->program->graph->name), (unsigned long long)u->model_hash);
    tn_str_add(out, "  \"target\": %s,\n  \"options\": %s,\n", quote(u, u->target->name), quote(u, u->options));
    tn_str_add(out, "  \"macs\": %lld,\n  \"parameters\": %lld,\n  \"weights_bytes\": %lld,\n  \"work_bytes\": %lld,\n",
               (long long)u->macs, (long long)u->params_count, (long long)u->weights_size, (long long)u->work_size);
    tn_str_add(
        out, "  \"input_bytes\": %lld,\n  \"output_bytes\": %lld,\n  \"ram_bytes\": %lld,\n  \"stack_bytes\": %lld,\n",
        (long long)in, (long long)produced, (long long)(in + produced + u->work_size), (long long)tn_stack_bound(u));
    add_layers_json(u, out);
    add_plan_json(u, out);
    add_abi(u, out);
    tn_str_add(out, "}\n");
}
