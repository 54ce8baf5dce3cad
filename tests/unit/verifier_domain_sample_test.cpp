// The scalar domain at its real width, by sampling: scalars are built around numbers, and whatever is computed from the
// numbers must be in what is computed from the scalars. At 8 bits the same, where samples meet more of the corners. And
// that numbers come back from rest as they were.
#include <array>
#include <cstdint>
#include <random>

#include <doctest/doctest.h>

#include "support/scalar_machine.hpp"
#include "verifier/domain/packed_scalar.hpp"
#include "verifier/domain/scalar_alu.hpp"
#include "verifier/domain/scalar_branch.hpp"

namespace skep::verifier {
namespace {

template <unsigned kBits>
constexpr int kSamples = kBits == 64 ? 100'000 : 20'000;

template <unsigned kBits>
class Sampler {
 public:
  using Scalar = BasicScalar<kBits>;

  struct Sample {
    std::uint64_t value = 0;
    Scalar scalar;
  };

  /// Small, large, negative, all over, and at the edges.
  std::uint64_t number() {
    static constexpr std::array<std::uint64_t, 8> kEdges{0, 1, 31, 63, 0x7fffffff, 0x80000000, 1ull << 63, ~0ull >> 1};
    std::uint64_t value = random_() >> (random_() % 64);
    if (random_() % 4 == 0) value = kEdges[random_() % kEdges.size()] + random_() % 3 - 1;
    if (random_() % 4 == 0) value = 0 - value;
    return machine::low(value, kBits);
  }

  Sample sample() {
    Sample sample;
    sample.value = number();
    const std::uint64_t value = sample.value, half = machine::low(value, kBits / 2);
    const std::uint64_t mask = machine::low(random_() % 2 == 0 ? ~0ull : random_() & random_() & random_(), kBits);
    const auto whole_bounds = around<kBits>(value);
    const auto half_bounds = around<kBits / 2>(half);
    sample.scalar = Scalar({value & ~mask, mask}, whole_bounds, half_bounds);
    sample.scalar.sync();
    return sample;
  }
  /// A count that may be too large, or any number.
  Sample count() {
    const std::uint64_t value = random_() % (kBits + 2);
    return random_() % 8 == 0 ? sample() : Sample{value, Scalar::constant(value)};
  }

 private:
  template <unsigned kWidth>
  Bounds<kWidth> around(std::uint64_t value) {
    Bounds<kWidth> bounds;
    const std::int64_t value_signed = machine::signed_of(value, kWidth);
    const auto distance = [&](std::uint64_t max) {
      const std::uint64_t reach = random_() >> (random_() % 64);
      return random_() % 4 == 0 ? 0 : reach < max ? reach : max;
    };
    const auto gap = [](std::int64_t high, std::int64_t low) {
      return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    };
    if (random_() % 2 == 0) bounds.meet_unsigned(value - distance(value), value + distance(bounds.umax - value));
    if (random_() % 2 == 0) {
      const std::uint64_t low = distance(gap(value_signed, bounds.smin)),
                          high = distance(gap(bounds.smax, value_signed));
      bounds.meet_signed(static_cast<std::int64_t>(static_cast<std::uint64_t>(value_signed) - low),
                         static_cast<std::int64_t>(static_cast<std::uint64_t>(value_signed) + high));
    }
    return bounds;
  }

