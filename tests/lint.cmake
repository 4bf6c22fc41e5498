# Static checks, and the same sources under another compiler and under sanitizers. Slow, so asked for by tests/run.sh only.
option(SGDSWEEP_TREES "Register the static checks and the builds of other trees as tests" OFF)
if(NOT SGDSWEEP_TREES)
  return()
endif()

foreach(check IN ITEMS format includes shell python cppcheck tidy)
  add_test(NAME lint_${check} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/lint.sh ${check} --build ${PROJECT_BINARY_DIR})
  set_tests_properties(lint_${check} PROPERTIES LABELS lint TIMEOUT 600)
endforeach()
set_tests_properties(lint_cppcheck lint_tidy PROPERTIES PROCESSORS 2)

foreach(preset IN ITEMS release-clang asan-ubsan)
  add_test(NAME tree_${preset} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/tree.sh ${preset} ${PROJECT_BINARY_DIR}/${preset})
  set_tests_properties(tree_${preset} PROPERTIES LABELS tree TIMEOUT 900 PROCESSORS 2)
endforeach()
