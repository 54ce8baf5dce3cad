// Any bytes as an object file, or as a program: what loads is run, guarded and with a budget, and the host lives on.
//
// An input that starts like an ELF file is an object. Of any other the first byte is a set of Choice bits, and the rest
// are instruction slots. As fuzzers seldom hit upon legal instructions, `mended` folds every slot into the legal
// instruction next to it; without it the slots are taken as they are.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include <linux/bpf.h>
#include <skep/skep.hpp>

#include "abi/helper.hpp"
#include "helpers/env.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"
#include "maps/ringbuf.hpp"
#include "program/program.hpp"

namespace {

using namespace skep;

enum Choice : std::uint8_t { xdp = 1, mended = 2, with_pointers = 4 };

constexpr std::uint64_t kBudget = 10'000;
// Places in make_maps().
constexpr std::int32_t kArrayMap = 0;
constexpr std::int32_t kHashMap = 1;
constexpr std::int32_t kRingMap = 3;
constexpr std::int32_t kReadOnlyMap = 5;

constexpr std::uint32_t kReadHelper = 0x10000;
constexpr std::uint32_t kCallHelper = 0x10001;

void require(bool promise) {
  if (!promise) std::abort();
}

/// Reads every byte, so that the sanitizers see memory that a program should not have been shown.
unsigned sum_of(std::span<const std::byte> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0u,
                         [](unsigned sum, std::byte b) { return sum + std::to_integer<unsigned>(b); });
}

/// Always answers the same, so that a finding can be run again.
class StillHost final : public Host {
 public:
  std::uint64_t now_ns(Clock) noexcept override { return 1'000'000; }
  std::uint64_t jiffies() noexcept override { return 250; }
  std::uint32_t random_u32() noexcept override { return 0x12345678; }
  Task task() noexcept override { return {.tgid = 1, .pid = 2, .uid = 3, .gid = 4, .comm = {'f', 'u', 'z', 'z'}}; }
  unsigned cpu_count() noexcept override { return 2; }
  unsigned acquire_cpu() noexcept override { return 1; }
  void release_cpu(unsigned cpu) noexcept override { require(cpu == 1); }
  unsigned numa_node(unsigned) noexcept override { return 0; }
  bool read_memory(MemorySpace, std::uint64_t, std::span<std::byte>) noexcept override { return false; }
  void trace(const TraceLine& line) noexcept override {
    (void)sum_of(std::as_bytes(std::span(line.text)));
    require(line.text.size() < 1024);
  }
};

/// Helpers that believe what the guard promises them.
std::vector<HelperSpec> trusting_helpers() {
  const auto at = [](std::uint64_t address) { return reinterpret_cast<std::byte*>(address); };
  HelperSpec read{.id = kReadHelper, .name = "read_and_write"};
  read.args = {HelperArg::memory, HelperArg::size, HelperArg::memory_out, HelperArg::size, HelperArg::context};
  read.function = [at](HelperCall&, const std::array<std::uint64_t, 5>& args) -> std::uint64_t {
    const unsigned sum = args[1] == 0 ? 0 : sum_of({at(args[0]), args[1]});
    if (args[3] != 0) std::fill_n(at(args[2]), args[3], static_cast<std::byte>(sum));
    return sum;
  };
  HelperSpec call{.id = kCallHelper, .name = "call_with_string"};
  call.args = {HelperArg::callback, HelperArg::c_string, HelperArg::map, HelperArg::scalar, HelperArg::none};
  call.function = [](HelperCall& run, const std::array<std::uint64_t, 5>& args) -> std::uint64_t {
    std::uint64_t r0 = std::string_view(reinterpret_cast<const char*>(args[1])).size();
    (void)run.call_back(args[0], {args[3], args[1], args[2], 0, 0}, r0);
    return r0;
  };
  return {read, call};
}

void check_result(const Executable& executable, const RunResult& result) {
  require(result.insns <= kBudget);
  if (result.ok()) return;
  const Fault& fault = *result.fault;
  require(result.value == 0 && fault.program != nullptr && fault.pc < fault.program->insns.size());
  require(fault.kind != FaultKind::budget || result.insns == kBudget);
  require(!executable.explain(fault).empty());
}

/// A run that is over holds no record: all that was reserved can be consumed.
void drain(const Map& map) {
  maps::RingBufferMap* ring = map.storage()->ring_buffer();
  if (ring == nullptr) return;
  ring->consume([](std::span<const std::byte> record) {
    (void)sum_of(record);
    return true;
  });
  require(ring->query(BPF_RB_AVAIL_DATA) == 0);
}

