// Generated programs, each on several inputs, in the running kernel and in every way of running them here: registers,
// stack and result must be the same to the last bit.
//
// SKEP_DIFFERENTIAL_PROGRAMS and SKEP_DIFFERENTIAL_SEED in the environment ask for more, or for others.
#include <doctest/doctest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "differential/generator.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"
#include "support/environment.hpp"
#include "support/kernel_map.hpp"
#include "support/roads.hpp"

using namespace skep;
using namespace skep::differential;

namespace {

using Words = std::array<std::uint64_t, kValueWords>;

constexpr std::size_t kInputs = 4;
constexpr std::uint32_t kKey = 0;

MapSpec words_spec() {
  return {.name = "words", .type = MapType::array, .key_size = 4, .value_size = sizeof(Words), .max_entries = 1};
}

struct State {
  std::uint32_t result = 0;  ///< r0 as an XDP verdict, 32 bits
  Words words{};
  friend bool operator==(const State&, const State&) = default;
};

class InKernel {
 public:
  InKernel() : map_(words_spec()) { REQUIRE(map_.error() == 0); }

  /// False when the kernel refuses the program.
  bool load(std::vector<Insn> insns) {
    for (std::size_t pc = 0; pc < insns.size(); ++pc) {
      if (insns[pc].opcode != 0x18) continue;
      if (insns[pc].src == 2) insns[pc].imm = map_.fd();
      ++pc;
    }
    program_ = kernel::load(ProgType::xdp, insns);
    return program_.ok();
  }
  State run(const Words& input) {
    write(input);
    const std::array<std::byte, 64> frame{};
    const auto run = kernel::run_xdp(program_, frame);
    REQUIRE(run.sys == 0);
    State state{run.value, {}};
    REQUIRE(map_.lookup(key(), reinterpret_cast<std::byte*>(state.words.data())) == 0);
    return state;
  }

 private:
  static const std::byte* key() { return reinterpret_cast<const std::byte*>(&kKey); }
  void write(const Words& input) {
    REQUIRE(map_.update(key(), reinterpret_cast<const std::byte*>(input.data()), 0) == 0);
  }

  kernel::KernelMap map_;
  kernel::Descriptor program_;
};

struct Way {
  const char* name;
  Executable executable;
  bool counts;  ///< within a budget it is this code that runs
};

class InSkep {
 public:
  InSkep() : map_(Map::create(words_spec())), packet_(std::array<std::byte, 64>{}) { REQUIRE(map_); }

  std::vector<Way> build(const std::vector<Insn>& insns) const {
    const auto program = Program::from_insns(insns, ProgType::xdp, std::span(&*map_, 1));
    REQUIRE_MESSAGE(program, program.error().message());
    std::vector<Way> ways;
    const auto add = [&](const char* name, const Result<Executable>& executable, bool counts) {
      REQUIRE_MESSAGE(executable, std::string(name), ": ", executable.error().message());
      ways.push_back({name, *executable, counts});
    };
    for (const test::Road& road : test::roads()) {
      const bool jit = road.engine == Engine::jit;
      add(road.name, test::build_on(road, *program), !jit || !road.verified);
      if (road.verified) continue;
      add(jit ? "jit, unguarded" : "interpreter, unguarded",
          Executable::build(*program, {.mode = Mode::unguarded, .engine = road.engine}), !jit);
    }
    return ways;
  }
  State run(const Executable& executable, const Words& input, std::uint64_t budget) {
    REQUIRE(map_->update(kKey, input));
    const RunResult result = executable.run(packet_, {.budget = budget});
    REQUIRE_MESSAGE(result.ok(), executable.explain(result.fault));
    return {static_cast<std::uint32_t>(result.value), *map_->lookup<Words>(kKey)};
  }

