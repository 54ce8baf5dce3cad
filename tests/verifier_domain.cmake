# The domain stands on nothing: its tests take its one source file, not the whole room.
skep_test(verifier_tnum)
skep_test(verifier_domain SOURCES unit/verifier_domain_test.cpp unit/verifier_domain_sample_test.cpp)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT SKEP_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  # Arithmetic on all pairs of 6 bits, a quarter of a minute. SKEP_EXHAUSTIVE=1 does as much for conditions, and 4 bits.
  add_test(NAME verifier_domain_pairs WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
           COMMAND verifier_domain_test "-tc=arithmetic contains every*" "-sc=6 bits")
  set_tests_properties(verifier_domain_pairs PROPERTIES ENVIRONMENT SKEP_EXHAUSTIVE=1)
endif()
skep_test(verifier_domain_kernel SOURCES unit/verifier_domain_kernel_test.cpp ../src/verifier/domain/scalar.cpp)
