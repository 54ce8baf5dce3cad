# Programs that the verifier accepts are run: no guard may fire. SKEP_SOUNDNESS_PROGRAMS asks for more than the default.
skep_test(verifier_hostile ROOMS verifier program btf isa abi)
skep_test(soundness SOURCES soundness/soundness_test.cpp soundness/generator.cpp soundness/ground.cpp
          soundness/mutator.cpp soundness/raw_tests.cpp differential/generator.cpp
          LIBRARIES skep nlohmann_json::nlohmann_json)
skep_fuzzer(verify LIBRARIES skep)
if(TARGET verify_fuzzer)
  target_sources(verify_fuzzer PRIVATE soundness/generator.cpp soundness/ground.cpp soundness/mutator.cpp
                                       differential/generator.cpp)
endif()
