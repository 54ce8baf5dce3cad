find_package(nlohmann_json REQUIRED)
skep_test(verifier_corpus ROOMS verifier program btf isa abi LIBRARIES nlohmann_json::nlohmann_json LABELS referee)
skep_test(verdicts SOURCES referee/verdicts/verdicts_test.cpp referee/verdicts/expectations.cpp
          LIBRARIES skep LABELS referee)
