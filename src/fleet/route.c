#include "route.h"
#include "store/mpi_check.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* Types of statfs(2). stale: a client writes back whole pages, with what was in them when it read them, over what
 * other clients wrote there meanwhile. */
static const struct file_system {
    long type;
    const char *name;
    bool stale;
} file_systems[] = {
    {0x6969, "nfs", true},          {0xFF534D42, "cifs", true},    {0xFE534D42, "smb2", true},
    {0x517B, "smb", true},          {0x5346414F, "afs", true},     {0xEF53, "ext4", false},
    {0x58465342, "xfs", false},     {0x9123683E, "btrfs", false},  {0x01021994, "tmpfs", false},
    {0x794C7630, "overlay", false}, {0x2FC12FC1, "zfs", false},    {0x0BD00BD0, "lustre", false},
    {0x47504653, "gpfs", false},    {0x19830326, "beegfs", false}, {0x00C36400, "ceph", false},
    {0x65735546, "fuse", false},
};

static const struct file_system *find_file_system(long type)
{
    static const struct file_system unknown = {0, "unknown", false};

    for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++)
        if (file_systems[i].type == type)
            return &file_systems[i];
    return &unknown;
}

const char *route_file_system(long type)
{
    return find_file_system(type)->name;
}

const char *route_writer_name(sgs_writer writer)
{
    static const char *const names[] = {
        [SGS_WRITER_AUTO] = "auto", [SGS_WRITER_ALL] = "all", [SGS_WRITER_NODE] = "node", [SGS_WRITER_ROOT] = "root"};
    return names[writer];
}

sgs_writer route_choose(sgs_writer wish, int nodes, long type, char why[ROUTE_WHY_BYTES])
{
    const struct file_system *found = find_file_system(type);

    if (wish != SGS_WRITER_AUTO) {
        (void)snprintf(why, ROUTE_WHY_BYTES, "asked for");
        return wish;
    }
    if (nodes == 1) {
        (void)snprintf(why, ROUTE_WHY_BYTES, "one node");
        return SGS_WRITER_ALL;
    }
    (void)snprintf(why, ROUTE_WHY_BYTES, "%d nodes on %s%s", nodes, found->name,
                   found->stale ? ", whose clients write back whole stale pages" : "");
    return found->stale ? SGS_WRITER_ROOT : SGS_WRITER_ALL;
}

/* Ranks that share a node. */
static MPI_Comm split_nodes_coll(MPI_Comm comm, int rank)
{
    const char *pretended = getenv("SGDSWEEP_RANKS_PER_NODE");
    const long size = pretended ? strtol(pretended, NULL, 10) : 0;
    MPI_Comm node = MPI_COMM_NULL;

    if (size > 0)
        SGS_MPI(MPI_Comm_split(comm, rank / (int)size, rank, &node));
    else
        SGS_MPI(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node));
    return node;
}

/* Of a path; 0: it cannot be had, which is no reason to fail. */
static long type_of(const char *path)
{
    struct statfs there;
    return statfs(path, &there) == 0 ? (long)there.f_type : 0;
}

void route_find_coll(MPI_Comm comm, const char *path, sgs_writer wish, struct route *route)
{
    int rank = 0;
    int size = 1;
    int node_rank = 0;
    int node_size = 1;
    int leads = 0;
    long type = 0;

    *route = (struct route){.rank = 0};
    SGS_MPI(MPI_Comm_rank(comm, &rank));
    SGS_MPI(MPI_Comm_size(comm, &size));
    MPI_Comm node = split_nodes_coll(comm, rank);
    SGS_MPI(MPI_Comm_rank(node, &node_rank));
    SGS_MPI(MPI_Comm_size(node, &node_size));
    int first = rank;
    SGS_MPI(MPI_Bcast(&first, 1, MPI_INT, 0, node)); /* node rank 0 is the lowest rank of the node */
    SGS_MPI(MPI_Comm_free(&node));
    route->leads = node_rank == 0;
    leads = route->leads;
    SGS_MPI(MPI_Allreduce(&leads, &route->nodes, 1, MPI_INT, MPI_SUM, comm));
    if (rank == 0)
        type = type_of(path);
    SGS_MPI(MPI_Bcast(&type, 1, MPI_LONG, 0, comm));
    route->file_system = route_file_system(type);
    route->writer = route_choose(wish, route->nodes, type, route->why);
    if (route->writer == SGS_WRITER_ALL)
        route->rank = rank;
    else if (route->writer == SGS_WRITER_NODE)
        route->rank = first;
    if (route->rank == rank && route->writer != SGS_WRITER_ALL)
        route->clients = (route->writer == SGS_WRITER_NODE ? node_size : size) - 1;
}
