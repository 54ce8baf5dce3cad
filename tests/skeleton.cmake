# Skeletons: one is made with the build and used, those of all objects at hand are compiled.
if(TARGET skep_cli AND SKEP_CLANG)
  set(skeletons ${PROJECT_BINARY_DIR}/tests/skeleton)
  file(MAKE_DIRECTORY ${skeletons})
  skep_bpf_object(skeleton_globals_bpf bpf/api_globals.bpf.c OUTPUT ${skeletons}/globals.bpf.o)
  add_custom_command(
    OUTPUT ${skeletons}/globals.skel.hpp
    COMMAND skep_cli gen skeleton ${skeletons}/globals.bpf.o -o ${skeletons}/globals.skel.hpp
    DEPENDS skep_cli ${skeletons}/globals.bpf.o
    VERBATIM)
  skep_test(skeleton SOURCES skeleton/use_test.cpp skeleton/compile_test.cpp cli/command.cpp support/objects.cpp
            ${skeletons}/globals.skel.hpp LIBRARIES skep)
  target_include_directories(skeleton_test PRIVATE ${skeletons})
  target_compile_definitions(skeleton_test PRIVATE SKEP_COMMAND="$<TARGET_FILE:skep_cli>" SKEP_CLI_OBJECTS="${skeletons}"
                             SKEP_INCLUDE="${PROJECT_SOURCE_DIR}/include")
endif()
