// THE map-type table: what each type of map asks of its sizes, what a look-up in it yields, and what programs may do
// with it, as data. Which helpers take a map is in the helper table (Helper::maps); helpers_taking() reads it from this
// side.
//
// One row for each type of Linux 6.18; sizes are those that Linux creates such maps with.
#pragma once

#include <cstdint>
#include <span>

#include <skep/types.hpp>

#include "abi/attach_types.hpp"
#include "abi/helper.hpp"
#include "abi/sets.hpp"

namespace skep::abi {

/// Legal numbers: `low` to `high`, of which only multiples of `step`.
struct SizeRange {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  std::uint32_t step = 1;

  [[nodiscard]] constexpr bool has(std::uint32_t bytes) const noexcept {
    return bytes >= low && bytes <= high && bytes % step == 0;
  }
};

/// What bpf_map_lookup_elem() yields, besides null.
enum class LookupYields : std::uint8_t {
  nothing,     ///< it may not be called
  value,       ///< value_size bytes of memory
  map,         ///< a map like the inner map that the outer one was made with
  socket,      ///< a full socket; a reference (effect acquires_sockets)
  xdp_socket,  ///< an XDP socket, seen through struct bpf_xdp_sock
};

/// Kinds of field that the BTF of a map's value may name. Bits.
enum ValueField : std::uint8_t {
  field_spin_lock = 1 << 0,
  field_timer = 1 << 1,       ///< and bpf_wq
  field_kptr = 1 << 2,        ///< and bpf_refcount
  field_collection = 1 << 3,  ///< bpf_list_head, bpf_rb_root
};

struct MapTypeSpec {
  MapType type = MapType::unspec;
  SizeRange key;
  SizeRange value;
  LookupYields lookup = LookupYields::nothing;
  std::uint8_t fields = 0;    ///< ValueField bits
  bool sleepable = false;     ///< sleepable programs may use it
  bool direct_value = false;  ///< lddw may refer to bytes of its only element (array) or its pages (arena)
  bool never_null = false;    ///< a look-up of a constant key below max_entries is never null
  bool in_programs = true;    ///< programs may refer to it at all
};

/// Every row, by type; the first is unspec's.
[[nodiscard]] std::span<const MapTypeSpec> map_type_specs() noexcept;
/// The row of `type`; null when Linux 6.18 has no such type.
[[nodiscard]] const MapTypeSpec* find_map_type(MapType type) noexcept;

/// Whether the helper's map argument may be of `type` in such a program. The helper table alone does not say: only some
/// programs may change sockmaps and sockhashes with bpf_map_update_elem() and bpf_map_delete_elem().
[[nodiscard]] bool takes_map(const Helper& helper, MapType map, ProgType type, AttachType attach) noexcept;

}  // namespace skep::abi
