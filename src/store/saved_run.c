/* A saved run as bytes (saved_run.h). Nothing is believed before the sizes add up and the CRC holds. */
#include "saved_run.h"
#include "layout.h"
#include <inttypes.h>
#include <string.h>

enum { ALIGN = 8, VALUE_BYTES = 8 };

static int64_t padding_of(int64_t state_bytes)
{
    return (ALIGN - state_bytes % ALIGN) % ALIGN;
}

static int64_t record_bytes(int64_t state_bytes, int64_t values)
{
    return (int64_t)sizeof(sgs_record_head) + state_bytes + padding_of(state_bytes) + values * VALUE_BYTES +
           (int64_t)sizeof(sgs_record_tail);
}

int64_t sgs_saved_bytes(const sgs_saved_run *saved)
{
    return record_bytes(saved->state_bytes, saved->record_values + saved->weight_values);
}

void sgs_record_parts(const sgs_saved_run *saved, sgs_record_head *head, sgs_part parts[SGS_RECORD_PARTS])
{
    static const unsigned char zeros[ALIGN];
    *head = (sgs_record_head){.magic = SGS_RECORD_MAGIC,
                              .bytes = sgs_saved_bytes(saved),
                              .run = saved->run,
                              .steps = saved->steps,
                              .key_hi = saved->key.hi,
                              .key_lo = saved->key.lo,
                              .state_bytes = saved->state_bytes,
                              .record_values = saved->record_values,
                              .weight_values = saved->weight_values};
    parts[0] = (sgs_part){head, sizeof *head};
    parts[1] = (sgs_part){saved->state, (size_t)saved->state_bytes};
    parts[2] = (sgs_part){zeros, (size_t)padding_of(saved->state_bytes)};
    parts[3] = (sgs_part){saved->records, (size_t)saved->record_values * VALUE_BYTES};
    parts[4] = (sgs_part){saved->weights, (size_t)saved->weight_values * VALUE_BYTES};
}

void sgs_saved_encode(const sgs_saved_run *saved, void *bytes)
{
    sgs_record_head head;
    sgs_part parts[SGS_RECORD_PARTS];
    unsigned char *at = bytes;
    sgs_record_parts(saved, &head, parts);
    for (int i = 0; i < SGS_RECORD_PARTS; i++) {
        if (parts[i].size > 0)
            memcpy(at, parts[i].bytes, parts[i].size);
        at += parts[i].size;
    }
    sgs_record_tail tail = {sgs_crc32c(0, bytes, (size_t)(at - (unsigned char *)bytes))};
    memcpy(at, &tail, sizeof tail);
}

bool sgs_record_adds_up(const sgs_record_head *head)
{
    /* Far above anything that fits in memory, far below where the sum could overflow. */
    static const int64_t most = INT64_C(1) << 48;
    return head->magic == SGS_RECORD_MAGIC && head->run >= 0 && head->steps >= 0 && head->state_bytes >= 0 &&
           head->state_bytes <= most && head->record_values >= 0 && head->record_values <= most &&
           head->weight_values >= 0 && head->weight_values <= most &&
           head->bytes == record_bytes(head->state_bytes, head->record_values + head->weight_values);
}

sgs_status sgs_saved_decode(const void *bytes, int64_t size, sgs_saved_run *saved, sgs_error *err)
{
    sgs_record_head head;
    sgs_record_tail tail;
    const unsigned char *at = bytes;
    if ((uintptr_t)bytes % ALIGN != 0)
        return sgs_fail(err, SGS_ERANGE, "the bytes of a saved run are not aligned");
    if (size < (int64_t)(sizeof head + sizeof tail))
        return sgs_fail(err, SGS_EDAMAGED, "the record of a run is cut short");
    memcpy(&head, at, sizeof head);
    if (!sgs_record_adds_up(&head) || head.bytes != size)
        return sgs_fail(err, SGS_EDAMAGED, "the record of a run is damaged: its sizes do not add up");
    memcpy(&tail, at + size - sizeof tail, sizeof tail);
    if (tail.crc != sgs_crc32c(0, bytes, (size_t)size - sizeof tail))
        return sgs_fail(err, SGS_EDAMAGED, "the record of run %" PRId64 " is damaged: its checksum does not hold",
                        head.run);
    const unsigned char *records = at + sizeof head + head.state_bytes + padding_of(head.state_bytes);
    *saved = (sgs_saved_run){.run = head.run,
                             .key = {.hi = head.key_hi, .lo = head.key_lo},
                             .steps = head.steps,
                             .state = at + sizeof head,
                             .state_bytes = head.state_bytes,
                             .records = records,
                             .record_values = head.record_values,
                             .weights = records + head.record_values * VALUE_BYTES,
                             .weight_values = head.weight_values};
    return SGS_OK;
}

static int64_t samples_max(const sgs_grid *grid)
{
    int64_t most = 0;
    for (int64_t at = 0; at < sgs_grid_axis_size(grid, SGS_AXIS_DIMENSION); at++)
        most = sgs_grid_samples(grid, at) > most ? sgs_grid_samples(grid, at) : most;
    return most;
}

static int64_t weight_values_max(const sgs_grid *grid)
{
    return sgs_grid_weights(grid) == SGS_WEIGHTS_RECORD ? sgs_grid_record_count(grid) * samples_max(grid) : 0;
}

int64_t sgs_record_bytes_max(const sgs_grid *grid)
{
    return record_bytes(SGS_STATE_HEAD_BYTES_MAX + VALUE_BYTES * samples_max(grid),
                        sgs_grid_gathered_values(grid) + weight_values_max(grid));
}

sgs_status sgs_saved_check(const sgs_saved_run *saved, const sgs_grid *grid, sgs_error *err)
{
    sgs_run run;
    sgs_stop stop;
    if (saved->run >= sgs_grid_runs(grid) || !sgs_grid_run(grid, saved->run, &run, &stop))
        return sgs_fail(err, SGS_EINVAL, "run %" PRId64 " is not one of this grid", saved->run);
    if (!sgs_key_equal(saved->key, sgs_run_key(&run)))
        return sgs_fail(err, SGS_EINVAL, "run %" PRId64 " is another one here: the run keys differ", saved->run);
    bool fits = saved->state_bytes <= SGS_STATE_HEAD_BYTES_MAX + (int64_t)VALUE_BYTES * run.n &&
                saved->record_values == sgs_grid_gathered_values(grid) &&
                saved->weight_values <= weight_values_max(grid);
    if (!fits || saved->steps >= stop.max_steps)
        return sgs_fail(err, SGS_EINVAL, "run %" PRId64 ": what was saved of it does not fit", saved->run);
    return SGS_OK;
}
