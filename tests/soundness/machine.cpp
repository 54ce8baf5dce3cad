// One instruction after the other. A helper that calls back is called again after each round, as the verifier walks it.
#include "soundness/machine.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "abi/attach_types.hpp"
#include "soundness/arithmetic.hpp"

namespace skep::soundness {
namespace {

using isa::Operands;
using isa::Operation;

constexpr std::uint64_t kFunctions = std::uint64_t{0xf} << 48;
constexpr std::uint64_t kScrambled = 0xdead'beef'0bad'cafe;
constexpr std::uint64_t kMostRounds = std::uint64_t{1} << 23;
constexpr std::size_t kMostRecords = 64;
constexpr RegisterSet kCallerSaved = 0b111111;

constexpr RegisterSet set_of(unsigned number) { return static_cast<RegisterSet>(1u << number); }
constexpr std::uint64_t wide(std::int64_t value) { return static_cast<std::uint64_t>(value); }

/// How many bytes of memory a helper's argument is about; `next` is the argument behind it.
std::uint64_t bytes_of(const abi::ArgSpec& arg, const maps::MapStorage* map, std::uint64_t next) {
  switch (arg.kind) {
    case abi::Arg::map_key:
      return map->spec().key_size;
    case abi::Arg::map_value:
    case abi::Arg::map_value_or_null:
    case abi::Arg::map_value_out:
      return map->spec().value_size;
    case abi::Arg::mem:
    case abi::Arg::mem_or_null:
    case abi::Arg::mem_mutable:
    case abi::Arg::mem_out:
    case abi::Arg::mem_out_or_null:
    case abi::Arg::mem_inout:
    case abi::Arg::mem_inout_or_null:
      return next;
    case abi::Arg::fixed_mem:
    case abi::Arg::fixed_out:
    case abi::Arg::fixed_inout:
      return arg.bytes;
    default:  // no memory
      return 0;
  }
}

bool only_written(abi::Arg arg) {
  return arg == abi::Arg::map_value_out || arg == abi::Arg::mem_out || arg == abi::Arg::mem_out_or_null ||
         arg == abi::Arg::fixed_out;
}

}  // namespace

Machine::Machine(const Surroundings& around)
    : around_(around),
      structured_(around.context.structured()),
      stack_(std::make_unique<std::array<std::byte, kFrames * kFrameBytes>>()) {}

Machine::~Machine() {
  for (const Record& record : records_) record.ring->discard(record.bytes, 0);
  if (has_cpu_) around_.host.release_cpu(cpu_);
}

std::uint64_t Machine::function_address(std::uint32_t pc) noexcept { return kFunctions + pc; }

const isa::FormInfo& Machine::form(std::uint32_t pc) const {
  return isa::info(static_cast<isa::Form>(isa::find_form(around_.program.insns[pc])));
}

Trace Machine::run(std::size_t most) {
  trace_ = {};
  enter(0, false);
  const Context::Entry entry = around_.context.entry();
  top().r[1] = entry.r1;
  while (!ended_) {
    if (trace_.moments.size() == most) {
      end(Ending::cut_short);
      break;
    }
    note_moment();
    effects_ = {};
    const std::size_t at = trace_.moments.size() - 1;
    step(around_.program.insns[pc_], form(pc_));
    trace_.moments[at].effects = effects_;
  }
  for (const Record& record : records_)
    trace_.left.push_back({reinterpret_cast<std::uint64_t>(record.bytes), record.size});
  return std::move(trace_);
}

void Machine::note_moment() {
  Moment& moment = trace_.moments.emplace_back();
  moment.pc = pc_;
  moment.depth = static_cast<std::uint32_t>(frames_.size());
  for (unsigned i = 0; i < frames_.size(); ++i) {
    moment.called[i] = frames_[i].called;
    moment.registers[i] = frames_[i].r;
  }
  moment.stack_top = stack_top();
  for (unsigned i = 0; i < frames_.size(); ++i) {
    const std::byte* from = stack_->data() + stack_->size() - std::size_t{i + 1} * kFrameBytes;
    moment.stack.insert(moment.stack.end(), from, from + kFrameBytes);
  }
  const bool xdp = structured_.type == ProgType::xdp;
  if (structured_.bytes != 0) {
    constexpr std::uint32_t kXdp[] = {0, 4, 8}, kSkb[] = {76, 80, 140};  // data, data_end, data_meta
    const auto& fields = xdp ? kXdp : kSkb;
    moment.packet = around_.context.load(fields[0], 4).value_or(0);
    moment.packet_end = around_.context.load(fields[1], 4).value_or(0);
    moment.packet_meta = around_.context.load(fields[2], 4).value_or(0);
  }
  for (const Record& record : records_)
    moment.records.push_back({reinterpret_cast<std::uint64_t>(record.bytes), record.size});
  for (const auto& [area, writable] : lent_) moment.lent.push_back(area);
}

void Machine::end(Ending ending, std::string fault) {
  ended_ = true;
  trace_.ending = ending;
  trace_.fault = std::move(fault);
}

void Machine::step(const Insn& insn, const isa::FormInfo& info) {
  switch (info.operands) {
    case Operands::dst_imm:
    case Operands::dst_src:
      return step_alu(insn, info);
    case Operands::dst:
      if (info.operation == Operation::call_) return end(Ending::cut_short);
      return step_alu(insn, info);
    case Operands::dst_src_imm:
      return end(Ending::cut_short);
    case Operands::none:
      effects_.returns = true;
      return leave();
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::compare_imm:
    case Operands::compare_src:
      return step_jump(insn, info);
    case Operands::call_imm:
    case Operands::call_pc:
      return step_call(insn, info);
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
      return step_memory(insn, info);
    case Operands::atomic:
      return step_atomic(insn, info);
    case Operands::lddw:
      return step_constant(insn, info);
    case Operands::packet_abs:
    case Operands::packet_ind:
      return step_packet(insn, info);
  }
}

void Machine::step_alu(const Insn& insn, const isa::FormInfo& info) {
  Registers& r = top().r;
  const bool from_register = info.operands == Operands::dst_src;
  const std::uint64_t right = from_register ? r[insn.src] : wide(insn.imm);
  const bool moves = info.operation == Operation::mov_ || info.operation == Operation::movsx_;
  if (from_register) effects_.reads |= set_of(insn.src);
  if (!moves) effects_.reads |= set_of(insn.dst);
  effects_.writes = set_of(insn.dst);
  if (info.operation == Operation::movsx_)
    r[insn.dst] = cut(wide(cut_signed(right, static_cast<unsigned>(insn.off))), info.width());
  else
    r[insn.dst] = compute(info.operation, info.width(), r[insn.dst], right);
  ++pc_;
}

void Machine::step_jump(const Insn& insn, const isa::FormInfo& info) {
  const Registers& r = top().r;
  const auto target = static_cast<std::uint32_t>(isa::jump_target(insn, info, pc_));
  bool taken = true;
  if (info.operation == Operation::may_goto_) {
    taken = top().may_goto_left == 0;
    if (!taken) --top().may_goto_left;
  } else if (info.operation != Operation::ja_) {
    effects_.reads = set_of(insn.dst);
    const bool from_register = info.operands == Operands::compare_src;
    if (from_register) effects_.reads |= set_of(insn.src);
    taken = jumps(info.operation, info.width(), r[insn.dst], from_register ? r[insn.src] : wide(insn.imm));
  }
  pc_ = taken ? target : pc_ + 1;
}

void Machine::step_memory(const Insn& insn, const isa::FormInfo& info) {
  Registers& r = top().r;
  const unsigned bytes = info.width() / 8;
  const bool loads = info.operands == Operands::load;
  const unsigned base = loads ? insn.src : insn.dst;
  const std::uint64_t address = r[base] + wide(insn.off);
  effects_.reads = set_of(base);
  if (loads) {
    effects_.writes = set_of(insn.dst);
    std::uint64_t value = 0;
    if (!load(address, bytes, value)) return;
    r[insn.dst] = info.operation == Operation::load_signed_ ? wide(cut_signed(value, 8 * bytes)) : value;
  } else if (info.operands == Operands::store_imm) {
    store(address, bytes, wide(insn.imm));
  } else {
    effects_.reads |= set_of(insn.src);
    store(address, bytes, r[insn.src]);
  }
  ++pc_;
}

void Machine::step_atomic(const Insn& insn, const isa::FormInfo& info) {
  using enum Operation;
  Registers& r = top().r;
  const unsigned bytes = info.width() / 8;
  if (info.operation == load_acquire_ || info.operation == store_release_) {
    const bool loads = info.operation == load_acquire_;
    const std::uint64_t address = r[loads ? insn.src : insn.dst] + wide(insn.off);
    effects_.reads = static_cast<RegisterSet>(set_of(insn.src) | (loads ? 0 : set_of(insn.dst)));
    effects_.writes = loads ? set_of(insn.dst) : RegisterSet{0};
    std::uint64_t value = r[insn.src];
    if (loads ? !load(address, bytes, value) : (store(address, bytes, value), ended_)) return;
    if (loads) r[insn.dst] = value;
    ++pc_;
    return;
  }
  const std::uint64_t address = r[insn.dst] + wide(insn.off);
  const bool compares = info.operation == atomic_cmpxchg_;
  const bool fetches = info.operation == atomic_fetch_add_ || info.operation == atomic_fetch_or_ ||
                       info.operation == atomic_fetch_and_ || info.operation == atomic_fetch_xor_ ||
                       info.operation == atomic_xchg_;
  effects_.reads = static_cast<RegisterSet>(set_of(insn.src) | set_of(insn.dst) | (compares ? set_of(0) : 0));
  if (compares) effects_.writes = set_of(0);
  if (fetches) effects_.writes = set_of(insn.src);
  if (address % bytes != 0) return end(Ending::faulted, fmt::format("atomic access to {:#x} is misaligned", address));
  std::uint64_t old = 0;
  if (!load(address, bytes, old)) return;
  store(address, bytes, exchange(info.operation, old, cut(r[insn.src], 8 * bytes), cut(r[0], 8 * bytes)));
  if (compares) r[0] = old;
  if (fetches) r[insn.src] = old;
  ++pc_;
}

void Machine::step_constant(const Insn& insn, const isa::FormInfo& info) {
  std::uint64_t& dst = top().r[insn.dst];
  const std::int32_t second = around_.program.insns[pc_ + 1].imm;
  const auto index = static_cast<std::uint32_t>(insn.imm);
  effects_.writes = set_of(insn.dst);
  switch (info.operation) {
    case Operation::lddw_imm_:
      dst = index | static_cast<std::uint64_t>(static_cast<std::uint32_t>(second)) << 32;
      break;
    case Operation::lddw_map_:
      dst = reinterpret_cast<std::uint64_t>(around_.maps[index]);
      break;
    case Operation::lddw_map_value_:
      dst = reinterpret_cast<std::uint64_t>(around_.maps[index]->value_areas().front().base) +
            static_cast<std::uint32_t>(second);
      break;
    case Operation::lddw_func_:
      dst = function_address(static_cast<std::uint32_t>(isa::jump_target(insn, info, pc_)));
      break;
    default:  // what only a kernel knows
      return end(Ending::cut_short);
  }
  pc_ += 2;
}

void Machine::step_packet(const Insn& insn, const isa::FormInfo& info) {
  const bool indirect = info.operands == Operands::packet_ind;
  effects_.reads = static_cast<RegisterSet>(set_of(6) | (indirect ? set_of(insn.src) : 0));
  effects_.writes = kCallerSaved;
  const std::uint64_t off = wide(insn.imm) + (indirect ? cut(top().r[insn.src], 32) : 0);
  const unsigned bytes = info.width() / 8;
  std::array<Context::Memory, Context::kMaxMemories> memories;
  const std::size_t count = around_.context.memories(memories);
  if (count == 0 || off > memories[count - 1].bytes || bytes > memories[count - 1].bytes - off) {
    top().r[0] = 0;
    return leave();
  }
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i)
    value = value << 8 | std::to_integer<std::uint64_t>(memories[count - 1].base[off + i]);
  finish_call();
  top().r[0] = value;
}

