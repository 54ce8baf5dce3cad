# The domain stands on nothing: its tests take its one source file, not the whole room.
skep_test(verifier_tnum)
skep_test(verifier_domain)
