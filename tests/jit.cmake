# The JIT against the interpreter. SKEP_JIT_PROGRAMS asks for more programs than the default.
skep_test(jit_differential SOURCES differential/jit_test.cpp differential/generator.cpp soundness/generator.cpp
          soundness/mutator.cpp LIBRARIES skep)
