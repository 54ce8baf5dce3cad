# The command, from outside: tests run the built binary on objects that are compiled with the build.
if(TARGET skep_cli)
  set(cli_objects ${PROJECT_BINARY_DIR}/tests/cli)
  foreach(name verdicts several portable configured shapes mistakes perf)
    skep_bpf_object(cli_${name}_bpf cli/bpf/${name}.bpf.c OUTPUT ${cli_objects}/${name}.bpf.o)
  endforeach()
  find_package(nlohmann_json REQUIRED)
  skep_test(cli SOURCES cli/command.cpp cli/run_test.cpp cli/run_json_test.cpp cli/look_test.cpp cli/asm_test.cpp
            cli/dis_jit_test.cpp cli/hostile_test.cpp cli/inspect_maps_test.cpp cli/verify_test.cpp
            LIBRARIES nlohmann_json::nlohmann_json)
  skep_test(cli_conformance ROOMS isa SOURCES cli/command.cpp cli/conformance_test.cpp LABELS conformance)
  foreach(test cli_test cli_conformance_test)
    target_compile_definitions(${test} PRIVATE SKEP_COMMAND="$<TARGET_FILE:skep_cli>" SKEP_CLI_OBJECTS="${cli_objects}")
    add_dependencies(${test} skep_cli)
  endforeach()
endif()
