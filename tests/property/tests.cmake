sgs_test(test_measures property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_stop_rule property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_reference property LINKS sgs_train PkgConfig::GSL)
sgs_test(test_trainers_agree property LINKS sgs_train PkgConfig::GSL)
sgs_test(test_lanes property LINKS sgs_train)
sgs_test(test_far property LINKS sgs_train)
sgs_test(test_golden property LINKS sgs_train)
# whatever the C library would choose by processor: nothing that is stored may depend on it
add_test(NAME test_golden_plain_libm COMMAND test_golden)
set_tests_properties(test_golden_plain_libm PROPERTIES LABELS property TIMEOUT 300
  ENVIRONMENT "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4")
sgs_test(test_stream property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_batches property LINKS sgs_model PkgConfig::GSL)
sgs_test(test_starts property LINKS sgs_model PkgConfig::GSL)
