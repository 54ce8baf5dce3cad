// The verifier's findings as applications see them.
#include <skep/verify.hpp>

#include <fmt/format.h>

#include "abi/helper.hpp"
#include "abi/prog_types.hpp"
#include "api/judge.hpp"
#include "api/target_types.hpp"
#include "maps/map_storage.hpp"
#include "verifier/input.hpp"

namespace skep {
namespace {

/// Values that nobody can change any more: of maps that programs may only read and the application has frozen.
std::vector<std::vector<std::byte>> frozen_values(std::span<const Map> maps) {
  std::vector<std::vector<std::byte>> values(maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const MapSpec& spec = maps[i].spec();
    const bool constant = spec.type == MapType::array && spec.max_entries == 1 &&
                          (spec.flags & map_flag::rdonly_prog) != 0 && maps[i].storage()->frozen();
    if (!constant) continue;
    const std::uint32_t first = 0;
    if (auto value = maps[i].lookup(std::as_bytes(std::span(&first, 1)))) values[i] = std::move(*value);
  }
  return values;
}

/// Programs whose arguments, or whose helpers, are typed by the kernel's BTF.
bool needs_kernel_types(const program::Program& program) {
  const abi::ProgTypeSpec* spec = abi::find_prog_type(program.type);
  if (spec != nullptr && spec->context == abi::ContextForm::btf_arguments) return true;
  if (program.type == ProgType::netfilter) return true;
  constexpr std::uint8_t kCall = 0x85;
  for (const Insn& insn : program.insns) {
    const abi::Helper* helper =
        insn.opcode == kCall && insn.src == 0 ? abi::find_helper(static_cast<std::uint32_t>(insn.imm)) : nullptr;
    if (helper == nullptr) continue;
    if (helper->ret_type != abi::KernelType::none) return true;
    for (const abi::ArgSpec& arg : helper->args)
      if (arg.type != abi::KernelType::none) return true;
  }
  return false;
}

/// Null where there are none: what needs them is then not judged.
TypesPtr kernel_types(const ObjectData& object) {
  const std::lock_guard lock(object.types_mutex);
  if (object.types_asked || object.target_btf.empty()) return object.target_types;
  object.types_asked = true;
  TypesPtr base;
  if (!object.target_btf_base.empty()) {
    auto loaded = load_types(object.target_btf_base, nullptr);
    if (!loaded) return nullptr;
    base = std::move(*loaded);
  }
  if (auto loaded = load_types(object.target_btf, base)) object.target_types = std::move(*loaded);
  return object.target_types;
}

Problem problem_of(const verifier::Finding& finding, const verifier::Report& report, const Program& program) {
  Problem problem;
  problem.code = verifier::name_of(finding.code);
  problem.pc = finding.pc;
  problem.message = finding.code == verifier::Code::malformed ? report.malformed : verifier::text_of(finding);
  problem.source = program.source_at(finding.pc);
  problem.suggestion = verifier::suggestion_of(finding.code);
  problem.unsupported = verifier::is_unsupported(finding.code);
  return problem;
}

}  // namespace

std::string Verdict::explain() const {
  std::string text;
  for (const Problem& problem : problems_) {
    text += fmt::format("insn {}: {}\n", problem.pc, problem.message);
    if (!problem.source.empty()) text += fmt::format("  {}\n", problem.source);
    if (!problem.suggestion.empty()) text += fmt::format("  hint: {}\n", problem.suggestion);
  }
  return text;
}

verifier::Report judge(const ObjectData& object, const program::Program& program, const VerifyOptions& options) {
  const auto values = frozen_values(object.maps);
  std::vector<verifier::MapInfo> infos;
  for (std::size_t i = 0; i < object.maps.size(); ++i) infos.push_back({&object.maps[i].spec(), values[i]});

  verifier::Input input;
  input.program = &program;
  input.maps = infos;
  input.object_types = object.spec.btf.get();
  const TypesPtr types = needs_kernel_types(program) ? kernel_types(object) : nullptr;
  input.kernel_types = types.get();
  input.options.privileges.bpf = options.bpf;
  input.options.privileges.perfmon = options.perfmon;
  input.options.strict_alignment = options.strict_alignment;
  input.options.limits.insns = options.max_processed;
  input.options.facts = true;
  return verifier::verify(input);
}

Result<VerifiedProgram> Verdict::verified() const {
  if (ok()) return proof_;
  const Problem& first = problems_.front();
  return fail(ErrorCode::refused, "program " + program().name(), fmt::format("insn {}: {}", first.pc, first.message));
}

Verdict verify(const Program& program, const VerifyOptions& options) {
  verifier::Report report = judge(*program.owner(), *program.data(), options);
  std::vector<Problem> problems;
  for (const verifier::Finding& finding : report.findings) problems.push_back(problem_of(finding, report, program));
  const verifier::Stats& stats = report.stats;
  return Verdict(std::move(problems),
                 {stats.processed, stats.total_states, stats.peak_states, stats.longest_queue, stats.stack_bytes},
                 VerifiedProgram(program, std::move(report.facts), options));
}

}  // namespace skep
