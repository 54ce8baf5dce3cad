# Debian's XDP programs and the demo's, over the demo's capture, against the running kernel.
if(SKEP_EXAMPLES AND SKEP_CLANG)
  skep_test(referee_xdp SOURCES referee/xdp_test.cpp referee/twin.cpp referee/traffic.cpp support/objects.cpp
            LIBRARIES skep LABELS referee)
  target_compile_definitions(referee_xdp_test PRIVATE SKEP_EXAMPLES_DIR="${PROJECT_BINARY_DIR}/examples")
  add_dependencies(referee_xdp_test example_counters example_hello example_traffic)
endif()
