/** @file run.c
 *  What identifies a run: names, the canonical text and its keys (model.md section 6a). */
#include "model/stream.h"
#include <stdio.h>

const char *sgs_activation_name(sgs_activation activation)
{
    static const char *const names[SGS_ACTIVATIONS] = {"linear", "relu"};
    return (unsigned)activation < SGS_ACTIVATIONS ? names[activation] : NULL;
}

const char *sgs_sampling_name(sgs_sampling sampling)
{
    static const char *const names[SGS_SAMPLINGS] = {"without_replacement", "with_replacement", "shuffle", "cyclic"};
    return (unsigned)sampling < SGS_SAMPLINGS ? names[sampling] : NULL;
}

const char *sgs_init_name(sgs_init init)
{
    static const char *const names[SGS_INITS] = {"gaussian", "sphere", "ones"};
    return (unsigned)init < SGS_INITS ? names[init] : NULL;
}

const char *sgs_run_status_name(sgs_run_status status)
{
    static const char *const names[SGS_RUN_STATUSES] = {"pending", "converged", "max_steps", "diverged",
                                                        "dead",    "skipped",   "failed",    "not_needed"};
    return (unsigned)status < SGS_RUN_STATUSES ? names[status] : NULL;
}

bool sgs_run_status_finished(int status)
{
    return status >= SGS_RUN_CONVERGED && status <= SGS_RUN_DEAD;
}

/** Numbers stand in the text as integers and as %a, which prints a double exactly. */
enum { TEXT_BYTES = 512 };

static sgs_key key_of_text(const char *text, int length)
{
    return sgs_key_of(text, (size_t)length);
}

sgs_key sgs_run_key(const sgs_run *run)
{
    char text[TEXT_BYTES];
    int length =
        snprintf(text, sizeof text, "algorithm=%d;activation=%s;sampling=%s;d=%d;n=%d;b=%d;eps=%a;init=%s;scale=%a;",
                 SGS_ALGORITHM_VERSION, sgs_activation_name(run->activation), sgs_sampling_name(run->sampling), run->d,
                 run->n, run->b, run->eps, sgs_init_name(run->init), run->scale);
    if (run->init != SGS_INIT_ONES)
        length += snprintf(text + length, sizeof text - (size_t)length, "init_seed=%lld;", (long long)run->init_seed);
    length += snprintf(text + length, sizeof text - (size_t)length, "batches=%s;seed=%lld",
                       run->batches_common ? "common" : "own", (long long)run->seed);
    return key_of_text(text, length);
}

sgs_key sgs_start_key(const sgs_run *run)
{
    char text[TEXT_BYTES];
    const int length = snprintf(text, sizeof text, "algorithm=%d;start=%s;d=%d;n=%d;seed=%lld", SGS_ALGORITHM_VERSION,
                                sgs_init_name(run->init), run->d, run->n, (long long)run->init_seed);
    return key_of_text(text, length);
}

sgs_key sgs_batch_key(const sgs_run *run)
{
    if (!run->batches_common)
        return sgs_run_key(run);
    char text[TEXT_BYTES];
    const int length =
        snprintf(text, sizeof text, "algorithm=%d;batches=common;sampling=%s;n=%d;b=%d;seed=%lld",
                 SGS_ALGORITHM_VERSION, sgs_sampling_name(run->sampling), run->n, run->b, (long long)run->seed);
    return key_of_text(text, length);
}
