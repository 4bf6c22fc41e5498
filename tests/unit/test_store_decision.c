/** @file test_store_decision.c
 *  Decisions in the file: as written, as they follow from the runs, and made to agree. */
#include "test_store_scene.h"

/* Cells of 60 seeds: 2 dimensions, 2 batches of which one does not fit at d = 4, 1 step. */
static const char *rule_grid = "activation: relu\ndimension: [4, 8]\nbatch_size: [1, 6]\nstep_size: 0.1\nseed: {first: "
                               "3, until: {measure: sparse, half_width: 0.2, confidence: 0.9, looks: [10, 30, 60]}}\n";
enum { SEEDS = 60, CELLS = 4, SKIPPED_CELL = 1, RUNS = SEEDS * CELLS };

static void write_runs(sgs_store *store, int64_t first, int64_t count, bool sparse)
{
    for (int64_t i = first; i < first + count; i++) {
        sgs_result result = random_result();
        result.status = SGS_RUN_CONVERGED;
        result.value[SGS_MAX_SHARE].real = sparse ? 0.995 : 0.5;
        assert_ok(sgs_store_write(store, i, 1, &(sgs_rows){.results = &result}, ERR));
    }
}

static sgs_cell_scan scan(sgs_store *store, int64_t cell, int8_t status[SEEDS], sgs_tally *tally)
{
    sgs_cell_scan found;
    *tally = (sgs_tally){.damaged = 0};
    assert_ok(sgs_store_scan_cell(store, cell, status, tally, &found, ERR));
    int64_t sum = 0;
    for (int i = 0; i < SGS_RUN_STATUSES; i++) {
        int64_t count = 0;
        for (int k = 0; k < SEEDS; k++)
            count += status[k] == i;
        assert_int_equal(count, tally->status[i]);
        sum += count;
    }
    assert_int_equal(sum, SEEDS);
    return found;
}

static void written_and_read(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(rule_grid);
    sgs_store *store = scene_create(grid);
    sgs_decision want[CELLS], got, none = sgs_decision_open();
    sgs_error err = {""};
    for (int64_t cell = 0; cell < CELLS; cell++) {
        assert_ok(sgs_store_read_decision(store, cell, &got, ERR));
        assert_true(sgs_decision_equal(&got, &none));
        want[cell] = (sgs_decision){.precision = (int8_t)(cell % 3), .looks = (int32_t)cell, .seeds = 10 * cell + 7};
        want[cell].estimate = uniform(0, 1);
        want[cell].low = cell == 2 ? NAN : uniform(0, 1);
        want[cell].high = uniform(0, 1);
        assert_ok(sgs_store_write_decision(store, cell, &want[cell], ERR));
    }
    assert_int_equal(sgs_store_read_decision(store, CELLS, &got, &err), SGS_ERANGE);
    assert_int_equal(sgs_store_write_decision(store, -1, &want[0], &err), SGS_ERANGE);
    scene_close(store);
    assert_ok(sgs_store_check_frozen(scene_path, ERR)); /* decisions are no frozen bytes */
    store = scene_open(SGS_STORE_READ);
    for (int64_t cell = 0; cell < CELLS; cell++) {
        assert_ok(sgs_store_read_decision(store, cell, &got, ERR));
        assert_true(sgs_decision_equal(&got, &want[cell]));
    }
    assert_int_equal(sgs_store_write_decision(store, 0, &want[0], &err), SGS_ERANGE);
    scene_close(store);
    sgs_grid_destroy(grid);
}