void Machine::step_call(const Insn& insn, const isa::FormInfo& info) {
  if (info.operands == Operands::call_pc) {
    if (frames_.size() == kFrames) return end(Ending::faulted, "too many frames");
    effects_.writes = kCallerSaved;
    return enter(static_cast<std::uint32_t>(isa::jump_target(insn, info, pc_)), false);
  }
  if (insn.src != 0) return end(Ending::cut_short);
  call_helper(insn);
}

void Machine::call_helper(const Insn& insn) {
  const auto number = static_cast<std::uint32_t>(insn.imm);
  const abi::Helper* helper = abi::find_helper(number, around_.program.type,
                                               static_cast<abi::AttachType>(around_.program.expected_attach_type));
  if (helper == nullptr) return end(Ending::cut_short);
  effects_.writes = kCallerSaved;
  for (unsigned i = 0; i < helper->args.size() && helper->args[i].kind != abi::Arg::none; ++i)
    effects_.reads |= set_of(i + 1);
  Registers& r = top().r;
  if ((helper->effects & abi::calls_back) != 0) {
    if (!top().rounds && !begin_rounds(static_cast<abi::HelperId>(helper->id))) return;
    if (next_round()) return;
    const std::uint64_t result = r[0];
    finish_call();
    top().r[0] = result;
    return;
  }
  if ((helper->effects & abi::tail_calls) != 0) {
    maps::ProgArrayMap* array = helpers::map_of(r[2]).prog_array();
    if (array == nullptr) return end(Ending::faulted, "tail call into no array of programs");
    return end(Ending::cut_short);  // what r0 is when there is no program, no engine has to tell
  }
  const helpers::Builtin code = helpers::builtin(number);
  if (code == nullptr) return end(Ending::cut_short);
  note_arguments(*helper);
  const std::uint64_t result = code(*this, r[1], r[2], r[3], r[4], r[5]);
  finish_call();
  top().r[0] = result;
}

