// One pass notes what accesses touch and which registers hold addresses of the frame, along straight code; slots that
// are worth it get a register each, and the accesses that were noted are rewritten.
#include "jit/slots.hpp"

#include <algorithm>
#include <array>

namespace skep::jit {
namespace {

using isa::Operands;
using isa::Operation;
using lower::Check;
using lower::Code;
using lower::Op;
using lower::Shape;

constexpr std::int32_t kFrameBytes = vm::kFrameBytes;
constexpr std::int32_t kCellBytes = 4;
constexpr std::size_t kCells = kFrameBytes / kCellBytes;
constexpr RegSet kFrameRegister = bit_of(isa::kFramePointer);

constexpr bool is_plain(const Shape& shape) noexcept {
  return shape.check == Check::free && (shape.operation == Operation::load_ || shape.operation == Operation::store_);
}

class Slots {
 public:
  Slots(Plan& plan, FunctionPlan& function, RegSet registers)
      : plan_(plan), function_(function), registers_(registers) {}

  RegSet keep() {
    if (!look_over() || accesses_.empty()) return 0;
    weigh();
    choose();
    if (function_.slots != 0) rewrite();
    return function_.slots;
  }

 private:
  /// What is known of four bytes of the frame.
  enum class Use : std::uint8_t { none, first_of_8, last_of_8, all_of_4, mixed };
  struct Cell {
    Use use = Use::none;
    std::uint8_t reg = 0;  // of the slot that starts here; 0: it has none
    std::uint32_t weight = 0;
  };
  struct Access {
    std::uint32_t op;
    std::uint8_t cell;
    std::uint8_t bytes;
  };

  [[nodiscard]] const Op& op_at(std::uint32_t index) const { return plan_.code[index]; }

  /// False where the address of the frame may be anywhere.
  bool look_over() {
    for (std::uint32_t i = function_.first; i < function_.end; ++i) {
      const OpPlan& op = plan_.ops[i];
      if (op.starts_flow && !forget_pointers(i)) return false;
      if ((op.effects.reads & pointers_) == 0)
        pointers_ &= static_cast<RegSet>(~op.effects.writes);
      else if (!follow(i, op.effects))
        return false;
    }
    return forget_pointers(function_.end);
  }

  /// Where the straight code before `index` ends: no address of the frame lives on, but r10.
  bool forget_pointers(std::uint32_t index) {
    if (pointers_ != kFrameRegister && op_at(index - 1).code != Code::exit) return false;
    pointers_ = kFrameRegister;
    return true;
  }

  /// An op that reads an address of the frame.
  bool follow(std::uint32_t index, const Effects& effects) {
    const Op& op = op_at(index);
    const Shape& shape = lower::shape_of(op.code);
    const auto read = static_cast<RegSet>(effects.reads & pointers_);
    switch (shape.operands) {
      case Operands::load:
        touch(index, shape, offs_[op.src] + op.off);
        break;
      case Operands::store_imm:
      case Operands::store_src:
      case Operands::atomic:
        if (read != bit_of(op.dst) || (shape.operands != Operands::store_imm && op.src == op.dst)) return false;
        touch(index, shape, offs_[op.dst] + op.off);
        break;
      case Operands::dst_imm:
        if (shape.operation != Operation::add_ || shape.width != 64) return false;
        return point(op.dst, offs_[op.dst] + op.imm);
      case Operands::dst_src:
        if (shape.operation != Operation::mov_ || shape.width != 64) return false;
        return point(op.dst, offs_[op.src]);
      case Operands::none:
        if (!is_helper(op)) return false;
        for (const unsigned reg : members(read)) shown_from_ = std::min(shown_from_, offs_[reg]);
        break;
      default:
        return false;
    }
    pointers_ &= static_cast<RegSet>(~effects.writes);
    return true;
  }

  /// It gets its arguments and no more: it does not call the program, which could go on from an address.
  static bool is_helper(const Op& op) {
    if (op.code == Code::call_free) return !calls_back(*reinterpret_cast<const lower::Binding*>(op.imm));
    return op.code == Code::lookup_array || op.code == Code::lookup_direct || op.code == Code::call_direct;
  }

  bool point(unsigned reg, std::int64_t off) {
    if (off < -kFrameBytes || off > 0) return false;
    offs_[reg] = static_cast<std::int32_t>(off);
    pointers_ |= bit_of(reg);
    return true;
  }

  void touch(std::uint32_t index, const Shape& shape, std::int32_t off) {
    const auto bytes = static_cast<std::int32_t>(shape.bytes());
    const std::int32_t start = off + kFrameBytes;
    sees_rest_ = sees_rest_ || start < 0 || start + bytes > kFrameBytes;
    if (start < 0 || start + bytes > kFrameBytes) return;  // of code that nobody reaches
    const auto cell = static_cast<std::size_t>(start / kCellBytes);
    const bool is_whole = is_plain(shape) && bytes >= kCellBytes && start % bytes == 0;
    if (is_whole && bytes == 2 * kCellBytes) {
      use(cell, Use::first_of_8);
      use(cell + 1, Use::last_of_8);
    } else if (is_whole) {
      use(cell, Use::all_of_4);
    } else {
      for (auto at = cell; at <= static_cast<std::size_t>((start + bytes - 1) / kCellBytes); ++at) use(at, Use::mixed);
      sees_rest_ = true;
      return;
    }
    accesses_.push_back({index, static_cast<std::uint8_t>(cell), static_cast<std::uint8_t>(bytes)});
  }

