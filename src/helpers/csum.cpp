// bpf_csum_diff: Internet checksum arithmetic (RFC 1071) in 32-bit ones' complement, folded to 16 bits at the end.
//
// Sizes are free, as measured on Linux 6.18; its documentation, and older kernels, ask for multiples of 4. The
// representation of zero matters, since programs compare: a ones' complement sum is 0 only when all its terms are 0.
#include <algorithm>
#include <cstring>

#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

constexpr std::uint32_t fold(std::uint64_t sum) noexcept {
  sum = (sum & 0xffffffff) + (sum >> 32);
  return static_cast<std::uint32_t>(sum + (sum >> 32));
}

constexpr std::uint32_t fold_16(std::uint32_t sum) noexcept { return (sum + (sum >> 16 | sum << 16)) >> 16; }

constexpr std::uint32_t add(std::uint32_t a, std::uint32_t b) noexcept { return fold(std::uint64_t{a} + b); }

std::uint32_t sum_of(const std::byte* from, std::uint64_t size, std::uint32_t seed) noexcept {
  std::uint32_t sum = seed;
  for (std::uint64_t at = 0; at < size; at += sizeof(std::uint32_t)) {
    std::uint32_t word = 0;  // zeros follow the last bytes
    std::memcpy(&word, from + at, std::min<std::uint64_t>(sizeof(word), size - at));
    sum = add(sum, word);
  }
  return sum;
}

std::uint64_t csum_diff(Env&, std::uint64_t from, std::uint64_t from_size, std::uint64_t to, std::uint64_t to_size,
                        std::uint64_t seed_value) noexcept {
  const auto seed = static_cast<std::uint32_t>(seed_value);
  if (from_size == 0) return fold_16(sum_of(bytes_at(to), to_size, seed));
  if (to_size == 0) return fold_16(~sum_of(bytes_at(from), from_size, ~seed));
  return fold_16(add(sum_of(bytes_at(to), to_size, seed), ~sum_of(bytes_at(from), from_size, 0)));
}

}  // namespace

std::span<const Row> csum_rows() noexcept {
  static constexpr Row kRows[] = {{abi::HelperId::csum_diff, csum_diff}};
  return kRows;
}

}  // namespace skep::helpers
