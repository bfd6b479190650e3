/* What the header of a package promises about kws_run's arguments: each wrong one gives its error and writes nothing, what
   is allowed passes. Driver of contract.sh; the model is contract.tg, whose sizes follow from N. With BLOB defined the
   weights are an argument, read from contract_weights.bin. */
#include <stdio.h>
#include <string.h>

#include "contract.h"

enum { MOST = 4, X = 3 * MOST, Z = 3, Y = 3 * (MOST + 3), S = 3 * MOST, PAD = 16, ROOM = 4096 };

#ifdef BLOB
static union {
    unsigned char bytes[CONTRACT_WEIGHTS_FILE_SIZE + 1];
    int64_t align;
} weights;
#define RUN(io, work, size) contract_run(io, weights.bytes, work, size)
#else
#define RUN(io, work, size) contract_run(io, work, size)
#endif

static int failures;

#define EXPECT(want, call) \
    do { \
        const int got_status = (int)(call); \
        if (got_status != (int)(want)) { \
            printf("line %d: status %d, expected %d\n", __LINE__, got_status, (int)(want)); \
            failures++; \
        } \
    } while (0)
#define TRUE(x) EXPECT(1, (x) ? 1 : 0)

/* All areas in one array, so that they can be laid on each other. floats: where inputs and outputs are cut from. */
static float floats[ROOM];
static unsigned char room[CONTRACT_WORK_SIZE + 2 * CONTRACT_WORK_ALIGN + sizeof floats];

static unsigned char *align_up(unsigned char *p)
{
    return p + (CONTRACT_WORK_ALIGN - (uintptr_t)p % CONTRACT_WORK_ALIGN) % CONTRACT_WORK_ALIGN;
}

static contract_io apart(void)
{
    contract_io io;
    memset(&io, 0, sizeof io);
    io.x = floats;
    io.z = floats + X;
    io.y = floats + X + Z;
    io.s = floats + X + Z + Y;
    io.N = MOST;
    return io;
}

static void test_null(unsigned char *work)
{
    contract_io io = apart();
    EXPECT(CONTRACT_ERR_NULL, RUN(NULL, work, CONTRACT_WORK_SIZE));
    EXPECT(CONTRACT_ERR_NULL, RUN(&io, NULL, CONTRACT_WORK_SIZE));
    io.x = NULL;
    EXPECT(CONTRACT_ERR_NULL, RUN(&io, work, CONTRACT_WORK_SIZE));
    io = apart();
    io.s = NULL;
    EXPECT(CONTRACT_ERR_NULL, RUN(&io, work, CONTRACT_WORK_SIZE));
}

static void test_size_and_align(unsigned char *work)
{
    contract_io io = apart();
    EXPECT(CONTRACT_ERR_WORK_SIZE, RUN(&io, work, CONTRACT_WORK_SIZE - 1));
    EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE + 1));
    EXPECT(CONTRACT_ERR_ALIGN, RUN(&io, work + CONTRACT_WORK_ALIGN / 2, CONTRACT_WORK_SIZE));
    io.x = (const float *)(const void *)((const unsigned char *)io.x + 1);
    EXPECT(CONTRACT_ERR_ALIGN, RUN(&io, work, CONTRACT_WORK_SIZE));
    io = apart();
    io.y = (float *)(void *)((unsigned char *)io.y + 2);
    EXPECT(CONTRACT_ERR_ALIGN, RUN(&io, work, CONTRACT_WORK_SIZE));
}

static void test_sizes(unsigned char *work)
{
    contract_io io = apart();
    const ptrdiff_t wrong[] = {0, -1, MOST + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        io.N = wrong[i];
        EXPECT(CONTRACT_ERR_SHAPE, RUN(&io, work, CONTRACT_WORK_SIZE));
    }
    for (io.N = 1; io.N <= MOST; io.N++)
        EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE));
}

/* y has N + 3 rows of 3: every tensor is as large as N makes it, and its neighbour may begin right there. */
static void test_overlap(unsigned char *work)
{
    for (ptrdiff_t n = 1; n <= MOST; n++) {
        contract_io io = apart();
        io.N = n;
        io.y = floats + 100;
        io.s = io.y + 3 * (n + 3);
        EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE));
        io.s--;
        EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
        io.s = io.y - 3 * n;
        EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE));
        io.s++;
        EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
        io.s = io.y;
        EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
    }
    contract_io io = apart();
    io.x = io.y;
    EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
    io.x = io.z = floats; /* nobody writes them */
    EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE));
    io.z = (const float *)(const void *)(work + CONTRACT_WORK_SIZE - sizeof *io.z);
    EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
    io.z = (const float *)(const void *)(work + CONTRACT_WORK_SIZE);
    EXPECT(CONTRACT_OK, RUN(&io, work, CONTRACT_WORK_SIZE));
    io.s = (float *)(void *)work;
    EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
}

