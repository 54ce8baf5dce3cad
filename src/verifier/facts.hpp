// What is true at each instruction of an accepted program on every path that leads there: for lower/, which leaves out
// the checks that these facts make needless.
//
// Only what holds on pruned paths, too, is a fact. Kinds of pointers, map pointers and what is read of frozen maps hold
// because a state only covers another when these agree; of numbers, only those that the comparison of states demands
// (precise ones), or that no checkpoint supplied, count.
// The region of an access holds there as well, for every kind of pointer. Its offset is the fixed part, which covering
// states have in common, and the varying part, which is inside that of the covering state: states are compared by the
// range of map values, keys, memory and packets, and have to be the same of all others (stack, context); buffers,
// sockets and BTF objects may only be accessed without a varying part. What makes up the varying part is precise from
// the moment it is added to a pointer, and all that bounded it with it. How far a packet is proven to go may differ
// between the states, but says nothing of the offset.
// What numbers registers hold, and which of their halves nobody reads, lowering finds out on its own from what these
// facts leave of the program (lower/settle.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "verifier/state/register.hpp"

namespace skep::verifier {

/// One bit a RegKind.
using KindSet = std::uint32_t;
[[nodiscard]] constexpr KindSet kind_bit(RegKind kind) noexcept { return KindSet{1} << static_cast<unsigned>(kind); }

/// What every path agrees on, of a value that paths may disagree on.
class Agreed {
 public:
  void add(std::uint64_t value) noexcept {
    if (seen_ == Seen::nothing) {
      seen_ = Seen::one;
      value_ = value;
    } else if (value != value_) {
      seen_ = Seen::many;
    }
  }
  void refuse() noexcept { seen_ = Seen::many; }
  [[nodiscard]] std::optional<std::uint64_t> value() const noexcept {
    return seen_ == Seen::one ? std::optional(value_) : std::nullopt;
  }

 private:
  enum class Seen : std::uint8_t { nothing, one, many };
  std::uint64_t value_ = 0;
  Seen seen_ = Seen::nothing;
};

/// Bytes [low, end) of an object, counted from where it starts; see InsnFacts::region.
struct Extent {
  std::int64_t low = 0, end = 0;
  bool operator==(const Extent&) const noexcept = default;
};

/// The least extent around all that paths touch. Unlike Agreed, what is refused swallows all else by its size.
class Region {
 public:
  void add(const Extent& extent) noexcept {
    if (extent.low <= kRefused.low || extent.end >= kRefused.end) return refuse();
    low_ = std::min(low_, static_cast<std::int32_t>(extent.low));
    end_ = std::max(end_, static_cast<std::int32_t>(extent.end));
  }
  void refuse() noexcept {
    low_ = static_cast<std::int32_t>(kRefused.low);
    end_ = static_cast<std::int32_t>(kRefused.end);
  }
  [[nodiscard]] std::optional<Extent> extent() const noexcept {
    const Extent extent{low_, end_};
    return low_ < end_ && extent != kRefused ? std::optional(extent) : std::nullopt;
  }

 private:
  using Offset = std::numeric_limits<std::int32_t>;
  static constexpr Extent kRefused{Offset::min(), Offset::max()};
  std::int32_t low_ = Offset::max(), end_ = Offset::min();
};

struct InsnFacts {
  /// Of a load: the number it yields, out of a frozen map. Of a helper call: the program's map that r1 names.
  Agreed value;
  /// Of a memory access: on every run all of it lies inside, counted from the start of the object that it is in. That
  /// is, of a stack, the frame pointer of the frame pointed into; of a packet or its metadata, where that starts at the
  /// time; of memory handed to a global function, what was handed over; of a BTF object, what was loaded or handed
  /// over; of a map's value, that value. Kinds in `base` count alike. Nothing where it is not known, and for other
  /// instructions.
  Region region;
  KindSet base = 0;              ///< of a memory access: kinds of pointer it goes through
  bool reached = false;          ///< some path gets here; false: dead code
  bool jumps = false;            ///< of a conditional jump: some path takes it
  bool falls_through = false;    ///< of a conditional jump: some path does not
  bool may_divide_by_0 = false;  ///< of a division or modulo by a register
};
static_assert(sizeof(InsnFacts) <= 32);

/// Immutable once the verifier hands it out.
class Facts {
 public:
  [[nodiscard]] const InsnFacts& at(std::uint32_t pc) const noexcept { return insns_[pc]; }
  /// How many bytes of the context the program touches, from its start.
  [[nodiscard]] std::uint32_t context_bytes() const noexcept { return context_bytes_; }
  [[nodiscard]] bool writes_context() const noexcept { return writes_context_; }
  /// It loads packet pointers, or others, out of the context: any bytes will not do for one.
  [[nodiscard]] bool loads_context_pointers() const noexcept { return loads_context_pointers_; }
  /// Of the function that starts at `pc`: how deep its own frame is used; 0 for an instruction that starts none.
  [[nodiscard]] std::uint32_t stack_bytes(std::uint32_t pc) const noexcept {
    const auto found = stack_bytes_.find(pc);
    return found == stack_bytes_.end() ? 0 : found->second;
  }

 private:
  friend class FactsRecorder;
  std::vector<InsnFacts> insns_;
  std::unordered_map<std::uint32_t, std::uint32_t> stack_bytes_;
  std::uint32_t context_bytes_ = 0;
  bool writes_context_ = false;
  bool loads_context_pointers_ = false;
};

class Walk;
struct Step;
struct Access;

/// Collects facts while the walks of one verification go on.
class FactsRecorder {
 public:
  explicit FactsRecorder(std::size_t insns) { facts_.insns_.resize(insns); }

  /// The walk is about to move over an instruction.
  void step(const Walk& walk, const Step& step);
  /// A conditional jump at `pc` may go this way.
  void edge(std::uint32_t pc, bool taken) noexcept {
    InsnFacts& facts = facts_.insns_[pc];
    (taken ? facts.jumps : facts.falls_through) = true;
  }
  /// A memory access through `base` was found to be allowed.
  void access(const Step& step, const Register& base, const Access& access);
  /// What the values of a walk turned out to be precise in is known: it has accepted.
  void end_walk(const Walk& walk);
  void function(std::uint32_t start, std::uint32_t stack_bytes) { facts_.stack_bytes_[start] = stack_bytes; }

  [[nodiscard]] Facts finish() && { return std::move(facts_); }

 private:
  void divides(const Step& step, const Register& divisor);

  Facts facts_;
  /// Divisors that are not zero as long as the node they come from is precise.
  std::vector<std::pair<std::uint32_t, ValueNode>> divisors_;
};

}  // namespace skep::verifier
