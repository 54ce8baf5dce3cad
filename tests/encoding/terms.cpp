// Sums in one form each: no part with factor 0, the lower half of one atom that has no upper half is the atom itself.
#include "encoding/terms.hpp"

#include <algorithm>
#include <bit>

namespace skep::encoding {
namespace {

constexpr std::uint64_t kLow = 0xffffffff;
constexpr std::uint64_t mask_of(unsigned width) { return width == 64 ? ~std::uint64_t{0} : kLow; }

/// A number of `width` bits by its sign.
std::int64_t extended(std::uint64_t value, unsigned width) {
  return static_cast<std::int64_t>(value << (64 - width)) >> (64 - width);
}

}  // namespace

Terms::Terms() {
  for (unsigned i = 0; i < kRegisters; ++i) {
    atoms_.push_back({"initial", 64, {}, i});
    sums_.push_back({{{i, 1}}, 0, false});
  }
}

void Terms::clear() {
  atoms_.resize(kRegisters);
  sums_.resize(kRegisters);
}

std::optional<std::uint64_t> Terms::value(Term term) const {
  const Sum& sum = sums_[term];
  return sum.parts.empty() ? std::optional(sum.number) : std::nullopt;
}

const Terms::Atom* Terms::only_atom(const Sum& sum) const {
  const bool is_one = sum.parts.size() == 1 && sum.parts[0].second == 1 && sum.number == 0;
  return is_one ? &atoms_[sum.parts[0].first] : nullptr;
}

Term Terms::intern(Sum sum) {
  if (sum.low) {
    sum.number &= kLow;
    for (auto& part : sum.parts) part.second &= kLow;
  }
  std::erase_if(sum.parts, [](const auto& part) { return part.second == 0; });
  if (sum.parts.empty()) sum.low = false;
  if (const Atom* atom = only_atom(sum)) {
    if (atom->width == 32) sum.low = false;
    if (!sum.low && atom->name == "low") return atom->of[0];
  }
  const auto known = std::find(sums_.begin(), sums_.end(), sum);
  if (known != sums_.end()) return static_cast<Term>(known - sums_.begin());
  sums_.push_back(std::move(sum));
  return static_cast<Term>(sums_.size() - 1);
}

std::uint32_t Terms::intern_atom(Atom atom) {
  const auto known = std::find(atoms_.begin(), atoms_.end(), atom);
  const auto index = static_cast<std::uint32_t>(known - atoms_.begin());
  if (known == atoms_.end()) atoms_.push_back(std::move(atom));
  return index;
}

Term Terms::apply(std::string_view name, unsigned width, std::vector<Term> of, std::uint64_t extra) {
  return intern({{{intern_atom({name, width, std::move(of), extra}), 1}}, 0, false});
}

void Terms::add_to(Sum& sum, const Sum& other, std::uint64_t by) {
  sum.number += other.number * by;
  for (const auto& [atom, factor] : other.parts) {
    auto place = std::lower_bound(sum.parts.begin(), sum.parts.end(), std::pair{atom, std::uint64_t{0}});
    if (place == sum.parts.end() || place->first != atom) place = sum.parts.insert(place, {atom, 0});
    place->second += factor * by;
  }
}

/// All 64 bits as a sum: a lower half is one atom.
Terms::Sum Terms::whole(Term term) {
  if (!sums_[term].low) return sums_[term];
  return {{{intern_atom({"low", 32, {term}, 0}), 1}}, 0, false};
}

/// Modulo 2^32: what is the lower half of a sum is that sum.
Terms::Sum Terms::half(Term term) const {
  Sum all{{}, sums_[term].number, true};
  for (const auto& [atom, factor] : sums_[term].parts) {
    const bool is_half = atoms_[atom].name == "low";
    add_to(all, is_half ? half(atoms_[atom].of[0]) : Sum{{{atom, 1}}, 0, true}, factor);
  }
  return all;
}

Term Terms::low(Term a) { return intern(half(a)); }

Term Terms::add(unsigned width, Term a, Term b) {
  if (const auto rotated = rotation(width, a, b)) return *rotated;
  Sum sum = width == 64 ? whole(a) : half(a);
  add_to(sum, width == 64 ? whole(b) : half(b), 1);
  return intern(std::move(sum));
}

Term Terms::scale(unsigned width, Term a, std::uint64_t by) {
  Sum sum{{}, 0, width == 32};
  add_to(sum, width == 64 ? whole(a) : half(a), by);
  return intern(std::move(sum));
}

Term Terms::mul(unsigned width, Term a, Term b) {
  if (const auto factor = value(b)) return scale(width, a, *factor);
  if (const auto factor = value(a)) return scale(width, b, *factor);
  const auto [first, second] = std::minmax({cut(width, a), cut(width, b)});
  return apply("mul", width, {first, second});
}

Term Terms::mul_high(Term a, Term b) {
  const auto [first, second] = std::minmax({a, b});
  return apply("mul_high", 64, {first, second});
}

Term Terms::logic(char operation, unsigned width, Term a, Term b) {
  a = cut(width, a);
  b = cut(width, b);
  if (value(a)) std::swap(a, b);
  if (operation != '&')
    if (const auto rotated = rotation(width, a, b)) return *rotated;
  if (a == b) return operation == '^' ? constant(0) : a;
  if (const auto number = value(b)) {
    const std::uint64_t ones = mask_of(width);
    if (const auto other = value(a))
      return constant(operation == '&' ? *other & *number : operation == '|' ? *other | *number : *other ^ *number);
    if (*number == 0) return operation == '&' ? b : a;
    if (*number == ones && operation != '^') return operation == '&' ? a : b;
    if (*number == ones) return sub(width, scale(width, a, ones), constant(1));
  }
  const auto [first, second] = std::minmax({a, b});
  return apply(operation == '&' ? "&" : operation == '|' ? "|" : "^", width, {first, second});
}

Term Terms::shift(std::string_view operation, unsigned width, Term a, Term count) {
  a = cut(width, a);
  const auto fixed = value(count);
  if (!fixed) return apply(operation, width, {a, low(count)});
  const std::uint64_t by = *fixed & (width - 1);
  if (by == 0) return a;
  if (operation == "lsh") return scale(width, a, std::uint64_t{1} << by);
  if (const auto number = value(a)) {
    if (operation == "rsh") return constant(*number >> by);
    return cut(width, constant(static_cast<std::uint64_t>(extended(*number, width) >> by)));
  }
  return apply(operation, width, {a}, by);
}

Term Terms::rotate_right(unsigned width, Term a, unsigned by) {
  return by % width == 0 ? cut(width, a) : apply("rotate_right", width, {cut(width, a)}, by % width);
}

/// The sum of a term shifted to the right by n and of the same one shifted to the left by width - n.
std::optional<Term> Terms::rotation(unsigned width, Term a, Term b) {
  for (const auto& [left, right] : {std::pair{a, b}, std::pair{b, a}}) {
    const Atom* atom = only_atom(sums_[right]);
    if (atom == nullptr || atom->name != "rsh" || atom->width != width || atom->of.size() != 1) continue;
    const Term inner = atom->of[0];
    const auto by = static_cast<unsigned>(atom->extra);
    if (scale(width, inner, std::uint64_t{1} << (width - by)) == cut(width, left))
      return rotate_right(width, inner, by);
  }
  return std::nullopt;
}

Term Terms::divide(bool is_signed, unsigned width, Term a, Term b) {
  a = cut(width, a);
  b = cut(width, b);
  if (const auto by = value(b)) {
    if (*by == 0) return constant(0);
    if (is_signed && *by == mask_of(width)) return scale(width, a, mask_of(width));
    if (!is_signed && std::has_single_bit(*by))
      return shift("rsh", width, a, constant(static_cast<unsigned>(std::countr_zero(*by))));
  }
  return apply(is_signed ? "sdiv" : "div", width, {a, b});
}

Term Terms::remainder(bool is_signed, unsigned width, Term a, Term b) {
  a = cut(width, a);
  b = cut(width, b);
  if (const auto by = value(b)) {
    if (*by == 0) return a;
    if (is_signed && *by == mask_of(width)) return constant(0);
    if (!is_signed && std::has_single_bit(*by)) return logic('&', width, a, constant(*by - 1));
  }
  return apply(is_signed ? "smod" : "mod", width, {a, b});
}

/// The same lowest `bits`, without an "and" that keeps them all.
Term Terms::unmasked(unsigned bits, Term a) const {
  const std::uint64_t kept = (std::uint64_t{1} << bits) - 1;
  const Atom* atom = only_atom(sums_[a]);
  if (atom == nullptr || atom->name != "&") return a;
  for (const auto& [mask, other] : {std::pair{atom->of[0], atom->of[1]}, std::pair{atom->of[1], atom->of[0]}})
    if (const auto number = value(mask); number && (*number & kept) == kept) return other;
  return a;
}

Term Terms::sign_extend(unsigned from, unsigned width, Term a) {
  a = unmasked(from, a);
  if (const auto number = value(a)) return cut(width, constant(static_cast<std::uint64_t>(extended(*number, from))));
  return apply("sign_extend", width, {low(a)}, from);
}

Term Terms::zero_extend(unsigned from, Term a) {
  if (from == 64) return a;
  return from == 32 ? low(a) : logic('&', 32, unmasked(from, a), constant((std::uint64_t{1} << from) - 1));
}

std::string Terms::text(Term term) const {
  const Sum& sum = sums_[term];
  std::string all = sum.low ? "low(" : "";
  for (const auto& [atom, factor] : sum.parts) {
    const Atom& what = atoms_[atom];
    if (factor != 1) all += std::to_string(static_cast<std::int64_t>(factor)) + "*";
    all += std::string(what.name) + std::to_string(what.width) + "(";
    for (const Term of : what.of) all += text(of) + " ";
    all += std::to_string(what.extra) + ") + ";
  }
  return all + std::to_string(static_cast<std::int64_t>(sum.number)) + (sum.low ? ")" : "");
}

}  // namespace skep::encoding
