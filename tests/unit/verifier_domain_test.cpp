// The scalar domain against enumeration: on machines of 2, 4 and 6 bits every operator is compared with what the
// machine computes from all values that the operands contain.
//
// Sets of values are 64-bit masks, and what is worked out of one operand's set serves all pairs it is in. A result is
// sound when it contains the exact set of results, and best when it is its hull. By default pairs are taken from a
// fixed sample of the abstract values at 4 and 6 bits, and of 4 from all that a single description makes: all tnums
// and all ranges, of the whole and of the half, signed and unsigned. SKEP_EXHAUSTIVE=1 takes every one of 4 bits, each
// with each, and of 6 all that a single description makes: a quarter of an hour. (Widths are even: a half is a half.)
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <iterator>
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
constexpr std::uint64_t kSize = std::uint64_t{1} << kBits;  ///< how many values there are
template <unsigned kBits>
constexpr Set kEvery = ~Set{0} >> (64 - kSize<kBits>);

template <unsigned kBits>
Set plain_values_of(const BasicScalar<kBits>& scalar) {
  Set set = 0;
  for (std::uint64_t value = 0; value < kSize<kBits>; ++value)
    if (machine::contains(scalar, value)) set |= single(value);
  return set;
}

/// The numbers of a range that lie in [0, kSize).
template <unsigned kBits>
Set from_to(std::int64_t first, std::int64_t last) {
  constexpr auto kLast = static_cast<std::int64_t>(kSize<kBits>) - 1;
  first = std::max<std::int64_t>(first, 0);
  last = std::min(last, kLast);
  return first > last ? 0 : ~Set{0} >> (63 - last) & ~Set{0} << first;
}

/// Numbers with their sign turned over: signed order as the order of bits, and back.
template <unsigned kBits>
constexpr Set sign_turned(Set set) {
  return (set >> (kSize<kBits> / 2) | set << (kSize<kBits> / 2)) & kEvery<kBits>;
}

template <unsigned kBits>
Set values_of(const Bounds<kBits>& bounds) {
  const auto to_signed = [](std::uint64_t v) { return static_cast<std::int64_t>(std::min<std::uint64_t>(v, 64)); };
  constexpr auto kShift = static_cast<std::int64_t>(kSize<kBits> / 2);
  return from_to<kBits>(to_signed(bounds.umin), to_signed(bounds.umax)) &
         sign_turned<kBits>(from_to<kBits>(bounds.smin + kShift, bounds.smax + kShift));
}

/// plain_values_of by sets.
template <unsigned kBits>
Set values_of(const BasicScalar<kBits>& scalar) {
  static const std::vector<Set> tnums = [] {
    std::vector<Set> sets;
    for (std::uint64_t known = 0; known < kSize<kBits> * kSize<kBits>; ++known) {
      auto scalar = BasicScalar<kBits>::unknown();
      scalar.bits = {known / kSize<kBits>, known % kSize<kBits>};
      sets.push_back(plain_values_of(scalar));
    }
    return sets;
  }();
  if (scalar.bits.value >= kSize<kBits> || scalar.bits.mask >= kSize<kBits>) return 0;
  constexpr Set kHalfStep = kEvery<kBits> / kEvery<kBits / 2>;  // a half's set times this: under all upper halves
  return tnums[scalar.bits.value * kSize<kBits> + scalar.bits.mask] & values_of<kBits>(scalar.whole()) &
         values_of<kBits / 2>(scalar.half()) * kHalfStep;
}

/// The tightest bounds of a set that is not empty.
template <unsigned kBits>
Bounds<kBits> bounds_of(Set set) {
  const auto first = [](Set s) { return std::countr_zero(s); };
  const auto last = [](Set s) { return 63 - std::countl_zero(s); };
  const Set turned = sign_turned<kBits>(set);
  constexpr auto kShift = static_cast<std::int64_t>(kSize<kBits> / 2);
  return {static_cast<std::uint64_t>(first(set)), static_cast<std::uint64_t>(last(set)), first(turned) - kShift,
          last(turned) - kShift};
}

