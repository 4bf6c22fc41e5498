# Bad input, damage, full disks, kills: what a sweep must survive, or name. sgs_fault_test(PROCESSORS NAME)
add_library(fault_shim MODULE fault/shim.c)
target_include_directories(fault_shim SYSTEM PRIVATE ${HDF5_INCLUDE_DIRS} ${MPI_C_INCLUDE_DIRS}) # for their types
target_compile_definitions(fault_shim PRIVATE _GNU_SOURCE)
target_compile_options(fault_shim PRIVATE -Wall -Wextra)
target_link_libraries(fault_shim PRIVATE ${CMAKE_DL_LIBS})

function(sgs_fault_test processors name)
  add_test(NAME ${name} COMMAND ${SGDSWEEP_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/fault/${name}.py -v)
  set_tests_properties(${name} PROPERTIES LABELS fault TIMEOUT 7200 PROCESSORS ${processors}
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;SGDSWEEP=$<TARGET_FILE:sgdsweep>;SGDSWEEP_SHIM_LIBRARY=$<TARGET_FILE:fault_shim>")
endfunction()

sgs_fault_test(1 test_bad_inputs)
# The preloaded library takes the place of malloc, which the sanitizers want for themselves.
if(NOT SGDSWEEP_SANITIZE)
  sgs_fault_test(1 test_bits)
  sgs_fault_test(1 test_files)
  sgs_fault_test(2 test_injection)
  sgs_fault_test(2 test_kills)
  sgs_fault_test(1 test_retry)
endif()

# A few seconds of each fuzz target; ten minutes in the long tier.
find_program(SGDSWEEP_CLANG clang)
if(SGDSWEEP_CLANG)
  add_test(NAME fuzz COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/fault/fuzz.sh)
  set_tests_properties(fuzz PROPERTIES LABELS fault TIMEOUT 3600 PROCESSORS 2
    ENVIRONMENT "SGDSWEEP_FUZZ_BUILD=${PROJECT_BINARY_DIR}/fuzz;SGDSWEEP_FUZZ_SHORT=3")
else()
  message(STATUS "  no clang: the fuzz targets are not tested")
endif()
