#include "encoding/path.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace skep::encoding {
namespace {

constexpr std::uint64_t kFrameBytes = 512;
constexpr std::uint64_t kLow = 0xffffffff;

/// C's own, which code for arm64 has no business with: x26 to x30.
constexpr unsigned kFirstForeign = kOthers + 26;
constexpr unsigned kLastForeign = kOthers + 30;

struct Opposite {
  std::string_view name;
  std::string_view of;
};
constexpr std::array<Opposite, 6> kOpposites{
    {{"ne", "eq"}, {"ult", "uge"}, {"ule", "ugt"}, {"slt", "sge"}, {"sle", "sgt"}, {"unset", "set"}}};

}  // namespace

Condition make_condition(Terms& terms, std::string_view name, unsigned width, Term a, Term b) {
  Condition condition{std::string(name), width, terms.cut(width, a), terms.cut(width, b), true};
  const auto* opposite =
      std::find_if(kOpposites.begin(), kOpposites.end(), [&](const auto& o) { return o.name == name; });
  if (opposite != kOpposites.end()) {
    condition.name = opposite->of;
    condition.holds = false;
  }
  if (condition.name == "set" && condition.a == condition.b) {
    condition.name = "eq";
    condition.b = terms.constant(0);
    condition.holds = !condition.holds;
  }
  // Whether some bits are all 0 is asked of the bits, and of those only.
  const auto masked = condition.name == "eq" ? terms.masked(condition.a) : std::nullopt;
  if (masked && terms.value(condition.b) == 0)
    condition = {"set", masked->width, masked->value, masked->mask, !condition.holds};
  if (condition.name != "set") return condition;
  if (terms.value(condition.a) || (!terms.value(condition.b) && condition.b < condition.a))
    std::swap(condition.a, condition.b);
  if (const auto mask = terms.value(condition.b); mask && *mask <= kLow) {
    condition.width = 32;
    condition.a = terms.low(condition.a);
  }
  return condition;
}

std::optional<bool> decided(const Terms& terms, const Condition& condition) {
  const auto a = terms.value(condition.a);
  const auto b = terms.value(condition.b);
  const std::uint64_t ones = condition.width == 64 ? ~std::uint64_t{0} : kLow;
  if (!b) return std::nullopt;
  if (condition.name == "eq" && a) return (*a == *b) == condition.holds;
  const bool never = (condition.name == "ugt" && *b == ones) || (condition.name == "sgt" && *b == ones >> 1) ||
                     (condition.name == "set" && *b == 0);
  const bool always = (condition.name == "uge" && *b == 0) || (condition.name == "sge" && *b == ones / 2 + 1);
  return never || always ? std::optional(always == condition.holds) : std::nullopt;
}

Path::Path(Terms& terms) {
  for (unsigned i = 0; i < kRegisters; ++i) regs[i] = terms.initial(i);
  regs[kZero] = terms.constant(0);
  regs[kFrameBottom] = terms.sub(64, regs[kFramePointer], terms.constant(kFrameBytes));
}

Term Path::happen(Terms& terms, Event event) {
  const unsigned width = event.bytes == 8 ? 64 : 32;
  if (event.name == "load") {
    row.reset();
    if (!terms.joins_bytes()) {
      loads.push_back(terms.apply("load", width, {event.address}, std::uint64_t{age} << 8 | event.bytes));
      return loads.back();
    }
    Term all = terms.constant(0);
    for (unsigned i = 0; i < event.bytes; ++i) {
      const Term address = terms.add(64, event.address, terms.constant(i));
      loads.push_back(terms.apply("load", 32, {address}, std::uint64_t{age} << 8 | 1));
      all = terms.add(64, all, terms.scale(64, loads.back(), std::uint64_t{1} << 8 * i));
    }
    return all;
  }
  const auto before = row;
  row.reset();
  if (event.name == "store" && terms.value(event.values[0])) row = terms.apart(event.address).first;
  if (!row || row != before) ++age;
  events.push_back(std::move(event));
  return terms.apply("result", width, {}, events.size());
}

bool same_at_return(const Path& does, const Path& asked) {
  const auto equal = [&](unsigned first, unsigned last) {
    return std::equal(does.regs.begin() + first, does.regs.begin() + last + 1, asked.regs.begin() + first);
  };
  const bool loads_all_asked = std::all_of(does.loads.begin(), does.loads.end(), [&](Term loaded) {
    return std::find(asked.loads.begin(), asked.loads.end(), loaded) != asked.loads.end();
  });
  return equal(0, 0) && equal(6, kFrameBottom) && equal(kFirstForeign, kLastForeign) && loads_all_asked &&
         does.events == asked.events && does.conditions == asked.conditions && does.leads_to == asked.leads_to;
}

void spread_numbers(Terms& terms, Path& path) {
  std::vector<Event> all;
  std::map<std::uint64_t, std::uint8_t> bytes;  // of the row that is gathered, by offset
  Term base = 0;
  const auto end_row = [&] {
    for (const auto& [off, byte] : bytes)
      all.push_back({"store", 1, terms.add(64, base, terms.constant(off)), {terms.constant(byte)}});
    bytes.clear();
  };
  for (Event& event : path.events) {
    const auto number = event.name == "store" ? terms.value(event.values[0]) : std::nullopt;
    const auto [around, off] = terms.apart(event.address);
    if (!number || (!bytes.empty() && around != base)) end_row();
    if (!number) {
      all.push_back(std::move(event));
      continue;
    }
    base = around;
    for (unsigned i = 0; i < event.bytes; ++i) bytes[off + i] = static_cast<std::uint8_t>(*number >> 8 * i);
  }
  end_row();
  path.events = std::move(all);
}

bool same(const Path& one, const Path& other) {
  const auto equal = [&](unsigned first, unsigned last) {
    return std::equal(one.regs.begin() + first, one.regs.begin() + last + 1, other.regs.begin() + first);
  };
  return equal(0, kFrameBottom) && equal(kFirstForeign, kLastForeign) && one.events == other.events &&
         one.loads == other.loads && one.conditions == other.conditions && one.leads_to == other.leads_to;
}

}  // namespace skep::encoding
