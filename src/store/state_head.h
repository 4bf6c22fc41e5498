/* The head of a state file; records of saved runs follow (saved_run.h). Native to the machine that wrote it: the head
 * says of which machine, grid and program the file is. */
#ifndef SGS_STORE_STATE_HEAD_H
#define SGS_STORE_STATE_HEAD_H

#include "sgdsweep/base.h"

#define SGS_STATE_MAGIC      "SGSSTATE"
#define SGS_STATE_BYTE_ORDER UINT32_C(0x01020304)

typedef struct sgs_state_head {
    char magic[8];
    uint32_t byte_order, format_version, algorithm_version, zero;
    uint64_t digest_hi, digest_lo;
    int64_t runs, bytes; /* of the whole file */
    uint64_t crc;        /* CRC32C of what is before it */
} sgs_state_head;

#endif
