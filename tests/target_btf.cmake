# What a kernel's files say: types, modules, configuration, symbols. All through files of the test's own.
skep_test(target_btf SOURCES unit/target_btf_test.cpp unit/kernel_files_test.cpp support/objects.cpp LIBRARIES skep)
