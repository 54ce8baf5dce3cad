# Compiler flags every target of ours gets, and ccache where there is one.
find_program(SKEP_CCACHE ccache)
if(SKEP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SKEP_CCACHE})
endif()

add_library(skep_options INTERFACE)
target_compile_options(skep_options INTERFACE -Wall -Wextra -Werror -Wswitch -Wno-missing-field-initializers)
# GCC 12 sees overlapping copies in std::string's own code where there are none (GCC bug 105651).
target_compile_options(skep_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(SKEP_SANITIZE)
  list(JOIN SKEP_SANITIZE "," sanitizers)
  target_compile_options(skep_options INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(skep_options INTERFACE -fsanitize=${sanitizers})
  target_compile_definitions(skep_options INTERFACE SKEP_FEW_SEQUENCES)  # src/vm/sequences.inc
endif()
if(SKEP_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SKEP_FUZZ needs clang, the compiler is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  # Coverage in every room, so that the fuzzers see where their inputs lead.
  target_compile_options(skep_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
