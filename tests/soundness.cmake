# Programs that the verifier accepts are run: no guard may fire. SKEP_SOUNDNESS_PROGRAMS asks for more than the default.
skep_test(verifier_hostile ROOMS verifier program btf isa abi)
set(soundness_oracle soundness/oracle.cpp soundness/containment.cpp soundness/divisors.cpp soundness/history.cpp
                     soundness/inputs.cpp soundness/machine.cpp soundness/regions.cpp soundness/settled.cpp soundness/trace.cpp
                     soundness/arithmetic.cpp differential/generator.cpp)
set(soundness_ground soundness/ground.cpp soundness/generator.cpp soundness/mutator.cpp ${soundness_oracle})
skep_test(soundness SOURCES soundness/soundness_test.cpp soundness/raw_tests.cpp ${soundness_ground}
          LIBRARIES skep nlohmann_json::nlohmann_json)
if(SKEP_SANITIZE)
  # The plain build runs 50,000.
  set_tests_properties(soundness PROPERTIES ENVIRONMENT SKEP_SOUNDNESS_PROGRAMS=5000)
endif()
# All that Linux' selftests hold, where the referee's cache is.
skep_test(soundness_selftests SOURCES soundness/selftests_test.cpp ${soundness_oracle} LIBRARIES skep LABELS referee)
skep_fuzzer(verify LIBRARIES skep)
if(TARGET verify_fuzzer)
  target_sources(verify_fuzzer PRIVATE ${soundness_ground})
endif()

# Bugs to plant in the verifier, for tests/mutation/run; here only whether they still can be.
skep_test(mutation_rows SOURCES mutation/rows_test.cpp)
