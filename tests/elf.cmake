skep_test(elf ROOMS elf)
