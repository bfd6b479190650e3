/* Inputs of a runner: matching arrays to the model's inputs, checking them, filling them. See tenon.h.

   Nothing is copied before all is found to fit: after an error the inputs are what they were. A symbol takes the size
   that an array has there, the same in all inputs; one that no input's dim is alone takes its maximum. */
#include "api/arrays.h"
#include "api/runner.h"

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* "float[batch<=8,3]" */
static const char *wanted_text(const tn_runner *r, const tn_package_io *io)
{
    tn_str s = {.arena = &r->ctx->arena};
    tn_str_add(&s, "%s[", tn_dtype_name(io->dtype));
    for (int k = 0; k < io->rank; k++) {
        const tn_package_dim *d = &io->dim[k];
        const char *name = d->symbol >= 0 ? r->package.symbol[d->symbol].name : d->term != NULL ? d->term : "";
        tn_str_add(&s, "%s%s%s%lld", k > 0 ? "," : "", name, name[0] != '\0' ? "<=" : "", (long long)d->max);
    }
    tn_str_add(&s, "]");
    return s.text;
}

static const char *names_text(const tn_runner *r)
{
    tn_str s = {.arena = &r->ctx->arena};
    for (size_t i = 0; i < r->package.n_in; i++)
        tn_str_add(&s, "%s'%s'", i > 0 ? ", " : "", r->package.input[i].name);
    return s.len > 0 ? s.text : "none";
}

/* --- which array is which input ----------------------------------------------------------------------------------- */

enum { NONE = -1 };

static const char *name_of(const tn_array *x)
{
    return x->name != NULL ? x->name : "";
}

static long find_input(const tn_package *p, const char *name)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (strcmp(p->input[i].name, name) == 0)
            return (long)i;
    for (size_t i = 0; i < p->n_in; i++)
        if (strcmp(p->input[i].c_name, name) == 0)
            return (long)i;
    return NONE;
}

/* "input_12" is place 12, and no name is the place in the list. */
static long find_place(const tn_array *x, size_t i)
{
    static const char word[] = "input_";
    const char *name = name_of(x), *digits = name + sizeof word - 1;
    long place = 0;
    if (name[0] == '\0')
        return (long)i;
    if (strncmp(name, word, sizeof word - 1) != 0 || *digits == '\0')
        return NONE;
    for (; *digits >= '0' && *digits <= '9' && place < 1000000; digits++)
        place = place * 10 + (*digits - '0');
    return *digits == '\0' ? place : NONE;
}

/* Names count when all of them are the model's; a model may call its first input "input_1". */
static bool is_by_place(const tn_runner *r, const tn_array *items, size_t n)
{
    bool all_named = true, all_placed = true;
    for (size_t i = 0; i < n; i++) {
        all_named = all_named && find_input(&r->package, name_of(&items[i])) != NONE;
        all_placed = all_placed && find_place(&items[i], i) != NONE;
    }
    return !all_named && all_placed;
}

/* Fills r->given with those that fit; says which do not and what is left. */
static bool match_inputs(const tn_runner *r, const tn_array *items, size_t n)
{
    const tn_package *p = &r->package;
    bool by_place = is_by_place(r, items, n);
    tn_str unknown = {.arena = &r->ctx->arena}, missing = {.arena = &r->ctx->arena};
    for (size_t i = 0; i < p->n_in; i++)
        r->given[i] = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = name_of(&items[i]);
        long at = by_place ? find_place(&items[i], i) : find_input(p, name);
        if (at == NONE || (size_t)at >= p->n_in) {
            tn_str_add(&unknown, "%sarray %zu '%s'", unknown.len > 0 ? ", " : "", i, name);
            continue;
        }
        if (r->given[at] != NULL) {
            tn_error(&r->ctx->diag, "input '%s' is given twice", p->input[at].name);
            return false;
        }
        r->given[at] = &items[i];
    }
    for (size_t i = 0; i < p->n_in; i++)
        if (r->given[i] == NULL)
            tn_str_add(&missing, "%s'%s'", missing.len > 0 ? ", " : "", p->input[i].name);
    if (unknown.len == 0 && missing.len == 0)
        return true;
    const char *no_input =
        unknown.len > 0 ? tn_strfmt(&r->ctx->arena, "no input of the model: %s; ", unknown.text) : "";
    const char *left = missing.len > 0 ? tn_strfmt(&r->ctx->arena, "missing: input %s; ", missing.text) : "";
    tn_error(&r->ctx->diag, "%s%s%zu arrays are given for %zu inputs: %s", no_input, left, n, p->n_in, names_text(r));
    return false;
}

/* --- types and shapes --------------------------------------------------------------------------------------------- */

static bool check_type(const tn_runner *r, const tn_package_io *io, const tn_array *x)
{
    bool fits = x->dtype == io->dtype
             && (x->rank == io->rank || (io->rank == 0 && x->bytes == (size_t)tn_dtype_get(x->dtype)->size));
    for (int k = 0; fits && k < io->rank; k++)
        fits = io->dim[k].symbol >= 0 || io->dim[k].term != NULL || x->dim[k] == io->dim[k].max;
    if (!fits) {
        tn_error(&r->ctx->diag, "input '%s' is %s; the model takes %s", io->name, tn_array_text(&r->ctx->arena, x),
                 wanted_text(r, io));
        return false;
    }
    if (!tn_array_is_sound(x)) {
        tn_error(&r->ctx->diag, "input '%s': %s and %zu bytes do not go together", io->name,
                 tn_array_text(&r->ctx->arena, x), x->bytes);
        return false;
    }
    return true;
}

