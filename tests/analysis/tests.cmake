# Tests of analysis/ and of the scripts in jobs/, with the Python that has xarray, h5netcdf and matplotlib.
if(DEFINED ENV{SGDSWEEP_PYTHON})
  set(SGDSWEEP_PYTHON "$ENV{SGDSWEEP_PYTHON}" CACHE FILEPATH "Python with xarray, h5netcdf and matplotlib" FORCE)
endif()
find_program(SGDSWEEP_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(sgs_python_test name)
  add_test(NAME ${name}
    COMMAND ${SGDSWEEP_PYTHON} -W error::RuntimeWarning ${CMAKE_CURRENT_SOURCE_DIR}/analysis/${name}.py -v)
  set_tests_properties(${name} PROPERTIES LABELS analysis TIMEOUT 600
    ENVIRONMENT "PYTHONPATH=${PROJECT_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1;SGDSWEEP=$<TARGET_FILE:sgdsweep>")
endfunction()

sgs_python_test(test_sweep)
sgs_python_test(test_until)
sgs_python_test(test_records)
sgs_python_test(test_edges)
sgs_python_test(test_summary)
sgs_python_test(test_rows)
sgs_python_test(test_claims)
sgs_python_test(test_intervals)
sgs_python_test(test_figures)
sgs_python_test(test_kinds)
sgs_python_test(test_r)
sgs_python_test(test_running)
sgs_python_test(test_report)
sgs_python_test(test_scripts)
sgs_python_test(test_damaged)
sgs_python_test(test_bench)

add_executable(readers_file analysis/readers_file.c)
target_link_libraries(readers_file PRIVATE sgs_store sgs_flags)
sgs_python_test(test_readers)
set_property(TEST test_readers APPEND PROPERTY ENVIRONMENT "READERS_FILE=$<TARGET_FILE:readers_file>")
