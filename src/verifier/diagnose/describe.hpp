// What a register or slot holds, in words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "verifier/diagnose/subject.hpp"
#include "verifier/input.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

/// "0..255", "-1", "any number", "0..248, a multiple of 8".
[[nodiscard]] std::string describe(const Scalar& num);
/// "map_value of counts (8 bytes) or null", "packet + 14, 34 bytes proven readable", "nothing".
[[nodiscard]] std::string describe(const Register& reg, const Input& input);
/// "r2", "fp-16".
[[nodiscard]] std::string name_of(Spot spot);
/// What a spot holds in a state: its register, or the bytes of its slot ("4 of 8 bytes written").
[[nodiscard]] std::string describe(Spot spot, const State& state, const Input& input);
/// The register in a spot, spilled or not; null for a slot without one and for frames that are gone.
[[nodiscard]] const Register* register_in(Spot spot, const State& state);
/// The map that a register of kind map, map_key or map_value names; null where the loader knows none.
[[nodiscard]] const MapSpec* map_behind(const Register& reg, const Input& input);

}  // namespace skep::verifier
