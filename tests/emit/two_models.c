/* Two models in one program, each in a thread of its own with a workspace of its own, must give what they give alone.
   Driver of strict.sh; the models are samples/digits, as modules digits and digits_int8, which have equal interfaces. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "digits_int8.h"

enum { RUNS = 400, PIXELS = 64, CLASSES = 10 };

typedef struct job {
    void *(*body)(void *job);
    unsigned char *work; /* aligned */
    float alone[RUNS][CLASSES], together[RUNS][CLASSES];
    float (*to)[CLASSES];
    int errors;
} job;

static unsigned char float_room[DIGITS_WORK_SIZE + DIGITS_WORK_ALIGN];
static unsigned char int8_room[DIGITS_INT8_WORK_SIZE + DIGITS_INT8_WORK_ALIGN];
static job jobs[2];

static unsigned char *align_up(unsigned char *p, uintptr_t to)
{
    return p + (to - (uintptr_t)p % to) % to;
}

static void fill(float *image, int run)
{
    for (int i = 0; i < PIXELS; i++)
        image[i] = (float)((i * 7 + run * 13) % 17) / 16.0f;
}

static void *run_float(void *p)
{
    job *j = p;
    float image[PIXELS];
    for (int i = 0; i < RUNS; i++) {
        digits_io io = {image, j->to[i]};
        fill(image, i);
        j->errors += digits_run(&io, j->work, DIGITS_WORK_SIZE) != DIGITS_OK;
    }
    return NULL;
}

static void *run_int8(void *p)
{
    job *j = p;
    float image[PIXELS];
    for (int i = 0; i < RUNS; i++) {
        digits_int8_io io = {image, j->to[i]};
        fill(image, i);
        j->errors += digits_int8_run(&io, j->work, DIGITS_INT8_WORK_SIZE) != DIGITS_INT8_OK;
    }
    return NULL;
}

int main(void)
{
    pthread_t thread[2];
    int bad = 0;
    jobs[0].body = run_float;
    jobs[0].work = align_up(float_room, DIGITS_WORK_ALIGN);
    jobs[1].body = run_int8;
    jobs[1].work = align_up(int8_room, DIGITS_INT8_WORK_ALIGN);
    for (int k = 0; k < 2; k++) {
        jobs[k].to = jobs[k].alone;
        jobs[k].body(&jobs[k]);
    }
    for (int k = 0; k < 2; k++) {
        jobs[k].to = jobs[k].together;
        if (pthread_create(&thread[k], NULL, jobs[k].body, &jobs[k]) != 0)
            return 2;
    }
    for (int k = 0; k < 2; k++) {
        pthread_join(thread[k], NULL);
        bad += jobs[k].errors + (memcmp(jobs[k].alone, jobs[k].together, sizeof jobs[k].alone) != 0);
    }
    bad += memcmp(jobs[0].alone, jobs[1].alone, sizeof jobs[0].alone) == 0; /* two networks, not one twice */
    printf("two models: %s\n", bad == 0 ? "as alone" : "differ");
    return bad != 0;
}
