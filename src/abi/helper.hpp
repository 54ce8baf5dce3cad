// THE helper table: what a program may call, as data. Read by the guard, the verifier, the loader, the command and the
// documentation alike; the code behind the rows is in helpers/, keyed by id.
//
// Ids, names and argument orders are Linux' (UAPI bpf.h, 6.18). A row whose `described` is false is known by id and
// name only: calling it is refused by name.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include <skep/types.hpp>

namespace skep::abi {

/// What a helper expects in one argument register.
enum class Arg : std::uint8_t {
  none,             ///< not looked at
  scalar,           ///< any number
  ctx,              ///< the context pointer
  map,              ///< a map, from a lddw map reference
  map_key,          ///< key_size readable bytes of the map in an earlier argument
  map_value,        ///< value_size readable bytes of that map
  map_value_out,    ///< value_size writable bytes of that map
  mem,              ///< readable bytes, as many as the next argument (size, size_or_zero) says
  mem_or_null,      ///< the same, or null when the size is 0
  mem_out,          ///< writable bytes, need not be initialised, as many as the next argument says
  mem_out_or_null,  ///< the same, or null when the size is 0
  mem_inout,        ///< writable bytes that are also read, as many as the next argument says
  size,             ///< a positive number of bytes
  size_or_zero,     ///< a number of bytes
  alloc_size,       ///< a number of bytes to reserve (a constant, for the verifier)
  record,           ///< a ring-buffer record that this run reserved
  callback,         ///< a function of this program
  callback_ctx,     ///< handed on to the callback: any pointer or null
  c_string,         ///< a NUL-terminated string in readable (for the verifier: read-only) memory
  int_out,          ///< 4 writable bytes
  long_out,         ///< 8 writable bytes
  fixed_mem,        ///< readable bytes, as many as Helper::fixed_size says
  other,            ///< a kernel object that skep does not model yet
};

/// What r0 holds after the call.
enum class Ret : std::uint8_t { scalar, nothing, map_value_or_null, record_or_null, other };

/// What a call does beyond r0. Bits.
enum Effect : std::uint16_t {
  effect_none = 0,
  changes_packet = 1 << 0,  ///< packet pointers the program holds become stale
  acquires = 1 << 1,        ///< r0 is a reference that must be released
  releases = 1 << 2,        ///< an argument's reference ends
  calls_back = 1 << 3,      ///< may run functions of the program
  may_sleep = 1 << 4,
  gpl_only = 1 << 5,
  tail_calls = 1 << 6,
  needs_cpu = 1 << 7,  ///< the answer depends on the CPU the run holds
};

/// Program types that may call a helper: bit n for ProgType n.
using ProgTypes = std::uint64_t;
inline constexpr ProgTypes kAllProgTypes = ~std::uint64_t{0};
[[nodiscard]] constexpr ProgTypes prog_types(std::initializer_list<ProgType> types) noexcept {
  ProgTypes set = 0;
  for (const ProgType type : types) set |= std::uint64_t{1} << static_cast<unsigned>(type);
  return set;
}

/// Map types that a helper's map argument may have: bit n for MapType n.
using MapTypes = std::uint64_t;
[[nodiscard]] constexpr MapTypes map_types(std::initializer_list<MapType> types) noexcept {
  MapTypes set = 0;
  for (const MapType type : types) set |= std::uint64_t{1} << static_cast<unsigned>(type);
  return set;
}

/// The helpers' ids, by name.
enum class HelperId : std::uint32_t {
#define HELPER(id, name, ...) name = id,
#define NAMED(id, name) name = id,
#include "abi/helpers.inc"
#undef HELPER
#undef NAMED
};

struct Helper {
  std::uint32_t id = 0;
  std::string_view name;  ///< without the "bpf_" prefix
  Ret ret = Ret::scalar;
  std::array<Arg, 5> args{};
  std::uint16_t effects = effect_none;
  ProgTypes programs = kAllProgTypes;
  MapTypes maps = 0;             ///< for the Arg::map argument; 0 without one
  std::uint32_t fixed_size = 0;  ///< for Arg::fixed_mem
  bool described = false;        ///< false: only id and name are known here
  std::string_view doc;          ///< one line
};

/// Every row, sorted by id; ids are dense from 1.
[[nodiscard]] std::span<const Helper> helpers() noexcept;
/// The row of `id`, null when Linux 6.18 has no such helper.
[[nodiscard]] const Helper* find_helper(std::uint32_t id) noexcept;
/// The row called `name`, with or without "bpf_"; null when there is none.
[[nodiscard]] const Helper* find_helper(std::string_view name) noexcept;

}  // namespace skep::abi
