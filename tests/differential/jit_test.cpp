// Generated programs on both engines: result, fault with its place and address, instructions left of the budget, map
// contents, records and packet must be the same to the last bit.
//
// Guarded runs need no proof, so the programs may be anything: ones that the verifier would accept, mutations of them,
// and instructions drawn blindly. What the verifier accepts is also run without guards. SKEP_JIT_PROGRAMS and
// SKEP_JIT_SEED in the environment ask for more, or for others.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <fmt/format.h>
#include <skep/skep.hpp>

#include "differential/generator.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"
#include "maps/map_storage.hpp"
#include "maps/ringbuf.hpp"
#include "soundness/generator.hpp"
#include "soundness/mutator.hpp"
#include "support/environment.hpp"
#include "support/still_host.hpp"

using namespace skep;

/// Addresses are compared: a run's frames must lie at the same place each time, not in a fake stack of the sanitizer's.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_stack_use_after_return=0"; }

namespace {

using Random = std::mt19937_64;

/// What a run leaves behind.
struct Trace {
  RunResult result;
  std::vector<std::byte> left;  ///< maps, ring-buffer records and packet, one after the other

  [[nodiscard]] std::string difference(const Trace& other) const {
    const Fault fault = result.fault.value_or(Fault{});
    const Fault theirs = other.result.fault.value_or(Fault{});
    if (fault.kind != theirs.kind || fault.pc != theirs.pc)
      return fmt::format("{} at {} / {} at {}", name_of(fault.kind), fault.pc, name_of(theirs.kind), theirs.pc);
    if (result.value != other.result.value) return fmt::format("r0 {:#x} / {:#x}", result.value, other.result.value);
    if (result.insns != other.result.insns) return fmt::format("{} / {} insns", result.insns, other.result.insns);
    if (fault.address != theirs.address || fault.size != theirs.size || fault.argument != theirs.argument)
      return fmt::format("fault address {:#x} / {:#x}", fault.address, theirs.address);
    if (left == other.left) return "";
    const auto at = std::ranges::mismatch(left, other.left).in1 - left.begin();
    return fmt::format("byte {} of packet and maps", at);
  }
};

/// Maps as the generators name them, one host and one packet for both engines, so that all addresses are the same.
class Arena {
 public:
  Arena() : host_(std::make_shared<test::StillHost>()), packet_(std::span<const std::byte>(bytes_)) {
    struct Shape {
      const char* name;
      MapType type;
      std::uint32_t key_size, value_size, max_entries;
    };
    static constexpr Shape kShapes[] = {
        {"array", MapType::array, 4, 144, 1},
        {"small_hash", MapType::hash, 8, 8, 4},
        {"hash", MapType::hash, 8, 48, 4},
        {"byte", MapType::array, 4, 1, 1},
        {"events", MapType::perf_event_array, 4, 4, 1},
        {"ring", MapType::ringbuf, 0, 0, 4096},
        {"three", MapType::array, 4, 24, 3},
    };
    for (const Shape& shape : kShapes) {
      auto map = Map::create({.name = shape.name,
                              .type = shape.type,
                              .key_size = shape.key_size,
                              .value_size = shape.value_size,
                              .max_entries = shape.max_entries},
                             2);
      REQUIRE(map);
      maps_.push_back(*map);
    }
  }

  [[nodiscard]] Result<Program> program(ProgType type, std::span<const Insn> insns) const {
    return Program::from_insns(insns, type, maps_, "GPL");
  }
  [[nodiscard]] BuildOptions options(Engine engine, bool metered = true) const {
    BuildOptions options;
    options.engine = engine;
    options.metered = metered;
    options.host = host_;
    return options;
  }

  [[gnu::noinline]] Trace run(const Executable& executable, std::uint64_t seed, std::uint64_t budget) {
    Random random(seed);
    fill_maps(random);
    host_->start(seed);
    fill(bytes_, random);
    Trace trace;
    if (executable.program().type() == ProgType::xdp) {
      packet_.reset(std::span(bytes_).first(random() % (bytes_.size() + 1)));
      trace.result = executable.run(packet_, {.budget = budget});
      append(trace.left, packet_.meta());
      append(trace.left, packet_.frame());
    } else {
      RawContext context{std::span(bytes_)};
      trace.result = executable.run(context, {.budget = budget});
      append(trace.left, bytes_);
    }
    collect_maps(trace.left);
    return trace;
  }

