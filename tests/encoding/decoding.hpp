// Takes code apart as it comes, much of it at a time: the decoder may be another process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "encoding/agreement.hpp"

namespace skep::encoding {

/// SKEP_JIT_EVERY=7 in the environment takes one case in seven: for emulators, where new code is slow.
[[nodiscard]] std::uint64_t every();

/// For one test case, in which it writes messages: what is wrong, what was looked at, and that nothing is where there
/// is no decoder.
class Decoding {
 public:
  Decoding();
  void add(Built built);
  /// True when everything that was added decodes as what it should be.
  [[nodiscard]] bool agrees();

 private:
  void look();

  std::unique_ptr<Decoder> decoder_;
  std::optional<Agreement> agreement_;
  std::vector<Built> waiting_;
  std::uint64_t faults_ = 0;
};

}  // namespace skep::encoding
