# All objects against Linux 6.12's libbpf; scripts/referee-objects prepares what is compared with. The tests of the room
# alone say that they are skipped.
skep_test(referee_objects ROOMS isa elf btf abi program loader
          SOURCES referee/objects/objects_test.cpp referee/objects/compare.cpp referee/objects/testimony.cpp support/objects.cpp
          LABELS referee)
add_executable(referee_cost_meter referee/objects/cost_meter.cpp)
target_link_libraries(referee_cost_meter PRIVATE skep_options)
set_target_properties(referee_cost_meter PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_compile_definitions(referee_objects_test PRIVATE SKEP_COST_METER="$<TARGET_FILE:referee_cost_meter>")
add_dependencies(referee_objects_test referee_cost_meter)