  /// The same, with everything that lies on C's stack so many bytes lower, a multiple of 16.
  __attribute__((noinline, no_sanitize("address"))) Trace run_deeper(const Executable& executable, std::uint64_t seed,
                                                                     std::size_t bytes) {
    auto* room = static_cast<volatile std::byte*>(__builtin_alloca(bytes + 16));
    room[0] = std::byte{};
    Trace trace = run(executable, seed, RunOptions::kNoBudget);
    room[1] = room[0];
    return trace;
  }

 private:
  static void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
  }
  static void fill(std::span<std::byte> bytes, Random& random) {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      const std::uint64_t word = random() % 3 == 0 ? random() % 100 : differential::interesting(random());
      std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
    }
  }
  static std::span<const std::byte> key_bytes(const std::uint64_t& key, const MapSpec& spec) {
    return std::as_bytes(std::span(&key, 1)).first(spec.key_size);
  }

  void fill_maps(Random& random) {
    for (const Map& map : maps_) {
      const MapSpec& spec = map.spec();
      if (maps::RingBufferMap* ring = map.storage()->ring_buffer()) {
        ring->consume([](std::span<const std::byte>) { return true; });
        continue;
      }
      if (spec.type == MapType::perf_event_array) continue;
      if (spec.type == MapType::hash) clear(map);
      std::array<std::byte, 144> value{};
      for (std::uint64_t key = 0; key < spec.max_entries; ++key) {
        const auto bytes = key_bytes(key, spec);
        fill(value, random);
        if (spec.type != MapType::hash || random() % 3 != 0)
          REQUIRE(map.update(bytes, std::span(value).first(spec.value_size)));
      }
    }
  }

  /// Empties a hash table, and makes it hand out its slots in the same order as every time.
  static void clear(const Map& map) {
    for (;;) {
      const auto key = map.next_key({});
      REQUIRE(key);
      if (!*key) break;
      REQUIRE(map.erase(**key));
    }
    const std::array<std::byte, 48> value{};
    std::map<std::byte*, std::uint64_t, std::greater<>> slots;
    for (std::uint64_t key = 0; key < map.spec().max_entries; ++key) {
      const auto bytes = key_bytes(key, map.spec());
      REQUIRE(map.update(bytes, std::span(value).first(map.spec().value_size)));
      slots.emplace(map.storage()->lookup(bytes.data(), 0), key);
    }
    for (const auto& [slot, key] : slots) REQUIRE(map.erase(key_bytes(key, map.spec())));
  }

  void collect_maps(std::vector<std::byte>& to) const {
    for (const Map& map : maps_) {
      const MapSpec& spec = map.spec();
      if (maps::RingBufferMap* ring = map.storage()->ring_buffer()) {
        ring->consume([&](std::span<const std::byte> record) {
          append(to, record);
          return true;
        });
        continue;
      }
      if (spec.type == MapType::perf_event_array) continue;
      for (std::uint64_t key = 0; key < spec.max_entries; ++key)
        if (const auto value = map.lookup(key_bytes(key, spec))) append(to, *value);
    }
  }

  std::shared_ptr<test::StillHost> host_;
  std::vector<Map> maps_;
  std::array<std::byte, 128> bytes_{};
  XdpPacket packet_;
};