/* "On an error nothing was computed." */
static void test_nothing_written(unsigned char *work)
{
    static float before[ROOM];
    contract_io io = apart();
    memset(io.y, 0x5a, sizeof(float) * (Y + S));
    memset(work, 0x5a, CONTRACT_WORK_SIZE);
    memcpy(before, floats, sizeof floats);
    io.x = io.y;
    EXPECT(CONTRACT_ERR_OVERLAP, RUN(&io, work, CONTRACT_WORK_SIZE));
    EXPECT(CONTRACT_ERR_WORK_SIZE, RUN(&io, work, 0));
    TRUE(memcmp(before, floats, sizeof floats) == 0);
    for (size_t i = 0; i < CONTRACT_WORK_SIZE; i++)
        if (work[i] != 0x5a)
            failures++;
}

#ifdef BLOB
static void test_weights(unsigned char *work)
{
    contract_io io = apart();
    EXPECT(CONTRACT_OK, contract_weights_check(weights.bytes, CONTRACT_WEIGHTS_FILE_SIZE));
    EXPECT(CONTRACT_ERR_NULL, contract_weights_check(NULL, CONTRACT_WEIGHTS_FILE_SIZE));
    EXPECT(CONTRACT_ERR_ALIGN, contract_weights_check(weights.bytes + 1, CONTRACT_WEIGHTS_FILE_SIZE));
    EXPECT(CONTRACT_ERR_WEIGHTS, contract_weights_check(weights.bytes, CONTRACT_WEIGHTS_FILE_SIZE - 1));
    for (size_t i = 0; i < CONTRACT_WEIGHTS_FILE_SIZE; i++) {
        if (i >= 28 && i < 64) /* the header's spare bytes */
            continue;
        weights.bytes[i] ^= 4;
        EXPECT(CONTRACT_ERR_WEIGHTS, contract_weights_check(weights.bytes, CONTRACT_WEIGHTS_FILE_SIZE));
        weights.bytes[i] ^= 4;
    }
    EXPECT(CONTRACT_ERR_NULL, contract_run(&io, NULL, work, CONTRACT_WORK_SIZE));
    EXPECT(CONTRACT_ERR_ALIGN, contract_run(&io, weights.bytes + 1, work, CONTRACT_WORK_SIZE));
    io.y = (float *)(void *)(weights.bytes + CONTRACT_WEIGHTS_FILE_SIZE - 2 * sizeof(float));
    EXPECT(CONTRACT_ERR_OVERLAP, contract_run(&io, weights.bytes, work, CONTRACT_WORK_SIZE));
}

static int read_weights(void)
{
    FILE *f = fopen("contract_weights.bin", "rb");
    size_t n = f != NULL ? fread(weights.bytes, 1, CONTRACT_WEIGHTS_FILE_SIZE, f) : 0;
    if (f != NULL)
        fclose(f);
    return n == CONTRACT_WEIGHTS_FILE_SIZE;
}
#else
static void test_weights(unsigned char *work)
{
    (void)work;
}

static int read_weights(void)
{
    return 1;
}
#endif

static void test_macros(void)
{
    const contract_info *info = contract_get_info();
    TRUE(info->n_inputs == CONTRACT_INPUTS && info->n_outputs == CONTRACT_OUTPUTS && CONTRACT_SYMBOLS == 1);
    TRUE(info->work_size == CONTRACT_WORK_SIZE && info->n_layers == CONTRACT_LAYER_COUNT);
    TRUE(CONTRACT_INPUT_0_COUNT == X && CONTRACT_OUTPUT_0_BYTES == Y * sizeof(float) && CONTRACT_OUTPUT_1_COUNT == S);
    TRUE(info->inputs[0].rank == 2 && info->inputs[0].dim[0] == -MOST && info->outputs[0].dim[0] == -(MOST + 3));
    TRUE(strcmp(info->inputs[1].name, CONTRACT_INPUT_1_NAME) == 0 && strcmp(CONTRACT_SYMBOL_0_NAME, "N") == 0);
    TRUE(CONTRACT_SYMBOL_0_MAX == MOST && CONTRACT_STACK_BOUND > 0 && CONTRACT_ABI_VERSION > 0);
}

int main(void)
{
    unsigned char *work = align_up(room);
    if (!read_weights())
        return 2;
    test_null(work);
    test_size_and_align(work);
    test_sizes(work);
    test_overlap(work);
    test_nothing_written(work);
    test_weights(work);
    test_macros();
    if (failures == 0)
        printf("the contract holds\n");
    return failures != 0;
}
