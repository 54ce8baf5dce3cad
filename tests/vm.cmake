# The engine's tests on the best engine, and on the interpreter where that is not it.
skep_test(vm LIBRARIES skep)
add_test(NAME vm_interpreter COMMAND vm_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(vm_interpreter PROPERTIES ENVIRONMENT SKEP_TEST_ENGINE=interpreter)
skep_test(conformance SOURCES unit/conformance_test.cpp LIBRARIES skep LABELS conformance)
skep_test(object SOURCES unit/object_test.cpp support/objects.cpp LIBRARIES skep)
skep_test(sequences SOURCES unit/sequences_test.cpp differential/generator.cpp LIBRARIES skep)
