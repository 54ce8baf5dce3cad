skep_test(maps ROOMS maps abi SOURCES unit/maps_create_test.cpp)
