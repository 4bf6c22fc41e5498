# Fuzz targets, clang only: every object of the project is built with libFuzzer's instrumentation and the sanitizers.
# tests/fault/fuzz.sh configures, builds and runs them.
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "SGDSWEEP_FUZZ needs clang: cmake --preset fuzz")
endif()

# sgs_fuzz(NAME LIBRARY): tests/fault/fuzz_NAME.c
function(sgs_fuzz name library)
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fault/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${library} sgs_flags)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz fuzz_${name})
endfunction()

add_custom_target(fuzz)
sgs_fuzz(grid sgs_grid)
sgs_fuzz(expression sgs_grid)
sgs_fuzz(results sgs_store)
sgs_fuzz(state sgs_store)
