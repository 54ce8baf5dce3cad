// Sequences against the ops they stand for, one by one, and runs that use them against runs that count.
#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <random>
#include <vector>

#include <skep/skep.hpp>

#include "differential/generator.hpp"
#include "lower/shape.hpp"
#include "vm/fuse.hpp"
#include "vm/ready.hpp"
#include "vm/step.hpp"

using namespace skep;
using vm::Code;
using vm::Op;
using vm::Registers;

namespace {

using Random = std::mt19937_64;
using Action = bool (*)(const Op*& op, Registers& r, std::uint64_t& last);

template <Code kCode>
constexpr Action action_of() {
  if constexpr (vm::is_plain(kCode))
    return [](const Op*& op, Registers& r, std::uint64_t& last) { return vm::step<kCode>(op, r, last); };
  else
    return nullptr;
}

/// What each plain code does; null for the others.
constexpr Action kSteps[] = {
#define SKEP_CODE(code) action_of<Code::code>(),
#include "vm/codes.inc"
};

/// What each row does.
const std::vector<Action> kSequences = [] {
  using enum Code;
  return std::vector<Action>{
#define SKEP_SEQUENCE(...) \
  [](const Op*& op, Registers& r, std::uint64_t& last) { return vm::sequence<__VA_ARGS__>(op, r, last); },
#include "vm/sequences.inc"
  };
}();

constexpr std::size_t kMemoryBytes = 256;
using Memory = std::array<std::byte, kMemoryBytes>;

/// Registers, memory and where control is: what a sequence may change.
struct State {
  Registers r{};
  std::uint64_t last = 0;
  std::ptrdiff_t at = 0;
  bool jumped = false;
  Memory memory{};

  friend bool operator==(const State&, const State&) = default;
};

Code sequence_code(std::size_t row) { return static_cast<Code>(lower::kCodeCount + row); }

std::uint64_t middle_of(const Memory& memory) {
  return reinterpret_cast<std::uint64_t>(memory.data()) + kMemoryBytes / 2;
}

/// Ops of these codes whose operands keep what the codes promise: what is ready is what was set last.
std::vector<Op> draw_ops(std::span<const Code> codes, const Memory& memory, Random& random) {
  std::vector<Op> ops;
  std::uint8_t set = static_cast<std::uint8_t>(random() % 10);
  for (const Code code : codes) {
    const lower::Shape& shape = lower::shape_of(code);
    Op op{code, static_cast<std::uint8_t>(random() % 10), static_cast<std::uint8_t>(random() % 11)};
    if (shape.ready == lower::Ready::dst) op.dst = set;
    if (shape.ready == lower::Ready::src) op.src = set;
    if (shape.ready == lower::Ready::src && shape.operands == isa::Operands::load) op.dst = set;
    op.imm = static_cast<std::int32_t>(differential::interesting(random()));
    if (code == Code::constant && random() % 2 != 0) op.imm = static_cast<std::int64_t>(middle_of(memory));
    op.off = static_cast<std::int32_t>(random() % 64) - 32;
    if (vm::effect_of(code) == vm::Effect::sets) set = op.dst;
    ops.push_back(op);
  }
  return ops;
}

/// Does the ops one by one; nothing when one of them would leave the memory.
std::optional<State> one_by_one(const std::vector<Op>& ops, State state, Memory& memory) {
  memory = state.memory;
  const Op* op = ops.data();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const lower::Shape& shape = lower::shape_of(op->code);
    const bool loads = shape.operands == isa::Operands::load;
    if (loads || vm::effect_of(op->code) == vm::Effect::stores) {
      const std::uint64_t base = state.r[loads ? op->src : op->dst];
      const std::uint64_t offset = vm::at(base, *op) - reinterpret_cast<std::uint64_t>(memory.data());
      if (offset > kMemoryBytes - shape.bytes()) return std::nullopt;
    }
    state.jumped = kSteps[static_cast<std::size_t>(op->code)](op, state.r, state.last);
    if (state.jumped || i + 1 == ops.size()) break;
    ++op;
  }
  state.at = op - ops.data();
  state.memory = memory;
  return state;
}

State at_once(std::size_t row, const std::vector<Op>& ops, State state, Memory& memory) {
  memory = state.memory;
  const Op* op = ops.data();
  state.jumped = kSequences[row](op, state.r, state.last);
  state.at = op - ops.data();
  state.memory = memory;
  return state;
}

/// Numbers of which many are addresses, or lead to one when they are added.
State draw_state(const std::vector<Op>& ops, const Memory& memory, Random& random) {
  State state;
  for (std::uint64_t& value : state.r)
    value = random() % 3 != 0   ? middle_of(memory)
            : random() % 2 != 0 ? random() % 16
                                : differential::interesting(random());
  for (std::byte& byte : state.memory) byte = static_cast<std::byte>(random());
  const lower::Ready ready = lower::shape_of(ops.front().code).ready;
  state.last = state.r[ready == lower::Ready::dst ? ops.front().dst : ops.front().src];
  return state;
}

lower::Image image_of(std::vector<Op> ops) {
  lower::Image image;
  image.ops = std::move(ops);
  return image;
}

