# The demo's object and capture, against the kernel; libbpf is the referee's loader, skep itself does not use it.
if(SKEP_EXAMPLES AND SKEP_CLANG)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(referee REQUIRED IMPORTED_TARGET libbpf)
  skep_test(examples LIBRARIES skep::skep PkgConfig::referee LABELS referee)
  target_compile_definitions(examples_test PRIVATE SKEP_EXAMPLES_DIR="${PROJECT_BINARY_DIR}/examples")
  add_dependencies(examples_test example_counters example_traffic)
endif()
