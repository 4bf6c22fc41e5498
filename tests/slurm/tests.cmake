# The job scripts on a private Slurm of three nodes, one CTest test per case of test_slurm.py, each with a cluster of its
# own. They wait more than they compute: one after the other beside the rest, from the beginning. Without root or Slurm
# they are skipped, with the reason in the output.
function(sgs_slurm_test name)
  add_test(NAME slurm_${name}
    COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_slurm.py SlurmTest.test_${name} -v)
  set_tests_properties(slurm_${name} PROPERTIES LABELS slurm TIMEOUT 300 COST 100 RESOURCE_LOCK waiting
    SKIP_RETURN_CODE 77
    ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()

add_test(NAME slurm_jobs COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_jobs.py -v)
set_tests_properties(slurm_jobs PROPERTIES LABELS slurm TIMEOUT 120 ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")

sgs_slurm_test(time_limit)
sgs_slurm_test(array)
sgs_slurm_test(node_dies)
sgs_slurm_test(dead_peer)
sgs_slurm_test(no_progress)
sgs_slurm_test(nodes)

if("$ENV{SGDSWEEP_TEST_FULL}" STREQUAL "1")
  foreach(name IN ITEMS by_hand first_node_dies preempted split_brain split_brain_stops controller_dies rank_is_killed
      memory_limit ordinary_user long_runs failures_end submit)
    sgs_slurm_test(${name})
  endforeach()
endif()
