/** @file test_store_scene.h
 *  What the tests of the store share: a folder of their own, random grids, random results. */
#ifndef SGS_TEST_STORE_SCENE_H
#define SGS_TEST_STORE_SCENE_H

#include "../../src/store/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../chance.h"

enum { PATH_BYTES = 300 };

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        sgs_error assert_error = {""};                                                                                 \
        sgs_status assert_status = (call);                                                                             \
        if (assert_status != SGS_OK)                                                                                   \
            fail_msg("%s: status %d: %s", #call, (int)assert_status, assert_error.text);                               \
    } while (0)
/* The error argument of a call inside of assert_ok. */
#define ERR (&assert_error)

static char scene_folder[PATH_BYTES - 64];
static char scene_path[PATH_BYTES]; /* of the results file */

static inline int scene_begin(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(scene_folder, sizeof scene_folder, "%s/sgs-store-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(scene_folder));
    snprintf(scene_path, sizeof scene_path, "%s/f.h5", scene_folder);
    return 0;
}

/* Calls visit for every name in the folder; returns how many. */
static inline int scene_files(const char *folder, void (*visit)(const char *path))
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[2 * PATH_BYTES];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (visit)
            visit(path);
    }
    closedir(dir);
    return count;
}

static inline void scene_remove(const char *path)
{
    if (unlink(path) != 0)
        rmdir(path);
}

static inline int scene_end(void **state)
{
    (void)state;
    scene_files(scene_folder, scene_remove);
    return rmdir(scene_folder);
}

static inline sgs_grid *scene_grid(const char *text)
{
    sgs_grid *grid = NULL;
    assert_ok(sgs_grid_parse(text, strlen(text), "test grid", &grid, ERR));
    return grid;
}

/* Few points on every axis, some of whose batches do not fit. */
/* keep: 0 results only, 1 weights, 2 records, 3 records and the weights along them, 4 a walk, 5 all but these weights
 */
static inline sgs_grid *random_grid(int keep)
{
    static const char *batches[] = {"1", "2", "n/4", "n/2", "n-1", "n", "7", "40"};
    static const int dimensions[] = {1, 3, 8, 16, 50};
    char text[1024], *end = text;
    end += sprintf(end, "activation: [%s]\ndimension: [", chance(2) ? "linear, relu" : "relu");
    int64_t from = chance(5), count = 1 + chance(3);
    for (int64_t i = 0; i < count; i++)
        end += sprintf(end, "%s%d", i > 0 ? ", " : "", dimensions[(from + i) % 5]);
    end += sprintf(end, "]\nbatch_size: [");
    from = chance(8);
    count = 1 + chance(5);
    for (int64_t i = 0; i < count; i++)
        end += sprintf(end, "%s%s", i > 0 ? ", " : "", batches[(from + i) % 8]);
    end += sprintf(end, "]\nstep_size: %s[0.05", chance(2) ? "{scaled_by_batch: " : "");
    bool scaled = end[-6] == ' ' && strstr(text, "scaled_by_batch");
    count = chance(4);
    for (int64_t i = 0; i < count; i++)
        end += sprintf(end, ", 0.%d", (int)i + 1);
    end +=
        sprintf(end, "]%s\nseed: {first: %d, count: %d}\n", scaled ? "}" : "", (int)chance(1000), 1 + (int)chance(20));
    static const char *const kept[] = {
        "record: none\nweights: none\n",
        "weights: final\n",
        "record: {steps: [0, 5, 1000], measures: [max_share, selected]}\nweights: final\n",
        "record: {until: 20}\nweights: record\n",
        "walk: {bins: 5}\n",
        "walk: {bins: 7, range: 2}\nrecord: {until: 20}\nweights: final\n"};
    sprintf(end, "%s", kept[keep]);
    return scene_grid(text);
}

/* Any bit pattern that a run may leave, NaN and infinity among them. */
static inline sgs_result random_result(void)
{
    static const int8_t finished[] = {SGS_RUN_CONVERGED, SGS_RUN_MAX_STEPS, SGS_RUN_DIVERGED, SGS_RUN_DEAD};
    sgs_result result = {.status = finished[chance(4)]};
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (sgs_measure_describe((sgs_measure)measure)->integer)
            result.value[measure].integer = chance(1000000) - 1;
        else
            result.value[measure].real = chance(8) == 0 ? NAN : chance(8) == 0 ? INFINITY : 2 * uniform(0, 1) - 1;
    }
    return result;
}

static inline bool same_result(const sgs_result *a, const sgs_result *b)
{
    bool same = a->status == b->status;
    for (int measure = 0; measure < SGS_MEASURES; measure++) /* the bits, NaN among them */
        same = same && a->value[measure].integer == b->value[measure].integer;
    return same;
}

/* A new results file, open for writing. */
static inline sgs_store *scene_create(const sgs_grid *grid)
{
    sgs_store *store = NULL;
    assert_ok(sgs_store_create(scene_path, grid, true, ERR));
    assert_ok(sgs_store_open(scene_path, SGS_STORE_WRITE, &store, ERR));
    return store;
}

static inline sgs_store *scene_open(sgs_store_mode mode)
{
    sgs_store *store = NULL;
    assert_ok(sgs_store_open(scene_path, mode, &store, ERR));
    return store;
}

static inline void scene_close(sgs_store *store)
{
    assert_ok(sgs_store_close(store, ERR));
}

#endif
