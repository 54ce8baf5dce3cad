find_package(nlohmann_json REQUIRED)
skep_test(verifier_corpus ROOMS verifier program btf isa abi LIBRARIES nlohmann_json::nlohmann_json LABELS referee)
