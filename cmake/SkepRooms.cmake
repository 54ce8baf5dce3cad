# A room is a folder under src/, built as an object library, so that a test can link a room and what it stands on alone.
#
#   skep_room(NAME [SMALL] SOURCES file... [LIBRARIES target...])   in src/NAME/CMakeLists.txt; SMALL: runs once an object,
#     so that fewer pages count for more than speed
#   skep_test(NAME ROOMS room... [SOURCES file...] [LABELS label...])   in tests/*.cmake
#   skep_fuzzer(NAME ROOMS room...)                          in tests/*.cmake; source: tests/fuzz/NAME_fuzzer.cpp
set_property(GLOBAL PROPERTY SKEP_ROOMS "")

function(skep_room name)
  cmake_parse_arguments(ARG "SMALL" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(skep_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(skep_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(skep_${name} PRIVATE skep_options PUBLIC tl::expected fmt::fmt Threads::Threads ${ARG_LIBRARIES})
  if(ARG_SMALL)
    target_compile_options(skep_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
  endif()
  set_property(GLOBAL APPEND PROPERTY SKEP_ROOMS ${name})
endfunction()

function(skep_test name)
  cmake_parse_arguments(ARG "" "" "ROOMS;SOURCES;LABELS;LIBRARIES" ${ARGN})
  if(NOT ARG_SOURCES)
    set(ARG_SOURCES unit/${name}_test.cpp)
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE skep_options skep_doctest tl::expected fmt::fmt Threads::Threads ${ARG_LIBRARIES})
  foreach(room ${ARG_ROOMS})
    target_sources(${name}_test PRIVATE $<TARGET_OBJECTS:skep_${room}>)
  endforeach()
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()

# Made only with SKEP_FUZZ. tests/fuzz/corpus/NAME/, where there is one, holds the inputs to start from.
function(skep_fuzzer name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
  if(NOT SKEP_FUZZ)
    return()
  endif()
  add_executable(${name}_fuzzer fuzz/${name}_fuzzer.cpp)
  target_include_directories(${name}_fuzzer PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                                                    ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name}_fuzzer PRIVATE skep_options tl::expected fmt::fmt Threads::Threads ${ARG_LIBRARIES})
  target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  foreach(room ${ARG_ROOMS})
    target_sources(${name}_fuzzer PRIVATE $<TARGET_OBJECTS:skep_${room}>)
  endforeach()
  set_target_properties(${name}_fuzzer PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()
