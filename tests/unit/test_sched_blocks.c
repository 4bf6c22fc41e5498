/* The set of blocks that are out, against a plain array of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/sched/blocks.h"
#include "../chance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 300, EVENTS = 20000 };

static void removes_parts(void **state)
{
    struct blocks blocks = {0};
    sgs_error err = {""};
    (void)state;

    assert_true(blocks_reserve(&blocks));
    blocks_insert(&blocks, (sgs_block){10, 10});
    assert_int_equal(blocks_remove(&blocks, (sgs_block){12, 3}, &err), SGS_OK);
    assert_int_equal(blocks.count, 2);
    assert_int_equal(blocks.at[0].first, 10);
    assert_int_equal(blocks.at[0].count, 2);
    assert_int_equal(blocks.at[1].first, 15);
    assert_int_equal(blocks.at[1].count, 5);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){10, 3}, &err), SGS_ERANGE);
    assert_non_null(strstr(err.text, "not handed out"));
    assert_int_equal(blocks_remove(&blocks, (sgs_block){12, 1}, &err), SGS_ERANGE);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){9, 1}, &err), SGS_ERANGE);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){15, 0}, &err), SGS_ERANGE);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){15, INT64_MAX}, &err), SGS_ERANGE);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){15, 5}, &err), SGS_OK);
    assert_int_equal(blocks_remove(&blocks, (sgs_block){10, 2}, &err), SGS_OK);
    assert_int_equal(blocks.count, 0);
    free(blocks.at);
}

/* The member of each run: its label, or 0. A part that stays behind keeps a label of its own. */
static void relabel(int *label, int first, int *next)
{
    int old = label[first];
    int fresh = (*next)++;
    for (int run = first; run < RUNS && label[run] == old && old != 0; run++)
        label[run] = fresh;
}

static void follows_flags(void **state)
{
    int label[RUNS] = {0};
    int next = 1;
    int removed = 0;
    struct blocks blocks = {0};
    (void)state;

    for (int event = 0; event < EVENTS; event++) {
        int first = (int)chance(RUNS);
        int count = 1 + (int)chance(12);
        bool is_free = first + count <= RUNS;
        bool is_member = first + count <= RUNS && label[first] != 0;
        for (int run = first; run < first + count && run < RUNS; run++) {
            is_free &= label[run] == 0;
            is_member &= label[run] == label[first];
        }
        if (is_free) {
            assert_true(blocks_reserve(&blocks));
            blocks_insert(&blocks, (sgs_block){first, count});
            for (int run = first; run < first + count; run++)
                label[run] = next;
            next++;
        } else {
            sgs_status got = blocks_remove(&blocks, (sgs_block){first, count}, NULL);
            assert_int_equal(got, is_member ? SGS_OK : SGS_ERANGE);
            removed += is_member;
            if (is_member && first + count < RUNS && label[first + count] == label[first])
                relabel(label, first + count, &next);
            for (int run = first; is_member && run < first + count; run++)
                label[run] = 0;
        }
    }
    assert_true(removed > EVENTS / 100);
    free(blocks.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(removes_parts), cmocka_unit_test(follows_flags)};
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
