#include "soundness/ground.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "differential/generator.hpp"
#include "isa/text.hpp"
#include "maps/map_storage.hpp"
#include "maps/ringbuf.hpp"
#include "program/program.hpp"
#include "soundness/divisors.hpp"
#include "soundness/oracle.hpp"
#include "soundness/regions.hpp"
#include "soundness/settled.hpp"
#include "support/still_host.hpp"

namespace skep::soundness {
namespace {

/// More than any run of an accepted program takes: without callbacks each run follows what was walked.
constexpr std::uint32_t kMostProcessed = 100'000;
/// Where a state is kept at every jump an instruction costs ten times as much: most of it is comparing.
constexpr std::uint32_t kMostProcessedOften = 25'000;
/// Steps of the verifier, and instructions of a run, that are kept to be followed.
constexpr std::size_t kMostSteps = 10'000, kMostFollowed = 2'000;

std::string text_of_program(std::span<const Insn> insns) {
  std::string text;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc)
    text += fmt::format("{:4}: {:02x} {:x}{:x} {:6} {:11}  {}\n", pc, insns[pc].opcode, unsigned{insns[pc].dst},
                        unsigned{insns[pc].src}, insns[pc].off, insns[pc].imm,
                        isa::disassemble(insns, pc, isa::Style::llvm));
  return text;
}

/// Callbacks and may_goto run more often than they are walked.
bool loops_out_of_sight(std::span<const Insn> insns) {
  constexpr std::uint8_t kMayGoto = 0xe5, kWide = 0x18, kFunction = 4;
  return std::ranges::any_of(insns, [](const Insn& insn) {
    return insn.opcode == kMayGoto || (insn.opcode == kWide && insn.src == kFunction);
  });
}

}  // namespace

std::string Tally::text() const {
  return fmt::format(
      "{} programs: {} accepted ({} run, {} of them followed over {} instructions, {} with the same result without "
      "guards), {} refused, {} not judged yet, {} violations",
      all(), accepted(), clean + violated, followed, instructions, compared, refused, unsupported, violated);
}

Ground::Ground() {
  struct Shape {
    const char* name;
    MapType type;
    std::uint32_t key_size, value_size, max_entries;
  };
  static constexpr Shape kShapes[] = {
      {"array", MapType::array, 4, kArrayValue, 1},
      {"small_hash", MapType::hash, 8, 8, 4},
      {"hash", MapType::hash, 8, 48, 4},
      {"byte", MapType::array, 4, 1, 1},
      {"events", MapType::perf_event_array, 4, 4, 1},
      {"ring", MapType::ringbuf, 0, 0, 4096},
      {"three", MapType::array, 4, 24, 3},
  };
  for (const Shape& shape : kShapes) {
    const auto map = Map::create({.name = shape.name,
                                  .type = shape.type,
                                  .key_size = shape.key_size,
                                  .value_size = shape.value_size,
                                  .max_entries = shape.max_entries},
                                 2);
    if (!map) std::abort();
    maps_.push_back(*map);
  }
  for (const Map& map : maps_) {
    infos_.push_back({&map.spec(), {}});
    storages_.push_back(map.storage().get());
    shared_storages_.push_back(map.storage());
  }
}

verifier::Report Ground::judge(const program::Program& program, bool perfmon, bool often,
                               verifier::Observer* observer) const {
  verifier::Input input;
  input.observer = observer;
  input.program = &program;
  input.maps = infos_;
  input.options.privileges.perfmon = perfmon;
  input.options.limits.insns = often ? kMostProcessedOften : kMostProcessed;
  input.options.check_often = often;
  input.options.facts = true;
  return verifier::verify(input);
}

bool Ground::accepts(ProgType type, std::span<const Insn> insns) const {
  const auto program = Program::from_insns(insns, type, maps_, "GPL");
  return program && judge(*program->data(), true, false).accepted();
}

Outcome Ground::try_program(ProgType type, std::span<const Insn> insns, std::uint64_t seed, unsigned inputs) {
  const auto program = Program::from_insns(insns, type, maps_, "GPL");
  if (!program) {
    ++tally_.refused;
    return Outcome::refused;
  }
  const verifier::Report report = judge(*program->data(), true, seed % 2 == 0);
  if (!report.accepted()) {
    const bool later = is_unsupported(report.findings.front().code);
    ++(later ? tally_.unsupported : tally_.refused);
    return later ? Outcome::unsupported : Outcome::refused;
  }
  const Outcome outcome = run(*program, seed, inputs);
  ++(outcome == Outcome::not_run ? tally_.not_run : outcome == Outcome::clean ? tally_.clean : tally_.violated);
  if (outcome == Outcome::violated) complaint_ += text_of_program(insns);
  return outcome;
}

