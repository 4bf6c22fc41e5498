/** @file test_grid_unite.c
 *  Unions and slices of grids, and where the runs of one stand in another, over random small grids: expectations from
 *  run keys alone. The random tests print their seed and take one from SGDSWEEP_TEST_SEED. */
#include "sgdsweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

enum { TEXT_BYTES = 1000, RUNS_MAX = 20000 };

static sgs_grid *parse(const char *text)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    if (sgs_grid_parse(text, strlen(text), "g.yaml", &grid, &err) != SGS_OK)
        fail_msg("refused: %s\n%s", err.text, text);
    return grid;
}

/** Some of the words, at least one, in random order, behind "key: ". */
static void write_axis(FILE *out, const char *key, const char *const *words, int count)
{
    int order[16];
    int taken = 1 + (int)chance(count);
    for (int i = 0; i < count; i++)
        order[i] = i;
    fprintf(out, "%s: [", key);
    for (int i = 0; i < taken; i++) {
        int other = i + (int)chance(count - i);
        int word = order[other];
        order[other] = order[i];
        order[i] = word;
        fprintf(out, "%s%s", i > 0 ? ", " : "", words[word]);
    }
    fputs("]", out);
}

/** Axes at random; batch sizes that coincide at some dimensions, and seeds with and without gaps. */
static sgs_grid *random_grid(const char *settings)
{
    static const char *const activations[] = {"linear", "relu"};
    static const char *const samplings[] = {"cyclic", "shuffle", "without_replacement"};
    static const char *const dimensions[] = {"4", "7", "16", "9"};
    static const char *const batches[] = {"1", "n/2", "2", "n-1", "n", "full", "8", "7", "n-2"};
    static const char *const steps[] = {"0.1", "0.3", "0.02", "1e-3"};
    static const char *const seeds[] = {"0", "1", "2", "3", "17", "9007199254740991"};
    char text[TEXT_BYTES];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    write_axis(out, "activation", activations, 2);
    write_axis(out, "\nsampling", samplings, 3);
    write_axis(out, "\ndimension", dimensions, 4);
    write_axis(out, "\nbatch_size", batches, 9);
    write_axis(out, "\nstep_size: {scaled_by_batch", steps, 4);
    fputs("}\n", out);
    if ((int)chance(2))
        write_axis(out, "seed", seeds, 6);
    else
        fprintf(out, "seed: {first: %d, count: %d}", (int)chance(5), 1 + (int)chance(5));
    fprintf(out, "\n%s", settings);
    assert_int_equal(fclose(out), 0);
    return parse(text);
}

/** The key of a run, and its index; skipped runs are left out. */
typedef struct keyed {
    sgs_key key;
    int64_t index;
} keyed;

static int by_key(const void *left, const void *right)
{
    const keyed *a = left;
    const keyed *b = right;
    if (a->key.hi != b->key.hi)
        return a->key.hi < b->key.hi ? -1 : 1;
    if (a->key.lo != b->key.lo)
        return a->key.lo < b->key.lo ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int64_t list_keys(const sgs_grid *grid, keyed *list)
{
    int64_t count = 0;
    assert_true(sgs_grid_runs(grid) <= RUNS_MAX);
    for (int64_t i = 0; i < sgs_grid_runs(grid); i++) {
        sgs_run run;
        sgs_stop stop;
        if (sgs_grid_run(grid, i, &run, &stop))
            list[count++] = (keyed){sgs_run_key(&run), i};
    }
    qsort(list, (size_t)count, sizeof *list, by_key);
    return count;
}

static sgs_status unite_two(const sgs_grid *a, const sgs_grid *b, sgs_grid **united, sgs_error *err)
{
    sgs_grid_union *sum = NULL;
    sgs_status status = sgs_grid_union_create(&sum, err);
    status = status ? status : sgs_grid_union_add(sum, a, err);
    status = status ? status : sgs_grid_union_add(sum, b, err);
    status = status ? status : sgs_grid_union_make(sum, united, err);
    sgs_grid_union_destroy(sum);
    return status;
}

static sgs_grid *unite(const sgs_grid *a, const sgs_grid *b)
{
    sgs_grid *united = NULL;
    sgs_error err = {""};
    if (unite_two(a, b, &united, &err) != SGS_OK)
        fail_msg("%s\n%s\n%s", err.text, sgs_grid_canonical(a), sgs_grid_canonical(b));
    return united;
}

static void assert_same_grid(const sgs_grid *a, const sgs_grid *b)
{
    assert_string_equal(sgs_grid_canonical(a), sgs_grid_canonical(b));
}

/** Of three, in the order-th of their six orders. */
static sgs_status unite_three(sgs_grid *const three[3], int order, sgs_grid **united, sgs_error *err)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    sgs_grid_union *sum = NULL;
    assert_int_equal(sgs_grid_union_create(&sum, err), SGS_OK);
    for (int k = 0; k < 3; k++)
        assert_int_equal(sgs_grid_union_add(sum, three[orders[order][k]], err), SGS_OK);
    sgs_status status = sgs_grid_union_make(sum, united, err);
    sgs_grid_union_destroy(sum);
    return status;
}