MapSpec words_spec() {
  return {.name = "words",
          .type = MapType::array,
          .key_size = 4,
          .value_size = 8 * differential::kValueWords,
          .max_entries = 1};
}

}  // namespace

TEST_CASE("a sequence does what its ops do one by one") {
  constexpr int kTries = 4000;
  constexpr int kEnough = 20;
  Random random(1);
  Memory memory;
  for (std::size_t row = 0; row < vm::sequences().size(); ++row) {
    CAPTURE(row);
    int compared = 0;
    for (int i = 0; i < kTries && compared < kEnough; ++i) {
      const std::vector<Op> ops = draw_ops(vm::sequences()[row], memory, random);
      lower::Image image = image_of(ops);
      vm::fuse(image);
      if (image.fused.front().code != sequence_code(row)) continue;
      const State start = draw_state(ops, memory, random);
      const std::optional<State> expected = one_by_one(ops, start, memory);
      if (!expected) continue;
      ++compared;
      REQUIRE(at_once(row, ops, start, memory) == *expected);
    }
    CHECK(compared == kEnough);
  }
}

TEST_CASE("what the op before wrote is ready, where control comes from that op alone") {
  lower::Image image = image_of({{Code::mov64_imm, 1, 0, 0, 7},
                                 {Code::add64_reg, 2, 1},         // the source is what was written
                                 {Code::stx_dw_free, 10, 3, -8},  // writes nothing: r2 stays at hand
                                 {Code::jeq64_imm, 2, 0, 3},      // … and here
                                 {Code::ldx_dw_free, 4, 2, 0},    // … and behind it
                                 {Code::add64_reg, 4, 4},         // as the destination, of the two
                                 {Code::add64_imm, 4, 0, 0, 1},   // a jump leads here
                                 {Code::call_free, 0, 0},         // leaves nothing at hand
                                 {Code::add64_imm, 0, 0, 0, 1},   // … though this is what calls write
                                 {Code::exit}});
  image.functions = {{0, 0}};
  vm::find_ready(image);
  const std::vector<Code> expected{Code::mov64_imm,
                                   Code::add64_reg_src_ready,
                                   Code::stx_dw_free,
                                   Code::jeq64_imm_dst_ready,
                                   Code::ldx_dw_free_src_ready,
                                   Code::add64_reg_dst_ready,
                                   Code::add64_imm,
                                   Code::call_free,
                                   Code::add64_imm,
                                   Code::exit};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(image.ops[i].code == expected[i]);
  }
}

TEST_CASE("an op that reads what it overwrites ends the sequence before it") {
  const Op first{Code::mov64_reg, 1, 2};
  const auto fused_code = [&](const Op& second) {
    lower::Image image = image_of({first, second});
    vm::fuse(image);
    return image.fused.front().code;
  };
  CHECK(fused_code({Code::add64_reg_dst_ready, 1, 3}) >= static_cast<Code>(lower::kCodeCount));
  CHECK(fused_code({Code::add64_reg_dst_ready, 1, 1}) == Code::mov64_reg);
}

TEST_CASE("fusing changes nothing but codes, and those only to sequences that begin there") {
  Random random(2);
  const Memory memory{};
  std::vector<Op> ops;
  for (const auto& row : vm::sequences())
    for (const Op& op : draw_ops(row, memory, random)) ops.push_back(op);
  ops.push_back({Code::exit});
  lower::Image image = image_of(ops);
  vm::fuse(image);
  REQUIRE(image.fused.size() == ops.size());
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const Op& op = image.fused[i];
    CHECK(std::tuple(op.dst, op.src, op.off, op.imm) == std::tuple(ops[i].dst, ops[i].src, ops[i].off, ops[i].imm));
    if (op.code == ops[i].code) continue;
    const auto& row = vm::sequences()[static_cast<std::size_t>(op.code) - lower::kCodeCount];
    for (std::size_t k = 0; k < row.size(); ++k) CHECK(ops[i + k].code == row[k]);
  }
}

TEST_CASE("runs that count and runs that do not leave the same behind") {
  using Words = std::array<std::uint64_t, differential::kValueWords>;
  constexpr std::uint64_t kPrograms = 3000;
  auto map = Map::create(words_spec());
  REQUIRE(map);
  XdpPacket packet(std::array<std::byte, 64>{});
  for (std::uint64_t seed = 1; seed <= kPrograms; ++seed) {
    CAPTURE(seed);
    const auto program = Program::from_insns(differential::generate(seed), ProgType::xdp, std::span(&*map, 1));
    REQUIRE(program);
    const Mode mode = seed % 4 == 0 ? Mode::guarded : Mode::unguarded;
    const auto executable = Executable::build(*program, {.mode = mode, .engine = Engine::interpreter});
    REQUIRE(executable);
    Random random(seed);
    Words input;
    for (std::uint64_t& word : input) word = differential::interesting(random());
    const auto run = [&](const RunOptions& options) {
      REQUIRE(map->update(std::uint32_t{0}, input));
      const RunResult result = executable->run(packet, options);
      REQUIRE(result.ok());
      return std::pair(result.value, *map->lookup<Words>(std::uint32_t{0}));
    };
    CHECK(run({}) == run({.budget = std::uint64_t{1} << 40}));
  }
}
