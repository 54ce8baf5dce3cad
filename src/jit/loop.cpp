// One iteration, run on what registers hold at its start: sums of them, the element, or the total with it.
#include "jit/loop.hpp"

#include <bit>
#include <utility>

namespace skep::jit {
namespace {

using isa::Operands;
using isa::Operation;
using lower::Code;
using lower::Op;
using lower::Shape;

class Iteration {
 public:
  Iteration(std::span<const Op> code, const Flow& flow, std::uint32_t block)
      : code_(code), flow_(flow), block_(flow.blocks[block]) {
    for (unsigned reg = 0; reg < kRegisterNumbers; ++reg) held_[reg] = {What::sum, {copy_of(reg).sum, 0}};
  }

  std::optional<QuickLoop> run() {
    for (std::uint32_t i = block_.first; i + 1 < block_.end; ++i)
      if (!step(code_[i])) return std::nullopt;
    if (!loads_ || !ends(code_[block_.end - 1]) || !leaves_well()) return std::nullopt;
    return std::move(loop_);
  }

 private:
  enum class What : std::uint8_t { sum, element, total };
  struct Held {
    What what = What::sum;
    Place place;      // of sums
    unsigned of = 0;  // of totals: the register that the element was added to
  };

  bool step(const Op& op) {
    const Shape& shape = lower::shape_of(op.code);
    Held& dst = held_[op.dst];
    const Held src = held_[op.src];
    const bool wide = shape.width == 64;
    switch (shape.operands) {
      case Operands::dst_imm:
        if (shape.operation == Operation::add_ && wide && dst.what == What::sum)
          return add_to(dst, {{kNoRegister, kNoRegister, 0, static_cast<std::int32_t>(op.imm)}, 0});
        return shape.operation == Operation::lsh_ && wide && shift(dst, op.imm);
      case Operands::dst_src:
        if (shape.operation == Operation::mov_) return move(dst, src, wide);
        return shape.operation == Operation::add_ && add(dst, src, op, wide);
      case Operands::load:
        if (loads_ || shape.operation != Operation::load_ || shape.check != lower::Check::free) return false;
        if (!place_of(src, op.off, loop_.source)) return false;
        loads_ = true;
        loop_.bytes = shape.bytes();
        dst = {What::element, {}, 0};
        return true;
      case Operands::store_src:
        if (stores_ || shape.operation != Operation::store_ || shape.check != lower::Check::free) return false;
        if (src.what != What::element || shape.bytes() != loop_.bytes) return false;
        if (!place_of(dst, op.off, loop_.target)) return false;
        stores_ = true;
        return true;
      case Operands::none:
        if (op.code != Code::constant) return false;
        dst = {What::sum, {Sum{}, static_cast<std::uint64_t>(op.imm)}, 0};
        return true;
      default:
        return false;
    }
  }

  static bool place_of(const Held& base, std::int32_t off, Place& place) {
    Held sum = base;
    if (base.what != What::sum || !add_to(sum, {{kNoRegister, kNoRegister, 0, off}, 0})) return false;
    place = sum.place;
    return true;
  }

  static bool add_to(Held& to, const Place& place) {
    const auto sum = jit::add(to.place.sum, place.sum);
    if (!sum || (to.place.constant != 0 && place.constant != 0)) return false;
    to.place = {*sum, to.place.constant | place.constant};
    return true;
  }

  static bool shift(Held& held, std::int64_t by) {
    Sum& sum = held.place.sum;
    if (held.what != What::sum || held.place.constant != 0 || !sum.is_register() || by < 1 || by > 3) return false;
    sum = {kNoRegister, sum.base, static_cast<std::uint8_t>(by), 0};
    return true;
  }

  /// What was loaded, and what it was added to, is of 32 bits at most.
  bool move(Held& dst, const Held& src, bool wide) const {
    if (!wide && (src.what == What::sum || loop_.bytes == 8)) return false;
    dst = src;
    return true;
  }

  bool add(Held& dst, const Held& src, const Op& op, bool wide) const {
    if (dst.what == What::sum && src.what == What::sum) return wide && add_to(dst, src.place);
    if (wide || loop_.bytes == 8) return false;
    const bool first = dst.what == What::element;
    const Held& other = first ? src : dst;
    const unsigned reg = first ? op.src : op.dst;
    if ((first ? dst : src).what != What::element || !is_same(other, reg)) return false;
    dst = {What::total, {}, reg};
    return true;
  }

