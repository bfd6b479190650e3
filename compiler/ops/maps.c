/* Maps. A map here is the tensor of its values, since its keys are known when compiling:

       ZipMap           scores [N,classes], as they come; the keys are in the comments of the header and in the report
       DictVectorizer   values in the order of the vocabulary, 0 (or "") for a key that the map has not: as a row
       CastMap          values in the order of their keys; SPARSE: of the keys 0, 1 ... max_map - 1, 0 for those it has not

   A C caller wants scores[row][class], where class is a constant of his own: names as outputs, one for each class, would make
   a thousand arguments of a thousand classes, and a table of pairs would be searched for what its place tells. */
#include "ops/ml.h"
#include "ops/ops.h"

enum { MOST_TEXT = 2048 }; /* of keys, in a comment */

/* Integers or strings, separated by commas; NULL where there are none. */
static const char *keys_text(tn_expand *e, const char *integers, const char *strings)
{
    const tn_attr *names = tn_node_find_attr(e->node, strings), *a = tn_node_find_attr(e->node, integers);
    bool named = names != NULL && names->kind == TN_ATTR_STRINGS && names->n > 0;
    tn_str out = {.arena = e->g->arena};
    a = named ? names : a;
    if (a == NULL || (!named && a->kind != TN_ATTR_INTS))
        return NULL;
    for (size_t i = 0; i < a->n && out.len < MOST_TEXT; i++)
        if (named)
            tn_str_add(&out, "%s%s", i > 0 ? ", " : "", a->strings[i]);
        else
            tn_str_add(&out, "%s%lld", i > 0 ? ", " : "", (long long)a->ints[i]);
    if (out.len >= MOST_TEXT)
        tn_str_add(&out, " ...");
    return out.text;
}

bool tn_expand_zip_map(tn_expand *e, const tn_node *n)
{
    tn_value *x = tn_ml_rows(e, TN_FLOAT);
    int64_t classes = tn_ml_classes(e, "classlabels_int64s");
    if (e->failed)
        return false;
    if (!tn_dim_is(x->shape.dim[1], classes))
        return tn_expand_error(e, "%s, and there are %lld labels", tn_expand_show(e, x), (long long)classes);
    n->out[0]->keys = keys_text(e, "classlabels_int64s", "classlabels_strings");
    return tn_give(e, 0, x);
}

/* The values of a map as a row. */
static tn_value *values_row(tn_expand *e)
{
    tn_value *x = e->node->in[0];
    e->bytes = false; /* strings by what the operators make of them */
    if (x->shape.rank != 1 + x->is_text)
        tn_expand_error(e, "%s; the values of one map are wanted", tn_expand_show(e, x));
    return tn_call_unsqueeze(e, x, 0);
}

static bool need_values(tn_expand *e, int64_t wanted, const char *what)
{
    return tn_dim_is(e->node->in[0]->shape.dim[0], wanted)
        || tn_expand_error(e, "%s; %lld values are wanted, as %s has", tn_expand_show(e, e->node->in[0]),
                           (long long)wanted, what);
}

bool tn_expand_dict_vectorizer(tn_expand *e, const tn_node *n)
{
    int64_t named = tn_ml_count(n, "string_vocabulary"), count = named > 0 ? named : tn_ml_count(n, "int64_vocabulary");
    tn_value *y = values_row(e);
    return !e->failed && need_values(e, count, "the vocabulary") && tn_give(e, 0, y);
}

bool tn_expand_cast_map(tn_expand *e, const tn_node *n)
{
    static const struct {
        const char *name;
        int to;
    } casts[] = {{"TO_FLOAT", TN_FLOAT}, {"TO_INT64", TN_INT64}, {"TO_STRING", TN_STRING}};
    const char *to = tn_node_string(n, "cast_to", "TO_FLOAT");
    bool sparse = strcmp(tn_node_string(n, "map_form", "DENSE"), "SPARSE") == 0;
    tn_value *y = values_row(e);
    if (e->failed || (sparse && !need_values(e, tn_node_int(n, "max_map", 1), "max_map")))
        return false;
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
        if (strcmp(to, casts[i].name) != 0)
            continue;
        if (n->in[0]->is_text != (casts[i].to == TN_STRING))
            return tn_expand_error(e, "cast_to is %s of %s; strings are not read as numbers, nor numbers written", to,
                                   tn_dtype_get(tn_value_dtype(n->in[0]))->name);
        return tn_give(e, 0, n->in[0]->is_text ? y : tn_call_cast(e, y, casts[i].to));
    }
    return tn_expand_error(e, "cast_to is '%s'; TO_FLOAT, TO_INT64 and TO_STRING are known", to);
}