/// Jumps, calls, memory and arithmetic as they come; registers mostly hold what they held at the start.
std::vector<Insn> blind(std::uint64_t seed) {
  Random random(seed);
  const auto rows = isa::forms();
  const std::size_t length = 2 + random() % 40;
  std::vector<Insn> insns;
  while (insns.size() < length) {
    const isa::FormInfo& row = rows[random() % rows.size()];
    if (row.operands == isa::Operands::dst_src_imm || row.wide()) continue;
    Insn insn;
    insn.opcode = row.opcode;
    insn.dst = row.has_dst() ? random() % (row.writes & isa::regs::D ? 10 : 11) & 15 : 0;
    insn.src =
        (row.src != isa::kAny ? static_cast<unsigned>(row.src) : random() % (row.writes & isa::regs::S ? 10 : 11)) & 15;
    const bool memory = row.group == isa::Group::atomic32 || row.group == isa::Group::atomic64 || (row.opcode & 7) < 4;
    insn.off = static_cast<std::int16_t>(memory && random() % 2 == 0 ? -8 * static_cast<int>(random() % 65)
                                                                     : static_cast<int>(random() % 16));
    if (row.off != isa::kAny) insn.off = static_cast<std::int16_t>(row.off);
    insn.imm = static_cast<std::int32_t>(row.imm != isa::kAny ? row.imm : differential::interesting(random()));
    if (memory && random() % 2 == 0) {
      const unsigned base = random() % 2 == 0 ? 10 : 1;
      if (row.operands == isa::Operands::load)
        insn.src = base & 15;
      else if (row.has_dst())
        insn.dst = base & 15;
    }
    if (row.writes & isa::regs::D && insn.dst == 10) insn.dst = 2;
    if (row.has_target()) {
      const auto distance = static_cast<std::int32_t>(random() % length) - static_cast<std::int32_t>(insns.size()) - 1;
      if (row.operands == isa::Operands::jump_imm || row.operands == isa::Operands::call_pc)
        insn.imm = distance;
      else
        insn.off = static_cast<std::int16_t>(distance);
    }
    if (row.form == isa::Form::call_helper) insn.imm = static_cast<std::int32_t>(1 + random() % 14);
    insns.push_back(insn);
  }
  insns.push_back({0x95, 0, 0, 0, 0});
  return insns;
}

struct Candidate {
  ProgType type = ProgType::xdp;
  std::vector<Insn> insns;
};

Candidate candidate(std::uint64_t seed) {
  switch (seed % 5) {
    case 0:
      return {ProgType::xdp, differential::generate(seed)};
    case 1: {
      Candidate one{ProgType::xdp, differential::generate(seed)};
      soundness::mutate(one.insns, seed);
      return one;
    }
    case 2:
      return {seed % 2 == 0 ? ProgType::xdp : ProgType::unspec, blind(seed)};
    default: {
      const soundness::Generated generated = soundness::generate(seed);
      Candidate one{generated.type == ProgType::xdp ? ProgType::xdp : ProgType::unspec, generated.insns};
      if (seed % 5 == 4) soundness::mutate(one.insns, seed);
      return one;
    }
  }
}

/// How deep runs have to start for the frames of code that has them right on C's stack to lie where the interpreter's
/// do: what programs make of a frame's address is the same then, too.
struct Depths {
  std::size_t interpreter = 0;
  std::size_t on_c_stack = 0;
};

/// Nothing where that cannot be: sanitizers round what is put on the stack.
std::optional<Depths> level(Arena& arena) {
  const std::vector<Insn> tells_frame{{0xbf, 0, 10, 0, 0}, {0x95, 0, 0, 0, 0}};
  const auto program = arena.program(ProgType::xdp, tells_frame);
  REQUIRE(program);
  const Verdict verdict = verify(*program);
  REQUIRE(verdict.ok());
  const auto interpreter = Executable::build(*verdict.verified(), arena.options(Engine::interpreter));
  const auto jit = Executable::build(*verdict.verified(), arena.options(Engine::jit, false));
  REQUIRE(interpreter);
  REQUIRE(jit);
  const std::uint64_t one = arena.run_deeper(*interpreter, 1, 0).result.value;
  const std::uint64_t other = arena.run_deeper(*jit, 1, 0).result.value;
  const Depths depths{one > other ? one - other : 0, other > one ? other - one : 0};
  const std::uint64_t one_there = arena.run_deeper(*interpreter, 1, depths.interpreter).result.value;
  if (one_there != arena.run_deeper(*jit, 1, depths.on_c_stack).result.value) return std::nullopt;
  return depths;
}

/// What it writes into the values of a hash table that are not in use, the next run may find there.
bool names_hash_values(std::span<const Insn> insns) {
  return std::ranges::any_of(insns, [](const Insn& insn) {
    return insn.opcode == 0x18 && (insn.src == 2 || insn.src == 6) && (insn.imm == 1 || insn.imm == 2);
  });
}

std::string listing(std::span<const Insn> insns) {
  std::string text;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc)
    text += fmt::format("{:4}: {}\n", pc, isa::disassemble(insns, pc, isa::Style::llvm));
  return text;
}

}  // namespace

