// What takes a constant division's place against the processor's own division: done as the plan says it, and run.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <skep/skep.hpp>

#include "jit/division.hpp"

using namespace skep;
using isa::Operation;
using jit::Division;

namespace {

constexpr std::uint64_t cut(std::uint64_t value, unsigned width) { return value & (~std::uint64_t{0} >> (64 - width)); }
constexpr std::int64_t extended(std::uint64_t value, unsigned width) {
  return static_cast<std::int64_t>(value << (64 - width)) >> (64 - width);
}

std::uint64_t quotient(const Division& plan, std::uint64_t n, unsigned width) {
  if (plan.how == Division::How::product) {
    const auto high = static_cast<std::uint64_t>(static_cast<unsigned __int128>(n) * plan.multiplier >> width);
    return (plan.adds ? (cut(n - high, width) >> 1) + high : high) >> plan.shift;
  }
  const std::int64_t number = extended(n, width);
  if (plan.how == Division::How::signed_power) {
    const std::uint64_t power = std::uint64_t{1} << plan.shift;
    const std::int64_t up = (number + static_cast<std::int64_t>(number < 0 ? power - 1 : 0)) >> plan.shift;
    return static_cast<std::uint64_t>(plan.is_negative ? -up : up);
  }
  const auto factor = static_cast<std::int64_t>(plan.multiplier);
  auto high = static_cast<std::int64_t>(static_cast<__int128>(number) * factor >> width);
  if (width == 64 && plan.adds) high = plan.is_negative ? high - number : high + number;
  const std::int64_t down = high >> plan.shift;
  return static_cast<std::uint64_t>(down + (down < 0 ? 1 : 0));
}

std::uint64_t done(const Division& plan, std::uint64_t n, unsigned width) {
  using How = Division::How;
  switch (plan.how) {
    case How::zero:
      return 0;
    case How::copy:
      return n;
    case How::negate:
      return cut(0 - n, width);
    case How::shift:
      return n >> plan.shift;
    case How::mask:
      return n & (plan.divisor - 1);
    case How::signed_power:
    case How::product:
    case How::signed_product:
      break;
  }
  const std::uint64_t result = quotient(plan, n, width);
  return cut(plan.is_modulo ? n - result * plan.divisor : result, width);
}

/// RFC 9669's.
std::uint64_t asked(bool is_signed, bool is_modulo, std::uint64_t n, std::uint64_t d, unsigned width) {
  if (d == 0) return is_modulo ? n : 0;
  if (!is_signed) return is_modulo ? n % d : n / d;
  const std::int64_t number = extended(n, width), by = extended(d, width);
  if (by == -1) return is_modulo ? 0 : cut(0 - n, width);
  return cut(static_cast<std::uint64_t>(is_modulo ? number % by : number / by), width);
}

/// Around multiples of the divisor, the smallest and the largest of them, too.
std::vector<std::uint64_t> dividends(std::uint64_t d, unsigned width) {
  const std::uint64_t half = std::uint64_t{1} << (width - 1), ones = cut(~std::uint64_t{0}, width);
  std::vector<std::uint64_t> all{0, 1, 2, half - 1, half, half + 1, ones, ones - 1};
  if (d == 0) return all;
  for (const std::uint64_t most : {d, half / d * d, ones / d * d, (ones / d - 1) * d, d * (half / d / 3)})
    for (const std::uint64_t off : {0, 1, -1})
      for (const bool opposite : {false, true}) all.push_back(cut(opposite ? 0 - (most + off) : most + off, width));
  return all;
}

std::vector<std::int32_t> divisors() {
  std::vector<std::int32_t> all;
  for (std::int32_t small = -1100; small <= 1100; ++small) all.push_back(small);
  for (unsigned bit = 10; bit < 32; ++bit)
    for (const std::uint32_t off : {0, 1, 2, 3, -1, -2, -3})
      for (const std::uint32_t sign : {1, -1}) all.push_back(static_cast<std::int32_t>(((1u << bit) + off) * sign));
  std::uint32_t state = 1;
  for (int i = 0; i < 4000; ++i) all.push_back(static_cast<std::int32_t>(state = state * 1664525 + 1013904223));
  return all;
}

}  // namespace

