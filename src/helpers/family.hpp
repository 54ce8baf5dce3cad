// How the families of helpers register their code: each file lists its rows once, builtin() searches the lists.
//
// A row names a helper of the table in abi/ by its enumerator, so no id is written twice.
#pragma once

#include <cstdint>
#include <span>

#include "abi/helper.hpp"
#include "helpers/env.hpp"

namespace skep::helpers {

struct Row {
  abi::HelperId id;
  Builtin code;
};

// Static storage, one list a file of the same name.
[[nodiscard]] std::span<const Row> map_rows() noexcept;
[[nodiscard]] std::span<const Row> ringbuf_rows() noexcept;
[[nodiscard]] std::span<const Row> perf_rows() noexcept;
[[nodiscard]] std::span<const Row> print_rows() noexcept;
[[nodiscard]] std::span<const Row> time_rows() noexcept;
[[nodiscard]] std::span<const Row> task_rows() noexcept;
[[nodiscard]] std::span<const Row> random_rows() noexcept;
[[nodiscard]] std::span<const Row> probe_rows() noexcept;
[[nodiscard]] std::span<const Row> xdp_rows() noexcept;
[[nodiscard]] std::span<const Row> csum_rows() noexcept;
[[nodiscard]] std::span<const Row> loop_rows() noexcept;
[[nodiscard]] std::span<const Row> string_rows() noexcept;

/// A number or a negative errno as it stands in r0.
[[nodiscard]] constexpr std::uint64_t r0(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }

/// The value that the run's CPU has in a per-CPU map, 0 in others. Only per-CPU maps take a CPU from the host for it. A
/// map may have been made for fewer CPUs than the host has: then some share a value.
[[nodiscard]] inline unsigned lane_of(Env& env, const maps::MapStorage& map) noexcept {
  return map.per_cpu() ? env.cpu() % map.cpus() : 0;
}

/// The memory an argument points to.
[[nodiscard]] inline std::byte* bytes_at(std::uint64_t address) noexcept {
  return reinterpret_cast<std::byte*>(address);
}

}  // namespace skep::helpers
