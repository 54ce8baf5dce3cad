// Fields of map values that belong to the kernel: locks, timers, kptrs, lists, trees.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier/input.hpp"

namespace skep::verifier {

/// Bytes [off, off + bytes) of a value.
struct KernelField {
  std::uint32_t off = 0, bytes = 0;
};

/// Those of a map's values, as the object's BTF describes them; empty without BTF.
[[nodiscard]] std::vector<KernelField> kernel_fields(const Input& input, const MapSpec& spec);

}  // namespace skep::verifier
