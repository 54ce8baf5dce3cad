skep_test(helpers ROOMS helpers abi context
          SOURCES unit/helpers_print_test.cpp)
