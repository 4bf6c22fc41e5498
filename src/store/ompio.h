/* What Open MPI's ompio leaves behind when a sweep is killed, and how not to stumble over it. */
#ifndef SGS_STORE_OMPIO_H
#define SGS_STORE_OMPIO_H

#include <mpi.h>

/* Before the file at path is opened through MPI-IO; see ompio.c. Collective. */
void sgs_ompio_prepare_coll(const char *path, MPI_Comm comm);

#endif