void Machine::finish_call() {
  for (unsigned i = 0; i <= 5; ++i) top().r[i] = kScrambled + i;
  ++pc_;
}

void Machine::note_arguments(const abi::Helper& helper) {
  const Registers& r = top().r;
  const maps::MapStorage* map = nullptr;
  for (unsigned i = 0; i < helper.args.size(); ++i) {
    const abi::ArgSpec& arg = helper.args[i];
    if (arg.kind == abi::Arg::map) map = &helpers::map_of(r[i + 1]);
    const std::uint64_t bytes = bytes_of(arg, map, i + 2 < isa::kRegisters ? r[i + 2] : 0);
    if (bytes == 0) continue;
    note_stack(only_written(arg.kind) ? effects_.stack_writes : effects_.stack_reads, r[i + 1], bytes);
  }
}

bool Machine::begin_rounds(abi::HelperId id) {
  Registers& r = top().r;
  Rounds rounds;
  std::int64_t error = 0;
  if (id == abi::HelperId::loop) {
    rounds.count = cut(r[1], 32);
    if (r[4] != 0) error = -EINVAL;
    if (error == 0 && rounds.count > kMostRounds) error = -E2BIG;
  } else if (id == abi::HelperId::for_each_map_elem) {
    maps::MapStorage& map = helpers::map_of(r[1]);
    rounds.over_elements = true;
    if (r[4] != 0) {
      error = -EINVAL;
    } else {
      const std::int64_t count = map.visit(map.per_cpu() ? cpu() : 0, [&](const std::byte* key, std::byte* value) {
        rounds.elements.emplace_back(key, value);
        return true;
      });
      error = std::min<std::int64_t>(count, 0);
      rounds.count = rounds.elements.size();
    }
  } else {
    end(Ending::cut_short);
    return false;
  }
  if (error < 0) {
    finish_call();
    top().r[0] = wide(error);
    return false;
  }
  top().rounds = std::move(rounds);
  return true;
}

