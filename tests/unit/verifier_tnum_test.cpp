// Tnum operators against enumeration: every pair of tnums at 4 and 6 bits, and samples at 64.
#include "verifier/domain/tnum.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace skep::verifier {
namespace {

template <unsigned kBits>
std::vector<BasicTnum<kBits>> all_tnums() {
  std::vector<BasicTnum<kBits>> tnums;
  for (std::uint64_t mask = 0; mask <= BasicTnum<kBits>::kAll; ++mask)
    for (std::uint64_t value = 0; value <= BasicTnum<kBits>::kAll; ++value)
      if ((value & mask) == 0) tnums.push_back({value, mask});
  return tnums;
}

/// Calls `visit` for each contained value.
template <unsigned kBits, typename Visit>
void for_each_value(BasicTnum<kBits> tnum, Visit&& visit) {
  for (std::uint64_t part = tnum.mask;; part = (part - 1) & tnum.mask) {
    visit(tnum.value | part);
    if (part == 0) return;
  }
}

/// Collects values into the smallest tnum that contains them.
template <unsigned kBits>
struct Hull {
  std::uint64_t all_ones = BasicTnum<kBits>::kAll;
  std::uint64_t some_one = 0;

  void include(std::uint64_t value) {
    all_ones &= value;
    some_one |= value;
  }
  [[nodiscard]] BasicTnum<kBits> tnum() const { return {all_ones, some_one & ~all_ones}; }
};

struct Score {
  std::uint64_t unsound = 0, best = 0, total = 0;

  template <unsigned kBits>
  void count(BasicTnum<kBits> got, BasicTnum<kBits> best_possible) {
    const bool well_formed = (got.value & got.mask) == 0 && got.max() <= got.kAll;
    unsound += well_formed && best_possible.in(got) ? 0 : 1;
    best += got == best_possible ? 1 : 0;
    ++total;
  }
};

template <unsigned kBits>
struct Binary {
  const char* name;
  BasicTnum<kBits> (*abstract)(BasicTnum<kBits>, BasicTnum<kBits>) noexcept;
  std::uint64_t (*concrete)(std::uint64_t, std::uint64_t);
  bool is_best;
};

template <unsigned kBits>
constexpr std::array<Binary<kBits>, 6> kBinary{{
    {"add", add<kBits>, [](std::uint64_t a, std::uint64_t b) { return a + b; }, true},
    {"sub", sub<kBits>, [](std::uint64_t a, std::uint64_t b) { return a - b; }, true},
    {"and", and_<kBits>, [](std::uint64_t a, std::uint64_t b) { return a & b; }, true},
    {"or", or_<kBits>, [](std::uint64_t a, std::uint64_t b) { return a | b; }, true},
    {"xor", xor_<kBits>, [](std::uint64_t a, std::uint64_t b) { return a ^ b; }, true},
    {"mul", mul<kBits>, [](std::uint64_t a, std::uint64_t b) { return a * b; }, false},
}};

template <unsigned kBits>
void check_binary() {
  const auto tnums = all_tnums<kBits>();
  for (const Binary<kBits>& op : kBinary<kBits>) {
    Score score;
    for (const auto a : tnums)
      for (const auto b : tnums) {
        Hull<kBits> hull;
        for_each_value(a, [&](std::uint64_t x) {
          for_each_value(b, [&](std::uint64_t y) { hull.include(op.concrete(x, y) & a.kAll); });
        });
        score.count(op.abstract(a, b), hull.tnum());
      }
    MESSAGE("tnum ", std::string(op.name), ", ", kBits, " bits: best possible in ", score.best, " of ", score.total);
    CHECK_MESSAGE(score.unsound == 0, op.name);
    if (op.is_best) CHECK_MESSAGE(score.best == score.total, op.name);
  }
}

/// Multiplication as published (CGO 2022), which Linux had before 6.18: unknown bits summed apart from known ones.
template <unsigned kBits>
BasicTnum<kBits> published_mul(BasicTnum<kBits> a, BasicTnum<kBits> b) {
  const auto values = BasicTnum<kBits>::constant(a.value * b.value);
  auto masks = BasicTnum<kBits>::constant(0);
  for (; a.max() != 0; a = rsh(a, 1), b = lsh(b, 1))
    if ((a.max() & 1) != 0) masks = add(masks, BasicTnum<kBits>{0, (a.value & 1) != 0 ? b.mask : b.max()});
  return add(values, masks);
}

/// Multiplication as in Linux 6.18: at each bit that may be set, the union of the sums with and without it.
template <unsigned kBits>
BasicTnum<kBits> newer_mul(BasicTnum<kBits> a, BasicTnum<kBits> b) {
  auto sum = BasicTnum<kBits>::constant(0);
  for (; a.max() != 0; a = rsh(a, 1), b = lsh(b, 1)) {
    if ((a.value & 1) != 0) sum = add(sum, b);
    if ((a.mask & 1) != 0) sum = union_(sum, add(sum, b));
  }
  return sum;
}

template <unsigned kBits, typename Abstract, typename Concrete>
Score score_unary(Abstract&& abstract, Concrete&& concrete) {
  Score score;
  for (const auto a : all_tnums<kBits>()) {
    Hull<kBits> hull;
    for_each_value(a, [&](std::uint64_t x) { hull.include(concrete(x) & a.kAll); });
    score.count<kBits>(abstract(a), hull.tnum());
  }
  return score;
}

}  // namespace