/// The tightest five descriptions of a set that is not empty.
template <unsigned kBits>
BasicScalar<kBits> hull_of(Set set) {
  BasicTnum<kBits> bits;
  Set half = set;
  for (unsigned bit = 0; bit < kBits; ++bit) {
    const Set with_bit = kEvery<kBits> / (single(single(bit)) + 1) << single(bit);
    if ((set & ~with_bit) == 0) bits.value |= single(bit);
    if ((set & with_bit) != 0 && (set & ~with_bit) != 0) bits.mask |= single(bit);
    if (bit >= kBits / 2) half |= half >> single(bit);
  }
  return BasicScalar<kBits>(bits, bounds_of<kBits>(set), bounds_of<kBits / 2>(half & kEvery<kBits / 2>));
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
  for (std::uint64_t value = 0; value < kSize<kBits>; ++value) scalars.push_back(BasicScalar<kBits>::constant(value));
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
    if (!is_exhaustive()) std::ranges::copy(simple_scalars<kBits>(), std::back_inserter(scalars));
    sort_and_unique<kBits>(scalars);
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
    unsound += (exact & ~values_of(got)) != 0 ? 1 : 0;
    best += got == hull_of<kBits>(exact) ? 1 : 0;
    ++total;
  }
  [[nodiscard]] std::string text() const {
    return std::to_string(total) + " results, " +
           std::to_string(100.0 * static_cast<double>(best) / static_cast<double>(std::max<std::uint64_t>(total, 1)))
               .substr(0, 5) +
           " % the best possible";
  }
};

/// What the machine computes on `width` bits, for all pairs.
template <unsigned kBits>
class Results {
 public:
  Results(Alu op, unsigned width) {
    for (std::uint64_t x = 0; x < kSize<kBits>; ++x)
      for (std::uint64_t y = 0; y < kSize<kBits>; ++y)
        results_[x * kSize<kBits> + y] = single(machine::compute(op, x, y, width));
  }
  /// {x op y : y in b}
  [[nodiscard]] Set of(std::uint64_t x, Set b) const {
    Set image = 0;
    for_each_value(b, [&](std::uint64_t y) { image |= results_[x * kSize<kBits> + y]; });
    return image;
  }

 private:
  std::array<Set, kSize<kBits> * kSize<kBits>> results_;
};

/// The sets {x op y : x in A, y in B} for one B and any A, eight elements of A at a time.
template <unsigned kBits>
class Images {
 public:
  Images(const Results<kBits>& results, Set b) {
    for (std::uint64_t x = 0; x < kSize<kBits>; ++x) {
      const Set image = results.of(x, b);
      auto& chunk = chunks_[x / 8];
      const std::size_t added = single(x % 8);
      for (std::size_t set = 0; set < added; ++set) chunk[added | set] = chunk[set] | image;
    }
  }
  [[nodiscard]] Set of(Set a) const {
    Set image = 0;
    for (std::size_t i = 0; i < kChunks; ++i) image |= chunks_[i][a >> (i * 8) & 0xff];
    return image;
  }

 private:
  static constexpr std::size_t kChunks = (kSize<kBits> + 7) / 8;
  std::array<std::array<Set, 256>, kChunks> chunks_{};
};