void touch(const Map& map) {
  drain(map);
  const MapSpec& spec = map.spec();
  constexpr std::size_t kLargest = 1 << 16;
  if (spec.key_size > kLargest || map.host_value_size() > kLargest) return;
  std::size_t left = 16;
  (void)map.for_each([&](auto key, auto value) {
    require(key.size() == spec.key_size && value.size() == map.host_value_size());
    (void)sum_of(key);
    (void)sum_of(value);
    return --left != 0;
  });
  const std::vector<std::byte> key(spec.key_size, std::byte{1});
  const std::vector<std::byte> value(map.host_value_size(), std::byte{2});
  if (map.update(key, value)) {
    const auto seen = map.lookup(key);
    require(!seen || *seen == value);
  }
  (void)map.next_key(key);
  (void)map.erase(key);
}

void run_on_every_context(const Executable& executable) {
  std::vector<std::byte> bytes(64, std::byte{0x45});
  RawContext raw{std::span(bytes)};
  check_result(executable, executable.run(raw, {.budget = kBudget}));
  if (executable.program().type() != ProgType::xdp) return;
  XdpPacket packet(bytes);
  check_result(executable, executable.run(packet, {.budget = kBudget}));
  (void)sum_of(packet.frame());
  (void)sum_of(packet.meta());
}

void check_program(const Program& program, const std::shared_ptr<Host>& host) {
  static constexpr isa::Style kStyles[] = {isa::Style::llvm, isa::Style::kernel, isa::Style::mnemonic};
  for (std::uint32_t pc = 0; pc < program.insns().size(); ++pc)
    require(!isa::disassemble(program.insns(), pc, kStyles[pc % std::size(kStyles)]).empty());
  const auto executable = Executable::build(program, {.host = host, .helpers = trusting_helpers()});
  if (!executable) return require(!executable.error().message().empty());
  for (const Map& map : program.maps())
    if (map.spec().type == MapType::prog_array) (void)executable->put_into(map, 0);
  run_on_every_context(*executable);
  for (const Map& map : program.maps()) touch(map);
  run_on_every_context(*executable);
}

void fuzz_object(std::span<const std::byte> bytes, const std::shared_ptr<Host>& host) {
  const ObjectOptions options{.host = host, .max_map_bytes = 16 << 20, .target_btf = {}};
  const auto object = Object::load(bytes, "fuzz", options);
  if (!object) return require(!object.error().where.empty() && !object.error().what.empty());
  for (const Map& map : object->maps()) touch(map);
  constexpr std::size_t kMostPrograms = 16;
  std::size_t left = kMostPrograms;
  for (const Program& program : object->programs()) {
    if (left-- == 0) break;
    for (const std::string& need : program.needs()) require(!need.empty());
    (void)program.source_at(0);
    check_program(program, host);
  }
}

std::vector<Map> make_maps() {
  struct Shape {
    const char* name;
    MapType type;
    std::uint32_t key_size, value_size, max_entries, flags;
  };
  static constexpr Shape kShapes[] = {
      {"array", MapType::array, 4, 24, 3, 0},
      {"hash", MapType::hash, 8, 16, 4, 0},
      {"percpu_array", MapType::percpu_array, 4, 8, 2, 0},
      {"ringbuf", MapType::ringbuf, 0, 0, 4096, 0},
      {"prog_array", MapType::prog_array, 4, 4, 2, 0},
      {"rodata", MapType::array, 4, 20, 1, map_flag::rdonly_prog},
      {"percpu_hash", MapType::percpu_hash, 4, 12, 2, map_flag::no_prealloc},
  };
  std::vector<Map> maps;
  for (const Shape& shape : kShapes) {
    const auto map = Map::create({.name = shape.name,
                                  .type = shape.type,
                                  .key_size = shape.key_size,
                                  .value_size = shape.value_size,
                                  .max_entries = shape.max_entries,
                                  .flags = shape.flags},
                                 2);
    require(map.has_value());
    maps.push_back(*map);
  }
  return maps;
}

/// The forms that a program without kernel can use; the others end every build.
const std::vector<isa::FormInfo>& usable_forms() {
  static const auto usable = [] {
    std::vector<isa::FormInfo> rows;
    std::ranges::copy_if(isa::forms(), std::back_inserter(rows), [](const isa::FormInfo& row) {
      return row.form != isa::Form::call_kfunc && row.form != isa::Form::lddw_var &&
             row.form != isa::Form::addr_space_cast;
    });
    return rows;
  }();
  return usable;
}

std::int32_t some_helper(std::uint32_t choice) {
  static const auto ids = [] {
    std::vector<std::uint32_t> known{kReadHelper, kCallHelper};
    for (const abi::Helper& row : abi::helpers())
      if ((row.programs >> static_cast<unsigned>(ProgType::xdp) & 1) != 0 &&
          (helpers::builtin(row.id) != nullptr || (row.effects & abi::tail_calls) != 0))
        known.push_back(row.id);
    return known;
  }();
  return static_cast<std::int32_t>(ids[choice % ids.size()]);
}

bool loads_map_value(const isa::FormInfo& row) {
  return row.operation == isa::Operation::lddw_map_value_ || row.operation == isa::Operation::lddw_map_idx_value_;
}

