/* LabelEncoder and CategoryMapper, as functions of other operators: which key each element is, then the value in its place.

       x [..]      match [..,keys] = x == keys      place [..] = the first match, else the number of keys
                   y = (values, default)[place]

   Keys and values are numbers or strings. */
#include "ops/ml.h"
#include "ops/ops.h"
#include "ops/string.h"

enum { LAST = -1 };

static const tn_tensor *tensor_of_list(tn_expand *e, const tn_attr *l)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)l->n});
    if (l->kind == TN_ATTR_TENSOR)
        return l->tensor;
    if (l->kind == TN_ATTR_STRINGS)
        return tn_tensor_of_strings(e->g->arena, &s, l->strings);
    tn_tensor *t = tn_tensor_make(e->g->arena, l->kind == TN_ATTR_INTS ? TN_INT64 : TN_FLOAT, &s);
    for (size_t k = 0; k < l->n; k++)
        if (l->kind == TN_ATTR_INTS)
            tn_tensor_set_int(t, (int64_t)k, l->ints[k]);
        else
            tn_tensor_set(t, (int64_t)k, l->kind == TN_ATTR_FLOATS ? (double)l->floats[k] : 0);
    return t;
}

/* A list of keys or values by any of its names: NAME_strings, NAME_int64s, NAME_floats, NAME_tensor; NULL without. */
static const tn_tensor *find_list(tn_expand *e, const char *name)
{
    static const char *const ends[] = {"strings", "int64s", "floats", "tensor"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const tn_attr *l = tn_node_find_attr(e->node, tn_strfmt(e->g->arena, "%s_%s", name, ends[i]));
        if (l != NULL)
            return tensor_of_list(e, l);
    }
    return NULL;
}

/* Version 1: classes_strings, keyed by their places or the other way round. */
static bool read_classes(tn_expand *e, const tn_tensor **keys, const tn_tensor **values)
{
    const tn_tensor *names = find_list(e, "classes");
    if (names == NULL)
        return false;
    tn_tensor *places =
        tn_tensor_make(e->g->arena, TN_INT64, &(tn_shape){.known = true, .rank = 1, .dim = {names->shape.dim[0]}});
    for (int64_t i = 0; i < places->shape.dim[0].n; i++)
        tn_tensor_set_int(places, i, i);
    *keys = e->node->in[0]->is_text ? names : places;
    *values = e->node->in[0]->is_text ? places : names;
    return true;
}

static tn_value *default_value(tn_expand *e, const tn_tensor *values)
{
    const tn_attr *a = tn_node_find_attr(e->node, "default_tensor");
    if (a != NULL && a->kind == TN_ATTR_TENSOR && a->tensor->dtype == values->dtype)
        return values->is_text ? tn_expand_constant(e, a->tensor)
                               : tn_call_reshape(e, tn_expand_constant(e, a->tensor), 1, (const int64_t[]){1});
    if (values->is_text)
        return tn_text_constant(e, 1, (const char *[]){tn_node_string(e->node, "default_string", "_Unused")});
    tn_shape one = tn_shape_fixed(1, (const int64_t[]){1});
    tn_tensor *t = tn_tensor_make(e->g->arena, values->dtype, &one);
    if (tn_dtype_get(values->dtype)->is_float)
        tn_tensor_set(t, 0, (double)tn_node_float(e->node, "default_float", -0.0F));
    else
        tn_tensor_set_int(t, 0, tn_node_int(e->node, "default_int64", -1));
    return tn_expand_constant(e, t);
}

tn_value *tn_ml_match(tn_expand *e, tn_value *x, tn_value *keys)
{
    if (x->is_text)
        return tn_text_same(e, tn_call_unsqueeze(e, x, -2), keys);
    tn_value *each = tn_call_unsqueeze(e, x, LAST), *same = tn_call(e, "Equal", each, keys);
    if (!tn_dtype_get(x->dtype)->is_float)
        return same;
    return tn_call(e, "Or", same, tn_call(e, "And", tn_call(e, "IsNaN", each), tn_call(e, "IsNaN", keys)));
}

/* The value in the place of the key that each element of input 0 is, or else the default one. */
static bool give_values(tn_expand *e, const tn_tensor *keys, const tn_tensor *values)
{
    tn_value *x = e->node->in[0];
    e->bytes = true; /* of strings among keys and values, where the input has none, too */
    int64_t count = keys->shape.rank > 0 ? keys->shape.dim[0].n : 0;
    if (keys->shape.rank != 1 + keys->is_text || values->shape.rank != 1 + values->is_text || count < 1
        || values->shape.dim[0].n != count)
        return tn_expand_error(e, "%lld keys; as many values, and at least one, are wanted", (long long)count);
    if (keys->is_text != x->is_text || keys->dtype != x->dtype)
        return tn_expand_error(e, "'%s' is %s, the keys are %s", x->name, tn_dtype_get(tn_value_dtype(x))->name,
                               tn_dtype_get(keys->is_text ? (int)TN_STRING : (int)keys->dtype)->name);
    tn_value *hits = tn_call_cast(e, tn_ml_match(e, x, tn_expand_constant(e, keys)), TN_INT32);
    tn_value *any = tn_call_cast(e, tn_call(e, "ReduceMax keepdims=0", hits, tn_expand_int(e, LAST)), TN_BOOL);
    tn_value *place = tn_call(e, "Where", any, tn_call(e, "ArgMax axis=-1 keepdims=0", hits),
                              tn_expand_scalar(e, TN_INT64, (double)count));
    tn_value *list = tn_expand_constant(e, values), *otherwise = default_value(e, values);
    if (values->is_text) {
        int64_t width = tn_text_widest(list, otherwise);
        list = tn_text_widen(e, list, width);
        otherwise = tn_text_widen(e, otherwise, width);
    }
    tn_value *y = tn_call(e, "Gather axis=0", tn_call_join(e, 0, list, otherwise), place);
    return values->is_text ? tn_text_give(e, 0, y) : tn_give(e, 0, y);
}

bool tn_expand_label_encoder(tn_expand *e, const tn_node *n)
{
    (void)n;
    const tn_tensor *keys = find_list(e, "keys"), *values = find_list(e, "values");
    if (!read_classes(e, &keys, &values) && (keys == NULL || values == NULL))
        return tn_expand_error(e, "keys_* and values_*, or classes_strings, are wanted");
    return give_values(e, keys, values);
}

/* Two lists side by side, read from the one to the other. */
bool tn_expand_category_mapper(tn_expand *e, const tn_node *n)
{
    const tn_attr *names = tn_node_find_attr(n, "cats_strings"), *numbers = tn_node_find_attr(n, "cats_int64s");
    if (names == NULL || names->kind != TN_ATTR_STRINGS || numbers == NULL || numbers->kind != TN_ATTR_INTS)
        return tn_expand_error(e, "attributes 'cats_strings' and 'cats_int64s' are wanted");
    const tn_tensor *of_names = tensor_of_list(e, names), *of_numbers = tensor_of_list(e, numbers);
    return n->in[0]->is_text ? give_values(e, of_names, of_numbers) : give_values(e, of_numbers, of_names);
}
