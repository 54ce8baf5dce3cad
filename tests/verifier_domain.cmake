# The domain stands on nothing: its tests take its one source file, not the whole room.
skep_test(verifier_tnum)
skep_test(verifier_domain SOURCES unit/verifier_domain_test.cpp unit/verifier_domain_sample_test.cpp)
skep_test(verifier_domain_kernel SOURCES unit/verifier_domain_kernel_test.cpp ../src/verifier/domain/scalar.cpp)
