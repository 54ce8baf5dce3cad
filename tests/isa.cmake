skep_test(isa ROOMS isa SOURCES unit/isa_test.cpp unit/isa_decode_test.cpp unit/isa_text_test.cpp
          unit/isa_llvm_test.cpp unit/isa_kernel_test.cpp unit/isa_conformance_test.cpp)
