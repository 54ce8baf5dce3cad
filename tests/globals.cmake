# Global variables by name, and objects between open and load.
skep_test(globals SOURCES unit/globals_test.cpp support/objects.cpp LIBRARIES skep)
skep_test(open_object SOURCES unit/open_object_test.cpp support/objects.cpp LIBRARIES skep)
