// What the selftests' programs return: run by skep on every engine, guarded and as the verifier proved them, beside the
// value that the suite expects and the one that the running kernel's test run gave.
//
// XDP programs without an expectation are compared with the kernel's run alone.
//
// As the suite does it: 64 zero bytes for packets, nothing else; maps are made anew for each run. Programs that look at
// a context which skep has not (all but XDP's) are counted as not runnable, by reason.
#include <doctest/doctest.h>

#include <algorithm>
#include <climits>
#include <deque>
#include <map>

#include <fmt/format.h>

#include <skep/skep.hpp>

#include "referee/verdicts/kernel_word.hpp"
#include "referee/verdicts/matrix.hpp"
#include "referee/verdicts/suite.hpp"
#include "support/roads.hpp"
#include "support/tools.hpp"
#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::referee {
namespace {

constexpr std::size_t kDataBytes = 64;
constexpr std::uint64_t kBudget = 200'000'000;

/// The value as the suite spells it; nothing for one that is any pointer.
std::optional<std::uint32_t> expected_value(const std::string& word) {
  if (word == "POINTER_VALUE") return {};
  if (word == "TEST_DATA_LEN") return static_cast<std::uint32_t>(kDataBytes);
  if (word == "INT_MIN") return static_cast<std::uint32_t>(INT_MIN);
  return static_cast<std::uint32_t>(std::strtoll(word.c_str(), nullptr, 0));
}

/// Sees whether any path looks at the context.
class ContextUse final : public verifier::Observer {
 public:
  void step(const verifier::Walk& walk, std::uint32_t pc) override {
    const Insn& insn = walk.input.program->insns[pc];
    const isa::FormInfo& info = isa::info(walk.graph.at(pc).form);
    const auto is_context = [&](unsigned reg) { return walk.state.reg(reg).kind == verifier::RegKind::ctx; };
    switch (info.operands) {
      case isa::Operands::load:
        used |= is_context(insn.src);
        break;
      case isa::Operands::store_imm:
      case isa::Operands::store_src:
      case isa::Operands::atomic:
        used |= is_context(insn.dst);
        break;
      case isa::Operands::call_imm:
        for (unsigned reg = 1; reg <= 5; ++reg) used |= is_context(reg);
        break;
      case isa::Operands::packet_abs:
      case isa::Operands::packet_ind:
        used = true;
        break;
      default:  // what touches no memory
        break;
    }
  }
  bool used = false;
};

/// The suite fills this element of an array before it runs the programs.
void fill_maps(const Object& object) {
  const char* filled = object.name().starts_with("verifier_value_ptr_arith") ? "map_array_48b"
                       : object.name().starts_with("verifier_array_access")  ? "map_array_ro"
                                                                             : nullptr;
  if (filled == nullptr) return;
  std::array<std::uint32_t, 12> value{28};
  value[7] = 0xabcdef12;
  const std::uint32_t key = 0;
  if (const auto map = object.map(filled))
    CHECK(map->update(std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(value))));
}

/// What one run came to: a value, or why there is none.
struct Ran {
  std::optional<std::uint32_t> value;
  std::string why;
  bool fault = false;
};

/// `budget` is for what counts: where machine code does not, the interpreter would run instead.
Ran run(const SuiteObject& suite, const objects::Image& image, const std::string& name, const test::Road& road,
        std::uint64_t budget) {
  const auto failed = [](const Error& error) { return Ran{{}, error.message(), false}; };
  const auto object = Object::load(image, suite.name);
  if (!object) return failed(object.error());
  fill_maps(*object);
  const auto program = object->program(name);
  if (!program) return failed(program.error());
  const auto built = test::build_on(road, *program);
  if (!built) return failed(built.error());
  std::vector<std::byte> zeros(kDataBytes);
  XdpPacket packet(zeros);
  RawContext unread{std::span(zeros)};
  Context& context = program->type() == ProgType::xdp ? static_cast<Context&>(packet) : unread;
  const RunResult result = built->run(context, {.budget = budget});
  if (!result.ok()) return {{}, built->explain(result.fault), true};
  return {static_cast<std::uint32_t>(result.value), {}, false};
}

struct Tally {
  explicit Tally(const test::Road& on)
      : road(on), title(road.verified ? "results" : "results (guarded)"), known(title) {}

