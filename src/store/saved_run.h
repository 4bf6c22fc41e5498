/* The record of a saved run as bytes: head, state (padded to 8), records, weights, tail. */
#ifndef SGS_STORE_SAVED_RUN_H
#define SGS_STORE_SAVED_RUN_H

#include "sgdsweep/store.h"

#define SGS_RECORD_MAGIC UINT64_C(0x4e55524445564153) /* "SAVEDRUN" in little-endian bytes */

typedef struct sgs_record_head {
    uint64_t magic;
    int64_t bytes; /* of the whole record */
    int64_t run, steps;
    uint64_t key_hi, key_lo;
    int64_t state_bytes, record_values, weight_values;
} sgs_record_head;

/* CRC32C of everything before it. */
typedef struct sgs_record_tail {
    uint64_t crc;
} sgs_record_tail;

/* One contiguous part of a record. */
typedef struct sgs_part {
    const void *bytes;
    size_t size;
} sgs_part;

enum { SGS_RECORD_PARTS = 5 };

/* The parts of a record before its tail. head and saved are borrowed by the parts. */
void sgs_record_parts(const sgs_saved_run *saved, sgs_record_head *head, sgs_part parts[SGS_RECORD_PARTS]);

/* Are the sizes in a head possible, and do they add up to its bytes? */
bool sgs_record_adds_up(const sgs_record_head *head);

/* The largest record that a run of this grid can have. */
int64_t sgs_record_bytes_max(const sgs_grid *grid);

#endif
