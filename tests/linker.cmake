# Static linking: libbpf's linker is the referee, through bpftool; without it, its tests say so and pass.
find_library(SKEP_LIBBPF bpf)
find_path(SKEP_LIBBPF_INCLUDE bpf/libbpf.h)
skep_test(linker SOURCES unit/linker_test.cpp unit/linker_referee_test.cpp unit/btf_graph_test.cpp support/objects.cpp
          LIBRARIES skep)
if(SKEP_LIBBPF AND SKEP_LIBBPF_INCLUDE)
  target_sources(linker_test PRIVATE support/libbpf_referee.cpp)
  target_compile_definitions(linker_test PRIVATE SKEP_HAVE_LIBBPF)
  target_link_libraries(linker_test PRIVATE ${SKEP_LIBBPF})
endif()
