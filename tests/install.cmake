# Not under a sanitizer: the consumer is an outsider, built without.
if(SKEP_INSTALL AND NOT SKEP_SANITIZE)
  add_test(NAME install
           COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR} -D SOURCE=${PROJECT_SOURCE_DIR} -D CXX=${CMAKE_CXX_COMPILER}
                   -D LIBDIR=${CMAKE_INSTALL_LIBDIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/install/install_test.cmake)
  set_tests_properties(install PROPERTIES TIMEOUT 300)
endif()