template <unsigned kBits>
void check_alu() {
  const auto abstracts = operands<kBits>();
  MESSAGE(kBits, " bits: ", abstracts.size(), " abstract values");
  for (std::size_t i = 0; i < machine::kAlus.size(); ++i) {
    const Alu op = machine::kAlus[i];
    const Results<kBits> whole_results(op, kBits), half_results(op, kBits / 2);
    Score whole, half;
    for (const auto& b : abstracts) {
      const Images<kBits> whole_images(whole_results, b.values), half_images(half_results, b.values);
      for (const auto& a : abstracts) {
        whole.count(alu(op, a.scalar, b.scalar), whole_images.of(a.values));
        half.count(alu_half(op, a.scalar, b.scalar), half_images.of(a.values));
      }
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

/// Which values a condition holds for.
template <unsigned kBits>
class Truth {
 public:
  Truth(Cond cond, unsigned width) {
    for (std::uint64_t x = 0; x < kSize<kBits>; ++x)
      for (std::uint64_t y = 0; y < kSize<kBits>; ++y)
        if (machine::holds(cond, x, y, width)) {
          right_[x] |= single(y);
          left_[y] |= single(x);
        }
  }
  /// The values that `x cond y` comes out as `holds` with, for some y in b.
  [[nodiscard]] Set left(bool holds, Set b) const { return united(left_, holds, b); }
  /// The same of y, for some x in a.
  [[nodiscard]] Set right(bool holds, Set a) const { return united(right_, holds, a); }

 private:
  using Sets = std::array<Set, kSize<kBits>>;
  static Set united(const Sets& sets, bool holds, Set others) {
    Set result = 0;
    for_each_value(others, [&](std::uint64_t other) { result |= holds ? sets[other] : ~sets[other]; });
    return result;
  }
  Sets left_{}, right_{};
};

/// What may be of the other side, by whether the condition holds.
using Partners = std::array<Set, 2>;

template <unsigned kBits>
struct BranchScore {
  Score refined;
  std::uint64_t wrong = 0, decided = 0, decidable = 0, missed = 0, loosened = 0;

  void count(Cond cond, bool half, const Abstract<kBits>& a, const Abstract<kBits>& b, const Partners& of_a,
             const Partners& of_b) {
    const Set a_true = a.values & of_b[true], a_false = a.values & of_b[false];
    const Set b_true = b.values & of_a[true], b_false = b.values & of_a[false];
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
      const Cond cond = machine::kConds[i];
      const Truth<kBits> truth(cond, half ? kBits / 2 : kBits);
      std::vector<Partners> right;
      for (const auto& a : abstracts) right.push_back({truth.right(false, a.values), truth.right(true, a.values)});
      BranchScore<kBits> score;
      for (const auto& b : abstracts) {
        const Partners left{truth.left(false, b.values), truth.left(true, b.values)};
        for (std::size_t at = 0; at < abstracts.size(); ++at)
          score.count(cond, half, abstracts[at], b, right[at], left);
      }
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

TEST_CASE("sets of values are what the five descriptions say, and their hulls the tightest that do") {
  std::uint64_t wrong = 0, loose = 0;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto scalar = random_descriptions<6>(random);
    const Set values = plain_values_of(scalar);
    wrong += values_of(scalar) != values ? 1 : 0;
    if (values == 0) continue;
    const auto hull = hull_of<6>(values);
    wrong += (values & ~plain_values_of(hull)) != 0 ? 1 : 0;
    loose += hull.within(scalar) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(loose == 0);
}

TEST_CASE("sync takes away no value, loosens nothing and calls no value a contradiction") {
  SUBCASE("2 bits") { check_sync<2>(); }
  SUBCASE("4 bits") { check_sync<4>(); }
  SUBCASE("6 bits") { check_sync<6>(); }
}

TEST_CASE("arithmetic contains every concrete result") {
  SUBCASE("2 bits") { check_alu<2>(); }
  SUBCASE("4 bits") { check_alu<4>(); }
  SUBCASE("6 bits") { check_alu<6>(); }
}

TEST_CASE("extensions contain every concrete result") {
  SUBCASE("2 bits") { check_extensions<2>(); }
  SUBCASE("4 bits") { check_extensions<4>(); }
  SUBCASE("6 bits") { check_extensions<6>(); }
}

TEST_CASE("conditions are decided only when all values agree, and refined to no less than the values that remain") {
  SUBCASE("2 bits") { check_conditions<2>(); }
  SUBCASE("4 bits") { check_conditions<4>(); }
  SUBCASE("6 bits") { check_conditions<6>(); }
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
