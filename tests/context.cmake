skep_test(context ROOMS context LABELS referee)