 private:
  Result<Map> map_;
  XdpPacket packet_;
};

std::string listing(const std::vector<Insn>& insns) {
  std::string text;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc)
    text += std::to_string(pc) + ": " + isa::disassemble(insns, pc) + "\n";
  return text;
}

/// What differs, in words; empty when nothing does.
std::string difference(const State& ours, const State& theirs) {
  std::string text;
  if (ours.result != theirs.result) text = "the result; ";
  for (unsigned i = 0; i < kValueWords; ++i) {
    if (ours.words[i] == theirs.words[i]) continue;
    text += i < kRegisters ? "r" + std::to_string(i) : "[r10-" + std::to_string(8 * (i - kRegisters + 1)) + "]";
    text += ": " + std::to_string(ours.words[i]) + " here, " + std::to_string(theirs.words[i]) + " in the kernel; ";
  }
  return text;
}

}  // namespace

TEST_CASE("the generator draws every instruction on registers and stack that the table has") {
  std::set<isa::Form> drawn;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const std::vector<Insn> insns = generate(seed);
    REQUIRE(isa::check(insns));
    for (const Insn& insn : insns)
      if (const unsigned form = isa::find_form(insn); form != isa::kFormCount) drawn.insert(isa::Form(form));
  }
  for (const isa::FormInfo& row : isa::forms()) {
    // What needs more than registers and a stack, and may_goto, whose limit is a time in Linux.
    using enum isa::Operation;
    static const std::set elsewhere{call_,         addr_space_cast_,    lddw_map_, lddw_var_, lddw_func_,
                                    lddw_map_idx_, lddw_map_idx_value_, may_goto_, ld_abs_,   ld_ind_};
    CAPTURE(isa::name(row.form));
    if (row.form == isa::Form::call_subprog || !elsewhere.contains(row.operation)) CHECK(drawn.contains(row.form));
  }
}

TEST_CASE("generated programs leave the same registers and stack here, in every mode, as in the running kernel") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  const std::uint64_t programs = test::number_from_environment("SKEP_DIFFERENTIAL_PROGRAMS", 2000);
  const std::uint64_t first_seed = test::number_from_environment("SKEP_DIFFERENTIAL_SEED", 1);
  InKernel kernel;
  InSkep skep;
  std::uint64_t refused = 0, different = 0, compared = 0;
  struct Tally {
    std::size_t same = 0, different = 0;
  };
  std::map<std::string, Tally> tallies;
  for (std::uint64_t seed = first_seed; seed < first_seed + programs; ++seed) {
    const std::vector<Insn> insns = generate(seed);
    if (!kernel.load(insns)) {
      if (refused++ == 0) MESSAGE("the kernel refuses the program of seed ", seed, "\n", listing(insns));
      continue;
    }
    const std::vector<Way> ways = skep.build(insns);
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < kInputs; ++i) {
      Words input;
      for (auto& word : input) word = interesting(random());
      const State theirs = kernel.run(input);
      constexpr std::uint64_t kPlenty = 1'000'000;
      for (const Way& way : ways)
        for (const std::uint64_t budget : {RunOptions::kNoBudget, kPlenty}) {
          if (budget != RunOptions::kNoBudget && !way.counts) continue;
          const State ours = skep.run(way.executable, input, budget);
          ++compared;
          Tally& tally = tallies[way.name];
          ++(ours == theirs ? tally.same : tally.different);
          if (ours != theirs && different++ < 3)
            MESSAGE("seed ", seed, ", input ", i, ", ", std::string(way.name), ": ", difference(ours, theirs), "\n",
                    listing(insns));
        }
    }
  }
  MESSAGE("differential: ", programs, " programs from seed ", first_seed, ", ", kInputs, " inputs each: ", compared,
          " runs compared, ", different, " different, ", refused, " refused by the kernel");
  for (const auto& [way, tally] : tallies)
    test::print_tally("kernel differential", way.c_str(), tally.same, tally.different);
  CHECK(different == 0);
  CHECK(refused == 0);
}
