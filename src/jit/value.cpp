// Arithmetic on values that are not computed yet.
#include "jit/value.hpp"

#include "vm/alu.hpp"

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

std::optional<std::uint64_t> fold(isa::Operation operation, unsigned width, std::uint64_t dst,
                                  std::uint64_t src) noexcept {
  switch (operation) {
    using enum isa::Operation;
#define SKEP_FOLD(name) \
  case name:            \
    return width == 64 ? vm::alu<name, 64>(dst, src) : vm::alu<name, 32>(dst, src)
    SKEP_FOLD(add_);
    SKEP_FOLD(sub_);
    SKEP_FOLD(mul_);
    SKEP_FOLD(div_);
    SKEP_FOLD(mod_);
    SKEP_FOLD(sdiv_);
    SKEP_FOLD(smod_);
    SKEP_FOLD(or_);
    SKEP_FOLD(and_);
    SKEP_FOLD(xor_);
    SKEP_FOLD(lsh_);
    SKEP_FOLD(rsh_);
    SKEP_FOLD(arsh_);
    SKEP_FOLD(mov_);
#undef SKEP_FOLD
    default:  // no arithmetic of two operands
      return std::nullopt;
  }
}

}  // namespace skep::jit
