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

skep_test(linker_memory ROOMS elf btf linker SOURCES unit/linker_memory_test.cpp support/heap_meter.cpp)

if(TARGET skep_cli)
  set(link_objects ${PROJECT_BINARY_DIR}/tests/cli)
  foreach(name maps1 maps2)
    skep_bpf_object(cli_link_${name}_bpf bpf/link_${name}.bpf.c OUTPUT ${link_objects}/link_${name}.bpf.o FLAGS -Wno-everything)
  endforeach()
  skep_test(cli_link SOURCES cli/command.cpp cli/link_test.cpp)
  target_compile_definitions(cli_link_test PRIVATE SKEP_COMMAND="$<TARGET_FILE:skep_cli>" SKEP_CLI_OBJECTS="${link_objects}")
  add_dependencies(cli_link_test skep_cli)
endif()
