// The pipeline: shape, then every path of the program, then every global function it calls, then the depth of its
// stack.
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "abi/prog_types.hpp"
#include "isa/table.hpp"
#include "verifier/cfg/stack_depth.hpp"
#include "verifier/facts.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

State entry_state(Pools& pools, std::uint32_t function, std::uint32_t pc) {
  State state;
  state.references = References({&pools.reference_bytes});
  Frame frame;
  frame.subprog = function;
  frame.regs[isa::kFramePointer] = Register::pointer(RegKind::stack);
  state.frames.push_back(Cow<Frame>(pools.frames, frame));
  state.pc = pc;
  return state;
}

State program_entry(Pools& pools) {
  State state = entry_state(pools, 0, 0);
  state.change_reg(1) = Register::pointer(RegKind::ctx);
  return state;
}

/// A global function may be called with anything its signature allows.
State function_entry(Walk& walk, std::uint32_t function, const Prototype& prototype) {
  State state = entry_state(*walk.pools, function, walk.graph.functions()[function].start);
  for (unsigned i = 0; i < prototype.parameters.size(); ++i) {
    const Parameter& parameter = prototype.parameters[i];
    Register& reg = state.change_reg(i + 1);
    switch (parameter.kind) {
      case Parameter::Kind::none:
        break;
      case Parameter::Kind::number:
        reg = Register::unknown();
        break;
      case Parameter::Kind::ctx:
        reg = Register::pointer(RegKind::ctx);
        break;
      case Parameter::Kind::memory:
        reg = Register::pointer(RegKind::memory, 0, parameter.or_null ? reg_flag::maybe_null : std::uint16_t{0});
        reg.size = parameter.bytes;
        if (parameter.or_null) reg.id = walk.new_id();
        break;
      case Parameter::Kind::object:
        reg = Register::pointer(RegKind::btf_object, parameter.type, reg_flag::trusted);
        if (parameter.or_null) {
          reg.flags |= reg_flag::maybe_null;
          reg.id = walk.new_id();
        }
        break;
      case Parameter::Kind::refused:
      case Parameter::Kind::unsupported:
        break;
    }
  }
  return state;
}

/// A global function's signature is one that can be verified.
Objection check_signature(const Prototype& prototype, std::uint32_t start) {
  if (!prototype.returns_number) return Finding{Code::function_no_number, start, {}, {}};
  for (unsigned i = 0; i < prototype.parameters.size(); ++i) {
    const Parameter::Kind kind = prototype.parameters[i].kind;
    if (kind == Parameter::Kind::refused) return Finding{Code::function_parameter, start, {i + 1}, {}};
    if (kind == Parameter::Kind::unsupported) return Finding{Code::unsupported_function_argument, start, {i + 1}, {}};
  }
  return {};
}

constexpr std::int64_t kMaxInsnsUnprivileged = 4096;

bool may_load(const Privileges& have, abi::LoadNeeds needs) {
  switch (needs) {
    case abi::LoadNeeds::nothing:
      return true;
    case abi::LoadNeeds::bpf:
      return have.bpf;
    case abi::LoadNeeds::net_admin:
      return have.bpf && have.net_admin;
    case abi::LoadNeeds::perfmon:
      return have.bpf && have.perfmon;
    case abi::LoadNeeds::net_admin_and_perfmon:
      return have.bpf && have.net_admin && have.perfmon;
  }
  return false;
}

class Verification {
 public:
  explicit Verification(const Input& input)
      : input_(input), findings_(input.options.max_findings, input.options.insns_after_finding) {}

  Report run() {
    if (auto bad = check_shape()) {
      report_.findings.push_back(*bad);
    } else {
      if (input_.options.facts) facts_.emplace(input_.program->insns.size());
      walk_all();
      report_.findings = findings_.take();
      if (facts_ && report_.accepted()) report_.facts = finish_facts();
    }
    return std::move(report_);
  }

