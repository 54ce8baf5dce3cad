# The JIT against the interpreter. SKEP_JIT_PROGRAMS asks for more programs than the default.
skep_test(jit_differential SOURCES differential/jit_test.cpp differential/generator.cpp soundness/generator.cpp
          soundness/mutator.cpp LIBRARIES skep)
skep_test(jit LIBRARIES skep asmjit::asmjit)
skep_test(jit_encoding LIBRARIES skep)