/* Takes the values of symbols from input i. */
static bool take_symbols(const tn_runner *r, size_t i)
{
    tn_diag *d = &r->ctx->diag;
    const tn_package_io *io = &r->package.input[i];
    for (int k = 0; k < io->rank; k++) {
        int at = io->dim[k].symbol;
        if (at < 0)
            continue;
        const tn_package_symbol *s = &r->package.symbol[at];
        long long is = r->given[i]->dim[k];
        if (is < 1 || is > s->max) {
            tn_error(d, "input '%s': dim %d is %lld; %s may be 1 to %lld", io->name, k, is, s->name, (long long)s->max);
            return false;
        }
        if (r->fresh[at] != 0 && r->fresh[at] != is) {
            tn_error(d, "input '%s': dim %d is %lld; wanted %lld, which %s is by input '%s'", io->name, k, is,
                     (long long)r->fresh[at], s->name, r->package.input[r->giver[at]].name);
            return false;
        }
        r->fresh[at] = is;
        r->giver[at] = i;
    }
    return true;
}

static bool check_terms(const tn_runner *r, size_t i)
{
    const tn_package_io *io = &r->package.input[i];
    for (int k = 0; k < io->rank; k++) {
        int64_t value = 0;
        if (io->dim[k].term == NULL)
            continue;
        bool ok = tn_package_dim_value(&r->package, &io->dim[k], r->fresh, &value);
        if (ok && value == r->given[i]->dim[k] && value <= io->dim[k].max)
            continue;
        tn_error(&r->ctx->diag, "input '%s': dim %d is %lld; wanted %lld, which is %s", io->name, k,
                 (long long)r->given[i]->dim[k], (long long)value, io->dim[k].term);
        return false;
    }
    return true;
}

static bool check_inputs(const tn_runner *r)
{
    const tn_package *p = &r->package;
    for (size_t i = 0; i < p->n_symbols; i++)
        r->fresh[i] = 0;
    for (size_t i = 0; i < p->n_in; i++)
        if (!check_type(r, &p->input[i], r->given[i]) || !take_symbols(r, i))
            return false;
    for (size_t i = 0; i < p->n_symbols; i++)
        if (r->fresh[i] == 0)
            r->fresh[i] = p->symbol[i].max;
    for (size_t i = 0; i < p->n_in; i++)
        if (!check_terms(r, i))
            return false;
    return true;
}

/* --- setting ------------------------------------------------------------------------------------------------------ */

/* Generated code relies on bools of 0 and 1; files hold any byte. */
static void copy_data(void *to, const tn_array *x)
{
    if (x->bytes > 0)
        memcpy(to, x->data, x->bytes);
    for (size_t i = 0; x->dtype == TN_BOOL && i < x->bytes; i++)
        ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
}

typedef struct set_state {
    tn_runner *runner;
    const tn_array *items;
    size_t n;
} set_state;

static tn_status set_inputs(void *state)
{
    const set_state *s = state;
    tn_runner *r = s->runner;
    if (!match_inputs(r, s->items, s->n) || !check_inputs(r))
        return TN_ERR_RUN;
    for (size_t i = 0; i < r->package.n_in; i++)
        copy_data(r->io[i].data, r->given[i]);
    for (size_t i = 0; i < r->package.n_symbols; i++)
        r->symbols[i] = r->fresh[i];
    r->has_inputs = true;
    return TN_OK;
}

tn_status tn_runner_set_inputs(tn_runner *r, const tn_array *items, size_t n)
{
    set_state s = {r, items, n};
    return tn_api_run(r->ctx, set_inputs, &s);
}

/* --- filling ------------------------------------------------------------------------------------------------------ */

/* SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every host. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double random_value(int dtype, uint64_t *seed)
{
    uint64_t bits = next_random(seed);
    if (tn_dtype_get(dtype)->is_float)
        return (double)(bits >> 40) / 16777216.0; /* 24 bits: exact in float, below 1 */
    return (double)((bits >> 32) % (dtype == TN_BOOL ? 2 : 10));
}

typedef struct fill_state {
    tn_runner *runner;
    const char *mode;
    uint64_t seed;
} fill_state;

static tn_status fill_inputs(void *state)
{
    fill_state *s = state;
    tn_runner *r = s->runner;
    bool ones = strcmp(s->mode, "ones") == 0, random = strcmp(s->mode, "random") == 0;
    if (!ones && !random && strcmp(s->mode, "zeros") != 0) {
        tn_error(&r->ctx->diag, "fill mode '%s'; there are zeros, ones and random", s->mode);
        return TN_ERR_USAGE;
    }
    for (size_t i = 0; i < r->package.n_symbols; i++)
        r->symbols[i] = r->package.symbol[i].max;
    for (size_t i = 0; i < r->package.n_in; i++) {
        const tn_package_io *io = &r->package.input[i];
        tn_tensor t = {.dtype = (tn_dtype)io->dtype, .bytes = io->room, .data = r->io[i].data};
        int64_t count = (int64_t)io->room / tn_dtype_get(io->dtype)->size;
        for (int64_t k = 0; k < count; k++)
            tn_tensor_set(&t, k, random ? random_value(io->dtype, &s->seed) : ones);
    }
    r->has_inputs = true;
    return TN_OK;
}

tn_status tn_runner_fill_inputs(tn_runner *r, const char *mode, uint64_t seed)
{
    fill_state s = {r, mode, seed};
    return tn_api_run(r->ctx, fill_inputs, &s);
}
