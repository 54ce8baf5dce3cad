// The steps of a path as notes: what each did to the value that a finding is about.
#include "verifier/diagnose/explain.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "abi/helper.hpp"
#include "verifier/diagnose/describe.hpp"
#include "verifier/diagnose/slice.hpp"
#include "verifier/diagnose/snapshots.hpp"
#include "verifier/diagnose/subject.hpp"
#include "verifier/diagnose/suggest.hpp"
#include "verifier/diagnose/trace.hpp"

namespace skep::verifier {
namespace {

/// A finding with what leads there, values not yet looked at.
struct Lead {
  Finding finding;
  Subject subject;
  std::vector<Clue> clues;
  std::uint32_t serial = 0;  ///< of the step to blame; 0: none
};

const isa::FormInfo& info_of(const Insn& insn) { return isa::info(static_cast<isa::Form>(isa::find_form(insn))); }

class Teller {
 public:
  Teller(const Input& input, const Snapshots& snapshots, const Lead& lead)
      : input_(input), snapshots_(snapshots), lead_(lead) {}

  Explanation run() {
    Explanation explanation;
    explanation.finding = lead_.finding;
    for (const Clue& clue : lead_.clues) add(explanation.path, clue.pc, note(clue));
    const State* state = lead_.serial == 0 ? nullptr : snapshots_.find(lead_.serial);
    if (state != nullptr) add(explanation.path, lead_.finding.pc, last_note(*state));
    explanation.suggestion = suggest({input_, lead_.finding, state, told_});
    return explanation;
  }

 private:
  static void add(std::vector<PathStep>& path, std::uint32_t pc, std::string note) {
    if (note.empty()) return;
    const bool again = !path.empty() && path.back().pc == pc;
    if (again && path.back().note == note) return;
    if (again) {
      path.back().note += "; " + note;
    } else {
      path.push_back({pc, std::move(note)});
    }
  }

  [[nodiscard]] std::string value(Spot spot, const State* state) const {
    return state == nullptr ? "" : fmt::format("{} = {}", name_of(spot), describe(spot, *state, input_));
  }

  [[nodiscard]] std::string callee(const Clue& clue) const {
    const Insn& insn = input_.program->insns[clue.pc];
    const isa::FormInfo& info = info_of(insn);
    if (info.operands == isa::Operands::call_pc) {
      const auto start = static_cast<std::uint32_t>(isa::jump_target(insn, info, clue.pc));
      const program::Subprog* function = input_.program->subprog_at(start);
      return function == nullptr || function->name.empty() ? "the function" : function->name;
    }
    const abi::Helper* helper = info.operands == isa::Operands::call_imm && insn.src == 0
                                    ? abi::find_helper(static_cast<std::uint32_t>(insn.imm))
                                    : nullptr;
    return helper == nullptr ? "the call" : fmt::format("bpf_{}", helper->name);
  }

  [[nodiscard]] std::string note(const Clue& clue) {
    const State* before = snapshots_.find(clue.serial);
    const State* after = snapshots_.find(clue.after);
    switch (clue.kind) {
      case Clue::Kind::writes:
        told_.push_back(clue);
        if (info_of(input_.program->insns[clue.pc]).operands == isa::Operands::call_imm)
          return fmt::format("{} returns {}", callee(clue), value(clue.spot, after));
        return value(clue.spot, after);
      case Clue::Kind::passes:
        told_.push_back(clue);
        if (clue.spot.number == 0) return fmt::format("comes back with {}", value(clue.spot, after));
        return fmt::format("goes into {} as {}", callee(clue), value(clue.spot, after));
      case Clue::Kind::takes:
        told_.push_back(clue);
        return fmt::format("{} leaves {} without a value", callee(clue), name_of(clue.spot));
      case Clue::Kind::may_learn:
        return learnt(clue, before, after);
      case Clue::Kind::acquires:
        told_.push_back(clue);
        return fmt::format("{} returns {}, to be given back", callee(clue), value(clue.spot, after));
      case Clue::Kind::chooses:
        return fmt::format("{}: {}", turn(clue), value(clue.spot, after));
      case Clue::Kind::repeats:
        return round(clue, before);
    }
    return {};
  }

  /// Nothing, unless the step changed what is known.
  [[nodiscard]] std::string learnt(const Clue& clue, const State* before, const State* after) {
    if (before == nullptr || after == nullptr) return {};
    const std::string was = describe(clue.spot, *before, input_), is = describe(clue.spot, *after, input_);
    if (was == is) return {};
    told_.push_back(clue);
    if (info_of(input_.program->insns[clue.pc]).operands == isa::Operands::call_imm)
      return fmt::format("{} changes {}", callee(clue), value(clue.spot, after));
    return fmt::format("{}: {}", turn(clue), value(clue.spot, after));
  }

