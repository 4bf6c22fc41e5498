/* Agreement between ranks, and the sharing of a grid; run with 3 ranks. Every rank checks what it got. */
#include "sgdsweep/fleet.h"
#include "sgdsweep/store.h"
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(bool holds, const char *what, int line)
{
    if (holds)
        return;
    failures++;
    (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
}

#define EXPECT(condition) expect((condition), #condition, __LINE__)

static void agrees(int rank)
{
    static const sgs_status given[][3] = {{SGS_OK, SGS_OK, SGS_OK},
                                          {SGS_OK, SGS_EINVAL, SGS_OK},
                                          {SGS_STOPPED, SGS_OK, SGS_EIO},
                                          {SGS_OK, SGS_EIO, SGS_EIO},
                                          {SGS_EFAIL, SGS_EFAIL, SGS_EIO}};
    static const sgs_status worst[] = {SGS_OK, SGS_EINVAL, SGS_EIO, SGS_EIO, SGS_EFAIL};
    static const char *const text[] = {"", "rank 1", "rank 2", "rank 1", "rank 0"};

    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i++) {
        sgs_error err = {""};
        if (given[i][rank] != SGS_OK)
            (void)sgs_fail(&err, given[i][rank], "rank %d", rank);
        EXPECT(sgs_agree_coll(MPI_COMM_WORLD, given[i][rank], &err) == worst[i]);
        EXPECT(strcmp(err.text, text[i]) == 0);
        EXPECT(sgs_agree_coll(MPI_COMM_WORLD, given[i][rank], NULL) == worst[i]);
    }
}

static void shares_a_grid(int rank)
{
    static const char text[] = "dimension: [4, 8]\nbatch_size: [n/2, n]\nstep_size: 0.1\nseed: {first: 3, count: 5}\n"
                               "activation: [relu, linear]\n";
    sgs_grid *grid = NULL;
    sgs_grid *own = NULL;
    sgs_error err = {""};

    EXPECT(sgs_grid_parse(text, strlen(text), "test", &own, &err) == SGS_OK);
    if (rank == 0)
        EXPECT(sgs_grid_parse(text, strlen(text), "test", &grid, &err) == SGS_OK);
    EXPECT(sgs_grid_share_coll(MPI_COMM_WORLD, &grid, &err) == SGS_OK);
    EXPECT(grid && own && sgs_key_equal(sgs_grid_digest(grid), sgs_grid_digest(own)));
    sgs_grid_destroy(grid);
    sgs_grid_destroy(own);
}

int main(int argc, char **argv)
{
    int rank = 0;
    int size = 0;
    int all = 0;

    sgs_fleet_start_coll(&argc, &argv, &rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size == 3) {
        agrees(rank);
        shares_a_grid(rank);
    } else {
        expect(false, "needs 3 ranks", __LINE__);
    }
    (void)MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    sgs_fleet_end_coll();
    return all != 0;
}
