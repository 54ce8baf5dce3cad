// Loads, stores, atomics, legacy packet loads: which access, and what the registers hold afterwards.
#include <utility>

#include "abi/prog_types.hpp"
#include "verifier/access/access.hpp"
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {
namespace {

using isa::Operands;
using isa::Operation;

std::uint32_t bytes_of(const Step& step) { return step.info.width() / 8; }

void extend(Register& reg, const Step& step, bool with_sign) {
  const std::uint32_t bytes = bytes_of(step);
  if (!reg.is_scalar() || bytes == 8) return;
  // With the upper bits of its sign it is another number than the one that was spilled.
  if (with_sign && reg.num().umax >= std::uint64_t{1} << (8 * bytes - 1)) reg.unlink();
  reg.set_num(with_sign ? sign_extend(reg.num(), 8 * bytes) : zero_extend(reg.num(), 8 * bytes));
}

/// Kinds of memory that atomics work on; the kernel rewrites accesses to the others.
bool takes_atomics(RegKind kind) {
  return kind == RegKind::stack || kind == RegKind::map_value || kind == RegKind::memory || kind == RegKind::buffer ||
         kind == RegKind::tp_buffer || kind == RegKind::btf_object || kind == RegKind::map_key;
}

bool fetches(Operation operation) {
  switch (operation) {
    case Operation::atomic_fetch_add_:
    case Operation::atomic_fetch_or_:
    case Operation::atomic_fetch_and_:
    case Operation::atomic_fetch_xor_:
    case Operation::atomic_xchg_:
    case Operation::atomic_cmpxchg_:
      return true;
    default:  // every other instruction
      return false;
  }
}

/// The program type may use ld_abs and ld_ind.
bool may_load_packet(const Walk& walk) noexcept {
  const abi::ProgTypeSpec* spec = abi::find_prog_type(walk.input.program->type);
  return spec != nullptr && spec->packet_loads;
}

}  // namespace

Objection transfer_load(Walk& walk, const Step& step) {
  const Insn& insn = step.insn;
  walk.state.pc = step.pc + 1;
  if (auto bad = walk.check_readable(step, insn.src)) return bad;
  if (auto bad = walk.check_writable(step, insn.dst)) return bad;
  Register loaded;
  Access access;
  access.range = {insn.src, insn.off, bytes_of(step)};
  access.loaded = &loaded;
  access.atomic = step.info.operation == Operation::load_acquire_;
  if (access.atomic && !takes_atomics(walk.state.reg(insn.src).kind))
    return step.finds(Code::atomic_on_wrong_memory, {insn.src}, name_of(walk.state.reg(insn.src).kind));
  if (auto bad = walk.note_access(step, insn.src)) return bad;
  if (auto bad = check_access(walk, step, access)) return bad;
  extend(loaded, step, step.info.operation == Operation::load_signed_);
  walk.state.change_reg(insn.dst) = loaded;
  return {};
}

Objection transfer_store(Walk& walk, const Step& step) {
  const Insn& insn = step.insn;
  walk.state.pc = step.pc + 1;
  Access access;
  access.touch = Touch::write;
  access.range = {insn.dst, insn.off, bytes_of(step)};
  Register stored;
  if (step.info.operands == Operands::store_imm) {
    access.immediate = true;
  } else {
    if (auto bad = walk.check_readable(step, insn.src)) return bad;
    stored = walk.state.reg(insn.src);
    access.stored = &stored;
    access.stored_number = insn.src;
  }
  if (auto bad = walk.check_readable(step, insn.dst)) return bad;
  access.atomic = step.info.operation == Operation::store_release_;
  if (access.atomic && !takes_atomics(walk.state.reg(insn.dst).kind))
    return step.finds(Code::atomic_on_wrong_memory, {insn.dst}, name_of(walk.state.reg(insn.dst).kind));
  if (auto bad = walk.note_access(step, insn.dst)) return bad;
  return check_access(walk, step, access);
}

Objection transfer_atomic(Walk& walk, const Step& step) {
  const Operation operation = step.info.operation;
  const Insn& insn = step.insn;
  walk.state.pc = step.pc + 1;
  if (auto bad = walk.check_readable(step, insn.src)) return bad;
  if (auto bad = walk.check_readable(step, insn.dst)) return bad;
  const bool exchanges_r0 = operation == Operation::atomic_cmpxchg_;
  if (exchanges_r0) {
    if (auto bad = walk.check_readable(step, 0)) return bad;
    if (walk.hides(walk.state.reg(0))) return step.finds(Code::pointer_leak, {0}, "memory");
  }
  if (walk.hides(walk.state.reg(insn.src))) return step.finds(Code::pointer_leak, {insn.src}, "memory");
  if (!takes_atomics(walk.state.reg(insn.dst).kind))
    return step.finds(Code::atomic_on_wrong_memory, {insn.dst}, name_of(walk.state.reg(insn.dst).kind));
  if (fetches(operation) && !exchanges_r0) {
    if (auto bad = walk.check_writable(step, insn.src)) return bad;
  }
  const unsigned receiver = exchanges_r0 ? 0 : insn.src;
  // As Linux has it, the receiver is overwritten first: it cannot be the address.
  if (fetches(operation)) walk.state.change_reg(receiver) = Register::unknown();
  Register loaded;
  Access access;
  access.atomic = true;
  access.range = {insn.dst, insn.off, bytes_of(step)};
  // What is computed with what is there must be no pointer that has to stay hidden, even where it is fetched as one.
  if (auto bad = check_access(walk, step, access)) return bad;
  if (fetches(operation)) {
    access.loaded = &loaded;
    if (auto bad = check_access(walk, step, access)) return bad;
  }
  access.touch = Touch::write;
  access.loaded = nullptr;
  if (auto bad = check_access(walk, step, access)) return bad;
  if (fetches(operation)) {
    extend(loaded, step, false);
    walk.state.change_reg(receiver) = loaded;
  }
  return {};
}

Objection transfer_packet_load(Walk& walk, const Step& step) {
  // LD_ABS and LD_IND: r6 is the context, r0 gets the bytes, a load out of the packet ends the program.
  if (!may_load_packet(walk)) return step.finds(Code::packet_load_prohibited, {}, step.info.mnemonic);
  if (!walk.state.references.empty()) return step.finds(Code::packet_load_with_reference);
  if (auto bad = walk.check_readable(step, 6)) return bad;
  if (walk.state.reg(6).kind != RegKind::ctx || walk.state.reg(6).off != 0)
    return step.finds(Code::packet_load_context);
  if (step.info.operands == Operands::packet_ind) {
    if (auto bad = walk.check_readable(step, step.insn.src)) return bad;
    if (walk.hides(walk.state.reg(step.insn.src)))
      return step.finds(Code::pointer_leak, {step.insn.src}, "packet load");
  }
  // Past the packet's end the function returns 0; in the program itself that is a path that ends well.
  if (walk.state.depth() > 1) {
    if (auto bad = leave_early(walk, step)) return bad;
  }
  forget_caller_saved(walk.state);
  Register& r0 = walk.state.change_reg(0);
  r0 = Register::unknown();
  walk.state.pc = step.pc + 1;
  return {};
}

}  // namespace skep::verifier