bool Machine::next_round() {
  Frame& caller = top();
  Rounds& rounds = *caller.rounds;
  if (rounds.stopped || rounds.done == rounds.count) {
    caller.r[0] = rounds.done;
    caller.rounds.reset();
    return false;
  }
  const std::uint64_t function = caller.r[2], data = caller.r[3], map = caller.r[1];
  const std::uint64_t round = rounds.done;
  if (frames_.size() == kFrames) return end(Ending::faulted, "too many frames"), true;
  const bool over_elements = rounds.over_elements;
  const auto element = over_elements ? rounds.elements[round] : std::pair<const std::byte*, std::byte*>{};
  enter(static_cast<std::uint32_t>(function - kFunctions), true);
  Registers& r = top().r;
  if (!over_elements) {
    r[1] = round;
    r[2] = data;
    return true;
  }
  (void)lend(element.first, helpers::map_of(map).spec().key_size, false);
  r[1] = map;
  r[2] = reinterpret_cast<std::uint64_t>(element.first);
  r[3] = reinterpret_cast<std::uint64_t>(element.second);
  r[4] = data;
  return true;
}

void Machine::enter(std::uint32_t pc, bool callback) {
  Frame frame;
  frame.called = {pc, pc_, callback};
  frame.r.fill(kScrambled);
  const auto depth = static_cast<unsigned>(frames_.size());
  if (depth != 0 && !callback) {
    for (unsigned i = 1; i <= 5; ++i) frame.r[i] = top().r[i];
    for (unsigned i = 0; i <= 5; ++i) top().r[i] = kScrambled + i;
  }
  frame.r[isa::kFramePointer] = stack_top() - std::uint64_t{depth} * kFrameBytes;
  std::memset(reinterpret_cast<void*>(frame.r[isa::kFramePointer] - kFrameBytes), 0, kFrameBytes);
  frames_.push_back(std::move(frame));
  pc_ = pc;
}

