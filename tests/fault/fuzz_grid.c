/* Any bytes as a grid file. Promises: a refusal says where in the file; what is accepted has a canonical text that is
 * the same grid, and every index of it is a run or skipped. */
#include "fuzz.h"
#include "sgdsweep/grid.h"
#include <string.h>

static void check_refusal(sgs_status status, const sgs_error *err, const sgs_grid *grid)
{
    PROMISE(status == SGS_EINVAL, "status %d: %s\n", (int)status, err->text);
    PROMISE(grid == NULL, "a grid with an error\n");
    PROMISE(strncmp(err->text, "fuzz:", 5) == 0 && !strchr(err->text, '\n'), "%s\n", err->text);
}

/* Some runs: both ends, and between. */
static void check_runs(const sgs_grid *grid)
{
    int64_t runs = sgs_grid_runs(grid);
    for (int i = 0; i <= 16; i++) {
        int64_t index = (runs - 1) / 16 * i;
        sgs_coordinates at;
        sgs_run run;
        sgs_stop stop;
        sgs_grid_coordinates(grid, index, &at);
        PROMISE(sgs_grid_index(grid, &at) == index, "run %lld\n", (long long)index);
        if (!sgs_grid_run(grid, index, &run, &stop))
            continue;
        PROMISE(1 <= run.b && run.b <= run.n && run.n <= run.d, "b %d, n %d, d %d\n", run.b, run.n, run.d);
        PROMISE(run.eps > 0 && stop.max_steps >= 1 && stop.max_steps <= SGS_STEPS_MAX, "run %lld\n", (long long)index);
    }
}

static void check_canonical(const sgs_grid *grid)
{
    sgs_grid *again = NULL;
    sgs_error err = {""};
    const char *text = sgs_grid_canonical(grid);
    if (strlen(text) > 1 << 20) /* a range of a million points: slow, and says no more */
        return;
    sgs_status status = sgs_grid_parse(text, strlen(text), "fuzz", &again, &err);
    PROMISE(status == SGS_OK, "the canonical text is refused: %s\n%s\n", err.text, text);
    PROMISE(sgs_key_equal(sgs_grid_digest(grid), sgs_grid_digest(again)), "the canonical text is another grid:\n%s\n",
            text);
    sgs_grid_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    char *text = malloc(size > 0 ? size : 1); /* without a NUL: the sanitizer sees a read behind the end */
    if (!text)
        return 0;
    memcpy(text, data, size);
    sgs_status status = sgs_grid_parse(text, size, "fuzz", &grid, &err);
    if (status == SGS_OK) {
        check_runs(grid);
        check_canonical(grid);
    } else {
        check_refusal(status, &err, grid);
    }
    sgs_grid_destroy(grid);
    free(text);
    return 0;
}
