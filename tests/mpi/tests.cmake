# Whole sweeps, one CTest test per case: number of processors, then the case of test_sweep.py.
find_program(SGDSWEEP_SWEEP_PYTHON NAMES python3 REQUIRED)
function(sgs_sweep_case processors prefix case)
  string(REGEX REPLACE "^.*test_" "" name ${case})
  add_test(NAME ${prefix}_${name} COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B
    ${CMAKE_CURRENT_SOURCE_DIR}/mpi/test_${prefix}.py ${case} -v)
  set_tests_properties(${prefix}_${name} PROPERTIES LABELS mpi TIMEOUT 300 PROCESSORS ${processors}
    ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()
function(sgs_sweep_test processors name)
  sgs_sweep_case(${processors} sweep SweepTest.test_${name})
endfunction()
function(sgs_checkpoint_test processors name)
  sgs_sweep_case(${processors} checkpoint CheckpointTest.test_${name})
endfunction()

sgs_sweep_test(2 rank_counts)
sgs_sweep_test(2 more_ranks_than_work)
sgs_sweep_test(2 grid_in_another_order)
sgs_sweep_test(2 processor_features)
sgs_sweep_test(2 weights)
sgs_sweep_test(2 prediction)
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

foreach(name rank_counts records_are_the_same_bytes dedicated_master large_rows seeds_until default kill_and_stop)
  sgs_sweep_case(2 writer WriterTest.test_${name})
endforeach()

sgs_checkpoint_test(2 many_lives)
sgs_checkpoint_test(2 signals_in_storms)
sgs_checkpoint_test(2 stopping_is_quick)
sgs_checkpoint_test(2 interrupted_twice)
sgs_checkpoint_test(2 killed_between_checkpoints)
sgs_checkpoint_test(2 a_rank_dies)
sgs_checkpoint_test(2 killed_while_opening)
sgs_checkpoint_test(1 killed_while_creating)
sgs_checkpoint_test(2 damaged_states)
sgs_checkpoint_test(2 older_state_of_the_same_run)
sgs_checkpoint_test(2 bytes_are_bounded)
sgs_checkpoint_test(2 no_place_for_states)
sgs_checkpoint_test(1 options)

# Early stopping by precision: the same with the Python that has h5py and SciPy.
foreach(name shares means rank_counts_and_orders kill stop what_does_not_follow_is_not_believed what_is_there_is_kept
    reuse one_look plan)
  add_test(NAME until_${name}
    COMMAND ${SGDSWEEP_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/mpi/test_until.py UntilTest.test_${name} -v)
  set_tests_properties(until_${name} PROPERTIES LABELS mpi TIMEOUT 600 PROCESSORS 2
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endforeach()

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

sgs_mpi_test(test_store_parallel 1 LINKS sgs_store PkgConfig::GSL)
sgs_mpi_test(test_store_parallel 3 LINKS sgs_store PkgConfig::GSL)
sgs_mpi_test(test_watch 2 LINKS sgs_fleet)
sgs_mpi_test(test_watch 3 LINKS sgs_fleet)
