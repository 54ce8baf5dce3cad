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
#include "soundness/oracle.hpp"

namespace skep::soundness {
namespace {

/// More than any run of an accepted program takes: without callbacks each run follows what was walked.
constexpr std::uint32_t kMostProcessed = 100'000;
/// Steps of the verifier, and instructions of a run, that are kept to be followed.
constexpr std::size_t kMostSteps = 10'000, kMostFollowed = 2'000;

using Random = std::mt19937_64;

/// The __sk_buff of a program that may look at its packet; other fields are bytes.
class SkbContext final : public Context {
 public:
  SkbContext(ProgType type, std::span<std::byte> packet, Random& random) : type_(type), packet_(packet) {
    for (std::byte& byte : fields_) byte = static_cast<std::byte>(random());
    constexpr std::size_t kSocket = 168, kFlowKeys = 144;  // pointers: null
    std::fill_n(fields_.begin() + kSocket, 8, std::byte{});
    std::fill_n(fields_.begin() + kFlowKeys, 8, std::byte{});
  }

  [[nodiscard]] Entry entry() const noexcept override { return {reinterpret_cast<std::uint64_t>(fields_.data()), 0}; }
  std::size_t memories(std::span<Memory, kMaxMemories> out) const noexcept override {
    out[0] = {packet_.data(), packet_.size(), true, "packet"};
    return 1;
  }
  [[nodiscard]] Structured structured() const noexcept override {
    return {reinterpret_cast<std::uint64_t>(fields_.data()), static_cast<std::uint32_t>(fields_.size()), type_};
  }
  [[nodiscard]] std::optional<std::uint64_t> load(std::uint32_t off, unsigned size) const noexcept override {
    constexpr std::uint32_t kData = 76, kEnd = 80, kMeta = 140;
    const auto start = reinterpret_cast<std::uint64_t>(packet_.data());
    if (size == 4 && (off == kData || off == kMeta)) return start;
    if (size == 4 && off == kEnd) return start + packet_.size();
    if (off + size > fields_.size()) return std::nullopt;
    std::uint64_t value = 0;
    std::memcpy(&value, fields_.data() + off, size);
    return value;
  }
  bool store(std::uint32_t off, unsigned size, std::uint64_t value) noexcept override {
    if (off + size > fields_.size()) return false;
    std::memcpy(fields_.data() + off, &value, size);
    return true;
  }

 private:
  ProgType type_;
  std::span<std::byte> packet_;
  alignas(8) std::array<std::byte, 192> fields_{};
};

/// Numbers that matter at the edges, and small ones.
void fill(std::span<std::byte> bytes, Random& random) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = random() % 3 == 0 ? random() % 100 : differential::interesting(random());
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
  }
}

std::string text_of_program(std::span<const Insn> insns) {
  std::string text;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc)
    text += fmt::format("{:4}: {:02x} {:x}{:x} {:6} {:11}  {}\n", pc, insns[pc].opcode, unsigned{insns[pc].dst},
                        unsigned{insns[pc].src}, insns[pc].off, insns[pc].imm,
                        isa::disassemble(insns, pc, isa::Style::llvm));
  return text;
}

/// A fresh ring-buffer record holds what was there before, of the run before, too.
bool same_numbers(std::span<const Insn> insns) {
  constexpr std::uint8_t kCall = 0x85;
  constexpr std::int32_t kReserve = 131;
  return std::ranges::none_of(
      insns, [](const Insn& insn) { return insn.opcode == kCall && insn.src == 0 && insn.imm == kReserve; });
}

/// Callbacks and may_goto run more often than they are walked.
bool loops_out_of_sight(std::span<const Insn> insns) {
  constexpr std::uint8_t kMayGoto = 0xe5, kWide = 0x18, kFunction = 4;
  return std::ranges::any_of(insns, [](const Insn& insn) {
    return insn.opcode == kMayGoto || (insn.opcode == kWide && insn.src == kFunction);
  });
}

}  // namespace

/// Answers the same, in the same order, after each start().
class Ground::StillHost final : public Host {
 public:
  void start(std::uint64_t seed) { random_.seed(seed); }
  std::uint64_t now_ns(Clock) noexcept override { return random_(); }
  std::uint64_t jiffies() noexcept override { return random_(); }
  std::uint32_t random_u32() noexcept override { return static_cast<std::uint32_t>(random_()); }
  Task task() noexcept override { return {.tgid = 1, .pid = 2, .uid = 3, .gid = 4, .comm = {'t', 'r', 'y'}}; }
  unsigned cpu_count() noexcept override { return 2; }
  unsigned acquire_cpu() noexcept override { return 1; }
  void release_cpu(unsigned) noexcept override {}
  unsigned numa_node(unsigned) noexcept override { return 0; }
  bool read_memory(MemorySpace, std::uint64_t, std::span<std::byte>) noexcept override { return false; }
  void trace(const TraceLine&) noexcept override {}

 private:
  std::minstd_rand random_;
};

ContextKind context_kind(ProgType type) noexcept {
  switch (type) {
    case ProgType::xdp:
      return ContextKind::xdp;
    case ProgType::socket_filter:
    case ProgType::sched_cls:
    case ProgType::sched_act:
    case ProgType::cgroup_skb:
    case ProgType::lwt_in:
    case ProgType::lwt_out:
    case ProgType::lwt_xmit:
    case ProgType::sk_skb:
      return ContextKind::skb;
    case ProgType::kprobe:
    case ProgType::tracepoint:
    case ProgType::raw_tracepoint:
    case ProgType::perf_event:
      return ContextKind::bytes;
    default:
      return ContextKind::none;
  }
}

