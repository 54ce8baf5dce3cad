// Sets of program types and map types, and the privileges that rows of the tables ask for.
//
// A set is one word: bit n for the type whose number is n. A number that Linux 6.18 does not know is in no set.
#pragma once

#include <cstdint>
#include <initializer_list>

#include <skep/types.hpp>

namespace skep::abi {

using ProgTypes = std::uint64_t;
inline constexpr ProgTypes kAllProgTypes = ~std::uint64_t{0};

[[nodiscard]] constexpr ProgTypes prog_types(std::initializer_list<ProgType> types) noexcept {
  ProgTypes set = 0;
  for (const ProgType type : types) set |= std::uint64_t{1} << static_cast<unsigned>(type);
  return set;
}
[[nodiscard]] constexpr bool contains(ProgTypes set, ProgType type) noexcept {
  const auto bit = static_cast<std::uint32_t>(type);
  return bit < 64 && (set >> bit & 1) != 0;
}

using MapTypes = std::uint64_t;

[[nodiscard]] constexpr MapTypes map_types(std::initializer_list<MapType> types) noexcept {
  MapTypes set = 0;
  for (const MapType type : types) set |= std::uint64_t{1} << static_cast<unsigned>(type);
  return set;
}
[[nodiscard]] constexpr bool contains(MapTypes set, MapType type) noexcept {
  const auto bit = static_cast<std::uint32_t>(type);
  return bit < 64 && (set >> bit & 1) != 0;
}

/// What a program's loader must be allowed to do: nothing special, CAP_BPF, or CAP_PERFMON on top.
enum class Privilege : std::uint8_t { none, bpf, perfmon };

}  // namespace skep::abi
