// For machines without a backend.
#include "jit/compile.hpp"

namespace skep::jit {

bool available() noexcept { return false; }

Result<std::shared_ptr<const vm::NativeCode>> compile(const lower::Image&, const Options&) {
  return fail(ErrorCode::unsupported, "jit", "there is none for this processor");
}

}  // namespace skep::jit
