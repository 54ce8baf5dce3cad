// What is known at an op by looking back over those that led there, as far as control cannot have come from elsewhere.
//
// For the few ops that ask, mostly calls; what holds everywhere is found by passes over the whole program (settle.hpp).
// Nothing is known beyond a call: callers that ask once a call go over each op once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lower/image.hpp"
#include "verifier/facts.hpp"

namespace skep::lower {

class LookBack {
 public:
  /// Ops may change as long as control goes nowhere that it did not go. Both outlive this.
  LookBack(const Image& image, const verifier::Facts& facts);

  [[nodiscard]] bool is_target(std::size_t op) const { return is_target_[op]; }

  /// What the register holds before the op.
  [[nodiscard]] std::optional<std::uint64_t> constant_before(std::size_t op, unsigned reg) const;

  /// The greatest number that the four bytes to which the register points before the op may be; UINT32_MAX where
  /// nothing is known of them.
  [[nodiscard]] std::uint32_t most_at(std::size_t op, unsigned reg) const;

 private:
  [[nodiscard]] const Op* op_before(std::size_t op) const;
  [[nodiscard]] std::optional<std::int64_t> frame_off_before(std::size_t op, unsigned reg) const;
  [[nodiscard]] std::uint32_t most_in_frame(std::size_t op, std::int64_t off) const;
  [[nodiscard]] std::uint32_t most_before(std::size_t op, unsigned reg) const;

  const Image& image_;
  const verifier::Facts& facts_;
  std::vector<bool> is_target_;  // by op
};

}  // namespace skep::lower
