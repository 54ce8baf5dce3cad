// The scalar domain at the width that programs have.
#include "verifier/domain/scalar.hpp"

#include "verifier/domain/scalar_alu.hpp"
#include "verifier/domain/scalar_branch.hpp"
#include "verifier/domain/scalar_sync.hpp"

namespace skep::verifier {

template struct BasicScalar<64>;
template Scalar alu(Alu op, const Scalar& a, const Scalar& b) noexcept;
template Scalar alu_half(Alu op, const Scalar& a, const Scalar& b) noexcept;
template Scalar zero_extend(const Scalar& a, unsigned bits) noexcept;
template Scalar sign_extend(const Scalar& a, unsigned bits) noexcept;
template Scalar sign_extend_half(const Scalar& a, unsigned bits) noexcept;
template Scalar byte_swap(const Scalar& a, unsigned bits) noexcept;
template std::optional<bool> decide(Cond cond, const Scalar& a, const Scalar& b, bool half) noexcept;
template bool refine(Cond cond, bool holds, Scalar& a, Scalar& b, bool half) noexcept;

}  // namespace skep::verifier
