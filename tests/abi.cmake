skep_test(abi_helpers ROOMS abi)
