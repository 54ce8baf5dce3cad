# Split BTF and types as C declarations: bpftool is the referee of both, and clang compiles the declarations again.
skep_test(btf_split ROOMS elf btf)
