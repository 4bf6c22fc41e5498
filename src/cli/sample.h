/* Runs drawn at random, reproducibly, over as many distinct cells as there are: in bounded memory, in one pass. */
#ifndef SGDSWEEP_CLI_SAMPLE_H
#define SGDSWEEP_CLI_SAMPLE_H

#include "sgdsweep/base.h"

enum { SAMPLE_MAX = 10000 };

struct sample;

/* Draw `wanted` runs (1 .. SAMPLE_MAX). */
sgs_status sample_create(uint64_t seed, int64_t wanted, struct sample **sample, sgs_error *err);
void sample_destroy(struct sample *sample);

/* A run that may be drawn; in ascending order of cells. */
void sample_offer(struct sample *sample, int64_t cell, int64_t run);

/* After the last offer. */
void sample_end(struct sample *sample);

/* Then: the runs drawn, in the order of drawing: one of each cell before a second one of any. Borrowed; returns their
 * number. */
int64_t sample_drawn(const struct sample *sample, const int64_t **runs);

#endif
