// A program of an object, its maps and its types, as the verifier wants to see them.
#pragma once

#include <cstddef>
#include <vector>

#include <skep/verify.hpp>

#include "api/object_data.hpp"
#include "api/target_types.hpp"
#include "verifier/input.hpp"

namespace skep {

/// Owns what the input's views name; object and program have to outlive it. Reads frozen maps, and the target's types
/// when the program needs them; any number of threads.
class Inquiry {
 public:
  Inquiry(const ObjectData& object, const program::Program& program, const VerifyOptions& options);
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  [[nodiscard]] const verifier::Input& input() const noexcept { return input_; }

 private:
  std::vector<std::vector<std::byte>> frozen_;
  std::vector<verifier::MapInfo> maps_;
  TypesPtr kernel_types_;
  verifier::Input input_;
};

}  // namespace skep
