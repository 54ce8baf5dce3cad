skep_test(btf ROOMS elf btf SOURCES unit/btf_test.cpp unit/btf_ext_test.cpp unit/btf_text_test.cpp
          unit/btf_monsters_test.cpp)
