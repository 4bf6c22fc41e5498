/* The table of variables of a results file: the one place that says what stands in it. Creation, opening, size, the
 * frozen extents and block transfer all walk this table, so a new variable is a new line here.
 *
 * Invariants: axes come first, in axis order; then coordinates, results in the order of the measures,
 * trajectories in the same order, the walk, weights, decisions, checksum, status. Every variable over runs begins with
 * the six axes of the grid, in order, so one run index addresses them all; decisions have the first five. */
#ifndef SGS_STORE_LAYOUT_H
#define SGS_STORE_LAYOUT_H

#include "sgdsweep/grid.h"

/* The axes of the grid, then those inside a run. An axis of extent 0 is not in the file. */
enum { SGS_STORE_AXIS_RECORD = SGS_AXES, SGS_STORE_AXIS_FEATURE, SGS_STORE_AXIS_WALK, SGS_STORE_AXES };

typedef enum sgs_coordinate {
    SGS_COORDINATE_SAMPLES,
    SGS_COORDINATE_BATCH_SIZE,
    SGS_COORDINATE_EPS,
    SGS_COORDINATE_ETA,
    SGS_COORDINATE_MAX_STEPS,
    SGS_COORDINATE_WALK_LOW, /* with a walk only */
    SGS_COORDINATE_WALK_HIGH,
    SGS_COORDINATES
} sgs_coordinate;

/* Blanks between: every result names them in its attribute `coordinates` (CF), which makes them coordinates in xarray.
 */
#define SGS_COORDINATE_NAMES      "samples batch_size eps eta max_steps"
#define SGS_WALK_COORDINATE_NAMES SGS_COORDINATE_NAMES " walk_low walk_high" /* of the sums of the walk */

/* What is decided for a cell, in grids with a rule: the members of sgs_decision. */
typedef enum sgs_decided {
    SGS_DECIDED_PRECISION,
    SGS_DECIDED_LOOKS,
    SGS_DECIDED_SEEDS,
    SGS_DECIDED_ESTIMATE,
    SGS_DECIDED_LOW,
    SGS_DECIDED_HIGH,
    SGS_DECIDED
} sgs_decided;

typedef enum sgs_variable_kind {
    SGS_KIND_AXIS,       /* dimension scale; which: the axis */
    SGS_KIND_COORDINATE, /* which: sgs_coordinate */
    SGS_KIND_RESULT,     /* which: sgs_measure */
    SGS_KIND_TRAJECTORY, /* a measure along the record; which: sgs_measure */
    SGS_KIND_WALK,       /* sums of the walk by bin; which: sgs_walk_sum */
    SGS_KIND_WEIGHTS,
    SGS_KIND_DECISION, /* over the cells; which: sgs_decided */
    SGS_KIND_CHECKSUM,
    SGS_KIND_STATUS
} sgs_variable_kind;

typedef enum sgs_variable_type {
    SGS_TYPE_TEXT, /* variable-length UTF-8: netcdf-c 4.9.0 crashes on arrays of fixed-length strings */
    SGS_TYPE_INT8,
    SGS_TYPE_INT32,
    SGS_TYPE_INT64,
    SGS_TYPE_UINT32,
    SGS_TYPE_REAL
} sgs_variable_type;

typedef struct sgs_variable {
    const char *name, *long_name, *units;
    sgs_variable_kind kind;
    sgs_variable_type type;
    int which;
    int rank;
    int axis[SGS_STORE_AXES];
} sgs_variable;

/* Twice the measures: room for their trajectories. */
enum { SGS_LAYOUT_VARIABLES = SGS_STORE_AXES + SGS_COORDINATES + 2 * SGS_MEASURES + SGS_WALK_SUMS + SGS_DECIDED + 3 };

typedef struct sgs_layout {
    int64_t extent[SGS_STORE_AXES];
    int64_t runs;
    int count;
    int result, checksum, status; /* positions; the results stand in a row */
    int trajectory, trajectories; /* position of the first, which stand in a row; their number */
    int walk;                     /* position of the first of its sums, which stand in a row; -1 without */
    int weights;                  /* position, -1 without weights */
    int decision;                 /* position of the first, which stand in a row, -1 without a rule */
    sgs_variable variable[SGS_LAYOUT_VARIABLES];
} sgs_layout;

void sgs_layout_build(const sgs_grid *grid, sgs_layout *layout);

/* One value per run or more, or a decision: its raw bytes are what a sweep writes; those of all other variables are
 * frozen. */
bool sgs_variable_is_live(const sgs_variable *variable);

/* More than one value per run: records, walks and weights, which can be large and are then reserved without filling. */
bool sgs_variable_is_wide(const sgs_variable *variable);

/* The value of what is not there, in the member of the variable's type; false: the variable has none. */
bool sgs_variable_fill(const sgs_variable *variable, sgs_value *fill);

/* Elements and bytes in the file (a variable-length string takes 16 bytes and its text in a heap); INT64_MAX for more
 * than that. */
int64_t sgs_variable_elements(const sgs_layout *layout, const sgs_variable *variable);
int64_t sgs_variable_bytes(const sgs_layout *layout, const sgs_variable *variable);

#endif
