skep_test(structure SOURCES structure/structure_test.cpp structure/checker.cpp)