TEST_CASE("what takes a constant division's place is that division, for every kind of divisor and dividend") {
  std::uint64_t compared = 0, different = 0;
  for (const std::int32_t imm : divisors())
    for (const Operation operation : {Operation::div_, Operation::mod_, Operation::sdiv_, Operation::smod_})
      for (const unsigned width : {32u, 64u}) {
        const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
        const bool is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
        lower::Shape shape{operation, isa::Operands::dst_imm};
        shape.width = static_cast<std::uint8_t>(width);
        const Division plan = jit::plan_division(shape, imm);
        const std::uint64_t d = cut(static_cast<std::uint64_t>(std::int64_t{imm}), width);
        const std::uint64_t step = cut(is_signed && imm < 0 ? 0 - d : d, width);
        for (const std::uint64_t n : dividends(step, width)) {
          ++compared;
          if (done(plan, n, width) == asked(is_signed, is_modulo, n, d, width)) continue;
          if (++different <= 3)
            MESSAGE(n, is_signed ? " signed" : "", is_modulo ? " % " : " / ", imm, " of ", width, " bits");
        }
      }
  MESSAGE(compared, " divisions compared");
  CHECK(compared > 1'000'000);
  CHECK(different == 0);
}

TEST_CASE("no plan divides, and multipliers are as long as they say") {
  for (const std::int32_t imm : divisors())
    for (const Operation operation : {Operation::div_, Operation::sdiv_})
      for (const unsigned width : {32u, 64u}) {
        lower::Shape shape{operation, isa::Operands::dst_imm};
        shape.width = static_cast<std::uint8_t>(width);
        const Division plan = jit::plan_division(shape, imm);
        CAPTURE(imm);
        CAPTURE(width);
        CHECK(plan.shift < width);
        if (plan.how == Division::How::product && width == 32) CHECK(plan.multiplier <= UINT32_MAX);
        if (plan.how != Division::How::signed_product) continue;
        const auto factor = static_cast<std::int64_t>(plan.multiplier);
        // Without its highest bit, which is left out, it would have the other sign.
        if (width == 32)
          CHECK((factor != static_cast<std::int32_t>(factor)) == plan.adds);
        else
          CHECK((factor < 0) == (plan.adds != plan.is_negative));
      }
}

TEST_CASE("code for constant divisions divides, whichever register holds the dividend") {
  if (!Executable::has_jit()) {
    MESSAGE("SKIP: no JIT for this processor");
    return;
  }
  constexpr std::array<std::uint8_t, 4> kOpcodes{0x34, 0x37, 0x94, 0x97};  // two divisions, two remainders
  constexpr unsigned kRegs = 10;
  std::uint64_t compared = 0, different = 0;
  unsigned dst = 0, asked_for = 0;
  for (const std::int32_t imm : divisors()) {
    const bool is_small = imm >= -20 && imm <= 20;
    if (!is_small && ++asked_for % 9 != 0) continue;  // new code is slow in an emulator
    std::vector<Insn> insns{{0x7b, 10, 1, -8, 0}};
    std::int16_t result = 8;
    for (const std::uint8_t opcode : kOpcodes)
      for (const std::int16_t is_signed : {0, 1}) {
        dst = (dst + 1) % kRegs;
        const auto reg = static_cast<std::uint8_t>(dst & 15), other = static_cast<std::uint8_t>((dst + 1) % kRegs & 15);
        insns.push_back({0x79, reg, 10, -8, 0});
        insns.push_back({0x79, reg, reg, 0, 0});
        insns.push_back({opcode, reg, 0, is_signed, imm});
        insns.push_back({0x79, other, 10, -8, 0});
        insns.push_back({0x7b, other, reg, result, 0});
        result = static_cast<std::int16_t>(result + 8);
      }
    insns.push_back({0xb7, 0, 0, 0, 0});
    insns.push_back({0x95, 0, 0, 0, 0});
    const auto program = Program::from_insns(insns);
    REQUIRE(program);
    const auto executable = Executable::build(*program, {.mode = Mode::unguarded, .engine = Engine::jit});
    REQUIRE_MESSAGE(executable, executable.error().message());
    const auto magnitude = static_cast<std::uint64_t>(imm < 0 ? -std::int64_t{imm} : std::int64_t{imm});
    std::vector<std::uint64_t> all = dividends(magnitude, 64);
    for (const std::uint64_t n : dividends(magnitude, 32)) all.push_back(n | 0xabcd000000000000);
    for (const std::uint64_t n : all) {
      std::array<std::uint64_t, 9> words{n};
      RawContext context{std::as_writable_bytes(std::span(words))};
      REQUIRE(executable->run(context).ok());
      for (unsigned which = 0; which < 8; ++which) {
        const unsigned width = which / 2 % 2 == 0 ? 32 : 64;
        const std::uint64_t d = cut(static_cast<std::uint64_t>(std::int64_t{imm}), width);
        ++compared;
        if (words[1 + which] == asked(which % 2 == 1, which >= 4, cut(n, width), d, width)) continue;
        if (++different <= 3)
          MESSAGE(n, which % 2 == 1 ? " signed" : "", which >= 4 ? " % " : " / ", imm, " of ", width, " bits");
      }
    }
  }
  MESSAGE(compared, " results compared");
  CHECK(compared > 100'000);
  CHECK(different == 0);
}