TEST_CASE("the JIT and the interpreter do the same with any program") {
  if (!Executable::has_jit()) {
    MESSAGE("SKIP: no JIT for this machine");
    return;
  }
  const std::uint64_t programs = test::number_from_environment("SKEP_JIT_PROGRAMS", 50'000);
  const std::uint64_t first_seed = test::number_from_environment("SKEP_JIT_SEED", 1);
  constexpr std::uint64_t kPlenty = 20'000;
  Arena arena;
  const std::optional<Depths> level_depths = level(arena);
  const Depths depths = level_depths.value_or(Depths{});
  if (!level_depths)
    MESSAGE("SKIP: frames lie at other places in machine code here, programs that may show them are left out");
  std::uint64_t built = 0, proven = 0, faults = 0, different = 0, compared = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + programs; ++seed) {
    const Candidate one = candidate(seed);
    const auto program = arena.program(one.type, one.insns);
    if (!program || test::sees_records(one.insns) || names_hash_values(one.insns)) continue;
    const auto compare = [&](const Executable& interpreter, const Executable& jit, const char* how) {
      for (unsigned input = 0; input < 2; ++input) {
        // The first budget covers most runs; the second ends somewhere inside.
        std::uint64_t budget = kPlenty;
        for (unsigned round = 0; round < 2; ++round) {
          const Trace slow = arena.run(interpreter, seed + input, budget);
          const Trace fast = arena.run(jit, seed + input, budget);
          ++compared;
          faults += slow.result.ok() ? 0 : 1;
          if (const std::string text = fast.difference(slow); !text.empty() && different++ < 3)
            MESSAGE("seed ", seed, ", input ", input, ", budget ", budget, ", ", std::string(how),
                    ": jit / interpreter: ", text, "\n", listing(one.insns));
          budget = slow.result.insns == 0 ? 0 : (seed * 2654435761u >> 7) % (slow.result.insns + 1);
        }
      }
    };
    const auto slow = Executable::build(*program, arena.options(Engine::interpreter));
    if (!slow) continue;
    const auto fast = Executable::build(*program, arena.options(Engine::jit));
    REQUIRE_MESSAGE(fast, fast.error().message());
    ++built;
    compare(*slow, *fast, "guarded");
    if (one.type != ProgType::xdp) continue;
    const Verdict verdict = verify(*program, {.max_processed = 20'000});
    if (!verdict.ok()) continue;
    const auto slow_proven = Executable::build(*verdict.verified(), arena.options(Engine::interpreter));
    const auto fast_proven = Executable::build(*verdict.verified(), arena.options(Engine::jit));
    if (!slow_proven) continue;
    REQUIRE_MESSAGE(fast_proven, fast_proven.error().message());
    ++proven;
    compare(*slow_proven, *fast_proven, "verified");
    // Code that does not count is another: nothing of it stands for one instruction alone.
    if (!level_depths && !verify(*program, {.perfmon = false, .max_processed = 20'000}).ok()) continue;
    const auto tuned = Executable::build(*verdict.verified(), arena.options(Engine::jit, false));
    REQUIRE_MESSAGE(tuned, tuned.error().message());
    for (unsigned input = 0; input < 4; ++input) {
      const Trace slow_run = arena.run_deeper(*slow_proven, seed + input, depths.interpreter);
      const auto difference_at = [&](std::size_t depth) {
        ++compared;
        return arena.run_deeper(*tuned, seed + input, depth).difference(slow_run);
      };
      // Where its frames lie, on C's stack or where the interpreter has them, is the JIT's affair.
      std::string text = difference_at(depths.on_c_stack);
      if (!text.empty()) text = difference_at(depths.interpreter);
      if (!text.empty() && different++ < 3)
        MESSAGE("seed ", seed, ", input ", input, ", tuned: jit / interpreter: ", text, "\n", listing(one.insns));
    }
  }
  MESSAGE("jit differential: ", programs, " programs from seed ", first_seed, ": ", built, " built, ", proven,
          " also verified, ", compared, " runs compared, ", faults, " of them ended early, ", different, " different");
  CHECK(different == 0);
  CHECK(built * 3 > programs);
  CHECK(proven * 10 > programs);
}
