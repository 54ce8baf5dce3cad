// What somebody who runs a test may ask of it: more programs than usual, or others.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace skep::test {

/// The number in an environment variable, decimal or with 0x; `otherwise` where it is not set.
inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace skep::test
