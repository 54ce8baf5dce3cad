# The JIT against the interpreter. SKEP_JIT_PROGRAMS asks for more programs than the default.
skep_test(jit_differential SOURCES differential/jit_test.cpp differential/generator.cpp soundness/generator.cpp
          soundness/mutator.cpp LIBRARIES skep)
# What compilers write, for the walk over proven code.
skep_test(jit_tuned SOURCES differential/tuned_test.cpp differential/tuned_generator.cpp differential/generator.cpp
          LIBRARIES skep)
skep_test(jit_walk LIBRARIES skep)
skep_test(jit LIBRARIES skep asmjit::asmjit)
skep_test(jit_encoding LIBRARIES skep)
skep_test(known_calls LIBRARIES skep)
if(SKEP_SANITIZE)
  # New code is slow there; the plain build runs them all.
  set_tests_properties(jit_encoding PROPERTIES ENVIRONMENT SKEP_JIT_EVERY=10)
  set_tests_properties(jit_differential PROPERTIES ENVIRONMENT SKEP_JIT_PROGRAMS=10000)
  set_tests_properties(jit_tuned PROPERTIES ENVIRONMENT SKEP_JIT_PROGRAMS=3000)
endif()
