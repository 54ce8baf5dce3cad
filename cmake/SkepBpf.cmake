# Compiling BPF programs, as part of the build, by the clang that skep is tested with.
#
#   skep_bpf_object(TARGET SOURCE [OUTPUT file] [FLAGS flag...])   makes TARGET, part of ALL; the object's path is in the
#                                                                  target's property BPF_OBJECT
# SKEP_CLANG is not found on machines without clang-19: then no target is made, and whoever wants one asks if(TARGET).
find_program(SKEP_CLANG NAMES clang-19)
if(NOT SKEP_CLANG)
  message(STATUS "clang-19 not found: no BPF program will be built")
endif()

function(skep_bpf_object target source)
  cmake_parse_arguments(ARG "" "OUTPUT" "FLAGS" ${ARGN})
  if(NOT SKEP_CLANG)
    return()
  endif()
  cmake_path(ABSOLUTE_PATH source)
  if(NOT ARG_OUTPUT)
    cmake_path(GET source STEM LAST_ONLY stem)
    set(ARG_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${stem}.o)
  endif()
  # The BPF target knows no multiarch folder, and <linux/types.h> needs <asm/types.h>.
  add_custom_command(
    OUTPUT ${ARG_OUTPUT}
    COMMAND ${SKEP_CLANG} -g -O2 -target bpf -mcpu=v3 -Wall -Werror -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} ${ARG_FLAGS}
            -MD -MF ${ARG_OUTPUT}.d -c ${source} -o ${ARG_OUTPUT}
    DEPENDS ${source}
    DEPFILE ${ARG_OUTPUT}.d
    COMMENT "Compiling BPF object ${ARG_OUTPUT}"
    VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${ARG_OUTPUT})
  set_target_properties(${target} PROPERTIES BPF_OBJECT ${ARG_OUTPUT})
endfunction()