/// The legal instruction next to `slot`, but for its target, which mend_target() sets.
Insn mend(Insn slot, const isa::FormInfo& row, std::size_t maps) {
  slot.opcode = row.opcode;
  slot.dst = !row.has_dst() ? 0 : slot.dst % ((row.writes & isa::regs::D) != 0 ? 10u : 11u);
  slot.src = row.src != isa::kAny ? static_cast<std::uint8_t>(row.src)
                                  : slot.src % ((row.writes & isa::regs::S) != 0 ? 10u : 11u);
  slot.off = static_cast<std::int16_t>(row.off != isa::kAny ? row.off : slot.off % 64);
  if (row.imm != isa::kAny) slot.imm = static_cast<std::int32_t>(row.imm);
  const auto choice = static_cast<std::uint32_t>(slot.imm);
  if (row.form == isa::Form::call_helper) slot.imm = some_helper(choice);
  if (row.operation == isa::Operation::lddw_map_ || row.operation == isa::Operation::lddw_map_idx_)
    slot.imm = static_cast<std::int32_t>(choice % maps);
  if (loads_map_value(row)) slot.imm = (choice & 1) != 0 ? kReadOnlyMap : kArrayMap;
  return slot;
}

void mend_target(Insn& insn, const isa::FormInfo& row, std::uint32_t pc, const std::vector<std::uint32_t>& starts) {
  if (!row.has_target()) return;
  const auto choice = static_cast<std::uint32_t>(insn.off) + static_cast<std::uint32_t>(insn.imm);
  const auto distance = static_cast<std::int32_t>(starts[choice % starts.size()]) - static_cast<std::int32_t>(pc) - 1;
  if (row.off == isa::kAny)
    insn.off = static_cast<std::int16_t>(distance);
  else
    insn.imm = distance;
}

std::vector<Insn> mended_program(std::span<const Insn> slots, std::vector<Insn> insns, std::size_t maps) {
  const auto& forms = usable_forms();
  std::vector<std::uint32_t> starts;
  std::vector<const isa::FormInfo*> rows;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const isa::FormInfo& row = forms[slots[i].opcode % forms.size()];
    starts.push_back(static_cast<std::uint32_t>(insns.size()));
    rows.push_back(&row);
    insns.push_back(mend(slots[i], row, maps));
    if (!row.wide()) continue;
    constexpr std::uint32_t kValueBytes = 20;
    std::int32_t upper = 0;
    if (row.form == isa::Form::lddw_imm && i + 1 < slots.size()) upper = slots[++i].imm;
    if (loads_map_value(row)) upper = static_cast<std::uint8_t>(slots[i].off) % kValueBytes;
    insns.push_back(Insn(0, 0, 0, 0, upper));
  }
  for (std::size_t i = 0; i < starts.size(); ++i) mend_target(insns[starts[i]], *rows[i], starts[i], starts);
  insns.push_back(Insn(0x95, 0, 0, 0, 0));
  return insns;
}

/// r6 = context, r7 = a value of the array, r8 = the hash, r9 = the ring buffer: what programs start with.
std::vector<Insn> pointers() {
  return {Insn(0xbf, 6, 1, 0, 0),
          Insn(0x18, 7, 2, 0, kArrayMap),
          Insn(),
          Insn(0x18, 8, 1, 0, kHashMap),
          Insn(),
          Insn(0x18, 9, 1, 0, kRingMap),
          Insn()};
}

void fuzz_program(std::span<const std::byte> bytes, const std::shared_ptr<Host>& host) {
  if (bytes.empty()) return;
  const auto choice = std::to_integer<unsigned>(bytes[0]);
  constexpr std::size_t kMostSlots = 512;
  std::vector<Insn> slots(std::min((bytes.size() - 1) / sizeof(Insn), kMostSlots));
  if (!slots.empty()) std::memcpy(static_cast<void*>(slots.data()), bytes.data() + 1, slots.size() * sizeof(Insn));
  const std::vector<Map> maps = make_maps();
  std::vector<Insn> insns;
  if ((choice & with_pointers) != 0) insns = pointers();
  if ((choice & mended) != 0)
    insns = mended_program(slots, std::move(insns), maps.size());
  else
    insns.insert(insns.end(), slots.begin(), slots.end());
  const auto program = Program::from_insns(insns, (choice & xdp) != 0 ? ProgType::xdp : ProgType::unspec, maps);
  require(program.has_value() || (choice & mended) == 0);
  if (program) check_program(*program, host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::uint8_t kElf[] = {0x7f, 'E', 'L', 'F'};
  const auto host = std::make_shared<StillHost>();
  const auto bytes = std::as_bytes(std::span(data, size));
  if (size >= sizeof kElf && std::equal(std::begin(kElf), std::end(kElf), data))
    fuzz_object(bytes, host);
  else
    fuzz_program(bytes, host);
  return 0;
}
