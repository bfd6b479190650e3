/* Runs the package m on inputs made up here and writes all its outputs, as they lie in memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "m.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
static const struct {
    const char *type;
    size_t bytes;
} tensor[] = {
    {TEXT(M_INPUT_0_TYPE), M_INPUT_0_BYTES},
#if M_INPUTS > 1
    {TEXT(M_INPUT_1_TYPE), M_INPUT_1_BYTES},
#endif
#if M_INPUTS > 2
    {TEXT(M_INPUT_2_TYPE), M_INPUT_2_BYTES},
#endif
    {TEXT(M_OUTPUT_0_TYPE), M_OUTPUT_0_BYTES},
#if M_OUTPUTS > 1
    {TEXT(M_OUTPUT_1_TYPE), M_OUTPUT_1_BYTES},
#endif
#if M_OUTPUTS > 2
    {TEXT(M_OUTPUT_2_TYPE), M_OUTPUT_2_BYTES},
#endif
};
enum { N = sizeof tensor / sizeof *tensor };

/* Numbers of both signs, some of them zeros of both signs, large, or denormal. */
static float draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    const float f = (float)((double)(*state >> 8) / 8388608.0 - 1.0) * 3.0f;
    switch ((*state >> 9) % 89u) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return f * 1e-39f;
    case 3: return f * 20.0f;
    default: return f;
    }
}

static void fill(const char *type, unsigned char *at, size_t bytes, uint32_t *state)
{
    for (size_t i = 0; i < bytes; i += 4) {
        const float f = draw(state);
        const void *from = strcmp(type, "float") == 0 ? (const void *)&f : (const void *)state;
        memcpy(at + i, from, bytes - i < 4 ? bytes - i : 4);
    }
}

int main(void)
{
    static unsigned char room[M_WORK_SIZE + M_WORK_ALIGN];
    unsigned char *work = room + (M_WORK_ALIGN - (uintptr_t)room % M_WORK_ALIGN) % M_WORK_ALIGN;
    union {
        m_io io;
        void *member[sizeof(m_io) / sizeof(void *)];
    } all;
    uint32_t state = 2026;
    for (int i = 0; i < N; i++) {
        all.member[i] = calloc(tensor[i].bytes, 1);
        if (i < M_INPUTS)
            fill(tensor[i].type, all.member[i], tensor[i].bytes, &state);
    }
#ifdef M_POOL_SIZE
    static unsigned char pool[M_POOL_SIZE];
    const tn_parallel *threads = m_pool_open(pool, sizeof pool, M_THREADS);
    const int status = m_run(&all.io, work, M_WORK_SIZE, threads);
    m_pool_close(threads);
#else
    const int status = m_run(&all.io, work, M_WORK_SIZE);
#endif
    for (int i = M_INPUTS; i < N && status == 0; i++)
        fwrite(all.member[i], 1, tensor[i].bytes, stdout);
    return status != 0;
}
