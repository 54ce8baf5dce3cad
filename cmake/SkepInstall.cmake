# What `cmake --install` puts down: headers, the static library, the command, a CMake package and skep.pc. All of it may
# be moved afterwards: no path in it is absolute.
include(CMakePackageConfigHelpers)

set(SKEP_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/skep)

install(TARGETS skep EXPORT skep-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/skep DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT skep-targets NAMESPACE skep:: DESTINATION ${SKEP_PACKAGE_DIR})
if(TARGET skep_cli)
  install(TARGETS skep_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/skep-config.cmake.in ${PROJECT_BINARY_DIR}/skep-config.cmake
                              INSTALL_DESTINATION ${SKEP_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/skep-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/skep-config.cmake ${PROJECT_BINARY_DIR}/skep-config-version.cmake
        DESTINATION ${SKEP_PACKAGE_DIR})

file(RELATIVE_PATH SKEP_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/skep.pc.in ${PROJECT_BINARY_DIR}/skep.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/skep.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
