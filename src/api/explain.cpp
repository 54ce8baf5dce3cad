// Faults in words.
#include <array>

#include <fmt/format.h>

#include <skep/executable.hpp>

#include "abi/helper.hpp"
#include "program/program.hpp"

namespace skep {
namespace {

struct KindText {
  std::string_view name;
  std::string_view words;
};

/// By FaultKind.
constexpr std::array<KindText, 13> kKinds{{
    {"none", "no fault"},
    {"bad_load", "load"},
    {"bad_store", "store"},
    {"misaligned_atomic", "misaligned atomic access"},
    {"bad_argument", "helper argument breaks the prototype"},
    {"bad_call", "indirect call to what is no function"},
    {"call_depth", "more than 8 frames"},
    {"budget", "the instruction budget is used up"},
    {"no_helper", "call by register to a helper that is unknown or not allowed"},
    {"host_exception", "a helper of the application threw"},
    {"stopped", "stopped by another thread"},
    {"wrong_context", "the context is not what the program was verified for"},
    {"unresolved", "asks for what is not there"},
}};

std::string place_of(const Fault& fault) {
  if (fault.region[0] == 0)
    return fault.address < 4096 ? "near the null pointer, in no region" : "in no region this run may touch";
  const auto distance = static_cast<std::int64_t>(fault.address - fault.region_base);
  return fmt::format("at byte {} of {}, which has bytes 0 to {}", distance, fault.region.data(),
                     static_cast<std::int64_t>(fault.region_bytes) - 1);
}

const program::KfuncUse* kfunc_of(const Fault& fault) {
  return fault.program == nullptr ? nullptr : fault.program->kfunc_at(fault.pc);
}

std::string helper_name(const Fault& fault) {
  if (const program::KfuncUse* kfunc = kfunc_of(fault)) return fmt::format("kernel function {}", kfunc->name);
  const abi::Helper* row = abi::find_helper(fault.helper);
  return row == nullptr ? fmt::format("helper {}", fault.helper) : fmt::format("helper {} ({})", row->id, row->name);
}

std::string details_of(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::bad_load:
    case FaultKind::bad_store:
    case FaultKind::misaligned_atomic:
      return fmt::format(" of {} byte{} at {:#x}, {}", fault.size, fault.size == 1 ? "" : "s", fault.address,
                         place_of(fault));
    case FaultKind::bad_argument:
      return fmt::format(": {} got {:#x} as argument {} (r{})", helper_name(fault), fault.address, fault.argument,
                         fault.argument);
    case FaultKind::bad_call:
      return fmt::format(": {:#x}", fault.address);
    case FaultKind::no_helper:
    case FaultKind::host_exception:
      return ": " + helper_name(fault);
    case FaultKind::unresolved: {
      if (kfunc_of(fault) != nullptr) return ": " + helper_name(fault);
      const program::Poison* poison = fault.program == nullptr ? nullptr : fault.program->poison_at(fault.pc);
      return poison == nullptr ? "" : ": " + poison->what;
    }
    case FaultKind::none:
    case FaultKind::call_depth:
    case FaultKind::budget:
    case FaultKind::stopped:
    case FaultKind::wrong_context:
      return {};
  }
  return {};
}

}  // namespace

std::string_view name_of(FaultKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)].name; }

std::string Executable::explain(const std::optional<Fault>& reason) const {
  if (!reason) return "no fault";
  const Fault& fault = *reason;
  std::string text = fmt::format("insn {}: {}{} [{}]", fault.pc, kKinds[static_cast<std::size_t>(fault.kind)].words,
                                 details_of(fault), name_of(fault.kind));
  if (fault.program == nullptr) return text;
  if (fault.program != program().data()) text = fmt::format("program {}, {}", fault.program->name, text);
  const std::string source = fault.program->source_at(fault.pc);
  if (!source.empty()) text += fmt::format("\n  at {}", source);
  if (fault.proven_otherwise) text += "\n  the verifier had accepted this program: a bug of skep, please report it";
  return text;
}

}  // namespace skep
