# Bad input, damage, full disks, kills: what a sweep must survive, or name. sgs_fault_test(PROCESSORS NAME [env...])
function(sgs_fault_test processors name)
  add_test(NAME ${name} COMMAND ${SGDSWEEP_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/fault/${name}.py -v)
  set_tests_properties(${name} PROPERTIES LABELS fault TIMEOUT 1200 PROCESSORS ${processors}
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;SGDSWEEP=$<TARGET_FILE:sgdsweep>;${ARGN}")
endfunction()

sgs_fault_test(1 test_bad_inputs)
