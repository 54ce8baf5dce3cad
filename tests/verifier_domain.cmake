skep_test(verifier_tnum ROOMS verifier)
