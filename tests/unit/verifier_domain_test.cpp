// The scalar domain against enumeration: on machines of 2, 4 and 6 bits every operator is compared with what the
// machine computes from all values that the operands contain.
//
// Sets of values are 64-bit masks. The oracle is the hull of the exact set of results: a result is sound when it covers
// the hull, and best when it equals it. By default pairs are taken from a fixed sample of the abstract values at 4 and
// 6 bits; SKEP_EXHAUSTIVE=1 takes every one of 4 bits, and of 6 every one that a single description makes: all tnums
// and all ranges, of the whole and of the half, signed and unsigned, each with each. (Widths are even: a half is a
// half.)
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "support/scalar_machine.hpp"
#include "verifier/domain/scalar_alu.hpp"
#include "verifier/domain/scalar_branch.hpp"

namespace skep::verifier {
namespace {

using Set = std::uint64_t;

constexpr Set single(std::uint64_t value) { return Set{1} << value; }

template <typename Visit>
void for_each_value(Set set, Visit&& visit) {
  for (; set != 0; set &= set - 1) visit(static_cast<std::uint64_t>(std::countr_zero(set)));
}

template <unsigned kBits>
Set values_of(const BasicScalar<kBits>& scalar) {
  Set set = 0;
  for (std::uint64_t value = 0; value < 1u << kBits; ++value)
    if (machine::contains(scalar, value)) set |= single(value);
  return set;
}

/// The tightest five descriptions of a set that is not empty.
template <unsigned kBits>
BasicScalar<kBits> hull_of(Set set) {
  using Scalar = BasicScalar<kBits>;
  std::uint64_t ones = ~std::uint64_t{0}, some = 0;
  Bounds<kBits> whole{~0ull, 0, INT64_MAX, INT64_MIN};
  Bounds<kBits / 2> half{~0ull, 0, INT64_MAX, INT64_MIN};
  const auto include = [](auto& bounds, std::uint64_t value, std::int64_t value_signed) {
    bounds.umin = std::min(bounds.umin, value);
    bounds.umax = std::max(bounds.umax, value);
    bounds.smin = std::min(bounds.smin, value_signed);
    bounds.smax = std::max(bounds.smax, value_signed);
  };
  for_each_value(set, [&](std::uint64_t value) {
    ones &= value;
    some |= value;
    include(whole, value, machine::signed_of(value, kBits));
    include(half, machine::low(value, kBits / 2), machine::signed_of(value, kBits / 2));
  });
  return Scalar({ones, some & ~ones}, whole, half);
}

/// Each description of `wide` contains the one of `hull`.
template <unsigned kBits>
bool covers(const BasicScalar<kBits>& wide, const BasicScalar<kBits>& hull) {
  return wide.umin <= hull.umin && wide.umax >= hull.umax && wide.smin <= hull.smin && wide.smax >= hull.smax &&
         wide.umin_half <= hull.umin_half && wide.umax_half >= hull.umax_half && wide.smin_half <= hull.smin_half &&
         wide.smax_half >= hull.smax_half && (hull.bits.mask & ~wide.bits.mask) == 0 &&
         (hull.bits.value & ~wide.bits.mask) == wide.bits.value;
}

bool is_exhaustive() { return std::getenv("SKEP_EXHAUSTIVE") != nullptr; }

template <unsigned kBits>
struct Abstract {
  BasicScalar<kBits> scalar;
  Set values = 0;
};

template <unsigned kWidth>
std::vector<std::pair<std::uint64_t, std::uint64_t>> all_ranges() {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::uint64_t low = 0; low <= Bounds<kWidth>::kUnsignedMax; ++low)
    for (std::uint64_t high = low; high <= Bounds<kWidth>::kUnsignedMax; ++high) ranges.emplace_back(low, high);
  return ranges;
}

/// Bounds from an unsigned range and one that is shifted by half the width, for the signed bounds.
template <unsigned kWidth>
Bounds<kWidth> bounds_from(std::pair<std::uint64_t, std::uint64_t> range,
                           std::pair<std::uint64_t, std::uint64_t> shifted) {
  const auto shift = [](std::uint64_t v) { return static_cast<std::int64_t>(v) + Bounds<kWidth>::kSignedMin; };
  return {range.first, range.second, shift(shifted.first), shift(shifted.second)};
}

/// Descriptions put together without regard for each other, half of them saying nothing: mostly out of sync, often
/// empty.
template <unsigned kBits>
BasicScalar<kBits> random_descriptions(std::mt19937_64& random) {
  const auto range = [&](std::uint64_t max) {
    if (random() % 2 == 0) return std::pair<std::uint64_t, std::uint64_t>{0, max};
    const std::uint64_t a = random() % (max + 1), b = random() % (max + 1);
    return std::pair{std::min(a, b), std::max(a, b)};
  };
  constexpr std::uint64_t kAll = BasicTnum<kBits>::kAll, kHalfAll = BasicTnum<kBits / 2>::kAll;
  const std::uint64_t mask = random() % 2 == 0 ? kAll : (random() | random()) & kAll;
  const auto whole = range(kAll), whole_signed = range(kAll), half = range(kHalfAll), half_signed = range(kHalfAll);
  return {{random() & kAll & ~mask, mask},
          bounds_from<kBits>(whole, whole_signed),
          bounds_from<kBits / 2>(half, half_signed)};
}

template <unsigned kBits>
void sort_and_unique(std::vector<BasicScalar<kBits>>& scalars) {
  const auto key = [](const BasicScalar<kBits>& s) {
    return std::tuple(s.bits.value, s.bits.mask, s.umin, s.umax, s.smin, s.smax, s.umin_half, s.umax_half, s.smin_half,
                      s.smax_half);
  };
  std::sort(scalars.begin(), scalars.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  scalars.erase(std::unique(scalars.begin(), scalars.end()), scalars.end());
}

/// Every combination of descriptions in sync, each value once. Feasible up to 4 bits.
template <unsigned kBits>
std::vector<BasicScalar<kBits>> all_scalars() {
  std::vector<BasicScalar<kBits>> scalars;
  const auto ranges = all_ranges<kBits>();
  const auto half_ranges = all_ranges<kBits / 2>();
  for (std::uint64_t mask = 0; mask <= BasicTnum<kBits>::kAll; ++mask)
    for (std::uint64_t value = 0; value <= BasicTnum<kBits>::kAll; ++value) {
      if ((mask & value) != 0) continue;
      const std::size_t before = scalars.size();
      for (const auto& range : ranges)
        for (const auto& signed_range : ranges)
          for (const auto& half : half_ranges)
            for (const auto& signed_half : half_ranges) {
              const auto scalar = in_sync<kBits>({value, mask}, bounds_from<kBits>(range, signed_range),
                                                 bounds_from<kBits / 2>(half, signed_half));
              if (scalar.is_consistent() && (scalars.size() == before || scalar != scalars.back()))
                scalars.push_back(scalar);
            }
      if (scalars.size() > 2'000'000) sort_and_unique<kBits>(scalars);
    }
  sort_and_unique<kBits>(scalars);
  return scalars;
}

/// Every value of which one description is told and the others follow.
template <unsigned kBits>
std::vector<BasicScalar<kBits>> simple_scalars() {
  std::vector<BasicScalar<kBits>> scalars;
  const auto unknown = BasicTnum<kBits>::unknown();
  const auto add = [&](BasicTnum<kBits> bits, const Bounds<kBits>& whole, const Bounds<kBits / 2>& half) {
    if (const auto scalar = in_sync<kBits>(bits, whole, half); scalar.is_consistent()) scalars.push_back(scalar);
  };
  for (std::uint64_t mask = 0; mask <= unknown.kAll; ++mask)
    for (std::uint64_t value = 0; value <= unknown.kAll; ++value)
      if ((mask & value) == 0) add({value, mask}, {}, {});
  const auto ranges = all_ranges<kBits>();
  const auto half_ranges = all_ranges<kBits / 2>();
  for (const auto& range : ranges) {
    add(unknown, bounds_from<kBits>(range, ranges[unknown.kAll]), {});
    add(unknown, bounds_from<kBits>(ranges[unknown.kAll], range), {});
  }
  constexpr std::uint64_t kHalfAll = BasicTnum<kBits / 2>::kAll;
  for (const auto& range : half_ranges) {
    add(unknown, {}, bounds_from<kBits / 2>(range, half_ranges[kHalfAll]));
    add(unknown, {}, bounds_from<kBits / 2>(half_ranges[kHalfAll], range));
  }
  sort_and_unique<kBits>(scalars);
  return scalars;
}

template <unsigned kBits>
std::vector<BasicScalar<kBits>> sampled_scalars(std::size_t count) {
  std::mt19937_64 random(kBits);
  std::vector<BasicScalar<kBits>> scalars{BasicScalar<kBits>::unknown()};
  for (std::uint64_t value = 0; value < 1u << kBits; ++value) scalars.push_back(BasicScalar<kBits>::constant(value));
  while (scalars.size() < count) {
    auto scalar = random_descriptions<kBits>(random);
    scalar.sync();
    if (scalar.is_consistent() && !scalar.is_constant()) scalars.push_back(scalar);
    if (scalars.size() == count) sort_and_unique<kBits>(scalars);
  }
  return scalars;
}

/// The abstract values a test is about; empty ones that sync did not find out are left out.
template <unsigned kBits>
std::vector<Abstract<kBits>> operands() {
  std::vector<BasicScalar<kBits>> scalars;
  if constexpr (kBits == 2) {
    scalars = all_scalars<kBits>();
  } else if constexpr (kBits == 4) {
    scalars = is_exhaustive() ? all_scalars<kBits>() : sampled_scalars<kBits>(350);
  } else {
    scalars = is_exhaustive() ? simple_scalars<kBits>() : sampled_scalars<kBits>(230);
  }
  std::vector<Abstract<kBits>> abstracts;
  for (const auto& scalar : scalars)
    if (const Set values = values_of(scalar); values != 0) abstracts.push_back({scalar, values});
  return abstracts;
}

struct Score {
  std::uint64_t unsound = 0, best = 0, total = 0;

  template <unsigned kBits>
  void count(const BasicScalar<kBits>& got, Set exact) {
    const auto hull = hull_of<kBits>(exact);
    unsound += covers(got, hull) ? 0 : 1;
    best += got == hull ? 1 : 0;
    ++total;
  }
  [[nodiscard]] std::string text() const {
    return std::to_string(total) + " results, " +
           std::to_string(100.0 * static_cast<double>(best) / static_cast<double>(std::max<std::uint64_t>(total, 1)))
               .substr(0, 5) +
           " % the best possible";
  }
};

/// The sets {x op y : y in B} for all x and B, eight elements of B at a time.
template <unsigned kBits>
class Images {
 public:
  Images(Alu op, unsigned width) : table_((std::size_t{1} << kBits) * kChunks * 256) {
    for (std::uint64_t x = 0; x < 1u << kBits; ++x)
      for (unsigned chunk = 0; chunk < kChunks; ++chunk)
        for (unsigned set = 1; set < 256; ++set) {
          const std::uint64_t y = chunk * 8 + static_cast<unsigned>(std::countr_zero(set));
          at(x, chunk, set) = at(x, chunk, set & (set - 1));
          if (y < 1u << kBits) at(x, chunk, set) |= single(machine::compute(op, x, y, width));
        }
  }
  [[nodiscard]] Set image(Set a, Set b) {
    Set result = 0;
    for_each_value(a, [&](std::uint64_t x) {
      for (unsigned chunk = 0; chunk < kChunks; ++chunk) result |= at(x, chunk, b >> (chunk * 8) & 0xff);
    });
    return result;
  }

 private:
  static constexpr unsigned kChunks = kBits < 3 ? 1 : (1u << kBits) / 8;
  Set& at(std::uint64_t x, unsigned chunk, std::uint64_t set) { return table_[(x * kChunks + chunk) * 256 + set]; }
  std::vector<Set> table_;
};

template <unsigned kBits>
void check_alu() {
  const auto abstracts = operands<kBits>();
  MESSAGE(kBits, " bits: ", abstracts.size(), " abstract values");
  for (std::size_t i = 0; i < machine::kAlus.size(); ++i) {
    const Alu op = machine::kAlus[i];
    Images<kBits> whole_images(op, kBits), half_images(op, kBits / 2);
    Score whole, half;
    for (const auto& a : abstracts)
      for (const auto& b : abstracts) {
        whole.count(alu(op, a.scalar, b.scalar), whole_images.image(a.values, b.values));
        half.count(alu_half(op, a.scalar, b.scalar), half_images.image(a.values, b.values));
      }
    if (kBits == 6)
      MESSAGE(std::string(machine::kAluNames[i]), ", ", kBits, " bits: ", whole.text(), "; half: ", half.text());
    CHECK_MESSAGE(whole.unsound == 0, machine::kAluNames[i]);
    CHECK_MESSAGE(half.unsound == 0, "half ", machine::kAluNames[i]);
  }
}

template <unsigned kBits>
void check_extensions() {
  Score zero, sign, half_sign;
  for (const auto& a : operands<kBits>()) {
    const auto image = [&](auto&& concrete) {
      Set result = 0;
      for_each_value(a.values, [&](std::uint64_t x) { result |= single(concrete(x)); });
      return result;
    };
    for (unsigned bits = 1; bits <= kBits; ++bits) {
      zero.count(zero_extend(a.scalar, bits), image([=](std::uint64_t x) { return machine::low(x, bits); }));
      const auto signed_low = [bits](std::uint64_t x, unsigned width) {
        return machine::low(static_cast<std::uint64_t>(machine::signed_of(x, bits)), width);
      };
      sign.count(sign_extend(a.scalar, bits), image([=](std::uint64_t x) { return signed_low(x, kBits); }));
      if (bits <= kBits / 2)
        half_sign.count(sign_extend_half(a.scalar, bits),
                        image([=](std::uint64_t x) { return signed_low(x, kBits / 2); }));
    }
  }
  MESSAGE(kBits, " bits: zero ", zero.text(), "; sign ", sign.text(), "; sign of half ", half_sign.text());
  CHECK(zero.unsound == 0);
  CHECK(sign.unsound == 0);
  CHECK(half_sign.unsound == 0);
}

template <unsigned kBits>
struct BranchScore {
  Score refined;
  std::uint64_t wrong = 0, decided = 0, decidable = 0, missed = 0, loosened = 0;

  /// `holding[x]`: the values y for which x cond y holds; `held_by[y]` the other way round.
  void count(Cond cond, bool half, const Abstract<kBits>& a, const Abstract<kBits>& b, const std::vector<Set>& holding,
             const std::vector<Set>& held_by) {
    Set a_true = 0, a_false = 0, b_true = 0, b_false = 0;
    for_each_value(a.values, [&](std::uint64_t x) {
      if ((b.values & holding[x]) != 0) a_true |= single(x);
      if ((b.values & ~holding[x]) != 0) a_false |= single(x);
    });
    for_each_value(b.values, [&](std::uint64_t y) {
      if ((a.values & held_by[y]) != 0) b_true |= single(y);
      if ((a.values & ~held_by[y]) != 0) b_false |= single(y);
    });
    const auto decision = decide(cond, a.scalar, b.scalar, half);
    if (decision && (*decision ? a_false : a_true) != 0) ++wrong;
    decidable += a_true == 0 || a_false == 0 ? 1 : 0;
    decided += decision ? 1 : 0;
    count_refined(cond, true, half, a, b, a_true, b_true, decision != false);
    count_refined(cond, false, half, a, b, a_false, b_false, decision != true);
  }

 private:
  void count_refined(Cond cond, bool holds, bool half, const Abstract<kBits>& a, const Abstract<kBits>& b, Set a_exact,
                     Set b_exact, bool undecided) {
    auto x = a.scalar;
    auto y = b.scalar;
    const bool possible = refine(cond, holds, x, y, half);
    if (!possible) {
      wrong += a_exact != 0 ? 1 : 0;
      return;
    }
    if (!undecided) ++missed;
    if (a_exact == 0) return;
    refined.count(x, a_exact);
    refined.count(y, b_exact);
    const bool forgets = cond == Cond::set && !holds;
    if (!forgets && (!covers(a.scalar, x) || !covers(b.scalar, y))) ++loosened;
  }
};

template <unsigned kBits>
void check_conditions() {
  const auto abstracts = operands<kBits>();
  for (const bool half : {false, true})
    for (std::size_t i = 0; i < machine::kConds.size(); ++i) {
      std::vector<Set> holding(1u << kBits), held_by(1u << kBits);
      for (std::uint64_t x = 0; x < 1u << kBits; ++x)
        for (std::uint64_t y = 0; y < 1u << kBits; ++y)
          if (machine::holds(machine::kConds[i], x, y, half ? kBits / 2 : kBits)) {
            holding[x] |= single(y);
            held_by[y] |= single(x);
          }
      BranchScore<kBits> score;
      for (const auto& a : abstracts)
        for (const auto& b : abstracts) score.count(machine::kConds[i], half, a, b, holding, held_by);
      const std::string name = std::string(half ? "half " : "") + machine::kCondNames[i];
      if (kBits == 6)
        MESSAGE(name, ", ", kBits, " bits: decided ", score.decided, " of ", score.decidable, " decidable; refined ",
                score.refined.text());
      CHECK_MESSAGE(score.wrong == 0, name);
      CHECK_MESSAGE(score.refined.unsound == 0, name);
      CHECK_MESSAGE(score.missed == 0, name);
      CHECK_MESSAGE(score.loosened == 0, name);
    }
}

template <unsigned kBits>
void check_sync() {
  std::mt19937_64 random(kBits + 100);
  std::uint64_t changed_values = 0, loosened = 0, false_alarms = 0, empty = 0, found_empty = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto before = random_descriptions<kBits>(random);
    const Set values = values_of(before);
    auto after = before;
    after.sync();
    empty += values == 0 ? 1 : 0;
    if (!after.is_consistent()) {
      found_empty += values == 0 ? 1 : 0;
      false_alarms += values != 0 ? 1 : 0;
      continue;
    }
    if (values == 0) continue;
    changed_values += values_of(after) != values ? 1 : 0;
    loosened += covers(before, after) ? 0 : 1;
  }
  MESSAGE(kBits, " bits: ", found_empty, " of ", empty, " contradictions found");
  CHECK(changed_values == 0);
  CHECK(loosened == 0);
  CHECK(false_alarms == 0);
}

}  // namespace

TEST_CASE("sync takes away no value, loosens nothing and calls no value a contradiction") {
  check_sync<2>();
  check_sync<4>();
  check_sync<6>();
}

TEST_CASE("arithmetic contains every concrete result") {
  check_alu<2>();
  check_alu<4>();
  check_alu<6>();
}

TEST_CASE("extensions contain every concrete result") {
  check_extensions<2>();
  check_extensions<4>();
  check_extensions<6>();
}

TEST_CASE("conditions are decided only when all values agree, and refined to no less than the values that remain") {
  check_conditions<2>();
  check_conditions<4>();
  check_conditions<6>();
}

TEST_CASE("within and contains are what the five descriptions say") {
  const auto abstracts = operands<4>();
  std::uint64_t wrong = 0;
  for (const auto& a : abstracts) {
    for (std::uint64_t value = 0; value < 16; ++value)
      wrong += a.scalar.contains(value) == (a.values >> value & 1) ? 0 : 1;
    for (const auto& b : abstracts) wrong += a.scalar.within(b.scalar) == covers(b.scalar, a.scalar) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

}  // namespace skep::verifier