  [[nodiscard]] std::string turn(const Clue& clue) const {
    const Insn& insn = input_.program->insns[clue.pc];
    const bool taken = clue.to == isa::jump_target(insn, info_of(insn), clue.pc);
    return taken ? "jumps" : "does not jump";
  }

  [[nodiscard]] std::string round(const Clue& clue, const State* now) const {
    if (now == nullptr) return {};
    const State* earlier = clue.before == 0 ? nullptr : snapshots_.find(clue.before);
    std::string text = turn(clue) + " again with " + value(clue.spot, now);
    if (earlier == nullptr) return text;
    const std::string was = describe(clue.spot, *earlier, input_), is = describe(clue.spot, *now, input_);
    return text + (was == is ? ", as in the round before" : ", in the round before " + was);
  }

  [[nodiscard]] std::string last_note(const State& state) const {
    if (lead_.subject.acquired_at) return "still held here";
    std::string text;
    for (const Spot& spot : lead_.subject.spots) text += (text.empty() ? "" : ", ") + value(spot, &state);
    return text;
  }

  const Input& input_;
  const Snapshots& snapshots_;
  const Lead& lead_;
  std::vector<Clue> told_;  ///< the clues that turned out to matter
};

/// Where the thing a finding is about begins; nothing for findings of which two about one thing are two mistakes.
std::optional<std::uint32_t> origin_of(const Lead& lead) {
  constexpr Code kOncePerOrigin[] = {Code::access_or_null,
                                     Code::argument_or_null,
                                     Code::pointer_arithmetic_or_null,
                                     Code::packet_out_of_bounds,
                                     Code::register_uninitialized,
                                     Code::reference_leak,
                                     Code::access_through_non_pointer};
  if (std::find(std::begin(kOncePerOrigin), std::end(kOncePerOrigin), lead.finding.code) == std::end(kOncePerOrigin))
    return {};
  const auto first = std::find_if(lead.clues.begin(), lead.clues.end(), [](const Clue& clue) { return clue.first; });
  if (first == lead.clues.end()) return {};
  return first->pc;
}

bool follows_from(const Lead& lead, std::span<const Lead> before) {
  const auto origin = origin_of(lead);
  if (!origin) return false;
  return std::any_of(before.begin(), before.end(), [&](const Lead& other) {
    return other.finding.code == lead.finding.code && origin_of(other) == origin;
  });
}

}  // namespace

Explained explain(const Input& input, std::uint32_t max_findings) {
  std::vector<Lead> leads;
  Trace trace([&](const Walk& walk, const Finding& finding, std::span<const Mark> path) {
    const unsigned depth = path.empty() ? 0 : path.back().depth;
    Lead lead{finding, subject_of(walk, finding, depth), {}, 0};
    lead.clues = slice(*input.program, path, lead.subject, walk.state.pc);
    if (!path.empty() && path.back().pc == finding.pc) lead.serial = path.back().serial;
    leads.push_back(std::move(lead));
  });
  Input watched = input;
  watched.options.max_findings = std::max(max_findings, 1u);
  watched.observer = &trace;
  Explained result;
  result.report = verify(watched);

  Snapshots snapshots;
  for (const Lead& lead : leads) {
    snapshots.want(lead.serial);
    for (const Clue& clue : lead.clues)
      for (const std::uint32_t serial : {clue.serial, clue.after, clue.before}) snapshots.want(serial);
  }
  watched.observer = &snapshots;
  if (!leads.empty()) (void)verify(watched);

  // Findings that no path leads to (the program's shape, the depth of its stack) have no lead.
  std::vector<Finding> kept;
  std::vector<Lead> told;
  for (const Finding& finding : result.report.findings) {
    const auto lead = std::find_if(leads.begin(), leads.end(), [&](const Lead& other) {
      return other.finding.code == finding.code && other.finding.pc == finding.pc;
    });
    if (lead == leads.end()) {
      result.findings.push_back({finding, suggest({input, finding}), {}});
    } else if (follows_from(*lead, told)) {
      continue;
    } else {
      result.findings.push_back(Teller(input, snapshots, *lead).run());
      told.push_back(*lead);
    }
    kept.push_back(finding);
  }
  result.report.findings = std::move(kept);
  return result;
}

}  // namespace skep::verifier