void Machine::leave() {
  const std::uint64_t result = top().r[0];
  if (frames_.size() == 1) return end(Ending::finished);
  const Called called = top().called;
  frames_.pop_back();
  pc_ = called.call_pc;
  if (!called.callback) {
    finish_call();
    top().r[0] = result;
    return;
  }
  Rounds& rounds = *top().rounds;
  ++rounds.done;
  rounds.stopped = result != 0;
  if (rounds.over_elements) unlend();
}

unsigned Machine::cpu() noexcept {
  if (!has_cpu_) cpu_ = around_.host.acquire_cpu();
  has_cpu_ = true;
  return cpu_;
}

Area Machine::region_around(std::uint64_t address, Touch touch) const {
  const auto inside = [address](std::uint64_t base, std::uint64_t bytes) { return address - base < bytes; };
  const std::uint64_t stack_bytes = frames_.size() * std::uint64_t{kFrameBytes};
  if (inside(stack_top() - stack_bytes, stack_bytes)) return {stack_top() - stack_bytes, stack_bytes};
  std::array<Context::Memory, Context::kMaxMemories> memories;
  const std::size_t count = around_.context.memories(memories);
  for (std::size_t i = 0; i < count; ++i) {
    const auto base = reinterpret_cast<std::uint64_t>(memories[i].base);
    if (inside(base, memories[i].bytes) && (touch == Touch::read || memories[i].writable))
      return {base, memories[i].bytes};
  }
  for (const Record& record : records_) {
    const auto base = reinterpret_cast<std::uint64_t>(record.bytes);
    if (inside(base, record.size)) return {base, record.size};
  }
  for (const auto& [area, writable] : lent_)
    if (inside(area.address, area.bytes) && (touch == Touch::read || writable)) return area;
  const auto of_map = [&](const maps::MapStorage& map) -> Area {
    for (const maps::ValueArea& area : map.value_areas()) {
      const auto base = reinterpret_cast<std::uint64_t>(area.base);
      if (!inside(base, area.bytes) || !(touch == Touch::read ? area.readable : area.writable)) continue;
      return {base + (address - base) / area.stride * area.stride, area.value_size};
    }
    return {};
  };
  for (const maps::MapStorage* map : around_.maps)
    if (const Area area = of_map(*map); area.bytes != 0) return area;
  for (const auto& map : held_maps_)
    if (const Area area = of_map(*map); area.bytes != 0) return area;
  return {};
}

