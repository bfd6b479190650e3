/* Parses what --const says: "axes=[1,-1]", "k=3", "scales=[1,1,2,2]". The input of that name becomes a constant of its
   declared type; the values are its elements in row-major order, and for an open dim of rank 1 their number is the dim.
   A name may hold "=": the values begin at the last one. */
#include "onnx/importer.h"

#include <errno.h>
#include <stdlib.h>

static bool complain(importer *im, const char *option, const char *why)
{
    tn_bad_option(im->diag, im->path, "--const \"%s\": %s", option, why);
    return false;
}

static bool parse_option(importer *im, const char *text, const_option *out)
{
    const char *last = strrchr(text, '=');
    if (last == NULL || last == text || last[1] == '\0')
        return complain(im, text, "want NAME=VALUES, such as axes=[1,2] or k=3");
    *out = (const_option){text, tn_strndup(im->arena, text, (size_t)(last - text)), last + 1};
    return true;
}

bool tn_onnx_parse_consts(importer *im, const_option_vec *out)
{
    for (size_t i = 0; im->options != NULL && i < im->options->n_consts; i++) {
        const_option parsed = {0};
        if (!parse_option(im, im->options->consts[i], &parsed))
            return false;
        for (size_t k = 0; k < out->n; k++)
            if (strcmp(out->items[k].input, parsed.input) == 0)
                return complain(im, parsed.text, "the input has a value already");
        *TN_PUSH(im->arena, *out) = parsed;
    }
    return true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

static int64_t count_values(const char *s)
{
    int64_t n = 0;
    for (s = skip_blanks(*s == '[' ? s + 1 : s); *s != '\0' && *s != ']'; s++)
        n += n == 0 || *s == ',';
    return n;
}

/* A number that the type holds, and where it ends; NULL when there is none. */
static const char *parse_value(const char *s, tn_tensor *t, int64_t i)
{
    char *end = NULL;
    errno = 0;
    if (tn_dtype_get(t->dtype)->is_float)
        tn_tensor_set(t, i, strtod(s, &end));
    else if (t->dtype == TN_UINT64 && *s != '-')
        tn_tensor_set_int(t, i, (int64_t)strtoull(s, &end, 10));
    else {
        int64_t x = strtoll(s, &end, 10);
        tn_tensor_set_int(t, i, x);
        if (tn_tensor_get_int(t, i) != x)
            return NULL;
    }
    bool overflow = errno == ERANGE && !tn_dtype_get(t->dtype)->is_float;
    return end == s || overflow ? NULL : skip_blanks(end);
}

tn_tensor *tn_onnx_const_value(importer *im, const const_option *o, tn_dtype dtype, const tn_shape *s)
{
    tn_tensor *t = tn_tensor_make(im->arena, dtype, s);
    bool is_list = *o->values == '[';
    const char *p = skip_blanks(o->values + is_list);
    int64_t count = tn_shape_count(s), given = count_values(o->values);
    if (given != count) {
        complain(im, o->text,
                 tn_strfmt(im->arena, "%lld values for input '%s', which is %s", (long long)given, o->input,
                           tn_type_text(im->arena, dtype, s)));
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        p = parse_value(p, t, i);
        bool ends = p != NULL && (i + 1 < count ? *p == ',' : *p == (is_list ? ']' : '\0'));
        if (!ends) {
            complain(im, o->text,
                     tn_strfmt(im->arena, "value %lld is no number of type %s, or not followed by , or ]", (long long)i,
                               tn_dtype_get(dtype)->name));
            return NULL;
        }
        p = *p != '\0' ? skip_blanks(p + 1) : p;
    }
    if (*p != '\0' && count > 0)
        complain(im, o->text, "text after the values");
    return *p != '\0' && count > 0 ? NULL : t;
}

int64_t tn_onnx_const_count(const const_option *o)
{
    return count_values(o->values);
}
