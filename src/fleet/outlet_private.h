/* The inside of an outlet, shared by writing (outlet.c), sending and receiving (outlet_mail.c) and the rows in hand
 * (batch.c). */
#ifndef SGDSWEEP_FLEET_OUTLET_PRIVATE_H
#define SGDSWEEP_FLEET_OUTLET_PRIVATE_H

#include "batch.h"
#include "clock.h"
#include "outlet.h"

enum { OUTLET_PIECES_MAX = 512 };

/* What one rank sends to the one that writes for it: a head with the pieces of a parcel behind it, then (for ROWS) the
 * rows of all of them in a message of their own. */
enum parcel_kind {
    PARCEL_ROWS = 1,
    PARCEL_SETTLE, /* answer when everything before it is on the disk */
    PARCEL_CLOSE   /* the last one */
};

struct parcel {
    int32_t kind;
    int32_t urgent; /* the sender has nothing else to do */
    int64_t pieces;
    struct report piece[]; /* DONE */
};

struct outlet {
    struct outlet_setup setup;
    struct crew_sink sink;
    bool holds; /* false: everything goes at once */
    double began_s;
    struct batch batch; /* in hand */
    int64_t own;        /* pieces of it that this rank trained */
    bool urgent;
    struct rests rests; /* after failed writes */
    sgs_status failed;  /* for good: nothing that was put is known to be in the file */
    sgs_error why;
    struct outlet_counts counts;
    /* a rank that others write for */
    struct batch sent; /* under way, with the parcel that says what it is */
    struct parcel *parcel;
    MPI_Request requests[2];
    /* a rank that writes for others */
    struct parcel *inbox;
    int *settling; /* [settling_count] ranks that wait for an answer */
    int settling_count, open;
};

/* Write, tell and forget what is in hand. */
sgs_status outlet_write(struct outlet *outlet, sgs_error *err);

/* Everything that was written is on the disk; what could not be is told as broken, or comes back. */
sgs_status outlet_sync(struct outlet *outlet, sgs_error *err);

/* Tell that a piece broke; follows: together with the one before. */
void outlet_tell_broken(struct outlet *outlet, const struct report *piece, bool follows, sgs_status status,
                        const sgs_error *text);

/* Send what is in hand. Waits for an earlier parcel if that is still under way. */
void outlet_send(struct outlet *outlet, bool urgent);

/* Is an earlier parcel under way? */
bool outlet_is_sending(struct outlet *outlet);

void outlet_wait_sent(struct outlet *outlet);

/* Ask the writer, and wait for what it says; tell the writer that nothing follows. */
sgs_status outlet_ask_settled(struct outlet *outlet, sgs_error *err);
void outlet_send_close(struct outlet *outlet);

/* Take one parcel, if one is there. */
bool outlet_receive(struct outlet *outlet);

/* Answer those that wait for everything to be on the disk. */
void outlet_answer_settled(struct outlet *outlet);

#endif
