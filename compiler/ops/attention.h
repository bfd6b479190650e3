/* What the operators of attention share (attention.c): softmax(softcap(scale * q k^T) + bias) v. */
#ifndef TN_ATTENTION_H
#define TN_ATTENTION_H

#include "ops/expand.h"

typedef struct tn_attention {
    tn_value *q, *k, *v; /* [B,Hq,S,D], [B,Hk,T,D], [B,Hk,T,Dv]; a group of Hq / Hk query heads shares a key head */
    float scale;         /* NaN: 1 / sqrt(D) */
    float softcap;       /* 0: none */
    tn_value *bias;      /* added to the scores; NULL for nothing */
    bool may_see_none;   /* a query whose bias is all -inf gives zeros */
    tn_value *sink;      /* [Hq]: one more score for each query, without a value; NULL for none */
    tn_dtype precision;  /* of the softmax */
    tn_value *stage[4];  /* see tn_attention_stage */
} tn_attention;

/* [B,Hq,S,Dv] in the type of q. Checks the shapes. */
tn_value *tn_call_attention(tn_expand *e, tn_attention *a);
/* After it, [B,Hq,S,T]: 0 the scores, 1 with softcap, 2 with bias, 3 the probabilities. */
tn_value *tn_attention_stage(tn_expand *e, const tn_attention *a, int64_t i);

tn_value *tn_split_heads(tn_expand *e, tn_value *v, int64_t count); /* [B,S,H*D] to [B,H,S,D]; of rank 4: v itself */
tn_value *tn_join_heads(tn_expand *e, tn_value *v);                 /* [B,H,S,D] to [B,S,H*D] */
tn_value *tn_call_range(tn_expand *e, tn_value *v, int axis);       /* 0, 1, ... below the extent of that axis */
tn_value *tn_call_both(tn_expand *e, tn_value *x, tn_value *y);     /* x and y; y where x is NULL */
/* 0 where seen (bool), otherwise hidden; of that type */
tn_value *tn_call_hide(tn_expand *e, tn_value *seen, tn_dtype t, double hidden);

#endif
