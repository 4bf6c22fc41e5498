# The job scripts on a private Slurm of three nodes, one CTest test per case: number of processors, then the case of
# test_slurm.py. Waiting more than computing; each case has a cluster of its own. Without root or Slurm they are skipped,
# with the reason in the output.
function(sgs_slurm_test processors name)
  add_test(NAME slurm_${name}
    COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_slurm.py SlurmTest.test_${name} -v)
  set_tests_properties(slurm_${name} PROPERTIES LABELS slurm TIMEOUT 300 PROCESSORS ${processors}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()

add_test(NAME slurm_jobs COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_jobs.py -v)
set_tests_properties(slurm_jobs PROPERTIES LABELS slurm TIMEOUT 120 ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")

sgs_slurm_test(1 time_limit)
sgs_slurm_test(1 array)
sgs_slurm_test(1 node_dies)
sgs_slurm_test(1 dead_peer)
sgs_slurm_test(1 no_progress)
sgs_slurm_test(2 nodes)

if("$ENV{SGDSWEEP_TEST_FULL}" STREQUAL "1")
  foreach(name IN ITEMS by_hand first_node_dies preempted split_brain split_brain_stops controller_dies rank_is_killed
      memory_limit ordinary_user long_runs failures_end submit)
    sgs_slurm_test(1 ${name})
  endforeach()
endif()
