// Verdicts on programs that nobody wrote: generated ones, and mutations of them and of Linux' raw tests, judged by skep
// and by the running kernel, which loads them and drops them again.
//
// SKEP_REFEREE_MUTANTS says how many (default 10,000), SKEP_SOUNDNESS_SEED where to start; the same programs every
// time. SKEP_REFEREE_ALL lists every difference, not only the first ones. The kernel wants BTF for callbacks, so that
// programs with such are left out. differences.txt names differences that stay by their seed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "isa/text.hpp"
#include "referee/verdicts/matrix.hpp"
#include "soundness/generator.hpp"
#include "soundness/ground.hpp"
#include "soundness/mutator.hpp"
#include "soundness/raw_tests.hpp"
#include "support/environment.hpp"
#include "support/kernel_map.hpp"
#include "support/kernel_verdict.hpp"
#include "verifier/input.hpp"

namespace skep::referee {
namespace {

using soundness::Generated;

constexpr std::uint8_t kWide = 0x18;
constexpr std::size_t kShown = 40;

/// As soundness::Ground numbers them.
const std::vector<MapSpec>& map_specs() {
  const auto spec = [](const char* name, MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries) {
    return MapSpec{.name = name, .type = type, .key_size = key, .value_size = value, .max_entries = entries};
  };
  static const std::vector<MapSpec> specs{
      spec("array", MapType::array, 4, soundness::kArrayValue, 1),
      spec("small_hash", MapType::hash, 8, 8, 4),
      spec("hash", MapType::hash, 8, 48, 4),
      spec("byte", MapType::array, 4, 1, 1),
      spec("events", MapType::perf_event_array, 4, 4, 1),
      spec("ring", MapType::ringbuf, 0, 0, 4096),
      spec("three", MapType::array, 4, 24, 3),
  };
  return specs;
}

/// Asks both sides.
class Judge {
 public:
  Judge() {
    for (const MapSpec& spec : map_specs()) {
      kernel_maps_.emplace_back(spec);
      infos_.push_back({&spec, {}});
      REQUIRE(kernel_maps_.back().error() == 0);
    }
  }

  void judge(const Generated& generated, std::uint64_t seed) {
    const auto insns = for_kernel(generated.insns);
    if (!insns) return;
    const kernel::ProgramKind kind{generated.type};
    const auto [loads, first] = loads_.try_emplace(generated.type, false);
    if (first) loads->second = referee_.loads(kind);
    if (!loads->second) return;
    const bool accepts = kernel::load(generated.type, *insns).ok();
    program::Program program;
    program.type = generated.type;
    program.license = "GPL";
    program.insns = generated.insns;
    verifier::Input input;
    input.program = &program;
    input.maps = infos_;
    const verifier::Report report = verifier::verify(input);
    const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
    const Outcome outcome = compare(accepts, finding);
    const bool differs = outcome == Outcome::strict || outcome == Outcome::lax;
    const std::string said = differs ? referee_.load(kind, *insns).reason() : std::string();
    matrix.count(outcome, "seed", std::to_string(seed),
                 outcome == Outcome::lax ? said
                 : finding == nullptr    ? ""
                                         : verifier::name_of(finding->code));
    if (!differs) return;
    const std::string ours = finding == nullptr ? report.malformed
                                                : fmt::format("insn {}: {} {}", finding->pc, name_of(finding->code),
                                                              verifier::text_of(*finding) + report.malformed);
    if (shown_++ >= kShown && std::getenv("SKEP_REFEREE_ALL") == nullptr) return;
    fmt::print("{} (seed {}, {}): kernel: {} | skep: {}\n", name_of(outcome), seed, skep::name_of(generated.type), said,
               ours);
    for (std::uint32_t pc = 0; pc < generated.insns.size(); ++pc) {
      const Insn& insn = generated.insns[pc];
      fmt::print("  {:3}: {:02x} {} {} {} {}\n", pc, insn.opcode, unsigned{insn.dst}, unsigned{insn.src}, insn.off,
                 insn.imm);
    }
  }

  Matrix matrix{"verdicts (mutants)"};

 private:
  /// With the kernel's maps; nothing for one that needs BTF: callbacks, kernel functions.
  std::optional<std::vector<Insn>> for_kernel(std::vector<Insn> insns) const {
    for (std::size_t pc = 0; pc < insns.size(); ++pc) {
      Insn& insn = insns[pc];
      constexpr std::uint8_t kCall = 0x85, kKfunc = 2;
      if (insn.opcode == kCall && insn.src == kKfunc) return {};
      if (insn.opcode != kWide) continue;
      constexpr unsigned kMap = 1, kMapValue = 2;
      if (insn.src == kMap || insn.src == kMapValue) {
        if (insn.imm < 0 || static_cast<std::size_t>(insn.imm) >= kernel_maps_.size()) return {};
        insn.imm = kernel_maps_[static_cast<std::size_t>(insn.imm)].fd();
      } else if (insn.src != 0) {
        return {};
      }
      ++pc;
    }
    return insns;
  }

  std::vector<kernel::KernelMap> kernel_maps_;
  std::vector<verifier::MapInfo> infos_;
  kernel::Referee referee_;
  std::map<ProgType, bool> loads_;  ///< those that want an attach type do not
  std::size_t shown_ = 0;
};

TEST_CASE("generated and mutated programs get the verdict that the running kernel gives") {
  if (!kernel::referees()) return;
  const std::uint64_t count = test::number_from_environment("SKEP_REFEREE_MUTANTS", 10'000);
  const std::uint64_t first = test::number_from_environment("SKEP_SOUNDNESS_SEED", 1);
  const std::vector<Generated> raw = soundness::raw_tests();
  if (raw.empty()) MESSAGE("SKIP: ../shared/conformance/verifier/test_verifier.json is not here");
  Judge judge;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Generated program = seed % 2 == 0 && !raw.empty() ? raw[seed / 2 % raw.size()] : soundness::generate(seed);
    if (seed % 4 != 1) soundness::mutate(program.insns, seed);
    judge.judge(program, seed);
  }
  judge.matrix.print();
  CHECK(judge.matrix[Outcome::same] > 0);
  CHECK(judge.matrix.same_share() >= 99);
  CHECK(judge.matrix[Outcome::lax] == 0);
  CHECK(judge.matrix.unexplained.empty());
}

}  // namespace
}  // namespace skep::referee
