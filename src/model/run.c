/** @file run.c
 *  What identifies a run: names, the canonical text and its keys (model.md section 6a). */
#include "model/stream.h"
#include <stdio.h>
#include <string.h>

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

/** Numbers stand in the text as decimal integers and as %a, which prints a double exactly. A sweep of short runs makes
 * a million such texts a second, so digits are put down by hand. */
enum { TEXT_BYTES = 512, DIGITS_MAX = 20 };

typedef struct key_text {
    size_t length;
    char at[TEXT_BYTES];
} key_text;

static void add_word(key_text *text, const char *word)
{
    const size_t size = strlen(word);
    memcpy(text->at + text->length, word, size);
    text->length += size;
}

static void add_integer(key_text *text, const char *name, int64_t value)
{
    char digits[DIGITS_MAX];
    int count = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    add_word(text, name);
    if (value < 0)
        text->at[text->length++] = '-';
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    while (count > 0)
        text->at[text->length++] = digits[--count];
}

static void add_real(key_text *text, const char *name, double value)
{
    add_word(text, name);
    text->length += (size_t)snprintf(text->at + text->length, sizeof text->at - text->length, "%a", value);
}

static sgs_key key_of_text(const key_text *text)
{
    return sgs_key_of(text->at, text->length);
}

/** What the runs of a cell share. */
static void add_cell(key_text *text, const sgs_run *run)
{
    add_integer(text, "algorithm=", SGS_ALGORITHM_VERSION);
    add_word(text, ";activation=");
    add_word(text, sgs_activation_name(run->activation));
    add_word(text, ";sampling=");
    add_word(text, sgs_sampling_name(run->sampling));
    add_integer(text, ";d=", run->d);
    add_integer(text, ";n=", run->n);
    add_integer(text, ";b=", run->b);
    add_real(text, ";eps=", run->eps);
    add_word(text, ";init=");
    add_word(text, sgs_init_name(run->init));
    add_real(text, ";scale=", run->scale);
    add_word(text, ";");
}

static bool is_same_cell(const sgs_run *a, const sgs_run *b)
{
    return a->activation == b->activation && a->sampling == b->sampling && a->d == b->d && a->n == b->n &&
           a->b == b->b && a->eps == b->eps && a->init == b->init && a->scale == b->scale;
}

sgs_key sgs_run_key(const sgs_run *run)
{
    /* The text of the last cell, since %a takes longer than all the rest; each thread has its own. */
    static _Thread_local sgs_run last;
    static _Thread_local key_text cell;

    if (cell.length == 0 || !is_same_cell(&last, run)) {
        cell.length = 0;
        add_cell(&cell, run);
        last = *run;
    }
    key_text text;
    text.length = cell.length;
    memcpy(text.at, cell.at, cell.length);
    if (run->init != SGS_INIT_ONES) {
        add_integer(&text, "init_seed=", run->init_seed);
        add_word(&text, ";");
    }
    add_word(&text, run->batches_common ? "batches=common" : "batches=own");
    add_integer(&text, ";seed=", run->seed);
    return key_of_text(&text);
}

sgs_key sgs_start_key(const sgs_run *run)
{
    key_text text;

    text.length = 0;
    add_integer(&text, "algorithm=", SGS_ALGORITHM_VERSION);
    add_word(&text, ";start=");
    add_word(&text, sgs_init_name(run->init));
    add_integer(&text, ";d=", run->d);
    add_integer(&text, ";n=", run->n);
    add_integer(&text, ";seed=", run->init_seed);
    return key_of_text(&text);
}

sgs_key sgs_batch_key(const sgs_run *run)
{
    key_text text;

    if (!run->batches_common)
        return sgs_run_key(run);
    text.length = 0;
    add_integer(&text, "algorithm=", SGS_ALGORITHM_VERSION);
    add_word(&text, ";batches=common;sampling=");
    add_word(&text, sgs_sampling_name(run->sampling));
    add_integer(&text, ";n=", run->n);
    add_integer(&text, ";b=", run->b);
    add_integer(&text, ";seed=", run->seed);
    return key_of_text(&text);
}
