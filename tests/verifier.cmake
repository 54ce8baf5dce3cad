find_package(nlohmann_json REQUIRED)
skep_test(verifier_corpus ROOMS verifier program btf isa abi LIBRARIES nlohmann_json::nlohmann_json LABELS referee)
# The library's face, on programs with common mistakes and their mended twins.
if(SKEP_CLANG)
  set(verify_object ${PROJECT_BINARY_DIR}/tests/verify_mistakes.bpf.o)
  skep_bpf_object(verify_mistakes_bpf cli/bpf/mistakes.bpf.c OUTPUT ${verify_object})
  skep_test(verify LIBRARIES skep)
  target_compile_definitions(verify_test PRIVATE SKEP_VERIFY_OBJECT="${verify_object}")
  add_dependencies(verify_test verify_mistakes_bpf)
endif()
skep_test(verified LIBRARIES skep)
skep_test(settle LIBRARIES skep)
skep_test(verifier_facts LIBRARIES skep)
skep_test(verifier_btf ROOMS verifier program btf isa abi)
skep_test(verdicts SOURCES referee/verdicts/verdicts_test.cpp referee/verdicts/suite.cpp
                           referee/verdicts/expectations.cpp referee/verdicts/matrix.cpp
          ROOMS isa elf btf abi program loader verifier LABELS referee)
skep_test(verdicts_shipped SOURCES referee/verdicts/shipped_test.cpp support/objects.cpp LIBRARIES skep LABELS referee)
skep_test(verifier_mistakes ROOMS verifier program btf isa abi)
skep_test(verifier_log ROOMS verifier program btf isa abi)
skep_test(verdicts_explained SOURCES referee/verdicts/explained_test.cpp referee/verdicts/suite.cpp
                                     referee/verdicts/expectations.cpp
          ROOMS isa elf btf abi program loader verifier LABELS referee)
set(kernel_judge referee/verdicts/kernel_judge.cpp referee/verdicts/kernel_word.cpp referee/verdicts/suite.cpp
                 referee/verdicts/expectations.cpp referee/verdicts/matrix.cpp referee/reports.cpp support/objects.cpp)
skep_test(verdicts_kernel SOURCES referee/verdicts/kernel_test.cpp ${kernel_judge} LIBRARIES skep LABELS referee)
# Debian's kernel in qemu: minutes, the first time.
skep_test(verdicts_guest SOURCES referee/verdicts/guest_test.cpp ${kernel_judge}
          ROOMS isa elf btf abi program loader verifier LABELS referee qemu)
set_tests_properties(verdicts_guest PROPERTIES TIMEOUT 3600)
skep_test(verdicts_keytable SOURCES referee/verdicts/keytable_test.cpp referee/verdicts/matrix.cpp support/objects.cpp
          ROOMS isa elf btf abi program loader verifier LABELS referee)
skep_test(verdicts_results SOURCES referee/verdicts/results_test.cpp referee/verdicts/kernel_word.cpp
                                   referee/verdicts/suite.cpp referee/verdicts/expectations.cpp
                                   referee/verdicts/matrix.cpp referee/reports.cpp
          LIBRARIES skep LABELS referee)
skep_test(verdicts_mutants SOURCES referee/verdicts/mutants_test.cpp referee/verdicts/matrix.cpp
                                   soundness/raw_tests.cpp soundness/generator.cpp soundness/mutator.cpp
                                   differential/generator.cpp
          ROOMS isa btf abi program verifier LIBRARIES nlohmann_json::nlohmann_json LABELS referee)
skep_test(verifier_memory ROOMS verifier program btf isa abi)