std::string Tally::text() const {
  return fmt::format(
      "{} programs: {} accepted ({} run, {} of them followed over {} instructions, {} with the same result without "
      "guards), {} refused, {} not judged yet, {} violations",
      all(), accepted(), clean + violated, followed, instructions, compared, refused, unsupported, violated);
}

Ground::Ground() : host_(std::make_shared<StillHost>()) {
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
  }
}

Ground::~Ground() = default;

verifier::Report Ground::judge(const program::Program& program, bool perfmon, bool often,
                               verifier::Observer* observer) const {
  verifier::Input input;
  input.observer = observer;
  input.program = &program;
  input.maps = infos_;
  input.options.privileges.perfmon = perfmon;
  input.options.limits.insns = kMostProcessed;
  input.options.check_often = often;
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
  const auto enforced = Executable::build(*verdict.verified(), {.mode = Mode::enforced, .host = host_});
  const auto verified = Executable::build(*verdict.verified(), {.host = host_});
  if (!enforced || !verified) return Outcome::not_run;
  const bool alike = same_numbers(program.insns()) && judge(*program.data(), false, true).accepted();
  const bool may_take_long = loops_out_of_sight(program.insns());
  tally_.compared += alike ? 1 : 0;
  // What the verifier explored for an ordinary user stands beside it: mispredicted paths and all.
  History history(kMostSteps), of_user(alike ? kMostSteps : 0);
  if (!judge(*program.data(), true, seed % 2 == 0, &history).accepted()) return Outcome::not_run;
  if (alike && !judge(*program.data(), false, true, &of_user).accepted()) return Outcome::violated;
  tally_.followed += history.complete() ? 1 : 0;
  for (unsigned i = 0; i < inputs; ++i) {
    const RunResult guarded = run_once(*enforced, seed + i);
    if (guarded.fault.kind == FaultKind::budget && may_take_long) return Outcome::clean;
    if (!guarded.ok()) {
      complaint_ = fmt::format("seed {} input {}: {}\n", seed, i, enforced->explain(guarded.fault));
      return Outcome::violated;
    }
    const RunResult free = run_once(*verified, seed + i);
    if (!free.ok()) {
      complaint_ = fmt::format("seed {} input {}: only without guards: {}\n", seed, i, verified->explain(free.fault));
      return Outcome::violated;
    }
    std::string wrong = history.complete() ? follow(history, program, seed + i) : "";
    if (wrong.empty() && alike && of_user.complete() && i == 0) wrong = follow(of_user, program, seed + i);
    if (!wrong.empty()) {
      complaint_ = fmt::format("seed {} input {}: outside what was explored: {}\n", seed, i, wrong);
      return Outcome::violated;
    }
    if (!alike || (free.value == guarded.value && free.insns == guarded.insns)) continue;
    complaint_ =
        fmt::format("seed {} input {}: r0 is {:#x} after {} instructions with guards, {:#x} after {} without\n", seed,
                    i, guarded.value, guarded.insns, free.value, free.insns);
    return Outcome::violated;
  }
  return Outcome::clean;
}

void Ground::fill_maps(std::uint64_t seed) {
  Random random(seed);
  for (const Map& map : maps_) {
    const MapSpec& spec = map.spec();
    if (maps::RingBufferMap* ring = map.storage()->ring_buffer()) {
      ring->consume([](std::span<const std::byte>) { return true; });
      continue;
    }
    if (spec.type == MapType::perf_event_array) continue;
    std::array<std::byte, 48> value{};
    for (std::uint64_t key = 0; key < spec.max_entries; ++key) {
      const auto bytes = std::as_bytes(std::span(&key, 1)).first(spec.key_size);
      fill(value, random);
      if (spec.type == MapType::hash && random() % 3 == 0)
        (void)map.erase(bytes);
      else
        (void)map.update(bytes, std::span(value).first(spec.value_size));
    }
  }
}

template <class Use>
void Ground::with_context(ProgType type, std::uint64_t seed, const Use& use) {
  Random random(seed);
  fill_maps(random());
  host_->start(seed);
  std::array<std::byte, 128> bytes{};
  fill(bytes, random);
  const std::span<std::byte> packet = std::span(bytes).first(random() % (bytes.size() + 1));
  switch (context_kind(type)) {
    case ContextKind::none:
      return;
    case ContextKind::xdp: {
      XdpPacket context(packet, {.ingress_ifindex = static_cast<std::uint32_t>(differential::interesting(random()))});
      return use(context);
    }
    case ContextKind::skb: {
      SkbContext context(type, packet, random);
      return use(context);
    }
    case ContextKind::bytes: {
      std::vector<std::byte> fields(4096);
      fill(fields, random);
      RawContext context{std::span(fields)};
      return use(context);
    }
  }
}

RunResult Ground::run_once(const Executable& executable, std::uint64_t seed) {
  RunResult result;
  with_context(executable.program().type(), seed,
               [&](Context& context) { result = executable.run(context, {.budget = kMostProcessed}); });
  return result;
}

std::string Ground::follow(const History& history, const Program& program, std::uint64_t seed) {
  std::string wrong;
  with_context(program.type(), seed, [&](Context& context) {
    const Surroundings around{*program.data(), storages_, context, *host_};
    const Trace trace = Machine(around).run(kMostFollowed);
    tally_.instructions += trace.moments.size();
    wrong = find_violation(history, trace, around);
  });
  return wrong;
}

}  // namespace skep::soundness