static void unions_know_no_order(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        sgs_grid *g[3] = {random_grid(""), random_grid(""), random_grid("")};
        sgs_grid *ab = unite(g[0], g[1]), *ba = unite(g[1], g[0]), *bc = unite(g[1], g[2]);
        sgs_grid *left = unite(ab, g[2]), *right = unite(g[0], bc), *again = unite(left, g[(int)chance(3)]);
        sgs_grid *twice = unite(left, left);
        assert_same_grid(ab, ba);
        assert_same_grid(left, right);
        assert_same_grid(left, again);
        assert_same_grid(left, twice);
        sgs_grid *three = NULL;
        assert_int_equal(unite_three(g, i % 6, &three, NULL), SGS_OK);
        assert_same_grid(left, three);
        sgs_grid_destroy(three);
        sgs_grid *all[] = {g[0], g[1], g[2], ab, ba, bc, left, right, again, twice};
        for (int k = 0; k < 10; k++)
            sgs_grid_destroy(all[k]);
    }
}

/** Every run of a is found in b at exactly the indices that have its key. */
static void check_match(const sgs_grid *a, const sgs_grid *b, int64_t *found)
{
    static keyed list[RUNS_MAX];
    sgs_grid_match *match = NULL;
    int64_t count = list_keys(b, list), seeds = sgs_grid_axis_size(a, SGS_AXIS_SEED);
    assert_int_equal(sgs_grid_match_create(a, b, &match, NULL), SGS_OK);
    for (int64_t i = 0; i < sgs_grid_runs(a); i++) {
        const int64_t *cells = NULL;
        int64_t matches = 0, wanted = 0, seed = sgs_grid_match_seed(match, i % seeds);
        sgs_run run;
        sgs_stop stop;
        assert_int_equal(sgs_grid_match_cells(match, i / seeds, &cells, &matches, NULL), SGS_OK);
        if (!sgs_grid_run(a, i, &run, &stop)) {
            assert_int_equal(matches, 0);
            continue;
        }
        sgs_key key = sgs_run_key(&run);
        for (int64_t k = 0; k < count; k++) /* small grids: no need for a search */
            wanted += sgs_key_equal(list[k].key, key);
        assert_int_equal(seed < 0 ? 0 : matches, wanted);
        for (int64_t k = 0; k < matches && seed >= 0; k++) {
            sgs_run other;
            assert_true(sgs_grid_run(b, cells[k] * sgs_grid_axis_size(b, SGS_AXIS_SEED) + seed, &other, &stop));
            assert_true(sgs_key_equal(sgs_run_key(&other), key));
            for (int64_t other_k = 0; other_k < k; other_k++)
                assert_int_not_equal(cells[k], cells[other_k]);
        }
        *found += seed >= 0 && matches > 0;
    }
    sgs_grid_match_destroy(match);
}

static void runs_are_found_by_their_keys(void **state)
{
    (void)state;
    static const char *const settings[] = {"", "", "init: {seed: 2}", "init: {distribution: ones}",
                                           "init: {distribution: sphere, scale: 0.2}"};
    int64_t found = 0;
    for (int i = 0; i < 60; i++) {
        int kind = (int)chance(5); /* an own start seed may be the one of all */
        sgs_grid *a = random_grid(settings[kind]), *b = random_grid(settings[kind < 3 ? (int)chance(3) : kind]);
        check_match(a, b, &found);
        sgs_grid_destroy(a);
        sgs_grid_destroy(b);
    }
    assert_true(found > 0);
}

/** eta / b can be one number for two eta. */
static void steps_that_give_one_eps(void **state)
{
    (void)state;
    sgs_grid *plain = parse("dimension: 49\nbatch_size: [1, 49]\nseed: [1, 2]\n"
                            "step_size: [0.3, 0.30000000000000004, 6.2, 6.200000000000002, 6.200000000000003]\n");
    sgs_grid *scaled = parse(
        "dimension: [8, 49]\nbatch_size: [n, 1]\nseed: {first: 0, count: 5}\n"
        "step_size: {scaled_by_batch: [0.1, 0.3, 0.30000000000000004, 0.126530612244898, 0.12653061224489795]}\n");
    int64_t found = 0;
    check_match(plain, scaled, &found);
    check_match(scaled, plain, &found);
    assert_true(found > 0);
    sgs_grid_destroy(plain);
    sgs_grid_destroy(scaled);
}

