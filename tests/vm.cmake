skep_test(vm LIBRARIES skep)
skep_test(conformance SOURCES unit/conformance_test.cpp LIBRARIES skep LABELS conformance)
skep_test(object SOURCES unit/object_test.cpp support/objects.cpp LIBRARIES skep)
