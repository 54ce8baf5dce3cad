skep_test(helpers ROOMS helpers abi context maps
          SOURCES unit/helpers_map_test.cpp unit/helpers_memory_test.cpp unit/helpers_print_test.cpp unit/helpers_string_test.cpp)
