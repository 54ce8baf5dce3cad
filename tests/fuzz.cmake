# libFuzzer targets, one a kind of hostile input: cmake -DSKEP_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++-19
# "-DSKEP_SANITIZE=address;undefined", then build/tests/elf_fuzzer CORPUS_FOLDER.
#
#   skep_fuzzer(NAME ROOMS room... [LIBRARIES target...])   builds fuzz/NAME_fuzzer.cpp with the rooms it stands on
function(skep_fuzzer name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
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

if(SKEP_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SKEP_FUZZ needs clang, the compiler is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  # The rooms themselves report their coverage to the fuzzer.
  target_compile_options(skep_options INTERFACE -fsanitize=fuzzer-no-link)
  skep_fuzzer(elf ROOMS elf)
  skep_fuzzer(btf ROOMS btf)
endif()
