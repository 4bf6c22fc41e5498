/* The table of variables (layout.h). */
#include "layout.h"
#include <math.h>

static const sgs_variable axis_variables[SGS_STORE_AXES] = {
    {"activation", "activation function", "1", SGS_KIND_AXIS, SGS_TYPE_TEXT, SGS_AXIS_ACTIVATION, 1, {0}},
    {"sampling", "how batches are drawn", "1", SGS_KIND_AXIS, SGS_TYPE_TEXT, SGS_AXIS_SAMPLING, 1, {1}},
    {"dimension", "dimension d of the space", "1", SGS_KIND_AXIS, SGS_TYPE_INT32, SGS_AXIS_DIMENSION, 1, {2}},
    {"batch", "batch size as the grid states it", "1", SGS_KIND_AXIS, SGS_TYPE_TEXT, SGS_AXIS_BATCH, 1, {3}},
    {"step_value", "step size as the grid states it", "1", SGS_KIND_AXIS, SGS_TYPE_REAL, SGS_AXIS_STEP_VALUE, 1, {4}},
    {"seed", "seed", "1", SGS_KIND_AXIS, SGS_TYPE_INT64, SGS_AXIS_SEED, 1, {5}},
    {"record", "step number of the record", "step", SGS_KIND_AXIS, SGS_TYPE_INT64, SGS_STORE_AXIS_RECORD, 1, {6}},
    {"feature", "data point", "1", SGS_KIND_AXIS, SGS_TYPE_INT64, SGS_STORE_AXIS_FEATURE, 1, {7}},
    {"walk_bin", "middle of a bin of log |a_i / a_j|", "1", SGS_KIND_AXIS, SGS_TYPE_REAL, SGS_STORE_AXIS_WALK, 1, {8}},
};

static const sgs_variable coordinate_variables[SGS_COORDINATES] = {
    {"samples", "number n of data points", "1", SGS_KIND_COORDINATE, SGS_TYPE_INT32, SGS_COORDINATE_SAMPLES, 1, {2}},
    {"batch_size",
     "batch size b, 0 where the batch does not fit",
     "1",
     SGS_KIND_COORDINATE,
     SGS_TYPE_INT32,
     SGS_COORDINATE_BATCH_SIZE,
     2,
     {2, 3}},
    {"eps",
     "step size over batch size, eta / b",
     "1",
     SGS_KIND_COORDINATE,
     SGS_TYPE_REAL,
     SGS_COORDINATE_EPS,
     3,
     {2, 3, 4}},
    {"eta", "step size", "1", SGS_KIND_COORDINATE, SGS_TYPE_REAL, SGS_COORDINATE_ETA, 3, {2, 3, 4}},
    {"max_steps",
     "step limit, 0 where the batch does not fit",
     "step",
     SGS_KIND_COORDINATE,
     SGS_TYPE_INT64,
     SGS_COORDINATE_MAX_STEPS,
     5,
     {0, 1, 2, 3, 4}},
    {"walk_low",
     "lower end of a bin",
     "1",
     SGS_KIND_COORDINATE,
     SGS_TYPE_REAL,
     SGS_COORDINATE_WALK_LOW,
     1,
     {SGS_STORE_AXIS_WALK}},
    {"walk_high",
     "upper end of a bin",
     "1",
     SGS_KIND_COORDINATE,
     SGS_TYPE_REAL,
     SGS_COORDINATE_WALK_HIGH,
     1,
     {SGS_STORE_AXIS_WALK}},
};

static const sgs_variable weights_variable = {
    "weights",    "coordinates <w, x_i> at the end of the run", "1", SGS_KIND_WEIGHTS, SGS_TYPE_REAL, 0,
    SGS_AXES + 1, {0, 1, 2, 3, 4, 5, SGS_STORE_AXIS_FEATURE}};

static const sgs_variable weights_record_variable = {
    "weights",     "coordinates <w, x_i> along the run",
    "1",           SGS_KIND_WEIGHTS,
    SGS_TYPE_REAL, 0,
    SGS_AXES + 2,  {0, 1, 2, 3, 4, 5, SGS_STORE_AXIS_RECORD, SGS_STORE_AXIS_FEATURE}};

/* <measure>_record; a test holds them against the names of the measures. The long name is that of the measure, unless
 * it speaks of the end. */
