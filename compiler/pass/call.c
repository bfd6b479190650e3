/* See call.h. The statements of a call: loops over the axes that it does not take, the call, then what follows it. */
#include "pass/call.h"

#include "sched/sched.h"

bool tn_is_marked(const tn_comp *c, const char *library)
{
    return c->mark != NULL && strncmp(c->mark, library, strlen(library)) == 0;
}

tn_arg *tn_call_add(tn_program *p, tn_call *call, tn_arg_kind kind, const char *name)
{
    tn_arg *wider = TN_NEW_N(p->arena, tn_arg, call->n_arg + 1);
    if (call->n_arg > 0)
        memcpy(wider, call->arg, sizeof *wider * (size_t)call->n_arg);
    call->arg = wider;
    wider[call->n_arg] = (tn_arg){.kind = kind, .name = name};
    return &wider[call->n_arg++];
}

tn_comp *tn_call_rest(tn_program *p, const tn_comp *c)
{
    if (c->n_reduce == 0 || (c->post->kind == TN_E_VAR && c->post->var == c->acc))
        return NULL;
    tn_comp *rest = tn_comp_copy(p, c);
    rest->elem = tn_substitute(p, c->post, c->acc, tn_load(p, c->out, c->at));
    rest->n_reduce = 0;
    rest->init = rest->post = NULL;
    rest->acc = NULL;
    rest->call = NULL;
    return rest;
}

static tn_stmt *make_stmt(tn_program *p, const tn_call *call)
{
    tn_call *flat = TN_NEW(p->arena, tn_call);
    *flat = *call;
    flat->arg = TN_NEW_N(p->arena, tn_arg, call->n_arg + 1);
    for (int i = 0; i < call->n_arg; i++) {
        flat->arg[i] = call->arg[i];
        if (call->arg[i].expr != NULL)
            flat->arg[i].expr = tn_flatten_loads(p, call->arg[i].expr);
    }
    tn_stmt *s = TN_NEW(p->arena, tn_stmt);
    *s = (tn_stmt){.kind = TN_S_CALL, .call = flat};
    for (int i = call->n_loop; i-- > 0;) {
        tn_stmt *loop = TN_NEW(p->arena, tn_stmt);
        *loop =
            (tn_stmt){.kind = TN_S_FOR, .var = call->loop[i].var, .begin = tn_index(p, 0), .end = call->loop[i].extent};
        *TN_PUSH(p->arena, loop->body) = s;
        s = loop;
    }
    return s;
}

tn_kernel tn_call_kernel(tn_program *p, tn_comp *c, const tn_kernel *rest)
{
    tn_kernel k = {.comp = c, .schedule = rest != NULL ? rest->schedule : "", .body = TN_NEW(p->arena, tn_stmt)};
    *TN_PUSH(p->arena, k.body->body) = make_stmt(p, c->call);
    for (size_t i = 0; rest != NULL && i < rest->body->body.n; i++)
        *TN_PUSH(p->arena, k.body->body) = rest->body->body.items[i];
    return k;
}

static void note_called(void *user, const tn_expr *load)
{
    bool *called = user;
    called[load->buf->id] = true;
}

const bool *tn_find_called(tn_program *p)
{
    bool *called = TN_NEW_N(p->arena, bool, p->bufs.n + 1);
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        if (c->call == NULL)
            continue;
        tn_comp_each_load(c, note_called, called);
        called[c->out->id] = true;
    }
    return called;
}
