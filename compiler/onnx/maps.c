/* Inputs that are maps: how many values such a one has is known from the operator that reads it. */
#include "onnx/importer.h"

static int64_t find_count(const NodeProto *p, const char *const *names, size_t n)
{
    for (size_t i = 0; i < p->n_attribute; i++)
        for (size_t k = 0; k < n; k++) {
            const AttributeProto *a = p->attribute[i];
            if (strcmp(tn_onnx_text(a->name), names[k]) == 0 && a->n_ints + a->n_strings > 0)
                return (int64_t)(a->n_ints + a->n_strings);
        }
    return -1;
}

static bool is_sparse(const NodeProto *p)
{
    static const char sparse[] = "SPARSE";
    for (size_t i = 0; i < p->n_attribute; i++)
        if (strcmp(tn_onnx_text(p->attribute[i]->name), "map_form") == 0)
            return p->attribute[i]->s.len == sizeof sparse - 1
                && memcmp(p->attribute[i]->s.data, sparse, sizeof sparse - 1) == 0;
    return false;
}

/* max_map, whose default is 1. */
static int64_t find_most(const NodeProto *p)
{
    for (size_t i = 0; i < p->n_attribute; i++)
        if (strcmp(tn_onnx_text(p->attribute[i]->name), "max_map") == 0)
            return p->attribute[i]->i;
    return 1;
}

int64_t tn_onnx_map_size(const importer *im, const char *name)
{
    static const char *const vocabularies[] = {"string_vocabulary", "int64_vocabulary"};
    for (size_t i = 0; i < im->proto->n_node; i++) {
        const NodeProto *p = im->proto->node[i];
        if (p->n_input != 1 || strcmp(tn_onnx_text(p->input[0]), name) != 0)
            continue;
        if (strcmp(tn_onnx_text(p->op_type), "DictVectorizer") == 0)
            return find_count(p, vocabularies, sizeof vocabularies / sizeof *vocabularies);
        if (strcmp(tn_onnx_text(p->op_type), "CastMap") == 0 && is_sparse(p))
            return find_most(p);
    }
    return -1;
}
