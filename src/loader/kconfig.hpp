// Variables of a kernel's configuration: which types they may have, and how a value gets into one. After libbpf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <skep/extern_value.hpp>

#include "loader/source.hpp"

namespace skep::loader {

inline constexpr std::uint32_t kMaxKconfigBytes = 1u << 20;  ///< of all variables together

/// The shape of a configuration variable.
struct KconfigType {
  enum class Shape { boolean, tristate, character, integer, text };
  Shape shape = Shape::integer;
  bool is_signed = false;
  std::uint32_t bytes = 0;
  std::uint32_t align = 1;
};

/// Nothing for a type that no configuration value can have.
[[nodiscard]] std::optional<KconfigType> kconfig_type(const btf::Btf& btf, btf::TypeId id);

/// Writes a value into `room`, which has the type's bytes. Returns why it does not fit, empty when it was written.
/// `cut` becomes true when a text was.
[[nodiscard]] std::string write_kconfig(const KconfigType& type, const ExternValue& value, std::span<std::byte> room,
                                        bool& cut);
/// The same for what follows '=' in a line of a configuration: y, 250, 0x20, "text".
[[nodiscard]] std::string write_kconfig_text(const KconfigType& type, std::string_view text, std::span<std::byte> room,
                                             bool& cut);

}  // namespace skep::loader