static void a_union_has_all_runs(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        sgs_grid *a = random_grid(""), *b = random_grid("");
        sgs_grid *united = unite(a, b);
        int64_t found = 0, fit = 0;
        static keyed list[RUNS_MAX];
        fit = list_keys(a, list);
        check_match(a, united, &found);
        assert_int_equal(found, fit);
        sgs_grid_destroy(a);
        sgs_grid_destroy(b);
        sgs_grid_destroy(united);
    }
}

static void sorted_axes(void **state)
{
    (void)state;
    sgs_grid *a = parse("activation: [relu, linear]\nsampling: [shuffle, cyclic]\ndimension: [64, 8]\nseed: [9, 3]\n"
                        "batch_size: [n, n-1, 1, 100, 63]\nstep_size: [0.2, 0.1]\nrecord: {steps: [0, 4]}\n");
    sgs_grid *b = parse("activation: relu\nsampling: without_replacement\ndimension: 16\nseed: {first: 4, count: 5}\n"
                        "batch_size: [full, n/2, 2]\nstep_size: [0.15]\nrecord: {steps: [0, 4]}\n");
    sgs_grid *united = unite(a, b);
    const char *text = sgs_grid_canonical(united);
    assert_non_null(strstr(text, "activation: [linear, relu]\nsampling: [without_replacement, shuffle, cyclic]\n"
                                 "dimension: [8, 16, 64]\nsamples: d\nbatch_size: [100, 1, 2, n/2, 63, n-1, full, n]\n"
                                 "step_size: [0.10000000000000001, 0.14999999999999999, 0.20000000000000001]\n"
                                 "seed: {first: 3, count: 7}\n"));
    sgs_grid_destroy(a);
    sgs_grid_destroy(b);
    sgs_grid_destroy(united);
}

static void huge_ranges_of_seeds(void **state)
{
    (void)state;
    static const char *const rest = "dimension: 8\nbatch_size: 1\nstep_size: 0.1\n";
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%sseed: {first: 0, count: 4000000000000000}\n", rest);
    sgs_grid *a = parse(text);
    snprintf(text, sizeof text, "%sseed: {first: 4000000000000000, count: 1000}\n", rest);
    sgs_grid *b = parse(text);
    snprintf(text, sizeof text, "%sseed: [5000000000000000]\n", rest);
    sgs_grid *c = parse(text), *united = unite(b, a), *none = NULL;
    sgs_error err;
    assert_int_equal(sgs_grid_axis_size(united, SGS_AXIS_SEED), 4000000000001000);
    assert_int_equal(unite_two(a, c, &none, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "seeds"));
    assert_null(none);
    sgs_grid_destroy(a);
    sgs_grid_destroy(b);
    sgs_grid_destroy(c);
    sgs_grid_destroy(united);
}

