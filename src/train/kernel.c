/** @file kernel.c
 *  The lane kernel for one instruction set: this file is compiled once for each, with SGS_ISA as a suffix of its one
 *  global name. Same source, same bits: no contraction, no reassociation, no libm, order of every sum written down. */
#include "train/lanes.h"
#include "train/vector.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

#define NAME(x)    PASTE(PASTE(x, _), L)
#define LANES      for (int l = 0; l < L; l++)
#define SGS_INLINE static inline __attribute__((always_inline))

/** Flip a point's bit in its group of 64 if that is wanted and a subset still has the wrong size. Without branches. */
SGS_INLINE void correct_point(uint64_t *bits, int32_t point, uint64_t want, int64_t *left)
{
    const uint64_t set = *bits >> (point & 63) & 1, hit = (set == want) & (*left > 0);
    *bits ^= hit << (point & 63);
    *left -= (int64_t)hit;
}

#define L 1
#include "train/kernel_lanes.h"
#undef L
#define L 4
#include "train/kernel_lanes.h"
#undef L
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
const sgs_kernel PASTE(sgs_kernels_, SGS_ISA)[] = {{1, steps_1, sums_1},    {4, steps_4, sums_4},
                                                   {8, steps_8, sums_8},    {16, steps_16, sums_16},
                                                   {32, steps_32, sums_32}, {0, NULL, NULL}};
