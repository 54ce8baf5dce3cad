skep_test(maps ROOMS maps abi SOURCES unit/maps_create_test.cpp unit/maps_handle_test.cpp unit/maps_hash_test.cpp
          unit/maps_kernel_test.cpp unit/maps_ringbuf_test.cpp)
skep_test(maps_threads ROOMS maps abi SOURCES threads/maps_threads_test.cpp LABELS threads)
