#include "encoding/path.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace skep::encoding {
namespace {

constexpr std::uint64_t kFrameBytes = 512;
constexpr std::uint64_t kPositive = 0x7fffffff;

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
  if (condition.name != "set") return condition;
  if (condition.a == condition.b) {
    condition.name = "eq";
    condition.b = terms.constant(0);
    condition.holds = !condition.holds;
  } else if (const auto mask = terms.value(condition.b); mask && *mask <= kPositive) {
    condition.width = 32;
    condition.a = terms.low(condition.a);
  }
  return condition;
}

Path::Path(Terms& terms) {
  for (unsigned i = 0; i < kRegisters; ++i) regs[i] = terms.initial(i);
  regs[kZero] = terms.constant(0);
  regs[kFrameBottom] = terms.sub(64, regs[kFramePointer], terms.constant(kFrameBytes));
}

Term Path::happen(Terms& terms, Event event) {
  const unsigned width = event.bytes == 8 ? 64 : 32;
  events.push_back(std::move(event));
  return terms.apply("result", width, {}, events.size());
}

bool same(const Path& one, const Path& other) {
  const auto equal = [&](unsigned first, unsigned last) {
    return std::equal(one.regs.begin() + first, one.regs.begin() + last + 1, other.regs.begin() + first);
  };
  return equal(0, kFrameBottom) && equal(kFirstForeign, kLastForeign) && one.events == other.events &&
         one.conditions == other.conditions && one.leads_to == other.leads_to;
}

}  // namespace skep::encoding