Outcome Ground::run(const Program& program, std::uint64_t seed, unsigned inputs) {
  if (context_kind(program.type()) == ContextKind::none) return Outcome::not_run;
  const Verdict verdict = verify(program, {.max_processed = kMostProcessed});
  if (!verdict.ok()) return Outcome::not_run;
  const auto enforced = Executable::build(*verdict.verified(), {.mode = Mode::enforced, .host = inputs_.host()});
  const auto verified = Executable::build(*verdict.verified(), {.host = inputs_.host()});
  if (!enforced || !verified) return Outcome::not_run;
  const bool alike = !test::sees_records(program.insns()) && judge(*program.data(), false, true).accepted();
  const bool may_take_long = loops_out_of_sight(program.insns());
  tally_.compared += alike ? 1 : 0;
  // What the verifier explored for an ordinary user stands beside it: mispredicted paths and all.
  History history(kMostSteps), of_user(alike ? kMostSteps : 0);
  const verifier::Report report = judge(*program.data(), true, seed % 2 == 0, &history);
  if (!report.accepted()) return Outcome::not_run;
  const lower::SettledProgram settled = lower::settle(*program.data(), *report.facts, shared_storages_);
  const verifier::Report user_report = alike ? judge(*program.data(), false, true, &of_user) : verifier::Report{};
  if (alike && !user_report.accepted()) return Outcome::violated;
  tally_.followed += history.complete() ? 1 : 0;
  for (unsigned i = 0; i < inputs; ++i) {
    const RunResult guarded = run_once(*enforced, seed + i);
    if (guarded.fault_kind() == FaultKind::budget && may_take_long) return Outcome::clean;
    if (!guarded.ok()) {
      complaint_ = fmt::format("seed {} input {}: {}\n", seed, i, enforced->explain(guarded.fault));
      return Outcome::violated;
    }
    const RunResult free = run_once(*verified, seed + i);
    if (!free.ok()) {
      complaint_ = fmt::format("seed {} input {}: only without guards: {}\n", seed, i, verified->explain(free.fault));
      return Outcome::violated;
    }
    std::string wrong = history.complete() ? follow(history, *report.facts, &settled, program, seed + i) : "";
    if (wrong.empty() && alike && of_user.complete() && i == 0)
      wrong = follow(of_user, *user_report.facts, nullptr, program, seed + i);
    if (!wrong.empty()) {
      complaint_ = fmt::format("seed {} input {}: outside what was explored: {}\n", seed, i, wrong);
      return Outcome::violated;
    }
    // What is settled before the run is not run, nor counted.
    if (!alike || (free.value == guarded.value && free.insns <= guarded.insns)) continue;
    complaint_ =
        fmt::format("seed {} input {}: r0 is {:#x} after {} instructions with guards, {:#x} after {} without\n", seed,
                    i, guarded.value, guarded.insns, free.value, free.insns);
    return Outcome::violated;
  }
  return Outcome::clean;
}

RunResult Ground::run_once(const Executable& executable, std::uint64_t seed) {
  RunResult result;
  inputs_.with_context(executable.program().type(), maps_, seed,
                       [&](Context& context) { result = executable.run(context, {.budget = kMostProcessed}); });
  return result;
}

std::string Ground::follow(const History& history, const verifier::Facts& facts, const lower::SettledProgram* settled,
                           const Program& program, std::uint64_t seed) {
  std::string wrong;
  inputs_.with_context(program.type(), maps_, seed, [&](Context& context) {
    const Surroundings around{*program.data(), storages_, context, *inputs_.host()};
    const Trace trace = Machine(around).run(kMostFollowed);
    tally_.instructions += trace.moments.size();
    wrong = find_violation(history, trace, around);
    if (wrong.empty()) wrong = find_outside_region(trace, facts, around);
    if (wrong.empty()) wrong = find_zero_divisor(trace, *program.data(), facts);
    if (wrong.empty() && settled != nullptr) wrong = find_unsettled(trace, *settled, around);
  });
  return wrong;
}

}  // namespace skep::soundness
