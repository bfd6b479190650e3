/* Patterns: those of the library from patterns.def, and the user's own from files. See dispatch.h. */
#include "base/map.h"
#include "ops/ops.h"
#include "pass/dispatch.h"
#include "pass/pass.h"

typedef struct head {
    const char *name;
    bool has_bias;
    const char *text, *doc;
} head;
typedef struct tail {
    const char *ending, *text;
} tail;

static const head heads[] = {
#define TN_HEAD(name, has_bias, text, doc) {name, has_bias, text, doc},
#define TN_TAIL(ending, text)
#include "pass/patterns.def"
#undef TN_HEAD
#undef TN_TAIL
};
static const tail tails[] = {
#define TN_HEAD(name, has_bias, text, doc)
#define TN_TAIL(ending, text) {ending, text},
#include "pass/patterns.def"
#undef TN_HEAD
#undef TN_TAIL
};
enum { N_HEADS = sizeof heads / sizeof *heads, N_TAILS = sizeof tails / sizeof *tails };

/* Only what has a bias goes on to an activation. */
bool tn_pattern_row_at(tn_arena *a, size_t i, tn_pattern_row *out)
{
    for (size_t h = 0; h < N_HEADS; h++)
        for (size_t t = 0; t < N_TAILS; t++) {
            const char *ending = tails[t].ending, *then = ending[0] != '\0' ? ", then " : "";
            bool is_row = heads[h].has_bias || ending[0] == '\0';
            if (!is_row || i-- > 0)
                continue;
            out->name = tn_strfmt(a, "cblas.%s%s", heads[h].name, ending);
            out->doc = tn_strfmt(a, "%s%s%s", heads[h].doc, then, ending[0] != '\0' ? ending + 1 : "");
            out->text = tn_strfmt(a, "%s%s", heads[h].text, tails[t].text);
            return true;
        }
    return false;
}

/* --- the library's -------------------------------------------------------------------------------------------------- */

static bool unknown_name(tn_arena *a, tn_diag *d, const char *name)
{
    tn_str known = {.arena = a};
    tn_map listed = {0};
    tn_pattern_row row;
    for (size_t i = 0; tn_pattern_row_at(a, i, &row); i++) {
        if (tn_map_get(&listed, row.name) != NULL)
            continue;
        tn_map_put(a, &listed, row.name, &listed);
        tn_str_add(&known, ", %s", row.name);
    }
    tn_error(d,
             "--dispatch '%s': there is no such pattern; there are cblas (all of them)%s, and user.NAME=FILE:FUNCTION",
             name, known.text);
    return false;
}

/* "cblas" stands for all. */
static bool add_library(tn_arena *a, tn_diag *d, const char *name, tn_pattern_vec *out)
{
    size_t before = out->n;
    tn_pattern_row row;
    for (size_t i = 0; tn_pattern_row_at(a, i, &row); i++) {
        bool wanted =
            strcmp(name, "cblas") == 0 || strcmp(name, row.name) == 0 || strcmp(name, row.name + strlen("cblas.")) == 0;
        if (!wanted)
            continue;
        const tn_graph *g = tn_graph_parse_pattern(a, d, row.name, row.text, tn_op_find);
        assert(g != NULL);
        *TN_PUSH(a, *out) = (tn_pattern){.name = row.name, .graph = g};
    }
    return out->n > before || unknown_name(a, d, name);
}

/* --- the user's ----------------------------------------------------------------------------------------------------- */

static bool is_symbol_of(const tn_graph *g, const char *name)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        for (int k = 0; k < g->inputs.items[i]->shape.rank; k++) {
            const tn_sym *s = g->inputs.items[i]->shape.dim[k].sym;
            if (s != NULL && s->kind == TN_SYM_NAME && strcmp(s->name, name) == 0)
                return true;
        }
    return false;
}

/* The function sees pointers and extents only, so all that it needs must be in those. */
static bool check_operands(tn_diag *d, const char *path, const tn_graph *g)
{
    for (size_t i = 0; i < g->inputs.n; i++) {
        const tn_value *v = g->inputs.items[i];
        if (tn_dtype_get(v->dtype)->c == NULL) {
            tn_error_at(d, path, "input '%s' is %s, which C has no type for", v->name, tn_dtype_get(v->dtype)->name);
            return false;
        }
        for (int k = 0; k < v->shape.rank; k++)
            if (v->shape.dim[k].sym != NULL && v->shape.dim[k].sym->kind != TN_SYM_NAME) {
                tn_error_at(d, path, "dim %d of input '%s' is a term; a number or a symbol of its own is wanted", k,
                            v->name);
                return false;
            }
    }
    for (size_t i = 0; i < g->symbols.n; i++)
        if (!is_symbol_of(g, g->symbols.items[i].sym->name)) {
            tn_error_at(d, path, "symbol %s is no dim of an input", g->symbols.items[i].sym->name);
            return false;
        }
    return true;
}

static bool check_pattern(tn_diag *d, const char *path, tn_graph *g)
{
    tn_module m = {.arena = g->arena, .diag = d, .graph = g};
    bool ignored = false;
    if (g->outputs.n != 1 || g->outputs.items[0]->maker == NULL) {
        tn_error_at(d, path, "a pattern has one output, which a node makes; this one has %zu%s", g->outputs.n,
                    g->outputs.n == 1 ? ", an input or a constant" : "");
        return false;
    }
    return check_operands(d, path, g) && tn_pass_infer(&m, &ignored);
}

/* user.NAME=FILE:FUNCTION */
static bool add_own(tn_arena *a, tn_diag *d, const char *item, tn_pattern_vec *out)
{
    const char *equals = strchr(item, '='), *colon = strrchr(item, ':');
    if (equals == NULL || colon == NULL || colon < equals || !tn_is_identifier(colon + 1)
        || !tn_is_identifier(tn_strndup(a, item + 5, (size_t)(equals - item - 5)))) {
        tn_error(d,
                 "--dispatch '%s': wanted user.NAME=FILE:FUNCTION, where FILE holds a pattern as text and NAME and "
                 "FUNCTION are C identifiers",
                 item);
        return false;
    }
    const char *path = tn_strndup(a, equals + 1, (size_t)(colon - equals - 1));
    size_t size = 0;
    const char *text = tn_read_file(a, d, path, &size);
    tn_graph *g = text != NULL ? tn_graph_parse(a, d, path, text, tn_op_find) : NULL;
    if (g == NULL || !check_pattern(d, path, g))
        return false;
    tn_pattern p = {.name = tn_strndup(a, item, (size_t)(equals - item)), .function = tn_strdup(a, colon + 1)};
    p.graph = g;
    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->items[i].name, p.name) == 0
            || (out->items[i].function != NULL && strcmp(out->items[i].function, p.function) == 0)) {
            tn_error(d, "--dispatch '%s': pattern %s has that name or that function already", item, out->items[i].name);
            return false;
        }
    *TN_PUSH(a, *out) = p;
    return true;
}

bool tn_dispatch_add(tn_arena *a, tn_diag *d, const char *item, tn_pattern_vec *out)
{
    if (strncmp(item, "user.", 5) == 0)
        return add_own(a, d, item, out);
    for (const char *s = item;; s++) {
        size_t n = strcspn(s, ",");
        if (!add_library(a, d, tn_strndup(a, s, n), out))
            return false;
        s += n;
        if (*s == '\0')
            return true;
    }
}
