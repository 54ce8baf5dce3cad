// THE section-name table: which program type, attach type and properties a section name stands for, as libbpf reads it.
//
// Source: libbpf of Linux 6.12 to 6.18. All functions are pure; rows have static storage.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <skep/types.hpp>

namespace skep::abi {

struct SectionKind {
  std::string_view prefix;
  ProgType type = ProgType::unspec;
  std::uint32_t attach_type = 0;  ///< enum bpf_attach_type
  bool sleepable = false;
  /// What may follow the prefix: exact: nothing; optional: nothing or "/…"; required: "/…".
  enum class Rest { exact, optional, required } rest = Rest::exact;
};

/// Every row, in the order in which names are matched.
[[nodiscard]] std::span<const SectionKind> section_kinds() noexcept;

/// True when a section name (a leading '?' is skipped) is one that the row is for.
[[nodiscard]] bool fits_section(const SectionKind& kind, std::string_view section) noexcept;

/// The row that a section name matches (a leading '?' is skipped), null when none does.
[[nodiscard]] const SectionKind* find_section_kind(std::string_view section) noexcept;

/// The row that a name outside libbpf's rules most likely means, as loaders before libbpf 1.0 read names: the longest
/// prefix that ends at a '/', '_', '.', '-' or digit of the name ("xdp/drop", "socket1"). Null when there is none.
[[nodiscard]] const SectionKind* guess_section_kind(std::string_view section) noexcept;

/// What follows the row's prefix and a '/': "tcp_connect" of "kprobe/tcp_connect"; empty when nothing does.
[[nodiscard]] std::string_view section_target(const SectionKind& kind, std::string_view section) noexcept;

}  // namespace skep::abi
