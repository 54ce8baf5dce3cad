# Split BTF and types as C declarations: bpftool is the referee of both, and clang compiles the declarations again.
skep_test(btf_split ROOMS elf btf)
skep_test(btf_c ROOMS elf btf
          SOURCES unit/btf_c_test.cpp unit/btf_c_referee_test.cpp support/objects.cpp support/c_types.cpp
          LABELS referee)
