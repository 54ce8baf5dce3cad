// Random numbers, as the host gives them.
#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

std::uint64_t prandom(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return env.host().random_u32();
}

}  // namespace

std::span<const Row> random_rows() noexcept {
  static constexpr Row kRows[] = {{abi::HelperId::get_prandom_u32, prandom}};
  return kRows;
}

}  // namespace skep::helpers
