/** @file state.c
 *  The state of an unfinished run: everything that its later bits depend on. A fixed head, then u[n]. What the random
 *  streams, the start or the sampling give again from the run and the step count is not in it. */
#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_MAGIC = 0x53475354 };

typedef struct state_head {
    int32_t magic, algorithm, n, checks;
    int64_t t, next_check, steps_norm, steps_sparse, recorded;
    double g, h, S, R, S0, R0, outside, largest, largest_inactive;
    int64_t check_t[CHECKS_KEPT];
    double check_N[CHECKS_KEPT][2];
    double walk_from[2];
} state_head;

size_t sgs_trainer_state_bytes(const sgs_trainer *trainer)
{
    return sizeof(state_head) + (size_t)trainer->shape.n * sizeof(double);
}

void sgs_state_pack(const sgs_trainer *tr, int l, void *state)
{
    const sgs_lanes *s = tr->lanes;
    const lane_run *r = &tr->run[l];
    state_head head;
    memset(&head, 0, sizeof head); /* no byte of it is left to chance */
    head = (state_head){.magic = STATE_MAGIC,
                        .algorithm = SGS_ALGORITHM_VERSION,
                        .n = s->n,
                        .checks = r->checks,
                        .t = s->t[l],
                        .next_check = r->next_check,
                        .steps_norm = r->steps_norm,
                        .steps_sparse = r->steps_sparse,
                        .recorded = r->recorded,
                        .g = s->g[l],
                        .h = s->h[l],
                        .S = s->S[l],
                        .R = s->R[l],
                        .S0 = s->S0[l],
                        .R0 = s->R0[l],
                        .outside = s->outside[l],
                        .largest = s->largest[l],
                        .largest_inactive = s->largest_inactive[l],
                        .walk_from = {r->walk.from[0], r->walk.from[1]}};
    memcpy(head.check_t, r->check_t, sizeof head.check_t);
    memcpy(head.check_N, r->check_N, sizeof head.check_N);
    memcpy(state, &head, sizeof head);
    unsigned char *u = (unsigned char *)state + sizeof head;
    for (int32_t i = 0; i < s->n; i++)
        memcpy(u + (size_t)i * sizeof(double), &s->u[(size_t)i * (size_t)s->lanes + (size_t)l], sizeof(double));
}

static bool is_sound(const state_head *head, const sgs_job *job)
{
    return head->magic == STATE_MAGIC && head->algorithm == SGS_ALGORITHM_VERSION && head->n == job->run.n &&
           head->t >= 0 && head->t < job->stop.max_steps && head->next_check > head->t && head->checks > 0 &&
           head->checks < INT32_MAX / 2 && head->recorded >= 0 && head->g > 0.0 && head->h > 0.0;
}

int64_t sgs_state_steps(const sgs_job *job)
{
    state_head head;
    memcpy(&head, job->state, sizeof head);
    return is_sound(&head, job) ? head.t : -1;
}

bool sgs_state_look(const sgs_job *job, const void *state, size_t size, const sgs_feed *feed, sgs_state_info *info)
{
    state_head head;
    if (size != sizeof head + (size_t)job->run.n * sizeof(double))
        return false;
    memcpy(&head, state, sizeof head);
    if (!is_sound(&head, job) || head.recorded > feed->record_count)
        return false;
    *info = (sgs_state_info){.steps = head.t, .recorded = head.recorded};
    return (head.recorded == 0 || feed->record_steps[head.recorded - 1] <= head.t) &&
           (head.recorded == feed->record_count || feed->record_steps[head.recorded] > head.t);
}

int sgs_trainer_lanes(const sgs_trainer *trainer)
{
    return trainer->lanes->lanes;
}

const sgs_job *sgs_trainer_job(const sgs_trainer *trainer, int lane)
{
    return trainer->run[lane].busy ? &trainer->run[lane].job : NULL;
}

void sgs_trainer_state(const sgs_trainer *trainer, int lane, void *state)
{
    sgs_state_pack(trainer, lane, state);
}

bool sgs_state_unpack(sgs_trainer *tr, int l, const sgs_job *job)
{
    sgs_lanes *s = tr->lanes;
    lane_run *r = &tr->run[l];
    state_head head;
    if (sgs_state_steps(job) < 0)
        return false;
    memcpy(&head, job->state, sizeof head);
    const unsigned char *u = (const unsigned char *)job->state + sizeof head;
    for (int32_t i = 0; i < s->n; i++)
        memcpy(&s->u[(size_t)i * (size_t)s->lanes + (size_t)l], u + (size_t)i * sizeof(double), sizeof(double));
    sgs_lane_note_active(s, l);
    sgs_lane_key(s, l, &job->run);
    s->t[l] = head.t;
    s->g[l] = head.g;
    s->h[l] = head.h;
    s->S[l] = head.S;
    s->R[l] = head.R;
    s->S0[l] = head.S0;
    s->R0[l] = head.R0;
    s->outside[l] = head.outside;
    s->largest[l] = head.largest;
    s->largest_inactive[l] = head.largest_inactive;
    *r = (lane_run){.job = *job,
                    .busy = true,
                    .next_check = head.next_check,
                    .steps_norm = head.steps_norm,
                    .steps_sparse = head.steps_sparse,
                    .checks = head.checks,
                    .recorded = head.recorded};
    r->job.state = NULL;
    memcpy(r->check_t, head.check_t, sizeof head.check_t);
    memcpy(r->check_N, head.check_N, sizeof head.check_N);
    memcpy(r->walk.from, head.walk_from, sizeof head.walk_from);
    tr->busy++;
    return true;
}

sgs_status sgs_trainer_save(sgs_trainer *trainer,
                            void (*save)(void *context, const sgs_job *job, const void *state, size_t size),
                            void *context, sgs_error *err)
{
    const size_t size = sgs_trainer_state_bytes(trainer);
    void *state = malloc(size);
    if (!state)
        return sgs_fail(err, SGS_ENOMEM, "no memory to save a run at n = %d", trainer->shape.n);
    for (int l = 0; l < trainer->lanes->lanes; l++)
        if (trainer->run[l].busy) {
            sgs_state_pack(trainer, l, state);
            save(context, &trainer->run[l].job, state, size);
        }
    free(state);
    sgs_trainer_drop(trainer);
    return SGS_OK;
}
