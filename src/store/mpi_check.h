/* The one place where an MPI failure ends the program: one line with rank, file and line, then MPI_Abort. */
#ifndef SGDSWEEP_STORE_MPI_CHECK_H
#define SGDSWEEP_STORE_MPI_CHECK_H

#define SGS_MPI(call) mpi_check((call), __FILE__, __LINE__)

void mpi_check(int code, const char *file, int line);

#endif
