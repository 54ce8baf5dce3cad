// The way that the path at hand came, step by step: what an explanation starts from.
//
// A step takes 12 bytes and holds no values: a path may be a million steps long. Which of them matter is found by going
// back over them (slice.hpp); what they did is seen by verifying once more and looking at those only (snapshots.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {

struct Mark {
  static constexpr std::uint8_t kNoFrame = 0xff;

  std::uint32_t serial = 0;  ///< Stats::processed at the step: names it among all steps of a verification
  std::uint32_t pc = 0;
  std::uint8_t depth = 0;               ///< frames
  std::uint8_t stack_frame = kNoFrame;  ///< whose stack a load or store touches, at a known place
  std::int16_t stack_off = 0;           ///< … and where
};

struct StackPlace {
  unsigned frame = 0;
  std::int32_t off = 0;  ///< in [-512, 0)
};
/// Where on the stack a load, store or atomic goes; nothing when it does not, or when the place varies.
[[nodiscard]] std::optional<StackPlace> stack_place(const State& state, const Insn& insn, const isa::FormInfo& info);

class Trace : public Observer {
 public:
  using Listener = std::function<void(const Walk&, const Finding&, std::span<const Mark>)>;

  /// `listener` is called for each finding with the steps that lead there.
  explicit Trace(Listener listener) : listener_(std::move(listener)) {}

  void begin(const Walk& walk) override;
  void step(const Walk& walk, std::uint32_t pc) override;
  void put_aside(const Walk& walk, std::uint32_t pc, std::uint32_t to) override;
  void found(const Walk& walk, const Finding& finding) override;
  void resume(const Walk& walk) override;

 private:
  Listener listener_;
  std::vector<Mark> path_;
  std::vector<std::size_t> forks_;  ///< how long the path was where others were put aside
};

}  // namespace skep::verifier
