# The JIT against the interpreter. SKEP_JIT_PROGRAMS asks for more programs than the default.
skep_test(jit_differential SOURCES differential/jit_test.cpp differential/generator.cpp soundness/generator.cpp
          soundness/mutator.cpp LIBRARIES skep)
# What compilers write, for the walk over proven code.
skep_test(jit_tuned SOURCES differential/tuned_test.cpp differential/tuned_generator.cpp differential/tuned_calls.cpp
                            differential/tuned_slots.cpp
                            differential/generator.cpp
          LIBRARIES skep)
skep_test(jit_walk LIBRARIES skep)
# What it leaves out.
skep_test(jit_shape LIBRARIES skep)
skep_test(jit_slots LIBRARIES skep)
skep_test(jit LIBRARIES skep asmjit::asmjit)
skep_test(jit_division LIBRARIES skep)
# What decodes the code: llvm-mc-19, run, or libcapstone, linked. Without it the test runs code only, and says so.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(decoder decode_a64.cpp)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  find_package(PkgConfig)
  if(PkgConfig_FOUND)
    pkg_check_modules(CAPSTONE IMPORTED_TARGET capstone)
  endif()
  if(CAPSTONE_FOUND)
    set(decoder decode_x64.cpp)
    set(decoder_library PkgConfig::CAPSTONE)
  endif()
endif()
if(NOT decoder)
  set(decoder decode_none.cpp)
endif()
set(decoding encoding/agreement.cpp encoding/bpf_meaning.cpp encoding/contract.cpp encoding/decoding.cpp
             encoding/machine_meaning.cpp encoding/meaning_x64.cpp encoding/meaning_a64.cpp encoding/path.cpp
             encoding/terms.cpp encoding/${decoder})
skep_test(jit_encoding SOURCES unit/jit_encoding_test.cpp ${decoding} LIBRARIES skep ${decoder_library})
skep_test(jit_proven_encoding SOURCES unit/jit_proven_encoding_test.cpp encoding/proven_bench.cpp
                                      encoding/proven_memory.cpp ${decoding}
          LIBRARIES skep ${decoder_library})
if(CMAKE_CROSSCOMPILING)
  # New code is slow in an emulator.
  set_tests_properties(jit_proven_encoding PROPERTIES ENVIRONMENT SKEP_JIT_EVERY=10)
endif()
skep_test(known_calls LIBRARIES skep)
if(SKEP_SANITIZE)
  # New code is slow there; the plain build runs them all.
  set_tests_properties(jit_encoding jit_proven_encoding PROPERTIES ENVIRONMENT SKEP_JIT_EVERY=10)
  set_tests_properties(jit_differential PROPERTIES ENVIRONMENT SKEP_JIT_PROGRAMS=10000)
  set_tests_properties(jit_tuned PROPERTIES ENVIRONMENT SKEP_JIT_PROGRAMS=3000)
endif()
