// The scalar domain at the width that programs have.
#include "verifier/domain/scalar.hpp"

#include "verifier/domain/scalar_sync.hpp"

namespace skep::verifier {

template struct BasicScalar<64>;

}  // namespace skep::verifier
