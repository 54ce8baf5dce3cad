# libFuzzer targets, one a kind of hostile input. `make fuzz` builds and runs them all; alone: build-asan/tests/elf_fuzzer FOLDER.
skep_fuzzer(elf ROOMS elf)
skep_fuzzer(btf ROOMS btf)
