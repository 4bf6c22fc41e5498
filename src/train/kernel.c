/** @file kernel.c
 *  The lane kernel for one instruction set: this file is compiled once for each, with SGS_ISA as a suffix of its one
 *  global name. Same source, same bits: no contraction, no reassociation, no libm, order of every sum written down. */
#include "train/lanes.h"
#include "train/vector.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

#define NAME(x) PASTE(PASTE(x, _), L)
#define LANES   for (int l = 0; l < L; l++)
#define VECTORS (L / W)
#ifdef SGS_SANITIZED /* unrolled and inlined, its checks take minutes to compile */
#define EACH       for (int v = 0; v < VECTORS; v++)
#define SGS_INLINE static inline
#else
#define EACH       _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)
#define SGS_INLINE static inline __attribute__((always_inline))
#endif
#if W > 2
#define SIMD _Pragma("omp simd")
#else
#define SIMD /* clang leaves a loop of two as it is, and warns */
#endif

#include "train/kernel_start.h"

#if W < 8
#define L 4
#include "train/kernel_lanes.h"
#undef L
#endif
#define L 8
#include "train/kernel_lanes.h"
#undef L
#define L 16
#include "train/kernel_lanes.h"
#undef L
#define L 32
#include "train/kernel_lanes.h"
#undef L

extern const sgs_kernel PASTE(sgs_kernels_, SGS_ISA)[];
const sgs_kernel PASTE(sgs_kernels_, SGS_ISA)[] = {
#if W < 8
    {4, W, steps_4, sums_4, normals},
#endif
    {8, W, steps_8, sums_8, normals},
    {16, W, steps_16, sums_16, normals},
    {32, W, steps_32, sums_32, normals},
    {0, 0, NULL, NULL, NULL}};
