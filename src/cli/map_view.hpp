// A map's contents after a run, gathered once for the tables and for the JSON.
//
// Arrays have all their entries all the time; only those that are not zero are worth a row, unless all are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <skep/map.hpp>
#include <skep/object.hpp>

#include "btf/btf.hpp"
#include "loader/object_spec.hpp"

namespace skep::cli {

struct MapEntry {
  std::vector<std::byte> key;
  std::vector<std::byte> value;  ///< for a per-CPU map every CPU's, each rounded up to 8 bytes
};

struct MapView {
  explicit MapView(Map map_) : map(std::move(map_)) {}
  Map map;
  std::uint64_t used = 0;  ///< entries that are there; of arrays, those that are not zero
  std::vector<MapEntry>
      entries;  ///< the first of them, as many as were asked for; ordered by key where keys are numbers
};

/// Gathers at most `most` entries. `zeros`: arrays' zero entries, too.
[[nodiscard]] MapView view_of(const Map& map, std::size_t most, bool zeros);

/// True for maps whose entries user space can list; the others (ring buffers) have contents of another kind.
[[nodiscard]] bool has_entries(const Map& map);
/// True for maps whose values are of no use to user space (programs, devices).
[[nodiscard]] bool holds_references(const Map& map);

/// The values of the CPUs, each value_size bytes.
[[nodiscard]] std::vector<std::span<const std::byte>> per_cpu_values(const Map& map, std::span<const std::byte> value);

/// The sum of values of a type that is an integer, or consists of integers; nothing for other types.
[[nodiscard]] std::optional<std::vector<std::byte>> sum_of(const btf::Btf& btf, btf::TypeId type,
                                                           std::span<const std::span<const std::byte>> values);

[[nodiscard]] bool all_zero(std::span<const std::byte> bytes);

}  // namespace skep::cli
