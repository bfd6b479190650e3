/* Parses what --input-shapes says: "name:[1,3,224,224]", "name:[N<=8,3]", "name:[N,3]" where N has a bound elsewhere.
   Of a sequence the shape of each element, "name:{[4],[3]}", of an optional that holds nothing "name:none".
   A name may hold colons, as TensorFlow's do: the shape begins at the last ":[" (":{"). Bounded names become symbols of the
   graph, one for each name, in order of appearance. */
#include "onnx/importer.h"

typedef struct cursor {
    importer *im;
    const char *option; /* the whole text, for messages */
    const char *at;
} cursor;

static bool complain(const cursor *c, const char *why)
{
    tn_bad_option(c->im->diag, c->im->path, "--input-shapes \"%s\": %s", c->option, why);
    return false;
}

static void skip_blanks(cursor *c)
{
    while (*c->at == ' ')
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_blanks(c);
    if (*c->at != wanted)
        return false;
    c->at++;
    skip_blanks(c);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool parse_number(cursor *c, int64_t *out)
{
    int64_t n = 0;
    if (!is_digit(*c->at))
        return complain(c, "a dim is a number such as 3 or a bounded name such as N<=8");
    for (; is_digit(*c->at); c->at++) {
        n = n * 10 + (*c->at - '0');
        if (n > TN_DIM_MAX)
            return complain(c, "a dim may not be above 2^40");
    }
    *out = n;
    return true;
}

static bool parse_symbol(cursor *c, tn_dim *out)
{
    tn_graph *g = c->im->graph;
    const char *start = c->at;
    while (is_letter(*c->at) || is_digit(*c->at))
        c->at++;
    const char *name = tn_strndup(g->arena, start, (size_t)(c->at - start));
    const tn_dim *known = tn_dim_find(&g->symbols, name);
    skip_blanks(c);
    if (strncmp(c->at, "<=", 2) != 0) {
        if (known == NULL)
            return complain(c, tn_strfmt(g->arena, "'%s' has no bound; write %s<=8", name, name));
        *out = *known;
        return true;
    }
    c->at += 2;
    skip_blanks(c);
    int64_t at_most;
    if (!parse_number(c, &at_most))
        return false;
    if (at_most < 1)
        return complain(c, "a bound must be at least 1");
    if (known != NULL && known->n != at_most)
        return complain(c, tn_strfmt(g->arena, "'%s' has two bounds, %lld and %lld", name, (long long)known->n,
                                     (long long)at_most));
    *out = known != NULL ? *known : tn_dim_named(g->arena, name, at_most);
    if (known == NULL)
        *TN_PUSH(g->arena, g->symbols) = *out;
    return true;
}

static bool parse_dim(cursor *c, tn_dim *out)
{
    int64_t n;
    if (is_letter(*c->at))
        return parse_symbol(c, out);
    if (!parse_number(c, &n))
        return false;
    *out = tn_dim_fixed(n);
    return true;
}

static bool parse_dims(cursor *c, tn_shape *s)
{
    *s = (tn_shape){.known = true};
    if (!take(c, '['))
        return complain(c, "a shape begins with '['");
    if (take(c, ']'))
        return true;
    do {
        if (s->rank == TN_MAX_RANK)
            return complain(c, tn_strfmt(c->im->arena, "more than %d dims", TN_MAX_RANK));
        if (!parse_dim(c, &s->dim[s->rank++]))
            return false;
    } while (take(c, ','));
    return take(c, ']') || complain(c, "',' or ']' is missing after a dim");
}

static const char *find_last(const char *option, const char *mark)
{
    const char *last = NULL;
    for (const char *p = strstr(option, mark); p != NULL; p = strstr(p + 1, mark))
        last = p;
    return last;
}

static bool ends_in_none(const char *option, const char *at)
{
    return at != NULL && strcmp(at, ":none") == 0 && at > option;
}

static const char *find_shape(const char *option)
{
    const char *none = find_last(option, ":none"), *list = find_last(option, ":{");
    return ends_in_none(option, none) ? none : list != NULL ? list : find_last(option, ":[");
}

static bool parse_items(cursor *c, shape_option *out)
{
    out->is_list = true;
    if (take(c, '}'))
        return true;
    do {
        tn_shape s;
        if (!parse_dims(c, &s))
            return false;
        *TN_PUSH(c->im->arena, *out) = s;
    } while (take(c, ','));
    return take(c, '}') || complain(c, "',' or '}' is missing after a shape");
}

static bool parse_what(cursor *c, shape_option *out)
{
    if (take(c, '{'))
        return parse_items(c, out);
    out->is_none = strcmp(c->at, "none") == 0;
    c->at += out->is_none ? strlen("none") : 0;
    return out->is_none || parse_dims(c, &out->shape);
}

static bool parse_option(importer *im, const char *option, shape_option *out)
{
    cursor c = {im, option, find_shape(option)};
    if (c.at == NULL || c.at == option)
        return complain(&c, "want NAME:[DIM,DIM,...], such as image:[1,3,224,224]");
    out->input = tn_strndup(im->arena, option, (size_t)(c.at - option));
    c.at++;
    if (!parse_what(&c, out))
        return false;
    if (*c.at != '\0')
        return complain(&c, "text after the shape");
    bool fits = tn_shape_count(&out->shape) < TN_DIM_MAX;
    for (size_t i = 0; i < out->n; i++)
        fits = fits && tn_shape_count(&out->items[i]) < TN_DIM_MAX;
    return fits || complain(&c, "a tensor of 2^40 elements or more");
}

bool tn_onnx_parse_shapes(importer *im, shape_option_vec *out)
{
    for (size_t i = 0; im->options != NULL && i < im->options->n_shapes; i++) {
        shape_option parsed = {0};
        if (!parse_option(im, im->options->shapes[i], &parsed))
            return false;
        for (size_t k = 0; k < out->n; k++)
            if (strcmp(out->items[k].input, parsed.input) == 0) {
                tn_bad_option(im->diag, im->path, "--input-shapes gives input '%s' two shapes", parsed.input);
                return false;
            }
        *TN_PUSH(im->arena, *out) = parsed;
    }
    return true;
}