  void use(std::size_t cell, Use use) {
    Use& known = cells_[cell].use;
    known = known == Use::none || known == use ? use : Use::mixed;
  }

  /// Loops as compilers lay them out, each around what it jumps back over.
  void weigh() {
    constexpr std::int32_t kDeepest = 4;
    std::vector<std::int32_t> change(function_.end - function_.first + 1);
    for (std::uint32_t i = function_.first; i < function_.end; ++i) {
      if (!goes_to(op_at(i)) || op_at(i).off > 0) continue;
      ++change[i + static_cast<std::uint32_t>(op_at(i).off) - function_.first];
      --change[i + 1 - function_.first];
    }
    std::int32_t depth = 0;
    std::uint32_t next = function_.first;
    for (const Access& access : accesses_) {
      for (; next <= access.op; ++next) depth += change[next - function_.first];
      std::uint32_t& weight = cells_[access.cell].weight;
      weight = std::min(weight + (1u << 3 * std::min(depth, kDeepest)), std::uint32_t{UINT16_MAX});
    }
  }

  [[nodiscard]] bool is_slot(std::size_t cell) const {
    const bool is_long = cells_[cell].use == Use::first_of_8;
    if (!is_long && cells_[cell].use != Use::all_of_4) return false;
    if (is_long && cells_[cell + 1].use != Use::last_of_8) return false;
    const auto end = static_cast<std::int32_t>(cell + (is_long ? 2 : 1)) * kCellBytes - kFrameBytes;
    return end <= shown_from_;
  }

  /// Slots and registers together, until one of them runs out or none is worth it.
  void choose() {
    constexpr std::uint32_t kSaved = 2;  // what it takes to save a register and to load it back
    std::vector<std::uint8_t> slots;
    for (std::size_t cell = 0; cell < kCells; ++cell) {
      if (is_slot(cell))
        slots.push_back(static_cast<std::uint8_t>(cell));
      else
        sees_rest_ = sees_rest_ || cells_[cell].weight != 0;
    }
    std::sort(slots.begin(), slots.end(), [this](std::uint8_t a, std::uint8_t b) {
      return cells_[a].weight != cells_[b].weight ? cells_[a].weight > cells_[b].weight : a < b;
    });
    auto slot = slots.begin();
    for (const unsigned reg : members(registers_)) {
      const bool is_saved = reg >= kFirstSaved;
      if (slot == slots.end() || (is_saved && cells_[*slot].weight <= kSaved)) break;
      cells_[*slot++].reg = static_cast<std::uint8_t>(reg);
      function_.slots |= bit_of(reg);
      if (is_saved) function_.saved |= static_cast<std::uint16_t>(1u << (reg - kFirstSaved));
    }
    sees_rest_ = sees_rest_ || slot != slots.end();
  }

  void rewrite() {
    if (plan_.own_code.empty()) plan_.own_code.assign(plan_.code.begin(), plan_.code.end());
    plan_.code = plan_.own_code;
    for (const Access& access : accesses_) {
      const std::uint8_t slot = cells_[access.cell].reg;
      if (slot != 0) rewrite(access, slot);
    }
    // Nobody looks at the frame any more.
    if (sees_rest_ || shown_from_ <= 0) return;
    function_.names_frame = false;
    function_.stack_bytes = 0;
  }

  void rewrite(const Access& access, std::uint8_t slot) {
    Op& op = plan_.own_code[access.op];
    Effects& effects = plan_.ops[access.op].effects;
    const Shape& shape = lower::shape_of(op.code);
    const bool is_long = access.bytes == 2 * kCellBytes;
    if (shape.operands == Operands::load) {  // what four bytes held is zero-extended already
      op = {static_cast<Code>(isa::Form::mov64_reg), op.dst, slot, 0, 0};
      effects = {bit_of(slot), bit_of(op.dst)};
    } else if (shape.operands == Operands::store_src) {
      op = {static_cast<Code>(is_long ? isa::Form::mov64_reg : isa::Form::mov32_reg), slot, op.src, 0, 0};
      effects = {bit_of(op.src), bit_of(slot)};
    } else {
      op = {Code::constant, slot, 0, 0, is_long ? op.imm : std::int64_t{static_cast<std::uint32_t>(op.imm)}};
      effects = {0, bit_of(slot)};
    }
  }

  Plan& plan_;
  FunctionPlan& function_;
  RegSet registers_;
  RegSet pointers_ = kFrameRegister;                  // hold r10 + offs_
  std::array<std::int32_t, isa::kRegisters> offs_{};  // means something for pointers_
  std::int32_t shown_from_ = 1;                       // helpers see the frame from there on; 1: nothing of it
  bool sees_rest_ = false;                            // the frame is accessed where no slot is kept
  std::array<Cell, kCells> cells_{};
  std::vector<Access> accesses_;
};

}  // namespace

RegSet keep_slots(Plan& plan, FunctionPlan& function, RegSet unused) {
  if (unused == 0 || function.loops_end == 0) return 0;
  const auto looping = std::span(plan.ops).subspan(function.loops_first, function.loops_end - function.loops_first);
  const auto sees_frame = [](const OpPlan& op) { return (op.effects.reads & kFrameRegister) != 0; };
  if (std::none_of(looping.begin(), looping.end(), sees_frame)) return 0;
  return Slots(plan, function, unused).keep();
}

}  // namespace skep::jit
