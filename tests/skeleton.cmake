# Skeletons: some are made with the build and used, those of all objects at hand are compiled.
if(TARGET skep_cli AND SKEP_CLANG)
  set(skeletons ${PROJECT_BINARY_DIR}/tests/skeleton)
  file(MAKE_DIRECTORY ${skeletons})
  foreach(pair globals=api_globals struct_ops=loader_struct_ops tracing=skeleton_tracing)
    string(REPLACE "=" ";" pair ${pair})
    list(GET pair 0 name)
    list(GET pair 1 source)
    skep_bpf_object(skeleton_${name}_bpf bpf/${source}.bpf.c OUTPUT ${skeletons}/${name}.bpf.o FLAGS -Wno-everything)
    add_custom_command(
      OUTPUT ${skeletons}/${name}.skel.hpp
      COMMAND skep_cli gen skeleton ${skeletons}/${name}.bpf.o -o ${skeletons}/${name}.skel.hpp
      DEPENDS skep_cli ${skeletons}/${name}.bpf.o
      VERBATIM)
    list(APPEND skeleton_headers ${skeletons}/${name}.skel.hpp)
  endforeach()
  skep_test(skeleton SOURCES skeleton/use_test.cpp skeleton/compile_test.cpp cli/command.cpp support/objects.cpp
            ${skeleton_headers} LIBRARIES skep)
  target_include_directories(skeleton_test PRIVATE ${skeletons})
  target_compile_definitions(skeleton_test PRIVATE SKEP_COMMAND="$<TARGET_FILE:skep_cli>" SKEP_CLI_OBJECTS="${skeletons}"
                             SKEP_INCLUDE="${PROJECT_SOURCE_DIR}/include")
endif()
