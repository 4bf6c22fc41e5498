/** @file isa.c
 *  Which variant of the kernel this machine runs. The variants differ in speed only. */
#include "sgdsweep/train.h"
#include "train/lanes.h"
#include <stdlib.h>
#include <string.h>

extern const sgs_kernel sgs_kernels_baseline[];
#ifdef SGS_HAVE_X86_64
extern const sgs_kernel sgs_kernels_v3[];
extern const sgs_kernel sgs_kernels_v4[];

/* clang 14 knows single features only; the others of a level come with these on every processor that has them */
static bool has_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("fma");
}

static bool has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#define BASELINE_NAME "x86-64"
#else
#define BASELINE_NAME "baseline"
#endif

static bool has_baseline(void)
{
    return true;
}

const sgs_isa sgs_isas[] = {
#ifdef SGS_HAVE_X86_64
    {"x86-64-v4", has_v4, sgs_kernels_v4},
    {"x86-64-v3", has_v3, sgs_kernels_v3},
#endif
    {BASELINE_NAME, has_baseline, sgs_kernels_baseline},
    {NULL, NULL, NULL},
};

/** The best available, or what SGDSWEEP_ISA names; NULL if that is unknown or not there. */
static const sgs_isa *choose(void)
{
    const char *wanted = getenv("SGDSWEEP_ISA");
    for (const sgs_isa *isa = sgs_isas; isa->name; isa++)
        if (isa->available() && (!wanted || !*wanted || strcmp(wanted, isa->name) == 0))
            return isa;
    return NULL;
}

const char *sgs_trainer_isa(void)
{
    const sgs_isa *isa = choose();
    return isa ? isa->name : "none";
}

int sgs_trainer_vector(void)
{
    const sgs_isa *isa = choose();
    return isa ? isa->kernels->vector : 1;
}

static sgs_status fail_unknown(sgs_error *err)
{
    char known[256] = "";
    for (const sgs_isa *isa = sgs_isas; isa->name; isa++)
        if (isa->available()) {
            strncat(known, known[0] ? ", " : "", sizeof known - strlen(known) - 1);
            strncat(known, isa->name, sizeof known - strlen(known) - 1);
        }
    return sgs_fail(err, SGS_EINVAL, "SGDSWEEP_ISA=%s: not available here; accepted: %s", getenv("SGDSWEEP_ISA"),
                    known);
}

sgs_status sgs_kernel_choose(int lanes, const sgs_kernel **kernel, sgs_error *err)
{
    const sgs_isa *isa = choose();
    if (!isa)
        return fail_unknown(err);
    const sgs_kernel *best = isa->kernels;
    while (best->lanes < lanes && best[1].lanes)
        best++;
    *kernel = best;
    return SGS_OK;
}
