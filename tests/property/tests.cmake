sgs_test(test_measures property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_stop_rule property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_reference property LINKS sgs_train PkgConfig::GSL)
sgs_test(test_trainers_agree property LINKS sgs_train PkgConfig::GSL)
sgs_test(test_lanes property LINKS sgs_train PkgConfig::GSL)
set_tests_properties(test_lanes PROPERTIES COST 10) # the longest first
sgs_test(test_far property LINKS sgs_train)
sgs_test(test_walk property LINKS sgs_train PkgConfig::GSL)
sgs_test(test_golden property LINKS sgs_train)
# whatever the C library would choose by processor: nothing that is stored may depend on it
add_test(NAME test_golden_plain_libm COMMAND test_golden)
set_tests_properties(test_golden_plain_libm PROPERTIES LABELS property TIMEOUT 300
  ENVIRONMENT "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4")
sgs_test(test_stream property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_batches property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_starts property LINKS sgs_model PkgConfig::GSL)

# The kernel for AVX-512 on processors without it, by SIMDe: the same bits there too.
find_path(SIMDE_INCLUDE simde/x86/avx512.h)
file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags" LIMIT_COUNT 1)
if(SGDSWEEP_TREES AND SIMDE_INCLUDE AND cpu_flags MATCHES " avx2 " AND NOT cpu_flags MATCHES " avx512dq ")
  set(train ${PROJECT_SOURCE_DIR}/src/train)
  add_library(avx512_stand_in OBJECT ${train}/isa.c ${train}/kernel.c)
  target_include_directories(avx512_stand_in PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_include_directories(avx512_stand_in SYSTEM PRIVATE ${RANDOM123_INCLUDE} ${SLEEF_INCLUDE} ${SIMDE_INCLUDE})
  target_compile_options(avx512_stand_in PRIVATE -O1 -march=x86-64-v3 -Wno-psabi)
  target_link_libraries(avx512_stand_in PRIVATE sgs_flags)
  # every feature is said to be there
  set_source_files_properties(${train}/isa.c TARGET_DIRECTORY avx512_stand_in PROPERTIES
    COMPILE_OPTIONS "-DSGS_HAVE_X86_64;-D__builtin_cpu_supports(feature)=*(feature)")
  set_source_files_properties(${train}/kernel.c TARGET_DIRECTORY avx512_stand_in PROPERTIES
    COMPILE_OPTIONS "-DSGS_ISA=v4;-include;${CMAKE_CURRENT_SOURCE_DIR}/property/avx512.h")
  foreach(name IN ITEMS golden lanes)
    add_executable(test_${name}_avx512 property/test_${name}.c $<TARGET_OBJECTS:avx512_stand_in>)
    target_include_directories(test_${name}_avx512 PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_include_directories(test_${name}_avx512 SYSTEM PRIVATE ${RANDOM123_INCLUDE})
    target_link_libraries(test_${name}_avx512 PRIVATE sgs_train PkgConfig::GSL PkgConfig::CMOCKA sgs_flags m)
    add_test(NAME test_${name}_avx512 COMMAND test_${name}_avx512)
    set_tests_properties(test_${name}_avx512 PROPERTIES LABELS property TIMEOUT 900 COST 10)
    set_target_properties(test_${name}_avx512 PROPERTIES EXPORT_COMPILE_COMMANDS OFF) # lint_tidy has seen it
  endforeach()
  set_target_properties(avx512_stand_in PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
endif()

# And on other architectures, by qemu.
if("$ENV{SGDSWEEP_TEST_FULL}" STREQUAL "1")
  foreach(machine IN ITEMS aarch64 s390x)
    add_test(NAME test_golden_${machine} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/property/emulated.sh ${machine}
      ${CMAKE_CURRENT_BINARY_DIR}/${machine})
    set_tests_properties(test_golden_${machine} PROPERTIES LABELS property TIMEOUT 900 SKIP_RETURN_CODE 77)
  endforeach()
endif()
