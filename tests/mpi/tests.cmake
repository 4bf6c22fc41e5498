# Whole sweeps, one CTest test per case: number of processors, then the case of test_sweep.py.
find_program(SGDSWEEP_SWEEP_PYTHON NAMES python3 REQUIRED)
function(sgs_sweep_test processors name)
  add_test(NAME sweep_${name}
    COMMAND ${SGDSWEEP_SWEEP_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/mpi/test_sweep.py SweepTest.test_${name} -v)
  set_tests_properties(sweep_${name} PROPERTIES LABELS mpi TIMEOUT 300 PROCESSORS ${processors}
    ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()

sgs_sweep_test(2 rank_counts)
sgs_sweep_test(2 more_ranks_than_work)
sgs_sweep_test(2 grid_in_another_order)
sgs_sweep_test(2 processor_features)
sgs_sweep_test(2 weights)
sgs_sweep_test(2 samplings_and_records)
sgs_sweep_test(2 large_records_are_written_in_small_blocks)
sgs_sweep_test(2 kill)
sgs_sweep_test(2 stopped_with_records)
sgs_sweep_test(2 signal_to_mpirun)
sgs_sweep_test(2 signal_to_a_rank)
sgs_sweep_test(1 signals_without_mpirun)
sgs_sweep_test(2 time_limits)
sgs_sweep_test(2 complete_is_left_alone)
sgs_sweep_test(2 damaged_runs_are_done_again)
sgs_sweep_test(2 another_grid)
sgs_sweep_test(2 running_twice)
sgs_sweep_test(2 core_hours)
sgs_sweep_test(2 bad_command_lines)
sgs_sweep_test(2 bad_files)
sgs_sweep_test(2 output)

add_executable(test_sweep_agree mpi/test_sweep_agree.c)
target_link_libraries(test_sweep_agree PRIVATE sgs_fleet sgs_flags)
add_test(NAME test_sweep_agree COMMAND ${MPIEXEC_EXECUTABLE} --bind-to none --oversubscribe -n 3
  $<TARGET_FILE:test_sweep_agree>)
set_tests_properties(test_sweep_agree PROPERTIES LABELS mpi TIMEOUT 60 PROCESSORS 2 ENVIRONMENT
  "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1")

# A cmocka program of tests/mpi on a number of ranks. sgs_mpi_test(NAME RANKS [LINKS libs...])
function(sgs_mpi_test name ranks)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  if(NOT TARGET ${name})
    add_executable(${name} mpi/${name}.c)
    target_link_libraries(${name} PRIVATE ${ARG_LINKS} PkgConfig::CMOCKA sgs_flags m)
  endif()
  add_test(NAME ${name}_${ranks} COMMAND ${MPIEXEC_EXECUTABLE} --bind-to none --oversubscribe -n ${ranks} $<TARGET_FILE:${name}>)
  set_tests_properties(${name}_${ranks} PROPERTIES LABELS mpi TIMEOUT 300 PROCESSORS 2 ENVIRONMENT
    "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1")
endfunction()

sgs_mpi_test(test_store_parallel 1 LINKS sgs_store)
sgs_mpi_test(test_store_parallel 3 LINKS sgs_store)
