/* @NAME@.h: how to run the model from C or C++.
 *
@BANNER_C@
 *
 * Example:
 *
@EXAMPLE@
 *
 * The workspace belongs to the caller. What it holds between two calls does not matter, so one workspace, of the
 * largest size and alignment, serves several models that run one after the other; calls at the same time need one each.
 * All tensors are dense and row-major: the last index moves fastest. Inputs are not written. No output may share memory
 * with an input, another output or the workspace.
 *
 * What may be defined when the model is compiled, with -D or in a header that @UPPER@_CONFIG_H names in quotes:
 *
 *   @UPPER@_NO_CHECKS         @NAME@_run trusts its arguments
 *   @UPPER@_NO_INFO           leaves out @NAME@_get_info
 *   @UPPER@_LAYER_BEGIN(i)    done before layer i, and @UPPER@_LAYER_END(i) after it: a clock, a trace, a pin
 *   @UPPER@_SECTION_CODE      before every function, such as __attribute__((section(".itcm")))
 *   @UPPER@_SECTION_WEIGHTS   before every array of weights, where the weights are C
@VARIANTS@
 */
#ifndef @UPPER@_H
#define @UPPER@_H

#include <stddef.h>
#include <stdint.h>
@POOL_H@

#ifdef __cplusplus
extern "C" {
#endif

/* The version of Tenon that made this file, and what the model file was. */
#define @UPPER@_VERSION_MAJOR @MAJOR@
#define @UPPER@_VERSION_MINOR @MINOR@
#define @UPPER@_VERSION_PATCH @PATCH@
#define @UPPER@_MODEL_HASH @HASH@
/* The tn_port.h that belongs to it. */
#define @UPPER@_ABI_VERSION @ABI@

/* The workspace, in bytes. */
#define @UPPER@_WORK_SIZE @WORK_SIZE@
#define @UPPER@_WORK_ALIGN @WORK_ALIGN@
/* Bytes of stack that @NAME@_run may take when compiled with optimisation (-Os, -O1 or more), from above: without what
   the C library's functions (expf, memset ...) take, and the hooks of @UPPER@_LAYER_BEGIN. */
#define @UPPER@_STACK_BOUND @STACK_BOUND@
/* Bytes of weights, and multiply-accumulates of one run at the largest sizes. */
#define @UPPER@_WEIGHTS_SIZE @WEIGHTS_SIZE@
@WEIGHTS_FILE_SIZE@
#define @UPPER@_MACC @MACC@
#define @UPPER@_LAYER_COUNT @LAYER_COUNT@

#define @UPPER@_INPUTS @INPUTS@
#define @UPPER@_OUTPUTS @OUTPUTS@
#define @UPPER@_SYMBOLS @SYMBOLS@
@TENSORS@

typedef enum @NAME@_status {
    @UPPER@_OK = 0,
@CODES@
} @NAME@_status;

/* What one run reads and writes. Every member has the size of a pointer. */
typedef struct @NAME@_io {
@MEMBERS@
} @NAME@_io;

/* Runs the model once. On an error nothing was computed; after ERR_VALUE, or ERR_SHAPE by a size that the run finds, the
   outputs hold anything.
@DENORMALS@ */
@NAME@_status @NAME@_run(const @NAME@_io *io, @WEIGHTS_PARAM@void *work, size_t work_size@THREADS_PARAM@);
@RUN_FLAT@
@STATE@
@POOL@
@WEIGHTS_CHECK@
@SELFTEST@
@FUNCTIONS@

/* The model's own description, for programs that handle any model. Left out when @UPPER@_NO_INFO is defined. */
#ifndef @UPPER@_NO_INFO
typedef struct @NAME@_tensor_info {
    const char *name;   /* as in the model */
    const char *type;   /* "float", "int8", ... */
    int rank;
    const int64_t *dim; /* rank of them; -n: any size up to n; NULL for rank 0 */
} @NAME@_tensor_info;

typedef struct @NAME@_layer_info {
    const char *label;
    int64_t macs; /* multiply-accumulates at the largest sizes; 0 where there is no sum */
} @NAME@_layer_info;

typedef struct @NAME@_info {
    const char *name;    /* "@NAME@" */
    const char *version; /* of Tenon */
    const char *target;
    uint64_t model_hash;
    int64_t work_size, work_align, weights_size, macs;
    size_t n_inputs, n_outputs, n_layers;
    const @NAME@_tensor_info *inputs, *outputs;
    const @NAME@_layer_info *layers; /* NULL when there are none */
} @NAME@_info;

const @NAME@_info *@NAME@_get_info(void);
#endif

#ifdef __cplusplus
}
#endif

#endif
