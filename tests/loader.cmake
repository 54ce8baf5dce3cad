# libbpf and the distribution's objects are referees: where they are missing, their tests say so and pass.
find_library(SKEP_LIBBPF bpf)
find_path(SKEP_LIBBPF_INCLUDE bpf/libbpf.h)
skep_test(abi_sections ROOMS abi)
skep_test(loader ROOMS isa elf btf abi program loader
          SOURCES unit/loader_test.cpp unit/loader_maps_test.cpp unit/loader_struct_ops_test.cpp unit/loader_errors_test.cpp unit/loader_corpus_test.cpp
                  unit/loader_libbpf_test.cpp support/objects.cpp)
if(SKEP_LIBBPF AND SKEP_LIBBPF_INCLUDE)
  foreach(test abi_sections loader)
    target_compile_definitions(${test}_test PRIVATE SKEP_HAVE_LIBBPF)
    target_link_libraries(${test}_test PRIVATE ${SKEP_LIBBPF})
  endforeach()
endif()
