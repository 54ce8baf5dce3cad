// The call-outs: generated code's questions, answered by the run's own functions, so that both engines give one answer.
#include "vm/native.hpp"

#include <algorithm>

#include "base/guest_memory.hpp"
#include "isa/table.hpp"
#include "lower/shape.hpp"
#include "vm/alu.hpp"
#include "vm/interpreter.hpp"
#include "vm/run.hpp"

namespace skep::vm {
namespace {

using lower::Op;
using lower::Shape;

Run& run_of(Machine& machine) noexcept { return static_cast<Run&>(*machine.env); }

const Op& op_at(const Machine& machine, std::uint64_t op) noexcept { return machine.current->ops[op]; }

std::uint64_t sign_extended(const Shape& shape, std::uint64_t value) noexcept {
  if (shape.operation != isa::Operation::load_signed_) return value;
  const unsigned unused = 64 - shape.width;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

}  // namespace

/// The block was paid for as a whole; what comes after the op that ended the run was not run.
const void* CallOuts::settle(Machine& machine, std::uint64_t op) noexcept {
  const NativeCode& native = *machine.current->native;
  if (machine.ended != 0 && native.metered) machine.budget += native.refunds[op];
  return nullptr;
}

const void* CallOuts::load(Machine& machine, std::uint64_t op, std::uint64_t address, Registers& r) noexcept {
  const Op& at = op_at(machine, op);
  const Shape& shape = lower::shape_of(at.code);
  std::uint64_t value = 0;
  if (shape.check == lower::Check::probe)
    r[at.dst] = sign_extended(shape, run_of(machine).probe(address, shape.bytes()));
  else if (run_of(machine).load_slowly(at, address, shape.bytes(), value))
    r[at.dst] = sign_extended(shape, value);
  return settle(machine, op);
}

const void* CallOuts::store(Machine& machine, std::uint64_t op, std::uint64_t address, Registers& r) noexcept {
  const Op& at = op_at(machine, op);
  const Shape& shape = lower::shape_of(at.code);
  const bool constant = shape.operands == isa::Operands::store_imm;
  static_cast<void>(run_of(machine).store_slowly(at, address, shape.bytes(),
                                                 constant ? static_cast<std::uint64_t>(at.imm) : r[at.src]));
  return settle(machine, op);
}

const void* CallOuts::atomic(Machine& machine, std::uint64_t op, std::uint64_t address, Registers&) noexcept {
  const Op& at = op_at(machine, op);
  const Shape& shape = lower::shape_of(at.code);
  const bool reads = shape.operands == isa::Operands::load;
  static_cast<void>(run_of(machine).atomic_allowed(at, reads ? Access::read : Access::write, reads ? at.src : at.dst,
                                                   address, shape.bytes()));
  return settle(machine, op);
}

const void* CallOuts::packet(Machine& machine, std::uint64_t op, std::uint64_t, Registers& r) noexcept {
  const Op& at = op_at(machine, op);
  const Shape& shape = lower::shape_of(at.code);
  const bool indirect = shape.operands == isa::Operands::packet_ind;
  const std::uint64_t off = static_cast<std::uint64_t>(at.imm) + (indirect ? static_cast<std::uint32_t>(r[at.src]) : 0);
  r[0] = run_of(machine).load_packet(off, shape.bytes());
  return settle(machine, op);
}

const void* CallOuts::helper(Machine& machine, std::uint64_t op, std::uint64_t, Registers& r) noexcept {
  Run& run = run_of(machine);
  const Op& at = op_at(machine, op);
  const auto& binding = *reinterpret_cast<const lower::Binding*>(at.imm);
  const std::uint64_t map = r[1];
  if (at.code != lower::Code::call_free && !run.check_arguments(at, binding.row, r)) return nullptr;
  run.call_helper(at, binding, r);
  if (at.code == lower::Code::call_lookup_checked) run.open_value(helpers::map_of(map), r);
  return nullptr;
}

const void* CallOuts::call_register(Machine& machine, std::uint64_t op, std::uint64_t, Registers& r) noexcept {
  const Op& at = op_at(machine, op);
  const lower::Image& image = *machine.current;
  if (const lower::Function* callee = image.function_at(r[at.dst]))
    return image.native->functions[static_cast<std::size_t>(callee - image.functions.data())];
  run_of(machine).call_named_by_register(at, r);
  return nullptr;
}

const void* CallOuts::tail_call(Machine& machine, std::uint64_t op, std::uint64_t, Registers& r) noexcept {
  Run& run = run_of(machine);
  const Op& at = op_at(machine, op);
  const auto& binding = *reinterpret_cast<const lower::Binding*>(at.imm);
  if (at.code == lower::Code::tail_call_checked && !run.check_arguments(at, binding.row, r)) return nullptr;
  const NativeCode& here = *machine.current->native;
  const lower::Image* target = run.tail_target(r);
  if (target == nullptr) return nullptr;
  run.switch_to(*target);
  const NativeCode* there = run.native_of(*target);
  return there != nullptr ? there->functions.front() : here.interpret;
}

const void* CallOuts::interpret(Machine& machine, std::uint64_t, std::uint64_t, Registers& r) noexcept {
  Run& run = run_of(machine);
  const lower::Image& image = *machine.current;
  run.clear_frame(image.functions.front());
  // The running frame was begun by generated code: the interpreter gets a record of it to return from.
  Frame& frame = run.running_frame();
  const bool first = run.depth() == 1;  // then there is no outer one
  const Frame::Return outer = first ? Frame::Return{} : frame.back;
  frame.r = r;
  frame.back = {nullptr, &image, machine.may_goto_left, machine.stack_windows, {r[6], r[7], r[8], r[9]}};
  run.interpret(run.ops_of(image), frame);
  if (machine.ended != 0) return nullptr;
  run.end_frame(frame.back, machine.frame_pointer);
  frame.back = outer;
  std::copy_n(frame.r.begin(), 6, r.begin());
  return nullptr;
}

const void* CallOuts::leave(Machine& machine, std::uint64_t, std::uint64_t address, Registers&) noexcept {
  run_of(machine).leave_stack(*reinterpret_cast<const lower::Image*>(address));
  return nullptr;
}

const void* CallOuts::budget(Machine& machine, std::uint64_t op, std::uint64_t, Registers& r) noexcept {
  Run& run = run_of(machine);
  const std::uint32_t cost = machine.current->native->refunds[op] + 1;
  while (machine.budget < cost && run.reserve_ != 0)
    if (!run.next_slice(op_at(machine, op))) return nullptr;
  const Op& at = op_at(machine, op);
  if (machine.budget >= cost) return nullptr;
  Frame& frame = run.running_frame();
  frame.r = r;
  execute<true>(run, &at, frame);
  return nullptr;
}

const void* CallOuts::stop(Machine& machine, std::uint64_t op, std::uint64_t, Registers&) noexcept {
  run_of(machine).fault(op_at(machine, op), FaultKind::stopped);
  return settle(machine, op);
}

const void* CallOuts::too_deep(Machine& machine, std::uint64_t op, std::uint64_t, Registers&) noexcept {
  run_of(machine).fault(op_at(machine, op), FaultKind::call_depth);
  return settle(machine, op);
}

const void* CallOuts::trap(Machine& machine, std::uint64_t op, std::uint64_t, Registers&) noexcept {
  run_of(machine).fault(op_at(machine, op), FaultKind::unresolved);
  return settle(machine, op);
}

}  // namespace skep::vm