static const struct {
    const char *name, *long_name;
} trajectory_texts[SGS_MEASURES] = {
    [SGS_LOSS] = {"loss_record", "loss L(w) along the run"},
    [SGS_EXCESS_LOSS] = {"excess_loss_record", NULL},
    [SGS_NORM] = {"norm_record", "||w|| along the run"},
    [SGS_MAX_SHARE] = {"max_share_record", NULL},
    [SGS_SELECTED] = {"selected_record", NULL},
    [SGS_PARTICIPATION_RATIO] = {"participation_ratio_record", NULL},
    [SGS_SUPPORT] = {"support_record", NULL},
    [SGS_ACTIVE] = {"active_record", "active points along the run"},
    [SGS_ALIGNMENT_INIT] = {"alignment_init_record", NULL},
    [SGS_ALIGNMENT_INIT_ACTIVE] = {"alignment_init_active_record", NULL},
    [SGS_HESSIAN_TRACE] = {"hessian_trace_record", "trace of the Hessian of L along the run"},
    [SGS_HESSIAN_MAX] = {"hessian_max_record", "largest eigenvalue of the Hessian of L along the run"},
};

#define DECISION(name, long_name, type, which)                                                                         \
    {                                                                                                                  \
        name, long_name, "1", SGS_KIND_DECISION, type, which, SGS_AXES - 1,                                            \
        {                                                                                                              \
            0, 1, 2, 3, 4                                                                                              \
        }                                                                                                              \
    }
static const sgs_variable decision_variables[SGS_DECIDED] = {
    DECISION("precision", "whether the seeds are as many as the asked precision takes", SGS_TYPE_INT8,
             SGS_DECIDED_PRECISION),
    DECISION("looks_used", "looks at the seeds until they were enough; 0: open", SGS_TYPE_INT32, SGS_DECIDED_LOOKS),
    DECISION("seeds_used", "seeds that the decision rests on, the first ones; 0: open", SGS_TYPE_INT64,
             SGS_DECIDED_SEEDS),
    DECISION("estimate", "share or mean over these seeds that precision was asked for", SGS_TYPE_REAL,
             SGS_DECIDED_ESTIMATE),
    DECISION("estimate_low", "lower end of its interval", SGS_TYPE_REAL, SGS_DECIDED_LOW),
    DECISION("estimate_high", "upper end of its interval", SGS_TYPE_REAL, SGS_DECIDED_HIGH),
};

static const sgs_variable checksum_variable = {"checksum",
                                               "CRC32C of run key, status, results, records and weights; 0: none",
                                               "1",
                                               SGS_KIND_CHECKSUM,
                                               SGS_TYPE_UINT32,
                                               0,
                                               SGS_AXES,
                                               {0, 1, 2, 3, 4, 5}};

static const sgs_variable status_variable = {"status", "how the run ended", "1", SGS_KIND_STATUS, SGS_TYPE_INT8, 0,
                                             SGS_AXES, {0, 1, 2, 3, 4, 5}};

static int append(sgs_layout *layout, const sgs_variable *variable)
{
    layout->variable[layout->count] = *variable;
    return layout->count++;
}

static sgs_variable result_variable(int measure)
{
    const sgs_measure_info *info = sgs_measure_describe((sgs_measure)measure);
    return (sgs_variable){
        .name = info->name,
        .long_name = info->long_name,
        .units = info->units,
        .kind = SGS_KIND_RESULT,
        .type = info->integer ? SGS_TYPE_INT64 : SGS_TYPE_REAL,
        .which = measure,
        .rank = SGS_AXES,
        .axis = {0, 1, 2, 3, 4, 5},
    };
}

static sgs_variable trajectory_variable(int measure)
{
    sgs_variable variable = result_variable(measure);
    variable.name = trajectory_texts[measure].name;
    if (trajectory_texts[measure].long_name)
        variable.long_name = trajectory_texts[measure].long_name;
    variable.kind = SGS_KIND_TRAJECTORY;
    variable.axis[variable.rank++] = SGS_STORE_AXIS_RECORD;
    return variable;
}

static void append_walk(sgs_layout *layout)
{
    layout->walk = layout->count;
    for (int sum = 0; sum < SGS_WALK_SUMS; sum++) {
        const sgs_measure_info *info = sgs_walk_describe((sgs_walk_sum)sum);
        const sgs_variable variable = {
            .name = info->name,
            .long_name = info->long_name,
            .units = info->units,
            .kind = SGS_KIND_WALK,
            .type = info->integer ? SGS_TYPE_INT64 : SGS_TYPE_REAL,
            .which = sum,
            .rank = SGS_AXES + 1,
            .axis = {0, 1, 2, 3, 4, 5, SGS_STORE_AXIS_WALK},
        };
        append(layout, &variable);
    }
}

