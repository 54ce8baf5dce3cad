# Programs that the verifier accepts are run: no guard may fire. SKEP_SOUNDNESS_PROGRAMS asks for more than the default.
skep_test(verifier_hostile ROOMS verifier program btf isa abi)
set(soundness_ground soundness/ground.cpp soundness/oracle.cpp soundness/containment.cpp soundness/history.cpp
                     soundness/machine.cpp soundness/trace.cpp soundness/arithmetic.cpp soundness/generator.cpp
                     soundness/mutator.cpp differential/generator.cpp)
skep_test(soundness SOURCES soundness/soundness_test.cpp soundness/raw_tests.cpp ${soundness_ground}
          LIBRARIES skep nlohmann_json::nlohmann_json)
skep_fuzzer(verify LIBRARIES skep)
if(TARGET verify_fuzzer)
  target_sources(verify_fuzzer PRIVATE ${soundness_ground})
endif()

# Bugs to plant in the verifier, for tests/mutation/run; here only whether they still can be.
skep_test(mutation_rows SOURCES mutation/rows_test.cpp)