/** Gaps that a third grid closes are none, whichever comes first; others are refused in any order. */
static void gaps_in_many_seeds(void **state)
{
    static const struct {
        const char *seeds[3], *says; /* the union's seeds, or what is wrong with them; NULL: a list of 999999 */
        bool good;
    } table[] = {
        {{"{first: 0, count: 2000000}", "{first: 4000000, count: 2000000}", "{first: 2000000, count: 2000000}"},
         "seed: {first: 0, count: 6000000}",
         true},
        {{"[0, 5000000]", "{first: 1, count: 3000000}", "{first: 3000001, count: 1999999}"},
         "seed: {first: 0, count: 5000001}",
         true},
        {{"[7, 3, 9]", "[4, 8]", "[6, 9]"}, "seed: [3, 4, 6, 7, 8, 9]", true},
        {{"{first: 0, count: 500000}", "{first: 500001, count: 499999}", "700000"}, NULL, true},
        {{"{first: 0, count: 500000}", "{first: 500001, count: 500001}", "700000"},
         "seeds: 1000001 of them, and between 499999 and 500001 there is a gap; accepted: at most 1000000 seeds with "
         "gaps",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sgs_grid *three[3];
        char text[TEXT_BYTES];
        for (int k = 0; k < 3; k++) {
            snprintf(text, sizeof text, "dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: %s\n", table[i].seeds[k]);
            three[k] = parse(text);
        }
        for (int order = 0; order < (table[i].says ? 6 : 1); order++) {
            sgs_grid *united = NULL;
            sgs_error err = {""};
            assert_int_equal(unite_three(three, order, &united, &err), table[i].good ? SGS_OK : SGS_EINVAL);
            if (!table[i].good)
                assert_string_equal(err.text, table[i].says);
            else if (table[i].says)
                assert_non_null(strstr(sgs_grid_canonical(united), table[i].says));
            else
                assert_int_equal(sgs_grid_axis_size(united, SGS_AXIS_SEED), 999999);
            sgs_grid_destroy(united);
        }
        for (int k = 0; k < 3; k++)
            sgs_grid_destroy(three[k]);
    }
}

static void what_differs_is_named(void **state)
{
    (void)state;
    static const char base[] = "dimension: 8\nbatch_size: 1\nseed: 1\n";
    static const struct {
        const char *a, *b, *says;
    } table[] = {
        {"step_size: 0.1\nstop: {tol: 1e-5}\n", "step_size: 0.2\n", "stop: tol: 1e-05 here, tol: 1e-06 there"},
        {"step_size: 0.1\nstop: {max_steps: 10}\n", "step_size: 0.1\n",
         "stop: max_steps: 10 here, max_steps: auto there"},
        {"step_size: 0.1\nsamples: d/2\n", "step_size: 0.1\n", "samples: d/2 here, d there"},
        {"step_size: 0.1\n", "step_size: {scaled_by_batch: 0.2}\n",
         "step_size: not scaled here, scaled by batch there"},
        {"step_size: 0.1\ninit: {scale: 0.2}\n", "step_size: 0.1\n", "init: scale: 0.2 here, scale: 0.1 there"},
        {"step_size: 0.1\nbatches: common\n", "step_size: 0.1\n", "batches: common here, own there"},
        {"step_size: 0.1\nweights: final\n", "step_size: 0.1\n", "weights: final here, none there"},
        {"step_size: 0.1\nrecord: {until: 8}\n", "step_size: 0.1\nrecord: {until: 9}\n", NULL},
        {"step_size: 0.1\nrecord: {until: 8}\n", "step_size: 0.1\nrecord: {until: 20}\n",
         "record: 7 steps here, 9 there"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[2][TEXT_BYTES];
        sgs_error err = {""};
        sgs_grid *united = NULL;
        snprintf(text[0], TEXT_BYTES, "%s%s", base, table[i].a);
        snprintf(text[1], TEXT_BYTES, "%s%s", base, table[i].b);
        sgs_grid *a = parse(text[0]), *b = parse(text[1]);
        assert_int_equal(unite_two(a, b, &united, &err), table[i].says ? SGS_EINVAL : SGS_OK);
        if (table[i].says)
            assert_string_equal(err.text, table[i].says);
        sgs_grid_destroy(a);
        sgs_grid_destroy(b);
        sgs_grid_destroy(united);
    }
}

static void slices_make_the_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        sgs_grid *whole = random_grid("record: ladder\n"), *united = NULL;
        int64_t seeds = sgs_grid_axis_size(whole, SGS_AXIS_SEED), count = 1 + (int)chance((int)seeds), all = 0;
        for (int64_t k = 1; k <= count; k++) {
            sgs_grid *part = NULL;
            assert_int_equal(sgs_grid_slice(whole, k, count, &part, NULL), SGS_OK);
            int64_t size = sgs_grid_axis_size(part, SGS_AXIS_SEED);
            assert_true(size == seeds / count || size == seeds / count + 1);
            for (int64_t s = 0; s < size; s++)
                assert_int_equal(sgs_grid_seed(part, s), sgs_grid_seed(whole, all + s));
            all += size;
            sgs_grid *more = united ? unite(united, part) : unite(part, part);
            sgs_grid_destroy(united);
            sgs_grid_destroy(part);
            united = more;
        }
        assert_int_equal(all, seeds);
        sgs_grid *sorted = unite(whole, whole), *none = NULL;
        assert_same_grid(united, sorted);
        assert_int_equal(sgs_grid_slice(whole, 1, seeds + 1, &none, NULL), SGS_EINVAL);
        sgs_grid_destroy(sorted);
        sgs_grid_destroy(united);
        sgs_grid_destroy(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unions_know_no_order),
        cmocka_unit_test(runs_are_found_by_their_keys),
        cmocka_unit_test(steps_that_give_one_eps),
        cmocka_unit_test(a_union_has_all_runs),
        cmocka_unit_test(sorted_axes),
        cmocka_unit_test(huge_ranges_of_seeds),
        cmocka_unit_test(gaps_in_many_seeds),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(slices_make_the_whole),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
