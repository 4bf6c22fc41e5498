/* Who writes what: every rank its own results, one rank a node, or rank 0. */
#ifndef SGDSWEEP_FLEET_ROUTE_H
#define SGDSWEEP_FLEET_ROUTE_H

#include "sgdsweep/fleet.h"

enum { ROUTE_WHY_BYTES = 160 };

struct route {
    sgs_writer writer; /* not AUTO */
    int rank;          /* that writes for this one */
    int clients;       /* other ranks that this one writes for */
    int nodes;
    bool leads; /* the first rank of its node */
    const char *file_system;
    char why[ROUTE_WHY_BYTES];
};

/* Rank 0 looks at the file system of a path that is there; then all know their way. Collective.
 *
 * SGDSWEEP_RANKS_PER_NODE=K in the environment makes nodes of K ranks each, whatever the machine says: for tests. */
void route_find_coll(MPI_Comm comm, const char *path, sgs_writer wish, struct route *route);

/* What `auto` comes to: root where several nodes would write through caches of their own that nobody keeps coherent,
 * else all. why gets the reason, for a wish too. type: of statfs. */
sgs_writer route_choose(sgs_writer wish, int nodes, long type, char why[ROUTE_WHY_BYTES]);

/* "ext4", "nfs", ...; "unknown". */
const char *route_file_system(long type);

const char *route_writer_name(sgs_writer writer);

#endif
