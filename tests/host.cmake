skep_test(host ROOMS host LABELS threads)
