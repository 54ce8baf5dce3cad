// THE section-name table: which program type, attach type and properties a section name stands for, as libbpf reads it.
#pragma once

#include <cstdint>
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

/// The row that a section name matches (a leading '?' is skipped), null when none does.
[[nodiscard]] const SectionKind* find_section_kind(std::string_view section) noexcept;

}  // namespace skep::abi
