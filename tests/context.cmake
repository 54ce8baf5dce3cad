skep_test(context ROOMS context)
