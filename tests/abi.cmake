skep_test(abi_helpers ROOMS abi)
skep_test(abi_contexts ROOMS abi)
skep_test(abi_prog_types ROOMS abi)
skep_test(abi_arguments ROOMS abi)
