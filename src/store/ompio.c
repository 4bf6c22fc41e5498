/* Open MPI's shared file pointers, which nobody here uses, keep a named semaphore "OMPIO_" + base name of the file
 * while a file is being opened (component sm, Open MPI 4.1.4). A process that is killed just then leaves it behind,
 * locked, and from then on every job of that node that opens a file of that base name, in whatever folder, waits for
 * ever in MPI_File_open. So its name is removed before each opening: who is opening a file at this moment keeps the
 * semaphore that it has. One that belongs to another user cannot be removed; then the component is not used. */
#include "ompio.h"
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 253 }; /* as long as Open MPI makes it */

void sgs_ompio_prepare_coll(const char *path, MPI_Comm comm)
{
    char name[NAME_BYTES];
    const char *slash = strrchr(path, '/');
    int foreign = 0;
    (void)snprintf(name, sizeof name, "OMPIO_%s", slash ? slash + 1 : path);
    if (sem_unlink(name) != 0)
        foreign = errno == EACCES || errno == EPERM;
    MPI_Allreduce(MPI_IN_PLACE, &foreign, 1, MPI_INT, MPI_MAX, comm); /* nobody opens before all have looked */
    if (foreign)
        (void)setenv("OMPI_MCA_sharedfp", "^sm", 0); /* read at the first opening */
}
