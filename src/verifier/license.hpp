// Licences under which a program may use what the kernel keeps for GPL code.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace skep::verifier {

/// The licence counts as compatible with the GPL (include/linux/license.h).
[[nodiscard]] inline bool is_gpl(std::string_view license) noexcept {
  constexpr std::string_view kCompatible[] = {"GPL",          "GPL v2",       "GPL and additional rights",
                                              "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::find(std::begin(kCompatible), std::end(kCompatible), license) != std::end(kCompatible);
}

}  // namespace skep::verifier