  /// What the register held at the iteration's start.
  static bool is_same(const Held& held, unsigned reg) {
    return held.what == What::sum && held.place.constant == 0 && held.place.sum == copy_of(reg).sum;
  }

  /// What an iteration adds to the register.
  [[nodiscard]] std::optional<std::int32_t> change_of(unsigned reg) const {
    const Held& held = held_[reg];
    Sum sum = held.place.sum;
    sum.off = 0;
    if (held.what != What::sum || held.place.constant != 0 || sum != copy_of(reg).sum) return std::nullopt;
    return held.place.sum.off;
  }

  /// The loop goes on while the counter is not the bound.
  bool ends(const Op& op) {
    const Shape& shape = lower::shape_of(op.code);
    const bool stays_when_taken = &flow_.blocks[block_.taken] == &block_;
    if (shape.width != 64 || shape.operation != (stays_when_taken ? Operation::jne_ : Operation::jeq_)) return false;
    loop_.counter = op.dst;
    if (shape.operands == Operands::compare_imm)
      loop_.bound_number = static_cast<std::int32_t>(op.imm);
    else if (is_same(held_[op.src], op.src))
      loop_.bound = op.src;
    else
      return false;
    loop_.step = change_of(loop_.counter).value_or(0);
    return loop_.step != 0;
  }

  /// How far an iteration moves the place; 0 where the total decides it.
  [[nodiscard]] std::int64_t stride_of(const Place& place) const {
    std::int64_t stride = 0;
    for (const auto& [reg, scale] : {std::pair{place.sum.base, std::uint8_t{0}}, {place.sum.index, place.sum.scale}}) {
      if (reg == kNoRegister) continue;
      const auto change = change_of(reg);
      if (!change) return 0;
      stride += std::int64_t{*change} << scale;
    }
    return stride;
  }

  /// An iteration moves the place by an element, up or down.
  bool moves(Place& place) const {
    const std::int64_t stride = stride_of(place);
    place.goes_down = stride < 0;
    return (stride < 0 ? -stride : stride) == loop_.bytes;
  }

  /// Every register that the next iteration reads was advanced, or is the total.
  bool leaves_well() {
    bool totals = false;
    for (const unsigned reg : members(block_.live_in)) {
      if (held_[reg].what == What::total && held_[reg].of == reg && !totals) {
        totals = true;
        loop_.total = reg;
        continue;
      }
      const auto change = change_of(reg);
      constexpr std::int32_t kMostStep = 1 << 16;
      if (!change || *change > kMostStep || *change < -kMostStep) return false;
      if (*change != 0) loop_.advances.push_back({reg, *change});
    }
    if (totals == stores_) return false;
    loop_.kind = stores_ ? QuickLoop::Kind::copy : QuickLoop::Kind::sum;
    if (!moves(loop_.source) || (stores_ && !moves(loop_.target))) return false;
    look_behind();
    return !loop_.turns_round() || approaches();
  }

  /// What of that is asked for when the loop has ended.
  void look_behind() {
    const std::uint32_t behind = &flow_.blocks[block_.taken] == &block_ ? block_.next : block_.taken;
    const RegSet asked = flow_.blocks[behind].live_in;
    loop_.may_finish = true;
    for (const unsigned reg : members(asked)) {
      const bool is_total = !stores_ && held_[reg].what == What::total && held_[reg].of == loop_.total;
      if (is_total && reg != loop_.total)
        loop_.totals |= bit_of(reg);
      else if (!is_total && !change_of(reg))
        loop_.may_finish = false;
    }
  }

  bool approaches() {
    const std::uint32_t step = static_cast<std::uint32_t>(loop_.step < 0 ? -loop_.step : loop_.step);
    const std::uint32_t both = 2 * loop_.bytes;
    if (both % step != 0) return false;
    loop_.approach = static_cast<std::uint8_t>(std::countr_zero(both / step));
    return true;
  }

  std::span<const Op> code_;
  const Flow& flow_;
  const Block& block_;
  Held held_[kRegisterNumbers];
  QuickLoop loop_;
  bool loads_ = false;
  bool stores_ = false;
};

}  // namespace

std::optional<QuickLoop> quick_loop(std::span<const Op> code, const Flow& flow, std::uint32_t block) {
  constexpr std::uint32_t kMostOps = 16;
  const Block& one = flow.blocks[block];
  const bool loops = one.next != kNoBlock && one.taken != kNoBlock && (one.taken == block || one.next == block);
  if (!loops || one.end - one.first > kMostOps) return std::nullopt;
  return Iteration(code, flow, block).run();
}

}  // namespace skep::jit
