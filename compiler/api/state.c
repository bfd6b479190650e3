/* --state "h=h_next": what a model leaves in output h_next is its input h in the next run. NAME_run stays as it is; beside
   it NAME_run_stateful keeps both in memory of the stream's own, of two halves:

       now:  h, c       next:  h_next, c_next       after a run without an error next is copied to now

   so that a run never writes what it reads, and an error costs nothing. */
#include "api/model.h"
#include "emit/frame.h"

/* The names, quoted. */
static const char *list_names(tn_arena *a, const tn_buf *const *bufs, size_t n)
{
    tn_str s = {.arena = a};
    for (size_t i = 0; i < n; i++)
        tn_str_add(&s, "%s'%s'", i > 0 ? ", " : "", tn_io_model_name(bufs[i]));
    return s.len > 0 ? s.text : "none";
}

/* n where none has that name, which ends at end. */
static size_t find(const tn_buf *const *bufs, size_t n, const char *name, size_t len)
{
    size_t i = 0;
    while (i < n && (strlen(tn_io_model_name(bufs[i])) != len || strncmp(tn_io_model_name(bufs[i]), name, len) != 0))
        i++;
    return i;
}

/* Names may hold '=' themselves: the first split that names an input and an output. */
static bool split(const tn_unit *u, const char *option, tn_state *s)
{
    for (const char *p = strchr(option, '='); p != NULL; p = strchr(p + 1, '=')) {
        s->now = find(u->input, u->n_in, option, (size_t)(p - option));
        s->next = find(u->output, u->n_out, p + 1, strlen(p + 1));
        if (s->now < u->n_in && s->next < u->n_out)
            return true;
    }
    return false;
}

static const char *check(const tn_unit *u, const tn_state *s)
{
    const tn_buf *now = u->input[s->now], *next = u->output[s->next];
    const char *now_type = tn_io_type(u->arena, now), *next_type = tn_io_type(u->arena, next);
    if (strcmp(now_type, next_type) != 0)
        return tn_strfmt(u->arena, "the input is %s, the output %s; they must be alike", now_type, next_type);
    for (int k = 0; k < now->rank; k++)
        if (tn_io_dim(now, k).sym != NULL)
            return tn_strfmt(u->arena, "it is %s; the state's size must be fixed: give it with --input-shapes",
                             now_type);
    for (size_t i = 0; i < u->n_states; i++)
        if (u->state[i].now == s->now || u->state[i].next == s->next)
            return "its input or output is the state of another --state already";
    return NULL;
}

static bool tie(tn_model *m, tn_unit *u, const char *option)
{
    tn_state s = {.offset = u->state_size};
    const char *why = NULL;
    if (!split(u, option, &s))
        why = tn_strfmt(u->arena, "want INPUT=OUTPUT; the inputs are %s, the outputs %s",
                        list_names(u->arena, u->input, u->n_in), list_names(u->arena, u->output, u->n_out));
    else
        why = check(u, &s);
    if (why != NULL) {
        tn_bad_option(&m->ctx->diag, m->path, "--state \"%s\": %s", option, why);
        return false;
    }
    u->state[u->n_states++] = s;
    int64_t bytes = tn_io_bytes(u->input[s.now]);
    u->state_size += (bytes + TN_STATE_ALIGN - 1) / TN_STATE_ALIGN * TN_STATE_ALIGN;
    return true;
}

bool tn_unit_tie_states(tn_model *m, tn_unit *u)
{
    u->state = TN_NEW_N(u->arena, tn_state, u->n_in + 1);
    for (const char *const *option = tn_setting_all(m->ctx, "state"); *option != NULL; option++)
        if (!tie(m, u, *option))
            return false;
    u->state_size *= 2;
    return true;
}