  std::mt19937_64 random_{kBits * 1'000'003};
};

template <unsigned kBits>
void check_alu() {
  Sampler<kBits> sampler;
  for (std::size_t i = 0; i < machine::kAlus.size(); ++i) {
    const Alu op = machine::kAlus[i];
    const bool is_shift = op == Alu::lsh || op == Alu::rsh || op == Alu::arsh;
    std::uint64_t unsound = 0;
    for (int n = 0; n < kSamples<kBits>; ++n) {
      const auto a = sampler.sample();
      const auto b = is_shift ? sampler.count() : sampler.sample();
      const std::uint64_t whole = machine::compute(op, a.value, b.value, kBits);
      const std::uint64_t half = machine::compute(op, a.value, b.value, kBits / 2);
      unsound += machine::contains(alu(op, a.scalar, b.scalar), whole) ? 0 : 1;
      unsound += machine::contains(alu_half(op, a.scalar, b.scalar), half) ? 0 : 1;
    }
    CHECK_MESSAGE(unsound == 0, machine::kAluNames[i], ", ", kBits, " bits");
  }
}

template <unsigned kBits>
void check_conditions() {
  Sampler<kBits> sampler;
  for (std::size_t i = 0; i < machine::kConds.size(); ++i) {
    const Cond cond = machine::kConds[i];
    std::uint64_t wrong = 0;
    for (int n = 0; n < kSamples<kBits>; ++n) {
      const auto a = sampler.sample(), b = sampler.sample();
      for (const bool half : {false, true}) {
        const bool holds = machine::holds(cond, a.value, b.value, half ? kBits / 2 : kBits);
        wrong += decide(cond, a.scalar, b.scalar, half).value_or(holds) == holds ? 0 : 1;
        auto x = a.scalar, y = b.scalar;
        const bool possible = refine(cond, holds, x, y, half);
        wrong += possible && machine::contains(x, a.value) && machine::contains(y, b.value) ? 0 : 1;
      }
    }
    CHECK_MESSAGE(wrong == 0, machine::kCondNames[i], ", ", kBits, " bits");
  }
}

template <unsigned kBits>
void check_extensions() {
  Sampler<kBits> sampler;
  std::uint64_t unsound = 0;
  for (int n = 0; n < kSamples<kBits>; ++n) {
    const auto a = sampler.sample();
    unsound += machine::contains(a.scalar, a.value) ? 0 : 1;
    const unsigned bits = 1 + static_cast<unsigned>(n) % kBits;
    const auto extended = static_cast<std::uint64_t>(machine::signed_of(a.value, bits));
    unsound += machine::contains(zero_extend(a.scalar, bits), machine::low(a.value, bits)) ? 0 : 1;
    unsound += machine::contains(sign_extend(a.scalar, bits), machine::low(extended, kBits)) ? 0 : 1;
    if (bits <= kBits / 2)
      unsound += machine::contains(sign_extend_half(a.scalar, bits), machine::low(extended, kBits / 2)) ? 0 : 1;
  }
  CHECK(unsound == 0);
}

}  // namespace

TEST_CASE("arithmetic contains sampled results at 8 and 64 bits") {
  check_alu<8>();
  check_alu<64>();
}

TEST_CASE("conditions keep sampled numbers at 8 and 64 bits") {
  check_conditions<8>();
  check_conditions<64>();
}

TEST_CASE("scalars contain the numbers they are built around, and extensions keep them") {
  check_extensions<8>();
  check_extensions<64>();
}

TEST_CASE("byte swaps contain sampled results") {
  Sampler<64> sampler;
  std::uint64_t unsound = 0;
  for (int n = 0; n < kSamples<64>; ++n) {
    const auto a = sampler.sample();
    for (const unsigned bits : {16u, 32u, 64u}) {
      std::uint64_t swapped = 0;
      for (unsigned byte = 0; byte < bits / 8; ++byte) swapped = swapped << 8 | (a.value >> (byte * 8) & 0xff);
      unsound += machine::contains(byte_swap(a.scalar, bits), swapped) ? 0 : 1;
    }
  }
  CHECK(unsound == 0);
}

TEST_CASE("scalars made from bounds say what the bounds say") {
  CHECK(Scalar::between(5, 5) == Scalar::constant(5));
  CHECK(Scalar::between_signed(-1, -1) == Scalar::constant(~0ull));
  CHECK(Scalar::between(0, ~0ull) == Scalar::unknown());
  const Scalar byte = Scalar::between(0, 255);
  CHECK(byte.bits == BasicTnum<64>{0, 0xff});
  CHECK(byte.smin == 0);
  CHECK(byte.smax_half == 255);
  const Scalar small = Scalar::between_signed(-4, 3);
  CHECK(small.umax == ~0ull);
  CHECK(small.smin_half == -4);
  CHECK(small.smax_half == 3);
  CHECK(Scalar::unknown().is_unknown());
  CHECK_FALSE(Scalar::between(2, 1).is_consistent());
}

TEST_CASE("a lower half's sign survives the pair of shifts that extends it") {
  Scalar x = Scalar::unknown();
  Scalar zero = Scalar::constant(0), hundred = Scalar::constant(100);
  REQUIRE(refine(Cond::sge, true, x, zero, true));
  REQUIRE(refine(Cond::sle, true, x, hundred, true));
  const Scalar count = Scalar::constant(32);
  const Scalar extended = alu(Alu::arsh, alu(Alu::lsh, x, count), count);
  CHECK(extended.smin == 0);
  CHECK(extended.smax == 100);
}

TEST_CASE("packing a number keeps what is known of it") {
  std::mt19937_64 random(4);
  const auto number = [&] {
    const auto any = static_cast<std::int64_t>(random());
    return any >> (random() % 64);
  };
  std::size_t lost = 0, different = 0;
  for (int i = 0; i < 200'000; ++i) {
    Scalar num = Scalar::unknown();
    for (std::uint64_t steps = random() % 4; steps-- > 0 && !num.is_constant();) {
      Scalar other = Scalar::constant(static_cast<std::uint64_t>(number()));
      Scalar refined = num;
      const auto cond = static_cast<Cond>(random() % 11);
      if (refine(cond, (random() & 1) != 0, refined, other, (random() & 1) != 0) && refined.is_consistent())
        num = refined;
    }
    PackedWhole whole;
    PackedHalf half;
    pack(num, whole, half);
    const Scalar back = unpack(whole, half);
    if (!num.within(back)) ++lost;
    if (back != num) ++different;
  }
  CHECK(lost == 0);
  CHECK(different < 2'000);  // three independent bounds across the sign: rare even where comparisons are random
}

}  // namespace skep::verifier
