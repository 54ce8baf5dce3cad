# What only the arm64 build has; scripts/test-arm64 runs it.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  skep_test(jit_a64 LIBRARIES skep asmjit::asmjit)
endif()
