// The linker walks a program's functions with a stack of its own, so that hostile chains of calls cannot exhaust ours.
#include "loader/link.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "btf/core_compare.hpp"
#include "isa/table.hpp"

namespace skep::loader {
namespace {

/// Makes a 64-bit load one of an extern's address: a place in the map of configuration, an id in the target's types, or
/// a number.
void put_address(const Extern& wanted, std::uint32_t kconfig_map, Insn* insn) {
  std::uint64_t value = wanted.address;
  insn[0].src = 0;
  if (wanted.place) {
    insn[0].src = kMapValuePseudo;
    value = std::uint64_t{*wanted.place} << 32 | kconfig_map;
  } else if (wanted.target_id != 0) {
    insn[0].src = kVarPseudo;
    value = wanted.target_id;
  }
  insn[0].imm = static_cast<std::int32_t>(value);
  insn[1].imm = static_cast<std::int32_t>(value >> 32);
}

}  // namespace

Linker::Linker(const LinkInput& in)
    : in_(in), placed_at_(in.code.functions.size()), placed_in_(in.code.functions.size()) {}

/// The first one stays.
void Linker::defect(std::string what) {
  if (program_->defect.empty()) program_->defect = std::move(what);
}

Result<std::uint32_t> Linker::place(const Function& function) {
  const auto index = static_cast<std::size_t>(&function - in_.code.functions.data());
  if (placed_in_[index] == serial_) return placed_at_[index];
  auto& insns = program_->insns;
  total_insns_ += function.count;
  if (insns.size() + function.count > kMaxProgramInsns || total_insns_ > kMaxObjectInsns)
    return fail(
        ErrorCode::limit, fmt::format("program {}", shown(program_->name)),
        fmt::format("{} instructions with its subprograms, {} in the object so far, at most {} and {} are taken",
                    insns.size() + function.count, total_insns_, kMaxProgramInsns, kMaxObjectInsns));
  const CodeSection& section = in_.code.sections[function.section];
  const auto pc = static_cast<std::uint32_t>(insns.size());
  for (std::uint32_t slot = 0; slot < function.count; ++slot)
    insns.push_back(read_insn(section, function.start + slot));
  program_->subprogs.push_back({.name = std::string(function.name),
                                .start = pc,
                                .end = pc + function.count,
                                .local = function.local || function.hidden});
  if (auto done = in_.annotations.append(section, function, pc, *program_); !done) return fail(std::move(done).error());
  placed_in_[index] = serial_;
  placed_at_[index] = pc;
  stack_.push_back({.function = &function,
                    .section = &section,
                    .pc = pc,
                    .fixups = fixups_in(in_.fixups[function.section], function.start, function.count)});
  return pc;
}

Result<const Function*> Linker::apply(const Frame& frame, Insn* insn, const Fixup& fixup) {
  switch (fixup.kind) {
    case Fixup::Kind::map:
      insn[0].src = kMapPseudo;
      insn[0].imm = static_cast<std::int32_t>(fixup.target);
      insn[1].imm = 0;
      return nullptr;
    case Fixup::Kind::map_value:
      insn[0].src = kMapValuePseudo;
      insn[0].imm = static_cast<std::int32_t>(fixup.target);
      insn[1].imm = static_cast<std::int32_t>(fixup.offset);
      return nullptr;
    case Fixup::Kind::function:
      insn[0].src = kFuncPseudo;
      insn[1].imm = 0;
      return &in_.code.functions[fixup.target];
    case Fixup::Kind::call:
      return &in_.code.functions[fixup.target];
    case Fixup::Kind::value_of:
    case Fixup::Kind::call_of:
      break;
  }
  if (auto done = apply_extern(frame, insn, fixup); !done) return fail(std::move(done).error());
  return nullptr;
}

Result<void> Linker::apply_extern(const Frame& frame, Insn* insn, const Fixup& fixup) {
  const Extern& wanted = in_.externs[fixup.target];
  if (fixup.kind == Fixup::Kind::value_of)
    put_address(wanted, in_.externs.kconfig_map(), insn);
  else if (wanted.weak && !wanted.found)
    insn[0] = Insn(kCall, 0, 0, 0, program::kPoisonKfunc + static_cast<std::int32_t>(fixup.target));
  else
    insn[0] = Insn(kCall, 0, kKfuncPseudo, 0, static_cast<std::int32_t>(wanted.target_id));
  const std::uint32_t pc = frame.pc + fixup.slot - frame.function->start;
  if (wanted.kind == program::Need::Kind::kfunc) {
    const std::string_view name = btf::essential_name(wanted.name);
    auto done = in_.annotations.kfunc({.pc = pc, .name = std::string(name), .weak = wanted.weak}, *program_);
    if (!done) return done;
  }
  const bool foreign_call = wanted.foreign && fixup.kind == Fixup::Kind::call_of;
  if (!wanted.unanswered() && !foreign_call) return {};
  std::string name(wanted.name);
  if (!wanted.problem.empty()) name += fmt::format(": {}", wanted.problem);
  return in_.annotations.need({.kind = wanted.kind, .name = std::move(name), .pc = pc}, *program_);
}

/// The function that an instruction without a relocation leads to; null when it leads to none.
const Function* Linker::callee(const Frame& frame, std::uint32_t slot, const Insn& insn) {
  const std::uint32_t pc = frame.pc + slot;
  if (insn.opcode == kLddw && insn.src != 0 && insn.src != kVarPseudo)
    defect(fmt::format("insn {}: a 64-bit load with src {} needs a relocation, has none", pc, insn.src));
  if (insn.opcode != kCall || insn.src != kSubprogPseudo) return nullptr;
  const std::int64_t target = std::int64_t{frame.function->start} + slot + insn.imm + 1;
  const Function* function = in_.code.function_at(*frame.section, target);
  if (function == nullptr)
    defect(fmt::format("insn {}: calls slot {} of section {}, where no function starts", pc, target,
                       shown(frame.section->name)));
  return function;
}

/// Goes on through the top function until it ends or first needs another one, which is then on top of the stack.
Result<void> Linker::walk(Frame& top) {
  const Frame frame = top;  // place() may move the stack
  const std::size_t depth = stack_.size();
  std::uint32_t slot = frame.next;
  std::span<const Fixup> fixups = frame.fixups;
  while (slot < frame.function->count && stack_.size() == depth) {
    const std::uint32_t at = slot;
    Insn* insn = &program_->insns[frame.pc + at];
    const bool wide = insn->opcode == kLddw;
    if (wide && at + 1 >= frame.function->count) {
      defect(fmt::format("insn {}: a 64-bit load is cut off", frame.pc + at));
      ++slot;
      continue;
    }
    slot += wide ? 2 : 1;
    while (!fixups.empty() && fixups.front().slot < frame.function->start + at) fixups = fixups.subspan(1);
    const bool fixed = !fixups.empty() && fixups.front().slot == frame.function->start + at;
    const Result<const Function*> other = fixed ? apply(frame, insn, fixups.front()) : callee(frame, at, *insn);
    if (!other) return fail(other.error());
    if (*other == nullptr) continue;
    const auto pc = place(**other);
    if (!pc) return fail(pc.error());
    program_->insns[frame.pc + at].imm = static_cast<std::int32_t>(std::int64_t{*pc} - (frame.pc + at) - 1);
  }
  stack_[depth - 1].next = slot;
  stack_[depth - 1].fixups = fixups;
  return {};
}

Result<void> Linker::walk_all() {
  while (!stack_.empty()) {
    if (stack_.back().next >= stack_.back().function->count) {
      stack_.pop_back();
      continue;
    }
    if (auto done = walk(stack_.back()); !done) return done;
  }
  return {};
}

Result<void> Linker::link(const Function& entry, program::Program& program) {
  program_ = &program;
  stack_.clear();
  ++serial_;
  if (auto placed = place(entry); !placed) return fail(std::move(placed).error());
  if (auto done = walk_all(); !done) return done;
  const auto [callback, problem] = in_.callbacks.of(program.name);
  if (!problem.empty()) defect(problem);
  if (callback != nullptr) {
    if (auto placed = place(*callback); !placed) return fail(std::move(placed).error());
    if (auto done = walk_all(); !done) return done;
  }
  std::sort(program.needs.begin(), program.needs.end(), [](const program::Need& a, const program::Need& b) {
    return a.pc != b.pc ? a.pc < b.pc : a.name < b.name;
  });
  std::sort(program.kfuncs.begin(), program.kfuncs.end(),
            [](const program::KfuncUse& a, const program::KfuncUse& b) { return a.pc < b.pc; });
  if (auto checked = isa::check(program.insns); !checked) defect(checked.error().message());
  program.insns.shrink_to_fit();
  program.lines.shrink_to_fit();
  return {};
}

}  // namespace skep::loader
