# libFuzzer targets, one a kind of hostile input. `make fuzz` builds and runs them all; alone: build-asan/tests/elf_fuzzer FOLDER.
skep_fuzzer(elf ROOMS elf)
skep_fuzzer(btf ROOMS btf)
skep_fuzzer(core ROOMS isa abi elf btf program loader)
skep_fuzzer(link ROOMS elf btf linker)
skep_fuzzer(load LIBRARIES skep)

# Objects of today's compiler to start from, beside those in the repository: tests/corpus/NAME/ in the build folder.
if(SKEP_FUZZ AND SKEP_CLANG)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bpf/*.bpf.c)
  foreach(source ${fuzz_sources} ${PROJECT_SOURCE_DIR}/examples/hello/hello.bpf.c
          ${PROJECT_SOURCE_DIR}/examples/demo/counters.bpf.c ${PROJECT_SOURCE_DIR}/examples/ringbuf/events.bpf.c)
    cmake_path(GET source STEM LAST_ONLY stem)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/corpus/load/${stem}.o)
    skep_bpf_object(fuzz_seed_${stem} ${source} OUTPUT ${object} FLAGS -Wno-everything)
    add_dependencies(load_fuzzer fuzz_seed_${stem})
  endforeach()
endif()
