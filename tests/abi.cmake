skep_test(abi ROOMS abi)