  void count(const std::string& object, const std::string& program, const Ran& ran,
             const std::vector<std::optional<std::uint32_t>>& wanted) {
    if (!ran.value && !ran.fault) {
      ++not_runnable;
      ++reasons[ran.why];
      return;
    }
    const bool fits = ran.value && std::all_of(wanted.begin(), wanted.end(),
                                               [&](const auto& value) { return !value || value == ran.value; });
    if (fits) {
      ++same;
      return;
    }
    ++different;
    if (known.find(object, program, Outcome::strict)) return;
    unlisted.push_back(fmt::format("{}\t{}\t{}\t{}", title, object, program,
                                   ran.value ? fmt::format("returns {}", *ran.value) : ran.why));
  }

  void print() const {
    fmt::print("{}:\n", road.name);
    for (const auto& [reason, number] : reasons) fmt::print("{:6} not runnable: {}\n", number, reason);
    for (const std::string& line : unlisted) fmt::print("unlisted\t{}\n", line);
    fmt::print("{}: {} same, {} different, {} not runnable\n", title, same, different, not_runnable);
    std::fflush(stdout);
    test::print_tally("referee results", road.name, same, unlisted.size());
  }

  test::Road road;
  std::string title;
  KnownDifferences known;
  std::size_t same = 0, different = 0, not_runnable = 0;
  std::map<std::string, std::size_t> reasons;
  std::vector<std::string> unlisted;
};

class Runner {
 public:
  Runner(const Suite& suite, const std::optional<KernelWitness>& witness) : suite_(suite), witness_(witness) {
    for (const test::Road& road : test::roads()) tallies.emplace_back(road);
  }

  void run_all(const SuiteObject& object) {
    const auto image = tools::read_file(suite_.folder() / "selftests" / object.name);
    REQUIRE(image);
    KernelWords words;
    if (witness_) words = witness_->about({object.name, *image});
    for (const auto& program : object.spec.programs) {
      const auto found = object.expectations.find(program->name);
      const Expectations expected = found == object.expectations.end() ? Expectations{} : found->second;
      const bool says = expected.privileged.accepted.value_or(false) && expected.privileged.result;
      const auto word = words.find(program->name);
      const auto kernels = word == words.end() ? std::nullopt : word->second.result;
      if (!says && !(program->type == ProgType::xdp && kernels)) continue;
      const bool any_pointer = says && *expected.privileged.result == "POINTER_VALUE";
      const std::vector wanted{says ? expected_value(*expected.privileged.result) : std::nullopt,
                               any_pointer ? std::nullopt : kernels};
      asked_kernel += wanted[1] ? 1 : 0;
      run_one(object, *image, *program, expected, wanted);
    }
  }

  std::deque<Tally> tallies;  // in the order of the roads: a proof is tried within a budget before it is without
  std::size_t asked_kernel = 0;

 private:
  void run_one(const SuiteObject& object, const objects::Image& image, const program::Program& program,
               const Expectations& expectations, const std::vector<std::optional<std::uint32_t>>& wanted) {
    ContextUse context;
    verifier::Input input = object.input(program, expectations, User::privileged);
    input.observer = &context;
    const verifier::Report report = verifier::verify(input);
    std::string why;
    if (!report.accepted()) why = std::string(verifier::name_of(report.findings.front().code));
    if (context.used && program.type != ProgType::xdp)
      why = fmt::format("looks at the context of {}", skep::name_of(program.type));
    Ran proven;
    for (Tally& tally : tallies) {
      const bool counts = !tally.road.verified || tally.road.engine != Engine::jit;
      Ran ran{{}, why, false};
      if (why.empty() && !counts && !proven.value)
        ran = proven;
      else if (why.empty())
        ran = run(object, image, program.name, tally.road, counts ? kBudget : RunOptions::kNoBudget);
      if (tally.road.verified) proven = ran;
      tally.count(object.name, program.name, ran, wanted);
    }
  }

  const Suite& suite_;
  const std::optional<KernelWitness>& witness_;
};

TEST_CASE("selftests return what they expect, and what the running kernel returns") {
  const auto suite = Suite::open();
  if (!suite) return;
  const auto witness = KernelWitness::open();
  Runner runner(*suite, witness);
  suite->for_each([&](const SuiteObject& object) { runner.run_all(object); });
  fmt::print("results: {} of them test-run by the running kernel\n", runner.asked_kernel);
  for (const Tally& tally : runner.tallies) {
    tally.print();
    CHECK(tally.same > 0);
    CHECK(tally.unlisted.empty());
    if (suite->whole()) CHECK(tally.known.unseen().empty());
  }
}

}  // namespace
}  // namespace skep::referee