bool Machine::allow(std::uint64_t address, unsigned bytes, Touch touch) {
  const Area area = region_around(address, touch);
  note_touched({address, bytes}, area);
  if (address - area.address < area.bytes && area.bytes - (address - area.address) >= bytes) return true;
  end(Ending::faulted, fmt::format("insn {}: {} {} bytes at {:#x}, where there is nothing", pc_,
                                   touch == Touch::read ? "reads" : "writes", bytes, address));
  return false;
}

bool Machine::load(std::uint64_t address, unsigned bytes, std::uint64_t& value) {
  value = 0;
  if (address - structured_.address < structured_.bytes) {
    note_touched({address, bytes}, {structured_.address, structured_.bytes});
    const auto field = around_.context.load(static_cast<std::uint32_t>(address - structured_.address), bytes);
    if (!field) end(Ending::faulted, fmt::format("insn {}: no such field of the context", pc_));
    value = field.value_or(0);
    return field.has_value();
  }
  if (!allow(address, bytes, Touch::read)) return false;
  note_stack(effects_.stack_reads, address, bytes);
  std::memcpy(&value, reinterpret_cast<const void*>(address), bytes);
  return true;
}

void Machine::store(std::uint64_t address, unsigned bytes, std::uint64_t value) {
  if (address - structured_.address < structured_.bytes) {
    note_touched({address, bytes}, {structured_.address, structured_.bytes});
    if (!around_.context.store(static_cast<std::uint32_t>(address - structured_.address), bytes, value))
      end(Ending::faulted, fmt::format("insn {}: no such field of the context", pc_));
    return;
  }
  if (!allow(address, bytes, Touch::write)) return;
  note_stack(effects_.stack_writes, address, bytes);
  std::memcpy(reinterpret_cast<void*>(address), &value, bytes);
}

void Machine::note_touched(Area bytes, Area object) {
  effects_.touched = bytes;
  effects_.object = object;
}

void Machine::note_stack(std::array<Area, 5>& areas, std::uint64_t address, std::uint64_t bytes) const {
  if (address >= stack_top() || address < stack_top() - kFrames * std::uint64_t{kFrameBytes}) return;
  const auto place = std::find_if(areas.begin(), areas.end(), [](const Area& area) { return area.bytes == 0; });
  if (place != areas.end()) *place = {address, bytes};
}

const std::byte* Machine::readable(std::uint64_t address, std::uint64_t size) noexcept {
  const Area area = region_around(address, Touch::read);
  const bool fits = address - area.address < area.bytes && area.bytes - (address - area.address) >= size;
  return fits ? reinterpret_cast<const std::byte*>(address) : nullptr;
}

std::byte* Machine::writable(std::uint64_t address, std::uint64_t size) noexcept {
  const Area area = region_around(address, Touch::write);
  const bool fits = address - area.address < area.bytes && area.bytes - (address - area.address) >= size;
  return fits ? reinterpret_cast<std::byte*>(address) : nullptr;
}

std::uint64_t Machine::readable_room(std::uint64_t address) noexcept {
  const Area area = region_around(address, Touch::read);
  return area.bytes == 0 ? 0 : area.bytes - (address - area.address);
}

bool Machine::hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t size) noexcept {
  if (records_.size() == kMostRecords) return false;
  records_.push_back({&ring, record, size});
  return true;
}

maps::RingBufferMap* Machine::release_record(std::byte* record) noexcept {
  const auto found =
      std::find_if(records_.begin(), records_.end(), [record](const Record& held) { return held.bytes == record; });
  if (found == records_.end()) return nullptr;
  maps::RingBufferMap* ring = found->ring;
  records_.erase(found);
  return ring;
}

bool Machine::hold_map(std::shared_ptr<maps::MapStorage> map) noexcept {
  held_maps_.push_back(std::move(map));
  return true;
}

bool Machine::lend(const std::byte* base, std::uint64_t size, bool writable) noexcept {
  lent_.push_back({{reinterpret_cast<std::uint64_t>(base), size}, writable});
  return true;
}

}  // namespace skep::soundness
