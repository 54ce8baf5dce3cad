skep_test(maps ROOMS maps abi SOURCES unit/maps_create_test.cpp unit/maps_handle_test.cpp unit/maps_hash_test.cpp
          unit/maps_kernel_test.cpp unit/maps_of_maps_test.cpp unit/maps_bag_test.cpp unit/maps_lpm_test.cpp unit/maps_lru_test.cpp unit/maps_ringbuf_test.cpp)
skep_test(maps_threads ROOMS maps abi SOURCES threads/maps_threads_test.cpp LABELS threads)
skep_test(map_in_map SOURCES unit/map_in_map_test.cpp support/objects.cpp LIBRARIES skep)
skep_test(map_helpers SOURCES unit/map_helpers_test.cpp LIBRARIES skep)
