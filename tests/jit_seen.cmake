# What profilers and debuggers see of machine code, and what is not to be seen in it.
skep_test(jit_blind LIBRARIES skep)
skep_test(jit_seen LIBRARIES skep)
if(TARGET skep_cli)
  target_compile_definitions(jit_seen_test PRIVATE SKEP_COMMAND="$<TARGET_FILE:skep_cli>"
                             SKEP_CLI_OBJECTS="${PROJECT_BINARY_DIR}/tests/cli")
  add_dependencies(jit_seen_test skep_cli)
endif()