static void follows_from_the_runs(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(rule_grid);
    sgs_store *store = scene_create(grid);
    int8_t status[SEEDS];
    sgs_tally tally;
    sgs_cell_scan found = scan(store, SKIPPED_CELL, status, &tally);
    assert_true(found.skipped && found.settled);
    assert_int_equal(tally.status[SGS_RUN_SKIPPED], SEEDS);
    found = scan(store, 3, status, &tally);
    assert_true(found.settled && !found.skipped);
    assert_int_equal(found.standing.missing, 10);

    int64_t first = (int64_t)3 * SEEDS;
    write_runs(store, first, 10, true); /* 10 of 10 at 1 - 0.1 / 3: [0.66, 1] is narrow enough */
    found = scan(store, 3, status, &tally);
    assert_false(found.settled);
    assert_int_equal(found.unsettled, SEEDS - 10);
    assert_int_equal(found.standing.decision.seeds, 10);
    assert_int_equal(tally.status[SGS_RUN_PENDING], SEEDS - 10);
    assert_ok(sgs_store_settle_cell(store, 3, status, &found, ERR));
    for (int i = 10; i < SEEDS; i++)
        assert_int_equal(status[i], SGS_RUN_NOT_NEEDED);
    found = scan(store, 3, status, &tally);
    assert_true(found.settled);
    assert_int_equal(tally.status[SGS_RUN_NOT_NEEDED], SEEDS - 10);
    assert_int_equal(tally.status[SGS_RUN_CONVERGED], 10);
    sgs_key digest = tally.digest;

    /* A result beyond what was needed is a result; the decision does not change. */
    write_runs(store, first + 50, 1, false);
    found = scan(store, 3, status, &tally);
    assert_true(found.settled);
    assert_int_equal(tally.status[SGS_RUN_CONVERGED], 11);
    assert_false(sgs_key_equal(tally.digest, digest));

    /* A run of the prefix is gone: nothing follows any more, and every mark is wrong. */
    assert_ok(sgs_store_set_status(store, first + 4, 1, SGS_RUN_PENDING, ERR));
    found = scan(store, 3, status, &tally);
    assert_false(found.settled);
    assert_int_equal(found.standing.missing, 1);
    assert_int_equal(found.unsettled, SEEDS - 11);
    assert_int_equal(tally.status[SGS_RUN_NOT_NEEDED], 0);
    assert_ok(sgs_store_settle_cell(store, 3, status, &found, ERR));
    found = scan(store, 3, status, &tally);
    assert_true(found.settled);
    assert_int_equal(tally.status[SGS_RUN_PENDING], SEEDS - 10);
    scene_close(store);
    sgs_grid_destroy(grid);
}

/** The mark is believed where a rule could have set it, and nowhere else. */
static void marks_have_their_places(void **state)
{
    (void)state;
    sgs_grid *grid = scene_grid(rule_grid);
    sgs_store *store = scene_create(grid);
    int8_t status[RUNS];
    sgs_error err = {""};
    assert_ok(sgs_store_set_status(store, 0, SEEDS, SGS_RUN_NOT_NEEDED, ERR));
    assert_ok(sgs_store_read_status(store, 0, RUNS, status, ERR));
    for (int i = 0; i < SEEDS; i++)
        assert_int_equal(status[i], i < 10 ? SGS_RUN_PENDING : SGS_RUN_NOT_NEEDED);
    assert_int_equal(sgs_store_set_status(store, SEEDS, 1, SGS_RUN_NOT_NEEDED, &err), SGS_ERANGE); /* skipped */
    scene_close(store);
    scene_files(scene_folder, scene_remove);
    sgs_grid_destroy(grid);

    grid = scene_grid("dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: {first: 1, count: 60}\n");
    store = scene_create(grid);
    sgs_decision decision = sgs_decision_open();
    assert_int_equal(sgs_store_set_status(store, 20, 1, SGS_RUN_NOT_NEEDED, &err), SGS_ERANGE);
    assert_int_equal(sgs_store_read_decision(store, 0, &decision, &err), SGS_ERANGE);
    assert_non_null(strstr(err.text, "no rule for the number of seeds"));
    scene_close(store);
    sgs_grid_destroy(grid);
}

/** Files of grids without a rule have no variable of it; the size is foretold with them too. */
static void only_where_asked_for(void **state)
{
    (void)state;
    sgs_layout with, without;
    struct stat info;
    sgs_grid *grid = scene_grid(rule_grid);
    sgs_grid *plain = scene_grid("activation: relu\ndimension: [4, 8]\nbatch_size: [1, 6]\nstep_size: 0.1\nseed: "
                                 "{first: 3, count: 60}\n");
    sgs_layout_build(grid, &with);
    sgs_layout_build(plain, &without);
    assert_int_equal(with.count, without.count + SGS_DECIDED);
    assert_int_equal(without.decision, -1);
    scene_close(scene_create(grid));
    assert_int_equal(stat(scene_path, &info), 0);
    assert_true(llabs(sgs_store_size_bytes(grid) - (int64_t)info.st_size) < 65536);
    sgs_grid_destroy(plain);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_and_read, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(follows_from_the_runs, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(marks_have_their_places, scene_begin, scene_end),
        cmocka_unit_test_setup_teardown(only_where_asked_for, scene_begin, scene_end),
    };
    chance_begin(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
