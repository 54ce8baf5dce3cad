// Sums in one form each: no part with factor 0, the lower half of one atom that has no upper half is the atom itself.
#include "encoding/terms.hpp"

#include <algorithm>
#include <bit>

namespace skep::encoding {
namespace {

constexpr std::uint64_t kLow = 0xffffffff;
constexpr std::uint64_t mask_of(unsigned width) { return width == 64 ? ~std::uint64_t{0} : kLow; }

constexpr std::uint64_t mixed(std::uint64_t hash, std::uint64_t with) {
  hash = (hash ^ with) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 29;
}

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
  clear();
}

void Terms::clear() {
  atoms_.resize(kRegisters);
  sums_.resize(kRegisters);
  joins_bytes_ = false;
  atom_places_.clear();
  sum_places_.clear();
}

void Terms::Places::clear() {
  constexpr std::size_t kMostKept = 1024;
  if (count_ == 0 && !places_.empty()) return;
  places_.assign(kMostKept, {});
  count_ = 0;
}

void Terms::Places::grow() {
  std::vector<Place> before(2 * places_.size());
  before.swap(places_);
  for (const Place& place : before) {
    if (!place.taken) continue;
    std::size_t at = place.hash & (places_.size() - 1);
    while (places_[at].taken) at = after(at);
    places_[at] = place;
  }
}

template <class IsIt>
std::uint32_t Terms::Places::find(std::uint64_t hash, std::uint32_t next, const IsIt& is_it) {
  if (2 * count_ >= places_.size()) grow();
  std::size_t at = hash & (places_.size() - 1);
  for (; places_[at].taken; at = after(at))
    if (places_[at].hash == hash && is_it(places_[at].thing)) return places_[at].thing;
  places_[at] = {hash, next, true};
  ++count_;
  return next;
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
  if (sum.low && bytes_of(sum)) sum.low = false;
  if (const Atom* atom = only_atom(sum)) {
    const bool is_upper_half = atom->name == "rsh" && atom->of.size() == 1 && atom->extra >= 32;
    if (atom->width == 32 || is_upper_half) sum.low = false;
    if (!sum.low && atom->name == "low") return atom->of[0];
  }
  if (sum.parts.size() == 1 && sum.parts[0].first < kRegisters && sum.parts[0].second == 1 && sum.number == 0 &&
      !sum.low)
    return initial(sum.parts[0].first);
  std::uint64_t hash = mixed(sum.number, sum.low ? 1 : 2);
  for (const auto& [atom, factor] : sum.parts) hash = mixed(mixed(hash, atom), factor);
  const auto next = static_cast<std::uint32_t>(sums_.size());
  const Term term = sum_places_.find(hash, next, [&](std::uint32_t known) { return sums_[known] == sum; });
  if (term == next) sums_.push_back(std::move(sum));
  return term;
}

std::uint32_t Terms::intern_atom(Atom atom) {
  std::uint64_t hash = mixed(mixed(atom.extra, atom.width), atom.name.size());
  for (const Term of : atom.of) hash = mixed(hash, of);
  const auto next = static_cast<std::uint32_t>(atoms_.size());
  const std::uint32_t index = atom_places_.find(hash, next, [&](std::uint32_t known) { return atoms_[known] == atom; });
  if (index == next) atoms_.push_back(std::move(atom));
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

std::optional<Terms::Bytes> Terms::bytes_of(const Sum& sum) const {
  Bytes bytes;
  if (!joins_bytes_ || sum.number != 0) return std::nullopt;
  for (const auto& [atom, factor] : sum.parts) {
    const auto bit = static_cast<unsigned>(std::countr_zero(factor));
    const bool is_byte = atoms_[atom].name == "load" && (atoms_[atom].extra & 0xff) == 1;
    if (!is_byte || !std::has_single_bit(factor) || bit % 8 != 0 || bytes[bit / 8]) return std::nullopt;
    bytes[bit / 8] = atom;
  }
  return bytes;
}

Term Terms::joined(const Bytes& bytes) {
  Sum sum;
  for (unsigned i = 0; i < bytes.size(); ++i)
    if (bytes[i]) add_to(sum, {{{*bytes[i], 1}}, 0, false}, std::uint64_t{1} << 8 * i);
  return intern(std::move(sum));
}

/// Of two that have no byte in common.
std::optional<Term> Terms::joined(unsigned width, Term a, Term b) {
  const auto first = bytes_of(sums_[a]), second = bytes_of(sums_[b]);
  if (!first || !second) return std::nullopt;
  for (unsigned i = 0; i < first->size(); ++i)
    if ((*first)[i] && (*second)[i]) return std::nullopt;
  return add(width, a, b);
}

/// Where the mask keeps whole bytes.
std::optional<Term> Terms::masked_bytes(Term a, std::uint64_t mask) {
  auto bytes = bytes_of(sums_[a]);
  if (!bytes) return std::nullopt;
  for (unsigned i = 0; i < bytes->size(); ++i) {
    const std::uint64_t kept = mask >> 8 * i & 0xff;
    if ((*bytes)[i] && kept != 0 && kept != 0xff) return std::nullopt;
    if (kept == 0) (*bytes)[i].reset();
  }
  return joined(*bytes);
}

Term Terms::swap(unsigned width, Term a) {
  a = cut(width, a);
  auto bytes = bytes_of(sums_[a]);
  if (!bytes) return apply("swap", width, {a});
  std::reverse(bytes->begin(), bytes->begin() + width / 8);
  return joined(*bytes);
}

/// All 64 bits as a sum: a lower half is one atom.
Terms::Sum Terms::whole(Term term) {
  if (!sums_[term].low) return sums_[term];
  return {{{intern_atom({"low", 32, {term}, 0}), 1}}, 0, false};
}

/// Modulo 2^32: what is the lower half of a sum is that sum.
Terms::Sum Terms::half(Term term) {
  Sum all{{}, sums_[term].number, true};
  const auto parts = sums_[term].parts;  // others are made on the way
  for (const auto& [atom, factor] : parts) {
    const auto part = half_of_atom(atom);
    add_to(all, part ? half(*part) : Sum{{{atom, 1}}, 0, true}, factor);
  }
  return all;
}

/// Of what is made of lower halves as far as its own goes.
std::optional<Term> Terms::half_of_atom(std::uint32_t atom) {
  const Atom what = atoms_[atom];
  if (what.name == "low") return what.of[0];
  if (what.width != 64 || what.of.size() != 2) return std::nullopt;
  if (what.name == "mul") return mul(32, what.of[0], what.of[1]);
  const bool is_logic = what.name == "&" || what.name == "|" || what.name == "^";
  if (!is_logic) return std::nullopt;
  return logic(what.name[0], 32, what.of[0], what.of[1]);
}

Term Terms::low(Term a) { return intern(half(a)); }

Term Terms::add(unsigned width, Term a, Term b) {
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

Term Terms::mul_high(bool is_signed, Term a, Term b) {
  const auto [first, second] = std::minmax({a, b});
  return apply(is_signed ? "smul_high" : "mul_high", 64, {first, second});
}

Term Terms::logic(char operation, unsigned width, Term a, Term b) {
  a = cut(width, a);
  b = cut(width, b);
  if (value(a)) std::swap(a, b);
  if (operation != '&')
    if (const auto rotated = rotation(width, a, b)) return *rotated;
  if (operation != '&')
    if (const auto both = joined(width, a, b)) return *both;
  if (a == b) return operation == '^' ? constant(0) : a;
  if (const auto number = value(b)) {
    const std::uint64_t ones = mask_of(width);
    if (const auto other = value(a))
      return constant(operation == '&' ? *other & *number : operation == '|' ? *other | *number : *other ^ *number);
    if (*number == 0) return operation == '&' ? b : a;
    if (*number == ones && operation != '^') return operation == '&' ? a : b;
    if (*number == ones) return sub(width, scale(width, a, ones), constant(1));
    if (operation == '&')
      if (const auto kept = masked_bytes(a, *number)) return *kept;
    if (width == 64 && operation == '&' && *number <= kLow) return logic('&', 32, a, b);
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
  if (auto bytes = by % 8 == 0 && operation == "rsh" ? bytes_of(sums_[a]) : std::nullopt) {
    std::shift_left(bytes->begin(), bytes->end(), static_cast<std::ptrdiff_t>(by / 8));
    std::fill(bytes->end() - static_cast<std::ptrdiff_t>(by / 8), bytes->end(), std::nullopt);
    return joined(*bytes);
  }
  if (const auto inner = unshifted(width, a, static_cast<unsigned>(by))) {
    const unsigned left = width - static_cast<unsigned>(by);
    if (operation == "arsh") return sign_extend(left, width, *inner);
    return left <= 32 ? zero_extend(left, *inner) : logic('&', 64, *inner, constant((std::uint64_t{1} << left) - 1));
  }
  return apply(operation, width, {a}, by);
}

/// What was shifted to the left by so much, above which nothing is known then.
std::optional<Term> Terms::unshifted(unsigned width, Term a, unsigned by) {
  Sum sum = sums_[a];
  const auto take = [by](std::uint64_t& factor) {
    const bool divides = (factor & ((std::uint64_t{1} << by) - 1)) == 0;
    factor >>= by;
    return divides;
  };
  if (sum.low != (width == 32) || sum.parts.empty() || !take(sum.number)) return std::nullopt;
  for (auto& part : sum.parts)
    if (!take(part.second)) return std::nullopt;
  return intern(std::move(sum));
}

/// The sum of both halves: neither has a bit of the other.
Term Terms::rotate_right(unsigned width, Term a, unsigned by) {
  by %= width;
  if (by == 0) return cut(width, a);
  return add(width, scale(width, a, std::uint64_t{1} << (width - by)), shift("rsh", width, a, constant(by)));
}

/// What "or" and "xor" make of a term shifted to the right by n and of the same one shifted to the left by width - n.
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
    if (is_signed && *by == 1) return a;
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
    if (is_signed && (*by == 1 || *by == mask_of(width))) return constant(0);
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
  return apply("sign_extend", width, {from <= 32 ? low(a) : a}, from);
}

Term Terms::zero_extend(unsigned from, Term a) {
  if (from == 64) return a;
  return from == 32 ? low(a) : logic('&', 32, unmasked(from, a), constant((std::uint64_t{1} << from) - 1));
}

std::pair<Term, std::uint64_t> Terms::apart(Term term) {
  Sum sum = sums_[term];
  const std::uint64_t number = std::exchange(sum.number, 0);
  if (sum.low) return {term, 0};
  return {intern(std::move(sum)), number};
}

std::optional<Terms::Masked> Terms::masked(Term term) const {
  const Atom* atom = only_atom(sums_[term]);
  if (atom == nullptr || atom->name != "&") return std::nullopt;
  if (value(atom->of[0])) return Masked{atom->of[1], atom->of[0], atom->width};
  return Masked{atom->of[0], atom->of[1], atom->width};
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
