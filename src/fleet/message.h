/* What ranks say to each other while a sweep runs. Messages between two ranks arrive in the order in which they were
 * sent, so END is the last order of the master and BYE the last report of a worker. */
#ifndef SGDSWEEP_FLEET_MESSAGE_H
#define SGDSWEEP_FLEET_MESSAGE_H

#include "sgdsweep/decide.h"
#include "sgdsweep/sched.h"
#include <mpi.h>

enum message_tag { TAG_REPORT = 1, TAG_ORDER, TAG_TEXT, TAG_RANGES, TAG_PARCEL, TAG_ROWS, TAG_SETTLED, TAG_RUNS };

/* Worker to master. */
enum report_kind {
    REPORT_ASK = 1,  /* wants a block; one question open at a time */
    REPORT_DRY,      /* and has nothing in hand any more, the question still open */
    REPORT_GIVEN,    /* answers GIVE: block.count bundles follow; what it keeps will take it `seconds` */
    REPORT_DONE,     /* block (or a part of one) is in the file */
    REPORT_RETURN,   /* block (or a part of one) was dropped; saved: all its runs stand in this rank's state file */
    REPORT_RESTORED, /* the run block.first goes on from a saved state, at `steps` */
    REPORT_IGNORED,  /* a saved state is of no use and its run starts over; text says why */
    REPORT_SAVED,    /* this rank's state file was written: saved runs in bytes, in `seconds`; `steps` trained so far */
    REPORT_UNSAVED,  /* `unsaved` runs could not be saved; text says why */
    REPORT_BROKEN,   /* block (or a part of one) failed for a reason of the machine and is in hand no more; text */
    REPORT_STOP,     /* a stop was requested on this rank */
    REPORT_FAIL,     /* fatal error; text */
    REPORT_BYE       /* nothing follows; `steps` trained in all */
};

struct report {
    int32_t kind;
    int32_t status;  /* FAIL, BROKEN: sgs_status */
    sgs_block block; /* DONE, RETURN, BROKEN */
    double seconds;  /* DONE: spent on it; GIVEN */
    int64_t steps;   /* DONE: trained for it */
    int64_t saved, unsaved, bytes;
    int32_t rank;          /* DONE, BROKEN: who trained it; another may have written it, and tells */
    int32_t follows;       /* BROKEN: by the same write as the one before */
    int32_t stopping;      /* SAVED, UNSAVED: at the stop, nothing of this rank follows but returns */
    sgs_evidence evidence; /* DONE, in grids with a rule: what its runs say */
};

/* A text follows with TAG_TEXT. */
bool report_has_text(const struct report *report);

/* Master to worker. */
enum order_kind {
    ORDER_BLOCK = 1, /* train it */
    ORDER_BUNDLE,    /* the same for a bundle, which follows */
    ORDER_GIVE,      /* others have nothing to do: hand over runs in up to block.count bundles */
    ORDER_KEEP,      /* the sweep stops while this bundle, which follows, is on its way: save it; DROP comes next */
    ORDER_END,       /* everything is done */
    ORDER_DROP       /* stop now: write what is finished, save what is not, return the rest */
};

struct order {
    int32_t kind;
    sgs_block block;
    double predicted_s;
};

/* text: read if the report has one */
void message_send_report(MPI_Comm comm, const struct report *report, const sgs_error *text);
void message_receive_text(MPI_Comm comm, int rank, sgs_error *text);
void message_send_order(MPI_Comm comm, int rank, const struct order *order);

#endif
