/* @NAME@_pool.c: a pool of POSIX threads for @NAME@_run. See tn_pool.h.
 *
@BANNER_C@
 *
 * An application that gives @NAME@_run a tn_parallel of its own leaves this file out.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall, pthread_sigmask */
#endif
#include "@NAME@.h"

#define TN_POOL_NAME(x) @NAME@_pool_##x
#include "tn_pool.h"