TEST_CASE("tnum operators contain every concrete result, and all but mul are the best a tnum can say") {
  check_binary<4>();
  check_binary<6>();
}

TEST_CASE("tnum mul is at least as precise as the one of Linux 6.12 and the one of 6.18") {
  std::uint64_t looser = 0, tighter_than_both = 0, total = 0;
  const auto compare = [&](auto a, auto b) {
    const auto got = mul(a, b), published = published_mul(a, b), newer = newer_mul(a, b);
    looser += got.in(published) && got.in(newer) ? 0 : 1;
    tighter_than_both += got != published && got != newer ? 1 : 0;
    ++total;
  };
  for (const auto a : all_tnums<6>())
    for (const auto b : all_tnums<6>()) compare(a, b);
  std::mt19937_64 random(618);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t mask_a = random() & random() & random(), mask_b = random() & random();
    compare(BasicTnum<64>{random() & ~mask_a, mask_a}, BasicTnum<64>{random() & ~mask_b, mask_b});
  }
  MESSAGE("tnum mul: tighter than both of Linux's in ", tighter_than_both, " of ", total);
  CHECK(looser == 0);
}

TEST_CASE("tnum shifts and negation are the best a tnum can say") {
  constexpr unsigned kBits = 6;
  using Tnum = BasicTnum<kBits>;
  const auto is_best = [](const Score& score) { return score.unsound == 0 && score.best == score.total; };
  CHECK(is_best(score_unary<kBits>([](Tnum a) { return neg(a); }, [](std::uint64_t x) { return 0 - x; })));
  for (unsigned count = 0; count < kBits; ++count) {
    CAPTURE(count);
    CHECK(is_best(
        score_unary<kBits>([=](Tnum a) { return lsh(a, count); }, [=](std::uint64_t x) { return x << count; })));
    CHECK(is_best(
        score_unary<kBits>([=](Tnum a) { return rsh(a, count); }, [=](std::uint64_t x) { return x >> count; })));
    CHECK(is_best(score_unary<kBits>([=](Tnum a) { return arsh(a, count); },
                                     [=](std::uint64_t x) {
                                       const auto top = static_cast<std::int64_t>(x << (64 - kBits));
                                       return static_cast<std::uint64_t>(top >> (64 - kBits) >> count);
                                     })));
    CHECK(is_best(score_unary<kBits>([=](Tnum a) { return a.low(count); },
                                     [=](std::uint64_t x) { return x & ((1u << count) - 1); })));
  }
}

TEST_CASE("tnum sets: in, overlaps, union and intersection are those of the contained values") {
  constexpr unsigned kBits = 4;
  const auto tnums = all_tnums<kBits>();
  const auto set_of = [](BasicTnum<kBits> tnum) {
    std::uint32_t set = 0;
    for_each_value(tnum, [&](std::uint64_t x) { set |= 1u << x; });
    return set;
  };
  for (const auto a : tnums)
    for (const auto b : tnums) {
      const std::uint32_t in_a = set_of(a), in_b = set_of(b);
      Hull<kBits> hull;
      for_each_value(a, [&](std::uint64_t x) { hull.include(x); });
      for_each_value(b, [&](std::uint64_t x) { hull.include(x); });
      REQUIRE(a.in(b) == ((in_a & ~in_b) == 0));
      REQUIRE(a.overlaps(b) == ((in_a & in_b) != 0));
      REQUIRE(union_(a, b) == hull.tnum());
      if (a.overlaps(b)) REQUIRE(set_of(intersect(a, b)) == (in_a & in_b));
      REQUIRE(a.with_subreg(b.subreg()).subreg() == b.subreg());
      REQUIRE((set_of(a) >> (a.value) & 1) == 1);
    }
}

TEST_CASE("at_least finds the smallest contained value that is not below") {
  for (const auto tnum : all_tnums<6>())
    for (std::uint64_t floor = 0; floor <= tnum.max(); ++floor) {
      std::uint64_t expected = floor;
      while (!tnum.contains(expected)) ++expected;
      REQUIRE(tnum.at_least(floor) == expected);
    }
  CHECK(BasicTnum<64>{0, 1ull << 63}.at_least(1) == 1ull << 63);
}

TEST_CASE("a tnum of a range is the smallest around it") {
  for (std::uint64_t low = 0; low < 64; ++low) {
    Hull<6> hull;
    for (std::uint64_t high = low; high < 64; ++high) {
      hull.include(high);
      // Bits in which low and high agree are those of the whole range.
      REQUIRE(BasicTnum<6>::range(low, high) == hull.tnum());
    }
  }
  CHECK(BasicTnum<64>::range(0, ~0ull).is_unknown());
  CHECK(BasicTnum<64>::range(~0ull, ~0ull) == BasicTnum<64>::constant(~0ull));
  CHECK(BasicTnum<64>::range(0x10, 0x1f) == BasicTnum<64>{0x10, 0xf});
}

TEST_CASE("tnum operators contain sampled results at 64 bits") {
  std::mt19937_64 random(20241121);
  for (const Binary<64>& op : kBinary<64>) {
    std::uint64_t unsound = 0;
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t x = random() >> (random() % 64), y = random() >> (random() % 64);
      const std::uint64_t mask_x = random() & random(), mask_y = random() & random();
      const auto result = op.abstract({x & ~mask_x, mask_x}, {y & ~mask_y, mask_y});
      unsound += result.contains(op.concrete(x, y)) ? 0 : 1;
    }
    CHECK_MESSAGE(unsound == 0, op.name);
  }
}

}  // namespace skep::verifier
