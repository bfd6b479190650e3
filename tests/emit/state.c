/* n runs of m_run_stateful give the bytes of n runs of m_run whose state is handed on here, also after a new start and an
   error in between. -DPAIRS="{1, 1}, {2, 2}": numbers of the input and the output of each state. -DSUMS: the first output
   is the sum of the first inputs, which are 1, 2, 3 ... */
#include "m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5, N_IN = M_INPUTS, N_OUT = M_OUTPUTS };

static const size_t pair[][2] = {PAIRS};
enum { N_PAIRS = sizeof pair / sizeof *pair };

/* The members of m_io, each a pointer. */
typedef union members {
    m_io io;
    void *at[N_IN + N_OUT];
} members;

static size_t count_of(const m_tensor_info *t)
{
    size_t n = 1;
    for (int k = 0; k < t->rank; k++)
        n *= (size_t)t->dim[k];
    return n;
}

static size_t size_of(const m_tensor_info *t)
{
    return count_of(t) * (strcmp(t->type, "int64") == 0 ? 8 : 4);
}

/* Floats between -1 and 1, of SUMS the step's number; integers, silero's rate of samples: 16000. */
static void fill(void *to, const m_tensor_info *t, size_t step)
{
    for (size_t i = 0, n = count_of(t); i < n; i++)
        if (strcmp(t->type, "int64") == 0)
            ((int64_t *)to)[i] = 16000;
        else
#ifdef SUMS
            ((float *)to)[i] = (float)(step + 1);
#else
            ((float *)to)[i] = (float)((i * 7919 + step * 104729) % 2003) / 1001.0f - 1.0f;
#endif
}

static int is_state(size_t member)
{
    for (size_t p = 0; p < N_PAIRS; p++)
        if (member == pair[p][0] || member == N_IN + pair[p][1])
            return 1;
    return 0;
}

static const m_tensor_info *info_of(size_t member)
{
    const m_info *info = m_get_info();
    return member < N_IN ? &info->inputs[member] : &info->outputs[member - N_IN];
}

static int failed(const char *what, size_t step)
{
    printf("step %u: %s\n", (unsigned)step, what);
    return 1;
}

int main(void)
{
    members hand, streamed, first;
    unsigned char *work = malloc(M_WORK_SIZE + 64), *state = aligned_alloc(M_STATE_ALIGN, M_STATE_SIZE);
    unsigned char *aligned = work + (M_WORK_ALIGN - (uintptr_t)work % M_WORK_ALIGN) % M_WORK_ALIGN;
    for (size_t i = 0; i < N_IN + N_OUT; i++) {
        hand.at[i] = calloc(1, size_of(info_of(i)) + 8);
        first.at[i] = calloc(1, size_of(info_of(i)) + 8);
        streamed.at[i] = is_state(i) ? NULL : i < N_IN ? hand.at[i] : calloc(1, size_of(info_of(i)) + 8);
    }
    m_state_init(state);
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < N_IN; i++)
            if (!is_state(i))
                fill(hand.at[i], info_of(i), step);
        if (m_run(&hand.io, aligned, M_WORK_SIZE) != M_OK
            || m_run_stateful(&streamed.io, aligned, M_WORK_SIZE, state) != M_OK)
            return failed("an error", step);
        memset(work, 0x55, M_WORK_SIZE); /* nothing is kept there */
        for (size_t p = 0; p < N_PAIRS; p++)
            memcpy(hand.at[pair[p][0]], hand.at[N_IN + pair[p][1]], size_of(info_of(pair[p][0])));
        for (size_t i = N_IN; i < N_IN + N_OUT; i++) {
            if (!is_state(i) && memcmp(hand.at[i], streamed.at[i], size_of(info_of(i))) != 0)
                return failed("other bytes than by hand", step);
            if (step == 0)
                memcpy(first.at[i], hand.at[i], size_of(info_of(i)));
        }
#ifdef SUMS
        if (((float *)streamed.at[N_IN])[0] != (float)((step + 1) * (step + 2) / 2))
            return failed("not the sum so far", step);
#endif
        if (M_WORK_SIZE > 0 && m_run_stateful(&streamed.io, NULL, M_WORK_SIZE, state) != M_ERR_NULL)
            return failed("an error was expected", step);
        if (m_run_stateful(NULL, aligned, M_WORK_SIZE, state) != M_ERR_NULL
            || m_run_stateful(&streamed.io, aligned, M_WORK_SIZE, NULL) != M_ERR_NULL
            || m_run_stateful(&streamed.io, aligned, M_WORK_SIZE, state + 1) != M_ERR_ALIGN)
            return failed("a wrong argument is not seen", step);
    }
    m_state_init(state);
    for (size_t i = 0; i < N_IN; i++)
        if (!is_state(i))
            fill(hand.at[i], info_of(i), 0);
    if (m_run_stateful(&streamed.io, aligned, M_WORK_SIZE, state) != M_OK)
        return failed("an error", STEPS);
    for (size_t i = N_IN; i < N_IN + N_OUT; i++)
        if (!is_state(i) && memcmp(first.at[i], streamed.at[i], size_of(info_of(i))) != 0)
            return failed("a new start is not as the first", STEPS);
    return 0;
}
