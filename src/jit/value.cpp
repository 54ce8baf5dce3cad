// Arithmetic on values that are not computed yet.
#include "jit/value.hpp"

#include <utility>

namespace skep::jit {

std::optional<Sum> add(const Sum& a, const Sum& b) noexcept {
  const std::int64_t off = std::int64_t{a.off} + b.off;
  if (off != static_cast<std::int32_t>(off)) return std::nullopt;
  struct Term {
    std::uint8_t reg;
    std::uint8_t scale;
  };
  Term terms[4];
  unsigned count = 0;
  for (const Sum* sum : {&a, &b}) {
    if (sum->base != kNoRegister) terms[count++] = {sum->base, 0};
    if (sum->index != kNoRegister) terms[count++] = {sum->index, sum->scale};
  }
  if (count > 2 || (count == 2 && terms[0].scale != 0 && terms[1].scale != 0)) return std::nullopt;
  Sum sum;
  sum.off = static_cast<std::int32_t>(off);
  if (count == 2 && terms[0].scale != 0) std::swap(terms[0], terms[1]);
  for (unsigned i = 0; i < count; ++i) {
    if (sum.base == kNoRegister && terms[i].scale == 0) {
      sum.base = terms[i].reg;
    } else {
      sum.index = terms[i].reg;
      sum.scale = terms[i].scale;
    }
  }
  return sum;
}

}  // namespace skep::jit
