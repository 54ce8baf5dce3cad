#include "encoding/proven_bench.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "context/native.hpp"
#include "isa/text.hpp"

namespace skep::encoding {
namespace {

constexpr unsigned kInputs = 4;
constexpr std::uint8_t kLddw = 0x18, kMapValue = 2;
constexpr int kInputWords = 64;  // from the pointer on
constexpr int kOutputs = 8 * kInputWords;
constexpr std::size_t kMostShown = 3;

}  // namespace

Insn insn_of(const isa::FormInfo& row, unsigned dst, unsigned src, int off, std::int32_t imm) {
  Insn made = insn(row.opcode, dst, src, off, imm);
  if (row.src != isa::kAny) made.src = static_cast<std::uint8_t>(row.src & 15);
  if (row.off != isa::kAny) made.off = static_cast<std::int16_t>(row.off);
  if (row.imm != isa::kAny) made.imm = static_cast<std::int32_t>(row.imm);
  return made;
}

void ProvenBench::append_address(std::vector<Insn>& program, unsigned reg, std::uint32_t off) {
  program.push_back(insn(kLddw, reg, kMapValue, 0, 0));
  program.push_back(insn(0, 0, 0, 0, static_cast<std::int32_t>(off)));
}

ProvenBench::ProvenBench(std::uint64_t one_in) : packet_(std::span<const std::byte>{}), one_in_(one_in) {
  constexpr std::uint64_t kMin = std::uint64_t{1} << 63;
  constexpr std::array<std::uint64_t, 17> kEdges{
      0,  1,  ~0ull, kMin,       kMin - 1,           0x80000000, 0x7fffffff, 0xffffffff,        0x100000000,
      31, 32, 63,    0xffffff80, 0xffffffff80000000, 7,          0x8000,     0x1234567890abcdef};
  auto map =
      Map::create({.name = "m", .type = MapType::array, .key_size = 4, .value_size = kValueBytes, .max_entries = 1});
  REQUIRE(map);
  maps_.push_back(*map);
  for (const std::uint32_t bytes : kSmallBytes) {
    map = Map::create(
        {.name = "s", .type = MapType::array, .key_size = 4, .value_size = bytes, .max_entries = kElements});
    REQUIRE(map);
    maps_.push_back(*map);
  }
  for (unsigned i = 0; i < kInputs; ++i) {
    std::vector<std::byte> input(kValueBytes);
    for (std::size_t at = 0; at + 8 <= input.size(); at += 8) {
      const std::size_t word = at / 8;
      // What lies where pointers lead to decides between two places.
      const std::uint64_t value = at == kMiddle ? 8 * i : kEdges[(word * 7 + i * 5) % kEdges.size()];
      std::memcpy(&input[at], &value, sizeof(value));
    }
    inputs_.push_back(std::move(input));
  }
  address_ = find_address();
}

Result<Executable> ProvenBench::built(const std::vector<Insn>& program, ProgType type, Engine engine,
                                      bool keep_map) const {
  const auto made = Program::from_insns(program, type, maps_, "GPL");
  REQUIRE_MESSAGE(made, made.error().message());
  const Verdict verdict = verify(*made);
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain(), "\n", listing(program));
  return Executable::build(*verdict.verified(), {.engine = engine, .keep_code_map = keep_map});
}

/// A program stores it.
std::uint64_t ProvenBench::find_address() const {
  std::vector<Insn> program;
  append_address(program, 1, 0);
  program.push_back(store(1, 0, 1));
  program.push_back(insn(0xb7, 0, 0, 0, 0));
  program.push_back(insn(0x95, 0, 0, 0, 0));
  const auto executable = built(program, ProgType::raw_tracepoint, Engine::interpreter, false);
  REQUIRE_MESSAGE(executable, executable.error().message());
  std::uint64_t argument = 0;
  RawContext context{std::as_writable_bytes(std::span(&argument, 1))};
  REQUIRE(executable->run(context).ok());
  const std::uint32_t key = 0;
  const auto value = maps_[0].lookup(std::as_bytes(std::span(&key, 1)));
  REQUIRE(value);
  std::uint64_t address = 0;
  std::memcpy(&address, value->data(), sizeof(address));
  return address;
}

std::string ProvenBench::listing(const std::vector<Insn>& program) const {
  std::string text;
  for (std::uint32_t pc = 0; pc < program.size(); ++pc)
    text += std::to_string(pc) + ": " + isa::disassemble(program, pc, isa::Style::llvm) + "\n";
  return text;
}

ProvenBench::Outcome ProvenBench::outcome(const Executable& executable, ProgType type,
                                          const std::vector<std::byte>& input) {
  auto* value = reinterpret_cast<std::byte*>(address_);
  std::memcpy(value, input.data(), kValueBytes);
  const auto for_all_small = [&](const auto& visit) {
    for (std::size_t i = 0; i < kSmallBytes.size(); ++i)
      for (std::uint32_t key = 0; key < kElements; ++key)
        visit(maps_[1 + i], std::as_bytes(std::span(&key, 1)), kSmallBytes[i]);
  };
  for_all_small([&](Map& map, std::span<const std::byte> key, std::uint32_t bytes) {
    REQUIRE(map.update(key, std::span(input).subspan(bytes, bytes)));
  });
  packet_.reset(std::span(input).subspan(kMiddle, kPacketBytes));
  std::uint64_t argument = 0;
  RawContext raw{std::as_writable_bytes(std::span(&argument, 1))};
  const RunResult result = executable.run(type == ProgType::xdp ? static_cast<Context&>(packet_) : raw);
  REQUIRE(result.ok());
  std::vector<std::byte> all(value, value + kValueBytes);
  all.insert(all.end(), packet_.frame().begin(), packet_.frame().end());
  for_all_small([&](const Map& map, std::span<const std::byte> key, std::uint32_t) {
    const auto element = map.lookup(key);
    REQUIRE(element);
    all.insert(all.end(), element->begin(), element->end());
  });
  return {result.value, std::move(all)};
}

