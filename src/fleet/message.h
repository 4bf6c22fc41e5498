/* What ranks say to each other while a sweep runs. Messages between two ranks arrive in the order in which they were
 * sent, so END is the last order of the master and BYE the last report of a worker. */
#ifndef SGDSWEEP_FLEET_MESSAGE_H
#define SGDSWEEP_FLEET_MESSAGE_H

#include "sgdsweep/sched.h"
#include <mpi.h>

enum message_tag { TAG_REPORT = 1, TAG_ORDER, TAG_TEXT, TAG_RANGES };

/* Worker to master. */
enum report_kind {
    REPORT_ASK = 1, /* wants a block; one question open at a time */
    REPORT_DONE,    /* block (or a part of one) is in the file */
    REPORT_RETURN,  /* block (or a part of one) was dropped */
    REPORT_STOP,    /* a stop was requested on this rank */
    REPORT_FAIL,    /* fatal error; its text follows with TAG_TEXT */
    REPORT_BYE      /* nothing follows */
};

struct report {
    int32_t kind;
    int32_t status;  /* FAIL: sgs_status */
    sgs_block block; /* DONE, RETURN */
    double seconds;  /* DONE: spent on it */
    int64_t steps;   /* DONE: trained for it */
};

/* Master to worker. */
enum order_kind {
    ORDER_BLOCK = 1, /* train it */
    ORDER_END,       /* everything is done */
    ORDER_DROP       /* stop now: write what is finished, return the rest */
};

struct order {
    int32_t kind;
    sgs_block block;
    double predicted_s;
};

void message_send_report(MPI_Comm comm, const struct report *report);
void message_send_order(MPI_Comm comm, int rank, const struct order *order);

#endif
