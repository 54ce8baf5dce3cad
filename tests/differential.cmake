# Generated programs against the running kernel; skips where bpf(2) is refused.
skep_test(differential SOURCES differential/differential_test.cpp differential/generator.cpp LIBRARIES skep LABELS referee)