std::vector<Insn> ProvenBench::resolved(std::vector<Insn> program, ProgType type) const {
  constexpr std::uint8_t kWord = 0x61, kDouble = 0x79;
  for (std::size_t pc = 0; pc < 2 && type == ProgType::xdp; ++pc) {
    const auto field = native_field(type, static_cast<std::uint32_t>(program[pc].off), 4);
    REQUIRE(field);
    program[pc].opcode = field->bytes == 8 ? kDouble : kWord;
    program[pc].off = static_cast<std::int16_t>(field->off);
  }
  for (std::size_t pc = 0; pc + 1 < program.size(); ++pc) {
    Insn& low = program[pc];
    if (low.opcode != kLddw || low.src != kMapValue) continue;
    Insn& high = program[pc + 1];
    const std::uint64_t address = address_ + static_cast<std::uint32_t>(high.imm);
    low = insn(kLddw, low.dst, 0, 0, static_cast<std::int32_t>(address));
    high.imm = static_cast<std::int32_t>(address >> 32);
  }
  return program;
}

void ProvenBench::check(const std::vector<Insn>& program, Look look, ProgType type) {
  if (asked_++ % one_in_ != 0) return;
  const auto slow = built(program, type, Engine::interpreter, false);
  const auto fast = built(program, type, Engine::jit, true);
  REQUIRE_MESSAGE(slow, slow.error().message());
  REQUIRE_MESSAGE(fast, fast.error().message());
  ++programs_;
  for (const auto& input : inputs_) {
    ++runs_;
    if (outcome(*slow, type, input) == outcome(*fast, type, input)) continue;
    if (++different_ <= kMostShown) MESSAGE("engines differ:\n", listing(program));
  }
  const MachineCode& code = *fast->machine_code();
  Built looked_at{resolved(program, type), 0, 0, {code.bytes.begin(), code.bytes.end()}, code.parts, look};
  if (collected_ != nullptr) collected_->push_back(looked_at);
  decoding_.add(std::move(looked_at));
}

bool ProvenBench::agrees() {
  MESSAGE(programs_, " programs, ", runs_, " runs compared, ", different_, " different");
  return decoding_.agrees() && different_ == 0 && programs_ != 0;
}

Batch::Batch(ProvenBench& bench, std::initializer_list<unsigned> named, unsigned most, Look look)
    : bench_(bench), most_(most), look_(look) {
  unsigned first = 3;
  for (const unsigned reg : named) {
    named_ |= static_cast<std::uint16_t>(1u << reg);
    first += reg;
  }
  pointer_ = first % kRegs;
  while ((named_ >> pointer_ & 1) != 0) pointer_ = (pointer_ + 1) % kRegs;
}

void Batch::begin() {
  if (!program_.empty()) return;
  const unsigned other = (pointer_ + 1) % kRegs;
  ProvenBench::append_address(program_, pointer_, ProvenBench::kMiddle);
  put(load(other, pointer_, 0));
  put(insn(0x57, other, 0, 0, 8));
  put(insn(0x0f, pointer_, other, 0, 0));
  put(store(10, ProvenBench::kPointerSlot, pointer_));
  for (unsigned reg = 0; reg < kRegs; ++reg)
    if (reg != pointer_) put(load(reg, pointer_, static_cast<int>(8 * (reg + 1))));
  next_output_ = kOutputs;
}

void Batch::load_named(const But& but) {
  for (unsigned reg = 0; reg < kRegs; ++reg) {
    if (((named_ & ~but.unset) >> reg & 1) == 0) continue;
    if ((but.pointers >> reg & 1) != 0)
      put(load(reg, 10, ProvenBench::kPointerSlot));
    else
      put(load(reg, pointer_, static_cast<int>(8 * (loads_++ * 5 % kInputWords))));
  }
}

void Batch::add(const std::vector<Insn>& piece, But but) {
  begin();
  load_named(but);
  program_.insert(program_.end(), piece.begin(), piece.end());
  for (unsigned reg = 0; reg < kRegs; ++reg) {
    if (((named_ & ~but.hidden) >> reg & 1) == 0) continue;
    put(store(pointer_, next_output_, reg));
    next_output_ += 8;
  }
  if (++pieces_ == most_) flush();
}

void Batch::add_branch(const std::vector<Insn>& piece) {
  begin();
  load_named({});
  program_.insert(program_.end(), piece.begin(), piece.end());
  jumps_.push_back(program_.size() - 1);
  if (++pieces_ == most_) flush();
}

void Batch::flush() {
  if (pieces_ == 0) return;
  for (unsigned reg = 0; reg < kRegs; ++reg) {
    // Registers that no piece names hold what they held.
    if (reg == pointer_ || (named_ >> reg & 1) != 0) continue;
    put(store(pointer_, next_output_, reg));
    next_output_ += 8;
  }
  put(insn(0xb7, 0, 0, 0, 0));
  put(insn(0x95, 0, 0, 0, 0));
  std::int32_t result = 1;
  for (const std::size_t jump : jumps_) {
    program_[jump].off = static_cast<std::int16_t>(program_.size() - jump - 1);
    put(insn(0xb7, 0, 0, 0, result++));
    put(insn(0x95, 0, 0, 0, 0));
  }
  bench_.check(program_, look_);
  program_.clear();
  jumps_.clear();
  pieces_ = 0;
}

}  // namespace skep::encoding
