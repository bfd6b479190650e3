/* Parameters of passes: "fuse.max-nodes=100". A value comes from the user's config, else from the level's, else from
   the row of params.def. */
#include "pass/pass.h"

#include <errno.h>
#include <stdlib.h>

static const tn_param params[] = {
#define TN_PARAM(name, def, min, max, doc) {name, def, min, max, doc},
#include "pass/params.def"
#undef TN_PARAM
};
enum { N_PARAMS = sizeof params / sizeof *params };

static const tn_level levels[] = {
#define TN_LEVEL(name, level, config, doc) {name, level, config, doc},
#include "pass/levels.def"
#undef TN_LEVEL
};
enum { LONGEST_ITEM = 64 };
enum { N_LEVELS = sizeof levels / sizeof *levels };

const tn_param *tn_param_at(size_t i)
{
    return i < N_PARAMS ? &params[i] : NULL;
}

const tn_level *tn_level_at(size_t i)
{
    return i < N_LEVELS ? &levels[i] : NULL;
}

const tn_level *tn_level_find(const char *name)
{
    for (size_t i = 0; i < N_LEVELS; i++)
        if (strcmp(levels[i].name, name) == 0)
            return &levels[i];
    return NULL;
}

/* The text behind "NAME="; NULL when item sets another parameter. */
static const char *value_of(const char *item, const char *name)
{
    size_t n = strlen(name);
    return strncmp(item, name, n) == 0 && item[n] == '=' ? item + n + 1 : NULL;
}

static bool parse_value(const tn_param *p, const char *text, int64_t *out)
{
    char *end = NULL;
    if (p->def == TN_PARAM_AUTO && strcmp(text, "auto") == 0) {
        *out = TN_PARAM_AUTO;
        return true;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *out >= p->min && *out <= p->max;
}

static const tn_param *find_param(const char *item, const char **value)
{
    for (size_t i = 0; i < N_PARAMS; i++)
        if ((*value = value_of(item, params[i].name)) != NULL)
            return &params[i];
    return NULL;
}

static bool check_item(tn_diag *d, const char *item)
{
    char known[1000];
    size_t at = 0;
    int64_t ignored = 0;
    const char *value = NULL;
    const tn_param *p = find_param(item, &value);
    if (strchr(item, '=') == NULL) {
        tn_error(d, "--pass-config '%s': wanted NAME=VALUE, such as plan.effort=50; tenon passes lists all", item);
        return false;
    }
    if (p != NULL && !parse_value(p, value, &ignored))
        tn_error(d, "--pass-config '%s': %s takes a whole number from %lld to %lld%s", item, p->name, (long long)p->min,
                 (long long)p->max, p->def == TN_PARAM_AUTO ? ", or auto" : "");
    else if (p == NULL) {
        for (size_t i = 0; i < N_PARAMS && at < sizeof known; i++)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "", params[i].name);
        tn_error(d, "--pass-config '%s': there is no such parameter; NAME=VALUE takes %s", item, known);
    } else {
        return true;
    }
    return false;
}

bool tn_config_check(tn_diag *d, const char *const *config)
{
    for (; config != NULL && *config != NULL; config++)
        if (!check_item(d, *config))
            return false;
    return true;
}

/* The value in the level's list, copied to item; NULL when it sets another. */
static const char *level_value(const tn_level *level, const char *name, char *item)
{
    for (const char *s = level->config; *s != '\0'; s += *s == ',') {
        size_t n = strcspn(s, ",");
        assert(n < LONGEST_ITEM);
        memcpy(item, s, n);
        item[n] = '\0';
        if (value_of(item, name) != NULL)
            return value_of(item, name);
        s += n;
    }
    return NULL;
}

int64_t tn_param_get(const tn_module *m, const char *name)
{
    char item_text[LONGEST_ITEM];
    int64_t value = 0;
    const char *text = NULL;
    const tn_param *p = params;
    while (strcmp(p->name, name) != 0)
        p++; /* the name is ours: it is there */
    for (const char *const *item = m->config; item != NULL && *item != NULL; item++)
        text = value_of(*item, name) != NULL ? value_of(*item, name) : text; /* the last one counts */
    if (text == NULL && m->level != NULL)
        text = level_value(m->level, name, item_text);
    return text != NULL && parse_value(p, text, &value) ? value : p->def;
}
