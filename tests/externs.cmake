# Externs: libbpf is the referee; without it, its tests say so and pass.
find_library(SKEP_LIBBPF bpf)
find_path(SKEP_LIBBPF_INCLUDE bpf/libbpf.h)
skep_test(externs SOURCES unit/externs_test.cpp unit/externs_libbpf_test.cpp support/objects.cpp LIBRARIES skep)
if(SKEP_LIBBPF AND SKEP_LIBBPF_INCLUDE)
  target_sources(externs_test PRIVATE support/libbpf_referee.cpp)
  target_compile_definitions(externs_test PRIVATE SKEP_HAVE_LIBBPF)
  target_link_libraries(externs_test PRIVATE ${SKEP_LIBBPF})
endif()