static int64_t largest_samples(const sgs_grid *grid)
{
    int64_t largest = 0;
    for (int64_t at = 0; at < sgs_grid_axis_size(grid, SGS_AXIS_DIMENSION); at++)
        if (sgs_grid_samples(grid, at) > largest)
            largest = sgs_grid_samples(grid, at);
    return largest;
}

void sgs_layout_build(const sgs_grid *grid, sgs_layout *layout)
{
    *layout = (sgs_layout){.runs = sgs_grid_runs(grid), .walk = -1, .weights = -1, .decision = -1};
    for (int axis = 0; axis < SGS_AXES; axis++)
        layout->extent[axis] = sgs_grid_axis_size(grid, (sgs_axis)axis);
    if (sgs_grid_keeps_weights(grid))
        layout->extent[SGS_STORE_AXIS_FEATURE] = largest_samples(grid);
    layout->extent[SGS_STORE_AXIS_RECORD] = sgs_grid_record_count(grid);
    layout->extent[SGS_STORE_AXIS_WALK] = sgs_grid_walk_bins(grid);
    for (int axis = 0; axis < SGS_STORE_AXES; axis++)
        if (layout->extent[axis] > 0)
            append(layout, &axis_variables[axis]);
    for (int i = 0; i < (layout->extent[SGS_STORE_AXIS_WALK] > 0 ? SGS_COORDINATES : SGS_COORDINATE_WALK_LOW); i++)
        append(layout, &coordinate_variables[i]);
    layout->result = layout->count;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        sgs_variable variable = result_variable(measure);
        append(layout, &variable);
    }
    layout->trajectory = layout->count;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (!sgs_grid_records(grid, (sgs_measure)measure))
            continue;
        sgs_variable variable = trajectory_variable(measure);
        append(layout, &variable);
    }
    layout->trajectories = layout->count - layout->trajectory;
    if (layout->extent[SGS_STORE_AXIS_WALK] > 0)
        append_walk(layout);
    if (sgs_grid_keeps_weights(grid))
        layout->weights =
            append(layout, sgs_grid_weights(grid) == SGS_WEIGHTS_RECORD ? &weights_record_variable : &weights_variable);
    for (int i = 0; i < SGS_DECIDED && sgs_grid_until(grid); i++) {
        int position = append(layout, &decision_variables[i]);
        layout->decision = i == 0 ? position : layout->decision;
    }
    layout->checksum = append(layout, &checksum_variable);
    layout->status = append(layout, &status_variable);
}

bool sgs_variable_is_live(const sgs_variable *variable)
{
    return variable->kind != SGS_KIND_AXIS && variable->kind != SGS_KIND_COORDINATE;
}

bool sgs_variable_is_wide(const sgs_variable *variable)
{
    return variable->kind == SGS_KIND_TRAJECTORY || variable->kind == SGS_KIND_WALK ||
           variable->kind == SGS_KIND_WEIGHTS;
}

bool sgs_variable_fill(const sgs_variable *variable, sgs_value *fill)
{
    bool real_decision = variable->kind == SGS_KIND_DECISION && variable->type == SGS_TYPE_REAL;
    if (variable->kind == SGS_KIND_WEIGHTS || real_decision)
        fill->real = NAN;
    else if (variable->kind == SGS_KIND_WALK)
        *fill = sgs_walk_describe((sgs_walk_sum)variable->which)->fill;
    else if (variable->kind == SGS_KIND_RESULT || variable->kind == SGS_KIND_TRAJECTORY)
        *fill = sgs_measure_describe((sgs_measure)variable->which)->fill;
    else
        return false; /* zero: pending, no checksum, open */
    return true;
}

int64_t sgs_variable_elements(const sgs_layout *layout, const sgs_variable *variable)
{
    int64_t elements = 1;
    for (int i = 0; i < variable->rank; i++)
        if (__builtin_mul_overflow(elements, layout->extent[variable->axis[i]], &elements))
            return INT64_MAX;
    return elements;
}

int64_t sgs_variable_bytes(const sgs_layout *layout, const sgs_variable *variable)
{
    static const int size[] = {
        [SGS_TYPE_TEXT] = 16, [SGS_TYPE_INT8] = 1,   [SGS_TYPE_INT32] = 4,
        [SGS_TYPE_INT64] = 8, [SGS_TYPE_UINT32] = 4, [SGS_TYPE_REAL] = 8,
    };
    int64_t bytes;
    return __builtin_mul_overflow(sgs_variable_elements(layout, variable), size[variable->type], &bytes) ? INT64_MAX
                                                                                                         : bytes;
}
