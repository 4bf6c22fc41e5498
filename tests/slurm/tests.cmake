# The job scripts on a private Slurm of three nodes, one CTest test per case. Waiting more than computing; each case has
# a cluster of its own. Without root or Slurm they are skipped, with the reason in the output.
function(sgs_slurm_test processors name)
  add_test(NAME slurm_${name}
    COMMAND ${SGDSWEEP_SWEEP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_slurm.py SlurmTest.test_${name} -v)
  set_tests_properties(slurm_${name} PROPERTIES LABELS slurm TIMEOUT 300 PROCESSORS ${processors}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()

sgs_slurm_test(2 nodes)
sgs_slurm_test(1 time_limit)
sgs_slurm_test(1 by_hand)
sgs_slurm_test(1 node_dies)