 private:
  /// What can be said before any path is walked.
  Objection check_shape() {
    const program::Program& program = *input_.program;
    const abi::ProgTypeSpec* spec = abi::find_prog_type(program.type);
    const bool known = spec != nullptr && spec->context != abi::ContextForm::none &&
                       spec->context != abi::ContextForm::target && program.type != ProgType::struct_ops;
    if (!known) return Finding{Code::unsupported_context, 0, {}, skep::name_of(program.type)};
    const Privileges& privileges = input_.options.privileges;
    if (!may_load(privileges, spec->needs)) return Finding{Code::type_unprivileged, 0, {}, skep::name_of(program.type)};
    if (!privileges.bpf && std::ssize(program.insns) > kMaxInsnsUnprivileged)
      return Finding{Code::too_long_unprivileged, 0, {std::ssize(program.insns), kMaxInsnsUnprivileged}, {}};
    if (!program.needs.empty())
      return Finding{Code::unsupported_need, program.needs.front().pc, {}, program.needs.front().name};
    report_.malformed = program.defect;
    if (auto ok = isa::check(program.insns); !ok && program.defect.empty()) report_.malformed = ok.error().message();
    if (!report_.malformed.empty()) return Finding{Code::malformed, 0, {}, {}};
    if (auto bad = graph_.build(program.insns, privileges.bpf)) return bad;
    fastcalls_.build(graph_, program.insns);
    stack_use_.bytes.resize(graph_.functions().size());
    stack_use_.spilled.resize(graph_.functions().size());
    if (graph_.functions().size() > 1 && !privileges.bpf)
      return Finding{Code::functions_unprivileged, graph_.functions()[1].start, {}, {}};
    if (has_exception_callback(input_)) return Finding{Code::unsupported_exceptions, 0, {}, {}};
    for (std::size_t i = 1; i < graph_.functions().size(); ++i) {
      const Function& function = graph_.functions()[i];
      if (!function.has_packet_load && !function.has_tail_call) continue;
      if (!returns_number(input_, function.start).value_or(false))
        return Finding{Code::function_ends_early, function.start, {}, {}};
    }
    if (auto bad = find_target(input_, target_)) return bad;
    for (const MapInfo& map : input_.maps) kernel_fields_.push_back(kernel_fields(input_, *map.spec));
    for (const Function& function : graph_.functions())
      prototypes_.push_back(function.start == 0 ? std::nullopt : global_prototype(input_, function.start));
    return {};
  }

  void walk_all() {
    called_.resize(prototypes_.size());
    walk_from(std::nullopt);
    // Global functions that no path calls are never looked at.
    std::vector<bool> walked(prototypes_.size());
    for (bool found = true; found;) {
      found = false;
      for (std::uint32_t i = 1; i < prototypes_.size() && !is_over(); ++i) {
        if (!prototypes_[i] || !called_[i] || walked[i]) continue;
        walked[i] = found = true;
        walk_from(i);
      }
    }
    if (is_over()) return;
    const auto depths = fastcalls_.depths(stack_use_);
    if (auto bad = check_stack_depth(graph_, input_.program->insns, depths, report_.stats.stack_bytes))
      findings_.add(*bad, report_.stats.processed);
  }

  [[nodiscard]] bool is_over() const { return findings_.is_over(report_.stats.processed); }

  void walk_from(std::optional<std::uint32_t> function) {
    Walk walk(input_, graph_, prototypes_);
    walk.stats.processed = report_.stats.processed;
    walk.fastcalls = &fastcalls_;
    walk.stack_use = &stack_use_;
    walk.kernel_fields = kernel_fields_;
    walk.called = &called_;
    walk.target = target_ ? &*target_ : nullptr;
    walk.facts = facts_ ? &*facts_ : nullptr;
    if (function) {
      walk.entered = &*prototypes_[*function];
      if (auto bad = check_signature(*walk.entered, graph_.functions()[*function].start))
        return findings_.add(*bad, walk.stats.processed);
    }
    State entry = function ? function_entry(walk, *function, *walk.entered) : program_entry(*walk.pools);
    walk.run(std::move(entry), findings_);
    if (facts_) facts_->end_walk(walk);
    Stats& stats = report_.stats;
    stats.processed = walk.stats.processed;
    stats.total_states += walk.stats.total_states;
    stats.peak_states = std::max(stats.peak_states, walk.stats.peak_states);
    stats.most_states_at_insn = std::max(stats.most_states_at_insn, walk.stats.most_states_at_insn);
    stats.peak_bytes = std::max<std::uint64_t>(stats.peak_bytes, walk.held_bytes());
    stats.longest_queue = std::max(stats.longest_queue, walk.stats.longest_queue);
  }

  std::shared_ptr<const Facts> finish_facts() {
    for (std::size_t i = 0; i < graph_.functions().size(); ++i)
      facts_->function(graph_.functions()[i].start, std::max(stack_use_.bytes[i], stack_use_.spilled[i]));
    return std::make_shared<const Facts>(std::move(*facts_).finish());
  }

  const Input& input_;
  Findings findings_;
  std::optional<FactsRecorder> facts_;
  Graph graph_;
  std::vector<std::optional<Prototype>> prototypes_;
  std::vector<bool> called_;
  Fastcalls fastcalls_;
  StackUse stack_use_;
  std::vector<std::vector<KernelField>> kernel_fields_;
  std::optional<Target> target_;
  Report report_;
};

}  // namespace

Report verify(const Input& input) { return Verification(input).run(); }

}  // namespace skep::verifier
