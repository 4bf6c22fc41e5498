/** @file reference.h
 *  The reference trainer one step at a time: for the tests, which lead it beside the lane kernel.
 *
 *  State: a dense w in R^d, n dense orthonormal data points and, where d > n, one more direction orthogonal to them,
 * along which the part of w outside of their span lies. Coordinates are read back by projection, so one that is below
 * some 1e-15 ||w|| is rounding noise here: what counts active points may count such a one differently from the lane
 * kernel. */
#ifndef SGDSWEEP_TRAIN_REFERENCE_H
#define SGDSWEEP_TRAIN_REFERENCE_H

#include "sgdsweep/train.h"

typedef struct sgs_reference sgs_reference;

/** A run at its start (sgs_start), step 0. Takes 16 (n + 1) d bytes, about.
 *  @return SGS_OK; SGS_ENOMEM; SGS_EFAIL: GSL failed otherwise */
sgs_status sgs_reference_create(const sgs_run *run, uint64_t data_seed, sgs_reference **reference, sgs_error *err);

/** Accepts NULL. */
void sgs_reference_destroy(sgs_reference *reference);

/** Steps done so far; the next step takes batch number `steps` of the run. */
int64_t sgs_reference_steps(const sgs_reference *reference);

/** w <- w - eps * (sum over the batch of grad l_i(w)). O(b d). */
void sgs_reference_step(sgs_reference *reference);

/** ||w||^2. */
double sgs_reference_norm2(const sgs_reference *reference);

/** The coordinates of w, borrowed until the next call with this reference. O(n d). */
sgs_point sgs_reference_point(sgs_reference *reference);

/** Put w where the coordinates say, with `steps` steps done; at.outside is ignored where d = n. */
void sgs_reference_place(sgs_reference *reference, sgs_point at, int64_t steps);

#endif
