// The stack, byte by byte: what was spilled where, what may be read, what a write destroys.
#include <algorithm>

#include "verifier/access/access.hpp"

namespace skep::verifier {
namespace {

unsigned slot_of(std::int64_t off) { return static_cast<unsigned>((-off - 1) / kSlotBytes); }
/// The byte's place in its slot, counted from the lowest address.
unsigned byte_of(std::int64_t off) { return static_cast<unsigned>((off % kSlotBytes + kSlotBytes) % kSlotBytes); }

std::uint64_t slots_between(std::int64_t low, std::int64_t high) {
  std::uint64_t mask = 0;
  for (unsigned slot = slot_of(high - 1); slot <= slot_of(low); ++slot) mask |= std::uint64_t{1} << slot;
  return mask;
}

/// Offsets from the frame pointer that an access can start at.
struct Span {
  std::int64_t low = 0, high = 0;
  [[nodiscard]] bool fixed() const { return low == high; }
};

Span span_of(const Register& reg, std::int32_t off) {
  const std::int64_t base = std::int64_t{reg.off} + off;
  if (reg.is_fixed()) {
    const std::int64_t at = base + static_cast<std::int64_t>(reg.fixed());
    return {at, at};
  }
  return {base + reg.num().smin, base + reg.num().smax};
}

Objection check_bounds(Walk& walk, const Step& step, const Register& reg, const Range& range) {
  constexpr std::int64_t kFarthest = std::int64_t{1} << 29;
  if (!reg.is_fixed()) {
    if (!walk.may_leak()) return step.finds(Code::stack_variable_unprivileged, {range.number});
    if (reg.num().smax >= kFarthest || reg.num().smin <= -kFarthest)
      return step.finds(Code::stack_unbounded, {range.number});
  }
  const Span span = span_of(reg, range.off);
  if (span.low < -kStackBytes || span.low >= 0 || span.high + range.bytes > 0)
    return step.finds(Code::stack_out_of_bounds, {range.number, span.low, span.high, range.bytes});
  walk.note_stack(step, *walk.state.frames[reg.frame], span.low);
  return {};
}

void grow(Walk& walk, Frame& frame, std::int64_t low) {
  if (frame.stack.size() <= slot_of(low)) frame.stack.grow(walk.pools->chunks, slot_of(low) + 1);
}

void spill(Walk& walk, Frame& frame, unsigned number, const Register& reg, unsigned bytes) {
  frame.set_spilled(number, reg);
  Slot& slot = frame.stack.change(number);
  for (unsigned i = 0; i < kSlotBytes; ++i) {
    if (i < bytes) {
      slot.bytes[i] = StackByte::spill;
    } else if (slot.bytes[i] == StackByte::spill || (slot.bytes[i] == StackByte::invalid && !walk.may_leak())) {
      slot.bytes[i] = StackByte::misc;
    }
  }
}

bool fits_in(const Scalar& num, unsigned bytes) { return bytes == 8 || num.umax < std::uint64_t{1} << (8 * bytes); }

Objection write_fixed(Walk& walk, const Step& step, const Register& reg, const Access& access, std::int64_t off) {
  const unsigned bytes = access.range.bytes;
  Frame& frame = walk.state.frames[reg.frame].change();
  grow(walk, frame, off);
  Slot& slot = frame.stack.change(slot_of(off));
  const unsigned first = byte_of(off);
  const bool privileged = walk.input.options.privileges.bpf;
  if (!walk.may_leak() && slot.is_spill() && slot.spilled.is_pointer() && bytes != kSlotBytes)
    return step.finds(Code::stack_pointer_corrupted, {off});
  if (bytes == kSlotBytes) walk.state.written[reg.frame] |= std::uint64_t{1} << slot_of(off);

  const Register* stored = access.stored;
  if (first == 0 && stored != nullptr && stored->is_scalar() && privileged) {
    Register value = *stored;
    if (!fits_in(value.num(), bytes)) {
      value.unlink();
    } else if (!value.is_fixed() && (value.id == 0 || value.has(reg_flag::plus_const))) {
      // One constant between two numbers is all that a link remembers.
      value.unlink();
      value.id = walk.new_id();
      Register& source = walk.state.change_reg(access.stored_number);
      source.unlink();
      source.id = value.id;
    }
    // The register may live in the frame that is written: look that up again.
    spill(walk, walk.state.frames[reg.frame].change(), slot_of(off), value, bytes);
    return {};
  }
  if (first == 0 && access.immediate && privileged) {
    spill(walk, frame, slot_of(off),
          Register::constant(static_cast<std::uint64_t>(static_cast<std::int64_t>(step.insn.imm))), bytes);
    return {};
  }
  if (stored != nullptr && stored->is_pointer()) {
    if (bytes != kSlotBytes) return step.finds(Code::stack_pointer_partial_spill, {access.stored_number, bytes});
    if (stored->kind == RegKind::stack && reg.frame + 1u != walk.state.depth())
      return step.finds(Code::stack_pointer_to_caller, {access.stored_number});
    spill(walk, frame, slot_of(off), *stored, bytes);
    return {};
  }
  frame.scrub(slot_of(off));
  const bool zero = (stored != nullptr && stored->is_zero()) || (access.immediate && step.insn.imm == 0);
  if (zero && stored != nullptr) walk.need_precise(*stored);
  for (unsigned i = 0; i < bytes; ++i) slot.bytes[first + i] = zero ? StackByte::zero : StackByte::misc;
  return {};
}

Objection write_variable(Walk& walk, const Step& step, const Register& reg, const Access& access, Span span) {
  Frame& frame = walk.state.frames[reg.frame].change();
  grow(walk, frame, span.low);
  const bool zero = (access.stored != nullptr && access.stored->is_zero()) || (access.immediate && step.insn.imm == 0);
  bool zero_used = false;
  for (std::int64_t off = span.low; off < span.high + access.range.bytes; ++off) {
    Slot& slot = frame.stack.change(slot_of(off));
    StackByte& byte = slot.bytes[byte_of(off)];
    if (slot.is_spill() && slot.spilled.is_pointer() && !walk.may_leak())
      return step.finds(Code::stack_pointer_corrupted, {off});
    if (byte == StackByte::invalid && !walk.may_leak()) return step.finds(Code::stack_variable_uninitialized, {off});
    if (zero && slot.is_spill() && slot.spilled.is_zero()) {
      walk.values.mark_precise(frame.nodes[slot_of(off)]);
      zero_used = true;
      continue;
    }
    const bool stays_zero = zero && byte == StackByte::zero;
    zero_used = zero_used || stays_zero;
    frame.scrub(slot_of(off));
    byte = stays_zero ? StackByte::zero : StackByte::misc;
  }
  if (zero_used && access.stored != nullptr) walk.need_precise(*access.stored);
  return {};
}

Finding uninitialized(const Step& step, std::int64_t off, std::int64_t at, std::uint32_t bytes) {
  return step.finds(Code::stack_uninitialized, {off, at - off, bytes});
}

/// What a load of bytes that are no whole spilled register yields.
Objection load_bytes(Walk& walk, const Step& step, const Frame& frame, std::int64_t off, const Access& access) {
  unsigned zeros = 0, spilled_zeros = 0;
  ValueNode node = 0;
  for (std::int64_t at = off; at < off + access.range.bytes; ++at) {
    const unsigned number = slot_of(at);
    const StackByte byte = frame.stack.at(number).bytes[byte_of(at)];
    if (byte == StackByte::invalid && !walk.may_leak()) return uninitialized(step, off, at, access.range.bytes);
    if (byte == StackByte::zero) ++zeros;
    if (byte == StackByte::spill) {
      if (frame.stack[number].spilled.is_zero()) {
        ++spilled_zeros;
        node = walk.values.join(node, frame.nodes[number]);
      }
    }
  }
  if (access.loaded == nullptr) return {};
  const bool all_zero = zeros == access.range.bytes || spilled_zeros == access.range.bytes;
  *access.loaded = all_zero ? Register::constant(0) : Register::unknown();
  if (all_zero) access.loaded->node = node;
  return {};
}

Objection read_fixed(Walk& walk, const Step& step, const Register& reg, const Access& access, std::int64_t off) {
  const unsigned bytes = access.range.bytes;
  walk.note_slots_read(reg.frame, slots_between(off, off + bytes));
  const Frame& frame = *walk.state.frames[reg.frame];
  const unsigned number = slot_of(off);
  const Slot& slot = frame.stack.at(number);
  if (!slot.is_spill()) return load_bytes(walk, step, frame, off, access);
  const unsigned spilled = slot.spill_bytes();
  if (bytes != kSlotBytes || spilled != kSlotBytes) {
    if (!slot.spilled.is_scalar()) return step.finds(Code::stack_pointer_partial_fill, {off, bytes});
    if (access.loaded == nullptr) return {};
    if (byte_of(off) != 0 || bytes > spilled) return load_bytes(walk, step, frame, off, access);
    *access.loaded = frame.spilled(number);
    if (!fits_in(slot.spilled.num(), bytes)) access.loaded->unlink();
    return {};
  }
  if (access.loaded != nullptr) {
    *access.loaded = frame.spilled(number);
    return {};
  }
  if (walk.hides(slot.spilled)) return step.finds(Code::stack_pointer_leak, {off});
  return {};
}

Objection read_variable(Walk& walk, const Step& step, const Register& reg, const Access& access, Span span) {
  walk.note_slots_read(reg.frame, slots_between(span.low, span.high + access.range.bytes));
  if (auto bad = check_stack_argument(walk, step, reg, access.range, false, false)) return bad;
  if (access.loaded == nullptr) return {};
  const Frame& frame = *walk.state.frames[reg.frame];
  bool all_zero = true;
  for (std::int64_t at = span.low; at < span.high + access.range.bytes; ++at) {
    const unsigned number = slot_of(at);
    all_zero = all_zero && frame.stack.at(number).bytes[byte_of(at)] == StackByte::zero;
  }
  *access.loaded = all_zero ? Register::constant(0) : Register::unknown();
  return {};
}

}  // namespace

Objection access_stack(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  if (auto bad = check_bounds(walk, step, reg, access.range)) return bad;
  const Span span = span_of(reg, access.range.off);
  if (access.touch == Touch::write)
    return span.fixed() ? write_fixed(walk, step, reg, access, span.low)
                        : write_variable(walk, step, reg, access, span);
  return span.fixed() ? read_fixed(walk, step, reg, access, span.low) : read_variable(walk, step, reg, access, span);
}

Objection check_stack_argument(Walk& walk, const Step& step, const Register& reg, const Range& range, bool fills,
                               bool writes) {
  if (auto bad = check_bounds(walk, step, reg, range)) return bad;
  const Span span = span_of(reg, range.off);
  if (range.bytes == 0) return {};
  const std::int64_t end = span.high + range.bytes;
  if (fills && span.fixed()) {
    Frame& frame = walk.state.frames[reg.frame].change();
    grow(walk, frame, span.low);
    for (std::int64_t at = span.low; at < end; ++at) {
      Slot& slot = frame.stack.change(slot_of(at));
      if (slot.is_spill() && slot.spilled.is_pointer() && !walk.may_leak())
        return step.finds(Code::stack_pointer_corrupted, {at});
      frame.scrub(slot_of(at));
      slot.bytes[byte_of(at)] = StackByte::misc;
    }
    return {};
  }
  walk.note_slots_read(reg.frame, slots_between(span.low, end));
  const bool clobbers = writes || fills;
  for (std::int64_t at = span.low; at < end; ++at) {
    const Frame& frame = *walk.state.frames[reg.frame];
    const unsigned number = slot_of(at);
    const StackByte byte = frame.stack.at(number).bytes[byte_of(at)];
    if (byte == StackByte::invalid && !walk.may_leak()) return uninitialized(step, span.low, at, range.bytes);
    if (byte == StackByte::spill && walk.hides(frame.stack[number].spilled))
      return step.finds(Code::stack_pointer_leak, {at});
    if (!clobbers || byte == StackByte::misc) continue;
    Frame& changed = walk.state.frames[reg.frame].change();
    grow(walk, changed, span.low);
    changed.scrub(number);
    changed.stack.change(number).bytes[byte_of(at)] = StackByte::misc;
  }
  return {};
}

}  // namespace skep::verifier
