# Installs the build into a folder, moves that folder, and builds and runs a consumer against it twice: through
# find_package and through pkg-config. cmake -D BUILD=… -D SOURCE=… -D CXX=… -D LIBDIR=… -P install_test.cmake
set(work ${BUILD}/install-test)
set(prefix ${work}/moved)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  cmake_parse_arguments(ARG "" "EXPECT" "COMMAND" ${ARGN})
  execute_process(COMMAND ${ARG_COMMAND} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "install: ${ARG_COMMAND}: ${status}\n${output}")
  endif()
  if(DEFINED ARG_EXPECT AND NOT output MATCHES "${ARG_EXPECT}")
    message(FATAL_ERROR "install: ${ARG_COMMAND}: printed '${output}', expected '${ARG_EXPECT}'")
  endif()
endfunction()

run(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/installed)
# What was installed must not know where it was installed.
file(RENAME ${work}/installed ${prefix})

run(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/install/cmake -B ${work}/consumer -G Ninja -DCMAKE_BUILD_TYPE=Release
            -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${prefix})
run(COMMAND ${CMAKE_COMMAND} --build ${work}/consumer)
run(COMMAND ${work}/consumer/consumer EXPECT "^42\n$")
message("find_package(skep): the consumer prints 42")

find_program(PKG_CONFIG pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs skep OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(COMMAND ${CXX} -std=c++20 ${SOURCE}/tests/install/consumer.cpp ${flags} -o ${work}/by_pkg_config)
run(COMMAND ${work}/by_pkg_config EXPECT "^42\n$")
message("pkg-config skep: the consumer prints 42")

if(EXISTS ${prefix}/bin/skep)
  run(COMMAND ${prefix}/bin/skep --help EXPECT "run")
  message("bin/skep: answers --help")
endif()
