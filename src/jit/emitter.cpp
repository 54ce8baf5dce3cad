// The walk: which op is emitted when, and as what.
#include "jit/emitter.hpp"

#include <algorithm>
#include <bit>

#include "jit/tune.hpp"

namespace skep::jit {

using isa::Operands;
using isa::Operation;
using lower::Code;
using vm::CallOuts;

void Emitter::emit_all() {
  const auto new_label = [this] {
    asmjit::LabelEntry* entry = nullptr;
    return code_.newLabelEntry(&entry) == asmjit::kErrorOk ? asmjit::Label(entry->id()) : asmjit::Label();
  };
  start_ = new_label();
  enter_ = new_label();
  interpret_ = new_label();
  targets_.resize(image().ops.size());
  for (std::size_t i = 0; i < targets_.size() && plan_.flows.empty(); ++i)
    if (plan_.ops[i].is_target) targets_[i] = new_label();
  for (std::size_t i = 0; i < plan_.functions.size(); ++i) functions_.push_back(new_label());

  mark(MachineCode::Role::entry);
  if (!plan_.is_plain)
    emit_start();
  else if (!is_bare())
    emit_plain_start();
  emit_interpret();
  for (std::size_t i = 0; i < plan_.functions.size(); ++i) {
    function_ = &plan_.functions[i];
    const std::uint32_t first = function_->first;
    // Another function falls into this one: past the prologue.
    asmjit::Label body;
    if (first != 0 && !ends_flow(image().ops[first - 1])) {
      body = new_label();
      jump_over(body);
    }
    mark(MachineCode::Role::prologue, first);
    bind(functions_[i]);
    begin_function(*function_);
    if (body.isValid()) bind(body);
    if (!plan_.flows.empty()) {
      Tuner(*this, plan_.flows[i]).emit();
      continue;
    }
    for (std::uint32_t index = first; index < function_->end;) {
      if (plan_.ops[index].is_loop_head) align_loop();
      mark(MachineCode::Role::insn, index);
      if (targets_[index].isValid()) bind(targets_[index]);
      if (plan_.options.metered && plan_.ops[index].starts_block) meter(index, plan_.refunds[index] + 1);
      const std::uint32_t done = plan_.options.blind ? 0 : fused(index, function_->end);
      if (done == 0) emit_op(index);
      index += std::max(done, 1u);
    }
  }
  finish();
}

void Emitter::add_part(MachineCode::Role role, std::uint32_t index) {
  const auto here = static_cast<std::uint32_t>(code_.textSection()->bufferSize());
  if (!parts_.empty() && parts_.back().from_bytes == here) parts_.pop_back();
  parts_.push_back({here, image().pcs[index], role});
}

asmjit::Label Emitter::new_label() {
  asmjit::LabelEntry* entry = nullptr;
  return code_.newLabelEntry(&entry) == asmjit::kErrorOk ? asmjit::Label(entry->id()) : asmjit::Label();
}

const asmjit::Label& Emitter::label_at(std::uint32_t index) {
  if (!targets_[index].isValid()) targets_[index] = new_label();
  return targets_[index];
}

asmjit::Label Emitter::target_of(const At& at) const {
  return targets_[at.index + static_cast<std::uint32_t>(at.op.off)];
}

void Emitter::emit_op(std::uint32_t index) {
  const At here = at(index);
  const auto blind = plan_.options.blind ? blinded(here.op, here.shape) : std::nullopt;
  if (!blind) return emit_as(here);
  const bool is_store = blind->shape.operands == Operands::store_src;  // see unite_number()
  if (!is_store) unite(blind->into, masks_.halves(blind->number));
  if (blind->into == kNumber) emit_as(At{blind->op, blind->shape, index});
}

void Emitter::emit_as(const At& here) {
  const std::uint32_t index = here.index;
  const bool goes_back = here.op.off <= 0;
  switch (here.shape.operands) {
    case Operands::none:
      return emit_coded(here);
    case Operands::dst:
      return here.shape.operation == Operation::call_ ? call_register(here) : unary(here);
    case Operands::dst_imm:
      return alu_imm(here);
    case Operands::dst_src:
      return alu_reg(here);
    case Operands::jump_off:
    case Operands::jump_imm:
      if (here.shape.operation == Operation::may_goto_) {
        poll(index);
        return may_goto(here, target_of(here));
      }
      if (plan_.options.polls && goes_back) poll(index);
      // The next op is where control goes on anyway, unless another function's prologue comes first.
      if (here.op.off != 1 || index + 1 == function_->end) jump_to({target_of(here), is_near(here), false});
      return;
    case Operands::compare_imm:
      if (plan_.options.polls && goes_back) poll(index);
      return branch(here, {target_of(here), is_near(here), false});
    case Operands::compare_src:
      if (plan_.options.polls && goes_back) poll(index);
      return branch(here, {target_of(here), is_near(here), false});
    case Operands::call_pc: {
      if (plan_.options.polls) poll(index);  // functions that call others can take as long as loops
      const auto& callee = *reinterpret_cast<const lower::Function*>(here.op.imm);
      return call_function(here, functions_[static_cast<std::size_t>(&callee - image().functions.data())]);
    }
    case Operands::load:
      return load(here);
    case Operands::store_imm:
    case Operands::store_src:
      return store(here);
    case Operands::atomic:
      return atomic(here);
    case Operands::packet_abs:
    case Operands::packet_ind:
      return call_out(here, CallOuts::packet);
    case Operands::dst_src_imm:  // lowering turns these into other codes, or refuses them
    case Operands::call_imm:
    case Operands::lddw:
      return call_out(here, CallOuts::trap);
  }
}

/// Codes that no instruction has, and exit.
void Emitter::emit_coded(const At& at) {
  switch (at.op.code) {
    case Code::constant:
      return constant(at);
    case Code::call_free: {
      const auto& binding = *reinterpret_cast<const lower::Binding*>(at.op.imm);
      if (plan_.options.metered) poll(at.index);  // a slice of the budget may be full of calls that take long
      if (binding.callback != nullptr && !plan_.options.metered) {
        const auto callback = static_cast<std::size_t>(binding.callback - image().functions.data());
        return call_loop(at, functions_[callback], plan_.functions[callback]);
      }
      return binding.code != nullptr ? call_builtin(at, binding) : call_out(at, CallOuts::helper);
    }
    case Code::call_checked:
    case Code::call_lookup_checked:
      return call_out(at, CallOuts::helper);
    case Code::lookup_array:
      return lookup_array(at, *reinterpret_cast<const lower::KnownCall*>(at.op.imm), copy_of(2).sum);
    case Code::lookup_direct:
    case Code::call_direct: {
      const auto& call = *reinterpret_cast<const lower::KnownCall*>(at.op.imm);
      if (call.stored_bytes != 0) return update_array(at, call, copy_of(2).sum, copy_of(3).sum);
      // A run that may end early gives back what it holds, so it must know.
      return call.about_record && !plan_.is_plain ? call_builtin(at, *call.binding) : call_direct(at, call);
    }
    case Code::tail_call:
    case Code::tail_call_checked:
      return tail_call(at);
    case Code::trap:
      return call_out(at, CallOuts::trap);
    default:  // the forms that are not here have operands of their own
      return exit(at);
  }
}

unsigned Emitter::holder_of(std::uint64_t number) const {
  if (plan_.flows.empty()) return kNoRegister;
  const auto& hoisted = plan_.flows[static_cast<std::size_t>(function_ - plan_.functions.data())].hoisted;
  const auto held =
      std::find_if(hoisted.begin(), hoisted.end(), [number](const Hoisted& one) { return one.number == number; });
  return held == hoisted.end() ? kNoRegister : held->reg;
}

/// Word by word, as the program is likely to have stored them: whoever reads the value meanwhile sees each old or new.
void Emitter::update_array(const At& at, const lower::KnownCall& update, const Sum& key, const Sum& value) {
  const asmjit::Label missed = find_element(at, update, key);
  Sum from = value;
  std::uint32_t left = update.stored_bytes;
  for (std::int32_t off = 0; left != 0;) {
    const std::uint32_t bytes = std::min(std::bit_floor(left), 8u);
    store_word(off, from, bytes);
    off += static_cast<std::int32_t>(bytes);
    from.off += static_cast<std::int32_t>(bytes);
    left -= bytes;
  }
  constant(At{op_of(0, 0, 0), lower::shape_of(Code::constant), at.index});
  if (missed.isValid()) bind(missed);
}

}  // namespace skep::jit
